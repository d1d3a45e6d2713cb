/** The codec port: the only place that knows how picture files are read and written. */
import { readFile } from 'node:fs/promises';
import { encode as encodeFastPng } from 'fast-png';
import sharp from 'sharp';
import { fail } from '../errors.ts';
import { describeIoError, isMissing, writeFileAtomic } from '../files.ts';
import { BmpTruncated, decodeBmp } from './bmp.ts';
import { applyOrientation, readOrientation } from './exif.ts';
import {
  endsEarly,
  type ImageFormat,
  nameContent,
  type Pages,
  pagesNote,
  pagesOf,
  readSize,
  type Size,
  sniffFormat,
} from './header.ts';
import { numbersAsGrey } from './indexed-png.ts';
import { checkContent, withoutNotes } from './limits.ts';
import { maskCut } from './mask-values.ts';
import { FULL_RANGES, fullRange, type Picture, type SampleType, type Window, type Windows } from './samples.ts';
import { type FullPage, fullPage, TIFF_TAGS, withPageAlone } from './tiff.ts';
import { decodeOddTiff, isOddTiff, TiffTruncated } from './tiff-samples.ts';
import { IGNORE, type Mask, type Pixels, type RgbImage } from './types.ts';
import { toRgb, toRgbKeeping, windowNote } from './window.ts';

// Every picture is decoded once and then kept as arrays: libvips' cache would hold memory for nothing. Two threads a
// picture: datasets are read several pictures at a time already.
sharp.cache(false);
sharp.concurrency(2);

/** Pictures of 100 megapixels and more are refused before decoding. */
export const DEFAULT_PIXEL_LIMIT = 100_000_000 - 1;

/** A picture as its file holds it, but upright: sample values exact, alpha kept, palette resolved. */
export interface DecodedImage extends Picture, Pages {
  readonly type: SampleType;
  readonly format: ImageFormat;
  /** Bits a sample: 8 in a Uint8Array, 16 in a Uint16Array, 32 in a Float32Array (floats, signed and 32-bit whole numbers). */
  readonly depth: 8 | 16 | 32;
  /** Full range of the sample type in the file. */
  readonly range: Window;
  /** Whether the last channel is alpha. */
  readonly alpha: boolean;
  /** Whether the format changes values, so that masks must be cut at half. */
  readonly lossy: boolean;
  /** What the decoder complained about though it could read every pixel. */
  readonly warning?: string;
}

export interface DecodeOptions {
  /** Named in errors. */
  readonly path?: string;
  /** Most pixels that are decoded; default {@link DEFAULT_PIXEL_LIMIT}. */
  readonly limit?: number;
}

type Decoded = Omit<DecodedImage, 'format' | 'lossy' | 'path' | keyof Pages>;

/** What libvips calls sample types. */
const VIPS_TYPES: Readonly<Record<string, SampleType>> = {
  uchar: 'uint8',
  char: 'int8',
  ushort: 'uint16',
  short: 'int16',
  uint: 'uint32',
  int: 'int32',
};

/** Colour spaces whose numbers are passed on as they are; all others (CMYK, Lab …) become sRGB. */
const KEPT_SPACES = new Set(['b-w', 'grey16', 'srgb', 'rgb', 'rgb16', 'scrgb', 'multiband']);

/**
 * Embedded profiles are ignored for grey and RGB, so that values are the ones in the file, as in every loader
 * of the field; CMYK needs its profile to become RGB at all.
 */
async function decodeWithSharp(bytes: Uint8Array, limit: number, failOn: 'warning' | 'error'): Promise<Decoded> {
  const options = { limitInputPixels: limit, failOn, page: 0, pages: 1 } as const;
  const plain = sharp(bytes, { ...options, ignoreIcc: true });
  const { space = 'srgb', depth = 'uchar', channels: stored, hasAlpha } = await plain.metadata();
  const kept = KEPT_SPACES.has(space);
  // Raw grey output has one channel only, so 8-bit grey with alpha takes the way round over RGBA.
  const greyAlpha = space === 'b-w' && depth === 'uchar' && stored === 2;
  const type = !kept || depth === 'uchar' ? 'uchar' : depth === 'ushort' ? 'ushort' : 'float';
  const { data, info } = await (kept ? plain : sharp(bytes, options))
    .toColourspace(kept && !greyAlpha ? space : 'srgb')
    .raw({ depth: type })
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  // sharp's buffers are their own allocations; a copy is made only where a typed array could not lie on one.
  const buffer = data.byteOffset === 0 ? data.buffer : new Uint8Array(data).buffer;
  const shape = { width, height, channels: channels as number, alpha: hasAlpha === true && channels % 2 === 0 };
  const sampleType = VIPS_TYPES[kept ? depth : 'uchar'] ?? 'float';
  const range = FULL_RANGES[sampleType];
  const facts = { ...shape, type: sampleType, range };
  if (greyAlpha) {
    const pairs = new Uint8Array(width * height * 2);
    for (let i = 0; i < pairs.length; i++) pairs[i] = data[(i >> 1) * 4 + (i % 2) * 3];
    return { ...facts, channels: 2, data: pairs, depth: 8 };
  }
  if (type === 'uchar') return { ...facts, data: new Uint8Array(buffer, 0, data.byteLength), depth: 8 };
  if (type === 'ushort') return { ...facts, data: new Uint16Array(buffer, 0, data.byteLength / 2), depth: 16 };
  return { ...facts, data: new Float32Array(buffer, 0, data.byteLength / 4), depth: 32 };
}

