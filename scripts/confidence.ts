/**
 * `npm run models:confidence -- --data DIR --category NAME [--category NAME …] [--weights FILE]`: finds the factors on the odds
 * (ClickWeightsCard.odds) with which masks after one, two, … clicks fit best on the real defects of some categories, each counting
 * the same, and writes them into the weights. The categories' real defects must not have been trained on, since it is on unseen
 * ones that the network is too unsure; and no figure of quality may come from them.
 */
import { parseArgs } from 'node:util';
import { Runtime } from '@adclick/ortgrad';
import { nextClick } from '../packages/core/src/clicks/annotator.ts';
import type { Click } from '../packages/core/src/clicks/types.ts';
import { readDefectMask } from '../packages/core/src/datasets/defect-mask.ts';
import { openDataset } from '../packages/core/src/datasets/mvtec.ts';
import { iou, mean } from '../packages/core/src/evaluation/metrics.ts';
import { readRgb } from '../packages/core/src/image/codec.ts';
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

/** Clicks with a factor of their own. */
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

const scaled = (map: Plane, factor: number): Plane => ({
  ...map,
  data: surer(map.data, factor, new Float32Array(map.data.length)),
});

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
    const defect = defects[Math.floor(n)];
    const { path, type } = defect;
    const image = await readRgb(path);
    const mask = await readDefectMask(defect, image);
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

// One click count after the other, since a factor decides where the next click falls.
const odds: number[] = [];
for (let k = 1; k <= CLICKS; k++) {
  for (const picture of categories.flat()) {
    const click = nextClick(picture.map.data, picture.mask, picture.clicks);
    if (!click) continue;
    picture.clicks.push(click);
    picture.map = await picture.view.predict({ clicks: picture.clicks, defect: picture.type });
  }
  const meanIou = (factor: number) =>
    mean(categories.map((pictures) => mean(pictures.map(({ map, mask }) => iou(scaled(map, factor), mask)))));
  const fits = FACTORS.map(meanIou);
  const best = fits.indexOf(Math.max(...fits));
  const factor = FACTORS[best] ** TRUST;
  const [before, after] = [meanIou(1), meanIou(factor)];
  for (const picture of categories.flat()) picture.map = scaled(picture.map, factor);
  odds.push(Number(factor.toFixed(3)));
  process.stdout.write(
    `${k} clicks: odds × ${factor.toFixed(2)}, mean IoU ${before.toFixed(3)} -> ${after.toFixed(3)}\n`,
  );
}
await saveClickWeights(values.weights, tensors, { ...card, odds });
await runtime.close();
