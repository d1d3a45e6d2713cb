/** Finding the pictures of a project that are to be labelled, and keeping the database in step with the disk. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { readUprightSize } from '@adclick/core';
import type { Project } from '../project.ts';
import type { FoundImage, ImageRepository } from '../store/images.ts';
import { isPictureName } from './layout.ts';
import { type Category, categoriesOf } from './projects.ts';

/** Files looked at at once. */
const PARALLEL = 16;
/** Names that hold masks, in whatever folder they lie. */
const MASK_NAME = /_mask\.\w+$/i;

/** Folders of a category whose pictures are labelled: those that may have defects, else the good ones. */
export const labelledFolders = ({ settings }: Category): readonly string[] =>
  settings.test.length > 0 ? settings.test : settings.good;

/** Whether a path lies in one of the folders once links are followed. */
const inside = (path: string, folders: readonly string[]) =>
  folders.some((folder) => path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep));

/** Real paths that pictures of a project may have: the project, and the folders that its file names. */
export async function allowedFolders(project: Project): Promise<string[]> {
  const named = categoriesOf(project).flatMap(({ settings }) => [...settings.good, ...settings.test]);
  const all = [project.root, ...named.map((folder) => resolve(project.root, folder))];
  const real = await Promise.all(all.map((folder) => realpath(folder).catch(() => undefined)));
  return real.filter((folder) => folder !== undefined);
}

/** The real path of a file. @returns undefined when it is gone or a link leads out of the project. */
export async function safePath(path: string, allowed: readonly string[]): Promise<string | undefined> {
  const real = await realpath(path).catch(() => undefined);
  return real !== undefined && inside(real, allowed) ? real : undefined;
}

async function* walk(folder: string, allowed: readonly string[], deep: boolean): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    const link = entry.isSymbolicLink();
    if (link && !(await safePath(path, allowed))) continue;
    if (entry.isDirectory()) {
      if (deep) yield* walk(path, allowed, deep);
      // Links to folders are not followed: they may lead in circles.
    } else if ((entry.isFile() || (link && (await stat(path)).isFile())) && isPictureName(entry.name))
      if (!MASK_NAME.test(entry.name)) yield path;
  }
}

/** What a scan found. */
export interface ScanReport {
  readonly pictures: number;
  readonly added: number;
  /** Pictures that are no longer there. */
  readonly gone: number;
  /** Files that look like pictures and cannot be read, or that changed their size though they have labels. */
  readonly unreadable: readonly string[];
}

/** Looks through the folders; only new and changed files are opened. */
export async function scanProject(project: Project, images: ImageRepository): Promise<ScanReport> {
  const allowed = await allowedFolders(project);
  const known = await images.known();
  const seen = new Set<string>();
  const fresh: { category: string; file: string; path: string }[] = [];
  const stats = new Map<string, { bytes: number; modified: number }>();
  for (const category of categoriesOf(project))
    for (const folder of labelledFolders(category)) {
      const root = resolve(project.root, folder);
      const files: string[] = [];
      for await (const file of walk(root, allowed, category.settings.test.length > 0)) files.push(file);
      await parallel(files, async (file) => {
        const path = relative(project.root, file).split(sep).join('/');
        if (seen.has(path)) return;
        seen.add(path);
        const { size: bytes, mtimeMs: modified } = await stat(file);
        stats.set(path, { bytes, modified });
        const old = known.get(path);
        if (!old || old.gone || old.bytes !== bytes || old.modified !== modified)
          fresh.push({ category: category.name, file, path });
      });
    }
  const found: FoundImage[] = [];
  const unreadable: string[] = [];
  await parallel(fresh, async ({ category, file, path }) => {
    try {
      const size = await readUprightSize(file);
      const old = known.get(path);
      const resized = old && (old.width !== size.width || old.height !== size.height);
      // A mask of another size fits no pixel of the new picture; its history waits until the old one is back.
      if (resized && old.version > 0) throw new Error('its size has changed');
      found.push({ category, path, ...size, ...stats.get(path)! });
    } catch {
      // One broken file must not hide the others; it is counted.
      unreadable.push(path);
      seen.delete(path);
    }
  });
  found.sort((a, b) => (a.path < b.path ? -1 : 1));
  const gone = [...known].filter(([path, { gone }]) => !gone && !seen.has(path)).map(([path]) => path);
  if (found.length > 0 || gone.length > 0) await images.update(found, gone);
  const added = found.filter(({ path }) => !known.has(path)).length;
  return { pictures: seen.size, added, gone: gone.length, unreadable: unreadable.sort() };
}

async function parallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async () => {
    while (next < items.length) await work(items[next++] as T);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, run));
}
