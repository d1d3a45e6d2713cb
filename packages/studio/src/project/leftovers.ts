/** What killed processes have left half made in a project's own folder. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { removeLeftovers } from '@adclick/ortgrad';
import { CACHE_FOLDER } from '../cache-folder.ts';

async function tidy(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  await removeLeftovers(
    folder,
    entries.map(({ name }) => name),
  );
  for (const entry of entries) if (entry.isDirectory()) await tidy(join(folder, entry.name));
}

/** Removes from `.adclick` what was being written by processes that have ended; what cannot be removed stays for the next time. */
export const tidyProject = (root: string): Promise<void> => tidy(join(root, CACHE_FOLDER));
