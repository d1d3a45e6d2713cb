import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { distanceTransform } from '../../image/distance.ts';
import type { RgbImage } from '../../image/types.ts';
import { Random } from '../../random.ts';
import { makeProduct, type ProductKind } from '../products/index.ts';
import { ANOMALY_KINDS, simulateAnomaly } from './index.ts';
import { isSpeckled, regularity } from './visibility.ts';

const SIZE = { width: 160, height: 160 };
const KINDS: readonly ProductKind[] = [
  'machinedRing',
  'wireMesh',
  'circuitBoard',
  'leather',
  'printedLabel',
  'magneticTile',
  'screw',
];
const GOODS = KINDS.map((kind): [RgbImage, RgbImage] => {
  const product = makeProduct(kind, 7, SIZE);
  return [product.good(new Random(1)), product.good(new Random(2))];
});
const hash = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** The strongest change of a channel at each pixel. */
function changeOf(a: RgbImage, b: RgbImage): Uint8Array {
  return Uint8Array.from({ length: a.width * a.height }, (_, p) =>
    Math.max(...[0, 1, 2].map((c) => Math.abs(a.data[p * 3 + c] - b.data[p * 3 + c]))),
  );
}

describe('simulateAnomaly', () => {
  test('the same seed gives the same bytes', () => {
    const [good, donor] = GOODS[0];
    const a = simulateAnomaly(good, new Random('x'), { donor });
    const b = simulateAnomaly(good, new Random('x'), { donor });
    expect(hash(a.image.data)).toBe(hash(b.image.data));
    expect(hash(a.mask.data)).toBe(hash(b.mask.data));
    expect(a.kinds).toEqual(b.kinds);
    expect(hash(simulateAnomaly(good, new Random('y'), { donor }).image.data)).not.toBe(hash(a.image.data));
  });

  test.each(ANOMALY_KINDS)('%s: comes when asked for, changes what the mask covers and nothing far from it', (kind) => {
    let made = 0;
    for (let n = 0; n < GOODS.length; n++) {
      const [good, donor] = GOODS[n];
      const before = hash(good.data);
      const { image, mask, kinds } = simulateAnomaly(good, new Random(`${kind}/${n}`), {
        kinds: [kind],
        donor,
        single: true,
      });
      expect(hash(good.data)).toBe(before);
      if (kinds[0] !== kind) continue;
      made++;
      const change = changeOf(good, image);
      const outside = Uint8Array.from(mask.data, (v) => 1 - v);
      const far = distanceTransform(outside, SIZE.width, SIZE.height);
      let [inside, seen, area, beyond] = [0, 0, 0, 0];
      for (let p = 0; p < change.length; p++) {
        if (mask.data[p]) {
          area++;
          inside += change[p];
          if (change[p] > 4) seen++;
        } else if (far[p] > 6 && distanceToBorder(p) > 6) beyond = Math.max(beyond, change[p]);
      }
      expect(beyond).toBe(0);
      expect(seen / area).toBeGreaterThan(0.4);
      expect(inside / area).toBeGreaterThan(5);
      expect(area).toBeGreaterThanOrEqual(12);
      expect(area).toBeLessThanOrEqual(0.25 * SIZE.width * SIZE.height);
    }
    expect(made).toBeGreaterThan(0);
  });

  test('every kind is reached without asking, single and several defects, small ones often', () => {
    const reached = new Set<string>();
    let several = 0;
    let small = 0;
    const total = 500;
    const small64 = KINDS.map((kind) => makeProduct(kind, 3, { width: 96, height: 96 }).good(new Random(1)));
    for (let n = 0; n < total; n++) {
      const { kinds, mask } = simulateAnomaly(small64[n % small64.length], new Random(`reach/${n}`));
      for (const kind of kinds) reached.add(kind);
      if (kinds.length > 1) several++;
      if (mask.data.reduce((sum, v) => sum + v, 0) < 0.02 * mask.data.length) small++;
    }
    expect([...reached].sort()).toEqual([...ANOMALY_KINDS].sort());
    expect(several / total).toBeGreaterThan(0.08);
    expect(several / total).toBeLessThan(0.3);
    expect(small / total).toBeGreaterThan(0.35);
  });

  test('areas keep to the limits', () => {
    for (let n = 0; n < 40; n++) {
      const [good, donor] = GOODS[n % GOODS.length];
      const { mask } = simulateAnomaly(good, new Random(`area/${n}`), {
        donor,
        minArea: 200,
        maxAreaFraction: 0.1,
        single: true,
      });
      const area = mask.data.reduce((sum, v) => sum + v, 0);
      expect(area).toBeGreaterThanOrEqual(200);
      expect(area).toBeLessThanOrEqual(0.1 * SIZE.width * SIZE.height);
    }
  });

  test('a grey picture stays nearly grey under a stain', () => {
    const colour = GOODS[5][0];
    const grey: RgbImage = { ...colour, data: colour.data.map((_, i) => colour.data[i - (i % 3)]) };
    for (let n = 0; n < 10; n++) {
      const { image } = simulateAnomaly(grey, new Random(`grey/${n}`), { kinds: ['stain'] });
      let cast = 0;
      for (let i = 0; i < image.data.length; i += 3) cast = Math.max(cast, Math.abs(image.data[i] - image.data[i + 2]));
      expect(cast).toBeLessThan(4);
    }
  });

  test('surface defects end where the object ends', () => {
    const width = 160;
    const data = new Uint8Array(width * width * 3).fill(230);
    for (let y = 40; y < 120; y++)
      for (let x = 40; x < 120; x++) data.fill(60, (y * width + x) * 3, (y * width + x) * 3 + 3);
    const good: RgbImage = { data, width, height: width, channels: 3 };
    for (let n = 0; n < 20; n++) {
      const { image } = simulateAnomaly(good, new Random(`surface/${n}`), { kinds: ['rust', 'scratch', 'scrape'] });
      const row = image.data.subarray(20 * width * 3, 21 * width * 3);
      expect(row.every((v) => v === 230)).toBe(true);
    }
  });
});

/** Distance of a pixel to the border of the raster, where the distance transform counts what lies outside as zero. */
function distanceToBorder(p: number): number {
  const x = p % SIZE.width;
  const y = (p - x) / SIZE.width;
  return Math.min(x, y, SIZE.width - 1 - x, SIZE.height - 1 - y);
}

describe('what counts as a defect', () => {
  test('regularity is high for a mesh and low for leather', () => {
    expect(regularity(makeProduct('wireMesh', 3).good(new Random(1)))).toBeGreaterThan(0.6);
    expect(regularity(makeProduct('leather', 3).good(new Random(1)))).toBeLessThan(0.4);
  });

  test('a net of threads is speckled, a disc is not', () => {
    const net = Uint8Array.from({ length: 6400 }, (_, p) =>
      (p % 80) % 5 === 0 || Math.floor(p / 80) % 5 === 0 ? 1 : 0,
    );
    const round = Uint8Array.from({ length: 6400 }, (_, p) =>
      ((p % 80) - 40) ** 2 + (Math.floor(p / 80) - 40) ** 2 < 300 ? 1 : 0,
    );
    expect(isSpeckled(net, 80, 80)).toBe(true);
    expect(isSpeckled(round, 80, 80)).toBe(false);
  });
});
