/** The reference index: the good pictures of a product, and what a new picture differs from them in. */
import { Once, Runtime, tensor, toFloat32 } from '@adclick/ortgrad';
import { fail } from '../errors.ts';
import { BACKBONES, type BackboneName } from '../features/backbones.ts';
import { bandsOf } from '../features/bands.ts';
import { type Descriptors, FeatureExtractor } from '../features/extractor.ts';
import { type GridSize, TOKEN_STRIDE } from '../features/grid.ts';
import { readImage } from '../image/codec.ts';
import { boxOf, cropRgb, type Region } from '../image/crop.ts';
import { resizeRgb } from '../image/resize.ts';
import type { Picture, Windows } from '../image/samples.ts';
import type { Plane, RgbImage } from '../image/types.ts';
import { throughWindows } from '../image/window.ts';
import { fromStored, nameKey, pathKey } from '../paths.ts';
import { Random } from '../random.ts';
import { type Bank, ByteCache, DiskBank, MemoryBank, makeFolder } from './bank.ts';
import {
  type BuildSettings,
  describeAll,
  entriesOf,
  gatherSources,
  type InnerSettings,
  type Normal,
  notesOf,
  settle,
  summarise,
} from './build-index.ts';
import { codedBank } from './coded-bank.ts';
import { type ForegroundModel, foregroundMap } from './foreground.ts';
import { fitForeground, type TokenGrid } from './foreground-fit.ts';
import { blockHistograms } from './global-similarity.ts';
import {
  type IndexContent,
  type IndexEntry,
  type IndexSettings,
  readIndex,
  readSamples,
  writeIndex,
} from './index-file.ts';
import { Matcher } from './match.ts';
import { chooseNeighbours, compare, type Ranked } from './neighbours.ts';
import type { ResidualMap } from './norm.ts';
import { coreset, type Reference } from './reference.ts';

/** A good picture that a residual was taken against. */
export interface Neighbour {
  readonly name: string;
  /** Where its file lies; absent for pictures that were given as pixels. */
  readonly path?: string;
  /** Global distance; smaller is more alike. */
  readonly distance: number;
}

/** What a picture differs in from its nearest good pictures, on the token grid. */
export interface Residual extends ResidualMap {
  /** Signed r = f* - f (Eq. 4), (height * width, dims). */
  readonly delta: Float32Array;
  /** The picture's own tokens f, (height * width, dims). */
  readonly tokens: Float32Array;
  /** Nearest first. */
  readonly neighbours: readonly Neighbour[];
  /** Normal level c of each channel: planes are log(1 + r^2 / c). */
  readonly calibration: Float32Array;
}

/** What {@link ReferenceIndex.residual} compares with. */
export interface CompareOptions {
  /** Names or paths of good pictures that must not be compared with, such as the picture itself. */
  readonly exclude?: readonly string[];
}

/** A picture at the size of the model grid, with its descriptors. */
export interface Described extends Descriptors {
  readonly image: RgbImage;
}

/** What {@link ReferenceIndex.build} takes. */
export interface BuildOptions extends BuildSettings {
  /** Shared runtime; the index starts and closes its own when none is given. */
  readonly runtime?: Runtime;
  readonly backbone?: BackboneName;
  /** Folder to write to, made if missing; without one the index lives in memory. */
  readonly directory?: string;
  /** Asked before the new index takes the place of the old one in the folder: what it throws ends the build, and the old index stays. */
  readonly owned?: () => Promise<void>;
}

/** Neighbours (K) and calibrating pictures of a zoomed index. */
const ZOOM_NEIGHBOURS = 8;
const ZOOM_CALIBRATION = 4;
/** Farthest reach of a zoomed match in tokens. */
const ZOOM_RADIUS = 12;

/** Good pictures that the foreground is learnt from, at most, and tokens of each. */
const FOREGROUND_PICTURES = 24;
const FOREGROUND_TOKENS = 1.15 * 64 * 64;
/** Tokens whose foreground is computed at once. */
const FOREGROUND_BAND = 4 * 64 * 64;

/** Bytes of neighbours' pictures that are kept for the next zoom. */
const PICTURE_BYTES = 128 * 2 ** 20;

interface Parts {
  readonly content: IndexContent;
  readonly bank: Bank;
  readonly extractor: FeatureExtractor;
  readonly runtime: Runtime;
  readonly ownsRuntime: boolean;
  readonly directory?: string;
  /** Pictures that were given as pixels, by name, as the models see them. */
  readonly pictures: ReadonlyMap<string, RgbImage>;
}

