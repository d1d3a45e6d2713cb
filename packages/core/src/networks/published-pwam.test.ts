/** Pixel–word attention as published: what a mask between 0 and 1 does. Its numbers beside PyTorch's: test/parity/lavt.test.ts. */
import { Graph, Runtime, type Tensor, tensor } from '@adclick/ortgrad';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seeded } from '../../test/parity/seeded.ts';
import { publishedPwam } from './published-pwam.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start();
});
afterAll(() => runtime.close());

const SHAPE = [1, 3, 4, 8];
const WORDS = [1, 4, 6];

async function heard(mask: readonly number[]): Promise<Tensor['data']> {
  const graph = new Graph('pwam');
  const values = { features: graph.input('words', WORDS), mask: graph.input('mask', [1, 4]) };
  const p = {
    get: (name: string, shape: readonly number[]) => graph.constant(seeded(name, shape, 0.6).data, shape),
  };
  graph.output('out', publishedPwam(p, 'fusion', graph.input('x', SHAPE), values));
  const session = await runtime.load(graph.toModel());
  const { out } = await session.run({
    x: seeded('x', SHAPE, 2),
    words: seeded('words', WORDS, 2),
    mask: tensor(Float32Array.from(mask), [1, 4]),
  });
  await session.release();
  return out.data;
}

test('a position that one prompt of forty lacks is heard no more than one that all lack', async () => {
  const all = await heard([1, 1, 0, 0]);
  expect(await heard([1, 1, 39 / 40, 1 / 40])).toEqual(all);
  expect(await heard([1, 1, 1, 0])).not.toEqual(all);
});

test('places do not all hear the same', async () => {
  const out = await heard([1, 1, 1, 0]);
  expect(out.subarray(0, 8)).not.toEqual(out.subarray(8, 16));
});
