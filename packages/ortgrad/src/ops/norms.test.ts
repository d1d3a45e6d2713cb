/** Lengths against PyTorch and finite differences. */
import { expect, test } from 'vitest';
import { input, testOps } from '../../test/suite.ts';
import { Graph } from '../graph.ts';
import { l2Norm, sumSquares } from './norms.ts';

testOps('norms', [
  { name: 'sumSquares', inputs: [input([3, 4])], build: ([x]) => sumSquares(x, 1) },
  { name: 'l2Norm', inputs: [input([3, 4])], build: ([x]) => l2Norm(x, -1) },
]);

test('an axis that does not exist is refused', () => {
  expect(() => l2Norm(new Graph().input('x', [2, 3]), 2)).toThrow(/axis 2.*\[2, 3\]/);
});
