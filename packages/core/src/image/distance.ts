/** Exact Euclidean distance transform (after Meijster, Roerdink and Hesselink 2000), in linear time. */

/** Vertical distance to the nearest zero of the column; `edge` is that of a non-zero pixel of the first and last row to the outside. */
function columnDistances(inside: Uint8Array, width: number, edge: number, out: Float32Array): void {
  const last = inside.length - width;
  for (let i = 0; i < width; i++) out[i] = inside[i] ? edge : 0;
  for (let i = width; i < inside.length; i++) out[i] = inside[i] ? out[i - width] + 1 : 0;
  for (let i = last; i < inside.length; i++) if (out[i] > edge) out[i] = edge;
  for (let i = last - 1; i >= 0; i--) {
    const below = out[i + width] + 1;
    if (below < out[i]) out[i] = below;
  }
}

/**
 * Replaces the vertical distances of one row by squared Euclidean ones. Only runs of non-zero distances are worked on: the zeros
 * at a run's ends are nearer than anything behind them.
 */
class RowEnvelope {
  private readonly centres: Int32Array;
  private readonly starts: Float64Array;
  private readonly heights: Float64Array;
  /** 1 / 2d instead of a division; its rounding is far below the 1 / 2d that a crossing is off any pixel it does not hit. */
  private readonly halves: Float64Array;

  constructor(width: number) {
    this.centres = new Int32Array(width + 2);
    this.starts = new Float64Array(width + 3);
    this.heights = new Float64Array(width + 2);
    this.halves = Float64Array.from({ length: width + 2 }, (_, d) => 1 / (2 * d));
  }

  /** Run from `left` to `right` exclusive; a zero stands at `left - 1` / `right` where the flags say so. */
  run(row: Float32Array, offset: number, left: number, right: number, zeroLeft: boolean, zeroRight: boolean): void {
    if (zeroLeft && zeroRight && right - left <= 2) {
      row[offset + left] = 1;
      row[offset + right - 1] = 1;
      return;
    }
    const { centres, starts, heights, halves } = this;
    const first = zeroLeft ? left - 1 : left;
    const end = zeroRight ? right + 1 : right;
    let top = -1;
    for (let q = first; q < end; q++) {
      const g = q < left || q >= right ? 0 : row[offset + q];
      const height = g * g + q * q;
      let from = Number.NEGATIVE_INFINITY;
      while (top >= 0) {
        from = (height - heights[top]) * halves[q - centres[top]];
        if (from > starts[top]) break;
        top--;
      }
      if (top < 0) from = Number.NEGATIVE_INFINITY;
      top++;
      centres[top] = q;
      heights[top] = height;
      starts[top] = from;
    }
    starts[top + 1] = Number.POSITIVE_INFINITY;
    let k = 0;
    for (let x = left; x < right; x++) {
      while (starts[k + 1] < x) k++;
      row[offset + x] = heights[k] + x * (x - 2 * centres[k]);
    }
  }
}

/**
 * Squared distance of each non-zero pixel to the nearest zero pixel, exact up to 16.7 million (float32 integers).
 * @param border whether pixels outside the raster count as zero or do not count; without any zero all distances are huge.
 */
export function squaredDistance(
  inside: Uint8Array,
  width: number,
  height: number,
  border: 'zero' | 'none',
  out: Float32Array = new Float32Array(inside.length),
): Float32Array {
  if (inside.length !== width * height || out.length !== inside.length)
    throw new RangeError(`squaredDistance: ${inside.length} pixels into ${out.length} are not ${width} x ${height}`);
  if (inside.length === 0) return out;
  const zeroBorder = border === 'zero';
  // A sum of both sides is farther than any pixel of the raster, so it never wins against a real zero.
  columnDistances(inside, width, zeroBorder ? 1 : width + height, out);
  const envelope = new RowEnvelope(width);
  for (let y = 0; y < height; y++) {
    const offset = y * width;
    for (let x = 0; x < width; x++) {
      if (!inside[offset + x]) continue;
      const left = x;
      while (x < width && inside[offset + x]) x++;
      envelope.run(out, offset, left, x, left > 0 || zeroBorder, x < width || zeroBorder);
    }
  }
  return out;
}

/**
 * Euclidean distance in pixels of each non-zero pixel to the nearest zero pixel, 0 on zero pixels; pixels outside the
 * raster count as zero, so a pixel at the border is at distance 1 or less (as RITM and SimpleClick do with OpenCV on a padded image).
 * @param out optional buffer of width * height that is filled and returned, for inner loops.
 */
export function distanceTransform(inside: Uint8Array, width: number, height: number, out?: Float32Array): Float32Array {
  const distances = squaredDistance(inside, width, height, 'zero', out);
  for (let i = 0; i < distances.length; i++) if (inside[i]) distances[i] = Math.sqrt(distances[i]);
  return distances;
}