async function decodeUpright(
  bytes: Uint8Array,
  format: ImageFormat,
  page: FullPage | undefined,
  limit: number,
): Promise<Decoded> {
  if (format === 'bmp') {
    const image = decodeBmp(bytes);
    return { ...image, type: 'uint8', depth: 8, range: FULL_RANGES.uint8, alpha: image.channels === 4 };
  }
  const orientation = readOrientation(bytes, format);
  if (page && isOddTiff(page)) {
    const image = decodeOddTiff(bytes, page);
    const depth = image.type === 'uint8' ? 8 : image.type === 'uint16' ? 16 : 32;
    return applyOrientation({ ...image, depth, range: FULL_RANGES[image.type] } as const, orientation);
  }
  const shown = page ? withPageAlone(bytes, page) : format === 'png' ? withoutNotes(bytes) : bytes;
  const strict = await decodeWithSharp(shown, limit, 'warning').catch((error: Error) => error);
  if (!(strict instanceof Error)) return applyOrientation(strict, orientation);
  const lenient = await decodeWithSharp(shown, limit, 'error');
  return { ...applyOrientation(lenient, orientation), warning: strict.message };
}

const ENDS_EARLY = /premature|truncat|unexpected end|end of (file|stream|image|input)|read error|not enough data/i;

function isLossy(bytes: Uint8Array, format: ImageFormat, page: FullPage | undefined): boolean {
  if (format === 'jpeg') return true;
  if (format === 'webp') return !Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes('VP8L');
  const compression = page?.tags.get(TIFF_TAGS.compression);
  return compression === 6 || compression === 7;
}

function checkSize(bytes: Uint8Array, format: ImageFormat, path: string, limit: number): Size {
  const size = readSize(bytes, format);
  if (!size) throw fail('ADC_IMAGE_TRUNCATED', { path, what: `its ${format.toUpperCase()} header is cut off` });
  const { width, height } = size;
  if (width === 0 || height === 0)
    throw fail('ADC_IMAGE_UNREADABLE', { path, what: `its header says ${width} x ${height} pixels` });
  if (width * height > limit) throw fail('ADC_IMAGE_TOO_LARGE', { path, pixels: width * height, limit });
  return size;
}

/**
 * Decodes PNG, JPEG, TIFF, BMP or WebP, told apart by content. Of several pages the first that is no thumbnail; EXIF orientation applied once.
 * @throws ADC_IMAGE_EMPTY, ADC_IMAGE_UNREADABLE (naming what the content is), ADC_IMAGE_TRUNCATED, ADC_IMAGE_TOO_LARGE
 *   (judged by the header, before any pixel is decoded; what the data would unpack to beyond the header's size is not unpacked).
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<DecodedImage> {
  const { path = 'in memory', limit = DEFAULT_PIXEL_LIMIT } = options;
  if (bytes.length === 0) throw fail('ADC_IMAGE_EMPTY', { path });
  const format = sniffFormat(bytes);
  if (!format) throw fail('ADC_IMAGE_UNREADABLE', { path, what: `it is ${nameContent(bytes)}` });
  const size = checkSize(bytes, format, path, limit);
  try {
    const page = format === 'tiff' ? fullPage(bytes) : undefined;
    checkContent(bytes, format, size, page, limit);
    const image = await decodeUpright(bytes, format, page, limit);
    const lossy = isLossy(bytes, format, page);
    return { ...image, ...pagesOf(bytes, format), format, lossy, path };
  } catch (error) {
    const { message } = error as Error;
    const what = `the ${format.toUpperCase()} decoder says "${message.trim().split('\n')[0]}"`;
    const cut = error instanceof BmpTruncated || error instanceof TiffTruncated || error instanceof RangeError;
    const said = cut || ENDS_EARLY.test(message);
    // PNG and WebP say in their chunks how long they are, which is surer than the decoder's words.
    const short = endsEarly(bytes, format) || (said && format !== 'png' && format !== 'webp');
    throw fail(short ? 'ADC_IMAGE_TRUNCATED' : 'ADC_IMAGE_UNREADABLE', { path, what }, error);
  }
}

/** The bytes of a picture. @throws ADC_IMAGE_MISSING, ADC_IMAGE_UNREADABLE. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isMissing(error)) throw fail('ADC_IMAGE_MISSING', { path }, error);
    throw fail('ADC_IMAGE_UNREADABLE', { path, what: describeIoError(error) }, error);
  }
}

/** {@link decodeImage} of a file. @throws also ADC_IMAGE_MISSING. */
export async function readImage(path: string, options: { limit?: number } = {}): Promise<DecodedImage> {
  return decodeImage(await readBytes(path), { ...options, path });
}

