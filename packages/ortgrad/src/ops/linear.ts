/** Linear layers over the last axis: alone, behind a normalisation, and as a perceptron with GELU between two. */
import type { Value } from '../graph.ts';
import { elementCount } from '../tensor.ts';
import { emit, shapeError, track } from './common.ts';
import { add, after, BARE_GELU, bareGelu, gelu } from './elementwise.ts';
import { columnSums } from './reduce.ts';
import { scale } from './scalars.ts';
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
 * xᵀ [K, M] · dy [M, N]: the gradient of a weight.
 * onnxruntime transposes the left operand anew for every strip of columns of the right one, so the narrower of the two goes
 * to the right and the small result is transposed; as MatMul, which takes in the sum over several uses of the weight.
 */
function weightGradient(x: Value, dy: Value): Value {
  const product = (left: Value, right: Value) =>
    emit(x.graph, 'MatMul', [transpose(left, [1, 0]), right], [left.shape[1], right.shape[1]]);
  return dy.shape[1] <= x.shape[1] ? product(x, dy) : transpose(product(dy, x), [1, 0]);
}

/**
 * dy [M, N] · wᵀ: the gradient of a layer's input.
 * The weight is transposed once for all of its uses; the rounds over three axes keep onnxruntime from doing it inside each product.
 */
function inputGradient(dy: Value, w: Value): Value {
  const [inner, columns] = w.shape;
  const turned = reshape(transpose(reshape(w, [1, inner, columns]), [0, 2, 1]), [columns, inner]);
  return emit(dy.graph, 'MatMul', [dy, turned], [dy.shape[0], inner]);
}

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

/** x [..., K] · w [K, N] + b [N] + onto [..., N]: onnxruntime adds as part of the product. */
export const linearOnto = (onto: Value, x: Value, w: Value, b: Value): Value => add(linear(x, w), add(onto, b));

/** A linear layer that has taken in the affine of the normalisation before it, made by `foldAffine`. */
export interface Folded {
  /** [K, N], columns of mean 0. */
  readonly centred: Value;
  /** `centred` with the bias spread over its rows, which rows that sum to K turn back into the bias. */
  readonly weight: Value;
}

/** A folded layer behind `layerNormBeforeFolded`: y [..., K] -> [..., N]. Its bias takes no pass of its own, forward or backward. */
export function foldedLinear(y: Value, { weight, centred }: Folded): Value {
  const rows = rowsOf('foldedLinear', y, weight, undefined);
  const flat = reshape(y, [rows, weight.shape[0]]);
  const out = track(affine(flat, weight, undefined), [flat, weight], (dy) => [
    inputGradient(dy, centred),
    weightGradient(flat, dy),
  ]);
  return reshape(out, [...y.shape.slice(0, -1), weight.shape[1]]);
}

/** {@link bareGelu}(u)·w + b (+ onto): u [..., H], w [H, N], b [N], onto [..., N] -> [..., N]. */
export function bareGeluLinear(u: Value, w: Value, b: Value, onto?: Value): Value {
  const rows = rowsOf('bareGeluLinear', u, w, b);
  const [hidden, columns] = w.shape;
  const { y, slope } = bareGelu(reshape(u, [rows, hidden]));
  const offset = after(b, slope);
  const sum = onto ? linearOnto(reshape(onto, [rows, columns]), y, w, offset) : add(linear(y, w), offset);
  return reshape(sum, [...u.shape.slice(0, -1), columns]);
}

/** gelu(x·w1 + b1)·w2 + b2 with x [..., K], w1 [K, H], w2 [H, N] -> [..., N]. */
export function mlp(x: Value, w1: Value, b1: Value, w2: Value, b2: Value): Value {
  if (w2.shape.length !== 2 || w2.shape[0] !== w1.shape[1]) {
    throw shapeError('mlp', 'the second weight must begin with the side the first ends with', w1.shape, w2.shape);
  }
  if (![x, w1, b1].some(({ needsGrad }) => needsGrad)) return linear(gelu(linear(x, w1, b1)), w2, b2);
  const { before, behind } = BARE_GELU;
  return bareGeluLinear(linear(x, scale(w1, before), scale(b1, before)), scale(w2, behind), b2);
}
