/** Size of a picture file without decoding it, as it stands upright. */
import { type FileHandle, open } from 'node:fs/promises';
import { fail } from '../errors.ts';
import { describeIoError, isMissing } from '../files.ts';
import { readOrientation } from './exif.ts';
import { type ImageFormat, nameContent, readSize, type Size, sniffFormat } from './header.ts';

/** Headers end long before; files whose header does not (TIFF directories stand anywhere) are read as a whole, and so are those with EXIF at the end. */
const HEAD_BYTES = 64 * 1024;

async function readPart(handle: FileHandle, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  const { bytesRead } = await handle.read(bytes, 0, length, from);
  return bytes.subarray(0, bytesRead);
}

/** Whether the beginning of a file holds size and orientation both, as far as it has one. */
async function saysAll(handle: FileHandle, head: Buffer, format: ImageFormat, total: number): Promise<boolean> {
  if (!readSize(head, format)) return false;
  switch (format) {
    case 'jpeg':
    case 'bmp':
      return true;
    case 'webp':
      // Only the extended header announces EXIF, which then stands at the end.
      return head.toString('latin1', 12, 16) !== 'VP8X' || (head[20] & 8) === 0;
    case 'png': {
      // The orientation may stand behind the pixels.
      const tail = await readPart(handle, Math.max(0, total - HEAD_BYTES), HEAD_BYTES);
      return !tail.includes('eXIf');
    }
    default:
      return false;
  }
}

/** Width and height of the upright picture. @throws ADC_IMAGE_MISSING, ADC_IMAGE_EMPTY, ADC_IMAGE_UNREADABLE, ADC_IMAGE_TRUNCATED. */
export async function readUprightSize(path: string): Promise<Size> {
  const handle = await open(path, 'r').catch((error) => {
    if (isMissing(error)) throw fail('ADC_IMAGE_MISSING', { path }, error);
    throw fail('ADC_IMAGE_UNREADABLE', { path, what: describeIoError(error) }, error);
  });
  try {
    const { size: total } = await handle.stat();
    if (total === 0) throw fail('ADC_IMAGE_EMPTY', { path });
    const head = await readPart(handle, 0, Math.min(total, HEAD_BYTES));
    const format = sniffFormat(head);
    if (!format) throw fail('ADC_IMAGE_UNREADABLE', { path, what: `it is ${nameContent(head)}` });
    const enough = head.length === total || (await saysAll(handle, head, format, total));
    for (const bytes of enough ? [head] : [await readPart(handle, 0, total)]) {
      const size = readSize(bytes, format);
      if (!size || !(size.width > 0 && size.height > 0)) continue;
      const turned = readOrientation(bytes, format) >= 5;
      return turned ? { width: size.height, height: size.width } : size;
    }
    throw fail('ADC_IMAGE_TRUNCATED', { path, what: 'its header is cut off' });
  } catch (error) {
    if (error instanceof Error && 'exit' in error) throw error;
    throw fail('ADC_IMAGE_UNREADABLE', { path, what: describeIoError(error) }, error);
  } finally {
    await handle.close();
  }
}
