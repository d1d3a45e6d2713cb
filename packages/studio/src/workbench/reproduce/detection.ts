/** Cells of detectors: the file that training makes, and the figures of its maps and of other methods' maps. */
import { join } from 'node:path';
import { Detector, type ReferenceIndex } from '@adclick/core';
import type { Dataset } from '@adclick/core/datasets';
import { detectionItems, evaluateDetection } from '@adclick/core/evaluation';
import { DEFAULT_TEXT_ENCODER, objectName, offlinePrompts } from '@adclick/core/language';
import { loadOwnWeights, type OwnClickWeights, PRESETS } from '@adclick/core/models';
import {
  ablatedDetector,
  ablatedSeg,
  DETECTOR_TRAINING,
  type DetectorTraining,
  type DetectorTrainingSettings,
  type LabelledDefect,
  PUBLISHED_SEG,
  SLIDING_WINDOW,
  type TrainedDetector,
  trainDetector,
  trainPublishedDetector,
} from '@adclick/core/training';
import { Runtime } from '@adclick/ortgrad';
import { z } from 'zod';
import { evaluateMaps } from '../map-evaluation.ts';
import { testPictures } from '../test-pictures.ts';
import { datasetOf, fileOf, type Making } from './bench.ts';
import type { DetectionCell, DetectorCell, MapsCell, SegPlan } from './cells.ts';
import { comparedSchema, INDEXING, readLabels, trainingDefects, withIndex } from './labels.ts';
import { weightsPath } from './weights.ts';

const DETECTOR_FILE = 'detector.onnx';

/** Good pictures that thresholds are set on: no figure of the tables depends on them. */
const HELD_OUT = 5;

/** Share of a detector's progress that setting thresholds begins at. */
const TRAINED = 0.95;

/** What a cell of a detector answers. */

export const detectorAnswer = z.object({ labels: z.number() });

/** A network that nothing was learnt for yet. */
function untrained(preset: 'small', residualDims: number): OwnClickWeights {
  const textEncoder = DEFAULT_TEXT_ENCODER;
  const card = { name: 'untrained', preset, residualDims, textEncoder, trainedOn: 'nothing', steps: 0, seed: 0 };
  return { network: 'own', card, settings: { ...PRESETS[preset], residualDims }, tensors: new Map() };
}

/** The true masks of the defects that are trained on, as labels. */
async function masksAsLabels(
  { category, seed }: DetectorCell,
  count: number,
  dataset: Dataset,
  index: ReferenceIndex,
): Promise<LabelledDefect[]> {
  const defects = trainingDefects(category, dataset, { count, seed });
  const labels: LabelledDefect[] = [];
  for await (const { name, type, image, mask } of detectionItems({ testGood: [], defects }, index.windows)) {
    const probability = { ...mask, data: Float32Array.from(mask.data, (value) => (value === 1 ? 1 : 0)) };
    labels.push({ name, type, image, probability, clicks: [] });
  }
  return labels;
}

/** The settings of a training of our own network as the cell plans it. */
export function settingsOf({ pretrained, sliding, steps, trust, ...parts }: SegPlan): DetectorTrainingSettings {
  const settings = ablatedDetector(DETECTOR_TRAINING, { pretrain: pretrained, ...parts });
  const window = sliding ? { window: SLIDING_WINDOW } : undefined;
  return { ...settings, ...window, trust: [trust], loop: { ...settings.loop, steps } };
}

/** Trains the network of a plan. */
async function trainPlanned(plan: SegPlan, training: DetectorTraining, making: Making): Promise<TrainedDetector> {
  const { network, steps, clicked, abandon, sliding } = plan;
  if (network.preset === 'paper')
    return trainPublishedDetector(training, {
      width: network.width,
      recipe: { ...ablatedSeg(PUBLISHED_SEG, { iis: clicked, abandon }), steps },
      ...(sliding && { window: SLIDING_WINDOW }),
    });
  const { weights } = plan;
  const initial = weights
    ? await loadOwnWeights(weightsPath(weights, making))
    : untrained(network.preset, training.index.dims);
  return trainDetector(training, settingsOf(plan), initial);
}

