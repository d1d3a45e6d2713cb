/** The MVTec 3D-AD layout, its colour pictures: `train/good/rgb`, `test/<type>/rgb/NNN.png`, `test/<type>/gt/NNN.png`; the scans (`xyz`) are not read. */
import { basename, join, resolve } from 'node:path';
import { categoryFolder, folderIn, listFolders, listImages, listNormals, masksOf, pictureName } from './files.ts';
import { GOOD } from './mvtec.ts';
import type { Dataset, DefectImage } from './types.ts';

/** Folder of the colour pictures of a type. */
export const COLOURS = 'rgb';

/**
 * Lists one category. `validation`, which its makers keep apart to choose settings by, is left out.
 * @throws ADC_DATASET that names the missing folder or mask; ADC_NO_NORMALS when `train/good/rgb` is empty.
 */
export async function openMvtec3d(directory: string, category: string): Promise<Dataset> {
  const root = await categoryFolder(directory, category);
  const normals = await listNormals(await folderIn(root, `train/${GOOD}/${COLOURS}`));
  const defects: DefectImage[] = [];
  for (const type of await listFolders(join(root, 'test'))) {
    if (type === GOOD) continue;
    const images = await listImages(await folderIn(root, `test/${type}/${COLOURS}`));
    const maskOf = await masksOf(await folderIn(root, `test/${type}/gt`));
    for (const path of images)
      defects.push({ path, type, name: pictureName(path), maskPaths: [maskOf(path)], split: 'test' });
  }
  return {
    category: basename(resolve(root)),
    layout: 'mvtec-3d',
    normals,
    testGood: await listImages(join(root, 'test', GOOD, COLOURS)),
    defects,
    notes: [],
  };
}
