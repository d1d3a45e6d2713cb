/** Recognises how a dataset is laid out and opens it with the reader for it. */
import { join } from 'node:path';
import { fail } from '../errors.ts';
import { openBtad } from './btad.ts';
import { categoryFolder, isFolder, listImages, stem } from './files.ts';
import { openFolder } from './folder.ts';
import { openKsdd2 } from './ksdd2.ts';
import { openDataset } from './mvtec.ts';
import type { Dataset, DatasetLayout } from './types.ts';
import { openVisa } from './visa.ts';

const READERS: Readonly<Record<DatasetLayout, (directory: string, category: string) => Promise<Dataset>>> = {
  mvtec: openDataset,
  visa: openVisa,
  ksdd2: openKsdd2,
  btad: openBtad,
  folder: openFolder,
};

/**
 * The layout of a category's folder, by the folders that only it has.
 * @throws ADC_DATASET when it is none of them.
 */
export async function detectDataset(directory: string): Promise<DatasetLayout> {
  const has = (...parts: string[]) => isFolder(join(directory, ...parts));
  if (await has('train', 'good')) return 'mvtec';
  if (await has('train', 'ok')) return 'btad';
  if (await has('Data', 'Images', 'Normal')) return 'visa';
  const train = await listImages(join(directory, 'train'));
  if (train.some((path) => stem(path).endsWith('_GT'))) return 'ksdd2';
  if ((await listImages(directory)).length > 0) return 'folder';
  throw fail('ADC_DATASET', {
    path: directory,
    what: 'no train/good, train/ok, Data/Images/Normal, train/*_GT.png nor pictures in it',
  });
}

/** Opens a category of whatever layout. @throws ADC_DATASET, ADC_NO_NORMALS, see the readers. */
export async function openCategory(directory: string, category: string): Promise<Dataset> {
  const layout = await detectDataset(await categoryFolder(directory, category));
  return READERS[layout](directory, category);
}

/** The dataset itself, if it has defects to evaluate on. @throws ADC_DATASET when it has none. */
export function withDefects(dataset: Dataset, directory: string): Dataset {
  if (dataset.defects.length > 0) return dataset;
  throw fail('ADC_DATASET', { path: join(directory, dataset.category), what: 'no pictures with defects and masks' });
}
