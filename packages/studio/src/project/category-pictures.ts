/** The pictures of a category: what its folders, single pictures and patterns in adclick.yaml stand for on disk. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { toStored } from '@adclick/core/files';
import { passOverIfThere } from '../log.ts';
import { withoutSlashes } from '../path-parts.ts';
import { type Category, categoriesOf, entryFolder } from './categories.ts';
import { Finder, type FinderOptions, type FoundPicture, namesIn, type PassedOver } from './finding.ts';
import { isForeignFolder, isPictureName, RECORDS_FILE } from './folder-names.ts';
import type { Project } from './project.ts';

/** What one entry of `good` or `test` stands for. */
type Place =
  | { readonly file: string }
  | { readonly folder: string; readonly below: boolean; readonly only?: RegExp | undefined };

const isThere = (path: string, kind: 'isFile' | 'isDirectory') =>
  stat(path).then(
    (found) => found[kind](),
    () => false,
  );

/**
 * A pattern's part as an expression: `*` stands for any characters of a name. Text between two of them is found at its first place, and no
 * other is tried: names that nearly match would take time without end.
 */
export function expression(part: string): RegExp {
  const [first, ...more] = part.replace(/[.+?^${}()|[\]\\]/g, '\\$&').split(/\*+/);
  const last = more.pop();
  const between = more.map((text, i) => `(?=(.*?${text}))\\${i + 1}`).join('');
  return new RegExp(`^${first}${between}${last === undefined ? '' : `.*${last}`}$`, 'iu');
}

async function matches(folder: string, parts: readonly string[]): Promise<Place[]> {
  const [part, ...rest] = parts;
  if (part === undefined) return [{ folder, below: false }];
  if (part === '**') return [{ folder, below: true, only: rest[0] === undefined ? undefined : expression(rest[0]) }];
  const found: Place[] = [];
  const names = part.includes('*') ? (await namesIn(folder)).sort() : [part];
  const wanted = expression(part);
  for (const name of names) {
    if (part.includes('*') && (isForeignFolder(name) || !wanted.test(name))) continue;
    const path = join(folder, name);
    if (await isThere(path, 'isDirectory')) found.push(...(await matches(path, rest)));
    else if (rest.length === 0 && isPictureName(name) && (await isThere(path, 'isFile'))) found.push({ file: path });
  }
  return found;
}

/**
 * What an entry stands for: a folder, a picture, or what a pattern matches, where `*` is any part of a name and `**` all folders below,
 * as in `NG/**` or `test/*\/rgb`.
 */
async function placesOf(root: string, entry: string): Promise<Place[]> {
  const path = resolve(root, entry);
  if (await isThere(path, 'isDirectory')) return [{ folder: path, below: false }];
  if (await isThere(path, 'isFile')) return [{ file: path }];
  if (!entry.includes('*')) return [{ folder: path, below: false }];
  const start = entryFolder(entry);
  const parts = entry.split('/').filter((part) => part !== '');
  const fixed = start === '.' ? 0 : start.split('/').filter((part) => part !== '').length;
  return matches(resolve(root, start), parts.slice(fixed));
}

/** Folders that an entry of `masks` stands for, relative to the project, and what its `*` stand for in each. */
export async function matchingFolders(
  root: string,
  entry: string,
): Promise<{ readonly path: string; readonly matched: readonly string[] }[]> {
  const plain = withoutSlashes(entry);
  const pattern = plain.split('/');
  const found: { path: string; matched: string[] }[] = [];
  for (const place of await placesOf(root, plain)) {
    if (!('folder' in place)) continue;
    const path = toStored(root, place.folder);
    const parts = path.split('/');
    const isPattern = path !== plain && parts.length === pattern.length;
    found.push({ path, matched: isPattern ? parts.filter((_, i) => pattern[i]?.includes('*')) : [] });
  }
  return found;
}

/**
 * Whether a category only looks at files of one ending in a folder, so that files of the same names with another ending are no pictures.
 * @param folder relative to the project.
 */
