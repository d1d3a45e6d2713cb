/** Training click weights: from nothing on drawn products, or fine-tuned on one category of a project. */
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { isFolder, loadClickWeights, type Preset, type TrainingProgress, trainClickModel } from '@adclick/core';
import { fail } from '../errors.ts';
import type { WorkOptions } from '../progress.ts';
import { openProject, PROJECT_FILE } from '../project.ts';
import { checkModelName, projectModels, resolveWeights } from './models.ts';
import { tuneClickModel } from './tuning.ts';

export interface TrainingOptions {
  /** Fine-tune on this category of the project. */
  readonly category?: string;
  readonly preset?: Preset;
  readonly steps?: number;
  readonly seed?: number;
  /** Highest learning rate; default 1e-3, lower to refine weights that are good already. */
  readonly learningRate?: number;
  readonly name?: string;
  /** Categories in MVTec AD layout whose pictures and defects are trained on beside drawn products. */
  readonly folder?: readonly string[];
  /** The same, but only their good pictures, with simulated defects: for sets whose masks are loose. */
  readonly goodFolder?: readonly string[];
  /** Weights to start from. */
  readonly from?: string;
  readonly resume?: boolean;
  /** Train the words' part alone and leave the rest of `from` as it is. */
  readonly only?: 'language';
}

export interface TrainingAnswer {
  readonly name: string;
  /** The weights, or those kept when the new ones were not better. */
  readonly weights: string;
  readonly steps: number;
  readonly seconds: number;
  /** Fine-tuning only: mean IoU on held-out simulated defects, before and after, and whether the new weights were kept. */
  readonly heldOut?: { readonly before: number; readonly after: number; readonly kept: boolean };
}

const DEFAULT_STEPS = 9_600;
const LEARNING_RATE = 1e-3;
/** Share of training data from real folders, where some are given. */
const FOLDER_SHARE = 0.12;

/** Loss and IoU of a progress line, in words. */
export const progressDetail = ({ loss, iou }: TrainingProgress): string =>
  `loss ${loss.toFixed(3)}  IoU ${iou.map((value) => value.toFixed(2)).join(' ')}`;

/** Trains into `.adclick/models/<name>` of the folder. @throws ADC_FOLDER_MISSING, ADC_PROJECT, ADC_MODEL_EXISTS, ADC_DATASET, ADC_DISK. */
export async function trainClick(
  directory: string,
  options: TrainingOptions,
  work: WorkOptions = {},
): Promise<TrainingAnswer> {
  if (!(await isFolder(directory))) throw fail('ADC_FOLDER_MISSING', { path: directory });
  if (options.category !== undefined)
    return tuneClickModel(directory, { ...options, category: options.category }, work);
  // The project's own choice, where the folder is a project.
  const settings = existsSync(join(directory, PROJECT_FILE)) ? (await openProject(directory)).settings : undefined;
  const {
    preset = settings?.preset ?? 'small',
    steps = DEFAULT_STEPS,
    seed = 1,
    learningRate = LEARNING_RATE,
    name = `click-${preset}-${seed}`,
    resume = false,
  } = options;
  checkModelName(name, 'adclick train click');
  const started = performance.now();
  const run = join(projectModels(directory), name);
  if (!resume && existsSync(join(run, 'weights.safetensors'))) throw fail('ADC_MODEL_EXISTS', { name });
  const source = (realDefects: boolean) => (path: string) => {
    const full = resolve(path);
    return { directory: dirname(full), category: basename(full), realDefects };
  };
  const folders = [...(options.folder ?? []).map(source(true)), ...(options.goodFolder ?? []).map(source(false))];
  // A folder that is not there would be left out without a word.
  for (const folder of folders)
    if (!(await isFolder(join(folder.directory, folder.category))))
      throw fail('ADC_FOLDER_MISSING', { path: join(folder.directory, folder.category) });
  const names = folders.map(({ category }) => category);
  const from = options.from && (await loadClickWeights(resolveWeights(options.from, directory)));
  const weights = await trainClickModel({
    directory: run,
    preset: from ? from.card.preset : preset,
    steps,
    data: { seed, folders, folderShare: folders.length > 0 ? FOLDER_SHARE : 0 },
    learningRate,
    initial: from ? from.tensors : undefined,
    part: options.only,
    // What is sure of masks without words stays so.
    odds: from && options.only === 'language' ? from.card.odds : undefined,
    resume,
    trainedOn: ['drawn products with simulated defects', ...names].join(', '),
    name,
    onProgress: (progress) =>
      work.onProgress?.({
        label: 'training',
        done: progress.step,
        total: progress.steps,
        detail: progressDetail(progress),
      }),
    signal: work.signal,
  });
  return { name, weights, steps, seconds: (performance.now() - started) / 1000 };
}
