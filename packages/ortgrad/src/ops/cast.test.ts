/** Type changes keep values that fit, let gradients through between float types, and stop where asked. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Graph, gradients } from '../graph.ts';
import { Runtime } from '../session.ts';
import { tensor, toFloat16 } from '../tensor.ts';
import { cast, stopGradient } from './cast.ts';
import { mul } from './elementwise.ts';
import { reduceSum } from './reduce.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start({ threads: 1 });
});
afterAll(() => runtime.close());

test('float16 and uint8 inputs become float32', async () => {
  const graph = new Graph();
  graph.output('half', cast(graph.input('a', [3], 'float16'), 'float32'));
  graph.output('byte', cast(graph.input('b', [3], 'uint8'), 'float32'));
  const session = await runtime.load(graph.toModel());
  const { half, byte } = await session.run({
    a: tensor(toFloat16(Float32Array.of(0.5, -1.25, 1000)), [3]),
    b: tensor(Uint8Array.of(0, 7, 255), [3]),
  });
  expect([...half.data]).toEqual([0.5, -1.25, 1000]);
  expect([...byte.data]).toEqual([0, 7, 255]);
});

test('a gradient passes through float16 and not through stopGradient', async () => {
  const graph = new Graph();
  const x = graph.input('x', [2], 'float32', { needsGrad: true });
  const through = cast(cast(x, 'float16'), 'float32');
  const [dx] = gradients(reduceSum(mul(through, stopGradient(x))), [x]);
  graph.output('dx', dx);
  const session = await runtime.load(graph.toModel());
  const result = await session.run({ x: tensor(Float32Array.of(0.5, -2), [2]) });
  expect([...result.dx.data]).toEqual([0.5, -2]);
});
