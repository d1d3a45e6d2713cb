/** Outlines enclose exactly the bitmap's pixels. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Loop, outline } from './outline.ts';

/** Twice the signed area of a loop. */
function area(loop: Loop): number {
  let sum = 0;
  for (let i = 0; i < loop.length; i += 2) {
    const [x0, y0, x1, y1] = [loop[i], loop[i + 1], loop[(i + 2) % loop.length], loop[(i + 3) % loop.length]];
    sum += x0 * y1 - x1 * y0;
  }
  return sum / 2;
}

describe('outline', () => {
  it('goes round a pixel', () => {
    const data = new Uint8Array(9);
    data[4] = 1;
    expect(outline(data, 3, 3)).toEqual([[2, 1, 2, 2, 1, 2, 1, 1]]);
  });

  it('has a loop for a hole', () => {
    const ring = Uint8Array.from([1, 1, 1, 1, 0, 1, 1, 1, 1]);
    expect(outline(ring, 3, 3).map(area)).toEqual([9, -1]);
  });

  it('encloses as much area as there are pixels, whatever the bitmap', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 63, maxLength: 63, max: 1 }), (data) => {
        const pixels = data.reduce((sum, value) => sum + value, 0);
        expect(outline(data, 9, 7).reduce((sum, loop) => sum + area(loop), 0)).toBe(pixels);
      }),
    );
  });
});
