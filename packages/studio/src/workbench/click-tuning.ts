/** Fine-tuning on one category's good pictures, kept only when it is better on pictures and kinds of defect that it was not trained on. */
import { copyFile, link, mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Labeler, ReferenceIndex, readRgb } from '@adclick/core';
import { type ClickItem, evaluateClicks } from '@adclick/core/evaluation';
import { checkBackbone, loadClickWeights, saveClickWeights } from '@adclick/core/models';
import { ANOMALY_KINDS, type AnomalyKind, Random, simulateAnomaly } from '@adclick/core/synthesis';
import { FINE_TUNING, type TrainingProgress, trainClickModel, trainPublishedClickModel } from '@adclick/core/training';
import { Runtime, removeIfPossible } from '@adclick/ortgrad';
import { counted } from '../api.ts';
import { progressDetail, type TrainingAnswer, type TrainingOptions } from '../detectors/training-options.ts';
import { fail } from '../errors.ts';
import { fileName } from '../file-name.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { categoriesOf } from '../project/categories.ts';
import { goodPictures } from '../project/category-pictures.ts';
import { whileWritingWeights } from '../project/leases.ts';
import { tidyProject } from '../project/leftovers.ts';
import { checkModelName, projectModels, resolveWeights } from '../project/model-files.ts';
import { gridOf, openProject, type Project } from '../project/project.ts';

/** Training that goes on from good weights. */
export const TUNING = {
  steps: 1200,
  /** A tenth of the rate of training from nothing. */
  learningRate: 1e-4,
  /** Half drawn products, half the category: with the category alone the network forgets what it knew. */
  folderShare: 0.5,
} as const;
/** Fewest good pictures: below, too few are left to judge by. */
const LEAST_PICTURES = 10;
/** Every fifth good picture is held out, at most so many. */
const HELD_OUT = { every: 5, most: 12 };
const TRIALS = 36;
/** Mean IoU by which the new weights must be better. */
const MARGIN = 0.005;

/** Every third kind of simulated defect is held out too: what is learnt has to serve defects of other kinds (docs/method.md, Training the click model). */
const KINDS_EVERY = 3;
const isHeldOut = (_: AnomalyKind, i: number) => i % KINDS_EVERY === KINDS_EVERY - 1;
export const HELD_OUT_KINDS = ANOMALY_KINDS.filter(isHeldOut);
export const TRAINED_KINDS = ANOMALY_KINDS.filter((kind, i) => !isHeldOut(kind, i));

interface Split {
  readonly training: readonly string[];
  readonly heldOut: readonly string[];
}

export function splitPictures(paths: readonly string[]): Split {
  const heldOut = paths.filter((_, i) => i % HELD_OUT.every === HELD_OUT.every - 1).slice(0, HELD_OUT.most);
  const out = new Set(heldOut);
  return { training: paths.filter((path) => !out.has(path)), heldOut };
}

/** The training half as a dataset of its own, so that no held-out picture can slip in. Links where the disk can. */
async function writeDataset(folder: string, inside: string, pictures: readonly string[]): Promise<void> {
  const good = join(folder, inside, 'train', 'good');
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  await mkdir(good, { recursive: true });
  for (const [i, path] of pictures.entries()) {
    const target = join(good, `${String(i).padStart(5, '0')}-${basename(path)}`);
    // Not on another file system, and some have no links.
    await link(path, target).catch(() => copyFile(path, target));
  }
}

async function* trials(pictures: readonly string[], labeler: Labeler, seed: number): AsyncGenerator<ClickItem> {
  for (let n = 0; n < TRIALS; n++) {
    const random = new Random(`tuning/held-out/${seed}/${n}`);
    const { windows } = labeler;
    const good = await readRgb(pictures[n % pictures.length], { windows });
    const donor = await readRgb(random.pick(pictures), { windows });
    const { image, mask, kind } = simulateAnomaly(good, random, { donor, kinds: HELD_OUT_KINDS });
    const view = await labeler.open(image);
    yield { name: String(n), type: kind, mask, predict: (clicks) => view.predict({ clicks }) };
    await view.close();
  }
}

