/** Simulated annotators: the deterministic one of evaluation and the random one of training. */
import { connectedComponents } from '../image/components.ts';
import { distanceTransform } from '../image/distance.ts';
import { IGNORE, type Mask } from '../image/types.ts';
import type { Random } from '../random.ts';
import { type Click, type ImageClick, imageClick, type ModelClick, modelClick } from './types.ts';

/** Probability above which a pixel counts as defect (RITM and SimpleClick). */
export const CLICK_THRESHOLD = 0.49;

/** Where the next click of a simulated annotator goes; `undefined` when no wrong pixel is left. */
export type Annotator = (
  probability: ArrayLike<number>,
  mask: Mask,
  clicked: readonly Click[],
  threshold?: number,
) => ImageClick | undefined;

interface ErrorDepths {
  readonly missed: Float32Array;
  readonly spurious: Float32Array;
}

/** Distance of every wrong pixel to the nearest pixel that is not wrong in the same way; already clicked pixels are 0. */
function errorDepths(
  probability: ArrayLike<number>,
  mask: Mask,
  clicked: readonly (Click | ModelClick)[],
  threshold: number,
): ErrorDepths {
  const { data: truth, width, height } = mask;
  const missed = new Uint8Array(truth.length);
  const spurious = new Uint8Array(truth.length);
  for (let i = 0; i < truth.length; i++) {
    if (truth[i] === IGNORE) continue;
    const predicted = probability[i] > threshold;
    if (truth[i] === 1 && !predicted) missed[i] = 1;
    else if (truth[i] === 0 && predicted) spurious[i] = 1;
  }
  const depths = {
    missed: distanceTransform(missed, width, height),
    spurious: distanceTransform(spurious, width, height),
  };
  for (const { x, y } of clicked) {
    depths.missed[y * width + x] = 0;
    depths.spurious[y * width + x] = 0;
  }
  return depths;
}

/** Index of the first largest value in row-major order. */
function firstMaximum(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** The larger error of a mask, and its deepest pixel. */
interface LargerError {
  /** Depths of all wrong pixels of the same kind. */
  readonly depths: Float32Array;
  readonly deepest: number;
  /** Whether defect was missed there. */
  readonly positive: boolean;
}

/** Missed or spurious defect, whichever is deeper; spurious of two alike. */
function largerError({ missed, spurious }: ErrorDepths): LargerError | undefined {
  const missedAt = firstMaximum(missed);
  const spuriousAt = firstMaximum(spurious);
  const positive = missed[missedAt] > spurious[spuriousAt];
  const [depths, deepest] = positive ? [missed, missedAt] : [spurious, spuriousAt];
  return depths[deepest] > 0 ? { depths, deepest, positive } : undefined;
}

const clickAt = (pixel: number, { width }: Mask, positive: boolean) =>
  imageClick(pixel % width, Math.floor(pixel / width), positive);

/**
 * The next click of the evaluation protocol, that of RITM and SimpleClick: the deepest pixel of the larger error, missed defect or
 * spurious defect, ties to the first in row-major order; positive only when the missed error is strictly deeper.
 * @param probability map in [0,1] at the mask's size; all zeros before the first click. @param mask at the picture's size.
 * @returns undefined when no wrong pixel is left.
 */
export const nextClick: Annotator = (probability, mask, clicked, threshold = CLICK_THRESHOLD) => {
  const error = largerError(errorDepths(probability, mask, clicked, threshold));
  return error && clickAt(error.deepest, mask, error.positive);
};

/**
 * An annotator who does not aim (ours): the same error, but any pixel of the connected piece of it that holds the deepest one, each as
 * likely, so that clicks lie off the centre and at the edge. People aim better than that and worse than {@link nextClick}.
 */
export function offCentre(random: Random): Annotator {
  return (probability, mask, clicked, threshold = CLICK_THRESHOLD) => {
    const error = largerError(errorDepths(probability, mask, clicked, threshold));
    if (!error) return undefined;
    const { depths, deepest, positive } = error;
    const wrong = Uint8Array.from(depths, (depth) => (depth > 0 ? 1 : 0));
    const { labels } = connectedComponents(wrong, mask.width, mask.height, 8);
    const piece: number[] = [];
    for (let i = 0; i < labels.length; i++) if (labels[i] === labels[deepest]) piece.push(i);
    return clickAt(random.pick(piece), mask, positive);
  };
}

/**
 * The next click of training, as in SimpleClick: a random pixel among those deeper than half of the deepest wrong one.
 * @param mask at the size of the model grid, as `probability` is.
 * @returns undefined when no wrong pixel is left.
 */
export function simulateNextClick(
  probability: ArrayLike<number>,
  mask: Mask,
  clicked: readonly ModelClick[],
  random: Random,
  threshold: number = CLICK_THRESHOLD,
): ModelClick | undefined {
  const error = largerError(errorDepths(probability, mask, clicked, threshold));
  if (!error) return undefined;
  const { depths, deepest, positive } = error;
  const candidates: number[] = [];
  for (let i = 0; i < depths.length; i++) if (depths[i] > depths[deepest] / 2) candidates.push(i);
  const at = random.pick(candidates);
  return modelClick(at % mask.width, Math.floor(at / mask.width), positive);
}

/** Probability that each further click of a random start is drawn (mean 1.5 extra clicks a sign, at most 4). */
const EXTRA_CLICK_CHANCE = 0.6;
const MAX_EXTRA_CLICKS = 4;

/**
 * Random extra clicks that some training samples start with (after RITM's sampler; fewer, since real
 * users give 3–5): positives anywhere in the defect, negatives half in a border ring of ceil(0.1·√area)·2 px and half anywhere good.
 */
export function randomStartClicks(mask: Mask, random: Random): ModelClick[] {
  const { data, width, height } = mask;
  const inside: number[] = [];
  for (let i = 0; i < data.length; i++) if (data[i] === 1) inside.push(i);
  if (inside.length === 0) return [];
  const at = (i: number, positive: boolean) => modelClick(i % width, Math.floor(i / width), positive);
  const clicks: ModelClick[] = [];
  for (let n = 0; n < MAX_EXTRA_CLICKS && random.chance(EXTRA_CLICK_CHANCE); n++)
    clicks.push(at(random.pick(inside), true));
  const reach = Math.ceil(0.1 * Math.sqrt(inside.length)) * 2;
  for (let n = 0; n < MAX_EXTRA_CLICKS && random.chance(EXTRA_CLICK_CHANCE); n++) {
    const near = random.chance(0.5);
    const from = near ? random.pick(inside) : random.int(0, data.length);
    const x = (from % width) + (near ? random.int(-reach, reach + 1) : 0);
    const y = Math.floor(from / width) + (near ? random.int(-reach, reach + 1) : 0);
    if (x < 0 || y < 0 || x >= width || y >= height || data[y * width + x] !== 0) continue;
    clicks.push(at(y * width + x, false));
  }
  return clicks;
}