export const hasOneEnding = ({ settings }: Category, folder: string): boolean =>
  [...settings.good, ...settings.test].some((entry) => {
    const base = entryFolder(entry);
    return /\*\.[^/*]+$/.test(entry) && (base === '.' || folder === base || folder.startsWith(`${base}/`));
  });

/** Pictures of one list, and what was passed over on the way. */
export interface CategoryPictures {
  readonly pictures: readonly FoundPicture[];
  readonly passedOver: readonly PassedOver[];
}

/** Folders that some category names, by their full path. */
function named(project: Project): (folder: string) => boolean {
  const entries = categoriesOf(project).flatMap(({ settings: { good, test, masks } }) => [
    ...good,
    ...test,
    ...(masks === undefined ? [] : [masks]),
  ]);
  const folders = new Set(entries.map((entry) => resolve(project.root, entryFolder(entry))));
  return (folder) => folders.has(folder);
}

/** Whether a folder is the one that holds a category's masks. */
export function maskFolders(project: Project): (folder: string) => boolean {
  const masks = categoriesOf(project).flatMap(({ settings }) => (settings.masks === undefined ? [] : [settings.masks]));
  const expressions = masks.map((entry) => {
    const path = resolve(project.root, entry);
    const parts = path.split(/[\\/]/).map((part) => expression(part));
    return (folder: string) => {
      const names = folder.split(/[\\/]/);
      return names.length === parts.length && parts.every((part, i) => part.test(names[i]));
    };
  });
  return (folder) => expressions.some((is) => is(folder));
}

/** Real paths that pictures of a project may have: the project, and what its file names. */
export async function allowedFolders(project: Project): Promise<string[]> {
  const entries = categoriesOf(project).flatMap(({ settings }) => [...settings.good, ...settings.test]);
  const all = [project.root, ...entries.map((entry) => resolve(project.root, entryFolder(entry)))];
  const real = await Promise.all(
    [...new Set(all)].map((folder) => realpath(folder).catch(passOverIfThere('folder not followed', { folder }))),
  );
  return real.filter((folder) => folder !== undefined);
}

/** Folders that a project names for its pictures and that cannot be read now: they may be back in a moment, as those of a network drive. */
export async function foldersAway(project: Project): Promise<string[]> {
  const entries = categoriesOf(project).flatMap(({ settings }) => [...settings.good, ...settings.test]);
  const folders = [...new Set(entries.map((entry) => resolve(project.root, folderOf(entry))))];
  const away = folders.map((folder) =>
    readdir(folder).then(
      () => undefined,
      () => folder,
    ),
  );
  return (await Promise.all(away)).filter((folder) => folder !== undefined);
}

/** The folder in which an entry's pictures lie, of a single picture the one that it is in. */
const folderOf = (entry: string) =>
  isPictureName(entry) && !entry.includes('*') ? dirname(entry) : entryFolder(entry);

async function collect(
  finder: Finder,
  root: string,
  entries: readonly string[],
  deep: boolean,
): Promise<FoundPicture[]> {
  const found: FoundPicture[] = [];
  for (const entry of entries) {
    const places = await placesOf(root, entry);
    if (places.length === 0) finder.miss(resolve(root, entry));
    for (const place of places) {
      if ('file' in place) found.push(...[await finder.single(place.file)].filter((picture) => picture !== undefined));
      else found.push(...(await finder.find(place.folder, { deep: deep || place.below, only: place.only })));
    }
  }
  return found;
}

/** A finder for the pictures of a project. @param options beside what the project itself says; default: links may lead anywhere. */
export const projectFinder = (project: Project, options: Pick<FinderOptions, 'allowed' | 'missing'> = {}): Finder =>
  new Finder({
    ...options,
    masks: maskFolders(project),
    known: named(project),
    marker: RECORDS_FILE,
  });

/**
 * A category's good pictures, by folder and name. A picture that `test` names by itself is none of them, whatever folder it lies in.
 * @throws ADC_FOLDER_MISSING.
 */
export async function findGood(
  project: Project,
  { settings }: Category,
  finder: Finder = projectFinder(project),
): Promise<CategoryPictures> {
  const { root } = project;
  const apart = new Set(settings.test.filter(isPictureName).map((entry) => resolve(root, entry)));
  const pictures = await collect(finder, root, settings.good, false);
  return { pictures: pictures.filter(({ path }) => !apart.has(path)), passedOver: finder.passedOver };
}

/** Paths of a category's good pictures, see {@link findGood}. */
export const goodPictures = async (project: Project, category: Category): Promise<string[]> =>
  (await findGood(project, category)).pictures.map(({ path }) => path);

/**
 * A category's pictures that may have defects, in all folders below the ones that are named; without any, its good ones.
 * @throws ADC_FOLDER_MISSING.
 */
export async function findLabelled(
  project: Project,
  category: Category,
  finder: Finder = projectFinder(project),
): Promise<CategoryPictures> {
  const { test } = category.settings;
  if (test.length === 0) return findGood(project, category, finder);
  return { pictures: await collect(finder, project.root, test, true), passedOver: finder.passedOver };
}

/** How many pictures a category has, and what looks like pictures in its folders and is passed over. */
export interface CategoryCounts {
  readonly good: number;
  /** Pictures to look at, which may have defects. */
  readonly test: number;
  readonly passedOver: readonly PassedOver[];
}

/** Counts a category's pictures as indexing and labelling will find them. */
export async function countPictures(project: Project, category: Category): Promise<CategoryCounts> {
  const good = await findGood(project, category, projectFinder(project, { missing: true }));
  const allowed = await allowedFolders(project);
  const none = { pictures: [], passedOver: [] };
  const apart = category.settings.test.length > 0;
  const test = apart ? await findLabelled(project, category, projectFinder(project, { allowed, missing: true })) : none;
  return {
    good: good.pictures.length,
    test: test.pictures.length,
    passedOver: [...good.passedOver, ...test.passedOver],
  };
}
