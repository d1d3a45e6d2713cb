/** PNG files whose pixels are numbers into a palette, for class masks: no library at hand keeps the numbers as they are. */
import { crc32, deflateSync } from 'node:zlib';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

function chunk(name: string, content: Uint8Array): Uint8Array {
  const out = new Uint8Array(content.length + 12);
  const view = new DataView(out.buffer);
  view.setUint32(0, content.length);
  out.set(new TextEncoder().encode(name), 4);
  out.set(content, 8);
  view.setUint32(content.length + 8, crc32(out.subarray(4, content.length + 8)));
  return out;
}

/**
 * An 8-bit indexed PNG.
 * @param indices a number a pixel, row by row. @param palette red, green, blue of each number; it must have all that occur.
 * @throws RangeError when the sizes do not fit or a number is not in the palette.
 */
export function encodeIndexedPng(
  indices: Uint8Array,
  width: number,
  height: number,
  palette: readonly (readonly [red: number, green: number, blue: number])[],
): Uint8Array {
  if (indices.length !== width * height || width < 1 || height < 1)
    throw new RangeError(`encodeIndexedPng: ${indices.length} numbers are not ${width} x ${height}`);
  if (palette.length < 1 || palette.length > 256 || indices.some((index) => index >= palette.length))
    throw new RangeError(`encodeIndexedPng: a palette of ${palette.length} colours does not have all numbers`);
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 3, 0, 0, 0], 8); // 8 bits, palette, deflate, standard filters, not interlaced
  // Every row begins with its filter: 0, none, is the best for numbers without order.
  const rows = new Uint8Array((width + 1) * height);
  for (let y = 0; y < height; y++) rows.set(indices.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const parts = [
    Uint8Array.from(SIGNATURE),
    chunk('IHDR', header),
    chunk('PLTE', Uint8Array.from(palette.flat())),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', new Uint8Array()),
  ];
  return new Uint8Array(Buffer.concat(parts));
}

/** Chunks that a picture of its numbers needs: size, pixels, and how it is turned. */
const KEPT = new Set(['IHDR', 'IDAT', 'eXIf', 'IEND']);

/**
 * The PNG whose grey values are the numbers of an indexed one.
 * @param bytes a sound PNG. @returns undefined for one without a palette.
 */
export function numbersAsGrey(bytes: Uint8Array): Uint8Array | undefined {
  if (SIGNATURE.some((byte, i) => bytes[i] !== byte) || bytes[25] !== 3) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts = [bytes.subarray(0, 8)];
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 12 + view.getUint32(at);
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const content = bytes.slice(at + 8, end - 4);
    if (name === 'IHDR') content[9] = 0; // grey
    if (KEPT.has(name)) parts.push(chunk(name, content));
    at = end;
  }
  return new Uint8Array(Buffer.concat(parts));
}
