/** Bilinear resizing against PyTorch and finite differences. */
import { expect, test } from 'vitest';
import { input, testOps } from '../../test/suite.ts';
import { Graph } from '../graph.ts';
import { resizeBilinear } from './resize.ts';

testOps('resize', [
  { name: 'resize up', inputs: [input([2, 2, 3, 4])], build: ([x]) => resizeBilinear(x, [6, 8]) },
  { name: 'resize down', inputs: [input([1, 2, 7, 6])], build: ([x]) => resizeBilinear(x, [3, 4]) },
  { name: 'resize odd', inputs: [input([1, 1, 4, 5])], build: ([x]) => resizeBilinear(x, [7, 3]) },
  {
    name: 'resize nhwc',
    inputs: [input([2, 3, 4, 2])],
    build: ([x]) => resizeBilinear(x, [6, 5], { layout: 'nhwc' }),
  },
  {
    name: 'resize corners',
    inputs: [input([2, 1, 3, 4])],
    build: ([x]) => resizeBilinear(x, [12, 16], { alignCorners: true }),
  },
  {
    name: 'resize corners nhwc',
    inputs: [input([1, 3, 4, 2])],
    build: ([x]) => resizeBilinear(x, [5, 1], { layout: 'nhwc', alignCorners: true }),
  },
]);

test('a value without four axes is refused', () => {
  const x = new Graph().input('x', [3, 4]);
  expect(() => resizeBilinear(x, [6, 8])).toThrow(/\[3, 4\] and \[6, 8\]/);
});
