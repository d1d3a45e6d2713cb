import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Picture, Windows } from './samples.ts';
import { throughWindows, toRgb, toRgbKeeping, windowNote } from './window.ts';

const row = <Data extends Uint8Array | Uint16Array | Float32Array>(data: Data, channels = 1) => ({
  data,
  width: data.length / channels,
  height: 1,
  channels,
});
const first = (data: Uint8Array) => [...data].filter((_, i) => i % 3 === 0);

describe('toRgb', () => {
  test('16 bits over the full range is a division by 257, rounded', () => {
    const data = Uint16Array.from({ length: 65536 }, (_, i) => i);
    expect(first(toRgb(row(data)).data)).toEqual(Array.from(data, (value) => Math.round(value / 257)));
  });

  test('8-bit RGB is not copied, grey fills three channels, alpha is dropped', () => {
    const rgb = Uint8Array.from([1, 2, 3, 4, 5, 6]);
    expect(toRgb(row(rgb, 3)).data).toBe(rgb);
    expect([...toRgb(row(Uint8Array.from([7, 9]))).data]).toEqual([7, 7, 7, 9, 9, 9]);
    expect([...toRgb(row(Uint8Array.from([7, 0, 9, 255]), 2)).data]).toEqual([7, 7, 7, 9, 9, 9]);
    expect([...toRgb(row(Uint8Array.from([1, 2, 3, 0, 4, 5, 6, 255]), 4)).data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('floats: 0–1 by default, what is not a number is black', () => {
    const data = Float32Array.from([-1, 0, 0.5, 1, 7, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    expect(first(toRgb(row(data)).data)).toEqual([0, 0, 128, 255, 255, 0, 255, 0]);
  });

  test('the range of the sample type is honoured', () => {
    const image = { ...row(Float32Array.from([-32768, 0, 32767])), range: { low: -32768, high: 32767 } };
    expect(first(toRgb(image).data)).toEqual([0, 128, 255]);
  });

  test('any window is monotonic, starts at 0 and ends at 255', () => {
    const bound = fc.integer({ min: 0, max: 65535 });
    fc.assert(
      fc.property(bound, bound, fc.array(bound, { minLength: 2, maxLength: 50 }), (a, b, values) => {
        fc.pre(a !== b);
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        const sorted = Uint16Array.from([low, high, ...values]).sort();
        const levels = first(toRgb(row(sorted), { low, high }).data);
        levels.forEach((level, i) => {
          if (i > 0) expect(level).toBeGreaterThanOrEqual(levels[i - 1]);
          if (sorted[i] <= low) expect(level).toBe(0);
          if (sorted[i] >= high) expect(level).toBe(255);
        });
      }),
    );
  });
});

describe('pictures through the windows of a product', () => {
  const twelve: Windows = { uint16: { low: 0, high: 4095 } };
  const twelveBits = row(Uint16Array.from([0, 1000, 4095, 9000]));

  test('samples of a known type go through its window, 8 bits stay as they are', () => {
    expect(first(throughWindows(twelveBits, twelve).data)).toEqual([0, 62, 255, 255]);
    const levels = Uint8Array.from([1, 2, 3]);
    expect(throughWindows(row(levels, 3), twelve).data).toBe(levels);
  });

  test('without windows, as in files of version 0.1.0, everything is seen over its full range', () => {
    expect(first(throughWindows(twelveBits, undefined).data)).toEqual([0, 4, 16, 35]);
  });

  test('levels lead back to the samples they were made of; what is drawn on them is what it shows', () => {
    const image = toRgbKeeping(twelveBits);
    expect(first(image.data)).toEqual([0, 4, 16, 35]);
    expect(first(throughWindows(image, twelve).data)).toEqual([0, 62, 255, 255]);
    expect(first(throughWindows({ ...image, data: image.data.slice() }, twelve).data)).toEqual([0, 4, 16, 35]);
  });

  test.each<[string, Picture, Windows, string]>([
    [
      '12 bits beside 8',
      twelveBits,
      { uint8: { low: 0, high: 255 } },
      '16-bit samples, the good pictures hold 8-bit samples',
    ],
    ['floats beside 12 bits', row(Float32Array.from([0, 200])), twelve, 'float samples'],
    ['not a number', row(Float32Array.from([Number.NaN])), twelve, 'float samples'],
  ])('refuses what has no window: %s', (_what, picture, windows, what) => {
    let caught: unknown;
    try {
      throughWindows({ ...picture, path: 'line/7.tif' }, windows);
    } catch (error) {
      caught = error;
    }
    expect(caught).toMatchObject({ code: 'ADC_IMAGE_RANGE' });
    expect((caught as Error).message).toContain(what);
    expect((caught as Error).message).toContain('line/7.tif');
  });

  test('a full range needs no window', () => {
    const full = row(Uint16Array.from([0, 32768, 65535]));
    expect(first(throughWindows(full, { uint8: { low: 0, high: 255 } }).data)).toEqual([0, 128, 255]);
    expect(windowNote(full, { uint8: { low: 0, high: 255 } })).toContain('0 to 65535');
  });

  test('notes tell of another kind, of samples beyond the window, and of nothing else', () => {
    expect(windowNote(row(Uint8Array.from([0, 255])), twelve)).toContain(
      '8-bit samples, the good pictures 16-bit samples',
    );
    expect(windowNote(twelveBits, twelve)).toContain('0 to 9000');
    expect(windowNote(row(Uint16Array.from([5, 4095])), twelve)).toBeUndefined();
    expect(windowNote(row(Float32Array.from([Number.NaN])), { float: { low: 0, high: 1 } })).toContain('number');
    expect(windowNote(twelveBits, undefined)).toBeUndefined();
  });
});
