import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { appendMetadata, Graph, Runtime, relu, reshape, resizeBilinear, slice } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RgbImage } from '../image/types.ts';
import { Random } from '../random.ts';
import { ReferenceIndex } from '../residual/reference-index.ts';
import { makeProduct } from '../synthesis/products/index.ts';
import { DEFAULT_MAP, type MapSettings, type SegNetwork } from './anomaly-map.ts';
import { Detector, exportDetector } from './detector.ts';
import { IndexScorer, quantileForRate } from './scoring.ts';

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
      const { scores, peaks } = await scorer.heldOut(6);
      const scaled = (value: number, among: number[]) => {
        if (network) return value;
        const odds = (p: number) => p / (1 - p);
        return odds(value) / (odds(value) + odds(quantileForRate(among, 0.05)));
      };
      expect(file.score).toBeCloseTo(scaled(library.score, scores), 4);
      let most = 0;
      for (const [i, value] of file.map.data.entries())
        most = Math.max(most, Math.abs(value - scaled(library.map.data[i], peaks)));
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
    const image = damaged(product.good(random), 60, 40, 20);
    const some = await Detector.build(index, { decision: 'region', heldOut: 6 });
    const none = await Detector.build(index, { decision: 'region', minArea: 1e6, heldOut: 6 });
    expect((await some.detect(image)).isDefect).toBe(true);
    expect(await none.detect(image)).toMatchObject({ isDefect: false, regions: [] });
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

test('the quantile for a rate counts the next picture in', () => {
  const values = Array.from({ length: 49 }, (_, i) => 49 - i);
  expect(quantileForRate(values, 0.02)).toBe(49);
  expect(quantileForRate(values, 0.1)).toBe(45);
  expect(quantileForRate([3, 1, 2], 0.02)).toBe(3);
  expect(quantileForRate([3, 1, 2], 1)).toBe(1);
  expect(() => quantileForRate([], 0.1)).toThrow(RangeError);
});
