/** Reference indexes of a project: building them incrementally, and opening only ones that fit the pictures as they are now. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ReferenceIndex, type Windows } from '@adclick/core';
import { toStored, writeFileAtomic } from '@adclick/core/files';
import { readSamples } from '@adclick/core/models';
import type { Runtime } from '@adclick/ortgrad';
import { z } from 'zod';
import { fail } from '../errors.ts';
import type { NotedOptions, OwnedOptions } from '../jobs/progress.ts';
import { log, passOver } from '../log.ts';
import { type Category, categoriesOf, indexFolder, openOrInit } from '../project/categories.ts';
import { findGood } from '../project/category-pictures.ts';
import type { FoundPicture, PassedOver } from '../project/finding.ts';
import { whileIndexing } from '../project/leases.ts';
import { tidyProject } from '../project/leftovers.ts';
import { gridOf, PROJECT_FILE, type Project } from '../project/project.ts';

/** How indexing one category went. */
export interface IndexReport {
  readonly category: string;
  readonly path: string;
  /** Good pictures in the index. */
  readonly pictures: number;
  /** Those that were not in it before. */
  readonly added: number;
  /** Through which the models see samples of more than 8 bits: one window for each type of sample. */
  readonly windows: Windows;
  readonly seconds: number;
  /** What looks like a good picture and is not in the index, with the reason. */
  readonly passedOver: readonly PassedOver[];
}

const seenSchema = z.object({ path: z.string(), bytes: z.number(), modified: z.number(), sha256: z.string() });

/** A picture as it was when the index was built. */
type Seen = Readonly<z.infer<typeof seenSchema>>;

const stampSchema = z.object({ pictures: z.array(seenSchema) });

/** Lies beside the index and tells whether the pictures are still the same, without reading all of them. */
const stampPath = (folder: string) => `${folder}.json`;

async function readStamp(folder: string): Promise<readonly Seen[]> {
  try {
    return stampSchema.parse(JSON.parse(await readFile(stampPath(folder), 'utf8'))).pictures;
  } catch (err) {
    log.debug({ err, folder }, 'no stamp of the index');
    // Without a stamp that can be read nothing is known, and the index is checked picture by picture.
    return [];
  }
}

/** Looks at the pictures; only those whose size or time differ from the stamp are read. */
async function look(root: string, found: readonly FoundPicture[], known: readonly Seen[]): Promise<Seen[]> {
  const before = new Map(known.map((seen) => [seen.path, seen]));
  const seen: Seen[] = [];
  for (const { path: file, bytes, modified } of found) {
    const path = toStored(root, file);
    const old = before.get(path);
    const same = old && old.bytes === bytes && old.modified === modified;
    const sha256 = same
      ? old.sha256
      : createHash('sha256')
          .update(await readFile(file))
          .digest('hex');
    seen.push({ path, bytes, modified, sha256 });
  }
  return seen;
}

const content = (pictures: readonly Seen[]) => pictures.map(({ path, sha256 }) => `${path} ${sha256}`).join('\n');

async function build(
  project: Project,
  category: Category,
  paths: readonly string[],
  runtime: Runtime | undefined,
  { onProgress, signal, note, owned }: NotedOptions & OwnedOptions,
): Promise<ReferenceIndex> {
  const { backbone } = project.settings;
  const label = `indexing ${category.name}`;
  return ReferenceIndex.build(
    paths.map((path) => ({ path })),
    {
      runtime,
      directory: indexFolder(project, category),
      backbone,
      ...gridOf(project.settings),
      onProgress: onProgress && (({ done, total }) => onProgress({ label, done, total })),
      signal,
      owned,
      onWarning: note && ((text) => note(`${category.name}: ${text}`)),
    },
  );
}

/** The good pictures of a category, and what is known of them. @throws ADC_NO_NORMALS. */
async function survey(project: Project, category: Category) {
  const folder = indexFolder(project, category);
  const { pictures: found, passedOver } = await findGood(project, category);
  if (found.length === 0) throw fail('ADC_NO_NORMALS', { path: category.settings.good.join(', ') });
  const known = await readStamp(folder);
  const pictures = await look(project.root, found, known);
  const paths = found.map(({ path }) => path);
  const writeStamp = () =>
    writeFileAtomic(stampPath(folder), new TextEncoder().encode(`${JSON.stringify({ pictures }, null, 1)}\n`));
  return { folder, paths, known, pictures, passedOver, writeStamp };
}

/**
 * Brings one category's index up to date. Where another process is at that, it is waited for, and nothing may be left to do.
 * @throws what {@link ReferenceIndex.build} throws, ADC_IN_USE, ADC_LEASE_LOST.
 */
