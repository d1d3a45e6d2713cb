/** Exchange of resolution for channels, against PyTorch and finite differences. */
import { expect, test } from 'vitest';
import { input, testOps } from '../../test/suite.ts';
import { Graph } from '../graph.ts';
import { depthToSpace, spaceToDepth } from './depth-to-space.ts';

testOps('depthToSpace', [
  { name: 'depthToSpace', inputs: [input([2, 2, 3, 8])], build: ([x]) => depthToSpace(x, 2) },
  { name: 'spaceToDepth', inputs: [input([2, 4, 6, 3])], build: ([x]) => spaceToDepth(x, 2) },
]);

test('sides that the block does not divide are refused', () => {
  const x = new Graph().input('x', [1, 3, 4, 6]);
  expect(() => depthToSpace(x, 2)).toThrow(/\[1, 3, 4, 6\] and \[2, 2\]/);
  expect(() => spaceToDepth(x, 2)).toThrow(/\[1, 3, 4, 6\] and \[2, 2\]/);
});
