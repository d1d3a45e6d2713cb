import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { learnWindows, type Picture, type SampleType, spanOf, type Window } from './samples.ts';

const SIDE = 200;
/** A picture whose samples run from low to high. */
function ramp(type: SampleType, low: number, high: number): Picture {
  const values = Array.from({ length: SIDE * SIDE }, (_, i) => low + ((high - low) * ((i * 7919) % 10_000)) / 9_999);
  const whole = type === 'float' ? values : values.map(Math.round);
  const data =
    type === 'uint8' ? Uint8Array.from(whole) : type === 'uint16' ? Uint16Array.from(whole) : Float32Array.from(whole);
  return { data, width: SIDE, height: SIDE, channels: 1, type };
}

const windowOf = (...pictures: readonly Picture[]): Window | undefined =>
  Object.values(learnWindows(pictures.flatMap((picture) => spanOf(picture) ?? [])))[0];

describe('the window of good pictures', () => {
  test.each<[string, SampleType, number, number, Window]>([
    ['8 bits', 'uint8', 100, 120, { low: 0, high: 255 }],
    ['signed 8 bits', 'int8', -5, 60, { low: -128, high: 127 }],
    ['8 bits in 16', 'uint16', 10, 230, { low: 0, high: 255 }],
    ['10 bits in 16', 'uint16', 80, 700, { low: 0, high: 1023 }],
    ['10 bits, full', 'uint16', 0, 1023, { low: 0, high: 1023 }],
    ['12 bits in 16', 'uint16', 300, 2000, { low: 0, high: 4095 }],
    ['14 bits in 16', 'uint16', 300, 9000, { low: 0, high: 16383 }],
    ['16 bits', 'uint16', 300, 50_000, { low: 0, high: 65_535 }],
    ['12 bits shifted to the left', 'uint16', 16, 65_520, { low: 0, high: 65_535 }],
    ['a thermal camera: a narrow band far from 0', 'uint16', 29_000, 31_000, { low: 28_000, high: 32_000 }],
    ['12 bits in signed 16', 'int16', 300, 2000, { low: 0, high: 4095 }],
    ['signed 16 below 0', 'int16', -1500, 1800, { low: -2048, high: 4095 }],
    ['signed 16, all below 0', 'int16', -2000, -41, { low: -2048, high: 2047 }],
    ['a little below 0', 'int16', -20, 3900, { low: -32, high: 4095 }],
    ['12 bits in 32', 'uint32', 300, 2000, { low: 0, high: 4095 }],
    ['32 bits', 'uint32', 0, 3e9, { low: 0, high: 2 ** 32 - 1 }],
    ['floats to 1', 'float', 0.1, 0.9, { low: 0, high: 1 }],
    ['floats to 255', 'float', 20, 130, { low: 0, high: 255 }],
    ['floats to 4095', 'float', 300, 2000, { low: 0, high: 4095 }],
    ['a height map', 'float', 12, 14, { low: 11, high: 15 }],
    ['a height map around 0', 'float', -1, 1, { low: -2, high: 2 }],
    ['floats of one tiny band', 'float', 0.01, 0.02, { low: 0.005, high: 0.025 }],
  ])('%s', (_what, type, low, high, want) => {
    const window = windowOf(ramp(type, low, high)) as Window;
    expect(window.low).toBeCloseTo(want.low, 1);
    expect(Math.abs(window.high - want.high)).toBeLessThan(0.002 * (high - low) + 1e-3);
  });

  test.each<[string, SampleType, number]>([
    ['black', 'uint16', 0],
    ['grey', 'uint16', 2000],
    ['a number', 'float', 7.5],
    ['below 0', 'float', -7.5],
    ['0', 'int32', 0],
  ])('a picture of one colour has a window all the same: %s', (_what, type, value) => {
    const { low, high } = windowOf(ramp(type, value, value)) as Window;
    expect(low).toBeLessThanOrEqual(value);
    expect(high).toBeGreaterThan(low);
    expect(high).toBeGreaterThanOrEqual(value);
  });

  test('all pictures count, and more of them only widen it', () => {
    expect(windowOf(ramp('uint16', 10, 900), ramp('uint16', 300, 3000))).toEqual({ low: 0, high: 4095 });
  });

  test('each type has a window of its own', () => {
    const pictures = [ramp('uint8', 0, 200), ramp('uint16', 0, 3000), ramp('float', 0, 1)];
    expect(learnWindows(pictures.flatMap((picture) => spanOf(picture) ?? []))).toEqual({
      float: { low: 0, high: 1 },
      uint16: { low: 0, high: 4095 },
      uint8: { low: 0, high: 255 },
    });
  });

  test('dead and hot pixels, alpha, and what is no measurement do not count', () => {
    const hot = ramp('uint16', 300, 2000);
    hot.data.fill(65_535, 0, 3);
    expect(windowOf(hot)).toEqual({ low: 0, high: 4095 });
    const grey = ramp('uint16', 300, 2000);
    const data = Uint16Array.from({ length: 4 * grey.data.length }, (_, i) =>
      i % 4 === 3 ? 65_535 : grey.data[i >> 2],
    );
    expect(windowOf({ ...grey, data, channels: 4 })).toEqual({ low: 0, high: 4095 });
    const holes = ramp('float', 12, 14);
    for (const [i, hole] of [Number.NaN, Number.POSITIVE_INFINITY, -3.4028234663852886e38].entries())
      holes.data.fill(hole, 1000 * i, 1000 * i + 500);
    expect((windowOf(holes) as Window).high).toBeCloseTo(15, 1);
    const unmarked = ramp('int16', 300, 2000);
    unmarked.data.fill(-32_768, 0, 9000);
    expect(windowOf(unmarked)).toEqual({ low: 0, high: 4095 });
    expect(spanOf({ ...holes, data: new Float32Array(9).fill(Number.NaN), width: 3, height: 3 })).toBeUndefined();
  });

  test('it is never empty, and almost all samples lie in it', () => {
    const value = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(value, value, (a, b) => {
        const picture = ramp('float', Math.min(a, b), Math.max(a, b));
        const { low, high } = windowOf(picture) as Window;
        expect(high).toBeGreaterThan(low);
        expect(picture.data.filter((sample) => sample < low || sample > high).length).toBeLessThan(20);
      }),
      { numRuns: 60, seed: 5 },
    );
  });
});
