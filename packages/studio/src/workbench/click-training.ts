/** Training click weights: from nothing on drawn products, or fine-tuned on one category of a project. */
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { isFolder } from '@adclick/core/files';
import { checkBackbone, DEFAULT_BACKBONE, loadClickWeights } from '@adclick/core/models';
import { trainClickModel } from '@adclick/core/training';
import { progressDetail, type TrainingAnswer, type TrainingOptions } from '../detectors/training-options.ts';
import { fail } from '../errors.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { whileWritingWeights } from '../project/leases.ts';
import { tidyProject } from '../project/leftovers.ts';
import { checkModelName, projectModels, resolveWeights } from '../project/model-files.ts';
import { openProject, PROJECT_FILE } from '../project/project.ts';
import { tuneClickModel } from './click-tuning.ts';

const DEFAULT_STEPS = 9_600;
const LEARNING_RATE = 1e-3;
/** Share of training data from real folders, where some are given. */
const FOLDER_SHARE = 0.12;

/** Trains into `.adclick/models/<name>` of the folder. @throws ADC_FOLDER_MISSING, ADC_PROJECT, ADC_MODEL_EXISTS, ADC_IN_USE, ADC_DATASET, ADC_WEIGHTS_KIND, ADC_NETWORK_MISSING, ADC_DISK. */
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
    textEncoder = settings?.textEncoder,
    steps = DEFAULT_STEPS,
    seed = 1,
    learningRate = LEARNING_RATE,
    name = `click-${preset}-${seed}`,
    resume = false,
  } = options;
  checkModelName(name, 'adclick train click');
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
    const from = options.from && (await loadClickWeights(resolveWeights(options.from, directory)));
    if (from) checkBackbone(from.card, backbone, options.from as string);
    const weights = await trainClickModel({
      directory: run,
      preset: from ? from.card.preset : preset,
      steps,
      data: {
        seed,
        folders,
        folderShare: folders.length > 0 ? FOLDER_SHARE : 0,
        backbone,
        textEncoder: (from ? from.card.textEncoder : undefined) ?? textEncoder,
      },
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
      signal,
      owned,
    });
    return { name, weights, steps, seconds: (performance.now() - started) / 1000 };
  });
}
