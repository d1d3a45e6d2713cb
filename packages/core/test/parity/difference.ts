/** How far two tensors are apart. */
import { type Tensor, toFloat32 } from '@adclick/ortgrad';
import { expect } from 'vitest';

/** The element that is farthest from 0. */
export const largest = (one: Tensor): number =>
  toFloat32(one).reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** The largest difference of two elements over the largest of those that are wanted. */
export function difference(found: Tensor, wanted: Tensor): number {
  expect(found.shape).toEqual(wanted.shape);
  const numbers = toFloat32(wanted);
  const gap = toFloat32(found).reduce((most, value, i) => Math.max(most, Math.abs(value - numbers[i])), 0);
  return gap / largest(wanted);
}
