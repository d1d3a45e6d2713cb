/**
 * Makes detectors of good pictures, `detect-pictures.ts DIR --make`, and shows one bad pictures: `detect-pictures.ts DIR --detector FILE
 * [--threads N]`. DIR is what parts/pictures.ts made.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Runtime } from '@adclick/ortgrad';
import { readRgb } from '../../packages/core/src/image/codec.ts';
import { Detector } from '../../packages/core/src/inference/detector.ts';
import { modelPath } from '../../packages/core/src/models.ts';
import type { SegSettings } from '../../packages/core/src/networks/adclick-seg.ts';
import { loadOwnWeights } from '../../packages/core/src/networks/click-weights.ts';
import { Random } from '../../packages/core/src/random.ts';
import { ReferenceIndex } from '../../packages/core/src/residual/reference-index.ts';
import { type SegItem, segItems } from '../../packages/core/src/training/seg-items.ts';
import { builderOf, DETECTOR_TRAINING } from '../../packages/core/src/training/train-detector.ts';
import { trainSeg } from '../../packages/core/src/training/train-seg.ts';
import { answer } from '../child.ts';

/** What this script answers. */
export interface Detected {
  /** One picture in memory to score, map and regions, pictures after the first two. */
  readonly detectMs: readonly number[];
  /** From the file of a picture to the same. */
  readonly fileMs: readonly number[];
  /** Files one after another, the next decoded while one is looked at. */
  readonly imagesPerSecond: number;
  /** Loading the file and compiling its graph. */
  readonly loadMs: number;
  readonly fileBytes: number;
  readonly from: string;
  readonly peakBytes: number;
}

/** Files that `--make` wrote. */
export interface Made {
  readonly residual: string;
  readonly trained: string;
}

const WARM_UP = 2;
/** Pictures that are in work at once in the batch. */
const AT_ONCE = 2;
/** A few steps on a few pictures: what a network says does not change what it takes. */
const TRAINING = { steps: 4, goods: 2, simulated: 2 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    make: { type: 'boolean', default: false },
    detector: { type: 'string' },
    threads: { type: 'string', default: '2' },
  },
});
const [folder] = positionals as [string];
const bad = (await readdir(join(folder, 'bad'))).filter((name) => !name.endsWith('_mask.png')).sort();
const runtime = await Runtime.start({ threads: Number(values.threads) });

async function network(index: ReferenceIndex) {
  const { head, loop } = DETECTOR_TRAINING;
  const { tensors: initial, settings: sizes } = await loadOwnWeights(modelPath('adclick-small/weights.safetensors'));
  const settings: SegSettings = { ...sizes, seg: head, path: { gain: 3, offset: 0 } };
  const items: SegItem[] = [];
  const { steps, ...counts } = TRAINING;
  const sources = { index, names: index.names, labels: [], counts: { ...counts, copies: 0 }, discRadius: 0, left: [] };
  for await (const item of segItems(sources, new Random(0))) items.push(item);
  const weights = await trainSeg(items, settings, { ...loop, steps }, { runtime, seed: '0', initial });
  return { build: builderOf(settings, new Map(), 1), weights, record: { steps } };
}

if (values.make) {
  // A process of its own, so that what making takes does not count as what detecting takes.
  const good = (await readdir(join(folder, 'good'))).sort();
  const directory = join(folder, `index-${process.pid}`);
  const paths = good.map((name) => ({ path: join(folder, 'good', name) }));
  const index = await ReferenceIndex.build(paths, { runtime, directory });
  const plain = await Detector.build(index, { heldOut: 10 });
  const trained = await Detector.build(index, { heldOut: 10, network: await network(index) });
  const made: Made = { residual: join(folder, 'residual.onnx'), trained: join(folder, 'trained.onnx') };
  await plain.save(made.residual);
  await trained.save(made.trained);
  await rm(directory, { recursive: true });
  await runtime.close();
  answer(made);
} else {
  const file = values.detector as string;
  const fileBytes = (await readFile(file)).length;
  const begin = performance.now();
  const detector = await Detector.load(file, { runtime });
  const loadMs = performance.now() - begin;
  const detectMs: number[] = [];
  const fileMs: number[] = [];
  for (const [n, name] of bad.entries()) {
    const opened = performance.now();
    const image = await readRgb(join(folder, 'bad', name));
    const start = performance.now();
    await detector.detect(image);
    if (n < WARM_UP) continue;
    detectMs.push(performance.now() - start);
    fileMs.push(performance.now() - opened);
  }
  let next = 0;
  const batch = performance.now();
  const work = async () => {
    while (next < bad.length) await detector.detect(await readRgb(join(folder, 'bad', bad[next++])));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const imagesPerSecond = (bad.length * 1000) / (performance.now() - batch);
  const { from } = detector.card.map;
  await runtime.close();
  const result: Omit<Detected, 'peakBytes'> = { detectMs, fileMs, imagesPerSecond, loadMs, fileBytes, from };
  answer(result);
}
