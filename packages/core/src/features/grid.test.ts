import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseGrid, fittingPixels } from './grid.ts';

describe('chooseGrid', () => {
  test.each([
    [512, 512, 512, 512],
    [900, 900, 512, 512],
    [306, 768, 320, 832],
    [240, 289, 448, 576],
    [64, 64, 512, 512],
    [10_000, 100, 1472, 192],
  ])('%i x %i becomes %i x %i', (width, height, wide, high) => {
    expect(chooseGrid(width, height)).toEqual({ width: wide, height: high });
  });

  test('a smaller budget gives a smaller grid', () => {
    expect(chooseGrid(80, 80, { pixels: 256 * 256 })).toEqual({ width: 256, height: 256 });
    expect(chooseGrid(10, 10, { pixels: 1 })).toEqual({ width: 64, height: 64 });
  });

  test('sides are multiples of 64, the area is near the budget, the turned picture gives the turned grid', () => {
    const side = fc.integer({ min: 1, max: 20_000 });
    fc.assert(
      fc.property(side, side, (width, height) => {
        const grid = chooseGrid(width, height);
        expect(grid.width % 64).toBe(0);
        expect(grid.height % 64).toBe(0);
        expect(grid.width * grid.height).toBeGreaterThan(0.8 * 512 * 512);
        expect(grid.width * grid.height).toBeLessThan(1.25 * 512 * 512);
        expect(chooseGrid(height, width)).toEqual({ width: grid.height, height: grid.width });
      }),
    );
  });
});

test('a grid fits its pictures: their own size from a quarter to a megapixel, finer for a least defect that is named', () => {
  const side = (width: number, height: number, smallest?: number) =>
    Math.sqrt(fittingPixels({ width, height }, smallest));
  expect(side(300, 200)).toBe(512);
  expect(side(900, 900)).toBe(900);
  expect(side(4000, 3000)).toBe(1024);
  // Ten pixels wide on twelve megapixels are two on 0.48.
  expect(side(4000, 3000, 10) ** 2).toBeCloseTo(480_000, 0);
  expect(side(4000, 3000, 4)).toBeCloseTo(Math.sqrt(3_000_000), 3);
  expect(side(4000, 3000, 1)).toBe(2048);
  expect(side(900, 900, 1)).toBe(900);
  expect(side(900, 900, 100)).toBe(512);
});
