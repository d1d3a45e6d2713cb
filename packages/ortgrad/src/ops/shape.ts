/** Ops that move elements without computing: reshape, transpose, concat, slice, split, pad. */
import type { Value } from '../graph.ts';
import { elementCount, sameShape } from '../tensor.ts';
import { axisOf, emit, shapeError, track, withSide } from './common.ts';

/** The same elements in row-major order under another shape; one side may be -1 and is then worked out. */
export function reshape(x: Value, shape: readonly number[]): Value {
  const known = shape.filter((side) => side !== -1);
  const open = shape.length - known.length;
  const rest = elementCount(x.shape) / elementCount(known);
  const wanted = open === 1 ? shape.map((side) => (side === -1 ? rest : side)) : shape;
  if (open > 1 || elementCount(wanted) !== elementCount(x.shape) || !wanted.every(Number.isInteger)) {
    throw shapeError('reshape', 'both shapes must hold the same number of elements', x.shape, shape);
  }
  if (sameShape(wanted, x.shape)) return x;
  const y = emit(x.graph, 'Reshape', [x, x.graph.int64(wanted)], wanted, {}, x.dtype);
  return track(y, [x], (dy) => [reshape(dy, x.shape)]);
}

/** Axis `i` of the result is axis `permutation[i]` of `x`. */
export function transpose(x: Value, permutation: readonly number[]): Value {
  const valid = permutation.length === x.shape.length && x.shape.every((_, axis) => permutation.includes(axis));
  if (!valid) throw shapeError('transpose', 'the permutation must name every axis once', x.shape, permutation);
  if (permutation.every((axis, index) => axis === index)) return x;
  const shape = permutation.map((axis) => x.shape[axis]);
  const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
  const y = emit(x.graph, 'Transpose', [x], shape, { perm: permutation }, x.dtype);
  return track(y, [x], (dy) => [transpose(dy, inverse)]);
}

/** Swaps the last two axes. */
export function swapLast(x: Value): Value {
  const rank = x.shape.length;
  return transpose(
    x,
    x.shape.map((_, axis) => (axis === rank - 1 ? rank - 2 : axis === rank - 2 ? rank - 1 : axis)),
  );
}

/** Joins values along an axis; all other sides must be equal. A single value is joined already. */
export function concat(xs: readonly Value[], axis: number): Value {
  const first = xs[0];
  if (!first) throw shapeError('concat', 'needs at least one value');
  const at = axisOf('concat', first.shape, axis);
  for (const x of xs) {
    if (x.shape.length !== first.shape.length || !sameShape(withSide(x.shape, at, 1), withSide(first.shape, at, 1))) {
      throw shapeError('concat', `shapes may differ along axis ${at} alone`, first.shape, x.shape);
    }
  }
  if (xs.length === 1) return first;
  const shape = withSide(
    first.shape,
    at,
    xs.reduce((sum, x) => sum + x.shape[at], 0),
  );
  const y = emit(first.graph, 'Concat', xs, shape, { axis: at }, first.dtype);
  return track(y, xs, (dy) => {
    let start = 0;
    return xs.map((x) => {
      const part = slice(dy, at, start, start + x.shape[at]);
      start += x.shape[at];
      return part;
    });
  });
}

/** Elements `start` (included) to `end` (excluded) along an axis. */
export function slice(x: Value, axis: number, start: number, end: number): Value {
  const at = axisOf('slice', x.shape, axis);
  const side = x.shape[at];
  if (!(start >= 0 && end > start && end <= side)) {
    throw shapeError('slice', `${start} to ${end} is no range along axis ${at}`, x.shape);
  }
  if (end - start === side) return x;
  const { graph } = x;
  const ports = [x, graph.int64([start]), graph.int64([end]), graph.int64([at])];
  const y = emit(graph, 'Slice', ports, withSide(x.shape, at, end - start), {}, x.dtype);
  return track(y, [x], (dy) => [pad(dy, at, start, side - end)]);
}

/**
 * Equal parts along an axis, in order. Their gradients are joined by one concatenation, where as many slices would each be
 * padded and added.
 */
export function split(x: Value, axis: number, count: number): Value[] {
  const at = axisOf('split', x.shape, axis);
  const side = x.shape[at] / count;
  if (!(Number.isInteger(count) && count > 0 && Number.isInteger(side))) {
    throw shapeError('split', `axis ${at} does not divide into ${count} equal parts`, x.shape);
  }
  if (count === 1) return [x];
  const { graph } = x;
  const shape = withSide(x.shape, at, side);
  const parts = Array.from({ length: count }, (_, n) => {
    const ports = [x, graph.int64([n * side]), graph.int64([(n + 1) * side]), graph.int64([at])];
    return emit(graph, 'Slice', ports, shape, {}, x.dtype);
  });
  return graph.track(parts, [x], (dys) => [
    concat(
      dys.map((dy) => dy ?? graph.filled(0, shape)),
      at,
    ),
  ]);
}

/** Adds zeros before and behind along an axis. */
export function pad(x: Value, axis: number, before: number, after: number): Value {
  const at = axisOf('pad', x.shape, axis);
  if (before < 0 || after < 0) throw shapeError('pad', `cannot pad by ${before} and ${after}`, x.shape);
  if (before === 0 && after === 0) return x;
  const amounts = [...x.shape.map((_, i) => (i === at ? before : 0)), ...x.shape.map((_, i) => (i === at ? after : 0))];
  const side = x.shape[at];
  const y = emit(
    x.graph,
    'Pad',
    [x, x.graph.int64(amounts)],
    withSide(x.shape, at, before + side + after),
    {},
    x.dtype,
  );
  return track(y, [x], (dy) => [slice(dy, at, before, before + side)]);
}
