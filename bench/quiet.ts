/** Waits for a machine on which nothing else runs, so that figures measure the work and not its neighbours. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { say } from './child.ts';

/** Share of idle time that counts as quiet. */
const QUIET = 0.9;
const STAT = '/proc/stat';

async function jiffies(): Promise<{ idle: number; all: number }> {
  const line = (await readFile(STAT, 'utf8')).split('\n', 1)[0];
  const values = line.split(/\s+/).slice(1, 9).map(Number);
  return { idle: values[3] + values[4], all: values.reduce((sum, value) => sum + value, 0) };
}

/**
 * Waits until the machine has been nine tenths idle for a second.
 * @returns false when that did not happen within `limit` seconds; undefined where the system cannot tell.
 */
export async function waitForQuiet(limit: number): Promise<boolean | undefined> {
  if (!existsSync(STAT)) return undefined;
  const end = Date.now() + limit * 1000;
  do {
    const before = await jiffies();
    await sleep(1000);
    const after = await jiffies();
    if ((after.idle - before.idle) / (after.all - before.all) > QUIET) return true;
  } while (Date.now() < end);
  return false;
}

/** The waiting of a whole run: all its measurements share one budget of seconds. */
export class QuietRun {
  /** Whether the machine was quiet for all measurements so far; null where the system cannot tell. */
  quiet: boolean | null = null;

  /** @param patience seconds that all waiting may take together. */
  constructor(private patience: number) {}

  /** Waits for a quiet machine, then measures. */
  async measured<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
    const start = Date.now();
    const calm = await waitForQuiet(this.patience);
    this.patience = Math.max(0, this.patience - (Date.now() - start) / 1000);
    if (calm !== undefined) this.quiet = (this.quiet ?? true) && calm;
    say(`${what}${calm === false ? ' (the machine is busy: figures are too high)' : ''}`);
    return work();
  }
}
