/** Listing of picture folders: extensions, natural order, masks by name, errors that say what is missing. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, parse } from 'node:path';
import { fail } from '../errors.ts';

/** Extensions of pictures that can be decoded. */
export const IMAGE_EXTENSIONS: ReadonlySet<string> = new Set([
  '.png',
  '.jpg',
  '.jpeg',
  '.tif',
  '.tiff',
  '.bmp',
  '.webp',
]);

const collator = new Intl.Collator('en', { numeric: true });

/** Natural order: `part2` before `part10`; names that read the same are ordered by code unit. */
export const naturalOrder = (a: string, b: string): number => collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);

/** File name without folder and extension. */
export const stem = (path: string): string => parse(path).name;

/** Folders in which KolektorSDD numbers the pictures of one commutator from 0 on. */
const NUMBERED_ANEW = /^kos\d+$/i;

/** What a picture is called among those of its type: its file name without extension, in KolektorSDD with its folder before it. */
export function pictureName(path: string): string {
  const folder = basename(dirname(path));
  return NUMBERED_ANEW.test(folder) ? `${folder}_${stem(path)}` : stem(path);
}

/** Whether a folder exists. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

/** Whether a file exists. */
export async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

const hidden = (name: string) => name.startsWith('.');

/** Names of the folders in a folder, in natural order; none when it does not exist. */
export async function listFolders(path: string): Promise<string[]> {
  if (!(await isFolder(path))) return [];
  const names: string[] = [];
  for (const name of await readdir(path)) if (!hidden(name) && (await isFolder(join(path, name)))) names.push(name);
  return names.sort(naturalOrder);
}

/** Paths of the pictures in a folder, in natural order, hidden files left out; none when it does not exist. */
export async function listImages(path: string): Promise<string[]> {
  if (!(await isFolder(path))) return [];
  const names = (await readdir(path)).filter(
    (name) => !hidden(name) && IMAGE_EXTENSIONS.has(parse(name).ext.toLowerCase()),
  );
  return names.sort(naturalOrder).map((name) => join(path, name));
}

/** Pictures of a folder that has to hold some. @throws ADC_NO_NORMALS. */
export async function listNormals(path: string): Promise<string[]> {
  const normals = await listImages(path);
  if (normals.length === 0) throw fail('ADC_NO_NORMALS', { path });
  return normals;
}

/**
 * Finds masks by the name of their picture: `<name>_mask.<ext>`, else `<name>.<ext>`.
 * @returns a function from a picture to its mask. It throws ADC_DATASET when there is none.
 */
export async function masksOf(folder: string): Promise<(imagePath: string) => string> {
  const byStem = new Map((await listImages(folder)).map((path) => [stem(path), path]));
  return (imagePath) => {
    const name = stem(imagePath);
    const mask = byStem.get(`${name}_mask`) ?? byStem.get(name);
    if (!mask)
      throw fail('ADC_DATASET', {
        path: folder,
        what: `no mask ${name}_mask.png or ${name}.png for ${imagePath}`,
      });
    return mask;
  };
}

/** A folder that has to be there. @param way names below `root`, with slashes. @throws ADC_DATASET that names it. */
export async function folderIn(root: string, way: string): Promise<string> {
  const path = join(root, way);
  if (!(await isFolder(path))) throw fail('ADC_DATASET', { path: root, what: `no folder ${way}` });
  return path;
}

/** Folders that an error names. */
const NAMED = 12;

/** Names in an error, the first of them. */
export const some = (names: readonly string[]): string =>
  names.length > NAMED ? `${names.slice(0, NAMED).join(', ')} and ${names.length - NAMED} more` : names.join(', ');

/** The folder of a category. @throws ADC_DATASET that lists the folders there are. */
export async function categoryFolder(directory: string, category: string): Promise<string> {
  if (!(await isFolder(directory))) throw fail('ADC_DATASET', { path: directory, what: 'is not a folder' });
  const path = join(directory, category);
  if (await isFolder(path)) return path;
  const there = await listFolders(directory);
  const what = `no category ${category}; there ${there.length ? `are ${some(there)}` : 'are no folders in it'}`;
  throw fail('ADC_DATASET', { path: directory, what });
}
