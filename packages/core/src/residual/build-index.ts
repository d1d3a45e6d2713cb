/** Building a reference index: hash, describe, learn codes, count them, calibrate. A pure function of the pictures and the settings. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { tensor, toFloat32 } from '@adclick/ortgrad';
import { fail } from '../errors.ts';
import type { FeatureExtractor } from '../features/extractor.ts';
import { chooseGrid, DEFAULT_PIXELS, type GridSize, TOKEN_STRIDE } from '../features/grid.ts';
import { readRgb } from '../image/codec.ts';
import { readOrientation } from '../image/exif.ts';
import { readSize, type Size, sniffFormat } from '../image/header.ts';
import { resizeRgb } from '../image/resize.ts';
import type { RgbImage } from '../image/types.ts';
import { commonFolder, toStored, withSlashes } from '../paths.ts';
import { Random } from '../random.ts';
import type { Bank } from './bank.ts';
import { Calibration } from './calibration.ts';
import { FORMAT, type IndexContent, type IndexEntry, type IndexSettings } from './index-file.ts';
import { defaultRadius, type Matcher } from './match.ts';
import { chooseNeighbours, compare } from './neighbours.ts';
import { blockHistograms, type Codebook, kMeans, sampleRows } from './retrieval.ts';

/** A good picture: a file, or pixels with a name that is unique in the index. */
export type Normal = { readonly path: string } | { readonly name: string; readonly image: RgbImage };

/** Settings of a build; all but the runtime have defaults. */
export interface BuildSettings {
  /** Area of the model grid in pixels; default 512 x 512. */
  readonly pixels?: number;
  /** Good pictures a residual is taken against (K); default 10. */
  readonly neighbours?: number;
  /** Radius of the match in tokens; default a sixteenth of the grid's longer side. */
  readonly radius?: number;
  /** Good pictures that calibrate, at most; default 12. */
  readonly calibrationImages?: number;
  readonly seed?: number;
  /** Called as pictures are described. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /** Ends the build early; what was there before stays. */
  readonly signal?: AbortSignal;
}

/** What only the library itself asks for. */
export interface InnerSettings {
  /** A grid in place of the one chosen from the pictures' sizes. */
  readonly grid?: GridSize;
  /** False where every picture is a neighbour anyway: no codes are learnt. */
  readonly ranked?: boolean;
}

/** A picture to be indexed. */
export interface Source extends Size {
  readonly name: string;
  readonly path?: string;
  readonly content: string;
  readonly read: () => Promise<RgbImage>;
}

/** Vectors that k-means sees on the default grid; fewer on smaller grids. */
const SAMPLES = 20_000;

/** Pictures in work at once: one is decoded while another is described. */
const IN_WORK = 3;

