/** Memory is given back at once, without a garbage collection. */
import { expect, test } from 'vitest';
import { giveBack } from './give-back.ts';

test('an array that is given back is empty, and its memory is free', () => {
  const megabytes = 1_000_000;
  const before = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 20; n++) {
    const array = new Float32Array(5 * megabytes).fill(n);
    giveBack(array);
    expect(array).toHaveLength(0);
  }
  // Twenty arrays of 20 megabytes: kept until a collection, they would be 400.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * megabytes);
});
