/**
 * `npm run models:confidence -- --data DIR --category NAME [--weights FILE]`: finds the factors on the odds (ClickWeightsCard.odds) with
 * which masks after one, two, … clicks fit best on the real defects of a category, and writes them into the weights.
 * The category's defects must not have been trained on, and no figure of quality may come from it.
 */
import { parseArgs } from 'node:util';
import { Runtime } from '@adclick/ortgrad';
import { nextClick } from '../packages/core/src/clicks/annotator.ts';
import type { Click } from '../packages/core/src/clicks/types.ts';
import { openDataset } from '../packages/core/src/datasets/mvtec.ts';
import { iou } from '../packages/core/src/evaluation/metrics.ts';
import { readMask, readRgb } from '../packages/core/src/image/codec.ts';
import type { Mask, Plane } from '../packages/core/src/image/types.ts';
import { DEFAULT_WEIGHTS, Labeler, type View } from '../packages/core/src/inference/labeler.ts';
import { modelPath } from '../packages/core/src/models.ts';
import { loadClickWeights, saveClickWeights } from '../packages/core/src/networks/click-weights.ts';
import { ReferenceIndex } from '../packages/core/src/residual/reference-index.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '' },
    category: { type: 'string', default: '' },
    weights: { type: 'string', default: modelPath(`${DEFAULT_WEIGHTS}/weights.safetensors`) },
  },
});

/** Clicks with a factor of their own. */
const CLICKS = 5;
/** Factors tried: logits moved by 0, 0.1, … 1.5. */
const FACTORS = Array.from({ length: 16 }, (_, i) => Math.exp(i / 10));

interface Picture {
  readonly view: View;
  readonly mask: Mask;
  readonly clicks: Click[];
  map: Plane;
}

const scaled = (map: Plane, factor: number): Plane => ({
  ...map,
  data: map.data.map((p) => (p * factor) / (1 + p * (factor - 1))),
});

const runtime = await Runtime.start();
const dataset = await openDataset(values.data, values.category);
const index = await ReferenceIndex.build(
  dataset.normals.map((path) => ({ path })),
  { runtime },
);
const { tensors, card } = await loadClickWeights(values.weights);
await saveClickWeights(values.weights, tensors, { ...card, odds: undefined });
const labeler = await Labeler.load({ index, weights: values.weights, runtime });
const pictures: Picture[] = [];
for (const { path, maskPath } of dataset.defects) {
  const image = await readRgb(path);
  const mask = await readMask(maskPath, image);
  const map: Plane = { ...mask, data: new Float32Array(mask.data.length) };
  pictures.push({ view: await labeler.open(image), mask, clicks: [], map });
}

// One click count after the other, since a factor decides where the next click falls.
const odds: number[] = [];
for (let k = 1; k <= CLICKS; k++) {
  for (const picture of pictures) {
    const click = nextClick(picture.map.data, picture.mask, picture.clicks);
    if (!click) continue;
    picture.clicks.push(click);
    picture.map = await picture.view.predict({ clicks: picture.clicks });
  }
  const fits = FACTORS.map(
    (factor) => pictures.reduce((sum, { map, mask }) => sum + iou(scaled(map, factor), mask), 0) / pictures.length,
  );
  const best = fits.indexOf(Math.max(...fits));
  const factor = FACTORS[best] as number;
  for (const picture of pictures) picture.map = scaled(picture.map, factor);
  odds.push(Number(factor.toFixed(3)));
  process.stdout.write(
    `${k} clicks: odds × ${factor.toFixed(2)}, mean IoU ${(fits[0] as number).toFixed(3)} -> ${fits[best]?.toFixed(3)}\n`,
  );
}
await saveClickWeights(values.weights, tensors, { ...card, odds });
await runtime.close();
