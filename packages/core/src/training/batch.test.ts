import { expect, test } from 'vitest';
import { modelClick } from '../clicks/types.ts';
import { IGNORE, type Mask } from '../image/types.ts';
import { targets } from './batch.ts';

const [WIDTH, HEIGHT] = [40, 32];

function maskWith(pixels: Readonly<Record<number, number>>): Mask {
  const data = new Uint8Array(WIDTH * HEIGHT);
  for (const [at, value] of Object.entries(pixels)) data[Number(at)] = value;
  return { data, width: WIDTH, height: HEIGHT, channels: 1 };
}

test('every pixel counts once, ignored ones not at all, and those around a click up to five times', () => {
  const click = modelClick(20, 16, true);
  const at = (x: number, y: number) => WIDTH * HEIGHT + y * WIDTH + x;
  const mask = maskWith({ [16 * WIDTH + 20]: 1, [16 * WIDTH + 21]: IGNORE });
  const { target, weight } = targets([{ mask }, { mask, clicks: [click] }]);
  expect(target.shape).toEqual([2, HEIGHT, WIDTH]);
  const [seen, counted] = [target.data, weight.data] as [Float32Array, Float32Array];
  expect(seen.filter((value) => value === 1)).toHaveLength(2);
  expect(new Set(counted.subarray(0, WIDTH * HEIGHT))).toEqual(new Set([0, 1]));
  expect(counted[at(20, 16)]).toBe(5);
  expect(counted[at(21, 16)]).toBe(0);
  // One radius of the disc away a Gaussian has 61 % left.
  expect(counted[at(25, 16)]).toBeCloseTo(1 + 4 * Math.exp(-0.5), 5);
  expect(counted[at(0, 0)]).toBe(1);
});
