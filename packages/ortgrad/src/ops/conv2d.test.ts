/** Convolutions against PyTorch and finite differences. */
import { expect, test } from 'vitest';
import { input, testOps } from '../../test/suite.ts';
import { Graph } from '../graph.ts';
import { conv2d } from './conv2d.ts';

testOps('conv2d', [
  {
    name: 'conv2d',
    inputs: [input([2, 3, 5, 4]), input([4, 3, 3, 3]), input([4])],
    build: ([x, w, b]) => conv2d(x, w, b, { padding: 1 }),
  },
  {
    name: 'conv2d stride 2',
    inputs: [input([2, 3, 6, 5]), input([2, 3, 3, 3]), input([2])],
    build: ([x, w, b]) => conv2d(x, w, b, { padding: 1, stride: 2 }),
  },
  {
    name: 'conv2d uneven padding',
    inputs: [input([1, 2, 6, 6]), input([3, 2, 3, 3])],
    build: ([x, w]) => conv2d(x, w, null, { padding: [0, 0, 1, 1], stride: 2 }),
  },
  {
    name: 'conv2d groups',
    inputs: [input([2, 4, 4, 4]), input([6, 2, 3, 3]), input([6])],
    build: ([x, w, b]) => conv2d(x, w, b, { padding: 1, groups: 2 }),
  },
  {
    name: 'conv2d depthwise stride 2',
    inputs: [input([1, 3, 5, 5]), input([3, 1, 3, 3])],
    build: ([x, w]) => conv2d(x, w, null, { padding: 1, stride: 2, groups: 3 }),
  },
  {
    name: 'conv2d 1x1',
    inputs: [input([2, 3, 3, 4]), input([5, 3, 1, 1]), input([5])],
    build: ([x, w, b]) => conv2d(x, w, b),
  },
  {
    name: 'conv2d few features, even sides',
    inputs: [input([2, 3, 6, 4]), input([2, 3, 3, 3]), input([2])],
    build: ([x, w, b]) => conv2d(x, w, b, { padding: 1 }),
  },
  {
    name: 'conv2d few features, uneven padding',
    inputs: [input([1, 2, 5, 6]), input([4, 2, 2, 3])],
    build: ([x, w]) => conv2d(x, w, null, { padding: [0, 1, 0, 1] }),
  },
  {
    name: 'conv2d wide kernel',
    inputs: [input([1, 2, 7, 6]), input([2, 2, 5, 4])],
    build: ([x, w]) => conv2d(x, w),
  },
]);

test('kernels that do not fit are refused by both shapes', () => {
  const graph = new Graph();
  const x = graph.input('x', [1, 3, 4, 4]);
  expect(() => conv2d(x, graph.input('v', [2, 2, 3, 3]))).toThrow(/\[1, 3, 4, 4\] and \[2, 2, 3, 3\]/);
  expect(() => conv2d(x, graph.input('w', [2, 3, 5, 5]))).toThrow(/larger/);
});
