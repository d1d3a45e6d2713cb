/** Gathers and scatters against PyTorch and finite differences. */
import { expect, test } from 'vitest';
import { input, testOps } from '../../test/suite.ts';
import { Graph, type Value } from '../graph.ts';
import { square } from './elementwise.ts';
import { gather, gatherElements, permuteRows, regroupRows, scatterAdd, scatterElements } from './gather.ts';
import { concat } from './shape.ts';

/** Indices as a value; int32, as a computed one may be. */
const places = (x: Value, indices: readonly number[], shape: readonly number[]) =>
  x.graph.constant(Int32Array.from(indices), shape);

testOps('gather', [
  { name: 'gather', inputs: [input([5, 3])], build: ([x]) => gather(x, [4, 0, 0, 2, 4, 4], 0) },
  { name: 'gather axis 1', inputs: [input([2, 4, 3])], build: ([x]) => gather(x, [3, 3, 1], 1) },
  {
    name: 'gather computed',
    inputs: [input([5, 3])],
    build: ([x]) => gather(x, places(x, [4, 0, 0, 2, 4, 4], [2, 3]), 0),
  },
  {
    name: 'gather computed axis 1',
    inputs: [input([2, 4, 3])],
    build: ([x]) => gather(x, places(x, [3, 3, 1], [3]), 1),
  },
  {
    name: 'gatherElements',
    inputs: [input([2, 4])],
    build: ([x]) => gatherElements(x, places(x, [2, 0, 2, 1, 1, 2], [2, 3]), 1),
  },
  {
    name: 'scatterElements',
    inputs: [input([2, 3])],
    build: ([x]) => scatterElements(x, places(x, [2, 0, 2, 1, 1, 2], [2, 3]), 1, 4),
  },
  { name: 'scatterAdd', inputs: [input([4, 2])], build: ([x]) => scatterAdd(x, [2, 0, 2, 2], 3) },
  { name: 'permuteRows', inputs: [input([2, 5, 3])], build: ([x]) => permuteRows(x, [3, 1, 4, 0, 2]) },
  {
    name: 'regroupRows',
    inputs: [input([4, 3]), input([2, 3])],
    build: (parts) => {
      const [first, second] = regroupRows(parts, [5, 1, 3, 0, 4, 2], [[3], [3]]);
      return concat([second, square(first)], 1);
    },
  },
]);

test('indices outside the axis and repeated ones in a permutation are refused', () => {
  const x = new Graph().input('x', [3, 2]);
  expect(() => gather(x, [3], 0)).toThrow(/\[0, 3\)/);
  expect(() => scatterAdd(x, [0, 1], 3)).toThrow(/\[3, 2\] and \[2\]/);
  expect(() => permuteRows(x, [0, 1, 1], 0)).toThrow(/once/);
  expect(() => permuteRows(x, [0, 1], 0)).toThrow(/once/);
  expect(() => regroupRows([x, x], [0, 1, 2, 3, 4, 4], [[6]])).toThrow(/once/);
  expect(() => regroupRows([x, x], [0, 1, 2, 3, 4, 5], [[2], [3]])).toThrow(/6 rows/);
});

test('computed indices that are no whole numbers or do not lie along the axis are refused', () => {
  const x = new Graph().input('x', [3, 2]);
  expect(() => gather(x, x, 0)).toThrow(/not float32/);
  expect(() => scatterAdd(x, places(x, [0, 1], [2]), 3)).toThrow(/\[3, 2\] and \[2\]/);
  expect(() => gatherElements(x, places(x, [0, 1, 2], [3]), 0)).toThrow(/axis 0 alone.*\[3, 2\] and \[3\]/);
  expect(() => scatterElements(x, places(x, [0, 1], [1, 2]), 0, 3)).toThrow(/one index.*\[3, 2\] and \[1, 2\]/);
});
