import { describe, expect, test } from 'vitest';
import { modelPoint } from '../image/points.ts';
import { allWindows, cutBox, joined, windowAround, windowSize, windowsBeside } from './click-windows.ts';

const LARGE = { height: 128, width: 128 };

describe('windows', () => {
  test('are the grid itself where it is as large as those of training, whatever its aspect', () => {
    for (const grid of [
      { height: 64, width: 64 },
      { height: 64, width: 72 },
      { height: 24, width: 184 },
      { height: 8, width: 8 },
    ]) {
      expect(windowSize(grid)).toEqual(grid);
      expect(allWindows(grid)).toEqual([{ x: 0, y: 0, ...grid }]);
      expect(windowAround(modelPoint(5, 60), grid, undefined)).toEqual({ x: 0, y: 0, ...grid });
    }
    expect(windowSize(LARGE)).toEqual({ height: 64, width: 64 });
    expect(windowSize({ height: 32, width: 512 })).toEqual({ height: 32, width: 128 });
    expect(windowSize({ height: 400, width: 40 })).toEqual({ height: 96, width: 40 });
  });

  test('lie around a click, inside the grid, and stay while the next click is well inside', () => {
    const first = windowAround(modelPoint(8 * 60, 8 * 70), LARGE, undefined);
    expect(first).toEqual({ x: 32, y: 40, width: 64, height: 64 });
    expect(windowAround(modelPoint(0, 1023), LARGE, undefined)).toEqual({ x: 0, y: 64, width: 64, height: 64 });
    expect(windowAround(modelPoint(8 * 45, 8 * 60), LARGE, first)).toBe(first);
    expect(windowAround(modelPoint(8 * 40, 8 * 60), LARGE, first)).toEqual({ x: 8, y: 32, width: 64, height: 64 });
    // At the picture's own border there is nothing beyond.
    const corner = windowAround(modelPoint(10, 10), LARGE, undefined);
    expect(windowAround(modelPoint(0, 0), LARGE, corner)).toBe(corner);
  });

  test('cover every token where nobody has clicked', () => {
    for (const grid of [LARGE, { height: 112, width: 136 }, { height: 32, width: 512 }]) {
      const seen = new Uint8Array(grid.height * grid.width);
      for (const { x, y, width, height } of allWindows(grid))
        for (let v = y; v < y + height; v++) seen.fill(1, v * grid.width + x, v * grid.width + x + width);
      expect(seen.every((value) => value === 1)).toBe(true);
    }
  });

  test('go on where the mask reaches a border inside the picture', () => {
    const box = { x: 0, y: 32, width: 64, height: 64 };
    const drawn = new Float32Array(512 * 512);
    expect(windowsBeside(box, drawn, LARGE)).toEqual([]);
    drawn.fill(0.9, 0, 5); // top left
    drawn[300 * 512 + 511] = 0.9; // right
    expect(windowsBeside(box, drawn, LARGE)).toEqual([
      { x: 32, y: 32, width: 64, height: 64 },
      { x: 0, y: 0, width: 64, height: 64 },
    ]);
  });
});

test('a box is cut from a raster of cells, and from planes behind one another', () => {
  const raster = Float32Array.from({ length: 4 * 3 * 2 }, (_, i) => i); // 4 wide, 3 high, 2 channels
  const box = { x: 1, y: 1, width: 2, height: 2 };
  expect([...cutBox(raster, 4, 2, box)]).toEqual([10, 11, 12, 13, 18, 19, 20, 21]);
  expect([...cutBox(raster, 4, 1, { ...box, height: 1 }, 2)]).toEqual([5, 6, 17, 18]);
});

describe('one map of windows', () => {
  const constant = (value: number) => new Float32Array(512 * 512).fill(value);
  const at = (map: Float32Array, x: number, y: number) => map[y * 1024 + x];

  test('keeps the map before beyond them and fades into it', () => {
    const looks = [{ box: { x: 64, y: 0, width: 64, height: 64 }, drawn: constant(1) }];
    const map = joined(looks, LARGE, new Float32Array(1024 * 1024).fill(0.25));
    expect(at(map, 100, 700)).toBe(0.25);
    expect(at(map, 511, 100)).toBe(0.25);
    expect(at(map, 528, 100)).toBeCloseTo(0.25 + (0.75 * 16.5) / 32, 5);
    expect(at(map, 1023, 0)).toBe(1);
  });

  test('is nothing beyond them where there was none, and their weighted mean where they overlap', () => {
    const looks = [
      { box: { x: 0, y: 0, width: 64, height: 64 }, drawn: constant(0.2) },
      { box: { x: 32, y: 0, width: 64, height: 64 }, drawn: constant(0.8) },
    ];
    const map = joined(looks, LARGE);
    expect(at(map, 900, 10)).toBe(0);
    expect(at(map, 100, 10)).toBeCloseTo(0.2, 6);
    expect(at(map, 384, 10)).toBeCloseTo(0.5, 6);
    expect(at(map, 700, 10)).toBeCloseTo(0.8, 6);
  });
});
