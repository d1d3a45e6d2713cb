/** A plain folder of pictures without defects or masks: all of them are normals. */
import { basename, resolve } from 'node:path';
import { categoryFolder, listNormals } from './files.ts';
import type { Dataset } from './types.ts';

/** Lists the pictures of a folder. @throws ADC_DATASET when it is missing; ADC_NO_NORMALS when it holds no picture. */
export async function openFolder(directory: string, category = '.'): Promise<Dataset> {
  const root = await categoryFolder(directory, category);
  const normals = await listNormals(root);
  return { category: basename(resolve(root)), layout: 'folder', normals, testGood: [], defects: [], notes: [] };
}
