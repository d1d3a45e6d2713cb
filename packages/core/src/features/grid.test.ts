import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseGrid } from './grid.ts';

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
