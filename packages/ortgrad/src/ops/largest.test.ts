/** Largest values and their places, against PyTorch and finite differences, and by hand where no gradient is. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { input, PROVIDERS, testOps } from '../../test/suite.ts';
import { Graph, gradients, type Value } from '../graph.ts';
import { Runtime } from '../session.ts';
import { tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { argMax, oneHot, reduceMax, topK } from './largest.ts';
import { reduceSum } from './reduce.ts';

testOps('largest', [
  { name: 'reduceMax', inputs: [input([2, 3, 4])], build: ([x]) => reduceMax(x, [0, 2]), eps: 1e-3 },
  { name: 'reduceMax keepdims', inputs: [input([2, 3, 4])], build: ([x]) => reduceMax(x, [1], true), eps: 1e-3 },
  { name: 'topK', inputs: [input([2, 5, 3])], build: ([x]) => topK(x, 2, 1).values, eps: 1e-3 },
  {
    name: 'topK smallest',
    inputs: [input([3, 7])],
    build: ([x]) => topK(x, 3, 1, { largest: false }).values,
    eps: 1e-3,
  },
]);

describe.each(PROVIDERS)('places on %s', (provider) => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await Runtime.start({ provider, threads: 1 });
  });
  afterAll(() => runtime.close());

  async function run(build: (x: Value) => Value, data: readonly number[], shape: readonly number[]) {
    const graph = new Graph();
    const x = graph.input('x', shape, 'float32', { needsGrad: true });
    graph.output('y', build(x));
    const session = await runtime.load(graph.toModel());
    const { y } = await session.run({ x: tensor(Float32Array.from(data), shape) });
    await session.release();
    return { shape: y.shape, values: Array.from(y.data, Number) };
  }

  test('are those of the largest, the first of equal ones', async () => {
    const data = [1, 5, 5, -2, -7, -2];
    expect(await run((x) => argMax(x, 1), data, [2, 3])).toEqual({ shape: [2], values: [1, 0] });
    expect(await run((x) => argMax(x, 0, true), data, [2, 3])).toEqual({ shape: [1, 3], values: [0, 0, 0] });
    expect(await run((x) => topK(x, 2, 1).indices, data, [2, 3])).toEqual({ shape: [2, 2], values: [1, 2, 0, 2] });
    const smallest = (x: Value) => topK(x, 1, -1, { largest: false }).indices;
    expect(await run(smallest, data, [2, 3])).toEqual({ shape: [2, 1], values: [0, 1] });
  });

  test('are marked by a 1', async () => {
    const marks = (x: Value) => oneHot(argMax(x, 1), 3);
    expect(await run(marks, [0, 2, 1, 4, 3, 1], [2, 3])).toEqual({ shape: [2, 3], values: [0, 1, 0, 1, 0, 0] });
  });

  test('equal largest values share the gradient', async () => {
    const slope = (x: Value) => gradients(reduceSum(reduceMax(x, [1])), [x])[0];
    expect((await run(slope, [3, 3, 1, 0, -1, -2], [2, 3])).values).toEqual([0.5, 0.5, 0, 1, 0, 0]);
  });
});

test('places have no gradient, and say so when asked', () => {
  const x = new Graph().input('x', [2, 3], 'float32', { needsGrad: true });
  for (const places of [argMax(x, 1), topK(x, 1, 1).indices, oneHot(argMax(x, 1), 3)])
    expect(() => gradients(reduceSum(cast(places, 'float32')), [x])).toThrow(/every value must reach the loss/);
});

test('counts, axes and types that do not fit are refused', () => {
  const x = new Graph().input('x', [2, 3]);
  expect(() => topK(x, 4, 1)).toThrow(/4 is no number of places along axis 1.*\[2, 3\]/);
  expect(() => argMax(x, 2)).toThrow(/axis 2/);
  expect(() => reduceMax(x, [-3])).toThrow(/axis -3/);
  expect(() => oneHot(x, 3)).toThrow(/not float32/);
});
