/** Softmax attention with a fused backward. */
import type { Value } from '../graph.ts';
import { sameShape } from '../tensor.ts';
import { emit, shapeError } from './common.ts';
import { add, mul, scale, sub } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { columnSums, reduceSum } from './reduce.ts';
import { reshape, split, swapLast, transpose } from './shape.ts';

/** Settings of {@link attention} and {@link selfAttention}. */
export interface AttentionOptions {
  /** Factor of the scores, usually 1/√(head size); default 1. */
  readonly scale?: number;
  /** Constant added to the scores, (W, 1 or H, n, m) with W dividing the batch: a mask that repeats every W windows. */
  readonly mask?: Value;
}

/**
 * softmax(scale · q·kᵀ + bias + mask) · v for q (B, H, n, d), k (B, H, m, d), v (B, H, m, e) -> (B, H, n, e).
 * The backward keeps the probabilities alone; the scores' gradient is P·(dP - Σ dO·O).
 * @param bias (H, n, m), the same for the whole batch.
 */
export function attention(q: Value, k: Value, v: Value, bias?: Value | null, options: AttentionOptions = {}): Value {
  const [batch, heads, n, size] = q.shape;
  const m = k.shape[2];
  if (q.shape.length !== 4 || !sameShape(k.shape, [batch, heads, m, size])) {
    throw shapeError('attention', 'q (B, H, n, d) needs k (B, H, m, d)', q.shape, k.shape);
  }
  if (v.shape.length !== 4 || !sameShape(v.shape.slice(0, 3), [batch, heads, m])) {
    throw shapeError('attention', 'k (B, H, m, d) needs v (B, H, m, e)', k.shape, v.shape);
  }
  if (bias && !sameShape(bias.shape, [heads, n, m])) {
    throw shapeError('attention', 'the bias must be (H, n, m)', bias.shape, [heads, n, m]);
  }
  const { graph } = q;
  const { mask, scale: factor = 1 } = options;
  const raw = scale(matmul(q, swapLast(k)), factor);
  const probabilities = emit(graph, 'Softmax', [addOffsets(raw, bias, mask)], raw.shape, { axis: -1 });
  const out = emit(graph, 'MatMul', [probabilities, v], [batch, heads, n, v.shape[3]]);
  const inputs = bias ? [q, k, v, bias] : [q, k, v];
  return graph.track([out], inputs, ([dy]) => {
    const dOut = dy as Value;
    const rowSums = reduceSum(mul(dOut, out), [-1], true);
    const dScores = mul(probabilities, sub(matmul(dOut, swapLast(v)), rowSums));
    const flat = reshape(dScores, [batch, heads * n * m]);
    return [
      scale(matmul(dScores, k), factor),
      scale(matmul(swapLast(dScores), q), factor),
      matmul(swapLast(probabilities), dOut),
      bias ? reshape(columnSums(flat), bias.shape) : null,
    ];
  })[0];
}

/** Adds bias and mask to scores (B, H, n, m); with both, they are summed once for the windows they repeat over. */
function addOffsets(scores: Value, bias: Value | null | undefined, mask: Value | undefined): Value {
  if (!mask) return bias ? add(scores, bias) : scores;
  const [batch, heads, n, m] = scores.shape;
  const [windows, maskHeads] = mask.shape;
  const fits = mask.shape.length === 4 && sameShape(mask.shape.slice(2), [n, m]) && batch % windows === 0;
  if (!fits || (maskHeads !== 1 && maskHeads !== heads)) {
    throw shapeError(
      'attention',
      'the mask must be (W, 1 or H, n, m) with W dividing the batch',
      mask.shape,
      scores.shape,
    );
  }
  const offsets = bias ? add(mask, bias) : mask;
  const grouped = reshape(scores, [batch / windows, windows, heads, n, m]);
  return reshape(add(grouped, offsets), scores.shape);
}

/**
 * Multi-head self-attention of packed projections: qkv (B, n, 3·D) -> (B, n, D).
 * The last axis holds q, k and v one after another, each head by head.
 * @param bias (heads, n, n)
 */
export function selfAttention(qkv: Value, heads: number, bias?: Value | null, options: AttentionOptions = {}): Value {
  const [batch, n, packed] = qkv.shape;
  if (qkv.shape.length !== 3 || packed % (3 * heads) !== 0) {
    throw shapeError('selfAttention', `needs (B, n, 3·D) with D divisible by ${heads} heads`, qkv.shape);
  }
  const size = packed / 3 / heads;
  const stacked = transpose(reshape(qkv, [batch, n, 3, heads, size]), [2, 0, 3, 1, 4]); // (3, B, heads, n, size)
  const [q, k, v] = unstack(stacked);
  const mixed = attention(q, k, v, bias, options); // (B, heads, n, size)
  return reshape(transpose(mixed, [0, 2, 1, 3]), [batch, n, heads * size]);
}

/** The parts along the first axis, without it. */
export function unstack(x: Value): Value[] {
  const [count, ...rest] = x.shape;
  return split(x, 0, count).map((part) => reshape(part, rest));
}
