/** Recognising how a folder of pictures is laid out, so that a project file can be proposed for it. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fail } from '../errors.ts';
import type { CategorySettings } from '../project.ts';
import { isGoodName, isPictureName } from './folder-names.ts';

/** Folders that hold masks, never pictures to look at. */
const MASK_NAMES = new Set(['ground_truth', 'masks', 'mask', 'labels']);

/** What was found. */
export interface Layout {
  readonly categories: Readonly<Record<string, CategorySettings>>;
  /** In words, for the person who runs `init`. */
  readonly kind: string;
}

async function entries(folder: string): Promise<Dirent[]> {
  try {
    const found = await readdir(folder, { withFileTypes: true });
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    return [];
  }
}

async function folders(folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await entries(folder)) {
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(join(folder, entry.name)))))
      names.push(entry.name);
  }
  return names;
}

/** Whether a folder is there. */
export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Names of the pictures in a folder, sorted. */
export async function picturesIn(folder: string): Promise<string[]> {
  return (await entries(folder)).map(({ name }) => name).filter(isPictureName);
}

/** One category in the layout of MVTec AD, its folders relative to `root`. */
async function mvtecCategory(root: string, inside: string): Promise<CategorySettings | undefined> {
  const at = (...parts: string[]) => [inside, ...parts].filter(Boolean).join('/');
  if (!(await isFolder(join(root, at('train', 'good'))))) return undefined;
  const types = (await folders(join(root, at('test')))).filter((name) => !isGoodName(name));
  const hasTest = await isFolder(join(root, at('test')));
  const hasMasks = await isFolder(join(root, at('ground_truth')));
  return {
    good: [at('train', 'good')],
    test: hasTest ? [at('test')] : [],
    ...(hasMasks ? { masks: at('ground_truth') } : {}),
    defects: types,
  };
}

/**
 * Looks at a folder: one category as in MVTec AD, several of them, a folder named good or ok beside others, or pictures only.
 * @throws ADC_FOLDER_MISSING; ADC_NO_NORMALS when there is nothing that could be good pictures.
 */
export async function detectLayout(directory: string): Promise<Layout> {
  const root = resolve(directory);
  if (!(await isFolder(root))) throw fail('ADC_FOLDER_MISSING', { path: directory });
  const name = basename(root) || 'product';
  const single = await mvtecCategory(root, '');
  if (single) return { kind: 'one category in the layout of MVTec AD', categories: { [name]: single } };

  const inside = await folders(root);
  const several: Record<string, CategorySettings> = {};
  for (const folder of inside) {
    const category = await mvtecCategory(root, folder);
    if (category) several[folder] = category;
  }
  const count = Object.keys(several).length;
  if (count > 0) return { kind: `${count} categories in the layout of MVTec AD`, categories: several };

  const good = inside.filter((folder) => isGoodName(folder));
  if (good.length > 0) {
    const defects = inside.filter((folder) => !good.includes(folder) && !MASK_NAMES.has(folder.toLowerCase()));
    const masks = inside.find((folder) => MASK_NAMES.has(folder.toLowerCase()));
    const category = { good, test: defects, ...(masks ? { masks } : {}), defects };
    return { kind: 'folders named by what they hold', categories: { [name]: category } };
  }
  if ((await picturesIn(root)).length > 0) {
    const category = { good: ['.'], test: [], defects: [] };
    return { kind: 'pictures in one folder, all taken as good', categories: { [name]: category } };
  }
  throw fail('ADC_NO_NORMALS', { path: directory });
}
