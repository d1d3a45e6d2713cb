/** Layer normalisation over the last axis. */
import type { Value } from '../graph.ts';
import { shapeError, track } from './common.ts';
import { add, mul, sub } from './elementwise.ts';
import { reduceMean } from './reduce.ts';

const EPS = 1e-5;

/** (x - mean) / √(variance + eps), and the inverse of the root. */
function normalise(x: Value, eps: number): readonly [y: Value, inverse: Value] {
  const { graph } = x;
  const side = x.shape[x.shape.length - 1];
  const rows = [...x.shape.slice(0, -1), 1];
  const [y, , inverse] = graph.node(
    'LayerNormalization',
    [x, graph.filled(1, [side]), graph.filled(0, [side])],
    [{ shape: x.shape }, { shape: rows }, { shape: rows }],
    { axis: -1, epsilon: { float: eps } },
  );
  return [y, inverse];
}

/** The part of a gradient that changes no row's spread, scaled back. */
const unscaled = (d: Value, y: Value, inverse: Value): Value =>
  mul(sub(d, mul(y, reduceMean(mul(d, y), [-1], true))), inverse);

/**
 * (x - mean) / √(variance + eps) over the last axis, then · weight + bias when given.
 * Without an affine its gradient is cheaper, and a linear layer behind it can absorb one.
 * @param weight [D], bias [D]
 */
export function layerNorm(x: Value, weight?: Value, bias?: Value, eps = EPS): Value {
  const side = x.shape[x.shape.length - 1];
  for (const part of [weight, bias]) {
    if (part && (part.shape.length !== 1 || part.shape[0] !== side)) {
      throw shapeError('layerNorm', 'the affine must have the last side', x.shape, part.shape);
    }
  }
  const [y, inverse] = normalise(x, eps);
  const normal = track(y, [x], (d) => [unscaled(sub(d, reduceMean(d, [-1], true)), y, inverse)]);
  const scaled = weight ? mul(normal, weight) : normal;
  return bias ? add(scaled, bias) : scaled;
}

/**
 * {@link layerNorm} for centred layers (`foldAffine`) alone: the gradients that come back through them have mean 0 over the last axis,
 * so taking it off is left out, two passes less.
 */
export function layerNormBeforeCentred(x: Value, eps = EPS): Value {
  const [y, inverse] = normalise(x, eps);
  return track(y, [x], (d) => [unscaled(d, y, inverse)]);
}
