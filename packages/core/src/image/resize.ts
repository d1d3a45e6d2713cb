/** Resizing: exact area averages where an axis shrinks, bilinear between pixel centres where it grows. */
import { IGNORE, type Mask, type Plane, type RgbImage } from './types.ts';

/** For each target index of an axis: its first source index and `taps` weights that sum to 1. */
interface Axis {
  readonly taps: number;
  readonly first: Int32Array;
  readonly weights: Float32Array;
}

/** Share of each source pixel in each target pixel, the area rule (OpenCV's INTER_AREA). */
function areaAxis(from: number, to: number): Axis {
  const scale = from / to;
  const taps = from % to === 0 ? scale : Math.min(from, Math.ceil(scale) + 1);
  const first = new Int32Array(to);
  const weights = new Float32Array(to * taps);
  for (let i = 0; i < to; i++) {
    const low = (i * from) / to;
    const high = ((i + 1) * from) / to;
    const start = Math.min(Math.floor(low), from - taps);
    first[i] = start;
    for (let k = 0; k < taps; k++) {
      const overlap = Math.min(high, start + k + 1) - Math.max(low, start + k);
      if (overlap > 1e-9) weights[i * taps + k] = overlap / scale;
    }
  }
  return { taps, first, weights };
}

/** Bilinear with half-pixel centres, clamped at the edges (PyTorch's align_corners=False, ONNX half_pixel). */
function linearAxis(from: number, to: number): Axis {
  const taps = Math.min(2, from);
  const first = new Int32Array(to);
  const weights = new Float32Array(to * taps);
  for (let i = 0; i < to; i++) {
    const centre = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const start = Math.min(Math.floor(centre), from - taps);
    first[i] = start;
    weights[i * taps] = taps === 1 ? 1 : 1 - (centre - start);
    if (taps === 2) weights[i * taps + 1] = centre - start;
  }
  return { taps, first, weights };
}

const axisOf = (from: number, to: number) => (to < from ? areaAxis(from, to) : linearAxis(from, to));

type Samples = Uint8Array | Float32Array;

/** Weighted sum of the source rows that target row `y` is made of. */
function blendRows(data: Samples, length: number, axis: Axis, y: number, line: Float32Array): void {
  const { taps, weights } = axis;
  const start = axis.first[y] * length;
  const head = weights[y * taps];
  const next = taps > 1 ? weights[y * taps + 1] : 0;
  if (next === 0) for (let i = 0, a = start; i < length; i++, a++) line[i] = head * data[a];
  else
    for (let i = 0, a = start, b = start + length; i < length; i++, a++, b++) line[i] = head * data[a] + next * data[b];
  for (let k = 2; k < taps; k++) {
    const weight = weights[y * taps + k];
    if (weight === 0) continue;
    for (let i = 0, a = start + k * length; i < length; i++, a++) line[i] = line[i] + weight * data[a];
  }
}

/** One blended row of one channel to the target width; `round` is 0.5 where the target truncates to whole numbers. */
function resampleRow(line: Float32Array, axis: Axis, round: number, out: Samples, at: number): void {
  const { taps, first, weights } = axis;
  for (let x = 0, w = 0, to = at; x < first.length; x++, to++) {
    const from = first[x];
    // Begins as a sum of fractions: beginning at a whole number, each step would be a piece of memory of its own.
    let sum = round + weights[w++] * line[from];
    for (let k = 1; k < taps; k++, w++) sum += weights[w] * line[from + k];
    out[to] = sum;
  }
}

/** {@link resampleRow} for three interleaved channels at once. */
function resampleRow3(line: Float32Array, axis: Axis, round: number, out: Samples, at: number): void {
  const { taps, first, weights } = axis;
  for (let x = 0, w = 0, to = at; x < first.length; x++, to += 3) {
    let i = 3 * first[x];
    let red = round;
    let green = round;
    let blue = round;
    for (let k = 0; k < taps; k++, w++, i += 3) {
      const weight = weights[w];
      red += weight * line[i];
      green += weight * line[i + 1];
      blue += weight * line[i + 2];
    }
    out[to] = red;
    out[to + 1] = green;
    out[to + 2] = blue;
  }
}

function checkSize(width: number, height: number): void {
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0))
    throw new RangeError(`resize: ${width} x ${height} is no size`);
}

