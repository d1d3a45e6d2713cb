/** BMP decoding: palettes, bit fields, run lengths and top-down rows, which neither sharp nor fast-bmp (palette ignored) read. */
import type { Pixels } from './types.ts';

interface BmpHeader {
  readonly width: number;
  readonly height: number;
  readonly topDown: boolean;
  readonly bits: number;
  readonly compression: number;
  readonly pixels: number;
  readonly palette: Uint8Array; // blue, green, red per entry
  readonly masks: readonly [red: number, green: number, blue: number, alpha: number];
}

const BI_RGB = 0;
const BI_RLE8 = 1;
const BI_RLE4 = 2;
const BI_BITFIELDS = 3;
const BI_ALPHABITFIELDS = 6;

/** Raised for content that ends too early, so that the caller can tell it from content it cannot read. */
export class BmpTruncated extends Error {}

function readHeader(bytes: Uint8Array): BmpHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = view.getUint32(14, true);
  const core = size === 12;
  const height = core ? view.getInt16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(core ? 24 : 28, true);
  const compression = size < 40 ? BI_RGB : view.getUint32(30, true);
  const fields = compression === BI_BITFIELDS || compression === BI_ALPHABITFIELDS;
  let masks: BmpHeader['masks'] = bits === 16 ? [0x7c00, 0x3e0, 0x1f, 0] : [0xff0000, 0xff00, 0xff, 0];
  if (fields) {
    const alpha = size >= 56 || compression === BI_ALPHABITFIELDS ? view.getUint32(66, true) : 0;
    masks = [view.getUint32(54, true), view.getUint32(58, true), view.getUint32(62, true), alpha];
  }
  const pixels = view.getUint32(10, true);
  const entrySize = core ? 3 : 4;
  const paletteStart = 14 + size + (fields && size === 40 ? (compression === BI_ALPHABITFIELDS ? 16 : 12) : 0);
  const colours = bits > 8 ? 0 : (!core && view.getUint32(46, true)) || 2 ** bits;
  const palette = new Uint8Array(3 * 2 ** Math.min(bits, 8));
  for (let i = 0; i < Math.min(colours, 2 ** bits); i++)
    palette.set(bytes.subarray(paletteStart + i * entrySize, paletteStart + i * entrySize + 3), i * 3);
  return {
    width: core ? view.getUint16(18, true) : view.getInt32(18, true),
    height: Math.abs(height),
    topDown: height < 0,
    bits,
    compression,
    pixels,
    palette,
    masks,
  };
}

/** Palette indices of an uncompressed picture of 1, 2, 4 or 8 bits, rows as stored. */
function readIndices(bytes: Uint8Array, { width, height, bits, pixels }: BmpHeader): Uint8Array {
  const stride = Math.ceil((width * bits) / 32) * 4;
  if (pixels + stride * (height - 1) + Math.ceil((width * bits) / 8) > bytes.length)
    throw new BmpTruncated('pixel rows');
  const out = new Uint8Array(width * height);
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const byte = bytes[pixels + y * stride + Math.floor(x / perByte)];
      out[y * width + x] = (byte >> (8 - bits * ((x % perByte) + 1))) & mask;
    }
  return out;
}

/** Palette indices of a run-length coded picture; pixels that the code skips keep index 0. */
function readRuns(bytes: Uint8Array, { width, height, compression, pixels }: BmpHeader): Uint8Array {
  const out = new Uint8Array(width * height);
  const four = compression === BI_RLE4;
  let at = pixels;
  let x = 0;
  let y = 0;
  const put = (index: number) => {
    if (x < width && y < height) out[y * width + x] = index;
    x++;
  };
  const nibble = (byte: number, i: number) => (i % 2 === 0 ? byte >> 4 : byte & 15);
  while (y < height) {
    if (at + 2 > bytes.length) throw new BmpTruncated('run lengths');
    const count = bytes[at++];
    const value = bytes[at++];
    if (count > 0) {
      for (let i = 0; i < count; i++) put(four ? nibble(value, i) : value);
    } else if (value === 0) {
      x = 0;
      y++;
    } else if (value === 1) {
      break;
    } else if (value === 2) {
      x += bytes[at++] ?? 0;
      y += bytes[at++] ?? 0;
    } else {
      const length = four ? Math.ceil(value / 2) : value;
      if (at + length > bytes.length) throw new BmpTruncated('run lengths');
      for (let i = 0; i < value; i++) put(four ? nibble(bytes[at + (i >> 1)], i) : bytes[at + i]);
      at += length + (length % 2);
    }
  }
  return out;
}

