/** Softmax and L2 normalisation along one axis. */
import type { Value } from '../graph.ts';
import { axisOf, unary } from './common.ts';
import { div, mul, sqrt, square, sub } from './elementwise.ts';
import { reduceSum } from './reduce.ts';
import { addScalar } from './scalars.ts';

/** e^x normalised to sum 1 along an axis (default: the last). */
export function softmax(x: Value, axis = -1): Value {
  const at = axisOf('softmax', x.shape, axis);
  return unary(
    'Softmax',
    x,
    (dy, y) => {
      const t = mul(dy, y);
      return sub(t, mul(y, reduceSum(t, [at], true)));
    },
    [],
    { axis: at },
  );
}

/** x / √(Σx² + eps) along an axis. */
export function l2Normalize(x: Value, axis: number, eps = 1e-12): Value {
  const at = axisOf('l2Normalize', x.shape, axis);
  return div(x, sqrt(addScalar(reduceSum(square(x), [at], true), eps)));
}
