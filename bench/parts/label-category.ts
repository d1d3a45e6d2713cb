/**
 * Labels the defects of one category by simulated clicks:
 * `label-category.ts --data DIR --category NAME --index DIR [--weights FILE] [--limit N] [--clicks N]`.
 */
import { parseArgs } from 'node:util';
import { Runtime } from '@adclick/ortgrad';
import { openDataset } from '../../packages/core/src/datasets/mvtec.ts';
import { clickItems } from '../../packages/core/src/evaluation/category.ts';
import { type ClickAnswer, clickAnswer, evaluateClicks } from '../../packages/core/src/evaluation/protocol.ts';
import { DEFAULT_WEIGHTS, Labeler } from '../../packages/core/src/inference/labeler.ts';
import { objectName } from '../../packages/core/src/language/prompts.ts';
import { ReferenceIndex } from '../../packages/core/src/residual/reference-index.ts';
import { labelerMethod } from '../../packages/core/src/rivals/click-method.ts';
import { spread } from '../../packages/core/src/spread.ts';
import { answer, say } from '../child.ts';

/** What this script answers. */
export interface LabelledCategory extends ClickAnswer {
  /** Defective images of the category, of which `images` were labelled. */
  readonly available: number;
  readonly normals: number;
  /** Pixels of the model's grid, width and height. */
  readonly grid: readonly [number, number];
  readonly indexSeconds: number;
  readonly seconds: number;
  /** IoU after each click, by image. */
  readonly ious: Readonly<Record<string, readonly number[]>>;
  readonly peakBytes: number;
}

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '' },
    category: { type: 'string', default: '' },
    index: { type: 'string', default: '' },
    weights: { type: 'string', default: DEFAULT_WEIGHTS },
    limit: { type: 'string', default: '0' },
    clicks: { type: 'string', default: '5' },
    /** Whose prompts guide the network: `type` each picture's own, `none` nobody's, else those of this type. */
    prompt: { type: 'string', default: 'type' },
    /** Measures an annotator who does not aim as well. */
    'off-centre': { type: 'boolean', default: false },
    /** What prompts call the product; default: by the category's name. */
    object: { type: 'string' },
  },
});

const begin = performance.now();
const dataset = await openDataset(values.data, values.category);
const runtime = await Runtime.start();
const index = await ReferenceIndex.build(
  dataset.normals.map((path) => ({ path })),
  { runtime, directory: values.index },
);
const indexSeconds = (performance.now() - begin) / 1000;
const object = values.object ?? objectName(values.category);
const labeler = await Labeler.load({ index, weights: values.weights, runtime, object });
const defects = spread(dataset.defects, Number(values.limit) || undefined);

const start = performance.now();
const evaluation = await evaluateClicks(clickItems(defects, labelerMethod(labeler, values.prompt)), {
  clicks: Number(values.clicks),
  offCentre: values['off-centre'],
  examples: 0,
  what: values.category,
  onImage: (_, done) => {
    if (done % 20 === 0) say(`${values.category}: ${done} of ${defects.length}`);
  },
});
const { category, ...figures } = clickAnswer(evaluation, {
  category: values.category,
  weights: values.weights,
  trainedOn: labeler.weights.trainedOn,
});
const result: Omit<LabelledCategory, 'peakBytes'> = {
  category,
  ...figures,
  available: dataset.defects.length,
  normals: dataset.normals.length,
  grid: [index.grid.width, index.grid.height],
  indexSeconds,
  seconds: (performance.now() - start) / 1000,
  ious: Object.fromEntries(evaluation.images.map(({ type, name, ious }) => [`${type}/${name}`, ious])),
};
await labeler.close();
await index.close();
await runtime.close();
answer(result);
