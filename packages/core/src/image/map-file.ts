/** Files of anomaly maps, ours and other methods': TIFF, PNG and `.npy`, one finite number a pixel. */
import { fail } from '../errors.ts';
import { writeFileAtomic } from '../files.ts';
import { DEFAULT_PIXEL_LIMIT, type DecodedImage, decodeImage, readBytes } from './codec.ts';
import { encodeFloatTiff } from './float-tiff.ts';
import { decodeNpy, isNpy } from './npy.ts';
import type { Pixels, Plane } from './types.ts';

/** Endings of files that may be maps, lower case. */
export const MAP_EXTENSIONS: ReadonlySet<string> = new Set(['.tiff', '.tif', '.npy', '.png']);

type Values = Pixels['data'];

/** The sides of an array that is one map, whatever axes of length 1 stand around it. */
function sidesOf(shape: readonly number[]): readonly [height: number, width: number] {
  const sides = [...shape];
  while (sides.length > 2 && sides[0] === 1) sides.shift();
  while (sides.length > 2 && sides.at(-1) === 1) sides.pop();
  const [height, width] = sides;
  if (sides.length === 2 && height > 0 && width > 0) return [height, width];
  throw new Error(`its shape is (${shape.join(', ')}), not one height and one width`);
}

/** The values of a picture that is a map: its only channel, or one of several that are the same. */
function valuesOf(image: DecodedImage): Values {
  const { data, width, height, channels, alpha, format } = image;
  if (format !== 'tiff' && format !== 'png') throw new Error(`it is a ${format.toUpperCase()} picture`);
  if (image.lossy) throw new Error('its compression changes values');
  if (image.pages > 1) throw new Error(`it has ${image.pages} pages, not one`);
  if (channels === 1) return data;
  const colours = channels - (alpha ? 1 : 0);
  if (colours !== 1 && colours !== 3) throw new Error(`it has ${channels} channels, not one`);
  const values = new Float32Array(width * height);
  for (let i = 0, at = 0; i < values.length; i++, at += channels) {
    values[i] = data[at];
    if (colours === 3 && (data[at + 1] !== data[at] || data[at + 2] !== data[at]))
      throw new Error('it is in colour: a drawing of a map, whose values are not to be had from it');
    if (alpha && data[at + colours] !== data[colours]) throw new Error('it is transparent in parts');
  }
  return values;
}

/** @throws Error that names the first value that is no finite number. */
function checkFinite(values: Values, width: number): void {
  if (!(values instanceof Float32Array)) return;
  let count = 0;
  let first = -1;
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i])) {
      if (count++ === 0) first = i;
    }
  if (count === 0) return;
  const more = count > 1 ? `, the first of ${count} such values` : '';
  throw new Error(`it holds ${values[first]} at ${first % width},${Math.floor(first / width)}${more}`);
}

/**
 * Reads one map, told apart by content: a `.npy` array of height by width (axes of length 1 around them do not matter), a TIFF or PNG of one channel or
 * of grey in three. Values are as they stand in the file, in single precision.
 * @throws ADC_MAP; ADC_IMAGE_EMPTY, ADC_IMAGE_UNREADABLE, ADC_IMAGE_TRUNCATED, ADC_IMAGE_TOO_LARGE for TIFF and PNG.
 */
export async function decodeMap(bytes: Uint8Array, path: string): Promise<Plane> {
  const array = bytes.length > 0 && isNpy(bytes);
  const image = array ? undefined : await decodeImage(bytes, { path });
  try {
    const plane = image ? planeOf(valuesOf(image), image) : planeOfArray(bytes);
    checkFinite(plane.data, plane.width);
    return plane;
  } catch (error) {
    throw fail('ADC_MAP', { path, what: (error as Error).message }, error);
  }
}

function planeOfArray(bytes: Uint8Array): Plane {
  const { shape, data } = decodeNpy(bytes, DEFAULT_PIXEL_LIMIT);
  const [height, width] = sidesOf(shape);
  return { data, width, height, channels: 1 };
}

const planeOf = (values: Values, { width, height }: Pixels): Plane => ({
  data: values instanceof Float32Array ? values : Float32Array.from(values),
  width,
  height,
  channels: 1,
});

/** {@link decodeMap} of a file. @throws also ADC_IMAGE_MISSING. */
export const readMap = async (path: string): Promise<Plane> => decodeMap(await readBytes(path), path);

/** Writes a map to the last bit: a TIFF of single-precision floats, atomically. @throws ADC_DISK. */
export const writeMap = (path: string, map: Plane): Promise<void> => writeFileAtomic(path, encodeFloatTiff(map));
