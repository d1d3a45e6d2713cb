import fc from 'fast-check';
import { expect, test } from 'vitest';
import { distanceTransform, squaredDistance } from './distance.ts';
import { float32Of, golden, largestDifference, uint8Of } from './fixtures/golden.ts';

function bruteForce(inside: Uint8Array, width: number, height: number, border: 'zero' | 'none'): Float64Array {
  const reach = border === 'zero' ? 1 : 0;
  return Float64Array.from(inside, (value, i) => {
    if (!value) return 0;
    const [x, y] = [i % width, Math.floor(i / width)];
    let best = Number.POSITIVE_INFINITY;
    for (let v = -reach; v < height + reach; v++)
      for (let u = -reach; u < width + reach; u++) {
        const outside = u < 0 || v < 0 || u >= width || v >= height;
        if (outside || !inside[v * width + u]) best = Math.min(best, (u - x) ** 2 + (v - y) ** 2);
      }
    return best;
  });
}

const raster = fc
  .tuple(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 24 }), fc.constantFrom(1, 2, 8, 40))
  .chain(([width, height, density]) =>
    fc.record({
      width: fc.constant(width),
      height: fc.constant(height),
      inside: fc
        .array(fc.integer({ min: 0, max: density }), { minLength: width * height, maxLength: width * height })
        .map((values) => Uint8Array.from(values)),
    }),
  );

test('equals the search over all zeros, outside counting as zero', () => {
  fc.assert(
    fc.property(raster, ({ inside, width, height }) => {
      const want = bruteForce(inside, width, height, 'zero').map(Math.sqrt);
      expect(largestDifference(distanceTransform(inside, width, height), want)).toBeLessThan(1e-6 * (width + height));
    }),
    { numRuns: 300 },
  );
});

test('equals the search over all zeros, squared and without the outside', () => {
  fc.assert(
    fc.property(raster, ({ inside, width, height }) => {
      const want = bruteForce(inside, width, height, 'none');
      const got = squaredDistance(inside, width, height, 'none');
      if (inside.includes(0)) expect(largestDifference(got, want)).toBe(0);
      else expect(Math.min(...got)).toBeGreaterThanOrEqual((width + height) ** 2);
    }),
    { numRuns: 300 },
  );
});

test('equals SciPy on a padded picture', () => {
  const [height, width] = golden.blobs.shape as [number, number];
  const got = distanceTransform(uint8Of(golden.blobs), width, height);
  expect(largestDifference(got, float32Of(golden.distance))).toBeLessThan(1e-6);
});

test('a large full square is exact along its middle', () => {
  const got = distanceTransform(new Uint8Array(700 * 701).fill(1), 700, 701);
  expect(got.reduce((most, value) => Math.max(most, value))).toBe(350);
  expect(got[0]).toBe(1);
});

test('the buffer is filled and returned, whatever stood in it', () => {
  const out = new Float32Array(6).fill(99);
  expect(distanceTransform(Uint8Array.from([0, 1, 1, 1, 1, 255]), 6, 1, out)).toBe(out);
  expect([...out]).toEqual([0, 1, 1, 1, 1, 1]);
  expect(() => distanceTransform(new Uint8Array(5), 2, 2)).toThrow('2 x 2');
});
