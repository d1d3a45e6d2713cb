import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addScalar, appendMetadata, Graph, Runtime, relu, reshape, resizeBilinear, slice } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LabelledDefect } from '../clicks/labelled-defect.ts';
import type { RgbImage } from '../image/types.ts';
import { logOdds } from '../log-odds.ts';
import { Random } from '../random.ts';
import { ReferenceIndex } from '../residual/reference-index.ts';
import { makeProduct } from '../synthesis/products/index.ts';
import { DEFAULT_MAP, type MapSettings, type SegNetwork } from './anomaly-map.ts';
import { Detector, exportDetector } from './detector.ts';
import { withCard } from './detector-card.ts';
import { driftOf, type Seen } from './drift.ts';
import { limitsOf, lookAtHeldOut } from './held-out.ts';
import { IndexScorer } from './scoring.ts';

let runtime: Runtime;
let folder: string;
let index: ReferenceIndex;
let goods: RgbImage[];
const random = new Random(5);
// Wide, so that a swap of height and width shows.
const product = makeProduct('machinedRing', 3, { width: 192, height: 128 });

/** A dark square on a good picture. */
function damaged(image: RgbImage, x: number, y: number, side: number): RgbImage {
  const data = image.data.slice();
  for (let row = y; row < y + side; row++)
    data.fill(0, (row * image.width + x) * 3, (row * image.width + x + side) * 3);
  return { ...image, data };
}

/** A defect with its mask. */
function labelled(name: string, x: number, y: number, side: number): LabelledDefect {
  const image = damaged(product.good(random), x, y, side);
  const data = new Float32Array(image.width * image.height);
  for (let row = y; row < y + side; row++) data.fill(1, row * image.width + x, row * image.width + x + side);
  return { name, type: 'hole', image, probability: { ...image, data, channels: 1 }, clicks: [] };
}

/** What a detector says of pictures. */
const seen = async (detector: Detector, images: readonly RgbImage[]) => {
  const all: Seen[] = [];
  for (const image of images) all.push(await detector.detect(image));
  return all;
};

beforeAll(async () => {
  runtime = await Runtime.start();
  folder = await mkdtemp(join(tmpdir(), 'adclick-detector-'));
  goods = Array.from({ length: 14 }, () => product.good(random));
  const normals = goods.map((image, i) => ({ name: `n${String(i).padStart(2, '0')}`, image }));
  index = await ReferenceIndex.build(normals, { runtime, pixels: 192 * 128, neighbours: 4 });
});
afterAll(async () => {
  await runtime.close();
  await rm(folder, { recursive: true });
});

/** Twice the strangeness less one, enlarged: a network whose answer is known. */
const plain: SegNetwork & { record: Record<string, unknown> } = {
  weights: new Map(),
  record: { steps: 0 },
  build: (_, { norm, residual }) => {
    const [, h, w] = norm.shape as [number, number, number];
    const first = reshape(slice(residual, 3, 0, 1), [1, 1, h, w]);
    return reshape(resizeBilinear(relu(first), [8 * h, 8 * w]), [1, 8 * h, 8 * w]);
  },
};

describe('a detector file says the same as the library does through the index', () => {
  const cases: [string, Partial<MapSettings>, number, typeof plain | undefined][] = [
    ['as it is by default', {}, 60, undefined],
    ['with a bounded number of good pictures', {}, 6, undefined],
    ['smoothed, weighed by the foreground', { sigma: 4, foreground: 0.5 }, 60, undefined],
    ['scored by its largest pixels', { score: { rule: 'topk', pixels: 100 } }, 60, undefined],
    ['scored by means of squares', { score: { rule: 'pool', side: 16 } }, 60, undefined],
    ['with a network', { sigma: 2 }, 60, plain],
  ];
  test.each(cases)('%s', async (_, map, normals, network) => {
    const settings = { ...DEFAULT_MAP, ...map };
    const detector = await Detector.build(index, { map, normals, network, heldOut: 6 });
    const reference = await index.reference(normals);
    expect(reference.names).toHaveLength(Math.min(normals, 14));
    const scorer = await IndexScorer.create(index, { reference, settings, network });
    for (const image of [product.good(random), damaged(product.good(random), 60, 40, 20)]) {
      const [file, library] = [await detector.run(image), await scorer.score(image)];
      // The residual's map is scaled in the file: its threshold, held out on good pictures, became 0.5.
      const limits = limitsOf(await lookAtHeldOut(index, { reference, settings, network, labels: [], limit: 6 }), 0.05);
      const scaled = (value: number, limit: number) => {
        if (network) return value;
        const odds = (p: number) => p / (1 - p);
        return odds(value) / (odds(value) + odds(limit));
      };
      expect(file.score).toBeCloseTo(scaled(library.score, limits.score), 4);
      let most = 0;
      for (const [i, value] of file.map.data.entries())
        most = Math.max(most, Math.abs(value - scaled(library.map.data[i], limits.map)));
      expect(most).toBeLessThan(1e-4);
    }
    await scorer.close();
    await detector.close();
  });
});

