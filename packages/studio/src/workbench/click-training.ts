/** Training click weights: from nothing on drawn products, or fine-tuned on one category of a project. */
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { isFolder } from '@adclick/core/files';
import { checkBackbone, DEFAULT_BACKBONE, loadClickWeights, PAPER } from '@adclick/core/models';
import {
  PUBLISHED_CLICKS,
  type TrainingProgress,
  trainClickModel,
  trainPublishedClickModel,
} from '@adclick/core/training';
import {
  PAPER_WIDTH,
  progressDetail,
  type TrainingAnswer,
  type TrainingOptions,
} from '../detectors/training-options.ts';
import { fail } from '../errors.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { whileWritingWeights } from '../project/leases.ts';
import { tidyProject } from '../project/leftovers.ts';
import { checkModelName, projectModels, resolveWeights } from '../project/model-files.ts';
import { openProject, PROJECT_FILE } from '../project/project.ts';
import { tuneClickModel } from './click-tuning.ts';

/** Training from nothing. */
export const FROM_NOTHING = {
  steps: 9_600,
  learningRate: 1e-3,
  /** Share of training data from real folders, where some are given. */
  folderShare: 0.12,
} as const;

/** Trains into `.adclick/models/<name>` of the folder. @throws ADC_USAGE, ADC_FOLDER_MISSING, ADC_PROJECT, ADC_MODEL_EXISTS, ADC_IN_USE, ADC_DATASET, ADC_WEIGHTS_KIND, ADC_NETWORK_MISSING, ADC_DISK. */
export async function trainClick(
  directory: string,
  options: TrainingOptions,
  work: WorkOptions = {},
): Promise<TrainingAnswer> {
  if (!(await isFolder(directory))) throw fail('ADC_FOLDER_MISSING', { path: directory });
  const refuse = (what: string) => fail('ADC_USAGE', { what, command: 'adclick train click' });
  const { from: begins, category: tuned } = options;
  const given = tuned === undefined ? '--from' : '--category';
  if (begins !== undefined || tuned !== undefined) {
    if (options.width !== undefined) throw refuse(`--width is that of the weights that ${given} begins with`);
    if (options.textEncoder !== undefined)
      throw refuse(`--text-encoder is that of the weights that ${given} begins with`);
  }
  if (tuned !== undefined) return tuneClickModel(directory, { ...options, category: tuned }, work);
  // The project's own choice, where the folder is a project.
  const settings = existsSync(join(directory, PROJECT_FILE)) ? (await openProject(directory)).settings : undefined;
  const {
    preset = settings?.preset ?? 'small',
    textEncoder = settings?.textEncoder,
    seed = 1,
    name = `click-${preset}-${seed}`,
    resume = false,
  } = options;
  checkModelName(name, 'adclick train click');
  if (options.width !== undefined && preset !== PAPER) throw refuse(`--width goes with --preset ${PAPER}`);
  if (options.textEncoder !== undefined && preset === PAPER)
    throw refuse(`language has no part in trainings of --preset ${PAPER}, so --text-encoder says nothing`);
  const started = performance.now();
  return whileWritingWeights(directory, name, work, async ({ signal, owned }) => {
    await tidyProject(directory);
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
    const backbone = settings?.backbone ?? DEFAULT_BACKBONE;
    const from = options.from ? await loadClickWeights(resolveWeights(options.from, directory)) : undefined;
    if (from) checkBackbone(from.card, backbone, options.from as string);
    const size = from ? from.card.preset : preset;
    const shared = {
      ...{ directory: run, name, resume, signal, owned },
      trainedOn: ['drawn products with simulated defects', ...names].join(', '),
      onProgress: (progress: TrainingProgress) =>
        work.onProgress?.({
          label: 'training',
          done: progress.step,
          total: progress.steps,
          detail: progressDetail(progress),
        }),
    };
    if (size === PAPER) {
      if (options.only !== undefined)
        throw refuse('--only language moves what our own network hears, and --from is the published one');
      const { steps = PUBLISHED_CLICKS.steps, learningRate = PUBLISHED_CLICKS.learningRate } = options;
      const weights = await trainPublishedClickModel({
        ...shared,
        trainedOn: names.length > 0 ? names.join(', ') : shared.trainedOn,
        width: options.width ?? PAPER_WIDTH,
        recipe: { ...PUBLISHED_CLICKS, steps, learningRate },
        data: { seed, folders, folderShare: folders.length > 0 ? 1 : 0, backbone },
        initial: from?.network === 'published' ? from : undefined,
      });
      return { name, weights, steps, seconds: (performance.now() - started) / 1000 };
    }
    const { steps = FROM_NOTHING.steps, learningRate = FROM_NOTHING.learningRate } = options;
    const weights = await trainClickModel({
      ...shared,
      preset: size,
      steps,
      data: {
        seed,
        folders,
        folderShare: folders.length > 0 ? FROM_NOTHING.folderShare : 0,
        backbone,
        textEncoder: from?.card.textEncoder ?? textEncoder,
      },
      learningRate,
      initial: from?.tensors,
      part: options.only,
      // What is sure of masks without words stays so.
      odds: from && options.only === 'language' ? from.card.odds : undefined,
    });
    return { name, weights, steps, seconds: (performance.now() - started) / 1000 };
  });
}