/**
 * The upright 8-bit RGB picture. Where the file holds more than 8 bits, indexes, labelers and detectors that are given it go back to its
 * samples and see them through their own windows, unless `window` was given.
 * @param options.windows a product's, see {@link learnWindows}; `window`: any other. By default the full range of the sample type.
 * @throws what {@link readImage} throws; ADC_IMAGE_RANGE.
 */
export async function readRgb(
  path: string,
  options: { limit?: number; window?: Window; windows?: Windows } = {},
): Promise<RgbImage> {
  const image = await readImage(path, options);
  return options.window ? toRgb(image, options.window) : toRgbKeeping(image, options.windows);
}

/**
 * What somebody should know who looks at a picture through a product's windows: pages that are not shown, samples of another kind or
 * beyond the window. Sentences without the picture's name; mostly none.
 */
export const pictureNotes = (image: DecodedImage, windows: Windows | undefined): string[] =>
  [pagesNote(image), windowNote(image, windows)].filter((note) => note !== undefined);

/**
 * Which pixels a mask file marks. A lossless file holds numbers, levels or colours of classes when it is coloured, when its values all
 * lie in the lower half of the range, or when its dark values fill areas: every pixel that is not black is marked. Any other file (0/255,
 * soft edges, JPEG noise) is cut at half of the range, by its brightest colour channel. Transparent pixels are not marked.
 * @param path named in errors. @throws ADC_MASK_VALUES for a lossy file that may have held numbers, and for one that is black wherever it is
 * not transparent.
 */
export function toMask(image: DecodedImage, path = 'in memory'): Mask {
  const { data, width, height, channels } = image;
  const range = fullRange(image);
  const colours = channels - (image.alpha ? 1 : 0);
  const half = range.high / 2;
  const value = new Float32Array(width * height);
  let coloured = false;
  for (let i = 0, at = 0; i < value.length; i++, at += channels) {
    if (image.alpha && data[at + colours] <= half) continue;
    let brightest = data[at];
    for (let c = 1; c < colours; c++) {
      coloured ||= data[at + c] !== data[at];
      brightest = Math.max(brightest, data[at + c]);
    }
    value[i] = brightest;
  }
  if (image.alpha && isStencil(image, value))
    throw fail('ADC_MASK_VALUES', { path, what: 'it is black, and transparent in parts' });
  const cut = maskCut({ values: value, width, height, half, coloured, lossy: image.lossy });
  if (typeof cut === 'string') throw fail('ADC_MASK_VALUES', { path, what: cut });
  const mask = new Uint8Array(value.length);
  for (let i = 0; i < mask.length; i++) mask[i] = value[i] > cut ? 1 : 0;
  return { data: mask, width, height, channels: 1 };
}

/** Whether all that is opaque is black, and some is not opaque: a shape that was drawn in black, or cut out. */
function isStencil({ data, channels, width, height }: DecodedImage, values: Float32Array): boolean {
  if (values.some((value) => value !== 0)) return false;
  const [first, size] = [data[channels - 1], width * height];
  for (let i = 0; i < size; i++) if (data[(i + 1) * channels - 1] !== first) return true;
  return false;
}

/**
 * Two numbers into a PNG's palette that occur and have one colour: what the file tells apart, its colours do not show.
 * @param image what the bytes were decoded to. @returns undefined when there are none.
 */
export async function alikeNumbers(bytes: Uint8Array, image: DecodedImage): Promise<[number, number] | undefined> {
  const grey = image.format === 'png' ? numbersAsGrey(bytes) : undefined;
  if (grey === undefined) return undefined;
  const { data: numbers } = await decodeImage(grey);
  const most = 2 ** (bytes[24] ?? 8) - 1;
  const { data, channels, alpha } = image;
  const known = new Map<string, number>();
  const met = new Set<number>();
  for (let i = 0, at = 0; i < numbers.length; i++, at += channels) {
    const number = Math.round((numbers[i] * most) / 255);
    if (met.has(number)) continue;
    met.add(number);
    if (alpha && data[at + channels - 1] === 0) continue;
    const colour = data.slice(at, at + channels).join();
    const other = known.get(colour);
    if (other !== undefined) return [other, number];
    known.set(colour, number);
  }
  return undefined;
}

