/** Picking slices and elements by constant or computed indices, and adding them into place. */
import { Value } from '../graph.ts';
import { elementCount, sameShape } from '../tensor.ts';
import { cast } from './cast.ts';
import { axisOf, emit, shapeError, track, withSide } from './common.ts';
import { concat, reshape, transpose } from './shape.ts';

function checkIndices(op: string, indices: readonly number[], side: number, shape: readonly number[]): void {
  if (!indices.every((index) => Number.isInteger(index) && index >= 0 && index < side)) {
    throw shapeError(op, `indices must lie in [0, ${side})`, shape, [indices.length]);
  }
}

/** Slices along an axis, whose side becomes the sides of `lead`. */
function pick(x: Value, indices: readonly number[], axis: number, lead: readonly number[] = [indices.length]): Value {
  const places = x.graph.constant(Int32Array.from(indices), lead);
  const shape = [...x.shape.slice(0, axis), ...lead, ...x.shape.slice(axis + 1)];
  return emit(x.graph, 'Gather', [x, places], shape, { axis }, x.dtype);
}

/** The permutation that brings `axis` to the front, which is its own inverse. */
const toFront = (x: Value, axis: number): Value =>
  transpose(
    x,
    x.shape.map((_, index) => (index === 0 ? axis : index === axis ? 0 : index)),
  );

/** Indices as a value must be whole numbers; what they are is known only when the graph runs. */
function checkWhole(op: string, indices: Value): void {
  if (indices.dtype !== 'int64' && indices.dtype !== 'int32')
    throw shapeError(op, `indices are int32 or int64, not ${indices.dtype}`, indices.shape);
}

/**
 * y[..., i, ...] = x[..., indices[i], ...] along an axis; indices may repeat, their gradients add up.
 * @param indices constant, or a value of whole numbers in [0, side) of any shape, whose sides take the axis's place.
 */
export function gather(x: Value, indices: readonly number[] | Value, axis: number): Value {
  const at = axisOf('gather', x.shape, axis);
  const side = x.shape[at];
  if (!(indices instanceof Value)) {
    checkIndices('gather', indices, side, x.shape);
    return track(pick(x, indices, at), [x], (dy) => [toFront(scatterAdd(toFront(dy, at), indices, side), at)]);
  }
  checkWhole('gather', indices);
  const lead = indices.shape;
  const count = elementCount(lead);
  const y = emit(
    x.graph,
    'Gather',
    [x, indices],
    [...x.shape.slice(0, at), ...lead, ...x.shape.slice(at + 1)],
    { axis: at },
    x.dtype,
  );
  return track(y, [x], (dy) => {
    const rows = reshape(dy, [...x.shape.slice(0, at), count, ...x.shape.slice(at + 1)]);
    return [toFront(scatterAdd(toFront(rows, at), reshape(indices, [count]), side), at)];
  });
}

/**
 * y[indices[i]] += x[i] over zeros: x [n, ...] -> [size, ...].
 * @param indices constant, or a value [n] of whole numbers in [0, size).
 */
export function scatterAdd(x: Value, indices: readonly number[] | Value, size: number): Value {
  const count = indices instanceof Value ? elementCount(indices.shape) : indices.length;
  if (x.shape[0] !== count) {
    throw shapeError('scatterAdd', 'the first side must equal the number of indices', x.shape, [count]);
  }
  if (indices instanceof Value) checkWhole('scatterAdd', indices);
  else checkIndices('scatterAdd', indices, size, x.shape);
  const { graph } = x;
  const shape = withSide(x.shape, 0, size);
  const zeros = emit(graph, 'ConstantOfShape', [graph.int64(shape)], shape);
  const rows =
    indices instanceof Value
      ? reshape(cast(indices, 'int64'), [count, 1])
      : graph.constant(BigInt64Array.from(indices, BigInt), [count, 1]);
  const y = emit(graph, 'ScatterND', [zeros, rows, x], shape, { reduction: 'add' });
  return track(y, [x], (dy) => [gather(dy, indices, 0)]);
}

