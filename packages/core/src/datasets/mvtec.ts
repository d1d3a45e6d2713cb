/** The MVTec AD layout, which MPDD and most conversions share: `train/good`, `test/<type>`, `ground_truth/<type>/<name>_mask.png`. */
import { basename, join, resolve } from 'node:path';
import { fail } from '../errors.ts';
import {
  categoryFolder,
  folderIn,
  isFolder,
  listFolders,
  listImages,
  listNormals,
  masksOf,
  pictureName,
} from './files.ts';
import type { Dataset, DefectImage } from './types.ts';

/** Folder of good pictures. */
export const GOOD = 'good';

/**
 * Lists the good pictures to train on, of a category whose other pictures need no masks. Parameters as of {@link openDataset}.
 * @throws ADC_DATASET without the folder `train/good`; ADC_NO_NORMALS when it is empty.
 */
export const openGoods = async (directory: string, category: string): Promise<readonly string[]> =>
  goodsOf(await categoryFolder(directory, category));

const goodsOf = async (root: string): Promise<readonly string[]> => listNormals(await folderIn(root, `train/${GOOD}`));

/**
 * Lists one category. A category without `test` has no defects and is fine to train on.
 * @param directory the dataset's folder. @param category a folder in it; `.` when the dataset is one category.
 * @throws ADC_DATASET that names the missing folder or mask; ADC_NO_NORMALS when `train/good` is empty.
 */
export async function openDataset(directory: string, category: string): Promise<Dataset> {
  const root = await categoryFolder(directory, category);
  const normals = await goodsOf(root);
  const types = (await listFolders(join(root, 'test'))).filter((type) => type !== GOOD);
  const defects: DefectImage[] = [];
  for (const type of types) {
    const images = await listImages(join(root, 'test', type));
    const masks = join(root, 'ground_truth', type);
    if (images.length > 0 && !(await isFolder(masks)))
      throw fail('ADC_DATASET', {
        path: root,
        what: `no folder ground_truth/${type} for the pictures in test/${type}`,
      });
    const maskOf = await masksOf(masks);
    for (const path of images)
      defects.push({ path, type, name: pictureName(path), maskPaths: [maskOf(path)], split: 'test' });
  }
  for (const type of await listFolders(join(root, 'ground_truth')))
    if (type !== GOOD && !types.includes(type))
      throw fail('ADC_DATASET', { path: root, what: `no folder test/${type} for the masks in ground_truth/${type}` });
  return {
    category: basename(resolve(root)),
    layout: 'mvtec',
    normals,
    testGood: await listImages(join(root, 'test', GOOD)),
    defects,
    notes: [],
  };
}
