/** Size of a picture file without decoding it, as it stands upright. */
import { open } from 'node:fs/promises';
import { fail } from '../errors.ts';
import { describeIoError } from '../files.ts';
import { readOrientation } from './exif.ts';
import { nameContent, readSize, type Size, sniffFormat } from './header.ts';

/** Headers end long before; files whose header does not (TIFF directories stand anywhere) are read as a whole. */
const HEAD_BYTES = 64 * 1024;

/** Width and height of the upright picture. @throws ADC_IMAGE_MISSING, ADC_IMAGE_EMPTY, ADC_IMAGE_UNREADABLE, ADC_IMAGE_TRUNCATED. */
export async function readUprightSize(path: string): Promise<Size> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') throw fail('ADC_IMAGE_MISSING', { path }, error);
    throw fail('ADC_IMAGE_UNREADABLE', { path, what: describeIoError(error) }, error);
  });
  try {
    const { size: total } = await handle.stat();
    if (total === 0) throw fail('ADC_IMAGE_EMPTY', { path });
    for (const length of total > HEAD_BYTES ? [HEAD_BYTES, total] : [total]) {
      const bytes = new Uint8Array(length);
      await handle.read(bytes, 0, length, 0);
      const format = sniffFormat(bytes);
      if (!format) throw fail('ADC_IMAGE_UNREADABLE', { path, what: `it is ${nameContent(bytes)}` });
      const size = readSize(bytes, format);
      // The orientation of PNG and WebP may stand at their end, that of TIFF anywhere.
      const whole = length === total || format === 'jpeg' || format === 'bmp';
      if (!size || !whole || !(size.width > 0 && size.height > 0)) continue;
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