/** Checks that indices have the sides of `shape` but along an axis. */
function checkAlong(op: string, indices: Value, shape: readonly number[], axis: number): void {
  checkWhole(op, indices);
  if (indices.shape.length !== shape.length || !sameShape(withSide(indices.shape, axis, 1), withSide(shape, axis, 1)))
    throw shapeError(op, `the indices may differ along axis ${axis} alone`, shape, indices.shape);
}

/**
 * y[..., i, ...] = x[..., indices[..., i, ...], ...] along an axis: one element for each index.
 * @param indices whole numbers in [0, side); its sides are those of `x` but along the axis.
 */
export function gatherElements(x: Value, indices: Value, axis: number): Value {
  const at = axisOf('gatherElements', x.shape, axis);
  checkAlong('gatherElements', indices, x.shape, at);
  const y = emit(x.graph, 'GatherElements', [x, indices], indices.shape, { axis: at }, x.dtype);
  return track(y, [x], (dy) => [scatterElements(dy, indices, at, x.shape[at])]);
}

/** The gradient of {@link gatherElements}: y[..., indices[..., i, ...], ...] += x[..., i, ...] over zeros, with `size` along the axis. */
export function scatterElements(x: Value, indices: Value, axis: number, size: number): Value {
  const at = axisOf('scatterElements', x.shape, axis);
  checkAlong('scatterElements', indices, x.shape, at);
  if (!sameShape(x.shape, indices.shape))
    throw shapeError('scatterElements', 'every element needs one index', x.shape, indices.shape);
  const shape = withSide(x.shape, at, size);
  const zeros = emit(x.graph, 'ConstantOfShape', [x.graph.int64(shape)], shape);
  const y = emit(x.graph, 'ScatterElements', [zeros, indices, x], shape, { axis: at, reduction: 'add' });
  return track(y, [x], (dy) => [gatherElements(dy, indices, at)]);
}

/** The inverse of a permutation. @throws ADC_GRAPH_SHAPE when `indices` do not name every place of a side once. */
function inverseOf(op: string, indices: readonly number[], side: number, shape: readonly number[]): number[] {
  const inverse = new Array<number>(indices.length).fill(-1);
  for (const [to, from] of indices.entries()) inverse[from] = to;
  if (indices.length !== side || inverse.length !== indices.length || inverse.includes(-1)) {
    throw shapeError(op, `the indices must name every one of ${side} places once`, shape, [indices.length]);
  }
  return inverse;
}

/** {@link gather} by a permutation: its gradient is the gather by the inverse, much cheaper than adding. */
export function permuteRows(x: Value, indices: readonly number[], axis = 1): Value {
  const at = axisOf('permuteRows', x.shape, axis);
  const inverse = inverseOf('permuteRows', indices, x.shape[at], x.shape);
  return track(pick(x, indices, at), [x], (dy) => [permuteRows(dy, inverse, at)]);
}

/**
 * The rows (vectors along the last axis) of all parts behind one another, permuted and parted anew: what joining, {@link permuteRows},
 * cutting and reshaping give, with passes over the rows less, forward and backward.
 * @param parts (n, ..., D), alike behind the first side. @param indices row i of the result is row `indices[i]` of the joined parts.
 * @param leads sides of each new part without D.
 */
export function regroupRows(
  parts: readonly Value[],
  indices: readonly number[],
  leads: readonly (readonly number[])[],
): Value[] {
  const joined = concat(parts, 0);
  const width = joined.shape[joined.shape.length - 1];
  const total = elementCount(joined.shape) / width;
  const inverse = inverseOf('regroupRows', indices, total, joined.shape);
  if (leads.reduce((sum, lead) => sum + elementCount(lead), 0) !== total)
    throw shapeError('regroupRows', `the new parts must have ${total} rows together`, ...leads);
  const { graph } = joined;
  const rows = reshape(joined, [total, width]);
  let start = 0;
  const picked = leads.map((lead) => {
    const from = start;
    start += elementCount(lead);
    return pick(rows, indices.slice(from, start), 0, lead);
  });
  return graph.track(picked, parts, (dys) =>
    regroupRows(
      dys.map((dy, n) => dy ?? graph.filled(0, picked[n].shape)),
      inverse,
      parts.map(({ shape }) => shape.slice(0, -1)),
    ),
  );
}
