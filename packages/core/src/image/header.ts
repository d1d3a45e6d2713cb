/** What a file is and how large its picture, read from its first bytes without decoding, so that a header bomb costs nothing. */
import { fullPage, SAMPLE_FORMAT, TIFF_TAGS } from './tiff.ts';

/** The formats that the codec decodes. */
export type ImageFormat = 'png' | 'jpeg' | 'tiff' | 'bmp' | 'webp';

const text = (bytes: Uint8Array, start: number, end: number) =>
  String.fromCharCode(...bytes.subarray(start, Math.min(end, bytes.length)));

const startsWith = (bytes: Uint8Array, signature: readonly number[]) =>
  bytes.length >= signature.length && signature.every((value, i) => bytes[i] === value);

/** Signatures of files that people feed an image tool by mistake, so that the message can name them. */
const OTHER_CONTENT: readonly (readonly [signature: string, name: string])[] = [
  ['GIF8', 'a GIF picture'],
  ['%PDF', 'a PDF document'],
  ['PK\x03\x04', 'a ZIP archive or an Office document'],
  ['\x1f\x8b', 'a gzip archive'],
  ['7z\xbc\xaf', 'a 7-Zip archive'],
  ['Rar!', 'a RAR archive'],
  ['8BPS', 'a Photoshop document'],
  ['\x00\x00\x00\x0cjP', 'a JPEG 2000 picture'],
  ['\xff\x0a', 'a JPEG XL picture'],
  ['\x00\x00\x00\x0cJXL', 'a JPEG XL picture'],
  ['v/1\x01', 'an OpenEXR picture'],
  ['\x93NUMPY', 'a NumPy array'],
  ['\x89HDF', 'an HDF5 file'],
  ['\x7fELF', 'a program'],
  ['MZ', 'a program'],
  ['RIFF', 'a sound or video file'],
  ['SQLite format 3', 'a SQLite database'],
  ['version https://git-lfs', 'a Git LFS pointer, not the file itself'],
  ['<!doctype html', 'an HTML page'],
  ['<html', 'an HTML page'],
  ['<svg', 'an SVG drawing'],
  ['<?xml', 'an XML or SVG document'],
];

/** The format by content, whatever the file is called; undefined when it is none that the codec decodes. */
export function sniffFormat(bytes: Uint8Array): ImageFormat | undefined {
  if (startsWith(bytes, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) return 'png';
  if (startsWith(bytes, [0xff, 0xd8, 0xff])) return 'jpeg';
  if (text(bytes, 0, 4) === 'RIFF' && text(bytes, 8, 12) === 'WEBP') return 'webp';
  const version = text(bytes, 0, 4);
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(version)) return 'tiff';
  if (text(bytes, 0, 2) === 'BM' && bytes.length >= 18 && [12, 16, 40, 52, 56, 64, 108, 124].includes(bytes[14]))
    return 'bmp';
  return undefined;
}

/** Names content that is no decodable picture: "a PDF document", "plain text", "content of an unknown type". */
export function nameContent(bytes: Uint8Array): string {
  const head = text(bytes, 0, 32);
  const found = OTHER_CONTENT.find(([signature]) => head.toLowerCase().startsWith(signature.toLowerCase()));
  if (found) return found[1];
  if (head.slice(4, 8) === 'ftyp') return /heic|heix|mif1|avif|msf1/.test(head) ? 'a HEIF or AVIF picture' : 'a video';
  if (bytes.subarray(0, 512).every((byte) => byte >= 32 || (byte >= 9 && byte <= 13))) return 'plain text';
  if (bytes.subarray(0, 512).every((byte) => byte === 0)) return 'nothing but zeros';
  return 'content of an unknown type';
}

/** Width and height in pixels as stored, before the EXIF orientation. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Walks the segments of a JPEG up to its scan; `visit` gets marker, first and end byte of the payload, and stops by returning true. */
export function walkJpeg(bytes: Uint8Array, visit: (marker: number, start: number, end: number) => boolean): void {
  let at = 2;
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff) {
      at++;
      continue;
    }
    const marker = bytes[at + 1];
    if (marker === 0xff || marker === 0 || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += marker === 0xff ? 1 : 2;
      continue;
    }
    const length = (bytes[at + 2] << 8) | bytes[at + 3];
    if (visit(marker, at + 4, at + 2 + length) || marker === 0xda || marker === 0xd9) return;
    at += 2 + Math.max(2, length);
  }
}

