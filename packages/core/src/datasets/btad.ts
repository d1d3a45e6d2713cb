/** The BTAD layout: `train/ok`, `test/ok`, `test/ko`, `ground_truth/ko/<name>.png`; pictures and masks differ in extension. */
import { basename, join, resolve } from 'node:path';
import { categoryFolder, folderIn, listImages, listNormals, masksOf, pictureName } from './files.ts';
import type { Dataset } from './types.ts';

const DEFECT = 'ko';

/** Lists one category. @throws ADC_DATASET that names the missing folder or mask; ADC_NO_NORMALS when `train/ok` is empty. */
export async function openBtad(directory: string, category: string): Promise<Dataset> {
  const root = await categoryFolder(directory, category);
  const good = await folderIn(root, 'train/ok');
  const maskOf = await masksOf(join(root, 'ground_truth', DEFECT));
  const images = await listImages(join(root, 'test', DEFECT));
  return {
    category: basename(resolve(root)),
    layout: 'btad',
    normals: await listNormals(good),
    testGood: await listImages(join(root, 'test', 'ok')),
    defects: images.map((path) => ({
      path,
      type: DEFECT,
      name: pictureName(path),
      maskPaths: [maskOf(path)],
      split: 'test',
    })),
    notes: [],
  };
}
