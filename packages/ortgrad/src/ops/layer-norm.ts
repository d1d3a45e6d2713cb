/** Layer normalisation over the last axis. */
import type { Value } from '../graph.ts';
import { shapeError } from './common.ts';
import { add, mul, sub } from './elementwise.ts';
import { reduceMean } from './reduce.ts';

/**
 * (x - mean) / √(variance + eps) over the last axis, then · weight + bias when given.
 * Without an affine its gradient is cheaper, and a linear layer behind it can absorb one.
 * @param weight [D], bias [D]
 */
export function layerNorm(x: Value, weight?: Value, bias?: Value, eps = 1e-5): Value {
  const side = x.shape[x.shape.length - 1];
  for (const part of [weight, bias]) {
    if (part && (part.shape.length !== 1 || part.shape[0] !== side)) {
      throw shapeError('layerNorm', 'the affine must have the last side', x.shape, part.shape);
    }
  }
  const { graph } = x;
  const rows = [...x.shape.slice(0, -1), 1];
  const [y, , inverse] = graph.node(
    'LayerNormalization',
    [x, graph.filled(1, [side]), graph.filled(0, [side])],
    [{ shape: x.shape }, { shape: rows }, { shape: rows }],
    { axis: -1, epsilon: { float: eps } },
  );
  const [normal] = graph.track([y], [x], ([dy]) => {
    const d = dy as Value;
    const centred = sub(d, reduceMean(d, [-1], true));
    return [mul(sub(centred, mul(y, reduceMean(mul(d, y), [-1], true))), inverse)];
  });
  const scaled = weight ? mul(normal, weight) : normal;
  return bias ? add(scaled, bias) : scaled;
}
