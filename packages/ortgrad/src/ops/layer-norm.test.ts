/** Layer normalisation against PyTorch and finite differences. */
import { expect, test } from 'vitest';
import { input, testOps } from '../../test/suite.ts';
import { Graph } from '../graph.ts';
import { foldAffine } from '../nn.ts';
import { layerNorm, layerNormBeforeFolded } from './layer-norm.ts';
import { foldedLinear } from './linear.ts';

testOps('layerNorm', [
  { name: 'layerNorm', inputs: [input([2, 3, 8])], build: ([x]) => layerNorm(x) },
  {
    name: 'layerNorm affine',
    inputs: [input([2, 3, 8]), input([8], 0.5, 1.5), input([8])],
    build: ([x, weight, bias]) => layerNorm(x, weight, bias),
  },
  {
    name: 'layerNorm folded',
    inputs: [input([2, 3, 8]), input([8, 4]), input([4]), input([8], 0.5, 1.5), input([8])],
    build: ([x, weight, bias, gain, shift]) => {
      const folded = foldAffine(weight, bias, gain, shift);
      return foldedLinear(layerNormBeforeFolded(x), folded);
    },
  },
]);

test('an affine of another size is refused by both shapes', () => {
  const graph = new Graph();
  expect(() => layerNorm(graph.input('x', [2, 8]), graph.input('w', [4]))).toThrow(/\[2, 8\] and \[4\]/);
});
