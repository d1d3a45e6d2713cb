/** Matrix products over batches. */
import type { Value } from '../graph.ts';
import { broadcastShape, emit, shapeError, track } from './common.ts';
import { linear } from './linear.ts';
import { sumTo } from './reduce.ts';
import { swapLast } from './shape.ts';

/**
 * a [..., M, K] · b [..., K, N] -> [..., M, N]; leading sides are equal or broadcast.
 * A transposed operand is written as {@link swapLast}: onnxruntime fuses it into the product.
 */
export function matmul(a: Value, b: Value): Value {
  const rows = a.shape[a.shape.length - 2];
  const inner = a.shape[a.shape.length - 1];
  const columns = b.shape[b.shape.length - 1];
  if (a.shape.length < 2 || b.shape.length < 2 || b.shape[b.shape.length - 2] !== inner) {
    throw shapeError(
      'matmul',
      'the last side of the first must equal the last but one of the second',
      a.shape,
      b.shape,
    );
  }
  if (b.shape.length === 2 && a.shape.length > 2) return linear(a, b);
  const lead = broadcastShape('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2));
  const y = emit(a.graph, 'MatMul', [a, b], [...lead, rows, columns]);
  return track(y, [a, b], (dy) => [
    a.needsGrad ? sumTo(matmul(dy, swapLast(b)), a.shape) : null,
    b.needsGrad ? sumTo(matmul(swapLast(a), dy), b.shape) : null,
  ]);
}

/**
 * The same of whole numbers, exactly: uint8 [..., M, K] · int8 [..., K, N] -> int32 [..., M, N]; has no gradient. Two neighbouring terms of a
 * sum must stay within int16 together: processors without a product of bytes saturate there.
 */
export function matmulBytes(a: Value, b: Value): Value {
  const [rows, inner] = a.shape.slice(-2);
  const [height, columns] = b.shape.slice(-2);
  if (a.dtype !== 'uint8' || b.dtype !== 'int8' || height === undefined || height !== inner)
    throw shapeError('matmulBytes', `${a.dtype} and ${b.dtype} must be uint8 and int8, and fit`, a.shape, b.shape);
  const lead = broadcastShape('matmulBytes', a.shape.slice(0, -2), b.shape.slice(0, -2));
  return emit(a.graph, 'MatMulInteger', [a, b], [...lead, rows as number, columns as number], {}, 'int32');
}
