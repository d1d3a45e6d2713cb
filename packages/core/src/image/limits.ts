/** What a file's data may be beside its header's size, so that a small picture cannot stand for any amount of work, nor a small file for any amount of memory. */
import { type ImageFormat, type Size, walkChunks } from './header.ts';
import { blocksOf, type Directory, type FullPage, TIFF_TAGS } from './tiff.ts';
import { TiffTruncated } from './tiff-samples.ts';

/** Samples a pixel that a picture of the most pixels may have. */
const CHANNELS = 4;
/** Most that DEFLATE can unpack to, times its size: 258 bytes from two bits. */
const DEFLATE = 1032;
/** Most that an LZW code of 12 bits, and a run of PackBits, can unpack to, times their size. */
const LZW = 2731;
const PACK_BITS = 64;
/** Most pixels that a byte can stand for in a JPEG, whose blocks of 8 x 8 take at least a bit, and in the run lengths of a BMP: 255 from two bytes. */
const JPEG = 8 * 64;
const RUN_LENGTHS = 128;
/** How much larger than its pixels packed data may be: codes that do not fit the data lengthen it, tables and padding are added. */
const SWOLLEN = 4;
const ADDED = 64 * 1024;
const ADDED_TO_BLOCK = 1024;
/** Pictures of fewer bytes may be as incomplete as they like: decoders find out. */
const SMALL = 32 * 2 ** 20;
/** PNG chunks beside the picture, which nothing uses here, and the bytes of them from which on the decoder does not see any. */
const NOTES = new Set(['iCCP', 'zTXt', 'iTXt', 'tEXt', 'sPLT', 'eXIf']);
const LARGE_NOTES = 32 * 1024;

/** Most that packed data can unpack to, times its size, by TIFF's number; unknown for the others. */
const TIFF_RATIOS: ReadonlyMap<number, number> = new Map([
  [1, 1],
  [5, LZW],
  [8, DEFLATE],
  [32773, PACK_BITS],
  [32946, DEFLATE],
]);

function checkTiff(page: Directory, size: Size, limit: number): void {
  const { tags, values } = page;
  const channels = tags.get(TIFF_TAGS.samplesPerPixel) ?? 1;
  const bits = tags.get(TIFF_TAGS.bitsPerSample) ?? 1;
  if (channels < 1 || size.width * size.height * channels > CHANNELS * limit)
    throw new Error(`${size.width} x ${size.height} pixels of ${channels} samples are not read`);
  const { tiled, width: wide, height: high, across, down, planes } = blocksOf(page, size.width, size.height, channels);
  const blocks = across * down * planes;
  const whole = tiled ? across * wide * down * high : size.width * size.height;
  if (!(wide > 0 && high > 0) || whole > CHANNELS * limit)
    throw new Error(`blocks of ${wide} x ${high} do not fit ${size.width} x ${size.height} pixels`);
  const full = Math.ceil((whole * channels * bits) / 8);
  const counts = values(tiled ? TIFF_TAGS.tileByteCounts : TIFF_TAGS.stripByteCounts, blocks);
  if (counts.length === 0) return;
  const packed = counts.reduce((sum, count) => sum + count, 0);
  const compression = tags.get(TIFF_TAGS.compression) ?? 1;
  if (compression !== 1 && packed > SWOLLEN * full + ADDED + ADDED_TO_BLOCK * blocks)
    throw new Error(`${packed} bytes of packed data for ${size.width} x ${size.height} pixels are not read`);
  const ratio = TIFF_RATIOS.get(compression);
  if (ratio !== undefined && full > SMALL && packed * ratio < (size.width * size.height * channels * bits) / 8)
    throw new TiffTruncated(`${packed} bytes cannot hold ${size.width} x ${size.height} pixels`);
}

function checkPng(bytes: Uint8Array, { width, height }: Size): void {
  let packed = 0;
  walkChunks(bytes, 'png', (name, start, end) => {
    if (name === 'IDAT') packed += Math.min(end, bytes.length) - start;
    return false;
  });
  // Colour types 2, 4 and 6 have 3, 2 and 4 samples.
  const channels = [1, 1, 3, 1, 2, 1, 4][bytes[25]] ?? 1;
  const full = (width * height * channels * bytes[24]) / 8;
  if (full > SMALL && packed * DEFLATE < full)
    throw new RangeError(`${packed} bytes cannot hold ${width} x ${height} pixels`);
}

/** The size of a file whose bytes stand for so many pixels each at most. */
function checkBytes({ length }: Uint8Array, { width, height }: Size, pixels: number): void {
  if (width * height > SMALL && length * pixels < width * height)
    throw new RangeError(`${length} bytes cannot hold ${width} x ${height} pixels`);
}

/**
 * Refuses files whose data cannot be what the header says, before anything is unpacked.
 * @throws TiffTruncated or RangeError for too little of it, Error for too much, or for more samples a pixel than are read.
 */
export function checkContent(
  bytes: Uint8Array,
  format: ImageFormat,
  size: Size,
  page: FullPage | undefined,
  limit: number,
): void {
  if (page) checkTiff(page, size, limit);
  else if (format === 'png') checkPng(bytes, size);
  else if (format === 'jpeg') checkBytes(bytes, size, JPEG);
  else if (format === 'bmp') checkBytes(bytes, size, RUN_LENGTHS);
}

/** A PNG without large notes (profiles, texts), which may unpack to any amount. */
export function withoutNotes(bytes: Uint8Array): Uint8Array {
  const kept = [bytes.subarray(0, 8)];
  let notes = 0;
  walkChunks(bytes, 'png', (name, start, end) => {
    if (NOTES.has(name)) notes += end - start;
    else kept.push(bytes.subarray(start - 8, end + 4));
    return false;
  });
  return notes < LARGE_NOTES ? bytes : Buffer.concat(kept);
}
