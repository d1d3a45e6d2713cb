/** Pixel metrics: the test vectors of the specification, scikit-learn's numbers, and a naive reference on random input. */
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { connectedComponents } from '../image/components.ts';
import { IGNORE, type Mask, type Plane } from '../image/types.ts';
import { imageAuroc } from '../inference/decisions.ts';
import { Random } from '../random.ts';
import { aupro, auroc, averagePrecision, iou, meanIou, noc, nof, pixelMetrics, quantile } from './metrics.ts';
import { PixelMetricAccumulator } from './pixel-metrics.ts';

const plane = (data: ArrayLike<number>, width: number): Plane => ({
  data: Float32Array.from(data),
  width,
  height: data.length / width,
  channels: 1,
});
const maskOf = (data: ArrayLike<number>, width: number): Mask => ({
  data: Uint8Array.from(data),
  width,
  height: data.length / width,
  channels: 1,
});

/**
 * The maps and masks of specification 06 §9. Its scores are doubles, some of which differ in the last bit only, so that
 * maps hold the place of each score among them: the metrics depend on nothing but the order.
 */
function vectors(round = false): { maps: Plane[]; masks: Mask[] } {
  const pattern = (t: number, y: number, x: number) => ((37 * y + 17 * x + 29 * t + ((y * x) % 7)) % 101) / 101;
  const scores = [
    (y: number, x: number) => 0.5 * pattern(0, y, x) + ((y - 4) ** 2 + (x - 4) ** 2 < 9 ? 0.5 : 0),
    (y: number, x: number) => pattern(1, y, x),
    (y: number, x: number) => 0.6 * pattern(2, y, x) + ((y - 1) ** 2 + (x - 14) ** 2 < 3 ? 0.4 : 0),
  ];
  const within = (v: number, low: number, high: number) => v >= low && v <= high;
  const truths = [
    (y: number, x: number) =>
      (within(y, 2, 5) && within(x, 2, 5)) || (y === 6 && x === 6) || (within(y, 10, 11) && within(x, 9, 13)),
    () => false,
    (y: number, x: number) => y <= 2 && within(x, 13, 15),
  ];
  const grid = Array.from({ length: 256 }, (_, i) => [Math.floor(i / 16), i % 16] as const);
  const value = (score: (y: number, x: number) => number, y: number, x: number) =>
    round ? Math.round(score(y, x) * 10) / 10 : score(y, x);
  const places = new Map(
    [...new Set(scores.flatMap((score) => grid.map(([y, x]) => value(score, y, x))))]
      .sort((a, b) => a - b)
      .map((score, place) => [score, place]),
  );
  return {
    maps: scores.map((score) =>
      plane(
        grid.map(([y, x]) => places.get(value(score, y, x))!),
        16,
      ),
    ),
    masks: truths.map((truth) =>
      maskOf(
        grid.map(([y, x]) => (truth(y, x) ? 1 : 0)),
        16,
      ),
    ),
  };
}

describe('vectors of specification 06 §9', () => {
  test('distinct scores', () => {
    const { maps, masks } = vectors();
    const { ap, pro, pauroc } = pixelMetrics(maps, masks);
    expect(pro).toBeCloseTo(0.41765976, 8);
    expect(ap).toBeCloseTo(0.13700751, 8);
    expect(pauroc).toBeCloseTo(0.757267, 8);
    expect([averagePrecision(maps, masks), aupro(maps, masks), auroc(maps, masks)]).toEqual([ap, pro, pauroc]);
  });

  test('tied scores', () => {
    const { maps, masks } = vectors(true);
    const { ap, pro, pauroc } = pixelMetrics(maps, masks);
    expect(pro).toBeCloseTo(0.41801364, 8);
    expect(ap).toBeCloseTo(0.11803242, 8);
    expect(pauroc).toBeCloseTo(0.75728597, 8);
  });

  test('regions are 8-connected', () => {
    const { maps, masks } = vectors();
    const counts = masks.map(({ data, width, height }) => connectedComponents(data, width, height, 8).count);
    expect(counts).toEqual([2, 0, 1]);
    const accumulator = new PixelMetricAccumulator();
    maps.forEach((map, i) => {
      accumulator.add(map, masks[i]);
    });
    expect(accumulator.finish().regions).toBe(3);
  });
});

interface Golden {
  readonly cases: readonly {
    readonly images: readonly { width: number; scores: number[]; labels: number[] }[];
    readonly ap: number;
    readonly pauroc: number;
    readonly pro: number;
  }[];
}

const golden = JSON.parse(
  readFileSync(new URL('../../test/fixtures/golden_metrics.json', import.meta.url), 'utf8'),
) as Golden;

