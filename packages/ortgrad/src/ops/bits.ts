/** Bits of bytes: shifted and masked, without a gradient. */
import type { Value } from '../graph.ts';
import { emit, shapeError } from './common.ts';

function bitwise(op: string, x: Value, by: number, attributes = {}): Value {
  if (x.dtype !== 'uint8') throw shapeError(op, `bits are those of uint8, not of ${x.dtype}`, x.shape);
  return emit(x.graph, op, [x, x.graph.constant(Uint8Array.of(by), [1])], x.shape, attributes, 'uint8');
}

/** x · 2^by of uint8, without the bits that leave the byte. */
export const shiftLeft = (x: Value, by: number): Value => bitwise('BitShift', x, by, { direction: 'LEFT' });

/** ⌊x / 2^by⌋ of uint8. */
export const shiftRight = (x: Value, by: number): Value => bitwise('BitShift', x, by, { direction: 'RIGHT' });

/** The bits of uint8 that `mask` has too. */
export const maskBits = (x: Value, mask: number): Value => bitwise('BitwiseAnd', x, mask);
