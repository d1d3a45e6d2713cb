/** Element-wise ops against PyTorch and finite differences. */
import { expect, test } from 'vitest';
import { input, PROVIDERS, testOps } from '../../test/suite.ts';
import { Graph } from '../graph.ts';
import { Runtime } from '../session.ts';
import { tensor } from '../tensor.ts';
import * as ops from './elementwise.ts';

testOps('elementwise', [
  { name: 'add', inputs: [input([2, 3, 4]), input([4])], build: ([a, b]) => ops.add(a, b) },
  { name: 'add column', inputs: [input([2, 3, 4]), input([3, 1])], build: ([a, b]) => ops.add(a, b) },
  { name: 'sub', inputs: [input([4]), input([2, 3, 4])], build: ([a, b]) => ops.sub(a, b) },
  { name: 'mul', inputs: [input([2, 3, 4]), input([2, 1, 4])], build: ([a, b]) => ops.mul(a, b) },
  { name: 'div', inputs: [input([2, 3]), input([2, 3], 0.5, 2)], build: ([a, b]) => ops.div(a, b) },
  { name: 'maximum', inputs: [input([3, 4]), input([4])], build: ([a, b]) => ops.maximum(a, b) },
  {
    name: 'where',
    inputs: [input([2, 3]), input([3])],
    build: ([a, b]) => ops.where(a.graph.constant(Uint8Array.of(1, 0, 1, 0, 0, 1), [2, 3], 'bool'), a, b),
  },
  { name: 'neg', inputs: [input([2, 3])], build: ([x]) => ops.neg(x) },
  { name: 'exp', inputs: [input([2, 3])], build: ([x]) => ops.exp(x) },
  { name: 'log', inputs: [input([2, 3], 0.5, 3)], build: ([x]) => ops.log(x) },
  { name: 'log1p', inputs: [input([2, 3], 0, 3)], build: ([x]) => ops.log1p(x) },
  { name: 'sqrt', inputs: [input([2, 3], 0.5, 3)], build: ([x]) => ops.sqrt(x) },
  { name: 'pow', inputs: [input([2, 3], 0.5, 3)], build: ([x]) => ops.pow(x, 0.7) },
  { name: 'pow whole', inputs: [input([2, 3])], build: ([x]) => ops.pow(x, 3) },
  { name: 'square', inputs: [input([2, 3])], build: ([x]) => ops.square(x) },
  { name: 'abs', inputs: [input([3, 4])], build: ([x]) => ops.abs(x), eps: 1e-3 },
  { name: 'sigmoid', inputs: [input([3, 4], -4, 4)], build: ([x]) => ops.sigmoid(x) },
  { name: 'relu', inputs: [input([3, 4])], build: ([x]) => ops.relu(x), eps: 1e-3 },
  { name: 'clamp', inputs: [input([3, 4])], build: ([x]) => ops.clamp(x, -0.4, 0.5), eps: 1e-3 },
  { name: 'softplus', inputs: [input([3, 4], -6, 6)], build: ([x]) => ops.softplus(x) },
  { name: 'gelu', inputs: [input([3, 4], -3, 3)], build: ([x]) => ops.gelu(x) },
]);

test.each(PROVIDERS)('floor goes down to the next whole number on %s', async (provider) => {
  const runtime = await Runtime.start({ provider, threads: 1 });
  const graph = new Graph();
  graph.output('y', ops.floor(graph.input('x', [5])));
  const session = await runtime.load(graph.toModel());
  const { y } = await session.run({ x: tensor(Float32Array.of(2.75, -2.25, 3, -0.5, 15.9375), [5]) });
  expect([...y.data]).toEqual([2, -3, 3, -1, 15]);
  await runtime.close();
});

test('operands that do not broadcast are refused by both shapes', () => {
  const graph = new Graph();
  const a = graph.input('a', [2, 3]);
  const b = graph.input('b', [2, 4]);
  expect(() => ops.add(a, b)).toThrow(/\[2, 3\] and \[2, 4\]/);
  expect(() => ops.where(a, a, a)).toThrow(/float32/);
});
