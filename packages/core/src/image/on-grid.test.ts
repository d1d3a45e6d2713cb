import { describe, expect, test } from 'vitest';
import { imageClick } from '../clicks/types.ts';
import { onGrid } from './on-grid.ts';
import { imagePoint } from './points.ts';
import { resizePlane } from './resize.ts';

describe('onGrid', () => {
  test('keeps the corners of a picture in the corners of its grid, larger or smaller', () => {
    for (const [width, height] of [
      [900, 700],
      [301, 283],
      [20, 30],
    ] as const) {
      const corners = [imagePoint(0, 0), imagePoint(width - 1, height - 1)];
      const [first, last] = onGrid(corners, { width, height }, { width: 256, height: 192 });
      const [reachX, reachY] = [Math.ceil(256 / width / 2), Math.ceil(192 / height / 2)];
      expect(first.x).toBeLessThanOrEqual(reachX);
      expect(first.y).toBeLessThanOrEqual(reachY);
      expect(255 - last.x).toBeLessThanOrEqual(reachX);
      expect(191 - last.y).toBeLessThanOrEqual(reachY);
    }
  });

  test('puts a point on the pixel that resizing moves it to', () => {
    const [width, height] = [1000, 900];
    const grid = { width: 128, height: 64 };
    for (let x = 0; x < width; x += 37) {
      const y = (x * 7) % height;
      const data = new Float32Array(width * height);
      data[y * width + x] = 1;
      const small = resizePlane({ data, width, height, channels: 1 }, grid.width, grid.height).data;
      const [point] = onGrid([imagePoint(x, y)], { width, height }, grid);
      expect(small[point.y * grid.width + point.x]).toBe(Math.max(...small));
    }
  });

  test('keeps what points carry', () => {
    const clicks = [imageClick(0, 0, true), imageClick(63, 31, false)];
    expect(onGrid(clicks, { width: 64, height: 32 }, { width: 128, height: 64 })).toEqual([
      { x: 1, y: 1, positive: true },
      { x: 127, y: 63, positive: false },
    ]);
  });
});
