/** Where the masks of a category lie: in folders of masks, in folders below those of their pictures, or beside them. */
import { readdir } from 'node:fs/promises';
import { fromStored, nameKey } from '@adclick/core/files';
import { passOver } from '../log.ts';
import { folderOf, nameOf } from '../path-parts.ts';
import type { Category } from './categories.ts';
import { hasOneEnding, matchingFolders } from './category-pictures.ts';
import {
  isForeignFolder,
  isGoodName,
  isHolderName,
  isMaskName,
  isNumbered,
  isPictureName,
  maskedStem,
  masksBeside,
  splitOf,
  stemOf,
} from './folder-names.ts';
import type { Project } from './project.ts';

/** Type of a defect that no folder names. */
const UNNAMED = 'defect';
/** The files of one mask, and what their place says. Paths are relative to the project, with forward slashes. */
export interface PlacedMask {
  /** One file, or those of a folder that hold the parts of one mask. */
  readonly paths: readonly string[];
  /** Type of the defect; undefined where its place does not say: then it is the picture's, and a mask without pixels says that it is good. */
  readonly type: string | undefined;
  /** Name of its picture without ending. */
  readonly name: string;
  /** The picture that it lies with, where that is certain. */
  readonly picture?: string;
}

const joined = (folder: string, name: string) => (folder === '' || folder === '.' ? name : `${folder}/${name}`);

/** The folder that says what a picture shows: the last one above it that does more than hold or number pictures. */
export function sayingFolder(path: string): string {
  const parts = folderOf(path).split('/');
  while (parts.length > 1 && (isHolderName(parts.at(-1) as string) || isNumbered(parts.at(-1) as string))) parts.pop();
  return parts.at(-1) ?? '';
}

/** Whether the folder of a picture says that it is good. */
export const liesAmongGood = (path: string): boolean => isGoodName(sayingFolder(path));

/** Type of the defects of a picture by its folder. @param path relative to the project. */
export function typeByFolder(path: string, { settings }: Pick<Category, 'settings'>): string {
  const folder = sayingFolder(path);
  if (settings.defects.includes(folder)) return folder;
  const [only, ...others] = settings.defects;
  if (only !== undefined && others.length === 0) return only;
  const isNoType = [isGoodName, splitOf, isHolderName].some((is) => is(folder)) || isNumbered(folder);
  return folder === '' || isNoType || settings.test.includes(folderOf(path)) ? UNNAMED : folder;
}

async function contents(root: string, folder: string): Promise<{ files: string[]; folders: string[] }> {
  const entries = await readdir(fromStored(root, folder), { withFileTypes: true }).catch(
    (err) => passOver('folder of masks not read', { path: folder })(err) ?? [],
  );
  const files = entries.filter((entry) => !entry.isDirectory() && isPictureName(entry.name)).map(({ name }) => name);
  const folders = entries
    .filter((entry) => entry.isDirectory() && !isForeignFolder(entry.name))
    .map(({ name }) => name);
  return { files: files.sort(), folders: folders.sort() };
}

/** Pictures that lie around a folder of masks, or in one that only holds them beside it, by their name without ending; not those that share one. */
function picturesNear(pictures: readonly string[], place: string): Map<string, string> {
  const around = folderOf(place);
  const near = new Map<string, string>();
  const twice = new Set<string>();
  for (const path of pictures) {
    const folder = folderOf(path);
    if (folder !== around && !(isHolderName(nameOf(folder)) && folderOf(folder) === around)) continue;
    const stem = nameKey(stemOf(nameOf(path)));
    if (near.has(stem)) twice.add(stem);
    near.set(stem, path);
  }
  for (const stem of twice) near.delete(stem);
  return near;
}

/**
 * The masks of a category.
 * @param pictures paths of its pictures, relative to the project.
 * @param folder of its masks when the project names none: where they would be written.
 */
export async function placedMasks(
  { root }: Project,
  category: Category,
  pictures: readonly string[],
  folder: string,
): Promise<PlacedMask[]> {
  const stems = new Set(pictures.map((path) => nameKey(stemOf(nameOf(path)))));
  /** A mask is called as its picture, or as that with an ending; a picture's name may have such an ending itself. */
  const nameFor = (file: string) => {
    const stem = stemOf(file);
    const masked = maskedStem(stem);
    return masked !== undefined && (stems.has(nameKey(masked)) || !stems.has(nameKey(stem))) ? masked : stem;
  };
  const found: PlacedMask[] = [];
  const taken = new Set(pictures);
  const add = (mask: PlacedMask) => {
    const paths = mask.paths.filter((path) => !taken.has(path));
    if (paths.length === 0) return;
    for (const path of paths) taken.add(path);
    found.push({ ...mask, paths });
  };

  const { masks } = category.settings;
  const places = masks === undefined ? [{ path: folder, matched: [] }] : await matchingFolders(root, masks);
  for (const { path: place, matched } of places) {
    const said = matched.find((name) => !splitOf(name));
    const inside = await contents(root, place);
    const near = picturesNear(pictures, place);
    for (const file of inside.files) {
      const name = nameFor(file);
      const picture = near.get(nameKey(name));
      add({ paths: [joined(place, file)], type: said, name, ...(picture === undefined ? {} : { picture }) });
    }
    for (const type of inside.folders) {
      const at = joined(place, type);
      const typed = await contents(root, at);
      for (const file of typed.files) add({ paths: [joined(at, file)], type, name: nameFor(file) });
      // As in MVTec LOCO AD, whose masks of one picture lie in a folder of its name.
      for (const name of typed.folders) {
        const { files } = await contents(root, joined(at, name));
        if (files.length > 0) add({ paths: files.map((file) => `${joined(at, name)}/${file}`), type, name });
      }
    }
  }

  const byFolder = new Map<string, string[]>();
  for (const path of pictures) byFolder.set(folderOf(path), [...(byFolder.get(folderOf(path)) ?? []), path]);
  for (const [at, paths] of byFolder) {
    const { files, folders } = await contents(root, at);
    const byStem = new Map(paths.map((path) => [stemOf(nameOf(path)), path]));
    const own = new Set(paths.map(nameOf));
    const beside = masksBeside(files);
    for (const file of files) {
      if (own.has(file)) continue;
      const picture = joined(at, beside.get(file) ?? '');
      const owner = own.has(nameOf(picture))
        ? picture
        : hasOneEnding(category, at)
          ? byStem.get(stemOf(file))
          : undefined;
      if (owner !== undefined)
        add({ paths: [joined(at, file)], type: undefined, name: stemOf(nameOf(owner)), picture: owner });
    }
    for (const below of folders.filter(isMaskName))
      for (const file of (await contents(root, joined(at, below))).files) {
        const picture = byStem.get(stemOf(file)) ?? byStem.get(maskedStem(stemOf(file)) ?? '');
        if (picture !== undefined)
          add({ paths: [joined(joined(at, below), file)], type: undefined, name: stemOf(nameOf(picture)), picture });
      }
  }
  return found;
}
