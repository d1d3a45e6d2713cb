/** Training a detector on a project's labels, and putting it where detection looks for it; the one before stays beside it. */
import { DEFAULT_WEIGHTS, Detector, readRgb } from '@adclick/core';
import { fail as failCore } from '@adclick/core/errors';
import { fromStored } from '@adclick/core/files';
import { decodeRle } from '@adclick/core/geometry';
import { loadClickWeights, loadOwnWeights, type OwnClickWeights, PAPER } from '@adclick/core/models';
import {
  DETECTOR_TRAINING,
  type DetectorTraining,
  type DetectorTrainingSettings,
  type LabelledDefect,
  type PublishedDetectorTraining,
  SLIDING_WINDOW,
  trainDetector,
  trainPublishedDetector,
} from '@adclick/core/training';
import { Runtime } from '@adclick/ortgrad';
import { openDetectorIndex } from '../engine/indexing.ts';
import { fail } from '../errors.ts';
import type { LabelStore } from '../exchange/label-store.ts';
import { leftOutLines, objection } from '../exchange/transfer.ts';
import type { LeftOut } from '../exchange/types.ts';
import { uniteRle } from '../history/bitmaps.ts';
import type { OwnedOptions, WorkOptions } from '../jobs/progress.ts';
import { type Category, categoriesOf } from '../project/categories.ts';
import { keepTrained } from '../project/detector-files.ts';
import { whileTrainingDetector } from '../project/leases.ts';
import { tidyProject } from '../project/leftovers.ts';
import { resolveWeights } from '../project/model-files.ts';
import { openProject, type Project } from '../project/project.ts';
import { PromptService } from '../prompts/prompts.ts';
import { adoptDetectors } from './old-detectors.ts';
import { judgedText, PAPER_WIDTH, type SegTrainingAnswer, type SegTrainingOptions } from './training-options.ts';

/** Opens the labels of a project for reading. */
export type OpenTrainingLabels = (
  root: string,
) => Promise<{ readonly root: string; readonly store: LabelStore; close(): Promise<void> }>;

/** Defective pictures of a category, each with its defects in one mask; of several types the first named one counts. What was left out is noted. */
async function labelsOf(
  project: Project,
  { name }: Category,
  types: readonly string[] | undefined,
  open: OpenTrainingLabels,
): Promise<{ labels: LabelledDefect[]; notes: string[] }> {
  const labels: LabelledDefect[] = [];
  const leftOut: LeftOut[] = [];
  const met = new Set<string>();
  const { store, root, close } = await open(project.root);
  try {
    for await (const labelled of store.images()) {
      const { path, category, layers, state, width, height } = labelled;
      if (category !== name || state !== 'defect') continue;
      const reason = objection(labelled);
      if (reason !== undefined) {
        leftOut.push({ path, reason });
        continue;
      }
      for (const { type } of layers) met.add(type);
      const wanted = types ? layers.filter(({ type }) => types.includes(type)) : layers;
      const [first] = wanted;
      if (!first) continue;
      const data = Float32Array.from(decodeRle(wanted.map(({ rle }) => rle).reduce(uniteRle)));
      const image = await readRgb(fromStored(root, path));
      labels.push({
        name: path,
        type: first.type,
        image,
        probability: { data, width, height, channels: 1 },
        clicks: [],
      });
    }
    leftOut.push(...((await store.unmatched?.()) ?? []));
  } finally {
    await close();
  }
  const unknown = types?.find((type) => !met.has(type));
  if (unknown !== undefined)
    throw failCore('ADC_LABELS', {
      what: `no label of ${name} has the defect type ${unknown}, only ${[...met].sort().join(', ') || 'none'}`,
    });
  return { labels, notes: leftOutLines(leftOut) };
}

/** How detectors are trained. @param sliding whether they look at overlapping windows. */
export const detectorSettings = (sliding: boolean): DetectorTrainingSettings =>
  sliding ? { ...DETECTOR_TRAINING, window: SLIDING_WINDOW } : DETECTOR_TRAINING;

/** What a detector's network begins with: the project's click weights, or those that ship where it has the published network's. */
async function clickWeightsOf({ settings: { weights }, root }: Project): Promise<OwnClickWeights> {
  const chosen = await loadClickWeights(resolveWeights(weights, root));
  return chosen.network === 'own' ? chosen : loadOwnWeights(resolveWeights(DEFAULT_WEIGHTS));
}

