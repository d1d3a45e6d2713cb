import { Runtime } from '@adclick/ortgrad';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { IndexSettings } from './index-file.ts';
import { chooseNeighbours } from './neighbours.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start();
});
afterAll(() => runtime.close());

const entry = (name: string) => ({ name, content: name, width: 1, height: 1, shard: name });
/** Histograms of two codes, the same in every block. */
const histogram = (share: number) => new Float32Array(128).map((_, i) => (i % 2 === 0 ? share : 1 - share));
const content = {
  settings: { neighbours: 3 } as IndexSettings,
  entries: ['a', 'b', 'c', 'd', 'e'].map(entry),
  codebook: undefined,
  histograms: [0.1, 0.5, 0.1, 0.5, 0.4].map(histogram),
};

test('like comes first, equally near ones in their order, excluded ones are left out, the count is kept', async () => {
  const nearest = await chooseNeighbours(runtime, content, histogram(0.5), ({ name }) => name === 'b');
  expect(nearest.map(({ index }) => index)).toEqual([3, 4, 0]);
  expect(nearest[0].distance).toBe(0);
  expect(nearest[1].distance).toBeCloseTo(51 * (0.5 * Math.log(0.5 / 0.4) + 0.5 * Math.log(0.5 / 0.6)), 4);
});

test('without histograms every picture is as near as the others', async () => {
  const nearest = await chooseNeighbours(runtime, content, undefined, ({ name }) => name === 'a');
  expect(nearest).toEqual([1, 2, 3].map((index) => ({ index, distance: 0 })));
});
