/** Calibration by the normals: how large residuals are on good pictures, so that one network serves every product (ours). */
import { log1p, mul, square, type Value } from '@adclick/ortgrad';

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

const inverseOf = (level: Float32Array): Float32Array => level.map((c) => 1 / c);

/** log(1 + r²/c), how large a residual is beside what is normal: delta (rows, D) -> (rows, D). @param level c of each channel. */
export function calibratedOn(delta: Value, level: Float32Array): Value {
  const inverse = delta.graph.constant(inverseOf(level), [level.length]); // (D)
  return log1p(mul(square(delta), inverse));
}

/** {@link calibratedOn} of one number. @param inverse 1/c. @param gain factor on r²/c. */
export const calibratedAt = (r: number, inverse: number, gain = 1): number => Math.log1p(r * r * inverse * gain);

/**
 * {@link calibratedOn} in plain numbers, (rows, D), for crops that training makes and pictures that are labelled. A graph would not
 * say the same: its float32 logarithm differs in the last bit at half of the places (by 2.4e-7 at most, measured), and with it
 * every network that is trained on them.
 * @param gain factor on r²/c, 1 but in training, where it varies the strength of residuals.
 */
export function calibrated(delta: Float32Array, level: Float32Array, gain = 1): Float32Array {
  const inverse = inverseOf(level);
  const out = new Float32Array(delta.length);
  for (let at = 0; at < delta.length; at += level.length)
    for (let d = 0; d < level.length; d++) out[at + d] = calibratedAt(delta[at + d], inverse[d], gain);
  return out;
}