/**
 * Trains a detector on labels and puts it where detection looks for it; the one before is kept beside it.
 * @throws ADC_LABELS for a single label, ADC_DISK.
 */
export async function makeDetector(
  project: Project,
  { name }: Category,
  training: Omit<DetectorTraining, 'prompts' | 'onProgress' | 'signal'>,
  work: OwnedOptions,
  settings?: DetectorTrainingSettings | { readonly published: PublishedDetectorTraining },
): Promise<{ readonly detector: Detector; readonly path: string; readonly notes: readonly string[] }> {
  const started = performance.now();
  const { onProgress, signal, owned } = work;
  const label = `training ${name}`;
  const report = (progress: { done: number; total: number }) => onProgress?.({ label, ...progress });
  const service = new PromptService(project);
  const prompts = (type: string) => service.guiding(name, type);
  const full = { ...training, prompts, onProgress: report, signal };
  const { network, notes } =
    settings && 'published' in settings
      ? await trainPublishedDetector(full, settings.published)
      : await trainDetector(full, settings, await clickWeightsOf(project));
  const detector = await Detector.build(training.index, {
    name,
    network,
    labels: training.labels,
    signal,
    onProgress: (progress) => onProgress?.({ label: `setting thresholds of ${name}`, ...progress }),
  });
  signal?.throwIfAborted();
  const { judged } = detector.card;
  const said = [...notes, ...(judged ? [judgedText(judged)] : [])];
  const seconds = (performance.now() - started) / 1000;
  const facts = { labels: training.labels.length, notes: said, seconds };
  await adoptDetectors(project);
  return { detector, path: await keepTrained(project.root, name, detector, facts, owned), notes: said };
}

/**
 * Trains the detector of one category. What its labels hold is a mask, so nothing is abandoned.
 * @throws ADC_USAGE, ADC_PROJECT_MISSING, ADC_PROJECT for an unknown category, ADC_LABELS without labels, with a single one or with an unknown
 * defect type, ADC_IN_USE while another process trains it, ADC_LEASE_LOST when one has taken that over, what indexing throws, ADC_DISK.
 */
export async function trainSegmentation(
  directory: string,
  open: OpenTrainingLabels,
  { category: only, type, unsupervised = false, steps, seed = 0, sliding = false, preset, width }: SegTrainingOptions,
  work: WorkOptions = {},
): Promise<SegTrainingAnswer> {
  const started = performance.now();
  if (width !== undefined && preset !== PAPER)
    throw fail('ADC_USAGE', { what: `--width goes with --preset ${PAPER}`, command: 'adclick train seg' });
  const project = await openProject(directory);
  await tidyProject(project.root);
  const categories = categoriesOf(project, only);
  const [category] = categories as [Category];
  if (categories.length > 1)
    throw failCore('ADC_LABELS', {
      what: `the project has ${categories.length} categories; name one with --category: ${categories.map(({ name }) => name).join(', ')}`,
    });
  const { labels, notes: leftOut } = unsupervised
    ? { labels: [], notes: [] }
    : await labelsOf(project, category, type, open);
  if (labels.length === 0 && !unsupervised)
    throw failCore('ADC_LABELS', { what: [`${category.name} has no labelled defect`, ...leftOut].join('; ') });
  return whileTrainingDetector(project.root, category.name, work, async (hold) => {
    const held = { ...work, ...hold };
    const runtime = await Runtime.start();
    try {
      const { index } = await openDetectorIndex(project, category, { ...held, runtime });
      const training = { index, runtime, labels, seed, steps };
      const window = sliding ? SLIDING_WINDOW : undefined;
      const settings =
        preset === PAPER ? { published: { width: width ?? PAPER_WIDTH, window } } : detectorSettings(sliding);
      const { detector, path, notes } = await makeDetector(project, category, training, held, settings);
      const { judged, map } = detector.card;
      const seconds = (performance.now() - started) / 1000;
      return {
        category: category.name,
        detector: path,
        from: map.from,
        labels: labels.length,
        ...(judged && { judged }),
        notes: [...leftOut, ...notes],
        seconds,
      };
    } finally {
      await runtime.close();
    }
  });
}
