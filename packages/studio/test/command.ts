/** Runs the command line as a process of its own: from source, or the built one that `ADCLICK_CLI` names, which starts in a third of the time. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url));
/** From source, types are stripped on the way in. */
export const NODE_ARGUMENTS = ['--conditions=@adclick/source', '--import', import.meta.resolve('tsx')];

const built = process.env.ADCLICK_CLI;
/** Program and first arguments of `adclick`. */
export const ADCLICK: readonly [string, ...string[]] = built
  ? [process.execPath, resolve(built)]
  : [process.execPath, ...NODE_ARGUMENTS, CLI];

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Options {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Called with the process once it runs. */
  readonly started?: (child: ReturnType<typeof spawn>) => void;
  /** Blocks of 1024 bytes that a file may have; larger ones fail as on a full disk. */
  readonly fileLimit?: number;
}

/** Runs `adclick` and waits for its end. */
export function adclick(args: readonly string[], { cwd, env, started, fileLimit }: Options = {}): Promise<Ended> {
  const [program, ...first] = ADCLICK;
  const words = [...first, ...args];
  const settings = { cwd, env: { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined, ...env } };
  const child =
    fileLimit === undefined
      ? spawn(program, words, settings)
      : spawn('sh', ['-c', `ulimit -f ${fileLimit}; exec "$0" "$@"`, program, ...words], settings);
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  started?.(child);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** The error code of a run, checked to be the one line that a failure may print. */
export function errorCode({ stderr }: Ended): string | undefined {
  const lines = stderr.trim().split('\n');
  const match = /^(ADC_[A-Z_]+): .+\. .+[.)]$/.exec(lines.at(-1) ?? '');
  return lines.length === 1 ? match?.[1] : undefined;
}
