import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { boxBlur, gaussianBlur } from './blur.ts';
import { float32Of, golden, largestDifference } from './fixtures/golden.ts';

/** Weighted mean over a window with mirrored borders, straight from the definition. */
function convolve(plane: Float32Array, width: number, height: number, radius: number, weight: (d: number) => number) {
  const inside = (i: number, size: number): number =>
    i < 0 ? inside(-1 - i, size) : i >= size ? inside(2 * size - 1 - i, size) : i;
  let total = 0;
  for (let d = -radius; d <= radius; d++) total += weight(d);
  return Array.from(plane, (_, i) => {
    let sum = 0;
    for (let dy = -radius; dy <= radius; dy++)
      for (let dx = -radius; dx <= radius; dx++) {
        const y = inside(Math.floor(i / width) + dy, height);
        const x = inside((i % width) + dx, width);
        sum += weight(dx) * weight(dy) * plane[y * width + x];
      }
    return sum / total ** 2;
  });
}

const planes = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }))
  .chain(([width, height]) =>
    fc
      .array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: width * height, maxLength: width * height })
      .map((values) => ({ plane: Float32Array.from(values), width, height })),
  );

describe('gaussianBlur', () => {
  test('equals the double sum', () => {
    fc.assert(
      fc.property(planes, fc.constantFrom(0.3, 0.8, 1.3, 2, 4), ({ plane, width, height }, sigma) => {
        const radius = Math.floor(4 * sigma + 0.5);
        const want = convolve(plane, width, height, radius, (d) => Math.exp((-0.5 * d * d) / (sigma * sigma)));
        expect(largestDifference(gaussianBlur(plane, width, height, sigma), want)).toBeLessThan(3e-5);
      }),
      { numRuns: 60 },
    );
  });

  test.each(Object.entries(golden.gaussian))('equals SciPy at sigma %s', (sigma, want) => {
    const [height, width] = golden.plane.shape as [number, number];
    const got = gaussianBlur(float32Of(golden.plane), width, height, Number(sigma));
    expect(largestDifference(got, float32Of(want))).toBeLessThan(1e-6);
  });

  test('a unit impulse with sigma 4 has the known peak and ends after 16 pixels', () => {
    const plane = new Float32Array(64 * 64);
    plane[20 * 64 + 30] = 1;
    const out = gaussianBlur(plane, 64, 64, 4);
    expect(out[20 * 64 + 30]).toBeCloseTo(0.00994789, 8);
    expect(out[20 * 64 + 46]).toBeCloseTo(3.33714e-6, 11);
    expect(out[20 * 64 + 47]).toBe(0);
    expect(out[36 * 64 + 30]).toBeCloseTo(3.33714e-6, 11);
    expect(out.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
  });

  test('sigma 0 copies, a negative one is refused', () => {
    const plane = Float32Array.from([1, 2, 3, 4]);
    const out = gaussianBlur(plane, 2, 2, 0);
    expect([...out]).toEqual([1, 2, 3, 4]);
    expect(out).not.toBe(plane);
    expect(() => gaussianBlur(plane, 2, 2, -1)).toThrow('sigma -1');
  });
});

describe('boxBlur', () => {
  test('equals the double sum', () => {
    fc.assert(
      fc.property(planes, fc.integer({ min: 0, max: 15 }), ({ plane, width, height }, radius) => {
        const want = convolve(plane, width, height, radius, () => 1);
        expect(largestDifference(boxBlur(plane, width, height, radius), want)).toBeLessThan(3e-5);
      }),
      { numRuns: 60 },
    );
  });

  test.each(Object.entries(golden.uniform))('equals SciPy at radius %s', (radius, want) => {
    const [height, width] = golden.plane.shape as [number, number];
    const got = boxBlur(float32Of(golden.plane), width, height, Number(radius));
    expect(largestDifference(got, float32Of(want))).toBeLessThan(1e-6);
  });

  test('a fractional radius is refused', () => {
    expect(() => boxBlur(new Float32Array(4), 2, 2, 0.5)).toThrow('radius 0.5');
  });
});