export async function indexCategory(
  project: Project,
  category: Category,
  options: NotedOptions & { runtime?: Runtime } = {},
): Promise<IndexReport> {
  const started = performance.now();
  return whileIndexing(project.root, indexFolder(project, category), category.name, options, async (hold) => {
    const { folder, paths, known, pictures, passedOver, writeStamp } = await survey(project, category);
    const done = hold.waited && content(pictures) === content(known);
    const there =
      done &&
      (await ReferenceIndex.open(folder, { runtime: options.runtime }).catch(passOver('index not opened', { folder })));
    const index = there || (await build(project, category, paths, options.runtime, { ...options, ...hold }));
    const windows = index.windows ?? {};
    await index.close();
    await hold.owned();
    await writeStamp();
    const old = new Set(known.map(({ sha256 }) => sha256));
    return {
      category: category.name,
      path: folder,
      pictures: pictures.length,
      added: pictures.filter(({ sha256 }) => !old.has(sha256)).length,
      windows,
      seconds: (performance.now() - started) / 1000,
      passedOver,
    };
  });
}

/** Indexes a folder's project; one without a project file gets one. */
export async function indexProject(
  directory: string,
  options: NotedOptions & { category?: string } = {},
): Promise<{ root: string; created?: string; indexes: IndexReport[] }> {
  const { project, created } = await openOrInit(directory);
  await tidyProject(project.root);
  const indexes: IndexReport[] = [];
  for (const category of categoriesOf(project, options.category)) {
    options.signal?.throwIfAborted();
    indexes.push(await indexCategory(project, category, options));
  }
  const { root } = project;
  return { root, ...(created ? { created: join(root, PROJECT_FILE) } : {}), indexes };
}

/**
 * Opens a category's index; when pictures were added, changed or removed since, it is brought up to date first.
 * @throws ADC_INDEX_MISSING when it was never built, ADC_INDEX_DAMAGED, ADC_IN_USE, ADC_LEASE_LOST.
 */
export async function openCurrentIndex(
  project: Project,
  category: Category,
  options: NotedOptions & { runtime?: Runtime } = {},
): Promise<ReferenceIndex> {
  const folder = indexFolder(project, category);
  if (!existsSync(folder)) throw fail('ADC_INDEX_MISSING', { path: folder });
  const open = () => ReferenceIndex.open(folder, { runtime: options.runtime });
  const isCurrent = ({ pictures, known }: Awaited<ReturnType<typeof survey>>) => content(pictures) === content(known);
  if (isCurrent(await survey(project, category))) return open();
  return whileIndexing(project.root, folder, category.name, options, async (hold) => {
    // Somebody else may have done it meanwhile.
    const now = await survey(project, category);
    if (isCurrent(now)) return open();
    options.note?.(`The good pictures of ${category.name} have changed; bringing the index up to date.`);
    const index = await build(project, category, now.paths, options.runtime, { ...options, ...hold });
    try {
      await hold.owned();
      await now.writeStamp();
    } catch (error) {
      await index.close();
      throw error;
    }
    return index;
  });
}

/** Side of the square with as many pixels as the grids that detectors get by themselves, and the most that is taken for one of them. */
const DETECTOR_SIDE = 512;
const DETECTOR_PIXELS = 1.15 * DETECTOR_SIDE ** 2;

/**
 * Brings the index that a category's detectors are made of up to date and opens it: that of labelling, but where `pixels: auto` is finer than
 * 512 × 512, one of that size. Detectors keep their good pictures, and training all residuals: a megapixel takes four times the disk and memory.
 * @throws what {@link indexCategory} and {@link openCurrentIndex} throw.
 */
export async function openDetectorIndex(
  project: Project,
  category: Category,
  options: NotedOptions & { runtime?: Runtime } = {},
): Promise<{ readonly index: ReferenceIndex; readonly folder: string }> {
  const upToDate = async (of: Project) => {
    const folder = indexFolder(of, category);
    if (!existsSync(folder)) await indexCategory(of, category, options);
    return { index: await openCurrentIndex(of, category, options), folder };
  };
  const { settings } = project;
  const coarse: Project = { ...project, settings: { ...settings, pixels: DETECTOR_SIDE, smallest: undefined } };
  if (settings.pixels === 'auto' && existsSync(indexFolder(coarse, category))) return upToDate(coarse);
  const labelling = await upToDate(project);
  const { width, height } = labelling.index.grid;
  if (settings.pixels !== 'auto' || width * height <= DETECTOR_PIXELS) return labelling;
  await labelling.index.close();
  return upToDate(coarse);
}

/** Windows of indexes that were asked for, each as its file was. */
const knownWindows = new Map<string, { readonly modified: number; readonly windows: Promise<Windows | undefined> }>();

/**
 * The windows that a category's index holds, without opening it.
 * @returns `indexed` false where there is no index that can be read; `windows` undefined in one of version 0.1.0.
 */
export async function windowsOf(
  project: Project,
  category: Category,
): Promise<{ readonly indexed: boolean; readonly windows?: Windows }> {
  const folder = indexFolder(project, category);
  try {
    const { mtimeMs: modified } = await stat(join(folder, 'index.json'));
    const known = knownWindows.get(folder);
    const windows =
      known?.modified === modified ? known.windows : readSamples(folder).then((samples) => samples.windows);
    knownWindows.set(folder, { modified, windows });
    return { indexed: true, windows: await windows };
  } catch (err) {
    log.debug({ err, folder }, 'no windows of the index');
    knownWindows.delete(folder);
    return { indexed: false };
  }
}
