/** The orientation tag: found in any container, applied once to decoded pixels. */
import { type ImageFormat, walkChunks, walkJpeg } from './header.ts';
import { fullPage, readDirectory, TIFF_TAGS } from './tiff.ts';
import type { Pixels } from './types.ts';

/** EXIF orientation, 1 upright to 8; 5–8 swap width and height. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

const EXIF_PREFIX = [0x45, 0x78, 0x69, 0x66, 0, 0];

/** The block without the "Exif\0\0" prefix, which JPEG demands and some WebP writers add. */
function stripPrefix(block: Uint8Array): Uint8Array {
  return EXIF_PREFIX.every((byte, i) => block[i] === byte) ? block.subarray(6) : block;
}

function findExif(bytes: Uint8Array, format: ImageFormat): Uint8Array | undefined {
  let block: Uint8Array | undefined;
  if (format === 'jpeg')
    walkJpeg(bytes, (marker, start, end) => {
      const payload = bytes.subarray(start, end);
      if (marker !== 0xe1 || !EXIF_PREFIX.every((byte, i) => payload[i] === byte)) return false;
      block = payload;
      return true;
    });
  else if (format === 'png' || format === 'webp')
    walkChunks(bytes, format, (name, start, end) => {
      if (name !== 'eXIf' && name !== 'EXIF') return false;
      block = bytes.subarray(start, end);
      return true;
    });
  return block && stripPrefix(block);
}

/** The orientation a file asks for; 1 when it has none, a value outside 1–8 or a damaged EXIF block. */
export function readOrientation(bytes: Uint8Array, format: ImageFormat): Orientation {
  try {
    const block = format === 'tiff' ? undefined : findExif(bytes, format);
    const tags = format === 'tiff' ? fullPage(bytes)?.tags : block && readDirectory(block);
    const value = tags?.get(TIFF_TAGS.orientation);
    return value !== undefined && value >= 1 && value <= 8 ? (value as Orientation) : 1;
  } catch {
    return 1;
  }
}

/** Where upright pixel (x, y) lies in the stored picture: `start + x * right + y * down`, counted in pixels. */
function uprightSteps(orientation: Orientation, width: number, height: number) {
  const last = width * height - 1;
  const steps = {
    1: { start: 0, right: 1, down: width },
    2: { start: width - 1, right: -1, down: width },
    3: { start: last, right: -1, down: -width },
    4: { start: last - width + 1, right: 1, down: -width },
    5: { start: 0, right: width, down: 1 },
    6: { start: last - width + 1, right: -width, down: 1 },
    7: { start: last, right: -width, down: -1 },
    8: { start: width - 1, right: width, down: -1 },
  } as const satisfies Record<Orientation, { start: number; right: number; down: number }>;
  return steps[orientation];
}

/** Turns stored pixels upright. Exact: pixels move, values stay. Orientation 1 gives the same object back. */
export function applyOrientation<Image extends Pixels>(image: Image, orientation: Orientation): Image {
  if (orientation === 1) return image;
  const { data, channels } = image;
  const { start, right, down } = uprightSteps(orientation, image.width, image.height);
  const [width, height] = orientation < 5 ? [image.width, image.height] : [image.height, image.width];
  const upright = data.slice(0) as typeof data;
  let at = 0;
  for (let y = 0; y < height; y++) {
    let from = (start + y * down) * channels;
    for (let x = 0; x < width; x++, from += right * channels)
      for (let c = 0; c < channels; c++) upright[at++] = data[from + c];
  }
  return { ...image, data: upright, width, height };
}
