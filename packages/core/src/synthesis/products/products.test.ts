import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Random } from '../../random.ts';
import { makeProduct, PRODUCT_KINDS } from './index.ts';

const SIZE = { width: 96, height: 96 };
const hash = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** Mean absolute difference of two pictures of one size. */
const distance = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((sum, v, i) => sum + Math.abs(v - b[i]), 0) / a.length;

/** Grey-level histogram distance: what tells products apart whatever their pose. */
function histogramDistance(a: Uint8Array, b: Uint8Array): number {
  const bins = new Float64Array(32);
  for (const v of a) bins[v >> 3] += 1 / a.length;
  for (const v of b) bins[v >> 3] -= 1 / b.length;
  return bins.reduce((sum, v) => sum + Math.abs(v), 0);
}

describe('makeProduct', () => {
  test('has at least two dozen kinds, of objects and of textures', () => {
    expect(PRODUCT_KINDS.length).toBeGreaterThanOrEqual(24);
    const categories = PRODUCT_KINDS.map((kind) => makeProduct(kind, 0, SIZE).category);
    expect(categories.filter((c) => c === 'object').length).toBeGreaterThan(8);
    expect(categories.filter((c) => c === 'texture').length).toBeGreaterThan(8);
  });

  test.each(PRODUCT_KINDS)('%s: the same seed gives the same bytes, another draw other ones', (kind) => {
    const first = makeProduct(kind, 5, SIZE).good(new Random(1));
    expect(first.data.length).toBe(SIZE.width * SIZE.height * 3);
    const product = makeProduct(kind, 5, SIZE);
    const again = product.good(new Random(1));
    expect(hash(again.data)).toBe(hash(first.data));
    // A picture taken before must not change the next one.
    expect(hash(product.good(new Random(1)).data)).toBe(hash(first.data));
    expect(hash(product.good(new Random(2)).data)).not.toBe(hash(first.data));
  });

  test.each(PRODUCT_KINDS)('%s: pictures show something and are not flat or clipped', (kind) => {
    const { data } = makeProduct(kind, 9, SIZE).good(new Random(3));
    const mean = data.reduce((sum, v) => sum + v, 0) / data.length;
    const spread = Math.sqrt(data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / data.length);
    expect(spread).toBeGreaterThan(2);
    expect(data.filter((v) => v === 255).length / data.length).toBeLessThan(0.9);
  });

  test('products of two seeds differ more than two pictures of one product', () => {
    let [within, between] = [0, 0];
    for (const kind of PRODUCT_KINDS) {
      const product = makeProduct(kind, 1, SIZE);
      const a = product.good(new Random(1)).data;
      within += histogramDistance(a, product.good(new Random(2)).data);
      between += histogramDistance(a, makeProduct(kind, 2, SIZE).good(new Random(1)).data);
    }
    expect(between).toBeGreaterThan(2 * within);
  });

  test('goods of a part in a fixture resemble each other in place, though no two are the same', () => {
    const product = makeProduct('circuitBoard', 3, SIZE);
    const other = makeProduct('circuitBoard', 4, SIZE).good(new Random(1)).data;
    const a = product.good(new Random(1)).data;
    const b = product.good(new Random(2)).data;
    expect(distance(a, b)).toBeGreaterThan(0.3);
    expect(distance(a, b)).toBeLessThan(0.7 * distance(a, other));
  });

  test('takes any size, square or not', () => {
    for (const [width, height] of [
      [64, 160],
      [200, 72],
    ] as const) {
      for (const kind of ['commutator', 'spindle', 'screw', 'machinedRing'] as const) {
        const image = makeProduct(kind, 2, { width, height }).good(new Random(1));
        expect([image.width, image.height, image.data.length]).toEqual([width, height, width * height * 3]);
      }
    }
    expect(makeProduct('leather', 1).width).toBe(512);
  });
});
