/** Memory is given back at once, without a garbage collection. */
import { expect, test } from 'vitest';
import { giveBack } from './give-back.ts';

test('an array that is given back is empty, and its memory is free', () => {
  const megabytes = 1_000_000;
  const before = process.memoryUsage().arrayBuffers;
  // Held, so that no collection frees what was not given back.
  const held: Float32Array[] = [];
  for (let n = 0; n < 20; n++) {
    const array = new Float32Array(5 * megabytes).fill(n);
    held.push(array);
    giveBack(array);
  }
  expect(held.map(({ length }) => length)).toEqual(held.map(() => 0));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * megabytes);
});
