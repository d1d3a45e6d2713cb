/** What a model says of a picture unasked, as the page shows and orders it: from the click network, or from a trained detector. */
import type { Detection, DetectorCard, Plane, View } from '@adclick/core';
import { encodeRle, type Rle } from '@adclick/core/geometry';
import { connectedComponents, residualNorm } from '@adclick/core/image';
import type { Prepared } from './protocol.ts';

/** What a model says of a picture. */
export type Sight = Pick<Prepared, 'rle' | 'scale' | 'score' | 'uncertainty'>;

/** Places whose residual makes the score. */
const SCORED_PLACES = 10;
/** Probability from where on the model considers a pixel. */
const CONSIDERED = 0.05;
/** Score at a detector's threshold, and where a residual is worth a look, so that categories with and without a detector mix in one list. */
const AT_THRESHOLD = 2;
/** Norm of such a residual: the strangest places of good pictures seldom reach it. */
const NOTABLE_NORM = 1.05;
/** Log odds for a norm e times as large, as on the path of a detector's network. */
const NORM_GAIN = 3;
/** Probabilities are kept this far from 0 and 1, norms from 0, before their logarithms are taken. */
const EDGE = 1e-6;

/** Pixels above a threshold. */
export const runsAbove = ({ data, width, height }: Plane, threshold: number): Rle =>
  encodeRle(data, width, height, threshold);

/** Mean of 4p(1-p) over the pixels that the model considers. @param of what a value of the map means as a probability. */
function uncertaintyOf({ data }: Plane, of: (value: number) => number = (value) => value): number {
  let sum = 0;
  let considered = 0;
  for (const value of data) {
    const p = of(value);
    if (p <= CONSIDERED) continue;
    sum += 4 * p * (1 - p);
    considered++;
  }
  return considered === 0 ? 0 : sum / considered;
}

const logit = (value: number) => {
  const p = Math.min(1 - EDGE, Math.max(EDGE, value));
  return Math.log(p / (1 - p));
};

function meanOfMost({ data }: Plane): number {
  const most = Float32Array.from(data).sort().slice(-SCORED_PLACES);
  return most.reduce((sum, value) => sum + value, 0) / most.length;
}

/**
 * What the click network sees without a click. The score counts in log odds, as a detector's does, above a residual that is worth a look.
 * @param norm see {@link normOf}. @param threshold the project's.
 */
export async function sightOfClicks(view: View, norm: Plane, threshold: number): Promise<Sight> {
  const plane = await view.predict({ clicks: [] });
  return {
    rle: runsAbove(plane, threshold),
    scale: 'residual',
    score: AT_THRESHOLD + NORM_GAIN * Math.log(Math.max(meanOfMost(norm), EDGE) / NOTABLE_NORM),
    uncertainty: uncertaintyOf(plane),
  };
}

/** The residual's norm at each token of a view: the map of a detector without a network. */
export const normOf = ({ residual }: View): Plane => residualNorm(residual, residual.calibration);

/**
 * What a detector marks: the regions that it would report, whether or not it calls the picture defective. The score counts in log
 * odds above its threshold; the map counts as a probability with its threshold at one half.
 */
export function sightOfDetector(
  { thresholds, input }: Pick<DetectorCard, 'thresholds' | 'input'>,
  { score, map }: Pick<Detection, 'score' | 'map'>,
): Sight {
  const { data, width, height } = map;
  const above = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) above[i] = data[i] > thresholds.map ? 1 : 0;
  const { labels, areas } = connectedComponents(above, width, height, 8);
  const least = (thresholds.minArea * width * height) / (input.width * input.height);
  for (let i = 0; i < data.length; i++) {
    const region = labels[i] - 1;
    if (region >= 0 && areas[region] < least) above[i] = 0;
  }
  const level = logit(thresholds.map);
  const byScore = logit(score) - logit(thresholds.score);
  // Where regions decide, the highest place of one that is left stands for the picture; without one it lies below.
  let highest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < data.length; i++) if (above[i]) highest = Math.max(highest, data[i]);
  const byRegion = Number.isFinite(highest) ? logit(highest) - level : Math.min(byScore, 0);
  return {
    rle: encodeRle(above, width, height),
    scale: 'detector',
    score: AT_THRESHOLD + (thresholds.decision === 'region' ? byRegion : byScore),
    uncertainty: uncertaintyOf(map, (value) => 1 / (1 + Math.exp(level - logit(value)))),
  };
}