/** Good pictures of one product, ready to compare others with. */
export class ReferenceIndex {
  private readonly zoomPictures = new ByteCache<RgbImage>(PICTURE_BYTES);

  private readonly object = new Once(() => this.fitObject());

  private constructor(private readonly parts: Parts) {}

  /**
   * Describes good pictures and learns what is normal. The same pictures and settings give the same index, byte for byte.
   *
   * With a directory, descriptors that are there already and fit are used again and damaged ones are made anew. Readers see the old index
   * until the new one is complete, and whoever has the old one open goes on with it: its files stay until an index after this one is built.
   * One process at a time may build into a folder.
   * @throws ADC_NO_NORMALS, ADC_ONE_NORMAL, ADC_IMAGE_... for the first picture that cannot be read, ADC_DISK when the
   *   folder cannot be written (the old index stays), ADC_WEIGHTS_DAMAGED, or the signal's reason when it was aborted.
   */
  static async build(normals: readonly Normal[], options: BuildOptions = {}): Promise<ReferenceIndex> {
    return withRuntime(options.runtime, (runtime) => ReferenceIndex.make(normals, runtime, options));
  }

  private static async make(
    normals: readonly Normal[],
    runtime: Runtime,
    options: BuildOptions & InnerSettings,
  ): Promise<ReferenceIndex> {
    const { directory, backbone, signal } = options;
    // What cannot be read of an index that is there is made anew.
    const before = directory === undefined ? undefined : await readSamples(directory).catch(() => undefined);
    const place = directory ?? 'the list of pictures';
    const sources = await gatherSources(normals, place, before?.spans ?? new Map(), signal);
    const extractor = await FeatureExtractor.load({ runtime, backbone });
    const settings = settle(sources, extractor, options);
    for (const note of notesOf(sources, settings.windows, before?.windows)) options.onWarning?.(note);
    const entries = entriesOf(sources, settings, directory);
    if (directory) await makeFolder(directory);
    const bank = directory ? new DiskBank(directory, shardSize(settings, extractor)) : new MemoryBank();
    await describeAll(sources, entries, settings, bank, extractor, options);
    const content = await summarise(entries, settings, bank, extractor, runtime, options);
    if (directory && bank instanceof DiskBank && content.codebook) {
      await writeIndex(directory, { ...content, codebook: content.codebook }, options.owned);
    } else if (bank instanceof MemoryBank) {
      bank.dropLow();
    }
    const pictures = new Map(
      normals.flatMap((normal) =>
        'image' in normal ? [[normal.name, throughWindows(normal.image, settings.windows)] as const] : [],
      ),
    );
    return new ReferenceIndex({
      content,
      bank,
      extractor,
      runtime,
      ownsRuntime: options.runtime === undefined,
      directory,
      pictures,
    });
  }

  /**
   * Opens an index that was built into a folder. Descriptors stay on disk until a picture needs them.
   * @throws ADC_INDEX_MISSING, ADC_INDEX_DAMAGED when a file is missing, altered or cut off, or made with other weights.
   */
  static async open(directory: string, options: { readonly runtime?: Runtime } = {}): Promise<ReferenceIndex> {
    const content = await readIndex(directory);
    const { settings, entries } = content;
    const damaged = (what: string) => fail('ADC_INDEX_DAMAGED', { path: directory, what });
    if (!(settings.backbone in BACKBONES)) throw damaged(`its backbone ${settings.backbone} is unknown`);
    return withRuntime(options.runtime, async (runtime) => {
      const extractor = await FeatureExtractor.load({ runtime, backbone: settings.backbone as BackboneName });
      if (extractor.fingerprint !== settings.weights) throw damaged('it was made with other backbone weights');
      if (content.calibration.length !== extractor.dims) throw damaged('its calibration has another size');
      const bank = new DiskBank(directory, shardSize(settings, extractor));
      for (const { shard } of entries) await bank.check(shard);
      const ownsRuntime = options.runtime === undefined;
      return new ReferenceIndex({ content, bank, extractor, runtime, ownsRuntime, directory, pictures: new Map() });
    });
  }

  /** What the index was made with. */
  get settings(): IndexSettings {
    return this.parts.content.settings;
  }

  /** Pixels of the model grid, to which every picture is resized. */
  get grid(): GridSize {
    return this.settings.grid;
  }

  /** Name of the network that describes pictures. */
  get backbone(): BackboneName {
    return this.settings.backbone as BackboneName;
  }

