/** What a folder is that is no category of a known layout: the folder around categories, one that is half unpacked, one of renamed parts. */
import { readdir } from 'node:fs/promises';
import { listFolders, some } from './files.ts';
import { setAmong, setsWith } from './published.ts';
import type { DatasetLayout } from './types.ts';

/** Whose layout it is, as people call it. */
const CALLED: Readonly<Record<DatasetLayout, string>> = {
  mvtec: 'MVTec AD',
  'mvtec-loco': 'MVTec LOCO AD',
  'mvtec-3d': 'MVTec 3D-AD',
  visa: 'VisA',
  ksdd: 'KolektorSDD',
  ksdd2: 'KolektorSDD2',
  btad: 'BTAD',
  dagm: 'DAGM 2007',
  folder: 'plain pictures',
};

const ARCHIVES = /\.(zip|7z|rar|tar|tgz|txz|tar\.(gz|xz|bz2))$/i;
/** Folders that layouts have, in the spelling that is looked for. */
const PARTS = ['train', 'test', 'validation', 'ground_truth', 'Data', 'Train', 'Test'];

const plain = (name: string) => name.toLowerCase().replace(/[\s_-]/g, '');
const LOOKED_FOR =
  'train/good, train/ok, Data/Images/Normal, Train/Label, train/*_GT.png, kos01/*_label.bmp nor pictures in it';

/** A sentence's part about the categories in a folder. */
function around(categories: ReadonlyMap<string, DatasetLayout>): string {
  const names = [...categories.keys()];
  const [layout] = categories.values();
  const set = setAmong(categories)?.name ?? `the layout of ${CALLED[layout]}`;
  return `it holds ${names.length === 1 ? 'a category' : 'categories'} of ${set}, ${some(names)}: name one of them as the category`;
}

/**
 * What a folder without a known layout looks like.
 * @param categories folders in it that have one.
 */
export async function whatItIs(directory: string, categories: ReadonlyMap<string, DatasetLayout>): Promise<string> {
  if (categories.size > 0) return around(categories);
  const folders = await listFolders(directory);
  const archives = (await readdir(directory)).filter((name) => ARCHIVES.test(name));
  if (archives.length > 0) return `${some(archives)} in it is not unpacked`;
  const parts = folders.filter((name) => PARTS.includes(name));
  const renamed = folders.flatMap((name) => {
    const part = PARTS.find((each) => each !== name && plain(each) === plain(name));
    return part === undefined || folders.includes(part) ? [] : [`${name} for ${part}`];
  });
  const missing = `no ${LOOKED_FOR}`;
  if (parts.length === 0 && renamed.length > 0) return `${missing}; are its folders renamed, ${some(renamed)}?`;
  if (parts.length > 0) return `${missing}, only ${some(parts)}: it is half unpacked, or folders were renamed`;
  return missing;
}

/**
 * Why a category's folder may be missing.
 * @param layout of the folder that it is looked for in. @param categories folders in that one that have a layout.
 * @returns undefined where nothing is known of it.
 */
export function whereItIs(
  category: string,
  layout: DatasetLayout | undefined,
  categories: ReadonlyMap<string, DatasetLayout>,
): string | undefined {
  if (layout && layout !== 'folder')
    return `no category ${category}: the folder is itself a category, in the layout of ${CALLED[layout]}; call it .`;
  const there = setAmong(categories);
  const of = setsWith(category);
  if (!there || there.categories.has(category) || of.length === 0) return undefined;
  return `no category ${category}: the folder is ${there.name} (${some([...categories.keys()])}), and ${category} is of ${some(of)}`;
}
