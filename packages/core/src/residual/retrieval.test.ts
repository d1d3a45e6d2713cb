import { toFloat16 } from '@adclick/ortgrad';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { assign, blockHistograms, type Codebook, histogramDistance, kMeans, rank, sampleRows } from './retrieval.ts';

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

/** A codebook of one channel with centres 0, 1, … and a map that holds such numbers. */
const book: Codebook = { centres: Float32Array.from({ length: 12 }, (_, k) => k), channels: 1 };
const mapOf = (height: number, width: number, code: (y: number, x: number) => number) => ({
  data: Float32Array.from({ length: height * width }, (_, i) => code(Math.floor(i / width), i % width)),
  channels: 1,
  height,
  width,
});

describe('blockHistograms', () => {
  test('counts codes a block, also where sides do not divide evenly', () => {
    const histograms = blockHistograms(
      mapOf(20, 11, (y) => (y < 10 ? 2 : 5)),
      book,
    );
    expect(histograms.length).toBe(64 * 12);
    for (let block = 0; block < 64; block++) {
      const row = histograms.subarray(block * 12, block * 12 + 12);
      expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      expect(row[block < 32 ? 2 : 5]).toBeCloseTo(1, 5);
    }
  });
});

describe('ranking', () => {
  const random = new Random(9);
  const plain = () =>
    blockHistograms(
      mapOf(32, 32, (y, x) => (Math.floor(y / 4) + Math.floor(x / 4) + random.int(0, 2)) % 12),
      book,
    );
  const shifted = () =>
    blockHistograms(
      mapOf(32, 32, (y, x) => (Math.floor(y / 4) + Math.floor(x / 4) + 5) % 12),
      book,
    );

  test('divergence is the formula of the text on one block', () => {
    const q = new Float32Array(64 * 2).map((_, i) => (i % 2 === 0 ? 0.25 : 0.75));
    const r = new Float32Array(64 * 2).fill(0.5);
    const one = 0.25 * Math.log(0.5) + 0.75 * Math.log(1.5);
    expect(histogramDistance(q, r)).toBeCloseTo(51 * one, 5);
    expect(histogramDistance(q, q)).toBe(0);
  });

  test('a defect in a few blocks does not matter', () => {
    const reference = plain();
    const damaged = reference.slice();
    for (let block = 10; block < 22; block++) damaged.fill(0, block * 12, block * 12 + 12)[block * 12 + 11] = 1;
    expect(histogramDistance(damaged, reference)).toBe(0);
  });

  test('like comes first, excluded ones are left out, the count is kept', () => {
    const references = [shifted(), plain(), shifted(), plain(), plain()];
    const order = rank(plain(), references, 3, (index) => index === 3);
    expect(order.map(({ index }) => index).sort()).toEqual(expect.arrayContaining([1, 4]));
    expect(order).toHaveLength(3);
    expect(order[2]?.index).not.toBe(3);
    expect(order[0].distance).toBeLessThan(order[2].distance);
    expect(rank(references[0], [references[2], references[0]], 2).map(({ index }) => index)).toEqual([0, 1]);
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
