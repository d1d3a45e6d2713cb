/** Ops that move elements, against PyTorch and finite differences. */
import { expect, test } from 'vitest';
import { input, testOps } from '../../test/suite.ts';
import { Graph } from '../graph.ts';
import { square } from './elementwise.ts';
import { concat, pad, reshape, slice, split, transpose } from './shape.ts';

testOps('shape', [
  { name: 'reshape', inputs: [input([2, 6])], build: ([x]) => reshape(x, [-1, 4]) },
  { name: 'transpose', inputs: [input([2, 3, 4])], build: ([x]) => transpose(x, [2, 0, 1]) },
  { name: 'concat', inputs: [input([2, 3]), input([2, 1]), input([2, 2])], build: (xs) => concat(xs, 1) },
  { name: 'slice', inputs: [input([2, 5, 3])], build: ([x]) => slice(x, 1, 1, 4) },
  {
    name: 'split',
    inputs: [input([2, 6, 3])],
    build: ([x]) => {
      const [first, , last] = split(x, 1, 3);
      return concat([last, square(first)], 2);
    },
  },
  { name: 'pad', inputs: [input([2, 3, 2])], build: ([x]) => pad(x, -2, 2, 1) },
]);

test('shapes that do not fit are refused by both shapes', () => {
  const x = new Graph().input('x', [2, 3]);
  const y = x.graph.input('y', [3, 2]);
  expect(() => reshape(x, [4, 2])).toThrow(/\[2, 3\] and \[4, 2\]/);
  expect(() => transpose(x, [0, 0])).toThrow(/every axis once/);
  expect(() => concat([x, y], 0)).toThrow(/\[2, 3\] and \[3, 2\]/);
  expect(() => slice(x, 1, 2, 4)).toThrow(/2 to 4/);
  expect(() => split(x, 1, 2)).toThrow(/2 equal parts.*\[2, 3\]/);
  expect(() => pad(x, 2, 1, 1)).toThrow(/axis 2/);
});
