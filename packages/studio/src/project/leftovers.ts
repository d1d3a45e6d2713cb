/** What killed processes have left half made in a project's own folder. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { removeLeftovers } from '@adclick/ortgrad';
import { CACHE_FOLDER } from '../cache-folder.ts';
import { passOver } from '../log.ts';
import { leaseFolder, removeDead } from './lease.ts';

/** The lease under which the file of a dead owner is removed bears that one's number after its name. */
const GUARD = /\.lock\./;
/** Milliseconds after which such a lease, which is held for an instant, counts as left over though nobody here can ask after its owner. */
const OLD_MS = 24 * 3_600_000;

async function tidy(folder: string): Promise<void> {
  // What is not there, or cannot be read, has nothing that could be removed.
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  await removeLeftovers(
    folder,
    entries.map(({ name }) => name),
  );
  for (const entry of entries) if (entry.isDirectory()) await tidy(join(folder, entry.name));
}

async function tidyGuard(path: string): Promise<void> {
  const { mtimeMs } = await stat(path);
  await removeDead(path, Date.now() - mtimeMs > OLD_MS);
}

/** Removes from `.adclick` what was being written by processes that have ended; what cannot be removed stays for the next time. */
export async function tidyProject(root: string): Promise<void> {
  await tidy(join(root, CACHE_FOLDER));
  const locks = leaseFolder(root);
  const guards = (await readdir(locks).catch(() => [])).filter((name) => GUARD.test(name));
  for (const path of guards.map((name) => join(locks, name)))
    await tidyGuard(path).catch(passOver('lease not removed', { path }));
}
