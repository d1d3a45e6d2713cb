/** Writing of maps as TIFF: one page of single-precision floats, as every tool of the field reads them. */
import { SAMPLE_FORMAT, TIFF_TAGS } from './tiff.ts';
import type { Plane } from './types.ts';

const [SHORT, LONG] = [3, 4];
/** Two bytes for the order of bytes, two for the version, four for where the directory stands. */
const HEADER = 8;

/** A map's values to the last bit: little-endian, not packed, in one strip. */
export function encodeFloatTiff({ data, width, height }: Plane): Uint8Array {
  if (data.length !== width * height)
    throw new RangeError(`encodeFloatTiff: ${data.length} values are not ${width} x ${height}`);
  const entries: readonly (readonly [tag: number, type: number, value: number])[] = [
    [TIFF_TAGS.width, LONG, width],
    [TIFF_TAGS.height, LONG, height],
    [TIFF_TAGS.bitsPerSample, SHORT, 32],
    [TIFF_TAGS.compression, SHORT, 1],
    // Black is zero.
    [TIFF_TAGS.photometric, SHORT, 1],
    [TIFF_TAGS.stripOffsets, LONG, HEADER],
    [TIFF_TAGS.samplesPerPixel, SHORT, 1],
    [TIFF_TAGS.rowsPerStrip, LONG, height],
    [TIFF_TAGS.stripByteCounts, LONG, 4 * data.length],
    [TIFF_TAGS.sampleFormat, SHORT, SAMPLE_FORMAT.float],
  ];
  const directory = HEADER + 4 * data.length;
  const bytes = new Uint8Array(directory + 2 + 12 * entries.length + 4);
  const view = new DataView(bytes.buffer);
  bytes.set([0x49, 0x49, 42, 0]);
  view.setUint32(4, directory, true);
  for (let i = 0; i < data.length; i++) view.setFloat32(HEADER + 4 * i, data[i], true);
  view.setUint16(directory, entries.length, true);
  for (const [i, [tag, type, value]] of entries.entries()) {
    const at = directory + 2 + 12 * i;
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, type, true);
    view.setUint32(at + 4, 1, true);
    if (type === SHORT) view.setUint16(at + 8, value, true);
    else view.setUint32(at + 8, value, true);
  }
  return bytes;
}
