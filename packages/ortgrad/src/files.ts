/** Renaming and removing files where others may look at them: Windows refuses both while anybody has the file open. */
import { rename, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** What Windows says while a scanner, an indexer or a reader has the file open; it passes. */
const PASSING = new Set(['EPERM', 'EACCES', 'EBUSY']);
/** Milliseconds between attempts, 1.3 seconds in all. */
const PAUSES = [10, 20, 40, 80, 160, 320, 640];

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException | undefined)?.code ?? '';

async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (const pause of PAUSES) {
    try {
      return await work();
    } catch (error) {
      if (!PASSING.has(codeOf(error))) throw error;
      await sleep(pause);
    }
  }
  return work();
}

/**
 * Renames a file or folder; what a file's new name stood for before is replaced. Tried for a second while the system says that
 * somebody has either open.
 * @throws what the system says in the end; nothing has changed then.
 */
export const moveTo = (from: string, to: string): Promise<void> => patiently(() => rename(from, to));

/**
 * Removes a file or a folder with all that is in it, as far as it can be: what somebody has open, on a system that minds, stays, for
 * whoever cleans up next.
 * @returns whether it is gone.
 */
export async function removeIfPossible(path: string): Promise<boolean> {
  try {
    await patiently(() => rm(path, { recursive: true, force: true }));
    return true;
  } catch {
    return false;
  }
}
