/** Whether a file that is open is still the one at its path. */
import { statSync } from 'node:fs';

/** What tells the file at a path from every other one of the computer while it is open somewhere; undefined where there is none. */
function fileAt(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    // Gone, or in a folder that cannot be looked into any more.
    return undefined;
  }
}

/** Remembers which file lies at a path. @returns whether it still does; a look costs some microseconds. */
export function rememberFile(path: string): () => boolean {
  const opened = fileAt(path);
  return () => opened !== undefined && fileAt(path) === opened;
}
