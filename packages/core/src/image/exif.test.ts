import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyOrientation, type Orientation } from './exif.ts';

/** The tag's definition (EXIF 2.32, 4.6.4): where the stored pixel (x, y) is shown. */
const shownAt: Record<Orientation, (x: number, y: number, w: number, h: number) => [number, number]> = {
  1: (x, y) => [x, y],
  2: (x, y, w) => [w - 1 - x, y],
  3: (x, y, w, h) => [w - 1 - x, h - 1 - y],
  4: (x, y, _w, h) => [x, h - 1 - y],
  5: (x, y) => [y, x],
  6: (x, y, _w, h) => [h - 1 - y, x],
  7: (x, y, w, h) => [h - 1 - y, w - 1 - x],
  8: (x, y, w) => [y, w - 1 - x],
};

test.each([1, 2, 3, 4, 5, 6, 7, 8] as const)(
  'orientation %i moves every pixel where the standard says',
  (orientation) => {
    const size = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(size, size, fc.constantFrom(1, 3), (width, height, channels) => {
        const data = Uint16Array.from({ length: width * height * channels }, (_, i) => i + 1);
        const upright = applyOrientation({ data, width, height, channels }, orientation);
        expect([upright.width, upright.height]).toEqual(orientation < 5 ? [width, height] : [height, width]);
        for (let y = 0; y < height; y++)
          for (let x = 0; x < width; x++) {
            const [sx, sy] = shownAt[orientation](x, y, width, height);
            for (let c = 0; c < channels; c++)
              expect(upright.data[(sy * upright.width + sx) * channels + c]).toBe(data[(y * width + x) * channels + c]);
          }
      }),
      { numRuns: 30 },
    );
  },
);
