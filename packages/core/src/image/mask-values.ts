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
const SMALLEST_LOSSY = 9;
/** Brightest that traces of compression become apart from white areas, as a part of half the range. */
const DARK = 1 / 2;

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

/** A region of pixels that touch, by their values. */
interface Region {
  area: number;
  lowest: number;
  highest: number;
}

/** Regions of pixels above `darkest`, corners joined. */
function regionsOf({ values, width, height }: MaskValues, darkest: number): Region[] {
  const marked = Uint8Array.from(values, (value) => (value > darkest ? 1 : 0));
  const { labels, areas } = connectedComponents(marked, width, height, 8);
  const regions = areas.map((area) => ({ area, lowest: Number.POSITIVE_INFINITY, highest: 0 }));
  labels.forEach((label, i) => {
    if (label === 0) return;
    const region = regions[label - 1] as Region;
    region.lowest = Math.min(region.lowest, values[i]);
    region.highest = Math.max(region.highest, values[i]);
  });
  return regions;
}

/** Whether a region that touches nothing above half has one value only, as no soft edge has. */
const hasPlainRegion = (mask: MaskValues): boolean =>
  regionsOf(mask, 0).some(
    ({ area, lowest, highest }) => area >= SMALLEST && highest <= mask.half && lowest === highest,
  );

/** Whether a region of a lossy file, too large and too bright for the traces of compression, has nothing above half. */
const hasDarkRegion = (mask: MaskValues): boolean =>
  regionsOf(mask, mask.half * NOISE).some(
    ({ area, highest }) => area >= SMALLEST_LOSSY && highest > mask.half * DARK && highest <= mask.half,
  );

/**
 * The value above which pixels are marked: 0, so that everything not black counts, when the values are numbers or colours of classes, or
 * levels; half of the range when they are the edges of white areas.
 * @returns why it cannot be told, for a lossy file whose values may have been numbers.
 */
export function maskCut(mask: MaskValues): number | string {
  const { values, half, coloured, lossy } = mask;
  let highest = 0;
  let dark = false;
  for (const value of values) {
    if (value > highest) highest = value;
    dark ||= value > 0 && value <= half;
  }
  // Black and white alone, as most masks are: there is nothing to tell.
  if (!dark) return half;
  if (lossy) {
    if (highest > 0 && highest <= half)
      return 'it holds dark values only, which may be numbers of classes; JPEG does not keep those';
    if (flatShare(mask, half * NOISE, half * LEEWAY) >= FLAT_SHARE_LOSSY || hasDarkRegion(mask))
      return 'it holds areas of several grey levels, which may be classes; JPEG does not keep those';
    return half;
  }
  if (coloured || highest <= half) return 0;
  return flatShare(mask, 0, 0) >= FLAT_SHARE || hasPlainRegion(mask) ? 0 : half;
}
