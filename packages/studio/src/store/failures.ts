/** What SQLite refuses, as errors that a user can act on: a full disk or a busy file says nothing against the database. */
import { closeSync, openSync } from 'node:fs';
import { fail as failCore } from '@adclick/core/errors';
import { describeIoError } from '@adclick/core/files';
import { fail } from '../errors.ts';

/** How long a write waits for another process to finish its own. */
export const BUSY_MS = 10_000;

/** What is to be done about a file that cannot be read as a database. */
const DAMAGED = 'Restore it from a copy, or move it away to begin anew; pictures and index are not touched.';

/** Bare codes of SQLite; extended ones, such as SQLITE_IOERR_WRITE, begin with them. */
const CODE = /^SQLITE_([A-Z]+)/;

/** The binding gives no code where it could not open the file. */
const CANNOT_OPEN = /^ConnectionFailed\(/;

/** Why the system does not let the file be opened, in its own words; undefined where it does. */
function refusalOf(path: string): string | undefined {
  try {
    closeSync(openSync(path, 'r+'));
    return undefined;
  } catch (error) {
    return describeIoError(error);
  }
}

/** ADC_DATABASE for a file that holds no database that can be read. */
export const damaged = (path: string, what: string, cause?: unknown) =>
  fail('ADC_DATABASE', { path, what, mend: DAMAGED }, cause);

/** ADC_DATABASE for a database that this version cannot read and that is sound all the same. */
export const tooNew = (path: string, migration: string) =>
  fail('ADC_DATABASE', {
    path,
    what: `it was made by a newer ADClick (${migration})`,
    mend: 'Use that version; the database is sound, leave it as it is.',
  });

/** An error of SQLite in our words; any other comes back as it is. @param path of the database. */
export function storeError(error: unknown, path: string): unknown {
  if (!(error instanceof Error)) return error;
  const { code, message } = error as Error & { code?: unknown };
  if (!code && CANNOT_OPEN.test(message)) {
    const what = refusalOf(path) ?? 'the system does not let it be opened';
    return failCore('ADC_DISK', { path, what }, error);
  }
  if (typeof code !== 'string') return error;
  switch (CODE.exec(code)?.[1]) {
    case 'FULL':
      return failCore('ADC_DISK', { path, what: 'no space left on the disk' }, error);
    case 'READONLY':
    case 'PERM':
      return failCore('ADC_DISK', { path, what: 'it may be read only' }, error);
    case 'IOERR':
    case 'CANTOPEN':
    case 'NOLFS':
      return failCore('ADC_DISK', { path, what: `the disk refused (${code})` }, error);
    case 'BUSY':
    case 'LOCKED':
    case 'PROTOCOL':
      return fail('ADC_DATABASE_BUSY', { path, seconds: BUSY_MS / 1000 }, error);
    case 'CORRUPT':
    case 'NOTADB':
    case 'FORMAT':
      return damaged(path, message, error);
    default:
      return error;
  }
}
