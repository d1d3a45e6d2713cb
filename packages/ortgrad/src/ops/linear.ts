/** Linear layers over the last axis, and the two-layer perceptron whose backward is fused. */
import type { Value } from '../graph.ts';
import { elementCount } from '../tensor.ts';
import { emit, shapeError, track } from './common.ts';
import { mul, scale, twiceGeluParts } from './elementwise.ts';
import { columnSums } from './reduce.ts';
import { reshape, transpose } from './shape.ts';

/** Checks x [..., K], w [K, N], b [N] and gives the number of rows of x. */
function rowsOf(op: string, x: Value, w: Value, b: Value | undefined): number {
  const inner = x.shape[x.shape.length - 1];
  if (w.shape.length !== 2 || w.shape[0] !== inner) {
    throw shapeError(op, 'x [..., K] needs a weight [K, N]', x.shape, w.shape);
  }
  if (b && (b.shape.length !== 1 || b.shape[0] !== w.shape[1])) {
    throw shapeError(op, 'a weight [K, N] needs a bias [N]', w.shape, b.shape);
  }
  return elementCount(x.shape) / inner;
}

/** x [M, K] · w [K, N] + b [N], without a gradient. */
function affine(x: Value, w: Value, b: Value | undefined): Value {
  const shape = [x.shape[0], w.shape[1]];
  return b ? emit(x.graph, 'Gemm', [x, w, b], shape) : emit(x.graph, 'MatMul', [x, w], shape);
}

/**
 * factor · xᵀ [K, M] · dy [M, N]: the gradient of a weight.
 * onnxruntime transposes the left operand anew for every strip of columns of the right one, so the narrower of the two goes
 * to the right and the small result is transposed; as MatMul, because a transposed Gemm would be turned back.
 */
function weightGradient(x: Value, dy: Value, factor = 1): Value {
  const [inner, columns] = [x.shape[1], dy.shape[1]];
  if (columns <= inner) {
    return emit(x.graph, 'Gemm', [x, dy], [inner, columns], { transA: 1, alpha: { float: factor } });
  }
  const swapped = emit(x.graph, 'MatMul', [transpose(dy, [1, 0]), x], [columns, inner]);
  return scale(transpose(swapped, [1, 0]), factor);
}

/** dy [M, N] · wᵀ: the gradient of a layer's input. */
const inputGradient = (dy: Value, w: Value): Value =>
  emit(dy.graph, 'MatMul', [dy, transpose(w, [1, 0])], [dy.shape[0], w.shape[0]]);

/** x [..., K] · w [K, N] + b [N] -> [..., N] */
export function linear(x: Value, w: Value, b?: Value): Value {
  const rows = rowsOf('linear', x, w, b);
  const [inner, columns] = w.shape;
  const flat = reshape(x, [rows, inner]);
  const inputs = b ? [flat, w, b] : [flat, w];
  const y = track(affine(flat, w, b), inputs, (dy) => [
    flat.needsGrad ? inputGradient(dy, w) : null,
    w.needsGrad ? weightGradient(flat, dy) : null,
    ...(b ? [b.needsGrad ? columnSums(dy) : null] : []),
  ]);
  return reshape(y, [...x.shape.slice(0, -1), columns]);
}

/**
 * gelu(x·w1 + b1)·w2 + b2 with x [..., K], w1 [K, H], w2 [H, N] -> [..., N].
 * One backward rule for the whole: the ½ of GELU's slope goes into the small weight instead of the wide activation, and
 * GELU's result is made again from the error function that its slope needs anyway, so that it need not be kept.
 */
export function mlp(x: Value, w1: Value, b1: Value, w2: Value, b2: Value): Value {
  const rows = rowsOf('mlp', x, w1, b1);
  if (w2.shape.length !== 2 || w2.shape[0] !== w1.shape[1]) {
    throw shapeError('mlp', 'the second weight must begin with the side the first ends with', w1.shape, w2.shape);
  }
  const [inner, hidden] = w1.shape;
  const flat = reshape(x, [rows, inner]);
  const before = affine(flat, w1, b1);
  const after = emit(x.graph, 'Gelu', [before], before.shape);
  rowsOf('mlp', after, w2, b2);
  const y = track(affine(after, w2, b2), [flat, w1, b1, w2, b2], (dy) => {
    const halved = scale(transpose(w2, [1, 0]), 0.5);
    const dAfter = emit(x.graph, 'MatMul', [dy, halved], [rows, hidden]);
    const { cdf, slope } = twiceGeluParts(before);
    const dBefore = mul(dAfter, slope);
    return [
      inputGradient(dBefore, w1),
      weightGradient(flat, dBefore),
      columnSums(dBefore),
      weightGradient(mul(before, cdf), dy, 0.5),
      columnSums(dy),
    ];
  });
  return reshape(y, [...x.shape.slice(0, -1), w2.shape[1]]);
}
