/** WideResNet-50-2 of full width with random weights, imported where weights lie: index, residual, clicks and detector file. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  compileStep,
  elementCount,
  Runtime,
  reduceMean,
  type Tensor,
  Trainer,
  tensor,
  writeSafetensors,
} from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { wideResNet } from '../checkpoints/wide-resnet.ts';
import { BACKBONES } from '../features/backbones.ts';
import { FeatureExtractor } from '../features/extractor.ts';
import { resizePlane } from '../image/resize.ts';
import type { RgbImage } from '../image/types.ts';
import { adclick, clickInputs, embedResidual, PRESETS, residualInput } from '../networks/adclick.ts';
import { saveClickWeights } from '../networks/click-weights.ts';
import { Random } from '../random.ts';
import { residualNorm } from '../residual/norm.ts';
import { ReferenceIndex } from '../residual/reference-index.ts';
import { makeProduct } from '../synthesis/products/index.ts';
import { prepareTraining } from '../training/train-detector.ts';
import { Detector } from './detector.ts';
import { Labeler } from './labeler.ts';

const backbone = 'wide-resnet-50-2';
const DIMS = 1024;
const random = new Random(8);
const product = makeProduct('machinedRing', 3, { width: 128, height: 64 });
let folder: string;
let runtime: Runtime;
let index: ReferenceIndex;
const models = process.env.ADCLICK_MODELS;

/** A dark square on a good picture. */
function damaged(image: RgbImage, x: number, y: number, side: number): RgbImage {
  const data = image.data.slice();
  for (let row = y; row < y + side; row++)
    data.fill(0, (row * image.width + x) * 3, (row * image.width + x + side) * 3);
  return { ...image, data };
}

/** Pearson's. */
function correlation(a: Float32Array, b: Float32Array): number {
  const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(a), mean(b)];
  const sum = (of: (i: number) => number) => a.reduce((all, _, i) => all + of(i), 0);
  const together = sum((i) => (a[i] - x) * (b[i] - y));
  return together / Math.sqrt(sum((i) => (a[i] - x) ** 2) * sum((i) => (b[i] - y) ** 2));
}

/** Weights under which every map is about as large as what it is made of. */
async function drawWeights(path: string): Promise<void> {
  const tensors = wideResNet().tensors.map(({ name, shape }): [string, Tensor] => {
    const reach = shape.length === 4 ? Math.sqrt(3 / elementCount(shape.slice(1))) : 0.1;
    const data = Float32Array.from({ length: elementCount(shape) }, () => random.uniform(-reach, reach));
    return [name, tensor(data, shape)];
  });
  await writeSafetensors(path, new Map(tensors), {});
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adclick-wide-'));
  process.env.ADCLICK_MODELS = folder;
  await drawWeights(join(folder, BACKBONES[backbone].file));
  runtime = await Runtime.start();
  const normals = Array.from({ length: 8 }, (_, i) => ({ name: `n${i}`, image: product.good(random) }));
  index = await ReferenceIndex.build(normals, { runtime, backbone, pixels: 128 * 64, neighbours: 4 });
}, 60_000);
afterAll(async () => {
  if (models === undefined) delete process.env.ADCLICK_MODELS;
  else process.env.ADCLICK_MODELS = models;
  await runtime.close();
  await rm(folder, { recursive: true });
});

test('without imported weights the error names the command that takes them in', async () => {
  process.env.ADCLICK_MODELS = join(folder, 'elsewhere');
  onTestFinished(() => {
    process.env.ADCLICK_MODELS = folder;
  });
  const own = await Runtime.start({ threads: 1 });
  onTestFinished(() => own.close());
  await expect(FeatureExtractor.load({ runtime: own, backbone })).rejects.toMatchObject({
    code: 'ADC_NETWORK_MISSING',
    message: expect.stringContaining('wide-resnet-50-2'),
    next: expect.stringContaining('adclick models import FILE --as wide-resnet-50-2'),
  });
});

test('a residual has the channels of the descriptor and none beside them, and is largest on the defect', async () => {
  const residual = await index.residual(await index.describe(damaged(product.good(random), 72, 24, 16)));
  expect(residual).toMatchObject({ height: 8, width: 16, dims: DIMS, matched: DIMS });
  const { data } = residualNorm(residual, index.calibration);
  const most = data.indexOf(data.reduce((a, b) => Math.max(a, b)));
  expect([Math.floor(most / 16), most % 16]).toEqual([
    expect.toSatisfy((y) => y >= 2 && y <= 5),
    expect.toSatisfy((x) => x >= 8 && x <= 11),
  ]);
});

describe('a detector file', () => {
  test('gives the map of the residual against the index but for the codes', async () => {
    const detector = await Detector.build(index, { map: { sigma: 0, foreground: 0 }, heldOut: 2 });
    const file = join(folder, 'detector.onnx');
    await detector.save(file);
    await detector.close();
    const loaded = await Detector.load(file, { runtime });
    expect(loaded.card.backbone.name).toBe(backbone);
    const picture = damaged(product.good(random), 72, 24, 16);
    const residual = await index.residual(await index.describe(picture));
    const { data } = resizePlane(residualNorm(residual, index.calibration), 128, 64);
    const map = (await loaded.run(picture)).map.data;
    // A file's map is x / (x + level), and what codes add to residuals is added to what is normal.
    expect(
      correlation(
        map.map((p) => p / (1 - p)),
        data,
      ),
    ).toBeGreaterThan(0.9);
    await loaded.close();
  });
});

describe('clicks', () => {
  test('are taken by weights that were made for it', async () => {
    const path = join(folder, 'wide.safetensors');
    const program = compileStep((graph, p) => {
      const settings = { ...PRESETS.small, residualDims: DIMS };
      const embedded = embedResidual(p, settings, residualInput(graph, 1, 8, 8, DIMS));
      return { loss: reduceMean(adclick(graph, p, settings, embedded, clickInputs(graph, 1, 8, 8))) };
    });
    const trainer = await Trainer.create({ programs: { only: program }, seed: 2, runtime });
    const card = {
      name: 'wide',
      preset: 'small',
      residualDims: DIMS,
      trainedOn: 'nothing',
      steps: 0,
      seed: 2,
    } as const;
    await saveClickWeights(path, await trainer.weights(), card);
    await trainer.close();
    const labeler = await Labeler.load({ index, weights: path, runtime });
    const view = await labeler.open(product.good(random));
    const { probability } = await view.predict({ clicks: [{ x: 30, y: 30, positive: true }] });
    expect(probability).toHaveLength(128 * 64);
    expect(probability.every(Number.isFinite)).toBe(true);
    await labeler.close();
  });

  test('are refused by the weights that ship, and so is training a detector from them: both backbones are named', async () => {
    const refusal = {
      code: 'ADC_WEIGHTS_KIND',
      message: expect.stringMatching(
        /efficientnet-lite0 \(residuals of 272 channels\), not for wide-resnet-50-2 \(1024/,
      ),
      next: expect.stringContaining('adclick train click'),
    };
    await expect(Labeler.load({ index, runtime })).rejects.toMatchObject(refusal);
    await expect(prepareTraining({ index, runtime, labels: [], seed: 0, steps: 2 })).rejects.toMatchObject(refusal);
  });
});