const sha256 = (...parts: (string | Uint8Array)[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

/** Width and height of the upright picture, from its first bytes where they tell it. */
async function uprightSize(path: string, bytes: Uint8Array): Promise<Size> {
  const format = sniffFormat(bytes);
  const stored = format && readSize(bytes, format);
  if (!format || !stored || !(stored.width > 0 && stored.height > 0)) {
    const { width, height } = await readRgb(path);
    return { width, height };
  }
  const turned = readOrientation(bytes, format) >= 5;
  return turned ? { width: stored.height, height: stored.width } : stored;
}

/** Works off a list with a few items in work at once; the first error ends it. */
async function inParallel<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  let next = 0;
  let failed = false;
  const run = async () => {
    while (next < items.length && !failed) {
      try {
        await work(items[next++] as Item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: IN_WORK }, run));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/**
 * Reads sizes and hashes; sorted by name, which for files is the path below their common folder.
 * @throws ADC_NO_NORMALS, ADC_ONE_NORMAL, ADC_IMAGE_MISSING.
 */
export async function gatherSources(
  normals: readonly Normal[],
  place: string,
  signal?: AbortSignal,
): Promise<Source[]> {
  const root = commonFolder(normals.flatMap((normal) => ('path' in normal ? [normal.path] : [])));
  const sources: Source[] = [];
  await inParallel(normals, async (normal) => {
    signal?.throwIfAborted();
    if ('image' in normal) {
      const { image, name } = normal;
      const content = sha256(`${image.width}x${image.height} `, image.data);
      sources.push({ name, content, width: image.width, height: image.height, read: async () => image });
      return;
    }
    const path = resolve(normal.path);
    const bytes = await readFile(path).catch((cause) => {
      throw fail('ADC_IMAGE_MISSING', { path: normal.path }, cause);
    });
    const name = root === undefined ? withSlashes(path) : toStored(root, path);
    const size = await uprightSize(normal.path, bytes);
    sources.push({ name, path, content: sha256(bytes), ...size, read: () => readRgb(normal.path) });
  });
  if (sources.length === 0) throw fail('ADC_NO_NORMALS', { path: place });
  if (new Set(sources.map(({ content }) => content)).size < 2) throw fail('ADC_ONE_NORMAL', { path: place, count: 1 });
  sources.sort((a, b) => (a.name < b.name ? -1 : 1));
  const twice = sources.find(({ name }, i) => name === sources[i + 1]?.name);
  if (twice) throw new RangeError(`two good pictures are called ${twice.name}`);
  return sources;
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] as number;

/** All settings of an index, the grid chosen from the median size of its pictures. */
export function settle(
  sources: readonly Source[],
  extractor: FeatureExtractor,
  options: BuildSettings & InnerSettings,
): IndexSettings {
  const { pixels = DEFAULT_PIXELS, neighbours = 10, calibrationImages = 12, seed = 0 } = options;
  const [width, height] = [median(sources.map((s) => s.width)), median(sources.map((s) => s.height))];
  const grid = options.grid ?? chooseGrid(width, height, { pixels });
  const radius = options.radius ?? defaultRadius(grid.height / TOKEN_STRIDE, grid.width / TOKEN_STRIDE);
  const { backbone, fingerprint } = extractor;
  return { backbone: backbone.name, weights: fingerprint, grid, neighbours, radius, calibrationImages, seed };
}

/** Entries of an index; the shard's name says what its descriptors depend on. */
export function entriesOf(
  sources: readonly Source[],
  { backbone, weights, grid }: IndexSettings,
  directory?: string,
): IndexEntry[] {
  return sources.map(({ name, path, content, width, height }) => ({
    name,
    ...(path && { path: directory ? toStored(directory, path) : path }),
    content,
    width,
    height,
    shard: sha256(FORMAT, content, backbone, weights, `${grid.width}x${grid.height}`).slice(0, 32),
  }));
}

/** Describes every picture that the bank does not hold yet. */
export async function describeAll(
  sources: readonly Source[],
  entries: readonly IndexEntry[],
  { grid }: IndexSettings,
  bank: Bank,
  extractor: FeatureExtractor,
  { onProgress, signal }: BuildSettings,
): Promise<void> {
  const reads = new Map(entries.map(({ shard }, i) => [shard, (sources[i] as Source).read]));
  let done = 0;
  await inParallel([...reads], async ([shard, read]) => {
    signal?.throwIfAborted();
    if (!(await bank.has(shard))) {
      const picture = resizeRgb(await read(), grid.width, grid.height);
      await bank.put(shard, await extractor.describePacked(picture));
    }
    onProgress?.({ done: ++done, total: reads.size });
  });
}

/** Codes from a sample of all pictures, an equal share of each. */
async function learnCodes(
  entries: readonly IndexEntry[],
  { grid, seed }: IndexSettings,
  bank: Bank,
  channels: number,
): Promise<Codebook> {
  const wanted = Math.min(SAMPLES, (SAMPLES * grid.width * grid.height) / DEFAULT_PIXELS);
  const share = Math.ceil(wanted / entries.length);
  const vectors = new Float32Array(share * entries.length * channels);
  for (const [i, { shard }] of entries.entries()) {
    const rows = sampleRows(await bank.low(shard), channels, share, new Random(`${seed}/sample/${shard}`));
    vectors.set(rows, i * share * channels);
  }
  return kMeans(vectors, channels, new Random(`${seed}/codes`));
}

/** Normal level from good pictures, each against the others; copies of the same picture do not count as others. */
async function calibrate(
  content: Omit<IndexContent, 'calibration'>,
  bank: Bank,
  matcher: Matcher,
  { dims, matched }: FeatureExtractor,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const { entries, histograms, settings } = content;
  const byShard = new Map(entries.map(({ shard }, index) => [shard, index]));
  // Names of shards are hashes: the first few are a fair sample that changes little when pictures are added.
  const chosen = [...byShard].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, settings.calibrationImages);
  const calibration = new Calibration(dims);
  for (const [shard, index] of chosen) {
    signal?.throwIfAborted();
    const bits = await bank.tokens(shard);
    const neighbours = chooseNeighbours(content, histograms[index], (entry) => entry.shard === shard);
    const { delta } = await compare(
      { content, bank, matcher, matched },
      toFloat32(tensor(bits, [bits.length])),
      neighbours,
    );
    calibration.add(delta);
  }
  return calibration.level();
}

/** Everything of an index that is computed from all its pictures together. */
export async function summarise(
  entries: readonly IndexEntry[],
  settings: IndexSettings,
  bank: Bank,
  extractor: FeatureExtractor,
  matcher: Matcher,
  { signal, ranked = true }: BuildSettings & InnerSettings,
): Promise<IndexContent> {
  const channels = extractor.backbone.taps[0]?.channels as number;
  const [height, width] = [settings.grid.height / 4, settings.grid.width / 4];
  const codebook = ranked ? await learnCodes(entries, settings, bank, channels) : undefined;
  const histograms: Float32Array[] = [];
  for (const { shard } of codebook ? entries : []) {
    signal?.throwIfAborted();
    const low = await bank.low(shard);
    const map = { data: toFloat32(tensor(low, [low.length])), channels, height, width };
    histograms.push(blockHistograms(map, codebook as Codebook));
  }
  const content = { settings, entries, codebook, histograms };
  return { ...content, calibration: await calibrate(content, bank, matcher, extractor, signal) };
}
