/**
 * Axes of vectors with many channels, of which the leading ones alone are principal: to turn all of a thousand channels would take minutes. They
 * come from orthogonal iteration on the covariance and are the best within what it has found (Rayleigh and Ritz); the others are any at
 * right angles to them, along which little differs.
 */
import { Graph, matmul, type Runtime, reduceMean, scale, sub, swapLast, tensor } from '@adclick/ortgrad';
import { Random } from '../random.ts';
import { type Axes, axesOf } from './principal-axes.ts';

/** Axes that are looked for beyond those asked for, and rounds: what an axis has of a farther one falls by the ratio of their variances a round. */
const [SPARE, ROUNDS] = [32, 6];

function product(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let c = 0; c < a.length; c++) sum += a[c] * b[c];
  return sum;
}

const row = (matrix: Float32Array, channels: number, i: number) => matrix.subarray(i * channels, (i + 1) * channels);

/** Brings rows (k, channels) to length 1 and at right angles, each to those before it; twice, since once leaves rounding. */
function straighten(matrix: Float32Array, channels: number): void {
  for (let i = 0; i < matrix.length / channels; i++) {
    const own = row(matrix, channels, i);
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < i; j++) {
        const before = row(matrix, channels, j);
        const share = product(own, before);
        for (let c = 0; c < channels; c++) own[c] = own[c] - share * before[c];
      }
      const length = Math.sqrt(product(own, own));
      for (let c = 0; c < channels; c++) own[c] = length > 0 ? own[c] / length : 0;
    }
  }
}

/** Mean (C) and covariance (C, C) of rows (N, C). */
async function momentsOf(runtime: Runtime, rows: Float32Array, channels: number) {
  const count = rows.length / channels;
  const graph = new Graph('moments');
  const given = graph.input('rows', [count, channels]);
  const mean = reduceMean(given, [0]); // (C)
  const centred = sub(given, mean); // (N, C)
  graph.output('mean', mean);
  graph.output('covariance', scale(matmul(swapLast(centred), centred), 1 / count)); // (C, C)
  const session = await runtime.load(graph.toModel());
  const result = await session.run({ rows: tensor(rows, [count, channels]) });
  await session.release();
  return { mean: result.mean.data as Float32Array, covariance: result.covariance.data as Float32Array };
}

/**
 * As many axes as channels.
 * @param rows (N, channels). @param leading so many of them are the principal ones, largest variance first.
 */
export async function leadingAxes(
  runtime: Runtime,
  rows: Float32Array,
  channels: number,
  leading: number,
): Promise<Axes> {
  const { mean, covariance } = await momentsOf(runtime, rows, channels);
  /** Axes (k, C) times the covariance. */
  const moved = async (axes: Float32Array): Promise<Float32Array> => {
    const shape = [axes.length / channels, channels];
    const graph = new Graph('moved');
    const product = matmul(graph.input('axes', shape), graph.input('covariance', [channels, channels])); // (k, C)
    graph.output('moved', product);
    const session = await runtime.load(graph.toModel());
    const result = await session.run({
      axes: tensor(axes, shape),
      covariance: tensor(covariance, [channels, channels]),
    });
    await session.release();
    return Float32Array.from(result.moved.data as Float32Array);
  };
  const random = new Random('axes');
  const drawn = (count: number) => Float32Array.from({ length: count * channels }, () => random.normal());

  const wide = Math.min(channels, leading + SPARE);
  let found: Float32Array = drawn(wide);
  for (let round = 0; round < ROUNDS; round++) {
    straighten(found, channels);
    found = await moved(found);
  }
  straighten(found, channels);
  const turned = await moved(found);
  const inside = Float64Array.from({ length: wide * wide }, (_, at) => {
    const [i, j] = [Math.floor(at / wide), at % wide];
    return product(row(found, channels, Math.max(i, j)), row(turned, channels, Math.min(i, j)));
  });
  const { vectors, order } = axesOf(inside, wide);

  const all = drawn(channels);
  all.fill(0, 0, leading * channels);
  for (const [n, i] of order.slice(0, leading).entries())
    for (let v = 0; v < wide; v++) {
      const weight = vectors[i * wide + v];
      for (let c = 0; c < channels; c++) all[n * channels + c] += weight * found[v * channels + c];
    }
  straighten(all, channels);
  const along = await moved(all);
  const variance = (i: number) => Math.max(product(row(all, channels, i), row(along, channels, i)), 0);
  return {
    mean,
    directions: Float32Array.from({ length: channels * channels }, (_, at) => {
      return all[(at % channels) * channels + Math.floor(at / channels)];
    }),
    variances: Float32Array.from({ length: channels }, (_, i) => variance(i)),
  };
}
