/** Building a reference index: hash, describe, learn codes, count them, calibrate. A pure function of the pictures and the settings. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Runtime, tensor, toFloat32 } from '@adclick/ortgrad';
import { fail } from '../errors.ts';
import { isVast } from '../features/bands.ts';
import type { FeatureExtractor } from '../features/extractor.ts';
import { chooseGrid, DEFAULT_PIXELS, fittingPixels, type GridSize, TOKEN_STRIDE } from '../features/grid.ts';
import { decodeImage, readImage } from '../image/codec.ts';
import { readOrientation } from '../image/exif.ts';
import { isEightBit, pagesNote, pagesOf, readSize, type Size, sniffFormat } from '../image/header.ts';
import { resizeRgb } from '../image/resize.ts';
import {
  LEAST_LEVELS,
  learnWindows,
  nameOfType,
  type Picture,
  type SampleType,
  type Span,
  spanOf,
  type Window,
  type Windows,
  wideEnough,
  writtenWindow,
} from '../image/samples.ts';
import { isDeep, samplesBehind, throughWindows } from '../image/window.ts';
import { commonFolder, toStored, withSlashes } from '../paths.ts';
import { Random } from '../random.ts';
import type { Bank } from './bank.ts';
import { Calibration } from './calibration.ts';
import { blockHistograms } from './global-similarity.ts';
import { FORMAT, type IndexContent, type IndexEntry, type IndexSettings } from './index-file.ts';
import { type Codebook, kMeans, sampleRows } from './k-means.ts';
import { defaultRadius, Matcher } from './match.ts';
import { chooseNeighbours, compareInBands } from './neighbours.ts';

/** A good picture: a file, or pixels of any sample type with a name that is unique in the index. */
export type Normal = { readonly path: string } | { readonly name: string; readonly image: Picture };

/** Settings of a build; all but the runtime have defaults. */
export interface BuildSettings {
  /** Area of the model grid in pixels; default `auto`, as many as {@link fittingPixels} says. */
  readonly pixels?: number | 'auto';
  /** Narrow side of the least defect that matters, in pixels of the pictures; `auto` goes by it. */
  readonly smallest?: number;
  /** Good pictures a residual is taken against (K); default 10, of grids of more than three megapixels 5. */
  readonly neighbours?: number;
  /** Radius of the match in tokens; default a sixteenth of the grid's longer side, of grids of more than three megapixels 8 at most. */
  readonly radius?: number;
  /** Good pictures that calibrate, at most; default 12. */
  readonly calibrationImages?: number;
  readonly seed?: number;
  /** Called as pictures are described. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  /** Ends the build early; what was there before stays. */
  readonly signal?: AbortSignal;
  /** Told what somebody should know of the good pictures, such as pages that are not looked at. */
  readonly onWarning?: (text: string) => void;
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
  /** Where its samples lie. */
  readonly span: Span;
  /** What somebody should know of it. */
  readonly note?: string;
  readonly read: () => Promise<Picture>;
}

/** Vectors that k-means sees on the default grid; fewer on smaller grids. */
const SAMPLES = 20_000;

/** Pictures in work at once: one is decoded while another is described. Of vast grids it is one. */
const IN_WORK = 3;