function paint(indices: Uint8Array, { width, height, palette }: BmpHeader): Pixels<Uint8Array> {
  let grey = true;
  for (let i = 0; i < palette.length; i += 3) grey &&= palette[i] === palette[i + 1] && palette[i] === palette[i + 2];
  const channels = grey ? 1 : 3;
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < indices.length; i++)
    for (let c = 0; c < channels; c++) data[i * channels + c] = palette[indices[i] * 3 + 2 - c];
  return { data, width, height, channels };
}

/** Shift and full value of one bit field; a field of `n` bits is stretched to 0–255 with rounding. */
function fieldOf(mask: number): { shift: number; full: number } {
  if (mask === 0) return { shift: 0, full: 0 };
  let shift = 0;
  while (((mask >>> shift) & 1) === 0) shift++;
  return { shift, full: mask >>> shift };
}

function readTrueColour(bytes: Uint8Array, header: BmpHeader): Pixels<Uint8Array> {
  const { width, height, bits, pixels } = header;
  const step = bits / 8;
  const stride = Math.ceil((width * bits) / 32) * 4;
  if (pixels + stride * (height - 1) + width * step > bytes.length) throw new BmpTruncated('pixel rows');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const channels = header.masks[3] === 0 ? 3 : 4;
  const data = new Uint8Array(width * height * channels);
  if (bits === 24) {
    for (let y = 0, to = 0; y < height; y++)
      for (let x = 0, from = pixels + y * stride; x < width; x++, from += 3, to += 3) {
        data[to] = bytes[from + 2];
        data[to + 1] = bytes[from + 1];
        data[to + 2] = bytes[from];
      }
    return { data, width, height, channels };
  }
  const fields = header.masks.slice(0, channels).map((mask) => ({ mask, ...fieldOf(mask) }));
  let to = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const at = pixels + y * stride + x * step;
      const value = bits === 16 ? view.getUint16(at, true) : view.getUint32(at, true);
      for (const { mask, shift, full } of fields)
        data[to++] = full === 0 ? 0 : Math.round((((value & mask) >>> shift) * 255) / full);
    }
  return { data, width, height, channels };
}

function flipRows(image: Pixels<Uint8Array>): Pixels<Uint8Array> {
  const row = image.width * image.channels;
  const data = new Uint8Array(image.data.length);
  for (let y = 0; y < image.height; y++)
    data.set(image.data.subarray(y * row, (y + 1) * row), (image.height - 1 - y) * row);
  return { ...image, data };
}

/**
 * Decodes 1, 2, 4, 8 (palette, RLE), 16, 24 and 32 bits a pixel. A palette of greys gives one channel, alpha only where a
 * bit field declares it (the fourth byte of plain 32-bit files is padding).
 * @throws BmpTruncated when bytes are missing, Error for a kind that is not read.
 */
export function decodeBmp(bytes: Uint8Array): Pixels<Uint8Array> {
  const header = readHeader(bytes);
  const { bits, compression } = header;
  const runs = (compression === BI_RLE8 && bits === 8) || (compression === BI_RLE4 && bits === 4);
  const fields = (compression === BI_BITFIELDS || compression === BI_ALPHABITFIELDS) && (bits === 16 || bits === 32);
  if (![1, 2, 4, 8, 16, 24, 32].includes(bits) || !(compression === BI_RGB || runs || fields))
    throw new Error(`BMP with ${bits} bits a pixel and compression ${compression} is not read`);
  let image: Pixels<Uint8Array>;
  if (bits > 8) image = readTrueColour(bytes, header);
  else image = paint(runs ? readRuns(bytes, header) : readIndices(bytes, header), header);
  return header.topDown ? image : flipRows(image);
}
