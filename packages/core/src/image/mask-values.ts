/** What the grey values of a mask mean: numbers of classes, of which every one counts, or the soft edges of one area. */
import { connectedComponents } from './components.ts';

/** The values of a mask's pixels, and what is known of them. */
export interface MaskValues {
  /** Of the brightest colour channel; 0 is black. */
  readonly values: Float32Array;
  readonly width: number;
  readonly height: number;
  /** Half of the range of the file's values. */
  readonly half: number;
  readonly coloured: boolean;
  /** Whether the file keeps values only roughly. */
  readonly lossy: boolean;
}

/**
 * Shares of the dark pixels that lie amid pixels of their own value. Measured on drawn masks: 0 to 0.001 where they are edges (smoothed,
 * blurred, enlarged, once a JPEG), 0.9 where they are classes; in JPEG, with some leeway, 0 to 0.06 and 0.48 to 0.8.
 */
const FLAT_SHARE = 0.05;
const FLAT_SHARE_LOSSY = 0.2;
/** Leeway of values in JPEG, and the darkest that counts, as parts of half the range. */
const LEEWAY = 1 / 32;
const NOISE = 1 / 8;
/** Pixels that a region needs for its one value to be no accident. */
const SMALLEST = 4;

/** Share of the pixels with values from `darkest` up to half that lie, with all eight neighbours, within `leeway`. */
function flatShare({ values, width, height, half }: MaskValues, darkest: number, leeway: number): number {
  let [dark, flat] = [0, 0];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const value = values[at];
      if (value <= darkest || value > half) continue;
      dark++;
      if (x === 0 || y === 0 || x === width - 1 || y === height - 1) continue;
      let same = true;
      for (let row = at - width; same && row <= at + width; row += width)
        for (let i = row - 1; same && i <= row + 1; i++) same = Math.abs(values[i] - value) <= leeway;
      if (same) flat++;
    }
  return dark === 0 ? 0 : flat / dark;
}

/** Whether a region that touches nothing above half has one value only, as no soft edge has. */
function hasPlainRegion({ values, width, height, half }: MaskValues): boolean {
  const marked = Uint8Array.from(values, (value) => (value > 0 ? 1 : 0));
  const { labels, count, areas } = connectedComponents(marked, width, height, 8);
  const first = new Float32Array(count).fill(-1);
  const plain = new Uint8Array(count).fill(1);
  labels.forEach((label, i) => {
    if (label === 0) return;
    if (first[label - 1] < 0) first[label - 1] = values[i];
    if (values[i] > half || values[i] !== first[label - 1]) plain[label - 1] = 0;
  });
  return areas.some((area, i) => area >= SMALLEST && plain[i] === 1);
}

/**
 * The value above which pixels are marked: 0, so that everything not black counts, when the values are numbers or colours of classes, or
 * levels; half of the range when they are the edges of white areas.
 * @returns why it cannot be told, for a lossy file whose values may have been numbers.
 */
export function maskCut(mask: MaskValues): number | string {
  const { values, half, coloured, lossy } = mask;
  const highest = values.reduce((most, value) => Math.max(most, value), 0);
  if (lossy) {
    if (highest > 0 && highest <= half)
      return 'it holds dark values only, which may be numbers of classes; JPEG does not keep those';
    if (flatShare(mask, half * NOISE, half * LEEWAY) >= FLAT_SHARE_LOSSY)
      return 'it holds areas of several grey levels, which may be classes; JPEG does not keep those';
    return half;
  }
  if (coloured || highest <= half) return 0;
  return flatShare(mask, 0, 0) >= FLAT_SHARE || hasPlainRegion(mask) ? 0 : half;
}
