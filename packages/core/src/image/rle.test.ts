import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeRle, encodeRle, rleArea, xorRle } from './rle.ts';

const bitmap = (width: number, height: number) =>
  fc.oneof(
    fc.array(fc.integer({ min: 0, max: 1 }), { minLength: width * height, maxLength: width * height }),
    fc.constant(new Array<number>(width * height).fill(0)),
    fc.constant(new Array<number>(width * height).fill(1)),
  );
const size = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }));

describe('run lengths', () => {
  test('are read row by row, zeros first, without the zeros at the end', () => {
    expect(encodeRle([1, 1, 0, 0, 1, 0], 3, 2).counts).toEqual([0, 2, 2, 1]);
    expect(encodeRle([0, 0, 0, 0], 2, 2).counts).toEqual([]);
    expect(encodeRle([0, 0, 9, 9], 2, 2).counts).toEqual([2, 2]);
  });

  test('give the bitmap and its area back', () => {
    fc.assert(
      fc.property(
        size.chain(([w, h]) => fc.tuple(fc.constant(w), fc.constant(h), bitmap(w, h))),
        ([w, h, data]) => {
          const rle = encodeRle(data, w, h);
          expect([...decodeRle(rle)]).toEqual(data);
          expect(rleArea(rle)).toBe(data.reduce((sum, value) => sum + value, 0));
        },
      ),
    );
  });

  test('combine like the bitmaps themselves, in the one form that encoding gives', () => {
    fc.assert(
      fc.property(
        size.chain(([w, h]) => fc.tuple(fc.constant(w), fc.constant(h), bitmap(w, h), bitmap(w, h))),
        ([w, h, a, b]) => {
          const xor = xorRle(encodeRle(a, w, h), encodeRle(b, w, h));
          expect(xor).toEqual(
            encodeRle(
              a.map((value, i) => value ^ b[i]),
              w,
              h,
            ),
          );
        },
      ),
      { numRuns: 400 },
    );
  });

  test('that do not fit are refused', () => {
    expect(() => decodeRle({ width: 2, height: 2, counts: [3, 2] })).toThrow('run 1 of 2');
    expect(() => decodeRle({ width: 2, height: 2, counts: [-1, 2] })).toThrow('run 0');
    expect(() => decodeRle({ width: 2, height: 2, counts: [0.5] })).toThrow('run 0');
    expect(() => xorRle({ width: 2, height: 2, counts: [] }, { width: 4, height: 1, counts: [] })).toThrow('two sizes');
    expect(() => encodeRle([0, 1], 2, 2)).toThrow('not 2 x 2');
  });
});
