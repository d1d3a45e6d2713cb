/** Softmax attention with a fused backward. */
import type { Value } from '../graph.ts';
import { sameShape } from '../tensor.ts';
import { emit, shapeError } from './common.ts';
import { add, mul, sub } from './elementwise.ts';
import { regroupRows } from './gather.ts';
import { matmul } from './matmul.ts';
import { columnSums, reduceSum } from './reduce.ts';
import { scale } from './scalars.ts';
import { reshape, swapLast, transpose } from './shape.ts';

/** Settings of {@link attention} and {@link selfAttention}. */
export interface AttentionOptions {
  /** Factor of the scores, usually 1/√(head size); default 1. */
  readonly scale?: number;
  /** Constant added to the scores, (W, 1 or H, n, m) with W dividing the batch: a mask that repeats every W windows. */
  readonly mask?: Value;
}

/**
 * softmax(scale · q·kᵀ + bias + mask) · v for q (B, H, n, d), k (B, H, m, d), v (B, H, m, e) -> (B, H, n, e).
 * The backward keeps the probabilities and the result alone; the scores' gradient is P·(dP - Σ dO·O).
 * @param bias (H, n, m), the same for the whole batch.
 */
export function attention(q: Value, k: Value, v: Value, bias?: Value | null, options: AttentionOptions = {}): Value {
  return attend({ q, k, v, bias }, options, {
    forward: (out) => out,
    backward: (dOut) => dOut,
    rowSums: (products) => reduceSum(products, [-1], true),
  });
}

/** What attention is made of. */
interface Operands {
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
  readonly bias?: Value | null;
}

/** How the result lies in memory, so that it is kept once. */
interface Layout {
  /** From (B, H, n, e). */
  readonly forward: (out: Value) => Value;
  /** The gradient back to (B, H, n, e). */
  readonly backward: (dOut: Value) => Value;
  /** Sums over e, (B, H, n, 1), of something that lies like the result. */
  readonly rowSums: (products: Value) => Value;
}

function attend({ q, k, v, bias }: Operands, options: AttentionOptions, layout: Layout): Value {
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
  const out = layout.forward(emit(graph, 'MatMul', [probabilities, v], [batch, heads, n, v.shape[3]]));
  return graph.track([out], bias ? [q, k, v, bias] : [q, k, v], ([dy]) => {
    const dOut = layout.backward(dy as Value);
    const rowSums = layout.rowSums(mul(dy as Value, out));
    const dScores = mul(probabilities, sub(matmul(dOut, swapLast(v)), rowSums));
    return [
      scale(matmul(dScores, k), factor),
      scale(matmul(swapLast(dScores), q), factor),
      matmul(swapLast(probabilities), dOut),
      bias ? reshape(columnSums(reshape(dScores, [batch, heads * n * m])), bias.shape) : null,
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
 * Heads are gathered as rows, which onnxruntime does faster than the transpositions they amount to.
 * @param bias (heads, n, n)
 */
export function selfAttention(qkv: Value, heads: number, bias?: Value | null, options: AttentionOptions = {}): Value {
  const [batch, n, packed] = qkv.shape;
  if (qkv.shape.length !== 3 || packed % (3 * heads) !== 0) {
    throw shapeError('selfAttention', `needs (B, n, 3·D) with D divisible by ${heads} heads`, qkv.shape);
  }
  const size = packed / 3 / heads;
  const byHead = [batch, heads, n];
  const byToken = [batch, n * heads];
  const order = headOrder(batch, heads, n);
  const packedOrder = [0, 1, 2].flatMap((part) =>
    order.map((row) => (Math.floor(row / heads) * 3 + part) * heads + (row % heads)),
  );
  const rows = reshape(qkv, [batch * n * 3 * heads, size]);
  const [q, k, v] = regroupRows([rows], packedOrder, [byHead, byHead, byHead]);
  const mixed = attend({ q, k, v, bias }, options, {
    forward: (out) => regroupRows([out], headOrder(batch, n, heads), [byToken])[0],
    backward: (dOut) => regroupRows([dOut], order, [byHead])[0],
    rowSums: (products) => transpose(reduceSum(reshape(products, [batch, n, heads, size]), [-1], true), [0, 2, 1, 3]),
  });
  return reshape(mixed, [batch, n, heads * size]);
}

/** The order that takes rows from (batch, n, heads) to (batch, heads, n). */
function headOrder(batch: number, heads: number, n: number): number[] {
  const order: number[] = [];
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++) for (let i = 0; i < n; i++) order.push((b * n + i) * heads + h);
  return order;
}
