/** Reading of TIFF directories, the structure that TIFF files and EXIF blocks share; never decodes pixels. */

/** Tags that the codec asks for. */
export const TIFF_TAGS = {
  width: 256,
  height: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  orientation: 274,
  samplesPerPixel: 277,
  sampleFormat: 339,
} as const;

const BYTES_OF_TYPE: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8 };

/** Values of sample format (tag 339). */
export const SAMPLE_FORMAT = { unsigned: 1, signed: 2, float: 3 } as const;

/**
 * First value of every whole-number tag of the first directory; classic TIFF and BigTIFF, both byte orders.
 * @returns undefined when it is not a TIFF structure; tags whose place lies beyond the end are left out.
 * @throws RangeError when the directory itself lies beyond the end (a truncated file).
 */
export function readDirectory(bytes: Uint8Array): Map<number, number> | undefined {
  if (bytes.length < 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const order = view.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return undefined;
  const little = order === 0x4949;
  const version = view.getUint16(2, little);
  if (version !== 42 && version !== 43) return undefined;
  const big = version === 43;
  const offsetAt = (at: number) => (big ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little));
  const start = offsetAt(big ? 8 : 4);
  const count = big ? Number(view.getBigUint64(start, little)) : view.getUint16(start, little);
  const [head, size, inline] = big ? [8, 20, 8] : [2, 12, 4];
  const tags = new Map<number, number>();
  for (let i = 0; i < Math.min(count, 4096); i++) {
    const entry = start + head + i * size;
    const tag = view.getUint16(entry, little);
    const width = BYTES_OF_TYPE[view.getUint16(entry + 2, little)];
    const values = offsetAt(entry + 4);
    if (width === undefined || values === 0) continue;
    const slot = entry + (big ? 12 : 8);
    const at = width * values <= inline ? slot : offsetAt(slot);
    if (at + width > bytes.length) continue;
    if (width === 1) tags.set(tag, view.getUint8(at));
    else if (width === 2) tags.set(tag, view.getUint16(at, little));
    else if (width === 4) tags.set(tag, view.getUint32(at, little));
    else tags.set(tag, Number(view.getBigUint64(at, little)));
  }
  return tags;
}
