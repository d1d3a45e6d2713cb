/** The clicks that a training sample begins with, as SimpleClick and RITM draw them (isegm/data/points_sampler.py). */
import { dilate, erode } from '../image/morphology.ts';
import type { Mask } from '../image/types.ts';
import type { Random } from '../random.ts';
import { type ModelClick, modelClick } from './types.ts';

/** How many clicks there are, and where they may lie. */
export interface ClickSampling {
  /** Most clicks of a sign. */
  readonly most: number;
  /** Each further click is this times as likely as the one before. */
  readonly further: number;
  /** Chance that positive clicks keep off the defect's border, by how many pixels, and what has to be left of it. */
  readonly inside: { readonly chance: number; readonly pixels: number; readonly least: number };
  /** Shares of negative clicks that lie anywhere good, and in a band around the defect. */
  readonly negatives: { readonly anywhere: number; readonly border: number };
  /** Width of that band, times the root of the defect's area. */
  readonly band: number;
}

/** SimpleClick's. A picture has one object here, so what it draws from other objects (0.4) comes from anywhere good, as its code does then. */
export const SIMPLECLICK_SAMPLING: ClickSampling = {
  most: 24,
  further: 0.8,
  inside: { chance: 0.9, pixels: 3, least: 10 },
  negatives: { anywhere: 0.1 + 0.4, border: 0.5 },
  band: 0.1,
};

/** A number from `low` to `high`, each `further` times as likely as the one before. */
function countOf(low: number, high: number, further: number, random: Random): number {
  const length = high - low + 1;
  const whole = (1 - further ** length) / (1 - further);
  let left = random.next() * whole;
  let n = low;
  for (let weight = 1; n < high && left >= weight; weight *= further, n++) left -= weight;
  return n;
}

const pixelsOf = ({ data }: Mask): number[] => {
  const pixels: number[] = [];
  for (let i = 0; i < data.length; i++) if (data[i] === 1) pixels.push(i);
  return pixels;
};

/**
 * Clicks to begin with: positive ones inside the defect, one at least, and negative ones around it and elsewhere.
 * @param mask at the size of the model grid; one without a defect gets negative clicks alone.
 */
export function sampledClicks(mask: Mask, random: Random, sampling = SIMPLECLICK_SAMPLING): ModelClick[] {
  const { most, further, inside, negatives, band } = sampling;
  const { width, height } = mask;
  const at = (pixel: number, positive: boolean) => modelClick(pixel % width, Math.floor(pixel / width), positive);
  const clicks: ModelClick[] = [];
  const defect: Mask = { width, height, channels: 1, data: mask.data.map((value) => (value === 1 ? 1 : 0)) };
  const whole = pixelsOf(defect);
  const core = random.chance(inside.chance) ? pixelsOf(erode(defect, inside.pixels, 'square')) : [];
  const positives = core.length > inside.least ? core : whole;
  if (positives.length > 0)
    for (let n = countOf(1, most, further, random); n > 0; n--) clicks.push(at(random.pick(positives), true));
  const around = dilate(defect, Math.ceil(band * Math.sqrt(whole.length)), 'square');
  const border = pixelsOf({ ...around, data: around.data.map((value, i) => (value && mask.data[i] === 0 ? 1 : 0)) });
  const good: number[] = [];
  for (let i = 0; i < mask.data.length; i++) if (mask.data[i] === 0) good.push(i);
  for (let n = countOf(0, most, further, random); n > 0; n--) {
    const from = random.chance(negatives.border / (negatives.border + negatives.anywhere)) ? border : good;
    // Where there is nothing to click on there is no click.
    if (from.length > 0) clicks.push(at(random.pick(from), false));
  }
  return clicks;
}
