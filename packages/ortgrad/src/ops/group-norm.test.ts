/** Group normalisation against PyTorch and finite differences. */
import { expect, test } from 'vitest';
import { input, testOps } from '../../test/suite.ts';
import { Graph } from '../graph.ts';
import { groupNorm } from './group-norm.ts';

testOps('groupNorm', [
  {
    name: 'groupNorm',
    inputs: [input([2, 3, 4, 5]), input([5], 0.5, 1.5), input([5])],
    build: ([x, weight, bias]) => groupNorm(x, weight, bias),
  },
]);

test('an affine of another size is refused by both shapes', () => {
  const graph = new Graph();
  const [x, wrong, right] = [[2, 3, 8], [4], [8]].map((shape, i) => graph.input(`x${i}`, shape));
  expect(() => groupNorm(x, right, wrong)).toThrow(/\[2, 3, 8\] and \[4\]/);
});
