/** Watching folders for pictures: new ones are given out once they are whole, and each only once, whatever it is called. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isPictureName } from './layout.ts';

/** A file at one look. */
interface Look {
  readonly path: string;
  /** Stays when a file is renamed: device, inode, size and time of its content. */
  readonly identity: string;
}

export interface WatchOptions {
  /** Milliseconds between two looks; a file is whole when nothing about it changed from one to the next. Default 500; one that pauses for longer is given out, and again when it goes on growing. */
  readonly interval?: number;
  /** Ends the watching. */
  readonly signal: AbortSignal;
}

const INTERVAL_MS = 500;

/** Picture files below a folder; those that vanish meanwhile are left out, hidden ones too. */
async function look(folder: string): Promise<Look[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const found: Look[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await look(path)));
    else if (isPictureName(entry.name)) {
      const info = await stat(path).catch(() => undefined);
      if (info?.isFile() && info.size > 0)
        found.push({ path, identity: `${info.dev}:${info.ino}:${info.size}:${info.mtimeMs}` });
    }
  }
  return found;
}

/**
 * Paths of pictures that appear in folders, or change, from now on; those that are there already count as known. Looking again and
 * again works on network drives too, where changes are not announced. Ends when the signal is aborted.
 */
export async function* watchPictures(
  folders: readonly string[],
  { interval = INTERVAL_MS, signal }: WatchOptions,
): AsyncGenerator<string> {
  const all = async () => (await Promise.all(folders.map(look))).flat();
  const known = new Set((await all()).map(({ identity }) => identity));
  let before = new Map<string, string>();
  while (!signal.aborted) {
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
