/** Writing files so that a crash, a full disk or a lost permission never harms what was there before. */
import { type FileHandle, mkdir, open, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { moveTo, removeIfPossible, temporaryFor } from '@adclick/ortgrad';
import { fail } from './errors.ts';

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be larger than the disk or the user limit allows',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is a file, not a folder',
  ENOENT: 'there is no such file or folder',
  EEXIST: 'a file of that name is there already',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many files are open',
  EIO: 'the disk reports a hardware error',
  EBUSY: 'another program has it open',
};

/** What the operating system said, in words: "no space left on the disk (ENOSPC)". */
export function describeIoError(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = code === undefined ? undefined : REASONS[code];
  return reason ? `${reason} (${code})` : (message ?? String(error));
}

/** Whether the system says that a file, or a folder on the way to it, is not there. */
export const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at, bytes.length - at)).bytesWritten;
}

/** Makes a rename durable where the system can (Windows cannot open folders). */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  if (!handle) return;
  await handle.sync().catch(() => undefined);
  await handle.close();
}

/**
 * Replaces a file as a whole: the bytes go to a temporary file in the same folder, reach the disk, then take the name.
 * A reader sees the old content or the new, never a part; a reader on Windows that has the old file open is waited for a second. Missing
 * folders are made; a symbolic link keeps pointing where it did, permissions stay.
 * @param bytes the content, at once or piece by piece; what an iterable throws passes through unchanged.
 * @throws ADC_DISK when the system refuses; the old file is intact and no temporary file stays behind.
 */
export async function writeFileAtomic(
  path: string,
  bytes: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const guard = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw fail('ADC_DISK', { path, what: describeIoError(error) }, error);
    }
  };
  const target = await realpath(path).catch(() => path);
  const folder = dirname(target);
  await guard(mkdir(folder, { recursive: true }));
  const temporary = temporaryFor(target);
  const handle = await guard(open(temporary, 'wx'));
  try {
    try {
      // A file that is not there yet has no permissions to keep.
      const old = await stat(target).catch(() => undefined);
      if (old?.isFile()) await handle.chmod(old.mode & 0o777).catch(() => undefined); // some file systems have no modes
      if (bytes instanceof Uint8Array) await guard(writeAll(handle, bytes));
      else for await (const piece of bytes) await guard(writeAll(handle, piece));
      await guard(handle.sync());
    } finally {
      await guard(handle.close());
    }
    await guard(moveTo(temporary, target));
  } catch (error) {
    await removeIfPossible(temporary);
    throw error;
  }
  await syncFolder(folder);
}
