/** How much each token differs from good pictures: the map of a detector without a network, and one input of a trained one. */
import { reduceMean, slice, sqrt, type Value } from '@adclick/ortgrad';
import type { Plane } from '../image/types.ts';
import { calibratedAt } from './calibration.ts';

/**
 * The root of the mean of log(1 + r²/c) over the compared channels (ours; the logarithm keeps a few channels from outweighing all
 * others).
 * @param planes log(1 + r²/c), (rows, D). @returns (rows).
 */
export function normOn(planes: Value, matched: number): Value {
  const compared = matched < planes.shape[1] ? slice(planes, 1, 0, matched) : planes; // (rows, m)
  return sqrt(reduceMean(compared, [1]));
}

/** What {@link residualNorm} needs of a residual. */
export interface ResidualMap {
  readonly height: number;
  readonly width: number;
  readonly dims: number;
  /** Channels at a token's front that were compared; default all. The others refine where, not how much. */
  readonly matched?: number;
  /** (height * width, dims) */
  readonly delta: Float32Array;
}

/**
 * {@link normOn} in plain numbers, at each token: about 0.7 where the picture is as good ones are (√log 2 at most on average), larger
 * at defects. The score of the product without any labels. Plain for the reason that `calibrated` is.
 * @param level normal level c of each channel, see Calibration.level.
 */
export function residualNorm({ height, width, dims, matched = dims, delta }: ResidualMap, level: Float32Array): Plane {
  const inverse = Float64Array.from(level.subarray(0, matched), (c) => 1 / c);
  const data = new Float32Array(height * width);
  for (let cell = 0; cell < data.length; cell++) {
    let sum = 0;
    for (let d = 0, at = cell * dims; d < matched; d++) sum += calibratedAt(delta[at++], inverse[d]);
    data[cell] = Math.sqrt(sum / matched);
  }
  return { data, width, height, channels: 1 };
}
