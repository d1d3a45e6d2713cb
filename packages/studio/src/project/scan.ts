/** Finding the pictures of a project that are to be labelled, and keeping the database in step with the disk. */
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isMissing, toStored } from '@adclick/core/files';
import { readUprightSize } from '@adclick/core/image';
import { log, passOverIfThere } from '../log.ts';
import type { FoundImage, ImageRepository } from '../store/images.ts';
import { categoriesOf } from './categories.ts';
import { allowedFolders, findLabelled, foldersAway, projectFinder } from './category-pictures.ts';
import { type FoundPicture, liesIn, type PassedOver, parallel } from './finding.ts';
import type { Project } from './project.ts';

/** Why a file is no picture by its name or its place: people may have taken it for one all the same. */
const BY_RULE: readonly PassedOver['why'][] = ['mask', 'masks', 'again'];
/** Why a file or folder that is there could not be looked into; what was seen in it is there still, as far as anybody knows. */
const NOT_NOW: readonly PassedOver['why'][] = ['unreadable', 'nothing'];

/** The real path of a file. @returns undefined when it is gone or a link leads out of the project. */
export async function realPathInside(path: string, allowed: readonly string[]): Promise<string | undefined> {
  const real = await realpath(path).catch(passOverIfThere('path not followed', { path }));
  return real !== undefined && liesIn(real, allowed) ? real : undefined;
}

/** Whether the system could not read a file, rather than that it is gone or no picture. */
function isOfTheDisk(error: unknown): boolean {
  const cause: NodeJS.ErrnoException =
    error instanceof Error && error.cause instanceof Error ? error.cause : new Error();
  return cause.syscall !== undefined && !isMissing(cause);
}

/** What a scan found. */
export interface ScanReport {
  readonly pictures: number;
  readonly added: number;
  /** Pictures that are no longer there. */
  readonly gone: number;
  /** Pictures that stay in the list though the folder they lie in cannot be read now. */
  readonly away: number;
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
  /** Files and folders that cannot be read for a moment. */
  const notNow = await foldersAway(project);
  await parallel(fresh, async ({ category, file, path }) => {
    try {
      const size = await readUprightSize(file);
      const old = known.get(path);
      const resized = old && (old.width !== size.width || old.height !== size.height);
      // A mask of another size fits no pixel of the new picture; its history waits until the old one is back.
      if (resized && old.version > 0) throw new Error('its size has changed');
      const { bytes, modified } = seen.get(path) as FoundPicture;
      found.push({ category, path, ...size, bytes, modified });
    } catch (err) {
      log.warn({ err, path }, 'picture not read');
      seen.delete(path);
      if (known.get(path)?.gone === false && isOfTheDisk(err)) notNow.push(file);
      // One broken file must not hide the others; it is counted.
      else unreadable.push(path);
    }
  });
  found.sort((a, b) => (a.path < b.path ? -1 : 1));
  const unseen = [...known].filter(([path, { gone }]) => !gone && !seen.has(path));
  const liesBelow = (path: string, folders: readonly string[]) => liesIn(resolve(project.root, path), folders);
  const passedFor = (reasons: readonly PassedOver['why'][]) =>
    finder.passedOver.filter(({ why }) => reasons.includes(why)).map(({ path }) => path);
  // What has labels stays what it was.
  const byRule = passedFor(BY_RULE);
  const stays = unseen.filter(([path, { version }]) => version > 0 && liesBelow(path, byRule));
  // What cannot be read for a moment is not gone; a picture that is gone from a folder that can be read is.
  const away = [...new Set([...notNow, ...passedFor(NOT_NOW)])]
    .map((folder) => ({ folder, files: unseen.filter(([path]) => liesBelow(path, [folder])).map(([path]) => path) }))
    .filter(({ files }) => files.length > 0);
  const awayPaths = new Set(away.flatMap(({ files }) => files));
  const kept = new Set([...stays.map(([path]) => path), ...awayPaths]);
  const gone = unseen.filter(([path]) => !kept.has(path)).map(([path]) => path);
  if (found.length > 0 || gone.length > 0) await images.update(found, gone);
  const added = found.filter(({ path }) => !known.has(path)).length;
  const awayFolders = new Set(away.map(({ folder }) => folder));
  const passedOver = [
    ...finder.passedOver.filter(({ path }) => !kept.has(stored(path)) && !awayFolders.has(path)),
    ...away.map(({ folder, files }) => ({ path: folder, why: 'away' as const, files: files.length })),
  ];
  const counts = { pictures: seen.size + kept.size, added, gone: gone.length, away: awayPaths.size };
  return { ...counts, unreadable: unreadable.sort(), passedOver };
}
