/** Ops of a value and a number. */
import type { Value } from '../graph.ts';
import { unary } from './common.ts';

/** k · x for a number k. */
export const scale = (x: Value, k: number): Value =>
  k === 1 ? x : unary('Mul', x, (dy) => scale(dy, k), [x.graph.scalar(k)]);

/** x + k for a number k. */
export const addScalar = (x: Value, k: number): Value => unary('Add', x, (dy) => dy, [x.graph.scalar(k)]);
