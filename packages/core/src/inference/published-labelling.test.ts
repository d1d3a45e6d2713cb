import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileStep, Runtime, reduceMean, Trainer, tensor } from '@adclick/ortgrad';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CLICK_CHANNELS } from '../networks/adclick.ts';
import { type ClickWeights, loadClickWeights, saveClickWeights } from '../networks/click-weights.ts';
import {
  clickMapInput,
  deltaInput,
  embedDelta,
  publishedAdclick,
  publishedSizes,
} from '../networks/published-adclick.ts';
import { Random } from '../random.ts';
import { ReferenceIndex } from '../residual/reference-index.ts';
import { makeProduct } from '../synthesis/products/index.ts';
import { clickModel } from './click-graphs.ts';
import { Labeler } from './labeler.ts';

const SIDE = 128;
const TOKENS = SIDE / 8;
const DIMS = 272;
const product = makeProduct('machinedRing', 3, { width: SIDE, height: SIDE });
let runtime: Runtime;
let folder: string;
let path: string;
let weights: ClickWeights;
let index: ReferenceIndex;

beforeAll(async () => {
  runtime = await Runtime.start();
  folder = await mkdtemp(join(tmpdir(), 'adclick-published-labelling-'));
  path = join(folder, 'weights.safetensors');
  const settings = publishedSizes(32, DIMS);
  const program = compileStep((graph, p) => {
    const embedded = embedDelta(p, settings, deltaInput(graph, 1, 8, 8, DIMS));
    return { loss: reduceMean(publishedAdclick(p, settings, embedded, clickMapInput(graph, 1, 8, 8))) };
  });
  const trainer = await Trainer.create({ programs: { program }, seed: 2, runtime });
  const { residualDims, ...sizes } = settings;
  const card = { name: 'untrained', preset: 'paper', trainedOn: 'nothing', steps: 0, seed: 2 } as const;
  await saveClickWeights(path, await trainer.weights(), { ...card, residualDims, sizes });
  await trainer.close();
  weights = await loadClickWeights(path);
  const random = new Random(5);
  const normals = Array.from({ length: 4 }, (_, i) => ({ name: String(i), image: product.good(random) }));
  index = await ReferenceIndex.build(normals, { runtime, pixels: SIDE * SIDE });
});
afterAll(async () => {
  await index.close();
  await runtime.close();
  await rm(folder, { recursive: true });
});

/** 1 within the radius of a pixel, in a channel of a click map. */
function disc(map: Float32Array, channel: number, cx: number, cy: number, radius: number): void {
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++)
      if ((x - cx) ** 2 + (y - cy) ** 2 <= radius ** 2) map[(y * SIDE + x) * CLICK_CHANNELS + channel] = 1;
}

test('labels by the squared residual without calibration, discs of 10 and 5 pixels and the last probability alone', async () => {
  const labeler = await Labeler.load({ index, weights: path, runtime });
  const view = await labeler.open(product.good(new Random(9)));
  const clicks = [
    { x: 40, y: 50, positive: true },
    { x: 90, y: 70, positive: false },
  ];
  const session = await runtime.load(clickModel(weights, TOKENS, TOKENS));
  const map = new Float32Array(SIDE * SIDE * CLICK_CHANNELS);
  for (const [n, { x, y, positive }] of clicks.entries()) {
    disc(map, positive ? 1 : 2, x, y, positive ? 10 : 5);
    const { probability } = await session.run({
      delta: tensor(view.residual.delta, [1, TOKENS, TOKENS, DIMS]),
      clickMap: tensor(map.slice(), [1, SIDE, SIDE, CLICK_CHANNELS]),
    });
    const said = probability.data as Float32Array;
    const { data } = await view.predict({ clicks: clicks.slice(0, n + 1), rules: false });
    for (let i = 0; i < data.length; i++) expect(Math.abs(data[i] - said[i])).toBeLessThan(1e-5);
    for (let i = 0; i < said.length; i++) map[i * CLICK_CHANNELS] = said[i];
  }
  // Whoever labels is obeyed by these weights too.
  const { data } = await view.predict({ clicks });
  for (const { x, y, positive } of clicks) expect(data[y * SIDE + x] > 0.49).toBe(positive);
  await view.close();
  await labeler.close();
  await session.release();
});
