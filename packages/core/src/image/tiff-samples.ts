/** TIFF pages that libvips clips or refuses: signed 16-bit, half and double floats, and tiles of one channel each. Memory is bounded by the header's size. */
import { inflateSync } from 'node:zlib';
import { fromHalf } from '@adclick/ortgrad';
import { FULL_RANGES, type SampleType } from './samples.ts';
import { type Blocks, blocksOf, type Directory, SAMPLE_FORMAT, TIFF_TAGS } from './tiff.ts';
import type { Pixels } from './types.ts';

/** Raised for content that ends too early, so that the caller can tell it from content it cannot read. */
export class TiffTruncated extends Error {}

const COMPRESSION = { none: 1, lzw: 5, adobeDeflate: 8, packBits: 32773, deflate: 32946 } as const;
const PREDICTOR = { none: 1, differences: 2, floats: 3 } as const;

/** The blocks of a page, and where each of them lies. */
interface Grid extends Blocks {
  readonly offsets: readonly number[];
  readonly counts: readonly number[];
}

function gridOf(page: Directory, width: number, height: number, channels: number): Grid {
  const blocks = blocksOf(page, width, height, channels);
  const { tiled, width: wide, height: high, across, down, planes } = blocks;
  // Tiles of more than the picture and one tile more on each side hold nothing of it.
  if (wide < 1 || high < 1 || wide > width + 4096 || high > height + 4096)
    throw new Error(`blocks of ${wide} x ${high} do not fit ${width} x ${height} pixels`);
  const count = across * down * planes;
  const offsets = page.values(tiled ? TIFF_TAGS.tileOffsets : TIFF_TAGS.stripOffsets, count);
  const counts = page.values(tiled ? TIFF_TAGS.tileByteCounts : TIFF_TAGS.stripByteCounts, count);
  if (offsets.length < count) throw new TiffTruncated(`${offsets.length} of ${count} blocks are listed`);
  return { ...blocks, offsets, counts };
}

/** Unpacks a block into `out` and says how many bytes there were; more than fit are an error, so that a small page cannot stand for any amount of data. */
type Unpack = (packed: Uint8Array, out: Uint8Array) => number;

const tooMuch = () => new Error('a block holds more than its header says');

const copy: Unpack = (packed, out) => {
  const taken = packed.subarray(0, out.length);
  out.set(taken);
  return taken.length;
};

const inflate: Unpack = (packed, out) => {
  try {
    const bytes = inflateSync(packed, { maxOutputLength: out.length });
    out.set(bytes);
    return bytes.length;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooMuch();
    if (code === 'Z_BUF_ERROR') return 0;
    throw error;
  }
};

const packBits: Unpack = (packed, out) => {
  let to = 0;
  for (let at = 0; at < packed.length; ) {
    const head = (packed[at++] << 24) >> 24;
    if (head === -128) continue;
    const count = head < 0 ? 1 - head : Math.min(head + 1, packed.length - at);
    if (to + count > out.length) throw tooMuch();
    if (head < 0) out.fill(packed[at++] ?? 0, to, to + count);
    else {
      out.set(packed.subarray(at, at + count), to);
      at += count;
    }
    to += count;
  }
  return to;
};

const CLEAR = 256;
const END = 257;
const FIRST = 258;
const MOST_CODES = 4096;

