/**
 * Detectors of one category from ten labels of five clicks, with parts of the training left out in turn:
 * `detector-settings.ts --data DIR --category NAME --index DIR [--setting NAME …] [--labels N] [--steps N] [--limit N]`.
 */
import { parseArgs } from 'node:util';
import { Runtime } from '@adclick/ortgrad';
import type { LabelledDefect } from '../../packages/core/src/clicks/labelled-defect.ts';
import { withDefects } from '../../packages/core/src/datasets/detect.ts';
import { openDataset } from '../../packages/core/src/datasets/mvtec.ts';
import { detectionItems, labelByClicks } from '../../packages/core/src/evaluation/category.ts';
import { type DetectionFigures, evaluateDetection } from '../../packages/core/src/evaluation/detection.ts';
import { splitDefects } from '../../packages/core/src/evaluation/splits.ts';
import { resizePlane } from '../../packages/core/src/image/resize.ts';
import { DEFAULT_MAP } from '../../packages/core/src/inference/anomaly-map.ts';
import type { Decisions } from '../../packages/core/src/inference/decisions.ts';
import { type JudgedNetwork, limitsOf, lookAtHeldOut } from '../../packages/core/src/inference/held-out.ts';
import { Labeler } from '../../packages/core/src/inference/labeler.ts';
import { IndexScorer } from '../../packages/core/src/inference/scoring.ts';
import { objectName, offlinePrompts } from '../../packages/core/src/language/prompts.ts';
import { REFERENCE_PICTURES } from '../../packages/core/src/residual/reference.ts';
import { ReferenceIndex } from '../../packages/core/src/residual/reference-index.ts';
import { spread } from '../../packages/core/src/spread.ts';
import type { TrainedDetector } from '../../packages/core/src/training/detector-training.ts';
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
  /** At the threshold that a detector of the setting would ship with; of those whose networks were judged by folds, or are none. */
  readonly decisions?: Readonly<Partial<Record<Setting, Decisions>>>;
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
/** As detectors are built by default. */
const [HELD_OUT, FALSE_ALARMS] = [60, 0.05];
const prompts = (type: string) => offlinePrompts(type, objectName(category));

const limit = Number(values.limit) || undefined;
const shown = { testGood: spread(dataset.testGood, limit), defects: spread(split.test, limit) };

/** Scores as the detector file does, by its own last nodes, and decides as it does. */
async function evaluate(network: JudgedNetwork | undefined, labels: readonly LabelledDefect[]) {
  const heldOut = { reference, settings: DEFAULT_MAP, network, labels, limit: HELD_OUT };
  const limit = limitsOf(await lookAtHeldOut(index, heldOut), FALSE_ALARMS).score;
  const scorer = await IndexScorer.create(index, { reference, settings: DEFAULT_MAP, network });
  const { ap, pro, pauroc, iauroc, decisions } = await evaluateDetection(
    detectionItems(shown),
    async (image) => {
      const { map, score } = await scorer.score(image);
      return { score, isDefect: score > limit, map: resizePlane(map, image.width, image.height) };
    },
    { what: category, examples: 0 },
  );
  await scorer.close();
  return { figures: { ap, pro, pauroc, iauroc }, decisions };
}

/** Labels made by simulated clicks. */
async function clickLabels(): Promise<LabelledDefect[]> {
  const labeler = await Labeler.load({ index, runtime, prompts });
  return labelByClicks(split.train, labeler, Number(values.clicks)).finally(() => labeler.close());
}

/** The true masks as labels. */
async function maskLabels(): Promise<LabelledDefect[]> {
  const labels: LabelledDefect[] = [];
  for await (const { name, type, image, mask } of detectionItems({ testGood: [], defects: split.train })) {
    const probability = { ...mask, data: Float32Array.from(mask.data, (value) => (value === 1 ? 1 : 0)) };
    labels.push({ name, type, image, probability, clicks: [] });
  }
  return labels;
}

const prepared = (labels: readonly LabelledDefect[]): Promise<PreparedTraining> => {
  const steps = values.steps === undefined ? {} : { steps: Number(values.steps) };
  return prepareTraining({ index, runtime, labels, prompts, seed: 0, ...steps });
};
let once: Promise<PreparedTraining> | undefined;
/** What all settings but true masks are trained on. */
const onClicks = () => {
  once ??= clickLabels().then(prepared);
  return once;
};
// The others are trained whether or not they would be used: as much of them is trusted as of the full one.
const trust = [DETECTOR_TRAINING.trust.at(-1) as number];
const { loop } = DETECTOR_TRAINING;
const keepUnsure = { ...loop, pseudo: { ...loop.pseudo, perturbation: [0, 0] as const } };
const without = async (change: Partial<DetectorTrainingSettings>, on = onClicks()) =>
  fitDetector(await on, { ...DETECTOR_TRAINING, trust, ...change });
const trained: Readonly<Record<Setting, () => Promise<Partial<TrainedDetector>>>> = {
  unsupervised: async () => ({}),
  weak: async () => fitDetector(await onClicks()),
  'full masks': () => without({}, maskLabels().then(prepared)),
  language: () => without({ language: false }),
  abandon: () => without({ loop: keepUnsure }),
  pretraining: () => without({ pretrained: false }),
};

const figures: Partial<Record<Setting, DetectionFigures>> = {};
const decisions: Partial<Record<Setting, Decisions>> = {};
let said: Pick<DetectorSettings, 'notes' | 'network'> = {};
for (const setting of SETTINGS.filter((name) => values.setting.includes(name))) {
  const { network, notes } = await trained[setting]();
  // The weak one's labels set the residual's threshold where its network was left aside.
  const made = await evaluate(network, setting === 'weak' ? (await onClicks()).labels : []);
  figures[setting] = made.figures;
  if (setting === 'weak' || setting === 'unsupervised') decisions[setting] = made.decisions;
  if (setting === 'weak') said = { notes, network: network !== undefined };
  say(
    `${category}, ${setting}: ${Object.values(made.figures)
      .map((value) => (100 * value).toFixed(1))
      .join(' / ')}`,
  );
}
await index.close();
await runtime.close();
const result: DetectorSettings = {
  good: shown.testGood.length,
  defects: shown.defects.length,
  picks: split.picks,
  figures,
  decisions,
  ...said,
};
answer(result);
