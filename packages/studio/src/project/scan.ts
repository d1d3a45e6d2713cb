/** Finding the pictures of a project that are to be labelled, and keeping the database in step with the disk. */
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { readUprightSize, toStored } from '@adclick/core';
import type { FoundImage, ImageRepository } from '../store/images.ts';
import { categoriesOf } from './categories.ts';
import { allowedFolders, findLabelled, projectFinder } from './category-pictures.ts';
import { type FoundPicture, liesIn, type PassedOver, parallel } from './finding.ts';
import type { Project } from './project.ts';

/** Why a file is no picture by its name or its place: people may have taken it for one all the same. */
const BY_RULE: readonly PassedOver['why'][] = ['mask', 'masks', 'again'];

/** The real path of a file. @returns undefined when it is gone or a link leads out of the project. */
export async function realPathInside(path: string, allowed: readonly string[]): Promise<string | undefined> {
  const real = await realpath(path).catch(() => undefined);
  return real !== undefined && liesIn(real, allowed) ? real : undefined;
}

/** What a scan found. */
export interface ScanReport {
  readonly pictures: number;
  readonly added: number;
  /** Pictures that are no longer there. */
  readonly gone: number;
  /** Files that look like pictures and cannot be read, or that changed their size though they have labels. */
  readonly unreadable: readonly string[];
  /** What looks like a picture and is none to be labelled, with the reason. */
  readonly passedOver: readonly PassedOver[];
}

/** Looks through the folders; only new and changed files are opened. */
export async function scanProject(project: Project, images: ImageRepository): Promise<ScanReport> {
  const stored = (path: string) => toStored(project.root, path);
  const allowed = await allowedFolders(project);
  const known = await images.known();
  const finder = projectFinder(project, { allowed, missing: true });
  const seen = new Map<string, FoundPicture>();
  const fresh: { category: string; file: string; path: string }[] = [];
  for (const category of categoriesOf(project))
    for (const picture of (await findLabelled(project, category, finder)).pictures) {
      const path = stored(picture.path);
      if (seen.has(path)) continue;
      seen.set(path, picture);
      const old = known.get(path);
      if (!old || old.gone || old.bytes !== picture.bytes || old.modified !== picture.modified)
        fresh.push({ category: category.name, file: picture.path, path });
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
      const { bytes, modified } = seen.get(path) as FoundPicture;
      found.push({ category, path, ...size, bytes, modified });
    } catch {
      // One broken file must not hide the others; it is counted.
      unreadable.push(path);
      seen.delete(path);
    }
  });
  found.sort((a, b) => (a.path < b.path ? -1 : 1));
  // What has labels stays what it was.
  const byRule = finder.passedOver.filter(({ why }) => BY_RULE.includes(why)).map(({ path }) => path);
  const stays = [...known].filter(
    ([path, { gone, version }]) =>
      !gone && version > 0 && !seen.has(path) && liesIn(resolve(project.root, path), byRule),
  );
  const kept = new Set(stays.map(([path]) => path));
  const gone = [...known]
    .filter(([path, { gone }]) => !gone && !seen.has(path) && !kept.has(path))
    .map(([path]) => path);
  if (found.length > 0 || gone.length > 0) await images.update(found, gone);
  const added = found.filter(({ path }) => !known.has(path)).length;
  const passedOver = finder.passedOver.filter(({ path }) => !kept.has(stored(path)));
  return { pictures: seen.size + kept.size, added, gone: gone.length, unreadable: unreadable.sort(), passedOver };
}
