/** Principal axes: the directions in which vectors differ most, largest first. */

/** A mean and unit vectors through it, at right angles to each other. */
export interface Axes {
  /** (C). */
  readonly mean: Float32Array;
  /** One axis a column, (C, n). */
  readonly directions: Float32Array;
  /** Variance along each axis, largest first, (n). */
  readonly variances: Float32Array;
}

/** Sweeps of rotations; six to eight suffice for covariances of descriptors. */
const SWEEPS = 16;
/** What is left beside the diagonal, as a share of all, when rotating ends. */
const REST = 1e-20;

/** Mean (C) and covariance (C, C) of rows (N, C). */
function momentsOf(rows: Float32Array, channels: number) {
  const count = rows.length / channels;
  const mean = new Float64Array(channels);
  for (let at = 0; at < rows.length; at += channels)
    for (let c = 0; c < channels; c++) mean[c] = mean[c] + rows[at + c] / count;
  const covariance = new Float64Array(channels * channels);
  const centred = new Float64Array(channels);
  for (let at = 0; at < rows.length; at += channels) {
    for (let c = 0; c < channels; c++) centred[c] = rows[at + c] - mean[c];
    for (let i = 0; i < channels; i++) {
      const value = centred[i] / count;
      for (let j = 0; j <= i; j++) covariance[i * channels + j] = covariance[i * channels + j] + value * centred[j];
    }
  }
  for (let i = 0; i < channels; i++)
    for (let j = 0; j < i; j++) covariance[j * channels + i] = covariance[i * channels + j];
  return { mean, covariance };
}

/** Turns rows p and q of `matrix` (n, n) by an angle. */
function turn(matrix: Float64Array, n: number, p: number, q: number, cosine: number, sine: number): void {
  for (let k = 0; k < n; k++) {
    const [a, b] = [matrix[p * n + k], matrix[q * n + k]];
    matrix[p * n + k] = cosine * a - sine * b;
    matrix[q * n + k] = sine * a + cosine * b;
  }
}

/** Eigenvectors of a symmetric matrix (n, n), one a row, by Jacobi's rotations; the matrix becomes diagonal. */
function diagonalise(matrix: Float64Array, n: number): Float64Array {
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  const total = matrix.reduce((sum, value) => sum + value * value, 0);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let rest = 0;
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        const beside = matrix[p * n + q];
        rest += beside * beside;
        if (beside * beside <= (REST * total) / (n * n)) continue;
        const cotangent = (matrix[q * n + q] - matrix[p * n + p]) / (2 * beside);
        const tangent = (cotangent < 0 ? -1 : 1) / (Math.abs(cotangent) + Math.sqrt(cotangent * cotangent + 1));
        const cosine = 1 / Math.sqrt(tangent * tangent + 1);
        const sine = tangent * cosine;
        // Columns, then rows.
        for (let k = 0; k < n; k++) {
          const [a, b] = [matrix[k * n + p], matrix[k * n + q]];
          matrix[k * n + p] = cosine * a - sine * b;
          matrix[k * n + q] = sine * a + cosine * b;
        }
        turn(matrix, n, p, q, cosine, sine);
        turn(vectors, n, p, q, cosine, sine);
      }
    if (rest <= REST * total) break;
  }
  return vectors;
}

/** Axes of a covariance (n, n), which becomes diagonal: one a row, and their order, largest variance first. */
export function axesOf(covariance: Float64Array, n: number) {
  const vectors = diagonalise(covariance, n);
  const variance = (i: number) => covariance[i * n + i];
  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => variance(b) - variance(a) || a - b);
  return { vectors, order, variance };
}

/**
 * The axes of the largest variance.
 * @param rows (N, channels). @param count axes (n), at most `channels`.
 */
export function principalAxes(rows: Float32Array, channels: number, count: number): Axes {
  const { mean, covariance } = momentsOf(rows, channels);
  const { vectors, order, variance } = axesOf(covariance, channels);
  const directions = new Float32Array(channels * count);
  for (const [n, i] of order.slice(0, count).entries())
    for (let c = 0; c < channels; c++) directions[c * count + n] = vectors[i * channels + c];
  return {
    mean: Float32Array.from(mean),
    directions,
    variances: Float32Array.from(order.slice(0, count), (i) => Math.max(variance(i), 0)),
  };
}
