/** Layer normalisation over the last axis. */
import type { Value } from '../graph.ts';
import { shapeError, track } from './common.ts';
import { add, mul, sub } from './elementwise.ts';
import { reduceMean } from './reduce.ts';

const EPS = 1e-5;

/** (x - mean) / √(variance + eps) + offset, and the inverse of the root. */
function normalise(x: Value, eps: number, offset = 0): readonly [y: Value, inverse: Value] {
  const { graph } = x;
  const side = x.shape[x.shape.length - 1];
  const rows = [...x.shape.slice(0, -1), 1];
  const [y, , inverse] = graph.node(
    'LayerNormalization',
    [x, graph.filled(1, [side]), graph.filled(offset, [side])],
    [{ shape: x.shape }, { shape: rows }, { shape: rows }],
    { axis: -1, epsilon: { float: eps } },
  );
  return [y, inverse];
}

/** The mean of d·y over the last axis: how much of a gradient would change a row's spread. */
const spreadShare = (d: Value, y: Value): Value => reduceMean(mul(d, y), [-1], true);

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
  const normal = track(y, [x], (dy) => {
    const d = sub(dy, reduceMean(dy, [-1], true));
    return [mul(sub(d, mul(y, spreadShare(d, y))), inverse)];
  });
  const scaled = weight ? mul(normal, weight) : normal;
  return bias ? add(scaled, bias) : scaled;
}

/**
 * {@link layerNorm} + 1, for folded layers (`foldAffine`, `foldedLinear`) alone: the 1 carries their bias, and the gradients that come
 * back through them have mean 0 over the last axis, so taking it off is left out.
 */
export function layerNormBeforeFolded(x: Value, eps = EPS): Value {
  const [y, inverse] = normalise(x, eps, 1);
  return track(y, [x], (d) => {
    const share = spreadShare(d, y);
    return [mul(sub(add(d, share), mul(y, share)), inverse)];
  });
}