test.each(golden.cases.map((each, i) => [i, each] as const))(
  'scikit-learn and NumPy, case %i',
  (_, { images, ap, pauroc, pro }) => {
    const maps = images.map(({ scores, width }) => plane(scores, width));
    const masks = images.map(({ labels, width }) => maskOf(labels, width));
    const got = pixelMetrics(maps, masks);
    expect(got.ap).toBeCloseTo(ap, 10);
    expect(got.pauroc).toBeCloseTo(pauroc, 10);
    expect(got.pro).toBeCloseTo(pro, 10);
  },
);

/** Every threshold by itself, everything counted anew. */
function naive(maps: Plane[], masks: Mask[], limit: number) {
  const pixels = maps.flatMap((map, image) => {
    const { data, width, height } = masks[image];
    const { labels } = connectedComponents(
      data.map((v) => (v === 1 ? 1 : 0)),
      width,
      height,
      8,
    );
    return Array.from(map.data, (score, i) => ({ score, label: data[i], region: `${image}/${labels[i]}` }));
  });
  const defects = pixels.filter((p) => p.label === 1);
  const good = pixels.filter((p) => p.label === 0);
  const regions = new Set(defects.map((p) => p.region));
  let ap = 0;
  let roc = 0;
  let area = 0;
  let before = { recall: 0, rate: 0, overlap: 0 };
  const thresholds = [...new Set([...defects, ...good].map((p) => p.score))].sort((a, b) => b - a);
  for (const threshold of thresholds) {
    const hits = defects.filter((p) => p.score >= threshold);
    const alarms = good.filter((p) => p.score >= threshold).length;
    let overlap = 0;
    for (const region of regions) {
      const whole = defects.filter((p) => p.region === region);
      overlap += whole.filter((p) => p.score >= threshold).length / whole.length / regions.size;
    }
    const now = { recall: hits.length / defects.length, rate: alarms / good.length, overlap };
    ap += (now.recall - before.recall) * (hits.length / (hits.length + alarms));
    roc += ((now.rate - before.rate) * (now.recall + before.recall)) / 2;
    if (before.rate < limit) {
      const share = now.rate > limit ? (limit - before.rate) / (now.rate - before.rate) : 1;
      const end = before.overlap + share * (now.overlap - before.overlap);
      area += (share * (now.rate - before.rate) * (before.overlap + end)) / 2;
    }
    before = now;
  }
  return { ap, pro: area / limit, pauroc: roc };
}

const scores = fc.oneof(
  fc.constantFrom(-0, 0, 0.25, 0.5, 1),
  fc.float({ noNaN: true }),
  fc.constantFrom(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY),
);

const image = fc.integer({ min: 1, max: 7 }).chain((width) =>
  fc.integer({ min: 1, max: 6 }).chain((height) =>
    fc.record({
      map: fc.array(scores, { minLength: width * height, maxLength: width * height }).map((data) => plane(data, width)),
      mask: fc
        .array(fc.constantFrom(0, 0, 1, IGNORE), { minLength: width * height, maxLength: width * height })
        .map((data) => maskOf(data, width)),
    }),
  ),
);

test('equals the naive reference on images of different sizes, with ties, infinities and ignored pixels', () => {
  fc.assert(
    fc.property(
      fc.array(image, { minLength: 1, maxLength: 4 }),
      fc.double({ min: 0.05, max: 1, noNaN: true }),
      (images, limit) => {
        const maps = images.map((each) => each.map);
        const masks = images.map((each) => each.mask);
        fc.pre(masks.some((m) => m.data.includes(1)) && masks.some((m) => m.data.includes(0)));
        const want = naive(maps, masks, limit);
        const got = pixelMetrics(maps, masks);
        expect(got.ap).toBeCloseTo(want.ap, 9);
        expect(got.pauroc).toBeCloseTo(want.pauroc, 9);
        expect(aupro(maps, masks, limit)).toBeCloseTo(want.pro, 9);
      },
    ),
    { numRuns: 300 },
  );
});

test('many blocks of good pixels give the same as one order of all', () => {
  const random = new Random('blocks');
  const size = 1100; // 1.21 M pixels: two blocks and a rest
  const score = () => Math.fround(random.next());
  const truth = Uint8Array.from({ length: size * size }, (_, i) => (i % 997 === 0 ? 1 : 0));
  const maps = [0, 1].map(() => plane(Array.from({ length: size * size }, score), size));
  const masks = [maskOf(truth, size), maskOf(truth, size)];
  const collect = (wanted: (label: number) => boolean) => {
    const kept = maps.map(({ data }, k) => data.filter((_, i) => wanted(masks[k].data[i])));
    const joined = new Float32Array(kept.reduce((sum, part) => sum + part.length, 0));
    joined.set(kept[0]);
    joined.set(kept[1], kept[0].length);
    return joined.sort();
  };
  const all = collect(() => true);
  const defects = collect((label) => label === 1);
  const atLeast = (sorted: Float32Array, score: number) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] < score) low = middle + 1;
      else high = middle;
    }
    return sorted.length - low;
  };
  let ap = 0;
  for (const score of defects) ap += atLeast(defects, score) / atLeast(all, score) / defects.length;
  expect(pixelMetrics(maps, masks).ap).toBeCloseTo(ap, 12);
});

