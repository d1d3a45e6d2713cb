import { describe, expect, test } from 'vitest';
import { imageClick } from '../clicks/types.ts';
import { imageBox } from '../image/points.ts';
import type { Plane } from '../image/types.ts';
import { chooseRegion, mergeRegion } from './zoom.ts';

const plane = (width: number, height: number, value: (x: number, y: number) => number): Plane => ({
  data: Float32Array.from({ length: width * height }, (_, i) => value(i % width, Math.floor(i / width))),
  width,
  height,
  channels: 1,
});
const blob = (left: number, top: number, right: number, bottom: number) =>
  plane(512, 384, (x, y) => (x >= left && x <= right && y >= top && y <= bottom ? 0.9 : 0.1));
const click = (x: number, y: number, positive = true) => imageClick(x, y, positive);

describe('the region to look at closer', () => {
  test('is a square around the clicked blob, inside the picture', () => {
    const region = chooseRegion(blob(100, 200, 139, 219), [click(110, 210)], 1)!;
    expect(region).toEqual({ x: 40, y: 130, width: 160, height: 160 }); // 40 px · 4 around (120, 210)
    expect(chooseRegion(blob(0, 0, 9, 9), [click(3, 3)], 1)).toMatchObject({ x: 0, y: 0, width: 160 });
    expect(chooseRegion(blob(500, 370, 511, 383), [click(505, 375)], 1)).toMatchObject({ x: 352, y: 224 });
  });

  test('is not chosen without a positive click, nor for a large defect', () => {
    expect(chooseRegion(blob(100, 200, 139, 219), [], 1)).toBeUndefined();
    expect(chooseRegion(blob(100, 200, 139, 219), [click(300, 30, false)], 1)).toBeUndefined();
    expect(chooseRegion(blob(100, 200, 220, 219), [click(110, 210)], 1)).toBeUndefined();
    expect(chooseRegion(blob(100, 200, 220, 219), [click(110, 210)], 2)).toBeDefined();
  });

  test('leaves far blobs out and takes all clicked ones in', () => {
    const two = plane(512, 384, (x, y) => (y < 10 && (x < 10 || (x >= 60 && x < 70)) ? 1 : 0));
    expect(chooseRegion(two, [click(5, 5)], 1)).toMatchObject({ x: 0, y: 0, width: 160 });
    expect(chooseRegion(two, [click(5, 5), click(65, 5)], 1)).toMatchObject({ width: 280 }); // 70 px · 4
  });

  test('stays while it holds the defect', () => {
    const region = chooseRegion(blob(100, 200, 139, 219), [click(110, 210)], 1)!;
    expect(chooseRegion(blob(105, 195, 190, 225), [click(110, 210)], 1, region)).toBe(region);
    expect(chooseRegion(blob(115, 195, 205, 225), [click(120, 210)], 1, region)).not.toBe(region);
  });
});

test('a merged region is the part inside, the whole outside, and in between near its border', () => {
  const whole = plane(64, 48, () => 0);
  const merged = mergeRegion(
    whole,
    plane(32, 32, () => 1),
    imageBox({ x: 0, y: 8, width: 32, height: 32 }),
  );
  const at = (x: number, y: number) => merged.data[y * 64 + x];
  expect(at(10, 24)).toBe(1);
  expect(at(0, 24)).toBe(1); // no fade at the picture's own border
  expect(at(31, 24)).toBeCloseTo(0.5 / 8, 6);
  expect(at(10, 8)).toBeCloseTo(0.5 / 8, 6);
  expect(at(33, 24)).toBe(0);
  expect(whole.data.every((value) => value === 0)).toBe(true);
});
