/** Means over squares against PyTorch and finite differences. */
import { expect, test } from 'vitest';
import { input, testOps } from '../../test/suite.ts';
import { Graph } from '../graph.ts';
import { averagePool } from './pool.ts';

testOps('pool', [
  { name: 'averagePool', inputs: [input([2, 3, 4, 6])], build: ([x]) => averagePool(x, 2, 2) },
  { name: 'averagePool stride 1', inputs: [input([1, 2, 5, 4])], build: ([x]) => averagePool(x, 3) },
  { name: 'averagePool with a rest', inputs: [input([1, 2, 8, 6])], build: ([x]) => averagePool(x, 2, 3) },
]);

test('a square larger than the map and a map without four axes are refused', () => {
  const graph = new Graph();
  expect(() => averagePool(graph.input('x', [1, 1, 4, 3]), 4)).toThrow(/\[1, 1, 4, 3\] and \[4, 1\]/);
  expect(() => averagePool(graph.input('y', [4, 4]), 2)).toThrow(/\[4, 4\]/);
});
