/**
 * Makes a detector of good pictures and shows it bad ones: `detect-pictures.ts DIR [--pictures N] [--normals N] [--threads N]`. DIR is what
 * parts/pictures.ts made.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Runtime } from '@adclick/ortgrad';
import { readRgb } from '../../packages/core/src/image/codec.ts';
import { Detector } from '../../packages/core/src/inference/detector.ts';
import { ReferenceIndex } from '../../packages/core/src/residual/reference-index.ts';
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

const WARM_UP = 2;
/** Pictures that are in work at once in the batch. */
const AT_ONCE = 2;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    make: { type: 'boolean', default: false },
    detector: { type: 'string' },
    threads: { type: 'string', default: '2' },
  },
});
const [folder] = positionals as [string];
const file = values.detector ?? join(folder, 'detector.onnx');
const bad = (await readdir(join(folder, 'bad'))).filter((name) => !name.endsWith('_mask.png')).sort();
const runtime = await Runtime.start({ threads: Number(values.threads) });

if (values.make) {
  // A process of its own, so that what making takes does not count as what detecting takes.
  const good = (await readdir(join(folder, 'good'))).sort();
  const directory = join(folder, `index-${process.pid}`);
  const paths = good.map((name) => ({ path: join(folder, 'good', name) }));
  const index = await ReferenceIndex.build(paths, { runtime, directory });
  const detector = await Detector.build(index, { heldOut: 10 });
  await detector.save(file);
  await rm(directory, { recursive: true });
  await runtime.close();
  answer({ made: file });
} else {
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
    while (next < bad.length) await detector.detect(await readRgb(join(folder, 'bad', bad[next++] as string)));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const imagesPerSecond = (bad.length * 1000) / (performance.now() - batch);
  const { from } = detector.card.map;
  await runtime.close();
  const result: Omit<Detected, 'peakBytes'> = { detectMs, fileMs, imagesPerSecond, loadMs, fileBytes, from };
  answer(result);
}
