/** The DAGM 2007 layout: `ClassN/{Train,Test}/NNNN.PNG`, and for pictures with a defect `Label/NNNN_label.PNG`, listed in `Label/Labels.txt`. */
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fail } from '../errors.ts';
import type { Half } from './beside.ts';
import { categoryFolder, folderIn, isFile, listImages, pictureName, stem } from './files.ts';
import type { Dataset } from './types.ts';

/** Folder of the masks in each half. */
export const DAGM_MASKS = 'Label';
const TABLE = 'Labels.txt';
const ENDING = '_label';
/** Masks that the table names; the other pictures have a 0 in their place. */
const NAMED_MASKS = /\S+_label\.\w+/gi;

interface Read extends Half {
  readonly hasTable: boolean;
}

async function readHalf(root: string, way: string, split: 'train' | 'test'): Promise<Read> {
  const folder = await folderIn(root, way);
  const masks = join(folder, DAGM_MASKS);
  const byStem = new Map((await listImages(masks)).map((path) => [stem(path).toLowerCase(), path]));
  const table = join(masks, TABLE);
  const hasTable = await isFile(table);
  for (const name of hasTable ? ((await readFile(table, 'utf8')).match(NAMED_MASKS) ?? []) : [])
    if (!byStem.has(stem(name).toLowerCase()))
      throw fail('ADC_DATASET', { path: masks, what: `no mask ${name}, which ${TABLE} names` });
  const images = await listImages(folder);
  const maskOf = (path: string) => byStem.get(stem(path).toLowerCase() + ENDING);
  const defects = images.flatMap((path) => {
    const mask = maskOf(path);
    return mask ? [{ path, type: 'defect', name: pictureName(path), maskPaths: [mask], split }] : [];
  });
  return { good: images.filter((path) => !maskOf(path)), defects, hasTable };
}

/**
 * Lists one class. A picture is defective when there is a mask for it. Defective pictures of both halves are listed, told apart by `split`.
 * @throws ADC_DATASET that names the missing folder or mask; ADC_NO_NORMALS when no picture of `Train` is good.
 */
export async function openDagm(directory: string, category: string): Promise<Dataset> {
  const root = await categoryFolder(directory, category);
  const train = await readHalf(root, 'Train', 'train');
  const test = await readHalf(root, 'Test', 'test');
  if (train.good.length === 0) throw fail('ADC_NO_NORMALS', { path: join(root, 'Train') });
  const without = [train, test].flatMap(({ hasTable }, i) => (hasTable ? [] : [['Train', 'Test'][i]]));
  return {
    category: basename(resolve(root)),
    layout: 'dagm',
    normals: train.good,
    testGood: test.good,
    defects: [...train.defects, ...test.defects],
    notes: [
      'The masks of DAGM are ellipses around the defects, not their outlines: figures of pixels and regions say how well the ellipses are met.',
      ...without.map(
        (half) => `There is no ${half}/${DAGM_MASKS}/${TABLE}: pictures of ${half} without a mask are taken as good.`,
      ),
    ],
  };
}
