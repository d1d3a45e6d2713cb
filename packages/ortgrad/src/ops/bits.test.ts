/** Bits of bytes by hand. */
import { expect, test } from 'vitest';
import { PROVIDERS } from '../../test/suite.ts';
import { Graph } from '../graph.ts';
import { Runtime } from '../session.ts';
import { tensor } from '../tensor.ts';
import { maskBits, shiftLeft, shiftRight } from './bits.ts';

test.each(PROVIDERS)('bytes are shifted and masked on %s', async (provider) => {
  const runtime = await Runtime.start({ provider, threads: 1 });
  const graph = new Graph();
  const x = graph.input('x', [2, 2], 'uint8');
  graph.output('left', shiftLeft(x, 3));
  graph.output('right', shiftRight(x, 4));
  graph.output('masked', maskBits(x, 15));
  const session = await runtime.load(graph.toModel());
  const { left, right, masked } = await session.run({ x: tensor(Uint8Array.of(0, 21, 201, 255), [2, 2]) });
  expect([...left.data]).toEqual([0, 168, 72, 248]);
  expect([...right.data]).toEqual([0, 1, 12, 15]);
  expect([...masked.data]).toEqual([0, 5, 9, 15]);
  await runtime.close();
});

test('other types have no bits here', () => {
  const graph = new Graph();
  expect(() => shiftLeft(graph.input('x', [2]), 1)).toThrow(/not of float32/);
});
