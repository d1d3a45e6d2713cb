import { expect, test } from 'vitest';
import type { Mask } from '../image/types.ts';
import { Random } from '../random.ts';
import { sampledClicks } from './sampled-clicks.ts';

/** A square defect of 30 pixels a side. */
function square(): Mask {
  const data = new Uint8Array(100 * 80);
  for (let y = 20; y < 50; y++) data.fill(1, y * 100 + 40, y * 100 + 70);
  return { data, width: 100, height: 80, channels: 1 };
}

const DRAWS = 4000;

test('as many clicks as SimpleClick draws, positives inside and negatives outside', () => {
  const mask = square();
  const random = new Random(1);
  let [positives, negatives, single, core, near] = [0, 0, 0, 0, 0];
  for (let n = 0; n < DRAWS; n++) {
    const clicks = sampledClicks(mask, random);
    const own = clicks.filter(({ positive }) => positive);
    const others = clicks.filter(({ positive }) => !positive);
    expect(own.length).toBeGreaterThanOrEqual(1);
    expect(Math.max(own.length, others.length)).toBeLessThanOrEqual(24);
    for (const { x, y, positive } of clicks) expect(mask.data[y * 100 + x]).toBe(positive ? 1 : 0);
    if (own.every(({ x, y }) => x >= 43 && x < 67 && y >= 23 && y < 47)) core++;
    for (const { x, y } of others) if (x >= 37 && x < 73 && y >= 17 && y < 53) near++;
    positives += own.length;
    negatives += others.length;
    if (own.length === 1) single++;
  }
  // Means of 1 + k and of k, k up to 23 and 24, where each number is 0.8 times as likely as the one before.
  expect(positives / DRAWS).toBeCloseTo(4.89, 0);
  expect(negatives / DRAWS).toBeCloseTo(3.9, 0);
  expect(single / DRAWS).toBeCloseTo(0.2, 1);
  expect(core / DRAWS).toBeGreaterThan(0.9);
  // Half of them in a band of three pixels, which chance alone would hit one time in twenty.
  expect(near / negatives).toBeCloseTo(0.53, 1);
});

test('a picture without a defect gets negative clicks alone, one without a good pixel positive ones', () => {
  const random = new Random(2);
  const all = (value: number): Mask => ({ data: new Uint8Array(64).fill(value), width: 8, height: 8, channels: 1 });
  for (let n = 0; n < 50; n++) {
    expect(sampledClicks(all(0), random).every(({ positive }) => !positive)).toBe(true);
    expect(sampledClicks(all(1), random).every(({ positive }) => positive)).toBe(true);
  }
});
