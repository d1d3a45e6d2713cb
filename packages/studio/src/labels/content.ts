/** Which picture a label was made on: a mark of its file's content, so that another picture of its name is not taken for it. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { fromStored } from '@adclick/core/files';
import { z } from 'zod';
import { log, passOver } from '../log.ts';

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
  } catch (err) {
    log.debug({ err, path }, 'picture not read');
    return false;
  }
}

/** Pictures whose content is known ahead of their first label. */
const AHEAD = 32;

/** Which files a project's images are. A label costs one look at the size and time of its picture, where its content is known. */
export class Contents {
  private readonly ahead = new Map<string, Promise<Content | undefined>>();

  constructor(private readonly root: string) {}

  /** Reads a picture that nobody has labelled yet and somebody looks at, so that the first label need not wait for that. */
  look(path: string): void {
    if (this.ahead.has(path)) return;
    this.ahead.set(path, contentOf(fromStored(this.root, path)).catch(passOver('picture not read', { path })));
    const [oldest] = this.ahead.keys();
    if (this.ahead.size > AHEAD && oldest !== undefined) this.ahead.delete(oldest);
  }

  /** The content of a picture now, as text. @param before what is stored of it; what cannot be read any more stays that. */
  async now(path: string, before: string | null): Promise<string | null> {
    const known = parseContent(before);
    const seen = known?.hash ? known : ((await this.ahead.get(path)) ?? known);
    this.ahead.delete(path);
    try {
      return JSON.stringify(await contentOf(fromStored(this.root, path), seen));
    } catch (err) {
      passOver('picture not read', { path })(err);
      return before;
    }
  }
}