/** Walks RIFF or PNG chunks; `visit` gets the four-letter name, first and end byte of the payload, and stops by returning true. */
export function walkChunks(
  bytes: Uint8Array,
  format: 'png' | 'webp',
  visit: (name: string, start: number, end: number) => boolean,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = format === 'png' ? 8 : 12;
  while (at + 8 <= bytes.length) {
    const length = format === 'png' ? view.getUint32(at) : view.getUint32(at + 4, true);
    const name = format === 'png' ? text(bytes, at + 4, at + 8) : text(bytes, at, at + 4);
    if (visit(name, at + 8, at + 8 + length)) return;
    at += 8 + length + (format === 'png' ? 4 : length % 2);
  }
}

function jpegSize(bytes: Uint8Array): Size | undefined {
  let size: Size | undefined;
  walkJpeg(bytes, (marker, start) => {
    const frame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (!frame || start + 5 > bytes.length) return false;
    const at = (i: number) => (bytes[start + i] << 8) | bytes[start + i + 1];
    size = { height: at(1), width: at(3) };
    return true;
  });
  return size;
}

function webpSize(bytes: Uint8Array): Size | undefined {
  if (bytes.length < 30) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const three = (at: number) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
  switch (text(bytes, 12, 16)) {
    case 'VP8X':
      return { width: three(24) + 1, height: three(27) + 1 };
    case 'VP8L': {
      const bits = view.getUint32(21, true);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    default:
      return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  }
}

/** @returns undefined when the bytes end before the size. */
export function readSize(bytes: Uint8Array, format: ImageFormat): Size | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    switch (format) {
      case 'png':
        return { width: view.getUint32(16), height: view.getUint32(20) };
      case 'jpeg':
        return jpegSize(bytes);
      case 'webp':
        return webpSize(bytes);
      case 'bmp':
        return view.getUint32(14, true) === 12
          ? { width: view.getUint16(18, true), height: view.getUint16(20, true) }
          : { width: Math.abs(view.getInt32(18, true)), height: Math.abs(view.getInt32(22, true)) };
      case 'tiff': {
        const tags = fullPage(bytes)?.tags;
        return tags && { width: tags.get(TIFF_TAGS.width) ?? 0, height: tags.get(TIFF_TAGS.height) ?? 0 };
      }
    }
  } catch {
    return undefined;
  }
}

/** Whether samples have 8 bits or less for certain; others turn out to when they are decoded. */
export function isEightBit(bytes: Uint8Array, format: ImageFormat): boolean {
  if (format === 'png') return bytes[24] <= 8;
  if (format !== 'tiff') return true;
  const tags = fullPage(bytes)?.tags;
  const unsigned = (tags?.get(TIFF_TAGS.sampleFormat) ?? SAMPLE_FORMAT.unsigned) === SAMPLE_FORMAT.unsigned;
  return unsigned && (tags?.get(TIFF_TAGS.bitsPerSample) ?? 1) <= 8;
}

/** Pages or frames of a file, without thumbnails and masks, and which of them is the picture, from 0. */
export interface Pages {
  readonly pages: number;
  readonly page: number;
}

/** How many pictures a file holds, and which one is read. */
export function pagesOf(bytes: Uint8Array, format: ImageFormat): Pages {
  if (format !== 'tiff') return { pages: countFrames(bytes, format), page: 0 };
  const { pages = 1, page = 0 } = fullPage(bytes) ?? {};
  return { pages, page };
}

/** What somebody should know of a file of several pictures: a sentence without its name, or nothing. */
export const pagesNote = ({ pages, page }: Pages): string | undefined =>
  pages > 1 ? `has ${pages} pages, ${page === 0 ? 'the first' : `page ${page + 1}`} is used` : undefined;

function countFrames(bytes: Uint8Array, format: ImageFormat): number {
  if (format !== 'webp' && format !== 'png') return 1;
  let frames = 0;
  walkChunks(bytes, format, (name, start) => {
    if (name === 'ANMF') frames++;
    if (name === 'acTL' && start + 4 <= bytes.length)
      frames = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(start);
    // An animated PNG says so before its pixels.
    return name === 'IDAT' || name === 'VP8 ' || name === 'VP8L';
  });
  return Math.max(1, frames);
}

/** Whether the container promises more bytes than there are; tells a truncated file from a corrupt one. */
export function endsEarly(bytes: Uint8Array, format: ImageFormat): boolean {
  if (format === 'png') {
    let ended = false;
    walkChunks(bytes, 'png', (name, _start, end) => {
      ended = name === 'IEND' && end <= bytes.length;
      return ended;
    });
    return !ended;
  }
  if (format === 'webp') {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return view.getUint32(4, true) + 8 > bytes.length;
  }
  if (format === 'jpeg') {
    for (let at = bytes.length - 2; at > 2; at--) if (bytes[at] === 0xff && bytes[at + 1] === 0xd9) return false;
    return true;
  }
  return false;
}
