/** Steps of `npm test`: each runs something, prints how it went and is counted. A failing one ends the run, whatever runs beside it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The repository. */
export const root = join(import.meta.dirname, '..');
/** A folder for everything that a run makes; gone when it ends. */
export const work = mkdtempSync(join(tmpdir(), 'adclick-test-'));

const data = join(root, '..', 'shared', 'data');
const environment: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1', npm_config_loglevel: 'error' };
delete environment.FORCE_COLOR;
if (!environment.ADCLICK_DATA && existsSync(data)) environment.ADCLICK_DATA = data;

let passed = 0;
let failed = 0;

const onWindows = process.platform === 'win32';
/** A program that npm installed. */
export const bin = (name: string) => join(root, 'node_modules', '.bin', onWindows ? `${name}.cmd` : name);
export const npm = onWindows ? 'npm.cmd' : 'npm';
export const npx = onWindows ? 'npx.cmd' : 'npx';

interface RunOptions {
  readonly cwd?: string;
  /** Shows the output as it comes instead of collecting it. */
  readonly live?: boolean;
  /** Variables beside those that every step gets. */
  readonly env?: NodeJS.ProcessEnv;
}

/** What a program wrote. */
export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** Programs that run now. */
const running = new Set<ChildProcess>();

/** Runs a program; throws with the end of its output when it fails. */
export async function execute(
  command: string,
  args: readonly string[],
  { cwd = root, live = false, env = {} }: RunOptions = {},
): Promise<Output> {
  const child = spawn(command, args, {
    cwd,
    env: { ...environment, ...env },
    stdio: ['ignore', live ? 'inherit' : 'pipe', live ? 'inherit' : 'pipe'],
    // Only the wrappers that npm makes need one.
    shell: onWindows && command.endsWith('.cmd'),
  });
  running.add(child);
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = await new Promise<number | string | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(signal ?? code));
  }).finally(() => running.delete(child));
  if (ended !== 0) {
    const said = `${stdout}${stderr}`.split('\n').slice(-60).join('\n');
    throw new Error(`${command} ${args.join(' ')} ended with ${ended}\n${said}`);
  }
  return { stdout, stderr };
}

/** Prints what a program has written, once it has ended: as it comes it would mix with that of others. */
export function show({ stdout, stderr }: Output): void {
  process.stdout.write(stdout);
  process.stderr.write(stderr);
}

/** Runs one step and prints how it went; a failing one ends the run. */
export async function step(name: string, body: () => unknown): Promise<void> {
  const started = Date.now();
  try {
    await body();
  } catch (error) {
    failed++;
    process.stdout.write(`✗ ${name}\n${error instanceof Error ? error.message : String(error)}\n`);
    finish();
  }
  passed++;
  process.stdout.write(`✓ ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`);
}

/** Prints the counts and ends the process. */
export function finish(): never {
  for (const child of running) child.kill();
  rmSync(work, { recursive: true, force: true, maxRetries: 5 });
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exit(failed === 0 ? 0 : 1);
}

export function expect(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** Runs vitest on what was built, and counts its tests. @param files those to run; default: all, whose dots are shown as they come. */
export async function runTests(
  files: readonly string[] = [],
  { node = process.execPath }: { readonly node?: string } = {},
): Promise<void> {
  const report = join(work, 'vitest.json');
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const env = { ADCLICK_CLI: join(root, 'packages/studio/dist/cli.js') };
  try {
    const reporters = ['--reporter=dot', '--reporter=json', `--outputFile.json=${report}`];
    show(await execute(node, [vitest, 'run', ...files, ...reporters], { live: files.length === 0, env }));
  } finally {
    if (existsSync(report)) {
      const counts = JSON.parse(readFileSync(report, 'utf8')) as Record<string, number>;
      passed += counts.numPassedTests ?? 0;
      failed += counts.numFailedTests ?? 0;
      const skipped = counts.numPendingTests ?? 0;
      if (skipped > 0) process.stdout.write(`${skipped} tests were skipped; they say why above\n`);
      rmSync(report);
    }
  }
}
