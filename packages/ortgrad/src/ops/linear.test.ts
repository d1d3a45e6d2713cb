/** Linear layers and the perceptron against PyTorch and finite differences. */
import { expect, test } from 'vitest';
import { input, testOps } from '../../test/suite.ts';
import { Graph } from '../graph.ts';
import { bareGeluLinear, linear, linearOnto, mlp } from './linear.ts';

testOps('linear', [
  { name: 'linear', inputs: [input([2, 3, 4]), input([4, 5]), input([5])], build: ([x, w, b]) => linear(x, w, b) },
  { name: 'linear without bias', inputs: [input([2, 3, 4]), input([4, 5])], build: ([x, w]) => linear(x, w) },
  {
    name: 'linear many rows',
    inputs: [input([2, 512, 2]), input([2, 3]), input([3])],
    build: ([x, w, b]) => linear(x, w, b),
  },
  {
    name: 'linearOnto',
    inputs: [input([6, 5]), input([6, 4]), input([4, 5]), input([5])],
    build: ([onto, x, w, b]) => linearOnto(onto, x, w, b),
  },
  {
    name: 'bareGeluLinear',
    inputs: [input([2, 3, 6], -3, 3), input([6, 5]), input([5]), input([2, 3, 5])],
    build: ([u, w, b, onto]) => bareGeluLinear(u, w, b, onto),
  },
  {
    name: 'mlp',
    inputs: [input([2, 3, 4]), input([4, 6]), input([6]), input([6, 3]), input([3])],
    build: ([x, w1, b1, w2, b2]) => mlp(x, w1, b1, w2, b2),
  },
]);

test('weights and biases of other sizes are refused by both shapes', () => {
  const graph = new Graph();
  const x = graph.input('x', [2, 3]);
  const w = graph.input('w', [3, 4]);
  const b = graph.input('b', [3]);
  expect(() => linear(x, graph.input('v', [4, 4]))).toThrow(/\[2, 3\] and \[4, 4\]/);
  expect(() => linear(x, w, b)).toThrow(/\[3, 4\] and \[3\]/);
  expect(() => mlp(x, w, graph.input('c', [4]), w, b)).toThrow(/\[3, 4\] and \[3, 4\]/);
});
