/**
 * Detectors of one category from ten labels of five clicks, with parts of the training left out in turn:
 * `detector-settings.ts --data DIR --category NAME --index DIR [--setting NAME …] [--labels N] [--steps N] [--limit N]`.
 */
import { parseArgs } from 'node:util';
import { Runtime } from '@adclick/ortgrad';
import { withDefects } from '../../packages/core/src/datasets/detect.ts';
import { openDataset } from '../../packages/core/src/datasets/mvtec.ts';
import type { DefectImage } from '../../packages/core/src/datasets/types.ts';
import {
  type DetectionFigures,
  type DetectionItem,
  evaluateDetection,
} from '../../packages/core/src/evaluation/detection.ts';
import { annotate } from '../../packages/core/src/evaluation/protocol.ts';
import { splitDefects } from '../../packages/core/src/evaluation/splits.ts';
import { readMask, readRgb } from '../../packages/core/src/image/codec.ts';
import { resizePlane } from '../../packages/core/src/image/resize.ts';
import { DEFAULT_MAP, type SegNetwork } from '../../packages/core/src/inference/anomaly-map.ts';
import { Labeler } from '../../packages/core/src/inference/labeler.ts';
import { IndexScorer } from '../../packages/core/src/inference/scoring.ts';
import { objectName, offlinePrompts } from '../../packages/core/src/language/prompts.ts';
import { REFERENCE_PICTURES } from '../../packages/core/src/residual/reference.ts';
import { ReferenceIndex } from '../../packages/core/src/residual/reference-index.ts';
import type {
  DetectorTraining,
  LabelledDefect,
  TrainedDetector,
} from '../../packages/core/src/training/detector-training.ts';
import {
  DETECTOR_TRAINING,
  type DetectorTrainingSettings,
  fitDetector,
  type PreparedTraining,
  prepareTraining,
} from '../../packages/core/src/training/train-detector.ts';
import { answer, say } from '../child.ts';
import { SETTINGS, type Setting } from '../measured.ts';

/** What this script answers. */
export interface DetectorSettings {
  readonly good: number;
  readonly defects: number;
  /** Where the ten labels were named by the benchmark's authors, or drawn with seed 0. */
  readonly picks: string;
  readonly figures: Readonly<Partial<Record<Setting, DetectionFigures>>>;
  /** What training said of the weak setting, and whether it used its network; of a run that measures it. */
  readonly notes?: readonly string[];
  readonly network?: boolean;
}

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '' },
    category: { type: 'string', default: '' },
    index: { type: 'string', default: '' },
    labels: { type: 'string', default: '10' },
    clicks: { type: 'string', default: '5' },
    steps: { type: 'string' },
    limit: { type: 'string', default: '0' },
    /** Which to measure; default all. */
    setting: { type: 'string', multiple: true, default: [...SETTINGS] },
  },
});
const { category } = values;
const dataset = withDefects(await openDataset(values.data, category), values.data);
const split = splitDefects(category, dataset.defects, { count: Number(values.labels), seed: 0 });
const runtime = await Runtime.start();
const index = await ReferenceIndex.build(
  dataset.normals.map((path) => ({ path })),
  { runtime, directory: values.index },
);
const reference = await index.reference(REFERENCE_PICTURES);
const prompts = (type: string) => offlinePrompts(type, objectName(category));

/** `limit` items evenly spread over the list; 0 takes all. */
function spread<Item>(list: readonly Item[], limit = Number(values.limit)): readonly Item[] {
  if (limit === 0 || limit >= list.length) return list;
  return Array.from({ length: limit }, (_, n) => list[Math.floor((n * list.length) / limit)] as Item);
}
const [good, defects] = [spread(dataset.testGood), spread(split.test)];

async function* pictures(): AsyncGenerator<DetectionItem> {
  for (const path of good) {
    const image = await readRgb(path);
    const { width, height } = image;
    const mask = { data: new Uint8Array(width * height), width, height, channels: 1 as const };
    yield { name: path, type: 'good', image, mask };
  }
  for (const { path, maskPath, name, type } of defects) {
    const image = await readRgb(path);
    yield { name, type, image, mask: await readMask(maskPath, image) };
  }
}

/** Scores as the detector file does, by its own last nodes. */
async function evaluate(network?: SegNetwork): Promise<DetectionFigures> {
  const scorer = await IndexScorer.create(index, { reference, settings: DEFAULT_MAP, network });
  const { ap, pro, pauroc, iauroc } = await evaluateDetection(
    pictures(),
    async (image) => {
      const { map, score } = await scorer.score(image);
      return { score, map: resizePlane(map, image.width, image.height) };
    },
    { what: category, examples: 0 },
  );
  await scorer.close();
  return { ap, pro, pauroc, iauroc };
}

/** The labels: maps of five clicks, or the true masks. */
async function labelsOf(masks: boolean): Promise<LabelledDefect[]> {
  const labeler = await Labeler.load({ index, runtime, prompts });
  const label = async ({ path, maskPath, name, type }: DefectImage): Promise<LabelledDefect> => {
    const image = await readRgb(path);
    const mask = await readMask(maskPath, image);
    if (masks) {
      const probability = { ...mask, data: Float32Array.from(mask.data, (value) => (value === 1 ? 1 : 0)) };
      return { name, type, image, probability, clicks: [] };
    }
    const view = await labeler.open(image, { exclude: [path] });
    const clicks = Number(values.clicks);
    const { map, clicks: made } = await annotate(mask, clicks, (said) => view.predict({ clicks: said, defect: type }));
    await view.close();
    return { name, type, image, probability: map, clicks: made };
  };
  const labels: LabelledDefect[] = [];
  for (const defect of split.train) labels.push(await label(defect));
  await labeler.close();
  return labels;
}

const training = async (masks: boolean): Promise<DetectorTraining> => ({
  ...{ index, runtime, labels: await labelsOf(masks), prompts, seed: 0 },
  ...(values.steps !== undefined && { steps: Number(values.steps) }),
});
const weak = await prepareTraining(await training(false));
// The others are trained whether or not they would be used: as much of them is trusted as of the full one.
const trust = [DETECTOR_TRAINING.trust.at(-1) as number];
const { loop } = DETECTOR_TRAINING;
const keepUnsure = { ...loop, pseudo: { ...loop.pseudo, perturbation: [0, 0] as const } };
const without = (change: Partial<DetectorTrainingSettings>, prepared: PreparedTraining = weak) =>
  fitDetector(prepared, { ...DETECTOR_TRAINING, trust, ...change });
const trained: Readonly<Record<Setting, () => Promise<Partial<TrainedDetector>>>> = {
  unsupervised: async () => ({}),
  weak: () => fitDetector(weak),
  'full masks': async () => without({}, await prepareTraining(await training(true))),
  language: () => without({ language: false }),
  abandon: () => without({ loop: keepUnsure }),
  pretraining: () => without({ pretrained: false }),
};

const figures: Partial<Record<Setting, DetectionFigures>> = {};
let said: Pick<DetectorSettings, 'notes' | 'network'> = {};
for (const setting of SETTINGS.filter((name) => values.setting.includes(name))) {
  const { network, notes } = await trained[setting]();
  const made = await evaluate(network);
  figures[setting] = made;
  if (setting === 'weak') said = { notes, network: network !== undefined };
  say(
    `${category}, ${setting}: ${Object.values(made)
      .map((value) => (100 * value).toFixed(1))
      .join(' / ')}`,
  );
}
await index.close();
await runtime.close();
answer({ good: good.length, defects: defects.length, picks: split.picks, figures, ...said } satisfies DetectorSettings);
