/** A place for traced commands: a home, a temporary folder and a project of their own, and the account of what each command did. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Running, type Traced, trace } from '../../packages/studio/test/trace.ts';

export const ROOT = join(import.meta.dirname, '../..');
const CLI = join(ROOT, 'packages/studio/dist/cli.js');
/** No command takes longer, also on a busy machine. */
const PATIENCE_MS = 240_000;

interface WatchOptions {
  /** Exit code; default 0. */
  readonly code?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly meanwhile?: (running: Running) => Promise<void>;
  /** What may stay in the temporary folder; default: nothing. */
  readonly leaves?: RegExp;
  /** What has to be found, for a program that does wrong on purpose. */
  readonly breaches?: readonly RegExp[];
}

export class Box {
  readonly counts = { passed: 0, failed: 0 };
  private readonly home: string;
  private readonly temporary: string;
  /** Where commands are started; it has to stay empty. */
  private readonly here: string;
  /** Holds the project, pictures and results. */
  readonly work: string;

  private constructor(private readonly root: string) {
    [this.home, this.temporary, this.here, this.work] = ['home', 'tmp', 'here', 'work'].map((name) =>
      join(root, name),
    ) as [string, string, string, string];
  }

  static async make(): Promise<Box> {
    const box = new Box(await mkdtemp(join(tmpdir(), 'adclick-offline-')));
    for (const folder of [box.home, box.temporary, box.here, box.work]) await mkdir(folder);
    return box;
  }

  remove(): Promise<void> {
    return rm(this.root, { recursive: true, force: true });
  }

  path(...parts: readonly string[]): string {
    return join(this.work, ...parts);
  }

  /** Runs `adclick`. */
  adclick(name: string, args: readonly string[], options: WatchOptions = {}): Promise<Traced> {
    return this.watch(name, [process.execPath, CLI, ...args], options);
  }

  /** Runs a program, and says whether it did what it may not. */
  async watch(name: string, command: readonly string[], options: WatchOptions = {}): Promise<Traced> {
    const { code = 0, meanwhile, leaves, breaches = [] } = options;
    const started = Date.now();
    // Nothing of the caller's environment: neither a switch that keeps onnxruntime quiet, nor one of a CI, where it is by itself.
    const env = { PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: this.home, TMPDIR: this.temporary, ...options.env };
    const limited = ['timeout', '--foreground', '-k', '5', String(PATIENCE_MS / 1000), ...command];
    const writable = [this.work, this.temporary];
    const traced = await trace(meanwhile ? command : limited, { cwd: this.here, env, writable, meanwhile });
    const wrong = traced.breaches.map(({ what }) => what).filter((what) => !breaches.some((one) => one.test(what)));
    for (const one of breaches)
      if (!traced.breaches.some(({ what }) => one.test(what))) wrong.push(`was not caught: ${one.source}`);
    const left = (await readdir(this.temporary)).filter((file) => !leaves?.test(file));
    wrong.push(...left.map((file) => `left in the temporary folder: ${file}`));
    for (const folder of [this.home, this.here])
      wrong.push(
        ...(await readdir(folder)).filter(() => breaches.length === 0).map((file) => `left: ${join(folder, file)}`),
      );
    if (traced.code !== code) wrong.push(`ended with ${traced.code}, not ${code}: ${traced.stderr.trim().slice(-600)}`);
    for (const folder of [this.home, this.temporary, this.here])
      for (const file of await readdir(folder)) await rm(join(folder, file), { recursive: true });
    this.say(name, wrong, started);
    return traced;
  }

  /** One line, and those of what was wrong. */
  say(name: string, wrong: readonly string[], started = Date.now()): void {
    this.counts[wrong.length === 0 ? 'passed' : 'failed']++;
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    const lines = wrong.map((what) => `    ${what}\n`).join('');
    process.stdout.write(`${wrong.length === 0 ? '✓' : '✗'} ${name} (${seconds} s)\n${lines}`);
  }
}

/** Waits until a text has come. @throws Error after the patience of a command. */
export async function until<T>(look: () => T | undefined | Promise<T | undefined>, what: string): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await new Promise((next) => setTimeout(next, 50))) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
  }
  throw new Error(`${what} did not come`);
}

/** @throws Error where the command is not built. */
export function checkBuilt(): void {
  if (!existsSync(CLI)) throw new Error(`${CLI} is missing: npm run build`);
}
