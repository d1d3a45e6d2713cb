/** Building graphs: sharing, pruning, naming, and what the reverse sweep refuses. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Graph, gradients } from './graph.ts';
import { add, exp, mul, square } from './ops/elementwise.ts';
import { reduceSum } from './ops/reduce.ts';
import { scale } from './ops/scalars.ts';
import { Runtime } from './session.ts';
import { tensor } from './tensor.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start({ threads: 1 });
});
afterAll(() => runtime.close());

test('equal constants are one, different ones are not', () => {
  const graph = new Graph();
  expect(graph.scalar(2).name).toBe(graph.scalar(2).name);
  expect(graph.scalar(2).name).not.toBe(graph.constant(Float32Array.of(2), [1]).name);
  expect(graph.int64([1, 2]).name).not.toBe(graph.int64([1, 3]).name);
});

test('what no output needs is left out of the model', () => {
  const lean = new Graph();
  lean.output('y', scale(lean.input('x', [2]), 2));
  const full = new Graph();
  const x = full.input('x', [2]);
  exp(mul(x, full.constant(new Float32Array(10_000), [5000, 2])));
  full.output('y', scale(x, 2));
  expect(full.toModel().length).toBe(lean.toModel().length);
});

test('one value may be several outputs, an input may be one, and metadata is stored', async () => {
  const graph = new Graph();
  const x = graph.input('x', [2]);
  const y = scale(x, 3);
  graph.output('a', y);
  graph.output('b', y);
  graph.output('same', x);
  const bytes = graph.toModel({ licence: 'Apache-2.0' });
  expect(Buffer.from(bytes).includes('Apache-2.0')).toBe(true);
  const session = await runtime.load(bytes);
  const { a, b, same } = await session.run({ x: tensor(Float32Array.of(1, 2), [2]) });
  expect([...a.data, ...b.data, ...same.data]).toEqual([3, 6, 3, 6, 1, 2]);
});

test('gradients add up over several uses and reach values in the middle', async () => {
  const graph = new Graph();
  const x = graph.input('x', [2], 'float32', { needsGrad: true });
  const middle = square(x);
  const loss = reduceSum(add(mul(middle, x), middle)); // Σ x³ + x²
  const [dx, dMiddle] = gradients(loss, [x, middle]);
  graph.output('dx', dx);
  graph.output('dMiddle', dMiddle);
  const session = await runtime.load(graph.toModel());
  const result = await session.run({ x: tensor(Float32Array.of(2, -1), [2]) });
  expect([...result.dx.data]).toEqual([16, 1]);
  expect([...result.dMiddle.data]).toEqual([3, 0]);
});

test('a loss of several elements, a value that does not reach it and a reused name are refused', () => {
  const graph = new Graph();
  const x = graph.input('x', [2], 'float32', { needsGrad: true });
  const other = graph.input('other', [2], 'float32', { needsGrad: true });
  expect(() => gradients(square(x), [x])).toThrow(/one element.*\[2\]/);
  expect(() => gradients(reduceSum(x), [other])).toThrow(/other \[2\]/);
  expect(() => graph.input('x', [1])).toThrow(/unique/);
  graph.output('y', x);
  expect(() => graph.output('y', x)).toThrow(/unique/);
  expect(() => graph.input('z', [0])).toThrow(/positive/);
  expect(() => add(x, new Graph().input('x', [2]))).toThrow(/this graph/);
});