/** Codes of 9 to 12 bits, most significant first; each stands for a string that was written before and the byte behind it. */
const lzw: Unpack = (packed, out) => {
  const starts = new Uint32Array(MOST_CODES);
  const lengths = new Uint32Array(MOST_CODES);
  let [next, bits, pool, filled, to] = [FIRST, 9, 0, 0, 0];
  let [start, length] = [0, 0];
  for (let at = 0; ; ) {
    while (filled < bits) {
      if (at >= packed.length) return to;
      pool = ((pool << 8) | packed[at++]) & 0xffffff;
      filled += 8;
    }
    const code = (pool >> (filled - bits)) & ((1 << bits) - 1);
    filled -= bits;
    if (code === END) return to;
    if (code === CLEAR) {
      [next, bits, length] = [FIRST, 9, 0];
      continue;
    }
    if (length > 0 && next < MOST_CODES) {
      starts[next] = start;
      lengths[next++] = length + 1;
    }
    if (code >= next) throw new Error('a block holds a code that has no meaning yet');
    let from = code < CLEAR ? 0 : starts[code];
    [start, length] = [to, code < CLEAR ? 1 : lengths[code]];
    if (to + length > out.length) throw tooMuch();
    if (code < CLEAR) out[to++] = code;
    // A string may reach into what it writes, so it is copied byte by byte.
    else for (const end = to + length; to < end; ) out[to++] = out[from++];
    bits = next >= 2047 ? 12 : next >= 1023 ? 11 : next >= 511 ? 10 : 9;
  }
};

function unpackOf(compression: number): Unpack {
  switch (compression) {
    case COMPRESSION.none:
      return copy;
    case COMPRESSION.lzw:
      return lzw;
    case COMPRESSION.adobeDeflate:
    case COMPRESSION.deflate:
      return inflate;
    case COMPRESSION.packBits:
      return packBits;
    default:
      throw new Error(`compression ${compression} is not read for samples of this type`);
  }
}

/** Rows of bytes of which those of equal weight stand together, most significant first, each the difference to the one before (Adobe's predictor for floats). */
function sumFloatRow(row: Uint8Array, samples: number, size: number, little: boolean): void {
  for (let i = samples; i < row.length; i++) row[i] += row[i - samples];
  const planes = row.slice();
  const count = row.length / size;
  for (let i = 0; i < count; i++)
    for (let b = 0; b < size; b++) row[i * size + (little ? size - 1 - b : b)] = planes[b * count + i];
}

/** Reads the sample that begins at a byte. */
function readerOf(view: DataView, type: SampleType, size: number, little: boolean): (at: number) => number {
  switch (type) {
    case 'uint8':
      return (at) => view.getUint8(at);
    case 'int8':
      return (at) => view.getInt8(at);
    case 'uint16':
      return (at) => view.getUint16(at, little);
    case 'int16':
      return (at) => view.getInt16(at, little);
    case 'uint32':
      return (at) => view.getUint32(at, little);
    case 'int32':
      return (at) => view.getInt32(at, little);
    default:
      if (size === 8) return (at) => view.getFloat64(at, little);
      return size === 4 ? (at) => view.getFloat32(at, little) : (at) => fromHalf(view.getUint16(at, little));
  }
}

/** How the samples of a page are stored; undefined for kinds that are not read here. */
function sampleTypeOf({ tags }: Directory): SampleType | undefined {
  const bits = tags.get(TIFF_TAGS.bitsPerSample) ?? 1;
  const format = tags.get(TIFF_TAGS.sampleFormat) ?? SAMPLE_FORMAT.unsigned;
  if (format === SAMPLE_FORMAT.float) return [16, 32, 64].includes(bits) ? 'float' : undefined;
  if (format !== SAMPLE_FORMAT.signed && format !== SAMPLE_FORMAT.unsigned) return undefined;
  const type = `${format === SAMPLE_FORMAT.signed ? 'int' : 'uint'}${bits}`;
  return type in FULL_RANGES ? (type as SampleType) : undefined;
}

/** What libvips clips or refuses: signed 16-bit samples, half and double floats, and tiles of one channel each. */
export function isOddTiff(page: Directory): boolean {
  const { tags } = page;
  const type = sampleTypeOf(page);
  const apart = tags.get(TIFF_TAGS.planarConfiguration) === 2 && (tags.get(TIFF_TAGS.samplesPerPixel) ?? 1) > 1;
  if (type !== undefined && apart && tags.has(TIFF_TAGS.tileWidth)) return true;
  return type === 'int16' || (type === 'float' && tags.get(TIFF_TAGS.bitsPerSample) !== 32);
}