describe('a detector', () => {
  test('finds a defect where it is, at the size of the picture, and nothing on good pictures', async () => {
    const detector = await Detector.build(index);
    const good = await detector.detect(product.good(random));
    expect(good.isDefect).toBe(false);
    const image = damaged(product.good(random), 60, 40, 20);
    const larger = { width: 384, height: 256, channels: 3 as const, data: new Uint8Array(384 * 256 * 3) };
    for (let y = 0; y < 256; y++)
      for (let x = 0; x < 384; x++)
        for (let c = 0; c < 3; c++)
          larger.data[(y * 384 + x) * 3 + c] = image.data[((y >> 1) * 192 + (x >> 1)) * 3 + c];
    const bad = await detector.detect(larger);
    expect(bad.isDefect).toBe(true);
    expect(bad.score).toBeGreaterThan(good.score);
    expect([bad.map.width, bad.map.height]).toEqual([384, 256]);
    const [region] = bad.regions;
    expect(region.peak.x).toBeGreaterThanOrEqual(112);
    expect(region.peak.x).toBeLessThan(168);
    expect(region.peak.y).toBeGreaterThanOrEqual(72);
    expect(region.peak.y).toBeLessThan(128);
    expect(region.area).toBeGreaterThan(64);
    expect(bad.map.data[region.peak.y * 384 + region.peak.x]).toBe(region.value);
    await detector.close();
  });

  test('calls few held-out pictures defective, and says on how many that was set', async () => {
    const alarms = async (falseAlarmRate: number) => {
      const detector = await Detector.build(index, { falseAlarmRate });
      expect(detector.card.thresholds).toMatchObject({ falseAlarmRate, heldOut: 14, score: 0.5, map: 0.5 });
      let count = 0;
      for (const image of unseen) if ((await detector.detect(image)).isDefect) count++;
      await detector.close();
      return count;
    };
    const unseen = Array.from({ length: 20 }, () => product.good(random));
    expect(await alarms(0.02)).toBeLessThanOrEqual(1);
    expect(await alarms(0.95)).toBeGreaterThan(10);
  });

  test('decides by regions where it is told to, and leaves small ones out', async () => {
    const image = damaged(product.good(random), 60, 40, 32);
    const some = await Detector.build(index, { decision: 'region', heldOut: 6 });
    const none = await Detector.build(index, { decision: 'region', minArea: 1e6, heldOut: 6 });
    expect((await some.detect(image)).isDefect).toBe(true);
    expect(await none.detect(image)).toMatchObject({ isDefect: false, regions: [] });
  });

  test('with labelled defects, sets its thresholds on them as well and says how those held out were decided upon', async () => {
    const labels = Array.from({ length: 4 }, (_, i) => labelled(`d${i}`, 30 + 30 * i, 40, 16));
    const detector = await Detector.build(index, { labels });
    const { thresholds, heldOut, judged } = detector.card;
    expect(thresholds).toMatchObject({ score: 0.5, map: 0.5, heldOut: 14, defects: 4 });
    expect(heldOut?.defects).toHaveLength(4);
    for (const { type, area, score, map } of heldOut?.defects ?? []) {
      expect({ type, area }).toEqual({ type: 'hole', area: (16 * 16) / (192 * 128) });
      expect(Math.min(score, map)).toBeGreaterThan(0.5);
    }
    expect(judged).toMatchObject({ good: 14, defective: 4, missed: 0, auroc: 1 });
    expect(judged?.types).toMatchObject([{ type: 'hole', pictures: 4, missed: 0 }]);
    expect((await detector.detect(damaged(product.good(random), 60, 40, 16))).isDefect).toBe(true);
    await detector.close();
  });

  test('with a network, goes by networks that have not seen what they judge, moved to where its own answers lie', async () => {
    // Says half a logit less of everything than the detector's own network.
    const other: SegNetwork = { weights: new Map(), build: (p, inputs) => addScalar(plain.build(p, inputs), -0.5) };
    const names = index.names.slice(0, 8);
    const labels = [labelled('d0', 60, 40, 16)];
    const folds = [{ ...other, normals: names, labels }];
    const looked = (unseen: readonly string[]) =>
      index.reference(60).then((reference) =>
        lookAtHeldOut(index, {
          ...{ reference, settings: { ...DEFAULT_MAP, foreground: 0 }, labels: [], limit: 60 },
          network: { ...plain, folds, unseen },
        }),
      );
    const [alone, some] = [await looked([]), await looked(names.slice(0, 5))];
    expect(alone.good).toHaveLength(8);
    expect(some.good).toHaveLength(8);
    const by = logOdds(some.defects[0].score) - logOdds(alone.defects[0].score);
    expect(by).toBeCloseTo(0.5, 3);
    const detector = await Detector.build(index, { network: { ...plain, folds, unseen: names }, labels: [] });
    expect(detector.card.thresholds).toMatchObject({ heldOut: 8, defects: 1 });
    await detector.close();
  });

  test('follows good pictures of the line that it takes, whether or not its card says what was held out before', async () => {
    const other = makeProduct('machinedRing', 4, { width: 192, height: 128 });
    const line = Array.from({ length: 12 }, () => other.good(random));
    const built = await Detector.build(index, { name: 'ring' });
    const { heldOut: _, ...old } = built.card;
    const path = join(folder, 'adapted.onnx');
    for (const card of [built.card, old]) {
      await writeFile(path, withCard(built.model, card));
      const detector = await Detector.load(path, { runtime });
      expect(detector.card).toEqual(card);
      const alarms = async () => {
        let count = 0;
        for (const image of line.slice(6)) if ((await detector.detect(image)).isDefect) count++;
        return count;
      };
      expect(await alarms()).toBeGreaterThan(4);
      await detector.adapt(line.slice(0, 6));
      expect(await alarms()).toBeLessThan(3);
      expect(detector.card.thresholds).toMatchObject({ adapted: 6, heldOut: card === old ? 6 : 20 });
      await detector.save(path);
      const again = await Detector.load(path, { runtime });
      expect(again.card).toEqual(detector.card);
      expect(await again.run(line[0])).toEqual(await built.run(line[0]));
      await again.close();
      await detector.close();
    }
    expect(driftOf(await seen(built, line), built.card)).toBeDefined();
    expect(driftOf(await seen(built, goods.slice(0, 6)), built.card)).toBeUndefined();
    expect(driftOf(await seen(built, line), old)).toBeUndefined();
    await built.close();
  });

  test('is the same after saving and loading, byte for byte for the same index', async () => {
    const path = join(folder, 'ring.onnx');
    const detector = await Detector.build(index, { name: 'ring', heldOut: 4 });
    await detector.save(path);
    const image = product.good(random);
    const loaded = await Detector.load(path, { runtime });
    expect(loaded.card).toEqual(detector.card);
    expect(loaded.card).toMatchObject({
      name: 'ring',
      input: { width: 192, height: 128 },
      aspect: 1.5,
      training: null,
    });
    expect(await loaded.run(image)).toEqual(await detector.run(image));
    const again = await exportDetector(index, { name: 'ring', heldOut: 4 });
    expect(Buffer.compare(again.model, await readFile(path))).toBe(0);
    const alone = await Detector.load(path);
    expect((await alone.run(image)).score).toBeCloseTo((await detector.run(image)).score, 5);
    await alone.close();
  });

  test('takes few bytes along of each good picture', async () => {
    const size = async (normals: number) => (await exportDetector(index, { normals, heldOut: 2 })).model.length;
    const tokens = (192 * 128) / 64;
    // Codes, and what the search, the match and the foreground keep beside them; float16 alone took 544.
    expect((await size(14)) - (await size(6))).toBeLessThan(80 * tokens * 8);
  });

  test('refuses files that are missing, cut off, altered, of another version, or no detectors', async () => {
    const { model } = await exportDetector(index, { heldOut: 4 });
    const write = async (name: string, bytes: Uint8Array) => {
      await writeFile(join(folder, name), bytes);
      return Detector.load(join(folder, name), { runtime });
    };
    await expect(Detector.load(join(folder, 'none.onnx'))).rejects.toMatchObject({ code: 'ADC_DETECTOR_MISSING' });
    await expect(write('cut.onnx', model.subarray(0, model.length - 5000))).rejects.toMatchObject({
      code: expect.stringMatching(/ADC_DETECTOR_(DAMAGED|KIND)/),
    });
    const altered = model.slice();
    altered[model.length >> 1] ^= 64;
    await expect(write('altered.onnx', altered)).rejects.toMatchObject({ code: 'ADC_DETECTOR_DAMAGED' });
    await expect(write('text.onnx', new TextEncoder().encode('hello'))).rejects.toMatchObject({
      code: 'ADC_DETECTOR_DAMAGED',
    });
    const graph = new Graph('other');
    graph.output('y', relu(graph.input('x', [1])));
    await expect(write('other.onnx', graph.toModel())).rejects.toMatchObject({ code: 'ADC_DETECTOR_KIND' });
    const newer = appendMetadata(graph.toModel({ kind: 'adclick-detector/3' }), 'sha256', '');
    await expect(write('newer.onnx', newer)).rejects.toMatchObject({
      code: 'ADC_DETECTOR_KIND',
      message: expect.stringContaining('version 3'),
    });
  });
});
