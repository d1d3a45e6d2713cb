import { expect, test } from 'vitest';
import type { RgbImage } from '../image/types.ts';
import { Random } from '../random.ts';
import { varyConditions } from './conditions.ts';
import { makeProduct } from './products/index.ts';

const grey: RgbImage = { data: new Uint8Array(96 * 64 * 3).fill(120), width: 96, height: 64, channels: 3 };

test('light, folds, focus and grain change a picture by a quarter at most, at the same size, the same way for the same seed', () => {
  let changed = 0;
  for (let seed = 0; seed < 40; seed++) {
    const seen = varyConditions(grey, new Random(seed));
    expect(seen).toMatchObject({ width: 96, height: 64, channels: 3 });
    expect(seen.data).toEqual(varyConditions(grey, new Random(seed)).data);
    const levels = seen.data.toSorted();
    expect(levels[Math.floor(0.02 * levels.length)]).toBeGreaterThan(120 * 0.6);
    expect(levels[Math.floor(0.98 * levels.length)]).toBeLessThan(120 * 1.4);
    if (seen.data.some((value) => value !== 120)) changed++;
  }
  expect(changed).toBeGreaterThan(25);
  expect(grey.data.every((value) => value === 120)).toBe(true);
});

test('a band is light alone: what the picture shows stays where it is', () => {
  const good = makeProduct('circuitBoard', 2, { width: 128, height: 128 }).good(new Random(1));
  const seen = varyConditions(good, new Random(4));
  const [a, b] = [good.data, seen.data].map((data) => Float64Array.from(data));
  const mean = (x: Float64Array) => x.reduce((sum, value) => sum + value, 0) / x.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += (a[i] - ma) * (b[i] - mb);
    aa += (a[i] - ma) ** 2;
    bb += (b[i] - mb) ** 2;
  }
  expect(ab / Math.sqrt(aa * bb)).toBeGreaterThan(0.95);
});
