/** Projects on disk: proposing a file for a folder, finding the category of a picture, where caches lie. */
import { createHash } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isFolder, isInside } from '@adclick/core/files';
import { CACHE_FOLDER } from '../cache-folder.ts';
import { fail } from '../errors.ts';
import { detectLayout, type Layout } from './layout.ts';
import {
  type CategorySettings,
  openProject,
  PROJECT_FILE,
  type Project,
  type ProjectDraft,
  writeProject,
} from './project.ts';

/** A category of a project, with its name. */
export interface Category {
  readonly name: string;
  readonly settings: CategorySettings;
}

/** What `init` would write. @throws ADC_PROJECT_EXISTS unless replacing, and what {@link detectLayout} throws. */
export async function proposeProject(
  directory: string,
  replace: boolean,
): Promise<{ path: string; layout: Layout; draft: ProjectDraft }> {
  const path = join(resolve(directory), PROJECT_FILE);
  const layout = await detectLayout(directory);
  if (!replace && existsSync(path)) throw fail('ADC_PROJECT_EXISTS', { path });
  return { path, layout, draft: { categories: { ...layout.categories } } };
}

/** Opens a folder's project; a folder that has none yet gets the file that `init --yes` would write. */
export async function openOrInit(directory: string): Promise<{ project: Project; created: boolean }> {
  if (!(await isFolder(directory))) throw fail('ADC_FOLDER_MISSING', { path: directory });
  if (existsSync(join(resolve(directory), PROJECT_FILE)))
    return { project: await openProject(directory), created: false };
  const { path, draft } = await proposeProject(directory, false);
  return { project: await writeProject(path, draft), created: true };
}

/** The part of an entry of `good` or `test` before its first `*`: the folder that everything it stands for lies in. */
export function entryFolder(entry: string): string {
  const parts = entry.split('/');
  const first = parts.findIndex((part) => part.includes('*'));
  return first < 0 ? entry : parts.slice(0, first).join('/') || '.';
}

/** The categories of a project, or the one that was asked for. @throws ADC_PROJECT for a name it does not have. */
export function categoriesOf({ root, settings }: Project, only?: string): Category[] {
  const all = Object.entries(settings.categories).map(([name, category]) => ({ name, settings: category }));
  if (only === undefined) return all;
  const found = all.filter(({ name }) => name === only);
  if (found.length > 0) return found;
  const what = `it has no category ${only}, only ${all.map(({ name }) => name).join(', ')}`;
  const mend = 'Give one of these, or add the category to the file.';
  throw fail('ADC_PROJECT', { path: join(root, PROJECT_FILE), where: '', field: 'categories', what, mend });
}

/**
 * The category that a picture belongs to: the one that was named, the only one, or the one whose folders hold it.
 * @throws ADC_USAGE when none of these says.
 */
export function categoryOf(project: Project, picture: string, named?: string): Category {
  const all = categoriesOf(project, named);
  if (all.length === 1) return all[0];
  const holding = (path: string) =>
    all.filter(({ settings }) =>
      [...settings.good, ...settings.test].some((entry) => isInside(resolve(project.root, entryFolder(entry)), path)),
    );
  // A link stands for what it leads to where it lies in no category itself.
  const paths = [resolve(picture), ...(existsSync(picture) ? [realpathSync(picture)] : [])];
  for (const path of paths) {
    const found = holding(path);
    if (found.length === 1) return found[0];
  }
  const names = all.map(({ name }) => name).join(', ');
  throw fail('ADC_USAGE', {
    what: `which category is ${picture}? add --category with one of ${names}`,
    command: 'adclick label',
  });
}

/** Folder of a category's reference index: one for every choice of settings, so that a stale one is never opened. */
export function indexFolder({ root, settings }: Project, category: Category): string {
  const key = JSON.stringify({
    category: category.name,
    good: category.settings.good,
    backbone: settings.backbone,
    pixels: settings.pixels,
    smallest: settings.smallest,
  });
  return join(root, CACHE_FOLDER, 'index', createHash('sha256').update(key).digest('hex').slice(0, 16));
}