  /** Channels of a token. */
  get dims(): number {
    return this.parts.extractor.dims;
  }

  /** Names of the good pictures, sorted. */
  get names(): readonly string[] {
    return this.parts.content.entries.map(({ name }) => name);
  }

  /** Normal level c of each channel. */
  get calibration(): Float32Array {
    return this.parts.content.calibration;
  }

  /** One window for each type of sample among the good pictures; undefined in an index of version 0.1.0. */
  get windows(): Windows | undefined {
    return this.settings.windows;
  }

  /** A picture as the models see it: through the window of the good pictures. @throws ADC_IMAGE_RANGE. */
  rgb(picture: Picture): RgbImage {
    return throughWindows(picture, this.windows);
  }

  /** A picture of any size, seen through the index's window, resized to the model grid and described. @throws ADC_IMAGE_RANGE. */
  async describe(picture: Picture): Promise<Described> {
    const onGrid = resizeRgb(this.rgb(picture), this.grid.width, this.grid.height);
    return { image: onGrid, ...(await this.parts.extractor.describe(onGrid)) };
  }

  /**
   * What a described picture differs in from its nearest good pictures.
   * @throws ADC_NO_NORMALS when none is left, ADC_INDEX_DAMAGED when a neighbour's file cannot be read.
   */
  async residual(described: Descriptors, options: CompareOptions = {}): Promise<Residual> {
    const { content, bank, runtime, extractor } = this.parts;
    const { tokens, height, width, dims } = described;
    const chosen = await this.rank(described, options);
    const comparison = { content, bank, matcher: Matcher.of(runtime), matched: extractor.matched };
    const delta = await compare(comparison, tokens, dims, chosen);
    return {
      height,
      width,
      dims,
      matched: extractor.matched,
      delta,
      tokens,
      neighbours: this.named(chosen),
      calibration: content.calibration,
    };
  }

  /** The good pictures that one at the size of the model grid is compared with, nearest first; options and errors are those of {@link residual}. */
  async nearest(onGrid: RgbImage, options: CompareOptions = {}): Promise<readonly Neighbour[]> {
    return this.named(await this.rank(await this.parts.extractor.glance(onGrid), options));
  }

  private async rank(
    { low, height, width }: Omit<Descriptors, 'tokens' | 'dims'>,
    { exclude = [] }: CompareOptions,
  ): Promise<Ranked[]> {
    const { content, runtime, directory } = this.parts;
    if (height * TOKEN_STRIDE !== this.grid.height || width * TOKEN_STRIDE !== this.grid.width)
      throw new RangeError(`residual: ${width} x ${height} tokens do not fit the index; use its describe()`);
    const names = new Set(exclude.map(nameKey));
    const files = new Set(exclude.map((path) => pathKey(path)));
    const excluded = (entry: IndexEntry) => {
      const path = this.pathOf(entry);
      return names.has(nameKey(entry.name)) || (path !== undefined && files.has(pathKey(path)));
    };
    const lowSize = { height: 2 * height, width: 2 * width };
    const histogram = content.codebook && (await blockHistograms(runtime, low, lowSize, content.codebook));
    const chosen = await chooseNeighbours(runtime, content, histogram, excluded);
    if (chosen.length === 0) throw fail('ADC_NO_NORMALS', { path: directory ?? 'the index without the excluded ones' });
    return chosen;
  }

  private named(chosen: readonly Ranked[]): Neighbour[] {
    return chosen.map(({ index, distance }) => {
      const entry = this.parts.content.entries[index];
      return { name: entry.name, path: this.pathOf(entry), distance };
    });
  }

  /**
   * A small index in memory of one region, cut alike from a picture's neighbours and calibrated by them: residuals of
   * defects that are a few tokens small here fill many there.
   * @param region part of the picture that is looked at.
   * @param neighbours those of the picture's {@link Residual}, nearest first; at least two, the first eight count.
   * @param gridTokens tokens along each axis; a multiple of 8.
   * @throws ADC_ONE_NORMAL with fewer than two neighbours, ADC_IMAGE_... when a neighbour's picture cannot be read.
   */
  async zoomed(
    region: Region,
    neighbours: readonly Pick<Neighbour, 'name'>[],
    gridTokens = 32,
  ): Promise<ReferenceIndex> {
    const cuts = await Promise.all(
      neighbours.slice(0, ZOOM_NEIGHBOURS).map(async ({ name }) => {
        const picture = await this.picture(name);
        return { name, image: cropRgb(picture, boxOf(region, picture)) };
      }),
    );
    const side = gridTokens * TOKEN_STRIDE;
    // The match reaches as far in the picture as it does unzoomed.
    const enlarged = side / Math.min(region.width * this.grid.width, region.height * this.grid.height);
    return ReferenceIndex.make(cuts, this.parts.runtime, {
      radius: Math.min(Math.round(this.settings.radius * Math.max(enlarged, 1)), ZOOM_RADIUS),
      runtime: this.parts.runtime,
      backbone: this.backbone,
      grid: { width: side, height: side },
      neighbours: ZOOM_NEIGHBOURS,
      calibrationImages: ZOOM_CALIBRATION,
      ranked: false,
    });
  }

