import { toFloat16 } from '@adclick/ortgrad';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { assign, kMeans, sampleRows } from './k-means.ts';

/** Rows around `centres`, in turn. */
function clouds(centres: readonly (readonly number[])[], rows: number, spread: number): Float32Array {
  const random = new Random(3);
  const values = Array.from({ length: rows }, (_, i) =>
    (centres[i % centres.length] as number[]).map((v) => v + spread * random.normal()),
  );
  return Float32Array.from(values.flat());
}

describe('kMeans', () => {
  test('finds well separated clouds', () => {
    const centres = [
      [0, 0],
      [10, 0],
      [0, 10],
    ];
    const vectors = clouds(centres, 300, 0.5);
    const book = kMeans(vectors, 2, new Random(1), { count: 3 });
    const found = [0, 1, 2].map((k) => Array.from(book.centres.subarray(2 * k, 2 * k + 2)));
    for (const centre of centres)
      expect(Math.min(...found.map((f) => Math.hypot(f[0] - centre[0], f[1] - centre[1])))).toBeLessThan(0.2);
    const codes = assign(vectors, book);
    for (let i = 3; i < 300; i++) expect(codes[i]).toBe(codes[i % 3]);
  });

  test('the same seed gives the same codes; identical rows are no obstacle', () => {
    const vectors = clouds([[1, 2, 3]], 100, 1);
    const again = () => kMeans(vectors, 3, new Random(5)).centres;
    expect(again()).toEqual(again());
    const flat = kMeans(new Float32Array(90).fill(2), 3, new Random(5));
    expect(flat.centres.every((value) => value === 2)).toBe(true);
  });

  test('assign gives the nearest centre', () => {
    const value = fc.double({ min: -5, max: 5, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 4, maxLength: 40 }),
        fc.array(value, { minLength: 6, maxLength: 6 }),
        (v, c) => {
          const vectors = Float32Array.from(v.slice(0, 2 * Math.floor(v.length / 2)));
          const book = { centres: Float32Array.from(c), channels: 2 };
          for (const [i, code] of assign(vectors, book).entries()) {
            const distance = (k: number) =>
              (vectors[2 * i] - book.centres[2 * k]) ** 2 + (vectors[2 * i + 1] - book.centres[2 * k + 1]) ** 2;
            expect(distance(code)).toBeLessThanOrEqual(Math.min(distance(0), distance(1), distance(2)) + 1e-4);
          }
        },
      ),
    );
  });
});

test('sampleRows takes whole cells', () => {
  const low = toFloat16(Float32Array.from({ length: 3 * 50 }, (_, i) => i));
  const rows = sampleRows(low, 3, 20, new Random(2));
  for (let i = 0; i < 20; i++) {
    const [a, b, c] = rows.subarray(3 * i, 3 * i + 3);
    expect([b - a, c - a]).toEqual([50, 100]);
  }
});