test('curves run from start to end and hold the area', () => {
  const { maps, masks } = vectors();
  const accumulator = new PixelMetricAccumulator();
  maps.forEach((map, i) => {
    accumulator.add(map, masks[i]);
  });
  const { curves, pro, goodPixels, defectPixels } = accumulator.finish();
  expect(goodPixels + defectPixels).toBe(3 * 256);
  expect(curves.pro.at(0)).toEqual({ x: 0, y: 0 });
  expect(curves.pro.at(-1)!.x).toBeCloseTo(0.3, 12);
  expect(curves.precisionRecall.at(-1)!.x).toBe(1);
  let area = 0;
  for (let i = 1; i < curves.pro.length; i++) {
    const [a, b] = [curves.pro[i - 1], curves.pro[i]];
    expect(b.x).toBeGreaterThanOrEqual(a.x);
    area += ((b.x - a.x) * (a.y + b.y)) / 2;
  }
  expect(area / 0.3).toBeCloseTo(pro, 3);
});

describe('what is undefined', () => {
  const map = plane([0.1, 0.9], 2);
  test.each([
    ['no defect pixel', [0, IGNORE], 'defect pixel'],
    ['no good pixel', [1, IGNORE], 'good pixel'],
  ])('%s', (_, labels, missing) => {
    expect(() => pixelMetrics([map], [maskOf(labels, 2)])).toThrow(
      expect.objectContaining({ code: 'ADC_NO_REGION', message: expect.stringContaining(missing) }),
    );
  });

  test('a mask of another size, NaN', () => {
    expect(() => pixelMetrics([map], [maskOf([0, 1], 1)])).toThrow(expect.objectContaining({ code: 'ADC_MASK_SIZE' }));
    expect(() => pixelMetrics([plane([Number.NaN, 1], 2)], [maskOf([0, 1], 2)])).toThrow(/NaN/);
  });
});

describe('figures of clicks', () => {
  test('IoU leaves out ignored pixels and cuts above the threshold', () => {
    const map = plane([0.5, 0.45, 0.9, 0.1, 0.9], 5);
    expect(iou(map, maskOf([1, 1, 0, 0, IGNORE], 5))).toBeCloseTo(1 / 3, 12);
    expect(iou(map, maskOf([1, 1, 0, 0, IGNORE], 5), 0.4)).toBeCloseTo(2 / 3, 12);
    expect(iou(plane([0, 0], 2), maskOf([0, 0], 2))).toBe(1);
  });

  test('NoC counts the first click that reaches the IoU, NoF the images that never do', () => {
    const images = [
      [0.5, 0.8, 0.7, 0.95],
      [0.1, 0.2, 0.3, 0.4],
    ];
    expect(images.map((each) => noc(each, 0.8))).toEqual([2, 20]);
    expect(noc(images[0], 0.9, 3)).toBe(3);
    expect(nof(images, 0.9)).toBe(1);
    expect(nof(images, 0.9, 3)).toBe(2);
    expect(meanIou(images, 2)).toBeCloseTo(0.5, 12);
    expect(meanIou([[0.4], [0.2, 0.6]], 2)).toBeCloseTo(0.5, 12);
  });

  test('quantiles are linear between neighbours', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([1, 2, 3, 4, 5], 0.95)).toBeCloseTo(4.8, 12);
  });

  test('image AUROC equals the share of pairs in order, ties half', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(0, 0.2, 0.5, 1e300, -3), fc.boolean()), { minLength: 2 }),
        (pairs) => {
          const good = pairs.filter(([, bad]) => !bad);
          const bad = pairs.filter(([, isBad]) => isBad);
          fc.pre(good.length > 0 && bad.length > 0);
          let sum = 0;
          for (const [b] of bad) for (const [g] of good) sum += b > g ? 1 : b === g ? 0.5 : 0;
          const got = imageAuroc(
            pairs.map(([score]) => score),
            pairs.map(([, isBad]) => isBad),
          );
          expect(got).toBeCloseTo(sum / good.length / bad.length, 12);
        },
      ),
    );
    expect(() => imageAuroc([1, 2], [true, true])).toThrow(expect.objectContaining({ code: 'ADC_NO_REGION' }));
  });
});