/** A page as it was decoded. */
interface OddPage extends Pixels {
  readonly type: SampleType;
  readonly alpha: boolean;
}

/**
 * Decodes a page of whole numbers of 8, 16 or 32 bits or floats of 16, 32 or 64: strips or tiles, channels together or apart, either
 * byte order, packed or not. Its size must have been checked. All but unsigned numbers of 8 and 16 bits come as floats.
 * @throws TiffTruncated when bytes are missing, Error for a kind that is not read or a block that holds more than it should.
 */
export function decodeOddTiff(bytes: Uint8Array, page: Directory): OddPage {
  const { tags, little } = page;
  const tag = (name: keyof typeof TIFF_TAGS, otherwise: number) => tags.get(TIFF_TAGS[name]) ?? otherwise;
  const [width, height, channels] = [tag('width', 0), tag('height', 0), tag('samplesPerPixel', 1)];
  const photometric = tag('photometric', 1);
  if (photometric > 2)
    throw new Error(`photometric interpretation ${photometric} is not read for samples of this type`);
  const size = tag('bitsPerSample', 1) / 8;
  const type = sampleTypeOf(page);
  if (type === undefined) throw new Error(`samples of ${8 * size} bits are not read`);
  const predictor = tag('predictor', PREDICTOR.none);
  if (predictor > PREDICTOR.floats || (predictor === PREDICTOR.differences && size > 4))
    throw new Error(`predictor ${predictor} is not read for samples of ${8 * size} bits`);
  const unpack = unpackOf(tag('compression', COMPRESSION.none));
  const grid = gridOf(page, width, height, channels);
  const { width: blockWidth, height: blockHeight, across, down, planes } = grid;
  /** Samples a pixel in one block: all, or one where each channel has blocks of its own. */
  const samples = channels / planes;

  const Samples = type === 'uint8' ? Uint8Array : type === 'uint16' ? Uint16Array : Float32Array;
  const data = new Samples(width * height * channels);
  const rowSize = blockWidth * samples * size;
  const block = new Uint8Array(rowSize * blockHeight);
  const view = new DataView(block.buffer);
  const read = readerOf(view, type, size, little);
  const step = samples * size;
  for (const [number, offset] of grid.offsets.entries()) {
    const plane = Math.floor(number / (across * down));
    const [left, top] = [(number % across) * blockWidth, (Math.floor(number / across) % down) * blockHeight];
    const [columns, rows] = [Math.min(blockWidth, width - left), Math.min(blockHeight, height - top)];
    const count = grid.counts[number] ?? block.length;
    // The last strip may end with the page.
    if (unpack(bytes.subarray(offset, offset + count), block) < rowSize * rows)
      throw new TiffTruncated('a block is cut off');
    for (let y = 0; y < rows; y++) {
      const row = block.subarray(y * rowSize, (y + 1) * rowSize);
      if (predictor === PREDICTOR.floats) sumFloatRow(row, samples, size, little);
      if (predictor === PREDICTOR.differences)
        for (let at = y * rowSize + step; at < (y + 1) * rowSize; at += size)
          if (size === 1) view.setUint8(at, view.getUint8(at) + view.getUint8(at - step));
          else if (size === 2)
            view.setUint16(at, view.getUint16(at, little) + view.getUint16(at - step, little), little);
          else view.setUint32(at, view.getUint32(at, little) + view.getUint32(at - step, little), little);
      for (let x = 0; x < columns; x++)
        for (let c = 0; c < samples; c++)
          data[((top + y) * width + left + x) * channels + plane + c] = read(y * rowSize + (x * samples + c) * size);
    }
  }
  // White is zero: grey values count downwards, where there is an end to count from.
  if (photometric === 0 && type !== 'float') {
    const { low, high } = FULL_RANGES[type];
    for (let i = 0; i < data.length; i++) data[i] = low + high - data[i];
  }
  const alpha = channels % 2 === 0 && [1, 2].includes(tags.get(TIFF_TAGS.extraSamples) ?? -1);
  return { data, width, height, channels, type, alpha };
}
