/** Calibration by the normals: how large residuals are on good pictures, so that one network serves every product (ours). */
import type { Plane } from '../image/types.ts';

/** Floor of the normal level: residuals between float16 copies of the same picture stay far below it. */
const FLOOR = 1e-6;

/** Sums squared residuals of good pictures, each matched against the others. */
export class Calibration {
  private readonly sums: Float64Array;
  private rows = 0;

  constructor(private readonly dims: number) {
    this.sums = new Float64Array(dims);
  }

  /** Adds the residual (rows, dims) of one good picture. */
  add(delta: Float32Array): void {
    const { dims, sums } = this;
    for (let at = 0; at < delta.length; at += dims)
      for (let d = 0; d < dims; d++) sums[d] = sums[d] + delta[at + d] ** 2;
    this.rows += delta.length / dims;
  }

  /**
   * Normal level c of each channel: half its own mean square v[d], half the mean of all channels.
   * Planes made with it are log(1 + r^2 / c).
   */
  level(): Float32Array {
    const own = Array.from(this.sums, (sum) => sum / Math.max(1, this.rows));
    const mean = own.reduce((sum, v) => sum + v, 0) / this.dims;
    return Float32Array.from(own, (v) => Math.max(0.5 * v + 0.5 * mean, FLOOR));
  }
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
 * Calibrated length of the residual at each token, the root of the mean of r^2 / c: about 1 where the picture is as good
 * ones are, larger at defects. The score of the product without any labels.
 * @param level normal level c of each channel, see {@link Calibration.level}.
 */
export function residualNorm({ height, width, dims, matched = dims, delta }: ResidualMap, level: Float32Array): Plane {
  const weights = Float64Array.from(level.subarray(0, matched), (c) => 1 / (c * matched));
  const data = new Float32Array(height * width);
  for (let cell = 0; cell < data.length; cell++) {
    let sum = 0;
    for (let d = 0, at = cell * dims; d < matched; d++) sum += delta[at++] ** 2 * weights[d];
    data[cell] = Math.sqrt(sum);
  }
  return { data, width, height, channels: 1 };
}