/** {@link readMask} of bytes. @throws ADC_MASK_SIZE, and what {@link decodeImage} throws. */
export async function decodeMask(bytes: Uint8Array, path: string, want?: Size): Promise<Mask> {
  // By its header first, which may announce any number of pixels.
  if (want) checkMaskSize(imageSize(bytes, path), want, path);
  const image = await decodeImage(bytes, { path });
  const mask = toMask(image, path);
  const alike = mask.data.includes(1) ? undefined : await alikeNumbers(bytes, image);
  if (alike) throw fail('ADC_MASK_VALUES', { path, what: `its palette has one colour for ${alike.join(' and ')}` });
  return mask;
}

function checkMaskSize(mask: Size, want: Size, path: string): void {
  const size = ({ width, height }: Size) => `${width} x ${height}`;
  if (mask.width !== want.width || mask.height !== want.height)
    throw fail('ADC_MASK_SIZE', { path, got: size(mask), want: size(want) });
}

/**
 * Size of the upright picture, from its header: nothing is decoded.
 * @throws what {@link decodeImage} throws for a file that is none, that is cut off in its header, or too large.
 */
export function imageSize(bytes: Uint8Array, path: string): Size {
  if (bytes.length === 0) throw fail('ADC_IMAGE_EMPTY', { path });
  const format = sniffFormat(bytes);
  if (!format) throw fail('ADC_IMAGE_UNREADABLE', { path, what: `it is ${nameContent(bytes)}` });
  const { width, height } = checkSize(bytes, format, path, DEFAULT_PIXEL_LIMIT);
  // Orientations from 5 on lie on their side.
  const turned = format !== 'bmp' && readOrientation(bytes, format) >= 5;
  return turned ? { width: height, height: width } : { width, height };
}

/** {@link imageSize} of a file. @throws also ADC_IMAGE_MISSING. */
export const readImageSize = async (path: string): Promise<Size> => imageSize(await readBytes(path), path);

/**
 * Reads a mask by the rule of {@link toMask}.
 * @param want the size of the image it belongs to. @throws ADC_MASK_SIZE when it differs, and what {@link readImage} throws.
 */
export async function readMask(path: string, want?: Size): Promise<Mask> {
  return decodeMask(await readBytes(path), path, want);
}

/** PNG of 1–4 channels (grey, grey + alpha, RGB, RGBA), lossless at 8 or 16 bits. */
export async function encodePng(image: Pixels<Uint8Array> | Pixels<Uint16Array>): Promise<Uint8Array> {
  const { data, width, height } = image;
  const channels = image.channels as 1 | 2 | 3 | 4;
  if (data.length !== width * height * channels || channels < 1 || channels > 4)
    throw new RangeError(`encodePng: ${data.length} samples are not ${width} x ${height} x ${channels}`);
  // libvips writes 16-bit PNG from raw data wrongly; fast-png is exact, only slower.
  if (data instanceof Uint16Array) return encodeFastPng({ data, width, height, channels, depth: 16 });
  return sharp(data, { raw: { width, height, channels } })
    .toColourspace(channels < 3 ? 'b-w' : 'srgb')
    .png()
    .toBuffer();
}

/** A mask as every tool reads it: grey PNG, 255 defect, 0 elsewhere (IGNORE is written as 0, since no format names it). */
export async function encodeMask(mask: Mask): Promise<Uint8Array> {
  const data = new Uint8Array(mask.data.length);
  for (let i = 0; i < data.length; i++) data[i] = mask.data[i] === 0 || mask.data[i] === IGNORE ? 0 : 255;
  return encodePng({ ...mask, data });
}

/** JPEG of 1 or 3 channels with full colour resolution. @param quality 1–100. */
export async function encodeJpeg(image: Pixels<Uint8Array>, quality = 90): Promise<Uint8Array> {
  const { data, width, height } = image;
  const channels = image.channels as 1 | 3;
  return sharp(data, { raw: { width, height, channels } })
    .toColourspace(channels < 3 ? 'b-w' : 'srgb')
    .jpeg({ quality, chromaSubsampling: '4:4:4' })
    .toBuffer();
}

/** {@link encodePng} into a file, atomically. @throws ADC_DISK. */
export async function writePng(path: string, image: Pixels<Uint8Array> | Pixels<Uint16Array>): Promise<void> {
  await writeFileAtomic(path, await encodePng(image));
}

/** {@link encodeMask} into a file, atomically. @throws ADC_DISK. */
export async function writeMask(path: string, mask: Mask): Promise<void> {
  await writeFileAtomic(path, await encodeMask(mask));
}
