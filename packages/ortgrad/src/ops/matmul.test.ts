/** Matrix products against PyTorch and finite differences. */
import { expect, test } from 'vitest';
import { input, testOps } from '../../test/suite.ts';
import { Graph } from '../graph.ts';
import { matmul } from './matmul.ts';

testOps('matmul', [
  { name: 'matmul', inputs: [input([3, 4]), input([4, 5])], build: ([a, b]) => matmul(a, b) },
  { name: 'matmul batched', inputs: [input([2, 3, 4]), input([2, 4, 5])], build: ([a, b]) => matmul(a, b) },
  { name: 'matmul broadcast', inputs: [input([2, 1, 3, 4]), input([3, 4, 2])], build: ([a, b]) => matmul(a, b) },
  { name: 'matmul shared', inputs: [input([2, 3, 4]), input([4, 2])], build: ([a, b]) => matmul(a, b) },
]);

test('inner sides that differ are refused by both shapes', () => {
  const graph = new Graph();
  expect(() => matmul(graph.input('a', [2, 3]), graph.input('b', [4, 5]))).toThrow(/\[2, 3\] and \[4, 5\]/);
});
