/**
 * `npm run models:confidence -- --data DIR --category NAME [--category NAME …] [--weights FILE]`: finds the factor on the odds
 * (ClickWeightsCard.odds) with which masks after one to five clicks fit best on the real defects of some categories, each counting
 * the same, and writes it into the weights. The categories' real defects must not have been trained on, since it is on unseen
 * ones that the network is too unsure; and no figure of quality may come from them.
 */
import { parseArgs } from 'node:util';
import { Runtime } from '@adclick/ortgrad';
import { nextClick } from '../packages/core/src/clicks/annotator.ts';
import type { Click } from '../packages/core/src/clicks/types.ts';
import { openDataset } from '../packages/core/src/datasets/mvtec.ts';
import { iou, mean } from '../packages/core/src/evaluation/metrics.ts';
import { readMask, readRgb } from '../packages/core/src/image/codec.ts';
import type { Mask, Plane } from '../packages/core/src/image/types.ts';
import { surer } from '../packages/core/src/inference/click-predictor.ts';
import { DEFAULT_WEIGHTS, Labeler, type View } from '../packages/core/src/inference/labeler.ts';
import { objectName } from '../packages/core/src/language/prompts.ts';
import { modelPath } from '../packages/core/src/models.ts';
import { loadClickWeights, saveClickWeights } from '../packages/core/src/networks/click-weights.ts';
import { ReferenceIndex } from '../packages/core/src/residual/reference-index.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '' },
    category: { type: 'string', multiple: true, default: [] },
    weights: { type: 'string', default: modelPath(`${DEFAULT_WEIGHTS}/weights.safetensors`) },
  },
});

/** Clicks on each picture. */
const CLICKS = 5;
/** Factors tried: logits moved by -0.3, -0.2, … 1.5. */
const FACTORS = Array.from({ length: 19 }, (_, i) => Math.exp((i - 3) / 10));
/** Share of the best move of the logits that is made: a few dozen pictures of one or two products are thin evidence. */
const TRUST = 0.5;
/** Defects of a category, evenly spread. */
const DEFECTS = 32;

/** A picture on its way through the clicks. */
interface Picture {
  readonly view: View;
  /** Defect type, whose prompts guide the network. */
  readonly type: string;
  readonly mask: Mask;
  readonly clicks: Click[];
  map: Plane;
}

const scaled = (map: Plane, factor: number): Plane => ({ ...map, data: surer(map.data, factor) });

async function picturesOf(category: string, runtime: Runtime): Promise<Picture[]> {
  const { normals, defects } = await openDataset(values.data, category);
  const index = await ReferenceIndex.build(
    normals.map((path) => ({ path })),
    { runtime },
  );
  const labeler = await Labeler.load({ index, weights: values.weights, runtime, object: objectName(category) });
  const step = Math.max(1, defects.length / DEFECTS);
  const pictures: Picture[] = [];
  for (let n = 0; n < defects.length; n += step) {
    const { path, maskPath, type } = defects[Math.floor(n)];
    const image = await readRgb(path);
    const mask = await readMask(maskPath, image);
    const map: Plane = { ...mask, data: new Float32Array(mask.data.length) };
    pictures.push({ view: await labeler.open(image), type, mask, clicks: [], map });
  }
  return pictures;
}

const runtime = await Runtime.start();
const { tensors, card } = await loadClickWeights(values.weights);
await saveClickWeights(values.weights, tensors, { ...card, odds: undefined });
const categories: Picture[][] = [];
for (const name of values.category) categories.push(await picturesOf(name, runtime));

// One factor for all clicks: one that falls from click to click would take pixels away with each.
const maps: { readonly k: number; readonly category: number; readonly map: Plane; readonly mask: Mask }[] = [];
for (let k = 1; k <= CLICKS; k++)
  for (const [category, pictures] of categories.entries())
    for (const picture of pictures) {
      const click = nextClick(picture.map.data, picture.mask, picture.clicks);
      if (click) {
        picture.clicks.push(click);
        picture.map = await picture.view.predict({ clicks: picture.clicks, defect: picture.type });
      }
      maps.push({ k, category, map: picture.map, mask: picture.mask });
    }
const meanIou = (factor: number, clicks: readonly number[]) =>
  mean(
    categories.map((_, category) => {
      const own = maps.filter((each) => each.category === category && clicks.includes(each.k));
      return mean(own.map(({ map, mask }) => iou(scaled(map, factor), mask)));
    }),
  );
const all = Array.from({ length: CLICKS }, (_, i) => i + 1);
const fits = FACTORS.map((factor) => meanIou(factor, all));
const odds = [Number((FACTORS[fits.indexOf(Math.max(...fits))] ** TRUST).toFixed(3))];
for (const k of all) {
  const [before, after] = [1, odds[0]].map((factor) => meanIou(factor, [k]).toFixed(3));
  process.stdout.write(`${k} clicks: odds × ${odds[0]}, mean IoU ${before} -> ${after}\n`);
}
await saveClickWeights(values.weights, tensors, { ...card, odds });
await runtime.close();
