/** What all ops share: shape errors, broadcasting, single-output nodes. */
import { fail } from '../errors.ts';
import type { Graph, Value } from '../graph.ts';
import type { Attributes } from '../onnx.ts';
import { type DType, shapeText } from '../tensor.ts';

/** The error for operands that do not fit: names the rule and every shape. */
export const shapeError = (op: string, what: string, ...shapes: readonly (readonly number[])[]) =>
  fail('ADC_GRAPH_SHAPE', { op, what, got: shapes.map(shapeText).join(' and ') });

/** Adds a node with one output. */
export function emit(
  graph: Graph,
  op: string,
  inputs: readonly (Value | null)[],
  shape: readonly number[],
  attributes: Attributes = {},
  dtype: DType = 'float32',
): Value {
  return graph.node(op, inputs, [{ shape, dtype }], attributes)[0];
}

/** Gives a single output its gradient rule. */
export function track(
  output: Value,
  inputs: readonly Value[],
  backward: (dy: Value) => readonly (Value | null)[],
): Value {
  return output.graph.track([output], inputs, ([dy]) => backward(dy as Value))[0];
}

/** An op of one value that keeps its shape. */
export function unary(
  op: string,
  x: Value,
  backward: (dy: Value, y: Value) => Value,
  extra: readonly Value[] = [],
  attributes: Attributes = {},
): Value {
  const y = emit(x.graph, op, [x, ...extra], x.shape, attributes, x.dtype);
  return track(y, [x], (dy) => [backward(dy, y)]);
}

/** Shape of two operands after NumPy's broadcasting. @throws ADC_GRAPH_SHAPE when a pair of sides is neither equal nor 1. */
export function broadcastShape(op: string, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[a.length - rank + axis] ?? 1;
    const right = b[b.length - rank + axis] ?? 1;
    if (left !== right && left !== 1 && right !== 1) throw shapeError(op, 'shapes must broadcast', a, b);
    return Math.max(left, right);
  });
}

/** An axis counted from the front. @throws ADC_GRAPH_SHAPE when the shape has no such axis. */
export function axisOf(op: string, shape: readonly number[], axis: number): number {
  const front = axis < 0 ? shape.length + axis : axis;
  if (!Number.isInteger(front) || front < 0 || front >= shape.length) {
    throw shapeError(op, `axis ${axis} does not exist`, shape);
  }
  return front;
}

/** The shape with one side replaced. */
export const withSide = (shape: readonly number[], axis: number, side: number): number[] =>
  shape.map((old, index) => (index === axis ? side : old));