const sha256 = (...parts: (string | Uint8Array)[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

/** What 8-bit pictures span, whatever they show: their window is known. */
const EIGHT_BITS: Span = { type: 'uint8', low: 0, high: 255 };

function spanIn(picture: Picture, path: string): Span {
  const span = spanOf(picture);
  if (!span) throw fail('ADC_IMAGE_UNREADABLE', { path, what: 'none of its samples is a number' });
  return span;
}

/** Size of the upright picture and where its samples lie, from its first bytes where they tell it. @param known spans by content. */
async function factsOf(path: string, bytes: Uint8Array, content: string, known: ReadonlyMap<string, Span>) {
  const format = sniffFormat(bytes);
  const stored = format && readSize(bytes, format);
  const span = format && isEightBit(bytes, format) ? EIGHT_BITS : known.get(content);
  if (!format || !stored || !span || !(stored.width > 0 && stored.height > 0)) {
    const image = await decodeImage(bytes, { path });
    return { width: image.width, height: image.height, span: spanIn(image, path), note: pagesNote(image) };
  }
  const turned = readOrientation(bytes, format) >= 5;
  const size = turned ? { width: stored.height, height: stored.width } : stored;
  return { ...size, span, note: pagesNote(pagesOf(bytes, format)) };
}

/** Works off a list with a few items in work at once; the first error ends it. */
async function inParallel<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
  count = IN_WORK,
): Promise<void> {
  let next = 0;
  let failed = false;
  const run = async () => {
    while (next < items.length && !failed) {
      try {
        await work(items[next++]);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: count }, run));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/**
 * Reads sizes, hashes and, where pictures have more than 8 bits, samples; sorted by name, which for files is the path below their common folder.
 * @param known spans of samples by content. @throws ADC_NO_NORMALS, ADC_ONE_NORMAL, ADC_IMAGE_….
 */
export async function gatherSources(
  normals: readonly Normal[],
  place: string,
  known: ReadonlyMap<string, Span>,
  signal?: AbortSignal,
): Promise<Source[]> {
  const root = commonFolder(normals.flatMap((normal) => ('path' in normal ? [normal.path] : [])));
  const sources: Source[] = [];
  await inParallel(normals, async (normal) => {
    signal?.throwIfAborted();
    if ('image' in normal) {
      const { name } = normal;
      const image = samplesBehind(normal.image);
      const { data, width, height } = image;
      const content = sha256(`${width}x${height} `, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      sources.push({ name, content, width, height, span: spanIn(image, name), read: async () => image });
      return;
    }
    const path = resolve(normal.path);
    const bytes = await readFile(path).catch((cause) => {
      throw fail('ADC_IMAGE_MISSING', { path: normal.path }, cause);
    });
    const name = root === undefined ? withSlashes(path) : toStored(root, path);
    const content = sha256(bytes);
    const facts = await factsOf(normal.path, bytes, content, known);
    sources.push({ name, path, content, ...facts, read: () => readImage(normal.path) });
  });
  if (sources.length === 0) throw fail('ADC_NO_NORMALS', { path: place });
  if (new Set(sources.map(({ content }) => content)).size < 2) throw fail('ADC_ONE_NORMAL', { path: place, count: 1 });
  sources.sort((a, b) => (a.name < b.name ? -1 : 1));
  const twice = sources.find(({ name }, i) => name === sources[i + 1]?.name);
  if (twice) throw new RangeError(`two good pictures are called ${twice.name}`);
  return sources;
}

type Noted = Pick<Source, 'name' | 'note' | 'span'>;

/** Whether most pictures of a type show almost nothing through its window, as where one among them is another measurement. */
function faintNote(sources: readonly Noted[], type: SampleType, window: Window): string | undefined {
  const all = sources.filter(({ span }) => span.type === type);
  const faint = all.filter(({ span }) => !wideEnough(span.low, span.high, window));
  if (2 * faint.length <= all.length) return undefined;
  const width = ({ span }: Noted) => span.high - span.low;
  const widest = all.reduce((most, each) => (width(each) > width(most) ? each : most));
  return `${faint.length} of the ${all.length} good pictures of ${nameOfType(type)} fill fewer than ${LEAST_LEVELS} of the 256 levels of the window ${writtenWindow(window)}, so that defects may not show. ${widest.name} holds samples from ${writtenWindow(widest.span)}: take it out if it does not belong there.`;
}

/** What somebody should know of good pictures, each thing said once. @param before windows of the index that is replaced. */
export function notesOf(sources: readonly Noted[], windows: Windows = {}, before?: Windows): string[] {
  const byNote = new Map<string, string[]>();
  for (const { name, note } of sources) if (note) byNote.set(note, [...(byNote.get(note) ?? []), name]);
  const notes = [...byNote].map(([note, [first, ...others]]) =>
    others.length === 0 ? `${first} ${note}.` : `${first} ${note}; so it is with ${others.length} more.`,
  );
  const types = Object.keys(windows) as SampleType[];
  if (types.length > 1)
    notes.push(`The good pictures hold ${types.map(nameOfType).join(' and ')}: each kind has a window of its own.`);
  for (const type of types) {
    const [now, old] = [windows[type] as Window, before?.[type]];
    const faint = faintNote(sources, type, now);
    if (faint !== undefined) notes.push(faint);
    if (old && (old.low !== now.low || old.high !== now.high))
      notes.push(
        `The window of ${nameOfType(type)} is ${writtenWindow(now)} now, it was ${writtenWindow(old)}: all pictures of them are described again.`,
      );
  }
  return notes;
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];

/** Good pictures a residual is taken against, and the farthest that a match reaches by default, in tokens. */
const USUAL = { neighbours: 10, radius: Number.POSITIVE_INFINITY };
/** The same of vast grids, where a match would take longer than all else; figures in docs/method.md. */
const BOUNDED = { neighbours: 5, radius: 8 };

/** All settings of an index, the grid chosen from the median size of its pictures, the windows from their samples. */
export function settle(
  sources: readonly Source[],
  extractor: FeatureExtractor,
  options: BuildSettings & InnerSettings,
): IndexSettings {
  const { calibrationImages = 12, seed = 0 } = options;
  const [width, height] = [median(sources.map((s) => s.width)), median(sources.map((s) => s.height))];
  const { pixels = 'auto', smallest } = options;
  const area = pixels === 'auto' ? fittingPixels({ width, height }, smallest) : pixels;
  const grid = options.grid ?? chooseGrid(width, height, { pixels: area });
  const most = isVast(grid) ? BOUNDED : USUAL;
  const neighbours = options.neighbours ?? most.neighbours;
  const reach = defaultRadius(grid.height / TOKEN_STRIDE, grid.width / TOKEN_STRIDE);
  const radius = options.radius ?? Math.min(reach, most.radius);
  const { backbone, fingerprint } = extractor;
  const windows = learnWindows(sources.map(({ span }) => span));
  return { backbone: backbone.name, weights: fingerprint, grid, neighbours, radius, calibrationImages, seed, windows };
}

/** What descriptors of a picture depend on beside its content: nothing where it is seen over its full range. */
const windowKey = ({ type }: Span, windows: Windows = {}): string[] => {
  const window = windows[type];
  return window && isDeep({ [type]: window }) ? [`${window.low}…${window.high}`] : [];
};

/** Entries of an index; the shard's name says what its descriptors depend on. */
export function entriesOf(
  sources: readonly Source[],
  { backbone, weights, grid, windows }: IndexSettings,
  directory?: string,
): IndexEntry[] {
  return sources.map(({ name, path, content, width, height, span }) => {
    const parts = [FORMAT, content, backbone, weights, `${grid.width}x${grid.height}`, ...windowKey(span, windows)];
    return {
      name,
      ...(path && { path: directory ? toStored(directory, path) : path }),
      content,
      width,
      height,
      ...(span.type !== 'uint8' && { span }),
      shard: sha256(...parts).slice(0, 32),
    };
  });
}

/** Describes every picture that the bank does not hold yet. */
export async function describeAll(
  sources: readonly Source[],
  entries: readonly IndexEntry[],
  { grid, windows }: IndexSettings,
  bank: Bank,
  extractor: FeatureExtractor,
  { onProgress, signal }: BuildSettings,
): Promise<void> {
  const reads = new Map(entries.map(({ shard }, i) => [shard, sources[i].read]));
  let done = 0;
  const describe = async ([shard, read]: readonly [string, Source['read']]) => {
    signal?.throwIfAborted();
    if (!(await bank.has(shard))) {
      const picture = resizeRgb(throughWindows(await read(), windows), grid.width, grid.height);
      await bank.put(shard, await extractor.describePacked(picture));
    }
    onProgress?.({ done: ++done, total: reads.size });
  };
  await inParallel([...reads], describe, isVast(grid) ? 1 : IN_WORK);
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
  runtime: Runtime,
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
    const neighbours = await chooseNeighbours(runtime, content, histograms[index], (entry) => entry.shard === shard);
    const comparison = { content, bank, matcher: Matcher.of(runtime), matched };
    const read = async (from: number, to: number) => {
      const bits = await bank.part(shard, from, to);
      return toFloat32(tensor(bits, [bits.length]));
    };
    for await (const { delta } of compareInBands(comparison, dims, read, neighbours)) calibration.add(delta);
  }
  return calibration.level();
}

/** Everything of an index that is computed from all its pictures together. */
export async function summarise(
  entries: readonly IndexEntry[],
  settings: IndexSettings,
  bank: Bank,
  extractor: FeatureExtractor,
  runtime: Runtime,
  { signal, ranked = true }: BuildSettings & InnerSettings,
): Promise<IndexContent> {
  const channels = extractor.backbone.taps[0]?.channels;
  const [height, width] = [settings.grid.height / 4, settings.grid.width / 4];
  const codebook = ranked ? await learnCodes(entries, settings, bank, channels) : undefined;
  const histograms: Float32Array[] = [];
  for (const { shard } of codebook ? entries : []) {
    signal?.throwIfAborted();
    histograms.push(await blockHistograms(runtime, await bank.low(shard), { height, width }, codebook as Codebook));
  }
  const content = { settings, entries, codebook, histograms };
  return { ...content, calibration: await calibrate(content, bank, runtime, extractor, signal) };
}
