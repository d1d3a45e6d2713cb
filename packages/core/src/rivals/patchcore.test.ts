/** PatchCore: its parts by known answers, and whole on pictures of which one has a spot. */
import { Runtime } from '@adclick/ortgrad';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RgbImage } from '../image/types.ts';
import { Random } from '../random.ts';
import { ReferenceIndex } from '../residual/reference-index.ts';
import { localMeans, PatchCore } from './patchcore.ts';
import { placeCode } from './place-code.ts';

const SIDE = 128;

/** Stripes with noise, and a spot where one is asked for. */
function picture(seed: number, spot?: { readonly x: number; readonly y: number }): RgbImage {
  const random = new Random(seed);
  const data = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => {
    const pixel = Math.floor(i / 3);
    const [x, y] = [pixel % SIDE, Math.floor(pixel / SIDE)];
    if (spot && (x - spot.x) ** 2 + (y - spot.y) ** 2 < 100) return 20;
    return 120 + 60 * Math.sin(x / 5) + random.uniform(-8, 8);
  });
  return { data, width: SIDE, height: SIDE, channels: 3 };
}

let runtime: Runtime;
let index: ReferenceIndex;
beforeAll(async () => {
  runtime = await Runtime.start();
  const normals = Array.from({ length: 6 }, (_, i) => ({ name: `${i}`, image: picture(i) }));
  index = await ReferenceIndex.build(normals, { runtime, pixels: SIDE * SIDE });
});
afterAll(() => runtime.close());

test('a spot is where the map is largest, and a picture with one has the higher score', async () => {
  const method = await PatchCore.fit(index, { seed: 1 });
  expect(method.size).toBe(Math.floor(0.1 * 6 * 16 * 16));
  const good = await method.detect(picture(100));
  const bad = await method.detect(picture(101, { x: 90, y: 40 }));
  expect(bad.score).toBeGreaterThan(1.5 * good.score);
  const at = bad.map.data.indexOf(bad.map.data.reduce((most, value) => Math.max(most, value)));
  expect(Math.hypot((at % SIDE) - 90, Math.floor(at / SIDE) - 40)).toBeLessThan(10);
  // What the bank holds whole has no distance; the score is read before the map is smoothed.
  const whole = await PatchCore.fit(index, { share: 1 });
  const known = await whole.detect(picture(3));
  expect(known.score).toBeLessThan(0.02);
  expect(Math.max(...bad.map.data)).toBeLessThan(bad.score);
  for (const each of [method, whole]) await each.close();
});

test('of more descriptors than may be held so many are drawn, and a seed decides which', async () => {
  const fit = async (seed: number) => {
    const method = await PatchCore.fit(index, { most: 400, seed });
    expect(method.size).toBe(40);
    const { score } = await method.detect(picture(200));
    await method.close();
    return score;
  };
  const score = await fit(1);
  expect(await fit(1)).toBe(score);
  expect(await fit(2)).not.toBe(score);
});

test('a code of places tells a pattern in another place from the same one', async () => {
  const moved = (): RgbImage => {
    const { data, ...rest } = picture(7);
    const from = picture(7, { x: 20, y: 20 }).data;
    // The spot of the good pictures, elsewhere.
    const to = Uint8Array.from(data);
    for (let y = 0; y < 40; y++)
      for (let x = 0; x < 40; x++)
        for (let c = 0; c < 3; c++) to[((y + 80) * SIDE + x + 80) * 3 + c] = from[(y * SIDE + x) * 3 + c];
    return { data: to, ...rest };
  };
  const normals = Array.from({ length: 4 }, (_, i) => ({ name: `${i}`, image: picture(i, { x: 20, y: 20 }) }));
  const spotted = await ReferenceIndex.build(normals, { runtime, pixels: SIDE * SIDE });
  const contrast = async (place: number) => {
    const method = await PatchCore.fit(spotted, { share: 1, place });
    const { map } = await method.detect(moved());
    await method.close();
    const value = (x: number, y: number) => map.data[y * SIDE + x];
    return value(100, 100) - value(20, 100);
  };
  expect(await contrast(0.3)).toBeGreaterThan(2 * (await contrast(0)));
});

test('descriptors are means of the neighbours that there are', () => {
  const tokens = Float32Array.from({ length: 3 * 3 * 2 }, (_, i) => i);
  const means = localMeans({ tokens, height: 3, width: 3, dims: 2 }, 1);
  // Cells hold 0, 2, 4, … in their first channel.
  expect([...means]).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12]);
});

test('the code of places is that of MAE', () => {
  const code = placeCode({ height: 2, width: 3 }, 8);
  const cell = (x: number, y: number) => [...code.subarray((y * 3 + x) * 8, (y * 3 + x + 1) * 8)];
  const wanted = (x: number, y: number) => [
    Math.sin(x),
    Math.sin(x / 100),
    Math.cos(x),
    Math.cos(x / 100),
    Math.sin(y),
    Math.sin(y / 100),
    Math.cos(y),
    Math.cos(y / 100),
  ];
  for (const [i, value] of cell(2, 1).entries()) expect(value).toBeCloseTo(wanted(2, 1)[i], 6);
  expect(() => placeCode({ height: 1, width: 1 }, 6)).toThrow(RangeError);
});
