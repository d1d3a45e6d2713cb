import { Runtime } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabelledDefect } from '../clicks/labelled-defect.ts';
import { Detector } from '../inference/detector.ts';
import { Random } from '../random.ts';
import { ReferenceIndex } from '../residual/reference-index.ts';
import { simulateAnomaly } from '../synthesis/anomalies/index.ts';
import { makeProduct } from '../synthesis/products/index.ts';
import { DETECTOR_TRAINING, type DetectorTrainingSettings, prepareTraining, trainDetector } from './train-detector.ts';

const product = makeProduct('machinedRing', 22, { width: 256, height: 256 });
let runtime: Runtime;
let index: ReferenceIndex;

beforeAll(async () => {
  runtime = await Runtime.start();
  const normals = Array.from({ length: 8 }, (_, n) => ({
    name: `good-${n}`,
    image: product.good(new Random(`train/${n}`)),
  }));
  index = await ReferenceIndex.build(normals, { runtime, pixels: 256 * 256 });
});
afterAll(() => runtime.close());

function labelled(n: number): LabelledDefect {
  const random = new Random(`defect/${n}`);
  const { image, mask } = simulateAnomaly(product.good(random), random, {
    kinds: ['rust'],
    minArea: 200,
    single: true,
  });
  const probability = { ...mask, data: Float32Array.from(mask.data) };
  return { name: String(n), type: 'rust', image, probability, clicks: [] };
}

const SMALL: DetectorTrainingSettings = {
  ...DETECTOR_TRAINING,
  counts: { goods: 5, simulated: 4, copies: 1 },
  heldOut: 3,
};
const train = (labels: readonly LabelledDefect[], settings = SMALL) =>
  trainDetector({ index, runtime, labels, seed: 0, steps: 6 }, settings);

describe('trainDetector', () => {
  it('refuses a single label and labels without a pixel that is surely defect, each with its reason', async () => {
    await expect(train([labelled(0)])).rejects.toMatchObject({ code: 'ADC_LABELS' });
    const unsure = [0, 1].map((n) => {
      const label = labelled(n);
      label.probability.data.fill(0.6);
      return label;
    });
    await expect(train(unsure)).rejects.toThrow(/none of 2 labels/);
  });

  it('keeps a window of pictures on large grids, over the defect where there is one', async () => {
    const large = makeProduct('machinedRing', 22, { width: 640, height: 640 });
    const goods = Array.from({ length: 4 }, (_, n) => ({ name: `${n}`, image: large.good(new Random(`large/${n}`)) }));
    const index = await ReferenceIndex.build(goods, { runtime, pixels: 640 * 640 });
    const random = new Random('label');
    const { image, mask } = simulateAnomaly(large.good(random), random, {
      kinds: ['rust'],
      minArea: 200,
      single: true,
    });
    const probability = { ...mask, data: Float32Array.from(mask.data) };
    const labels = ['a', 'b'].map((name) => ({ name, type: 'rust', image, probability, clicks: [] }));
    const { items, judges } = await prepareTraining({ index, runtime, labels, seed: 0, steps: 6 }, SMALL);
    await index.close();
    expect(items.map(({ kind }) => kind)).toContain('weak');
    for (const item of [...items, ...judges]) {
      expect(item).toMatchObject({ height: 64, width: 64, image: { height: 512, width: 512 } });
      expect(item.delta).toHaveLength(64 * 64 * item.dims);
      expect(item.norm).toHaveLength(64 * 64);
      expect(item.probability).toHaveLength(512 * 512);
      expect(item.probability.some((p) => p >= 0.5)).toBe(item.kind !== 'good');
    }
    // A label's pixels, and what it says of them, are of one place of the picture.
    const piece = items.find(({ kind }) => kind === 'weak')!;
    const rowAt = (from: Uint8Array, width: number, x: number, y: number, length: number) =>
      from.subarray(3 * (y * width + x), 3 * (y * width + x + length)).join();
    const starts = Array.from({ length: 17 }, (_, i) => 8 * i);
    const places = starts.flatMap((y) => starts.map((x) => [x, y] as const));
    const first = rowAt(piece.image.data, 512, 0, 0, 512);
    const found = places.filter(([x, y]) => rowAt(image.data, 640, x, y, 512) === first);
    expect(found).toHaveLength(1);
    const [[left, top]] = found;
    for (const y of [0, 200, 511]) {
      expect(rowAt(piece.image.data, 512, 0, y, 512)).toBe(rowAt(image.data, 640, left, top + y, 512));
      const at = (top + y) * 640 + left;
      expect(piece.probability.slice(512 * y, 512 * (y + 1))).toEqual(probability.data.slice(at, at + 512));
    }
  });

  it('draws click discs of the radius that the settings name', async () => {
    const { loop } = DETECTOR_TRAINING;
    const sure = async (discRadius: number) => {
      const labels = [0, 1].map((n) => ({ ...labelled(n), clicks: [{ x: 20, y: 20, positive: true }] }));
      const settings = { ...SMALL, loop: { ...loop, pseudo: { ...loop.pseudo, discRadius } } };
      const { items } = await prepareTraining({ index, runtime, labels, seed: 0, steps: 6 }, settings);
      const { probability } = items.find(({ label }) => label === 0)!;
      return probability.filter((p) => p === 1).length;
    };
    const area = await sure(0);
    expect((await sure(3)) - area).toBe(28); // 29 pixels lie within 3 of the one that was clicked
  });

  it('falls back to the residual and says so when the network does not gain the margin', async () => {
    const { network, notes } = await train([0, 1].map(labelled), { ...SMALL, margin: 1 });
    expect(network).toBeUndefined();
    expect(notes[0]).toMatch(/left aside/);
  });

  it('gives the same network for the same seed, which a detector runs', async () => {
    const settings = { ...SMALL, margin: -1, trust: [0, 1], window: { side: 24, stride: 8 } };
    const [a, b] = [await train([0, 1].map(labelled), settings), await train([0, 1].map(labelled), settings)];
    expect(b.network!.weights).toEqual(a.network!.weights);
    const detector = await Detector.build(index, { network: a.network });
    expect(detector.card.map.from).toBe('network');
    expect(detector.card.training).toMatchObject({ labels: 2, types: ['rust'], goods: 5 });
    // Every label and good picture is looked at once, by the network that was trained without it.
    const { folds, unseen } = a.network!;
    expect(folds!.flatMap(({ labels }) => labels.map(({ name }) => name)).sort()).toEqual(['0', '1']);
    const normals = folds!.flatMap((fold) => fold.normals);
    // The sixth that training draws on lies under simulated defects only.
    expect(new Set(normals).size).toBe(5 + 2);
    expect(normals).toHaveLength(7);
    expect(unseen).toHaveLength(2);
    expect(detector.card).toMatchObject({ thresholds: { heldOut: 7, defects: 2 }, judged: { good: 7, defective: 2 } });
    expect(detector.card.training).not.toHaveProperty('folds');
    const { image, probability } = labelled(9);
    const { map } = await detector.detect(image);
    const mean = (inside: boolean) => {
      const values = map.data.filter((_, i) => probability.data[i] > 0.5 === inside);
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };
    expect(mean(true)).toBeGreaterThan(2 * mean(false));
    await detector.close();
  });
});
