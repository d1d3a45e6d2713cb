/** Which picture a label was made on: a mark of its file's content, so that another picture of its name is not taken for it. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';

const contentSchema = z.object({ bytes: z.number(), modified: z.number(), hash: z.string().nullable() });

/** A file as it was: its size and time spare reading it again. Labels of before 0.2 know no hash. */
export type Content = z.infer<typeof contentSchema>;

/** A content from the database; undefined for none. */
export function parseContent(text: string | null): Content | undefined {
  return text === null ? undefined : contentSchema.parse(JSON.parse(text));
}

/** SHA-256 of a file. */
async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/**
 * The content of a file now.
 * @param before what it was: where size and time are the same, it is not read again. @throws what reading it throws.
 */
export async function contentOf(path: string, before?: Content): Promise<Content> {
  const { size: bytes, mtimeMs: modified } = await stat(path);
  const known = before?.bytes === bytes && before.modified === modified ? before.hash : null;
  return { bytes, modified, hash: known ?? (await hashFile(path)) };
}

/** Whether a file still has the content that it had. A file that cannot be read has not. */
export async function hasContent(path: string, before: Content): Promise<boolean> {
  try {
    const { size, mtimeMs } = await stat(path);
    if (size !== before.bytes) return false;
    return mtimeMs === before.modified || before.hash === null || (await hashFile(path)) === before.hash;
  } catch {
    return false;
  }
}
