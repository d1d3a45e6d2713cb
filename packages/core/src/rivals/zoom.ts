/** What SimpleClick looks at (isegm/inference/transforms/zoom_in.py, utils/misc.py): a part of the picture around the mask so far, brought to its size. */
import type { ImageClick } from '../clicks/types.ts';
import type { Pixels, Plane } from '../image/types.ts';

/** A part of a picture: first and last row and column, all inside. */
export interface Crop {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** How much is shown around a mask. */
export interface ZoomSettings {
  /** Sides of the mask's box times this. */
  readonly expansion: number;
  /** Least side of a part, pixels of the picture. */
  readonly least: number;
  /** Parts that overlap less are not the same: the look moves. */
  readonly overlap: number;
  /** Probability above which a pixel belongs to the mask here. */
  readonly threshold: number;
}

/** As SimpleClick is evaluated. */
export const ZOOM: ZoomSettings = { expansion: 1.4, least: 200, overlap: 0.5, threshold: 0.5 };

/** Python's rounding: halves to the even neighbour. */
function roundHalfEven(value: number): number {
  const low = Math.floor(value);
  const part = value - low;
  if (part !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

export const wholeOf = ({ width, height }: { readonly width: number; readonly height: number }): Crop => ({
  top: 0,
  bottom: height - 1,
  left: 0,
  right: width - 1,
});

/** A stretch from its middle, longer by a factor and at least so long, inside of 0 to `end`. */
function stretched(first: number, last: number, end: number, { expansion, least }: ZoomSettings): [number, number] {
  const middle = 0.5 * (first + last);
  const half = 0.5 * Math.max(expansion * (last - first + 1), least);
  return [Math.max(0, roundHalfEven(middle - half)), Math.min(end, roundHalfEven(middle + half))];
}

/** The part around a mask and the positive clicks; nothing where the mask is empty. */
export function cropAround(map: Plane, clicks: readonly ImageClick[], settings: ZoomSettings): Crop | undefined {
  const { data, width, height } = map;
  let [top, bottom, left, right] = [height, -1, width, -1];
  const take = (x: number, y: number) => {
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    [left, right] = [Math.min(left, x), Math.max(right, x)];
  };
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) if (data[at] > settings.threshold) take(x, y);
  if (bottom < 0) return undefined;
  for (const { x, y, positive } of clicks) if (positive) take(x, y);
  const [firstRow, lastRow] = stretched(top, bottom, height - 1, settings);
  const [firstColumn, lastColumn] = stretched(left, right, width - 1, settings);
  return { top: firstRow, bottom: lastRow, left: firstColumn, right: lastColumn };
}

const overlap = (a: number, b: number, c: number, d: number): number =>
  Math.max(0, Math.min(b, d) - Math.max(a, c) + 1) / Math.max(1e-6, Math.max(b, d) - Math.min(a, c) + 1);

/** Overlap of two parts: that of their rows times that of their columns. */
const overlapOf = (a: Crop, b: Crop): number =>
  overlap(a.top, a.bottom, b.top, b.bottom) * overlap(a.left, a.right, b.left, b.right);

/** Whether all positive clicks lie inside, last row and column excepted. */
const holds = ({ top, bottom, left, right }: Crop, clicks: readonly ImageClick[]): boolean =>
  clicks.every(({ x, y, positive }) => !positive || (y >= top && y < bottom && x >= left && x < right));

/** The part to look at next: the one before, unless a positive click lies outside of it or the mask asks for another. */
export function nextCrop(
  before: Crop | undefined,
  map: Plane | undefined,
  clicks: readonly ImageClick[],
  whole: Crop,
  settings: ZoomSettings,
): Crop {
  const wanted = (map && cropAround(map, clicks, settings)) ?? whole;
  const stays = before && holds(before, clicks) && overlapOf(wanted, before) >= settings.overlap;
  return stays ? before : wanted;
}

/** For each of `to` samples the place among those from `first` to `last`: both ends in the same places (PyTorch's align_corners). */
const placesOf = (first: number, last: number, to: number): Float64Array =>
  Float64Array.from({ length: to }, (_, i) => first + (to > 1 ? (i * (last - first)) / (to - 1) : 0));

/**
 * One channel of a part at another size, bilinear with aligned corners and without smoothing.
 * @param out row-major, `height` by `width` from `at` on. @param factor on every value.
 */
export function alignedCrop(
  { data, width: from, channels }: Pixels,
  channel: number,
  { top, bottom, left, right }: Crop,
  { width, height }: { readonly width: number; readonly height: number },
  out: Float32Array,
  { at = 0, factor = 1 } = {},
): void {
  const rows = placesOf(top, bottom, height);
  const columns = placesOf(left, right, width);
  for (let y = 0, i = at; y < height; y++) {
    const upper = Math.floor(rows[y]);
    const down = rows[y] - upper;
    const above = upper * from;
    const below = Math.min(upper + 1, bottom) * from;
    for (let x = 0; x < width; x++, i++) {
      const near = Math.floor(columns[x]);
      const right1 = Math.min(near + 1, right);
      const across = columns[x] - near;
      const value = (row: number, column: number) => data[(row + column) * channels + channel];
      const first = value(above, near) * (1 - across) + value(above, right1) * across;
      const second = value(below, near) * (1 - across) + value(below, right1) * across;
      out[i] = factor * (first * (1 - down) + second * down);
    }
  }
}
