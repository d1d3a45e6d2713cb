import { Runtime, tensor } from '@adclick/ortgrad';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { ReferenceIndex } from '../residual/reference-index.ts';
import { makeProduct } from '../synthesis/products/index.ts';
import { DEFAULT_MAP } from './anomaly-map.ts';
import { detectorModel } from './detector-model.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start();
});
afterAll(() => runtime.close());

/** What a detector of a product says of a picture that is worked off in bands of a share of the usual size. */
async function looks(kind: 'machinedRing' | 'wovenFabric', [width, height]: readonly [number, number], radius: number) {
  const random = new Random(`${width}/${height}`);
  const product = makeProduct(kind, 3, { width, height });
  const goods = Array.from({ length: 4 }, (_, i) => ({ name: `n${i}`, image: product.good(random) }));
  const index = await ReferenceIndex.build(goods, { runtime, pixels: width * height, neighbours: 3, radius });
  expect(index.grid).toEqual({ width, height });
  const reference = await index.reference();
  const { backbone, weights, matched } = index.extractor;
  const level = { score: 1, map: 1 };
  const map = { settings: DEFAULT_MAP, calibration: reference.calibration, matched, level };
  const picture = product.good(random);
  const data = picture.data.slice();
  for (let y = 40; y < 60; y++) data.fill(0, 3 * (y * width + 30), 3 * (y * width + 50));
  const look = async (share: number) => {
    const session = await runtime.load(detectorModel({ reference, backbone, weights, map, share }));
    const out = await session.run({ image: tensor(data, [1, height, width, 3]) });
    await session.release();
    return { map: out.map.data as Float32Array, score: out.score.data[0] as number };
  };
  const answers = { whole: await look(1), bands: await look(1 / 128) };
  await index.close();
  return answers;
}

test.each([
  ['machinedRing', [256, 320], 3],
  ['machinedRing', [128, 512], 5],
  ['wovenFabric', [448, 64], 2],
] as const)('%s, %j pixels, radius %d: bands say the same as the whole', async (kind, size, radius) => {
  const { whole, bands } = await looks(kind, size, radius);
  expect(bands.score).toBeCloseTo(whole.score, 2);
  // The search in bytes has a unit of its own in each band: where tokens are almost equally near, another one may be compared.
  const gaps = whole.map.map((value, i) => Math.abs(value - bands.map[i]));
  expect(gaps.filter((gap) => gap > 1e-4).length / gaps.length).toBeLessThan(0.01);
  expect(Math.max(...gaps)).toBeLessThan(0.02);
  expect(Math.max(...whole.map)).toBeGreaterThan(0.3);
});