  /**
   * Where the product lies in good pictures; learnt on first use.
   * @returns undefined for textures and for products that fill the picture.
   */
  foreground(): Promise<ForegroundModel | undefined> {
    return this.object.get();
  }

  private async fitObject(): Promise<ForegroundModel | undefined> {
    const { content } = this.parts;
    const shards = [...new Set(content.entries.map(({ shard }) => shard))].sort().slice(0, FOREGROUND_PICTURES);
    const grids: TokenGrid[] = [];
    for (const shard of shards) grids.push(await this.thinned(shard));
    return fitForeground(grids, new Random(`${content.settings.seed}/foreground`));
  }

  /** Tokens of a good picture, of a large one every second, third, … along each axis. */
  private async thinned(shard: string): Promise<TokenGrid> {
    const { dims, matched } = this.parts.extractor;
    const { height, width } = this.tokens;
    const step = Math.ceil(Math.sqrt((height * width) / FOREGROUND_TOKENS));
    const size = { height: Math.floor(height / step), width: Math.floor(width / step) };
    const bits = new Uint16Array(size.height * size.width * dims);
    for (let y = 0, at = 0; y < size.height; y++) {
      const row = await this.parts.bank.part(shard, y * step * width * dims, (y * step + 1) * width * dims);
      for (let x = 0; x < size.width; x++, at += dims)
        bits.set(row.subarray(x * step * dims, (x * step + 1) * dims), at);
    }
    return { tokens: toFloat32(tensor(bits, [bits.length])), ...size, dims, matched };
  }

  /**
   * How much each token of a picture belongs to the product, 0 to 1: the largest of its own map and its neighbours', so
   * that a missing part still counts.
   * @returns undefined where {@link foreground} has nothing to say.
   */
  async foregroundOf({ tokens, neighbours }: Pick<Residual, 'tokens' | 'neighbours'>): Promise<Plane | undefined> {
    const model = await this.foreground();
    if (!model) return undefined;
    const { content, extractor } = this.parts;
    const names = new Set(neighbours.map(({ name }) => name));
    const near = content.entries.filter(({ name }) => names.has(name)).map(({ shard }) => shard);
    const { dims } = extractor;
    return this.foregroundIn(model, async (from, to) => tokens.subarray(from * dims, to * dims), near);
  }

  /** The map of a picture and of good ones. @param own gives the picture's tokens [from, to). @param near shards. */
  private async foregroundIn(
    model: ForegroundModel,
    own: (from: number, to: number) => Promise<Float32Array | Uint16Array>,
    near: readonly string[],
  ): Promise<Plane> {
    const { bank, runtime, extractor } = this.parts;
    const { height, width } = this.tokens;
    const data = new Float32Array(height * width);
    for (const band of bandsOf({ height, width }, FOREGROUND_BAND)) {
      const [from, to] = [band.from * width, band.to * width];
      const others = near.map((shard) => bank.part(shard, from * extractor.dims, to * extractor.dims));
      const size = { height: band.to - band.from, width };
      data.set((await foregroundMap(runtime, model, await own(from, to), await Promise.all(others), size)).data, from);
    }
    return { data, width, height, channels: 1 };
  }

