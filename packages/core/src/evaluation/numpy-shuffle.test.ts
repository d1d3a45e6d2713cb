import { expect, test } from 'vitest';
import { numpyShuffle } from './numpy-shuffle.ts';

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

// Golden numbers of NumPy: r = numpy.random.RandomState(seed); a = list(range(n)); r.shuffle(a)
test('equals numpy.random.RandomState(seed).shuffle', () => {
  expect(numpyShuffle(range(20), 0)).toEqual([18, 1, 19, 8, 10, 17, 6, 13, 4, 2, 5, 14, 9, 7, 16, 11, 3, 0, 15, 12]);
  const long = numpyShuffle(range(1000), 0);
  expect(long.slice(0, 12)).toEqual([993, 859, 298, 553, 672, 971, 27, 231, 306, 706, 496, 558]);
  expect(long.slice(-5)).toEqual([835, 192, 629, 559, 684]);
  expect(numpyShuffle(range(63), 42).slice(0, 10)).toEqual([61, 57, 0, 43, 5, 36, 16, 12, 25, 60]);
});

test('leaves the list alone, and short ones as they are', () => {
  const list = [1, 2, 3];
  numpyShuffle(list, 0);
  expect(list).toEqual([1, 2, 3]);
  expect(numpyShuffle([], 0)).toEqual([]);
  expect(numpyShuffle(['a'], 0)).toEqual(['a']);
});
