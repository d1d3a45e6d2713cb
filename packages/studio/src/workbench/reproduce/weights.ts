/** Cells that make click weights: pretrained without a category, and tuned to one. */
import { copyFile, link, mkdir, rm } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { writeMask } from '@adclick/core';
import { type Dataset, openCategory, readDefectMask } from '@adclick/core/datasets';
import { readImageSize } from '@adclick/core/image';
import {
  type BackboneName,
  type ClickWeights,
  checkBackbone,
  DEFAULT_BACKBONE,
  loadClickWeights,
} from '@adclick/core/models';
import {
  type FolderSource,
  type TrainingProgress,
  trainClickModel,
  trainPublishedClickModel,
} from '@adclick/core/training';
import { progressDetail } from '../../detectors/training-options.ts';
import { fileName } from '../../file-name.ts';
import type { Making } from './bench.ts';
import {
  type ClickTrainingSettings,
  type Network,
  type PretrainCell,
  sha256OfFile,
  type TuneCell,
  type WeightsFrom,
} from './cells.ts';
import { publishedClicks } from './rows.ts';

/** The weights in a cell's folder. */
export const WEIGHTS_FILE = 'weights.safetensors';

/** The file behind weights. */
export const weightsPath = (weights: WeightsFrom, { store, files }: Pick<Making, 'store' | 'files'>): string =>
  'cell' in weights ? join(store.folder(weights.cell), WEIGHTS_FILE) : files[weights.file];

/** Click weights of a file, known by its content. */
export interface FileWeights {
  readonly weights: WeightsFrom & { readonly file: string };
  readonly trainedOn: string;
  /** @throws ADC_WEIGHTS_KIND where they do not read the residuals of a backbone. */
  readonly check: (backbone: BackboneName | undefined) => void;
}

/** @throws ADC_WEIGHTS_DAMAGED, ADC_WEIGHTS_KIND. */
export async function weightsOf(path: string): Promise<FileWeights> {
  const { card } = await loadClickWeights(path);
  return {
    weights: { file: await sha256OfFile(path), name: card.name },
    trainedOn: card.trainedOn,
    check: (backbone = DEFAULT_BACKBONE) => checkBackbone(card, backbone, path),
  };
}

/** Puts a file at another place as well. */
const putAt = (path: string, target: string) => link(path, target).catch(() => copyFile(path, target));

/**
 * A category as training reads it: as it is where it is laid out like MVTec AD, else brought into such a layout in `beside`.
 * @param realDefects whether its defects are wanted too.
 */
async function sourceOf(
  data: string,
  category: string,
  dataset: Dataset,
  realDefects: boolean,
  beside: string,
): Promise<FolderSource> {
  if (dataset.layout === 'mvtec') return { directory: data, category, realDefects };
  const name = fileName(category);
  const root = join(beside, name);
  await rm(root, { recursive: true, force: true, maxRetries: 5 });
  const good = join(root, 'train', 'good');
  await mkdir(good, { recursive: true });
  for (const [i, path] of dataset.normals.entries()) await putAt(path, join(good, `${i}-${basename(path)}`));
  for (const [i, defect] of realDefects ? dataset.defects.entries() : []) {
    const { path, type } = defect;
    const [pictures, masks] = ['test', 'ground_truth'].map((part) => join(root, part, fileName(type)));
    await mkdir(pictures, { recursive: true });
    await mkdir(masks, { recursive: true });
    await putAt(path, join(pictures, `${i}${extname(path)}`));
    // A picture may have several masks, and layouts mean different values by them.
    await writeMask(join(masks, `${i}_mask.png`), await readDefectMask(defect, await readImageSize(path)));
  }
  return { directory: beside, category: name, realDefects };
}

interface Run {
  readonly name: string;
  readonly training: ClickTrainingSettings;
  readonly network: Network;
  readonly folders: readonly FolderSource[];
  readonly trainedOn: string;
  readonly from?: ClickWeights;
}

/** Trains where a killed process left off, and puts the weights into the cell. */
async function train({ name, training, network, folders, trainedOn, from }: Run, making: Making): Promise<object> {
  const { steps, seed, learningRate, folderShare, backbone } = training;
  const shared = {
    directory: join(making.kept, 'run'),
    data: { seed, folders, folderShare, backbone },
    ...{ resume: true, trainedOn, name, threads: making.threads },
    onProgress: (progress: TrainingProgress) => making.report(progress.step / progress.steps, progressDetail(progress)),
    signal: making.signal,
    owned: making.owned,
  };
  const path =
    network.preset === 'paper'
      ? await trainPublishedClickModel({
          ...shared,
          width: network.width,
          recipe: { ...publishedClicks(from !== undefined), steps, learningRate },
          initial: from?.network === 'published' ? from : undefined,
        })
      : await trainClickModel({
          ...shared,
          ...{ preset: network.preset, steps, learningRate },
          initial: from?.tensors,
          odds: from?.card.odds,
        });
  await copyFile(path, join(making.folder, WEIGHTS_FILE));
  return { steps, trainedOn };
}

export async function makePretrained(cell: PretrainCell, making: Making): Promise<object> {
  const folders: FolderSource[] = [];
  for (const { category } of cell.on) {
    const dataset = await openCategory(making.data, category);
    folders.push(await sourceOf(making.data, category, dataset, true, join(making.kept, 'pictures')));
  }
  const names = cell.on.map(({ category }) => category);
  const drawn = cell.training.folderShare < 1 ? ['drawn products with simulated defects'] : [];
  const trainedOn = [...drawn, ...names].join(', ');
  const { training, network } = cell;
  return train({ name: `without-${cell.category}`, training, network, folders, trainedOn }, making);
}

export async function makeTuned({ category, from, network, training }: TuneCell, making: Making): Promise<object> {
  const weights = await loadClickWeights(weightsPath(from, making));
  const dataset = await openCategory(making.data, category);
  const folders = [await sourceOf(making.data, category, dataset, false, join(making.kept, 'pictures'))];
  const trainedOn = `${weights.card.trainedOn}; then the good pictures of ${category}`;
  return train({ name: `tuned-${category}`, training, network, folders, trainedOn, from: weights }, making);
}
