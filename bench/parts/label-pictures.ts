/**
 * Indexes good pictures and labels bad ones: `label-pictures.ts DIR [--normals N] [--pictures N] [--neighbours K] [--pixels N] [--threads N]`.
 * DIR is what parts/pictures.ts made.
 */
import { readdir } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { parseArgs } from 'node:util';
import { Runtime } from '@adclick/ortgrad';
import { nextClick } from '../../packages/core/src/clicks/annotator.ts';
import type { Click } from '../../packages/core/src/clicks/types.ts';
import { readMask, readRgb } from '../../packages/core/src/image/codec.ts';
import { Labeler } from '../../packages/core/src/inference/labeler.ts';
import { ReferenceIndex } from '../../packages/core/src/residual/reference-index.ts';
import { answer } from '../child.ts';
import { benchWeights } from './weights.ts';

/** What this script answers. */
export interface Labelled {
  /** Reading, describing and writing the index of all good pictures, to the open index. */
  readonly indexSeconds: number;
  /** From the file of a picture to the first click, pictures after the first two. */
  readonly readyMs: readonly number[];
  /** The very first picture: models are compiled on it. */
  readonly firstReadyMs: number;
  readonly clickMs: readonly number[];
  readonly weights: string;
  readonly peakBytes: number;
}

const CLICKS = 5;
/** Pictures that warm up the models before times count. */
const WARM_UP = 2;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    normals: { type: 'string' },
    pictures: { type: 'string' },
    neighbours: { type: 'string' },
    pixels: { type: 'string' },
    threads: { type: 'string', default: '2' },
  },
});
const [folder] = positionals as [string];
const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));

const files = async (part: string) =>
  (await readdir(join(folder, part))).filter((name) => !name.endsWith('_mask.png')).sort();
const good = (await files('good')).slice(0, number(values.normals));
const bad = (await files('bad')).slice(0, number(values.pictures));

const { weights, shipped } = await benchWeights(folder);
const runtime = await Runtime.start({ threads: Number(values.threads) });
const begin = performance.now();
const index = await ReferenceIndex.build(
  good.map((name) => ({ path: join(folder, 'good', name) })),
  {
    runtime,
    // A folder of its own: nothing of an earlier index is used again.
    directory: join(folder, `index-${process.pid}`),
    neighbours: number(values.neighbours),
    pixels: number(values.pixels),
  },
);
const indexSeconds = (performance.now() - begin) / 1000;

const labeler = await Labeler.load({ index, weights, runtime });
let firstReadyMs = 0;
const readyMs: number[] = [];
const clickMs: number[] = [];
for (const [n, name] of bad.entries()) {
  const opening = performance.now();
  const image = await readRgb(join(folder, 'bad', name));
  const view = await labeler.open(image);
  const opened = performance.now() - opening;
  if (n === 0) firstReadyMs = opened;
  if (n >= WARM_UP) readyMs.push(opened);
  const mask = await readMask(join(folder, 'bad', `${parse(name).name}_mask.png`));
  let map: ArrayLike<number> = new Float32Array(mask.data.length);
  const clicks: Click[] = [];
  for (let k = 0; k < CLICKS; k++) {
    const click = nextClick(map, mask, clicks);
    if (!click) break;
    clicks.push(click);
    const start = performance.now();
    map = (await view.predict({ clicks })).data;
    if (n >= WARM_UP) clickMs.push(performance.now() - start);
  }
  await view.close();
}
await labeler.close();
await index.close();
await runtime.close();
const result: Omit<Labelled, 'peakBytes'> = {
  indexSeconds,
  readyMs,
  firstReadyMs,
  clickMs,
  weights: shipped ? weights : 'untrained, of the shipped size',
};
answer(result);
