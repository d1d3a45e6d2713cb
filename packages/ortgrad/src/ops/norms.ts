/** Lengths over axes, and their squares. */
import type { Value } from '../graph.ts';
import { axisOf, emit, track } from './common.ts';
import { div, mul } from './elementwise.ts';
import { scale } from './scalars.ts';

function over(
  op: 'ReduceL2' | 'ReduceSumSquare',
  x: Value,
  axis: number,
  backward: (dy: Value, y: Value) => Value,
): Value {
  const at = axisOf(op, x.shape, axis);
  const shape = x.shape.map((side, i) => (i === at ? 1 : side));
  const y = emit(x.graph, op, [x, x.graph.int64([at])], shape, { keepdims: 1 });
  return track(y, [x], (dy) => [backward(dy, y)]);
}

/** Σx² along an axis, which stays as a side of 1. */
export const sumSquares = (x: Value, axis: number): Value =>
  over('ReduceSumSquare', x, axis, (dy) => scale(mul(x, dy), 2));

/** √Σx² along an axis, which stays as a side of 1; the gradient at length 0 is not a number. */
export const l2Norm = (x: Value, axis: number): Value => over('ReduceL2', x, axis, (dy, y) => mul(div(x, y), dy));
