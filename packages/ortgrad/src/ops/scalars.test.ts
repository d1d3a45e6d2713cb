/** Ops of a value and a number against PyTorch and finite differences. */
import { input, testOps } from '../../test/suite.ts';
import { addScalar, scale } from './scalars.ts';

testOps('scalars', [
  { name: 'scale', inputs: [input([2, 3])], build: ([x]) => scale(x, -2.5) },
  { name: 'addScalar', inputs: [input([2, 3])], build: ([x]) => addScalar(x, 0.7) },
]);
