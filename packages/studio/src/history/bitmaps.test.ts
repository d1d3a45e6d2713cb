import { decodeRle, encodeRle } from '@adclick/core/geometry';
import { connectedComponents } from '@adclick/core/image';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { combineRle, countRegions, emptyRle, fitsRle, isEmptyRle, subtractRle, uniteRle } from './bitmaps.ts';

const WIDTH = 7;
const HEIGHT = 5;
const bits = fc.array(fc.constantFrom(0, 1), { minLength: WIDTH * HEIGHT, maxLength: WIDTH * HEIGHT });
const rle = (data: readonly number[]) => encodeRle(data, WIDTH, HEIGHT);

test('set operations on runs are those on pixels', () =>
  fc.assert(
    fc.property(bits, bits, (a, b) => {
      expect(uniteRle(rle(a), rle(b))).toEqual(rle(a.map((value, i) => value | b[i])));
      expect(subtractRle(rle(a), rle(b))).toEqual(rle(a.map((value, i) => (value && !b[i] ? 1 : 0))));
    }),
  ));

test('runs of length zero and zeros at the end come out in canonical form', () => {
  const loose = { width: 4, height: 2, counts: [0, 0, 1, 2, 0, 1, 4] };
  expect(combineRle(loose, emptyRle(4, 2), (a) => a)).toEqual(encodeRle(decodeRle(loose), 4, 2));
});

test('an empty bitmap is told by its pixels, not by its runs', () => {
  expect(isEmptyRle({ width: 2, height: 2, counts: [4] })).toBe(true);
  expect(isEmptyRle({ width: 2, height: 2, counts: [1, 0, 3] })).toBe(true);
  expect(isEmptyRle({ width: 2, height: 2, counts: [3, 1] })).toBe(false);
});

test('runs longer than the bitmap do not fit', () => {
  expect(fitsRle({ width: 2, height: 2, counts: [1, 3] })).toBe(true);
  expect(fitsRle({ width: 2, height: 2, counts: [1, 4] })).toBe(false);
});

test('bitmaps of two sizes do not mix', () => {
  expect(() => uniteRle(emptyRle(2, 2), emptyRle(4, 1))).toThrow(RangeError);
});

test('regions of runs are the 8-connected components', () =>
  fc.assert(
    fc.property(bits, (data) => {
      const { count } = connectedComponents(Uint8Array.from(data), WIDTH, HEIGHT, 8);
      expect(countRegions(rle(data))).toBe(count);
    }),
    { numRuns: 500 },
  ));
