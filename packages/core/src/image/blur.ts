/** Gaussian and box blur with SciPy's borders: the picture is mirrored with its edge pixels repeated (d c b a | a b c d). */

/** SciPy's default: the Gaussian is cut off at 4 sigma. */
const TRUNCATE = 4;

/** Right half of the normalised kernel, centre first. */
function halfGaussian(sigma: number): Float64Array {
  const radius = Math.floor(TRUNCATE * sigma + 0.5);
  const half = Float64Array.from({ length: radius + 1 }, (_, i) => Math.exp((-0.5 * i * i) / (sigma * sigma)));
  const sum = half.reduce((total, value, i) => total + (i === 0 ? value : 2 * value), 0);
  return half.map((value) => value / sum);
}

/** Index inside 0…size-1 of any index beyond, mirrored as often as needed. */
function mirror(i: number, size: number): number {
  const period = 2 * size;
  const m = ((i % period) + period) % period;
  return m < size ? m : period - 1 - m;
}

/** Copies `count` values, `stride` apart, with `radius` mirrored ones on both sides. */
function mirrorLine(
  data: Float32Array,
  start: number,
  stride: number,
  count: number,
  radius: number,
  line: Float64Array,
): void {
  for (let i = 0, from = start; i < count; i++, from += stride) line[radius + i] = data[from];
  for (let i = 1; i <= radius; i++) {
    line[radius - i] = data[start + mirror(-i, count) * stride];
    line[radius + count - 1 + i] = data[start + mirror(count - 1 + i, count) * stride];
  }
}

/** Weighted sums of a mirrored line, back into the plane. */
function blurLine(line: Float64Array, half: Float64Array, out: Float32Array, start: number, stride: number): void {
  const radius = half.length - 1;
  const end = line.length - radius;
  const centre = half[0];
  for (let x = radius, to = start; x < end; x++, to += stride) {
    let sum = centre * line[x];
    for (let k = 1; k <= radius; k++) sum += half[k] * (line[x - k] + line[x + k]);
    out[to] = sum;
  }
}

/** Replaces the plane by the result of `filter` on every column, then on every row. */
function filterLines(
  plane: Float32Array,
  width: number,
  height: number,
  radius: number,
  filter: (line: Float64Array, start: number, stride: number) => void,
): void {
  const column = new Float64Array(height + 2 * radius);
  for (let x = 0; x < width; x++) {
    mirrorLine(plane, x, width, height, radius, column);
    filter(column, x, width);
  }
  const row = new Float64Array(width + 2 * radius);
  for (let y = 0; y < height; y++) {
    mirrorLine(plane, y * width, 1, width, radius, row);
    filter(row, y * width, 1);
  }
}

/**
 * Equal to `scipy.ndimage.gaussian_filter(plane, sigma)`: reflected borders, kernel cut at 4 sigma, columns then rows.
 * @param sigma pixels, more than 0; 0 gives a copy.
 */
export function gaussianBlur(plane: Float32Array, width: number, height: number, sigma: number): Float32Array {
  if (plane.length !== width * height || !(sigma >= 0))
    throw new RangeError(`gaussianBlur: ${plane.length} values are not ${width} x ${height}, or sigma ${sigma} < 0`);
  if (sigma === 0 || plane.length === 0) return plane.slice();
  const half = halfGaussian(sigma);
  const out = plane.slice();
  filterLines(out, width, height, half.length - 1, (line, start, stride) => blurLine(line, half, out, start, stride));
  return out;
}

/** Running mean over 2 * radius + 1 values of a mirrored line, back into the plane. */
function boxLine(line: Float64Array, radius: number, out: Float32Array, start: number, stride: number): void {
  const size = 2 * radius + 1;
  let sum = 0;
  for (let i = 0; i < size - 1; i++) sum += line[i];
  for (let i = 0, to = start; i + size <= line.length; i++, to += stride) {
    sum += line[i + size - 1];
    out[to] = sum / size;
    sum -= line[i];
  }
}

/** Mean over a square of 2 * radius + 1, equal to `scipy.ndimage.uniform_filter`; time does not grow with the radius. */
export function boxBlur(plane: Float32Array, width: number, height: number, radius: number): Float32Array {
  if (plane.length !== width * height || !Number.isInteger(radius) || radius < 0)
    throw new RangeError(
      `boxBlur: ${plane.length} values are not ${width} x ${height}, or radius ${radius} is no count`,
    );
  const out = plane.slice();
  filterLines(out, width, height, radius, (line, start, stride) => boxLine(line, radius, out, start, stride));
  return out;
}
