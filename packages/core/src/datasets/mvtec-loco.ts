/** The MVTec LOCO AD layout: `train/good`, `test/{good,logical_anomalies,structural_anomalies}`, `ground_truth/<type>/<name>/NNN.png`, a mask for each of several regions. */
import { basename, join, resolve } from 'node:path';
import { fail } from '../errors.ts';
import { categoryFolder, folderIn, listFolders, listImages, listNormals, pictureName } from './files.ts';
import { GOOD } from './mvtec.ts';
import type { Dataset, DefectImage } from './types.ts';

/** Types of defect; other data sets have none of these names. */
export const LOCO_TYPES = ['logical_anomalies', 'structural_anomalies'] as const;

/**
 * Lists one category. `validation`, which its makers keep apart to choose settings by, is left out. A picture is marked by all of its masks
 * together: what its makers say of saturation, that finding a part of a region may be enough, is not in them.
 * @throws ADC_DATASET that names the missing folder or mask; ADC_NO_NORMALS when `train/good` is empty.
 */
export async function openMvtecLoco(directory: string, category: string): Promise<Dataset> {
  const root = await categoryFolder(directory, category);
  const normals = await listNormals(await folderIn(root, `train/${GOOD}`));
  const defects: DefectImage[] = [];
  for (const type of await listFolders(join(root, 'test'))) {
    if (type === GOOD) continue;
    const images = await listImages(join(root, 'test', type));
    const masks = await folderIn(root, `ground_truth/${type}`);
    for (const path of images) {
      const name = pictureName(path);
      const maskPaths = await listImages(join(masks, name));
      if (maskPaths.length === 0)
        throw fail('ADC_DATASET', { path: masks, what: `no mask in the folder ${name} for ${path}` });
      defects.push({ path, type, name, maskPaths, split: 'test' });
    }
  }
  return {
    category: basename(resolve(root)),
    layout: 'mvtec-loco',
    normals,
    testGood: await listImages(join(root, 'test', GOOD)),
    defects,
    notes: [],
  };
}
