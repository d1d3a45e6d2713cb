/** The largest or smallest values: what they are, where they lie, and marks at such places. Places have no gradient. */
import type { Value } from '../graph.ts';
import { cast } from './cast.ts';
import { axisOf, emit, shapeError, track, withSide } from './common.ts';
import { div, equal, mul } from './elementwise.ts';
import { scatterElements } from './gather.ts';
import { expand, reduceSum } from './reduce.ts';
import { reshape } from './shape.ts';

/** The largest over axes (default: all); equal ones share the gradient. @param keepdims leaves those axes as sides of 1. */
export function reduceMax(x: Value, axes?: readonly number[], keepdims = false): Value {
  const list = (axes ?? x.shape.map((_, axis) => axis)).map((axis) => axisOf('reduceMax', x.shape, axis));
  if (list.length === 0) return x;
  const kept = x.shape.map((side, axis) => (list.includes(axis) ? 1 : side));
  const shape = keepdims ? kept : x.shape.filter((_, axis) => !list.includes(axis));
  const y = emit(x.graph, 'ReduceMax', [x, x.graph.int64(list)], shape, { keepdims: keepdims ? 1 : 0 }, x.dtype);
  return track(y, [x], (dy) => {
    const first = cast(equal(x, reshape(y, kept)), 'float32');
    const shares = div(first, reduceSum(first, list, true));
    return [mul(expand(reshape(dy, kept), x.shape), shares)];
  });
}

/** Values in order and their places along an axis. */
export interface Ordered {
  readonly values: Value;
  /** int64, of the values' shape; has no gradient. */
  readonly indices: Value;
}

/**
 * The `count` largest along an axis, largest first; of equal ones the first comes first. The gradient goes to their places.
 * @param options.largest false for the smallest, smallest first.
 */
export function topK(x: Value, count: number, axis: number, { largest = true } = {}): Ordered {
  const at = axisOf('topK', x.shape, axis);
  const side = x.shape[at];
  if (!(Number.isInteger(count) && count >= 1 && count <= side)) {
    throw shapeError('topK', `${count} is no number of places along axis ${at}`, x.shape);
  }
  const shape = withSide(x.shape, at, count);
  const [values, indices] = x.graph.node(
    'TopK',
    [x, x.graph.int64([count])],
    [
      { shape, dtype: x.dtype },
      { shape, dtype: 'int64' },
    ],
    { axis: at, largest: largest ? 1 : 0, sorted: 1 },
  );
  return { values: track(values, [x], (dy) => [scatterElements(dy, indices, at, side)]), indices };
}

/** Where along an axis the largest lies, int64; of equal ones the first. Has no gradient. @param keepdims leaves a side of 1. */
export function argMax(x: Value, axis: number, keepdims = false): Value {
  const at = axisOf('argMax', x.shape, axis);
  const shape = keepdims ? withSide(x.shape, at, 1) : x.shape.filter((_, i) => i !== at);
  return emit(x.graph, 'ArgMax', [x], shape, { axis: at, keepdims: keepdims ? 1 : 0 }, 'int64');
}

/** 1 at each index and 0 at the other places of a new last axis with `count` places, float32; has no gradient. */
export function oneHot(indices: Value, count: number): Value {
  if (indices.dtype !== 'int64' && indices.dtype !== 'int32')
    throw shapeError('oneHot', `indices are int32 or int64, not ${indices.dtype}`, indices.shape);
  const { graph } = indices;
  const offOn = graph.constant(Float32Array.of(0, 1), [2]);
  return emit(graph, 'OneHot', [indices, graph.int64([count]), offOn], [...indices.shape, count], { axis: -1 });
}