  /**
   * What a detector file takes along.
   * @param limit good pictures at most; see {@link coreset} for which. Copies of one picture count once.
   * @param options.fine whether the fine channels are taken along, which serve a network alone; default true.
   * @throws ADC_INDEX_DAMAGED when a file cannot be read; RangeError for a zoomed index.
   */
  async reference(limit = Number.POSITIVE_INFINITY, { fine = true } = {}): Promise<Reference> {
    const { content, bank, runtime, extractor } = this.parts;
    const { codebook, settings, calibration } = content;
    if (!codebook) throw new RangeError('a zoomed index cannot be taken along');
    const chosen = await this.chosen(limit);
    const entries = chosen.map((i) => content.entries[i]);
    const { dims, matched } = extractor;
    const cells = this.tokens.height * this.tokens.width;
    const read = (picture: number, from: number, to: number) => bank.part(entries[picture].shard, from, to);
    const coded = await codedBank(runtime, { pictures: entries.length, cells, dims, matched, read }, { fine });
    const errors = coded.parts.flatMap((part) => [...part.errors]);
    const model = await this.foreground();
    const maps: Float32Array[] = [];
    for (const { shard } of model ? entries : []) {
      const own = (from: number, to: number) => bank.part(shard, from * dims, to * dims);
      maps.push((await this.foregroundIn(model as ForegroundModel, own, [])).data);
    }
    return {
      names: entries.map(({ name }) => name),
      of: content.entries.length,
      bank: coded,
      histograms: chosen.map((i) => content.histograms[i]),
      codebook,
      settings,
      calibration: calibration.map((level, channel) => level + (errors[channel] ?? 0)),
      ...(model && { foreground: { model, maps } }),
    };
  }

  /** Names of the good pictures that {@link reference} takes along. */
  async referenceNames(limit: number): Promise<readonly string[]> {
    return (await this.chosen(limit)).map((i) => this.parts.content.entries[i].name);
  }

  /** Numbers of the good pictures that stand for all. */
  private async chosen(limit: number): Promise<number[]> {
    const { content, runtime } = this.parts;
    const first = new Map(content.entries.map(({ shard }, i) => [shard, i] as const).reverse());
    const distinct = [...first.values()].sort((a, b) => a - b);
    const histograms = distinct.map((i) => content.histograms[i]);
    return (await coreset(runtime, histograms, limit)).map((i) => distinct[i]);
  }

  /** Names of the good pictures with the same content as the named one, itself included. */
  copiesOf(name: string): readonly string[] {
    const { entries } = this.parts.content;
    const shard = entries.find((entry) => entry.name === name)?.shard;
    return entries.filter((entry) => entry.shard === shard).map((entry) => entry.name);
  }

  /** The backbone that describes pictures, with its weights. */
  get extractor(): FeatureExtractor {
    return this.parts.extractor;
  }

  /** Where the index's models run. */
  get runtime(): Runtime {
    return this.parts.runtime;
  }

  /** Tokens along each axis. */
  private get tokens(): { readonly height: number; readonly width: number } {
    return { height: this.grid.height / TOKEN_STRIDE, width: this.grid.width / TOKEN_STRIDE };
  }

  /** The picture of a good one at its own size, as the models see it. @throws ADC_IMAGE_MISSING when the index does not know where it is. */
  async picture(name: string): Promise<RgbImage> {
    const given = this.parts.pictures.get(name) ?? this.zoomPictures.get(name);
    if (given) return given;
    const entry = this.parts.content.entries.find((candidate) => candidate.name === name);
    const path = entry && this.pathOf(entry);
    if (!path) throw fail('ADC_IMAGE_MISSING', { path: name });
    const image = this.rgb(await readImage(path));
    this.zoomPictures.set(name, image, image.data.byteLength);
    return image;
  }

  /** Forgets what is kept in memory, and closes the runtime if the index started it. */
  async close(): Promise<void> {
    this.zoomPictures.clear();
    const { bank, runtime, ownsRuntime } = this.parts;
    if (bank instanceof MemoryBank || bank instanceof DiskBank) bank.clear();
    if (ownsRuntime) await runtime.close();
  }

  private pathOf({ path }: IndexEntry): string | undefined {
    return path && fromStored(this.parts.directory ?? '.', path);
  }
}

/** Elements of one picture's shard. */
function shardSize({ grid }: IndexSettings, { dims, backbone }: FeatureExtractor) {
  const cells = (grid.width / TOKEN_STRIDE) * (grid.height / TOKEN_STRIDE);
  return { tokens: cells * dims, low: 4 * cells * backbone.taps[0]?.channels };
}

/** Starts a runtime where none is given, and closes it again when the work fails. */
async function withRuntime<Result>(given: Runtime | undefined, work: (runtime: Runtime) => Promise<Result>) {
  const runtime = given ?? (await Runtime.start());
  try {
    return await work(runtime);
  } catch (error) {
    if (!given) await runtime.close();
    throw error;
  }
}
