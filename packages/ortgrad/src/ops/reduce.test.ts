/** Sums and means against PyTorch and finite differences. */
import { expect, test } from 'vitest';
import { input, testOps } from '../../test/suite.ts';
import { Graph } from '../graph.ts';
import { columnSums, expand, reduceMean, reduceSum, sumTo } from './reduce.ts';

testOps('reduce', [
  { name: 'reduceSum', inputs: [input([2, 3, 4])], build: ([x]) => reduceSum(x, [0, 2]) },
  { name: 'reduceSum keepdims', inputs: [input([2, 3, 4])], build: ([x]) => reduceSum(x, [1], true) },
  { name: 'reduceMean', inputs: [input([2, 3, 4])], build: ([x]) => reduceMean(x) },
  { name: 'reduceMean axis', inputs: [input([2, 3, 4])], build: ([x]) => reduceMean(x, [-1]) },
  { name: 'expand', inputs: [input([3, 1])], build: ([x]) => expand(x, [2, 3, 4]) },
  { name: 'columnSums', inputs: [input([1024, 3])], build: ([x]) => columnSums(x) },
]);

test('an axis that does not exist, and a shape that nothing broadcasts to, are refused', () => {
  const x = new Graph().input('x', [2, 3]);
  expect(() => reduceSum(x, [2])).toThrow(/axis 2.*\[2, 3\]/);
  expect(() => expand(x, [2, 4])).toThrow(/\[2, 3\] and \[2, 4\]/);
});

test('sumTo undoes a broadcast', () => {
  const x = new Graph().input('x', [3, 1]);
  expect(sumTo(expand(x, [2, 3, 4]), x.shape).shape).toEqual([3, 1]);
});
