/** Matrix products against PyTorch and finite differences. */
import { expect, test } from 'vitest';
import { input, PROVIDERS, testOps } from '../../test/suite.ts';
import { Graph } from '../graph.ts';
import { Runtime } from '../session.ts';
import { tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { matmul, matmulBytes } from './matmul.ts';

testOps('matmul', [
  { name: 'matmul', inputs: [input([3, 4]), input([4, 5])], build: ([a, b]) => matmul(a, b) },
  { name: 'matmul batched', inputs: [input([2, 3, 4]), input([2, 4, 5])], build: ([a, b]) => matmul(a, b) },
  { name: 'matmul broadcast', inputs: [input([2, 1, 3, 4]), input([3, 4, 2])], build: ([a, b]) => matmul(a, b) },
  { name: 'matmul shared', inputs: [input([2, 3, 4]), input([4, 2])], build: ([a, b]) => matmul(a, b) },
]);

test('inner sides that differ are refused by both shapes', () => {
  const graph = new Graph();
  expect(() => matmul(graph.input('a', [2, 3]), graph.input('b', [4, 5]))).toThrow(/\[2, 3\] and \[4, 5\]/);
});

test.each(PROVIDERS)('products of bytes are exact on %s', async (provider) => {
  const runtime = await Runtime.start({ provider, threads: 1 });
  const [batch, rows, inner, columns] = [3, 5, 70, 6];
  const graph = new Graph();
  const a = graph.input('a', [batch, rows, inner], 'uint8');
  const b = cast(graph.input('b', [batch, inner, columns]), 'int8');
  graph.output('y', matmulBytes(a, b));
  const session = await runtime.load(graph.toModel());
  const left = Uint8Array.from({ length: batch * rows * inner }, (_, i) => (i * 37) % 121);
  const right = Float32Array.from({ length: batch * inner * columns }, (_, i) => ((i * 53) % 255) - 127);
  const { y } = await session.run({
    a: tensor(left, [batch, rows, inner]),
    b: tensor(right, [batch, inner, columns]),
  });
  expect(y.dtype).toBe('int32');
  const at = (n: number, m: number, k: number) =>
    Array.from({ length: inner }, (_, i) => left[(n * rows + m) * inner + i] * right[(n * inner + i) * columns + k]);
  for (const [i, value] of [...y.data].entries()) {
    const [n, m, k] = [Math.floor(i / (rows * columns)), Math.floor(i / columns) % rows, i % columns];
    expect(value).toBe(at(n, m, k).reduce((sum, each) => sum + each));
  }
  await runtime.close();
});

test('products of bytes are of uint8 and int8 alone', () => {
  const graph = new Graph();
  const [a, b] = [graph.input('a', [2, 3], 'uint8'), graph.input('b', [3, 4], 'uint8')];
  expect(() => matmulBytes(a, b)).toThrow(/uint8 and uint8/);
  expect(() => matmulBytes(a, cast(graph.input('c', [2, 4], 'uint8'), 'int8'))).toThrow(/\[2, 3\] and \[2, 4\]/);
});