/** Mean IoU after one and after three clicks on simulated defects of held-out kinds, on held-out pictures. */
async function score(
  { training, heldOut }: Split,
  weights: string,
  project: Project,
  seed: number,
  label: string,
  work: WorkOptions,
) {
  const runtime = await Runtime.start();
  try {
    const index = await ReferenceIndex.build(
      training.map((path) => ({ path })),
      { runtime, backbone: project.settings.backbone, ...gridOf(project.settings), signal: work.signal },
    );
    const labeler = await Labeler.load({ index, weights, runtime });
    const { at } = await evaluateClicks(trials(heldOut, labeler, seed), {
      clicks: 3,
      examples: 0,
      signal: work.signal,
      onImage: (_, done) => work.onProgress?.({ label, done, total: TRIALS }),
    });
    return ((at.get(1)?.miou ?? 0) + (at.get(3)?.miou ?? 0)) / 2;
  } finally {
    await runtime.close();
  }
}

/**
 * Trains from the project's weights on the category's good pictures with simulated defects, and keeps the result as
 * `.adclick/models/<name>` only when it beats those weights on pictures that neither training nor the index has seen, with kinds
 * of defect that training has not drawn.
 * @throws ADC_PROJECT_MISSING, ADC_PROJECT, ADC_NO_NORMALS with fewer than ten good pictures, ADC_WEIGHTS_…, ADC_IN_USE, ADC_DISK.
 */
export async function tuneClickModel(
  directory: string,
  options: TrainingOptions & { readonly category: string },
  work: WorkOptions,
): Promise<TrainingAnswer> {
  const { seed = 1, name = fileName(options.category), resume = false } = options;
  checkModelName(name, 'adclick train click');
  const started = performance.now();
  const project = await openProject(directory);
  const category = categoriesOf(project, options.category)[0];
  const paths = await goodPictures(project, category);
  if (paths.length < LEAST_PICTURES) {
    const what = `${counted(paths.length, 'good picture')}; fine-tuning needs ${LEAST_PICTURES}, since some are held out to judge by`;
    throw fail('ADC_DATASET', { path: category.settings.good.join(', '), what });
  }
  const base = resolveWeights(options.from ?? project.settings.weights, project.root);
  const initial = await loadClickWeights(base);
  const { card } = initial;
  const { steps = initial.network === 'published' ? FINE_TUNING.steps : TUNING.steps } = options;
  const { backbone } = project.settings;
  checkBackbone(card, backbone, base);
  const split = splitPictures(paths);
  return whileWritingWeights(project.root, name, work, async (hold) => {
    const held = { ...work, ...hold };
    await tidyProject(project.root);
    const folder = join(projectModels(project.root), name);
    const run = join(folder, 'run');
    const pictures = join(folder, 'pictures');
    const inside = fileName(category.name);
    await writeDataset(pictures, inside, split.training);
    const goods = { directory: pictures, category: inside, realDefects: false };
    const shared = {
      ...{ directory: run, name, resume, signal: hold.signal, owned: hold.owned },
      trainedOn: `${card.trainedOn}; then the good pictures of ${category.name}`,
      onProgress: (progress: TrainingProgress) =>
        work.onProgress?.({
          label: 'tuning',
          done: progress.step,
          total: progress.steps,
          detail: progressDetail(progress),
        }),
    };
    const tuned =
      initial.network === 'published'
        ? await trainPublishedClickModel({
            ...shared,
            ...{ width: initial.settings.dim, initial },
            recipe: { ...FINE_TUNING, steps },
            data: { seed, folders: [goods], folderShare: 1, backbone },
          })
        : await trainClickModel({
            ...shared,
            preset: initial.card.preset,
            steps,
            data: {
              seed,
              folders: [{ ...goods, kinds: TRAINED_KINDS }],
              folderShare: TUNING.folderShare,
              textEncoder: card.textEncoder,
              backbone,
            },
            learningRate: TUNING.learningRate,
            initial: initial.tensors,
            odds: card.odds,
          });
    const before = await score(split, base, project, seed, 'judging the old weights', held);
    const after = await score(split, tuned, project, seed, 'judging the new weights', held);
    const kept = after > before + MARGIN;
    const path = join(folder, 'weights.safetensors');
    const result = kept ? await loadClickWeights(tuned) : undefined;
    await hold.owned();
    if (result) await saveClickWeights(path, result.tensors, result.card);
    for (const each of [run, pictures]) await removeIfPossible(each);
    const seconds = (performance.now() - started) / 1000;
    return { name, weights: kept ? path : base, steps, seconds, heldOut: { before, after, kept } };
  });
}
