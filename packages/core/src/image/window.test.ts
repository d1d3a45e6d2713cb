import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toRgb, WindowEstimator } from './window.ts';

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

describe('WindowEstimator', () => {
  const camera12 = (offset: number) =>
    row(Uint16Array.from({ length: 40_000 }, (_, i) => 500 + offset + ((i * 7919) % 2000)));

  test('12 bits in 16: one window with a margin, all pictures counted', () => {
    const estimator = new WindowEstimator();
    estimator.add(camera12(0));
    estimator.add(camera12(1000));
    const { low, high } = estimator.window();
    expect(low).toBeGreaterThan(150);
    expect(low).toBeLessThan(260);
    expect(high).toBeGreaterThan(3740);
    expect(high).toBeLessThan(3850);
  });

  test('a few dead or hot pixels do not move it', () => {
    const clean = new WindowEstimator();
    clean.add(camera12(0));
    const hot = camera12(0);
    hot.data.fill(65535, 0, 20);
    const dirty = new WindowEstimator();
    dirty.add(hot);
    expect(Math.abs(dirty.window().high - clean.window().high)).toBeLessThan(10);
  });

  test('8 bits keep 0–255, nothing at all and flat pictures keep their range', () => {
    const eight = new WindowEstimator();
    eight.add(row(Uint8Array.from([100, 101, 102])));
    expect(eight.window()).toEqual({ low: 0, high: 255 });
    expect(new WindowEstimator().window()).toEqual({ low: 0, high: 255 });
    const flat = new WindowEstimator();
    flat.add(row(new Uint16Array(50).fill(900)));
    expect(flat.window()).toEqual({ low: 0, high: 65535 });
  });

  test('alpha does not count', () => {
    const estimator = new WindowEstimator();
    const data = Uint16Array.from({ length: 4000 }, (_, i) => (i % 4 === 3 ? 65535 : 1000 + (i % 97)));
    estimator.add(row(data, 4));
    expect(estimator.window().high).toBeLessThan(1200);
  });
});
