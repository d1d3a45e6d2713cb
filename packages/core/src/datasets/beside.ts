/** Folders in which each picture has its mask beside it, and is good when that is empty. */
import { fail } from '../errors.ts';
import { readMask } from '../image/codec.ts';
import { folderIn, listImages, pictureName, stem } from './files.ts';
import type { DefectImage } from './types.ts';

/** Masks decoded at once. */
const PARALLEL = 8;

/** The pictures of a part of a dataset. */
export interface Half {
  readonly good: readonly string[];
  readonly defects: readonly DefectImage[];
}

/**
 * Lists a folder. Every mask is decoded, since nothing else tells good pictures from defective ones.
 * @param way of the folder below `root`. @param mask how a mask's name goes on behind its picture's, such as `_GT.png`; other formats will do.
 * @throws ADC_DATASET that names the folder or the mask that is missing, what {@link readMask} throws.
 */
export async function readBeside(root: string, way: string, mask: string, split: 'train' | 'test'): Promise<Half> {
  const folder = await folderIn(root, way);
  const ending = stem(mask);
  const files = await listImages(folder);
  const masks = new Map(files.filter((path) => stem(path).endsWith(ending)).map((path) => [stem(path), path]));
  const images = files.filter((path) => !masks.has(stem(path)));
  const maskPaths = images.map((path) => {
    const found = masks.get(stem(path) + ending);
    if (!found) throw fail('ADC_DATASET', { path: folder, what: `no mask ${stem(path)}${mask} for ${path}` });
    return found;
  });
  const good: string[] = [];
  const defects: DefectImage[] = [];
  for (let from = 0; from < images.length; from += PARALLEL) {
    const defective = await Promise.all(
      maskPaths.slice(from, from + PARALLEL).map(async (path) => (await readMask(path)).data.includes(1)),
    );
    defective.forEach((isDefect, offset) => {
      const path = images[from + offset];
      if (isDefect)
        defects.push({ path, type: 'defect', name: pictureName(path), maskPaths: [maskPaths[from + offset]], split });
      else good.push(path);
    });
  }
  return { good, defects };
}
