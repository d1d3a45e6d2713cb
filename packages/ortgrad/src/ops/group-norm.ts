/** Group normalisation with one group: over everything of a sample. */
import type { Value } from '../graph.ts';
import { emit, shapeError, track } from './common.ts';
import { add, div, mul, sqrt, sub } from './elementwise.ts';
import { addScalar } from './scalars.ts';

const EPS = 1e-5;

/** The mean over all axes but the first, which stay as sides of 1: rows first, since one long sum in float32 loses digits. */
function meanOf(x: Value): Value {
  const [batch, ...rest] = x.shape;
  const rows = emit(x.graph, 'ReduceMean', [x, x.graph.int64([-1])], [batch, ...rest.slice(0, -1), 1]);
  const axes = x.graph.int64(rest.map((_, axis) => axis + 1));
  return emit(x.graph, 'ReduceMean', [rows, axes], [batch, ...rest.map(() => 1)]);
}

/**
 * (x - mean) / √(variance + eps) · weight + bias, mean and variance over everything of a sample, as PyTorch's GroupNorm(1, C) has it.
 * @param x (B, …, C), channels last. @param weight [C], bias [C]
 */
export function groupNorm(x: Value, weight: Value, bias: Value, eps = EPS): Value {
  const channels = x.shape[x.shape.length - 1];
  for (const part of [weight, bias])
    if (part.shape.length !== 1 || part.shape[0] !== channels)
      throw shapeError('groupNorm', 'the affine must have the last side', x.shape, part.shape);
  const { graph, shape } = x;
  const centred = emit(graph, 'Sub', [x, meanOf(x)], shape);
  const variance = meanOf(emit(graph, 'Mul', [centred, centred], shape));
  const inverse = div(graph.scalar(1), sqrt(addScalar(variance, eps))); // (B, 1, …)
  const normal = track(emit(graph, 'Mul', [centred, inverse], shape), [x], (dy) => {
    const d = sub(dy, meanOf(dy));
    return [mul(sub(d, mul(normal, meanOf(mul(d, normal)))), inverse)];
  });
  return add(mul(normal, weight), bias);
}