/** Separable, with one source row in flight. Takes 1 or 3 channels. */
function resample<Data extends Samples>(
  source: { readonly data: Data; readonly width: number; readonly height: number; readonly channels: number },
  width: number,
  height: number,
  out: Data,
): Data {
  checkSize(width, height);
  const { data, channels } = source;
  const horizontal = axisOf(source.width, width);
  const vertical = axisOf(source.height, height);
  const length = source.width * channels;
  const line = new Float32Array(length);
  const row = channels === 3 ? resampleRow3 : resampleRow;
  const round = out instanceof Uint8Array ? 0.5 : 0;
  for (let y = 0; y < height; y++) {
    blendRows(data, length, vertical, y, line);
    row(line, horizontal, round, out, y * width * channels);
  }
  return out;
}

/**
 * {@link resample} of a plane whose axes both grow: rows first, since each then serves several target rows, which take two products a
 * pixel. A map of a megapixel fits a picture of twelve in three quarters of the time.
 */
function enlarge(plane: Plane, width: number, height: number, out: Float32Array): Float32Array {
  checkSize(width, height);
  const horizontal = axisOf(plane.width, width);
  const vertical = axisOf(plane.height, height);
  const { taps, first, weights } = vertical;
  const wide = (row: number, to: Float32Array) => {
    const line = plane.data.subarray(row * plane.width, (row + 1) * plane.width);
    resampleRow(line, horizontal, 0, to, 0);
  };
  let [upper, lower] = [new Float32Array(width), new Float32Array(width)];
  let current = -1;
  for (let y = 0, at = 0; y < height; y++) {
    const row = first[y];
    if (row !== current) {
      [upper, lower] = [lower, upper];
      if (current < 0 || row !== current + 1) wide(row, upper);
      if (taps > 1) wide(row + 1, lower);
      current = row;
    }
    const head = weights[y * taps];
    const next = taps > 1 ? weights[y * taps + 1] : 0;
    for (let x = 0; x < width; x++, at++) out[at] = head * upper[x] + next * lower[x];
  }
  return out;
}

/** A picture at another size, rounded to 8 bits. The same size gives the same object back. */
export function resizeRgb(image: RgbImage, width: number, height: number): RgbImage {
  if (width === image.width && height === image.height) return image;
  const data = resample(image, width, height, new Uint8Array(width * height * 3));
  return { data, width, height, channels: 3 };
}

/** A float map at another size. The same size gives the same object back. */
export function resizePlane(plane: Plane, width: number, height: number): Plane {
  if (width === plane.width && height === plane.height) return plane;
  const out = new Float32Array(width * height);
  const grows = width >= plane.width && height >= plane.height;
  return { data: (grows ? enlarge : resample)(plane, width, height, out), width, height, channels: 1 };
}

/** Rounding of the weights must not push an exact half below it. */
const HALF = 0.5 - 1e-5;

/**
 * A mask at another size: a pixel is defect when at least half of what it covers is. Ignored pixels stay ignored where they
 * cover half, and count for neither side elsewhere.
 */
export function resizeMask(mask: Mask, width: number, height: number): Mask {
  if (width === mask.width && height === mask.height) return mask;
  const plane = { ...mask, data: new Float32Array(mask.data.length) };
  for (let i = 0; i < plane.data.length; i++) plane.data[i] = mask.data[i] && mask.data[i] !== IGNORE ? 1 : 0;
  const defect = resample(plane, width, height, new Float32Array(width * height));
  const data = new Uint8Array(defect.length);
  if (!mask.data.includes(IGNORE)) {
    for (let i = 0; i < data.length; i++) data[i] = defect[i] >= HALF ? 1 : 0;
    return { data, width, height, channels: 1 };
  }
  for (let i = 0; i < plane.data.length; i++) plane.data[i] = mask.data[i] === IGNORE ? 1 : 0;
  const ignored = resample(plane, width, height, new Float32Array(width * height));
  for (let i = 0; i < data.length; i++) {
    const hidden = ignored[i];
    if (hidden >= HALF) data[i] = IGNORE;
    else data[i] = defect[i] >= HALF * (1 - hidden) ? 1 : 0;
  }
  return { data, width, height, channels: 1 };
}
