/** Picking slices by constant indices, and adding slices into place. */
import type { Value } from '../graph.ts';
import { elementCount } from '../tensor.ts';
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

/** y[..., i, ...] = x[..., indices[i], ...] along an axis; indices may repeat, their gradients add up. */
export function gather(x: Value, indices: readonly number[], axis: number): Value {
  const at = axisOf('gather', x.shape, axis);
  checkIndices('gather', indices, x.shape[at], x.shape);
  return track(pick(x, indices, at), [x], (dy) => [toFront(scatterAdd(toFront(dy, at), indices, x.shape[at]), at)]);
}

/** y[indices[i]] += x[i] over zeros: x [n, ...] -> [size, ...]. */
export function scatterAdd(x: Value, indices: readonly number[], size: number): Value {
  if (x.shape[0] !== indices.length) {
    throw shapeError('scatterAdd', 'the first side must equal the number of indices', x.shape, [indices.length]);
  }
  checkIndices('scatterAdd', indices, size, x.shape);
  const { graph } = x;
  const shape = withSide(x.shape, 0, size);
  const zeros = emit(graph, 'ConstantOfShape', [graph.int64(shape)], shape);
  const rows = graph.constant(BigInt64Array.from(indices, BigInt), [indices.length, 1]);
  const y = emit(graph, 'ScatterND', [zeros, rows, x], shape, { reduction: 'add' });
  return track(y, [x], (dy) => [gather(dy, indices, 0)]);
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
  const joined = parts.length === 1 ? parts[0] : concat(parts, 0);
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
