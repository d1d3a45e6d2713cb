/** Softmax and L2 normalisation against PyTorch and finite differences. */
import { input, testOps } from '../../test/suite.ts';
import { l2Normalize, softmax } from './softmax.ts';

testOps('softmax', [
  { name: 'softmax', inputs: [input([2, 3, 5], -3, 3)], build: ([x]) => softmax(x) },
  { name: 'softmax axis 1', inputs: [input([2, 3, 2], -3, 3)], build: ([x]) => softmax(x, 1) },
  { name: 'l2Normalize', inputs: [input([2, 3, 4])], build: ([x]) => l2Normalize(x, 1) },
]);
