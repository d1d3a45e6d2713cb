/** Sums and means over axes, the fast column sums that bias gradients are made of, and repetition, whose gradient is a sum as a sum's is a repetition. */
import type { Value } from '../graph.ts';
import { elementCount, sameShape } from '../tensor.ts';
import { axisOf, broadcastShape, emit, shapeError, track } from './common.ts';
import { scale } from './scalars.ts';
import { reshape } from './shape.ts';

function reduce(op: 'ReduceSum' | 'ReduceMean', x: Value, axes: readonly number[] | undefined, keepdims: boolean) {
  const list = (axes ?? x.shape.map((_, axis) => axis)).map((axis) => axisOf(op, x.shape, axis));
  if (list.length === 0) return x;
  const kept = x.shape.map((side, axis) => (list.includes(axis) ? 1 : side));
  const shape = keepdims ? kept : x.shape.filter((_, axis) => !list.includes(axis));
  const y = emit(x.graph, op, [x, x.graph.int64(list)], shape, { keepdims: keepdims ? 1 : 0 }, x.dtype);
  const share = op === 'ReduceMean' ? elementCount(kept) / elementCount(x.shape) : 1;
  return track(y, [x], (dy) => [expand(reshape(scale(dy, share), kept), x.shape)]);
}

/** Sum over axes (default: all). @param keepdims leaves summed axes as sides of 1. */
export const reduceSum = (x: Value, axes?: readonly number[], keepdims = false): Value =>
  reduce('ReduceSum', x, axes, keepdims);

/** Mean over axes (default: all). @param keepdims leaves averaged axes as sides of 1. */
export const reduceMean = (x: Value, axes?: readonly number[], keepdims = false): Value =>
  reduce('ReduceMean', x, axes, keepdims);

/** Rows from which batches are faster (measured). */
const MANY_ROWS = 1024;
const ROW_BLOCKS = 64;

/**
 * Sums the rows of [M, N] to [N] by a product with ones, which onnxruntime does faster than ReduceSum over a leading axis;
 * over many rows in batches, which all threads share.
 */
export function columnSums(x: Value): Value {
  const [rows, columns] = x.shape;
  const inBatches = rows >= MANY_ROWS && rows % ROW_BLOCKS === 0;
  const batch = inBatches ? [ROW_BLOCKS] : [];
  const height = inBatches ? rows / ROW_BLOCKS : rows;
  const ones = x.graph.filled(1, [...batch, 1, height]);
  const product = emit(x.graph, 'MatMul', [ones, reshape(x, [...batch, height, columns])], [...batch, 1, columns]);
  const sums = inBatches ? reduceSum(product, [0, 1]) : reshape(product, [columns]);
  return track(sums, [x], (dy) => [expand(dy, x.shape)]);
}

/** Sums the gradient of a broadcast result back to the shape of the operand. */
export function sumTo(dy: Value, shape: readonly number[]): Value {
  if (sameShape(dy.shape, shape)) return dy;
  const lead = dy.shape.length - shape.length;
  const axes = dy.shape.flatMap((side, axis) => (axis < lead || shape[axis - lead] !== side ? [axis] : []));
  if (axes.every((axis, index) => axis === index)) {
    const columns = elementCount(shape);
    return reshape(columnSums(reshape(dy, [elementCount(dy.shape) / columns, columns])), shape);
  }
  return reshape(reduceSum(dy, axes), shape);
}

/** Repeats sides of 1 (and missing leading sides) up to `shape`. */
export function expand(x: Value, shape: readonly number[]): Value {
  if (!sameShape(broadcastShape('expand', x.shape, shape), shape)) {
    throw shapeError('expand', 'the first must broadcast to the second', x.shape, shape);
  }
  if (sameShape(x.shape, shape)) return x;
  const y = emit(x.graph, 'Expand', [x, x.graph.int64(shape)], shape, {}, x.dtype);
  return track(y, [x], (dy) => [sumTo(dy, x.shape)]);
}
