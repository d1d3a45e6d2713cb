/** The KolektorSDD2 layout: `train` and `test` with `<name>.png` beside `<name>_GT.png`; a picture is good when its mask is empty. */
import { basename, join, resolve } from 'node:path';
import { fail } from '../errors.ts';
import { readMask } from '../image/codec.ts';
import { categoryFolder, isFolder, listImages, stem } from './files.ts';
import type { Dataset, DefectImage } from './types.ts';

const MASK_ENDING = '_GT';

/** Masks decoded at once. */
const PARALLEL = 8;

/**
 * Lists the dataset. Every mask is decoded, since nothing else tells good pictures from defective ones.
 * Defective pictures of both halves are listed, told apart by `split`.
 * @throws ADC_DATASET that names the missing folder or mask; ADC_NO_NORMALS when no picture of `train` is good.
 */
export async function openKsdd2(directory: string, category: string): Promise<Dataset> {
  const root = await categoryFolder(directory, category);
  const train = await readHalf(root, 'train');
  const test = await readHalf(root, 'test');
  if (train.good.length === 0) throw fail('ADC_NO_NORMALS', { path: join(root, 'train') });
  return {
    category: basename(resolve(root)),
    layout: 'ksdd2',
    normals: train.good,
    testGood: test.good,
    defects: [...train.defects, ...test.defects],
  };
}

async function readHalf(root: string, split: 'train' | 'test'): Promise<{ good: string[]; defects: DefectImage[] }> {
  const folder = join(root, split);
  if (!(await isFolder(folder))) throw fail('ADC_DATASET', { path: root, what: `no folder ${split}` });
  const files = await listImages(folder);
  const masks = new Map(files.filter((path) => stem(path).endsWith(MASK_ENDING)).map((path) => [stem(path), path]));
  const images = files.filter((path) => !masks.has(stem(path)));
  const maskPaths = images.map((path) => {
    const mask = masks.get(stem(path) + MASK_ENDING);
    if (!mask) throw fail('ADC_DATASET', { path: folder, what: `no mask ${stem(path)}${MASK_ENDING}.png for ${path}` });
    return mask;
  });
  const good: string[] = [];
  const defects: DefectImage[] = [];
  for (let from = 0; from < images.length; from += PARALLEL) {
    const defective = await Promise.all(
      maskPaths.slice(from, from + PARALLEL).map(async (path) => (await readMask(path)).data.includes(1)),
    );
    defective.forEach((isDefect, offset) => {
      const path = images[from + offset];
      const maskPath = maskPaths[from + offset];
      if (isDefect) defects.push({ path, type: 'defect', name: stem(path), maskPath, split });
      else good.push(path);
    });
  }
  return { good, defects };
}
