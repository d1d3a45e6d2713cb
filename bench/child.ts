/** Child processes of the measurements: each prints one JSON object as its last line, and nothing it holds can disturb the next. */
import { spawn } from 'node:child_process';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** This folder. */
export const BENCH = dirname(fileURLToPath(import.meta.url));

/** The repository. */
export const ROOT = dirname(BENCH);

const RUNNER = ['--conditions=@adclick/source', '--import', 'tsx'];

/** Characters kept of a child's messages, to name the reason when it fails. */
const TAIL = 4000;

/** The last line that names an error. */
function reason(messages: string): string {
  const lines = messages.trim().split('\n');
  return (lines.findLast((line) => /Error/.test(line)) ?? lines.at(-1) ?? '').trim();
}

interface ChildOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Seconds before the child is stopped. */
  readonly limit?: number;
}

function run(command: string, args: readonly string[], script: string, options: ChildOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...process.env, ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.limit ? options.limit * 1000 : undefined,
    });
    let output = '';
    let messages = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      process.stderr.write(chunk);
      messages = (messages + chunk).slice(-TAIL);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${basename(script)} ended with ${signal ?? code}: ${reason(messages)}`));
    });
  });
}

function lastObject<Result>(output: string): Result {
  const line = output.trimEnd().split('\n').at(-1) ?? '';
  return JSON.parse(line) as Result;
}

/** Runs one of bench's TypeScript files in a process of its own. @param script path below bench/. */
export async function runScript<Result>(
  script: string,
  args: readonly string[] = [],
  options: ChildOptions = {},
): Promise<Result> {
  return lastObject(await run(process.execPath, [...RUNNER, join(BENCH, script), ...args], script, options));
}

/** Runs one of bench's Python files. @param python interpreter of `findPython`. */
export async function runPython<Result>(
  python: string,
  script: string,
  args: readonly string[] = [],
  options: ChildOptions = {},
): Promise<Result> {
  // No compiled files are left in bench/.
  const environment = { PYTHONDONTWRITEBYTECODE: '1', ...options.environment };
  return lastObject(await run(python, [join(BENCH, script), ...args], script, { ...options, environment }));
}

/** Prints a child's answer with its own peak resident memory. */
export function answer(result: object): void {
  process.stdout.write(`${JSON.stringify({ ...result, peakBytes: process.resourceUsage().maxRSS * 1024 })}\n`);
}

/** A line for the person who waits, on stderr. */
export function say(message: string): void {
  process.stderr.write(`${message}\n`);
}