export async function makeDetector(cell: DetectorCell, making: Making): Promise<z.infer<typeof detectorAnswer>> {
  const { category, network: plan, seed } = cell;
  const { signal, report } = making;
  const dataset = await datasetOf(making, category);
  return withIndex(dataset, cell, making, async (index, runtime) => {
    const labels =
      plan?.labels === undefined
        ? []
        : 'cell' in plan.labels
          ? await readLabels(plan.labels.cell, dataset, index, making)
          : await masksAsLabels(cell, plan.labels.masks, dataset, index);
    const prompts = (type: string) => offlinePrompts(type, objectName(category));
    const training = {
      ...{ index, runtime, labels, seed, signal },
      ...(plan?.language && { prompts }),
      onProgress: ({ done, total, detail = '' }: { done: number; total: number; detail?: string }) =>
        report(INDEXING + ((TRAINED - INDEXING) * done) / total, detail),
    };
    const trained = plan && (await trainPlanned(plan, training, making));
    const detector = await Detector.build(index, {
      name: category,
      network: trained?.network,
      heldOut: HELD_OUT,
      onProgress: ({ done, total }) => report(TRAINED + ((1 - TRAINED) * done) / total, 'thresholds'),
      signal,
    });
    await detector.save(join(making.folder, DETECTOR_FILE));
    await detector.close();
    return { labels: labels.length };
  });
}

const figuresSchema = z.object({ ap: z.number(), pro: z.number(), pauroc: z.number(), iauroc: z.number() });
/** What cells of figures answer; fractions of 1. */
export const detectionAnswer = figuresSchema.extend({
  /** Test pictures, of which `defects` are defective, and how many there were to choose from. */
  images: z.number(),
  defects: z.number(),
  picks: z.enum(['published', 'shuffled', 'none']),
  /** Pixels of the model's grid; none for maps of others. */
  grid: z.tuple([z.number(), z.number()]).optional(),
  /** None for maps of others. */
  compared: comparedSchema.optional(),
});
export type DetectionAnswer = z.infer<typeof detectionAnswer>;

const picksOf = (leaveOut: number, picks: 'published' | 'shuffled') => (leaveOut === 0 ? 'none' : picks);

export async function makeDetection(cell: DetectionCell, making: Making): Promise<DetectionAnswer> {
  const { category, leaveOut, seed, limit } = cell;
  const { data, signal, report } = making;
  const { shown, split, total } = await testPictures({ data, category, leaveOut, seed, limit });
  const runtime = await Runtime.start({ threads: making.threads });
  try {
    const detector = await Detector.load(fileOf(making, cell.detector, DETECTOR_FILE), { runtime });
    const { input, windows, reference } = detector.card;
    const evaluation = await evaluateDetection(detectionItems(shown, windows), (image) => detector.detect(image), {
      what: category,
      examples: 0,
      onImage: (_, done) => report(done / total, 'detecting'),
      signal,
    });
    const { images, ap, pro, pauroc, iauroc } = evaluation;
    return {
      ...{ ap, pro, pauroc, iauroc },
      images: images.length,
      defects: images.filter(({ defective }) => defective).length,
      picks: picksOf(leaveOut, split.picks),
      grid: [input.width, input.height],
      compared: reference,
    };
  } finally {
    await runtime.close();
  }
}

export async function makeMaps(cell: MapsCell, making: Making): Promise<DetectionAnswer> {
  const { category, leaveOut, seed, limit } = cell;
  const { data, signal, report } = making;
  const request = { data, category, maps: making.files[cell.content], leaveOut, seed, limit };
  const { ap, pro, pauroc, iauroc, images, defects } = await evaluateMaps(request, {
    onProgress: ({ done, total = 1 }) => report(done / total, 'reading maps'),
    signal,
  });
  const { split } = await testPictures(request);
  return { ap, pro, pauroc, iauroc, images, defects, picks: picksOf(leaveOut, split.picks) };
}
