/** Watching folders for pictures: new ones are given out once they are whole, and each only once, whatever it is called. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Finder, type FoundPicture } from '../project/finding.ts';

export interface WatchOptions {
  /** Milliseconds between two looks; a file is whole when nothing about it changed from one to the next. Default 500; one that pauses for longer is given out, and again when it goes on growing. */
  readonly interval?: number;
  /** Ends the watching. */
  readonly signal: AbortSignal;
}

const INTERVAL_MS = 500;

/**
 * Paths of pictures that appear in folders, or change, from now on; those that are there already count as known. Looking again and
 * again works on network drives too, where changes are not announced. Ends when the signal is aborted.
 */
export async function* watchPictures(
  folders: readonly string[],
  { interval = INTERVAL_MS, signal }: WatchOptions,
): AsyncGenerator<string> {
  const all = async () => {
    // Those that vanish meanwhile are left out, as are empty and hidden ones.
    const finder = new Finder({ missing: true });
    const found: FoundPicture[] = [];
    for (const folder of folders) found.push(...(await finder.find(folder, { deep: true })));
    return found;
  };
  const known = new Set((await all()).map(({ identity }) => identity));
  let before = new Map<string, string>();
  while (!signal.aborted) {
    // Only the signal ends it early.
    await sleep(interval, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const now = await all();
    for (const { path, identity } of now) {
      if (known.has(identity) || before.get(path) !== identity) continue;
      known.add(identity);
      yield path;
      if (signal.aborted) return;
    }
    before = new Map(now.map(({ path, identity }) => [path, identity]));
  }
}
