import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clampBox, cropMask, cropRgb } from './crop.ts';

const side = fc.integer({ min: 1, max: 12 });
const number = fc.double({ min: -30, max: 30, noNaN: true });

test('clampBox stays inside, keeps the size where it fits, and moves no more than needed', () => {
  fc.assert(
    fc.property(side, side, number, number, number, number, (width, height, x, y, w, h) => {
      const box = clampBox({ x, y, width: w, height: h }, width, height);
      expect(Object.values(box).every(Number.isInteger)).toBe(true);
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.y).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(width);
      expect(box.y + box.height).toBeLessThanOrEqual(height);
      expect(box.width).toBe(Math.min(width, Math.max(1, Math.round(w))));
      const whole = Math.round(x) >= 0 && Math.round(x) + box.width <= width;
      if (whole) expect(box.x - Math.round(x)).toBe(0);
    }),
  );
});

test('every pixel of a crop is the one of the picture', () => {
  fc.assert(
    fc.property(side, side, number, number, side, side, (width, height, x, y, w, h) => {
      const box = clampBox({ x, y, width: w, height: h }, width, height);
      const mask = {
        data: Uint8Array.from({ length: width * height }, (_, i) => i % 249),
        width,
        height,
        channels: 1 as const,
      };
      const rgb = {
        data: Uint8Array.from({ length: width * height * 3 }, (_, i) => i % 251),
        width,
        height,
        channels: 3 as const,
      };
      const [maskCut, rgbCut] = [cropMask(mask, box), cropRgb(rgb, box)];
      expect([rgbCut.width, rgbCut.height, rgbCut.data.length]).toEqual([
        box.width,
        box.height,
        box.width * box.height * 3,
      ]);
      for (let v = 0; v < box.height; v++)
        for (let u = 0; u < box.width; u++) {
          const [to, from] = [v * box.width + u, (v + box.y) * width + u + box.x];
          expect(maskCut.data[to]).toBe(mask.data[from]);
          for (let c = 0; c < 3; c++) expect(rgbCut.data[to * 3 + c]).toBe(rgb.data[from * 3 + c]);
        }
    }),
  );
});

test('a crop is a copy, and a box that sticks out is refused', () => {
  const mask = { data: new Uint8Array(9), width: 3, height: 3, channels: 1 as const };
  cropMask(mask, { x: 0, y: 0, width: 3, height: 3 }).data[0] = 1;
  expect(mask.data[0]).toBe(0);
  expect(() => cropMask(mask, { x: 1, y: 0, width: 3, height: 3 })).toThrow('not inside 3 x 3');
});
