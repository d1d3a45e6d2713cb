/** Folders of anomaly maps, as the official scripts of MVTec AD, anomalib and `adclick predict` lay them out: which file is whose map, the scores beside them, and writing such a folder. */
import { mkdir, readdir, readFile, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { moveTo, removeIfPossible, removeLeftovers, temporaryFor } from '@adclick/ortgrad';
import { z } from 'zod';
import { isFolder, naturalOrder, pictureName } from '../datasets/files.ts';
import type { Dataset } from '../datasets/types.ts';
import { fail } from '../errors.ts';
import { describeIoError, isMissing, writeFileAtomic } from '../files.ts';
import { MAP_EXTENSIONS, readMap, writeMap } from '../image/map-file.ts';
import type { Plane } from '../image/types.ts';
import { nameKey, withSlashes } from '../paths.ts';

/** What a picture of a dataset is known by. */
export interface NamedPicture {
  /** Defect type, `good` for pictures without. */
  readonly type: string;
  /** As {@link pictureName} says. */
  readonly name: string;
}

/** Scores of pictures that were not read from their maps, in the folder of a category. */
export const SCORES_FILE = 'scores.json';

const scoresSchema = z.object({
  scores: z.record(z.string(), z.number()),
  defective: z.array(z.string()).optional(),
  threshold: z.number().optional(),
});

/** Folders inside each other that are looked through. */
const DEEPEST = 6;

/** Types are folders' names, but for VisA's, which come from a table. */
const folderOf = (type: string): string => type.replace(/[\\/]/g, '_').replace(/^\.+$/, '_');

/** The name of a picture's map in the official layout, without the category's folder and an extension. */
export const mapName = ({ type, name }: NamedPicture): string => `test/${folderOf(type)}/${name}`;

/** A way below the category's folder, without what may be left off. */
const plain = (way: string): string => nameKey(withSlashes(way)).replace(/^test(_public)?\//, '');
const keyOf = (picture: NamedPicture): string => plain(mapName(picture));
const withoutExtension = (path: string): string => path.slice(0, path.length - extname(path).length);

/** Whose map a file is, by its way: a picture is called `<type>/<name>`, or as its own file is. */
class Names {
  private readonly owners = new Map<string, string>();

  constructor(dataset: Dataset, root: string) {
    const tested = [
      ...dataset.testGood.map((path) => ({ path, type: 'good', name: pictureName(path) })),
      ...dataset.defects,
    ];
    for (const picture of tested) {
      const key = keyOf(picture);
      if (this.owners.has(key))
        throw fail('ADC_DATASET', {
          path: root,
          what: `two test pictures are called ${key}, so that maps cannot tell them apart`,
        });
      this.owners.set(key, key);
    }
    const shared = new Set<string>();
    const also = new Map<string, string>();
    const call = (way: string, key: string) => {
      if (also.has(way) && also.get(way) !== key) shared.add(way);
      also.set(way, key);
    };
    for (const picture of tested) {
      const { path, name } = picture;
      call(plain(`${basename(dirname(path))}/${name}`), keyOf(picture));
      call(plain(withoutExtension(relative(root, path))), keyOf(picture));
    }
    // Good pictures to compare with may have maps too, which nothing asks for.
    for (const path of dataset.normals) call(plain(withoutExtension(relative(root, path))), '');
    for (const [way, key] of also) if (!shared.has(way) && !this.owners.has(way)) this.owners.set(way, key);
  }

  /** The picture's key, empty for one that is not tested on; undefined for no picture. */
  of(way: string): string | undefined {
    const name = plain(way);
    return this.owners.get(name) ?? this.owners.get(name.replace(/_map$/, ''));
  }
}

/** Ways of the files below a folder that may be maps, in natural order; hidden ones are left out. */
async function mapFilesIn(folder: string, below = '', depth = 0): Promise<string[]> {
  const found: string[] = [];
  const there = await readdir(join(folder, below)).catch((error: unknown) => {
    throw fail('ADC_MAPS', { path: join(folder, below), what: describeIoError(error) }, error);
  });
  for (const name of there.sort(naturalOrder)) {
    if (name.startsWith('.')) continue;
    const way = join(below, name);
    if (MAP_EXTENSIONS.has(extname(name).toLowerCase())) found.push(way);
    else if (depth < DEEPEST && (await isFolder(join(folder, way))))
      found.push(...(await mapFilesIn(folder, way, depth + 1)));
  }
  return found;
}

/** What stands beside the maps of a category. */
interface Scores {
  readonly of: ReadonlyMap<string, number>;
  /** Pictures that are called defective; undefined where nothing is decided. */
  readonly defective?: ReadonlySet<string>;
  /** Value of a map above which a pixel counts as marked. */
  readonly threshold?: number;
}

async function readScores(path: string, names: Names): Promise<Scores | undefined> {
  const wrong = (what: string, cause?: unknown) => fail('ADC_MAP_SCORES', { path, what }, cause);
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw wrong(error instanceof SyntaxError ? `it is no JSON: ${error.message}` : describeIoError(error), error);
  }
  const result = scoresSchema.safeParse(content);
  if (!result.success) {
    const [{ path: field, message }] = result.error.issues;
    throw wrong(`${field.join('.') || 'its content'}: ${message}`, result.error);
  }
  const { scores, defective, threshold } = result.data;
  const keyed = (way: string) => {
    const key = names.of(way);
    if (key === undefined) throw wrong(`${way} is no picture of the category`);
    return key;
  };
  const of = new Map<string, number>();
  for (const [way, score] of Object.entries(scores)) {
    const key = keyed(way);
    if (of.has(key) && key !== '') throw wrong(`it has two scores for ${way}`);
    of.set(key, score);
  }
  return {
    of,
    ...(defective && { defective: new Set(defective.map(keyed)) }),
    ...(threshold !== undefined && { threshold }),
  };
}

/** The maps of a category's test pictures. */
export class MapFolder {
  private constructor(
    /** Where they were found: the folder that was given, or the category's in it. */
    readonly path: string,
    private readonly files: ReadonlyMap<string, string>,
    private readonly scores: Scores | undefined,
  ) {}

  /**
   * Finds the map of each picture. `FOLDER/<category>`, where it is there and holds any, else FOLDER; below it `test/<type>/<name>`, `<type>/<name>` or the
   * picture's own way below its category, with one of {@link MAP_EXTENSIONS}, and `_map` before it where `adclick predict` wrote it.
   * @param of the category, its folder `root`, and the pictures `wanted` that need a map.
   * @throws ADC_MAPS for a picture without a map or with two, and for a map without a picture; ADC_MAP_SCORES; ADC_DATASET where two pictures
   *   have the same name.
   */
  static async open(
    folder: string,
    of: { readonly dataset: Dataset; readonly root: string; readonly wanted: readonly NamedPicture[] },
  ): Promise<MapFolder> {
    if (!(await isFolder(folder))) throw fail('ADC_MAPS', { path: folder, what: 'it is no folder' });
    const { dataset, wanted } = of;
    const names = new Names(dataset, of.root);
    const inside = join(folder, dataset.category);
    const ways = (await isFolder(inside)) ? await mapFilesIn(inside) : [];
    const isThere = ways.some((way) => names.of(withoutExtension(way)) !== undefined);
    const path = isThere ? inside : folder;
    const files = assign(path, isThere ? ways : await mapFilesIn(folder), names, wanted);
    const missing = wanted.filter((picture) => !files.has(keyOf(picture)));
    if (missing.length > 0)
      throw fail('ADC_MAPS', {
        path,
        what: `no map for ${mapName(missing[0])}; ${wanted.length - missing.length} of ${wanted.length} pictures have one`,
      });
    const scores = await readScores(join(path, SCORES_FILE), names);
    const without = scores && wanted.find((picture) => !scores.of.has(keyOf(picture)));
    if (without)
      throw fail('ADC_MAP_SCORES', { path: join(path, SCORES_FILE), what: `no score for ${mapName(without)}` });
    return new MapFolder(path, files, scores);
  }

  /** Where the scores are from. */
  get scored(): 'file' | 'maximum' {
    return this.scores ? 'file' : 'maximum';
  }

  /** Value of the maps above which a pixel counts as marked, where it is known. */
  get threshold(): number | undefined {
    return this.scores?.threshold;
  }

  /** A picture's map at its own size, its score, and what was decided where that is known. @throws as {@link readMap}. */
  async read(
    picture: NamedPicture,
  ): Promise<{ readonly map: Plane; readonly score: number; readonly isDefect?: boolean }> {
    const key = keyOf(picture);
    const map = await readMap(join(this.path, this.files.get(key) ?? mapName(picture)));
    const score = this.scores?.of.get(key) ?? map.data.reduce((most, value) => Math.max(most, value));
    const { defective } = this.scores ?? {};
    return { map, score, ...(defective && { isDefect: defective.has(key) }) };
  }
}

/** The file of each picture. @throws ADC_MAPS. */
function assign(
  path: string,
  ways: readonly string[],
  names: Names,
  wanted: readonly NamedPicture[],
): Map<string, string> {
  const files = new Map<string, string>();
  const strange: string[] = [];
  for (const way of ways) {
    const key = names.of(withoutExtension(way));
    if (key === undefined) strange.push(way);
    if (!key) continue;
    const other = files.get(key);
    if (other !== undefined) throw fail('ADC_MAPS', { path, what: `${other} and ${way} are maps of the same picture` });
    files.set(key, way);
  }
  const such = wanted.length > 0 ? ` such as ${mapName(wanted[0])}` : '';
  const none =
    ways.length === 0
      ? `there is no ${[...MAP_EXTENSIONS].join(', ')} file in it`
      : `none of its ${ways.length} files, such as ${ways[0]}, is named as a picture${such}`;
  if (files.size === 0) throw fail('ADC_MAPS', { path, what: none });
  if (strange.length > 0) {
    const more = strange.length > 1 ? `, nor are ${strange.length - 1} others` : '';
    throw fail('ADC_MAPS', { path, what: `${strange[0]} is not named as a picture${such}${more}` });
  }
  return files;
}

/** Writes the maps of a category in the official layout, with {@link SCORES_FILE}. The folder takes its name when everything is in it. */
export class MapWriter {
  private readonly scores = new Map<string, number>();
  private readonly defective: string[] = [];
  private decides = true;

  private constructor(
    /** Where the maps will be: `FOLDER/<category>`. */
    readonly path: string,
    private readonly making: string,
  ) {}

  /** @throws ADC_MAPS_EXIST when there is anything at that place, ADC_DISK. */
  static async open(folder: string, category: string): Promise<MapWriter> {
    const path = resolve(folder, category);
    const there = await readdir(path).catch(async (error: unknown) => {
      if ((await stat(path).catch(() => undefined)) === undefined) return [];
      throw fail('ADC_MAPS_EXIST', { path }, error);
    });
    if (there.length > 0) throw fail('ADC_MAPS_EXIST', { path });
    const making = temporaryFor(path);
    await guard(making, mkdir(making, { recursive: true }));
    await removeLeftovers(dirname(path));
    return new MapWriter(path, making);
  }

  /** @throws ADC_DATASET where two pictures have the same name, ADC_DISK. */
  async write(
    picture: NamedPicture,
    { map, score, isDefect }: { map: Plane; score: number; isDefect?: boolean },
  ): Promise<void> {
    const name = mapName(picture);
    if (this.scores.has(name))
      throw fail('ADC_DATASET', { path: this.path, what: `two test pictures are called ${name}` });
    this.scores.set(name, score);
    if (isDefect === undefined) this.decides = false;
    if (isDefect) this.defective.push(name);
    await writeMap(join(this.making, `${name}.tiff`), map);
  }

  /** @param threshold value of the maps above which a pixel counts as marked, where there is one. @throws ADC_MAPS_EXIST, ADC_DISK. */
  async finish(threshold?: number): Promise<void> {
    const content = {
      threshold,
      ...(this.decides && { defective: this.defective }),
      scores: Object.fromEntries(this.scores),
    };
    const text = `${JSON.stringify(content, undefined, 1)}\n`;
    await writeFileAtomic(join(this.making, SCORES_FILE), new TextEncoder().encode(text));
    // Windows puts no folder into the place of an empty one.
    await rmdir(this.path).catch(() => undefined);
    await guard(this.path, moveTo(this.making, this.path));
  }

  /** Takes back what was written; after {@link finish} there is nothing to take back. */
  async abandon(): Promise<void> {
    await removeIfPossible(this.making);
  }
}

async function guard(path: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw fail('ADC_DISK', { path, what: describeIoError(error) }, error);
  }
}
