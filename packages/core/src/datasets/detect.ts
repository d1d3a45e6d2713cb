/** Recognises how a dataset is laid out and opens it with the reader for it. */
import { join } from 'node:path';
import { fail } from '../errors.ts';
import { openBtad } from './btad.ts';
import { DAGM_MASKS, openDagm } from './dagm.ts';
import { categoryFolder, isFolder, listFolders, listImages, stem } from './files.ts';
import { openFolder } from './folder.ts';
import { commutatorsIn, KSDD_MASK, openKsdd } from './ksdd.ts';
import { KSDD2_MASK, openKsdd2 } from './ksdd2.ts';
import { openDataset } from './mvtec.ts';
import { COLOURS, openMvtec3d } from './mvtec-3d.ts';
import { LOCO_TYPES, openMvtecLoco } from './mvtec-loco.ts';
import { missingOf } from './published.ts';
import { whatItIs, whereItIs } from './strange-folders.ts';
import type { Dataset, DatasetLayout } from './types.ts';
import { openVisa } from './visa.ts';

const READERS: Readonly<Record<DatasetLayout, (directory: string, category: string) => Promise<Dataset>>> = {
  mvtec: openDataset,
  'mvtec-loco': openMvtecLoco,
  'mvtec-3d': openMvtec3d,
  visa: openVisa,
  ksdd: openKsdd,
  ksdd2: openKsdd2,
  btad: openBtad,
  dagm: openDagm,
  folder: openFolder,
};

const hasMask = async (folder: string, mask: string): Promise<boolean> =>
  (await listImages(folder)).some((path) => stem(path).endsWith(stem(mask)));

/** The layout of a category's folder, by what only it has; undefined where it is none. */
async function layoutOf(directory: string): Promise<DatasetLayout | undefined> {
  const has = (...parts: string[]) => isFolder(join(directory, ...parts));
  if (await has('train', 'good', COLOURS)) return 'mvtec-3d';
  if (await has('train', 'good')) {
    for (const type of LOCO_TYPES) if (await has('test', type)) return 'mvtec-loco';
    return 'mvtec';
  }
  if (await has('train', 'ok')) return 'btad';
  if (await has('Data', 'Images', 'Normal')) return 'visa';
  if ((await has('Train', DAGM_MASKS)) || (await has('Test', DAGM_MASKS))) return 'dagm';
  if (await hasMask(join(directory, 'train'), KSDD2_MASK)) return 'ksdd2';
  for (const name of await commutatorsIn(directory)) if (await hasMask(join(directory, name), KSDD_MASK)) return 'ksdd';
  return (await listImages(directory)).length > 0 ? 'folder' : undefined;
}

/** Folders in a folder that are laid out as categories, by name. */
async function categoriesIn(directory: string): Promise<Map<string, DatasetLayout>> {
  const found = new Map<string, DatasetLayout>();
  for (const name of await listFolders(directory)) {
    const layout = await layoutOf(join(directory, name));
    if (layout && layout !== 'folder') found.set(name, layout);
  }
  return found;
}

/**
 * The layout of a category's folder.
 * @throws ADC_DATASET that says what the folder looks like when it is none.
 */
export async function detectDataset(directory: string): Promise<DatasetLayout> {
  const layout = await layoutOf(directory);
  if (layout) return layout;
  throw fail('ADC_DATASET', { path: directory, what: await whatItIs(directory, await categoriesIn(directory)) });
}

/**
 * Opens a category of whatever layout; its notes say what is missing of a public data set.
 * @throws ADC_DATASET, ADC_NO_NORMALS, see the readers.
 */
export async function openCategory(directory: string, category: string): Promise<Dataset> {
  if ((await isFolder(directory)) && !(await isFolder(join(directory, category)))) {
    const what = whereItIs(category, await layoutOf(directory), await categoriesIn(directory));
    if (what !== undefined) throw fail('ADC_DATASET', { path: directory, what });
  }
  const layout = await detectDataset(await categoryFolder(directory, category));
  const dataset = await READERS[layout](directory, category);
  const missing = missingOf(dataset);
  return missing === undefined ? dataset : { ...dataset, notes: [missing, ...dataset.notes] };
}

/** The dataset itself, if it has defects to evaluate on. @throws ADC_DATASET when it has none. */
export function withDefects(dataset: Dataset, directory: string): Dataset {
  if (dataset.defects.length > 0) return dataset;
  throw fail('ADC_DATASET', { path: join(directory, dataset.category), what: 'no pictures with defects and masks' });
}
