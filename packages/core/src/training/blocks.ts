/** Training data in blocks: a product, its index of good pictures, and items made from it, each block a pure function of seed and number. */
import type { Runtime } from '@adclick/ortgrad';
import { keptPromise } from '@adclick/ortgrad';
import { readDefectMask } from '../datasets/defect-mask.ts';
import { openDataset, openGoods } from '../datasets/mvtec.ts';
import type { Dataset } from '../datasets/types.ts';
import type { BackboneName } from '../features/backbones.ts';
import { DEFAULT_PIXELS } from '../features/grid.ts';
import { readImage } from '../image/codec.ts';
import type { Box } from '../image/components.ts';
import { cropMask, cropRgb, regionOf } from '../image/crop.ts';
import { resizeMask } from '../image/resize.ts';
import { learnWindows, spanOf } from '../image/samples.ts';
import type { Mask, RgbImage } from '../image/types.ts';
import { throughWindows } from '../image/window.ts';
import { NORMAL_TYPE, objectName, offlinePrompts, SIMULATED_TYPE } from '../language/prompts.ts';
import type { TextEncoderName, TextModel } from '../language/text-encoder.ts';
import { sentenceFeatures, textFeatures } from '../language/text-features.ts';
import { Random } from '../random.ts';
import { ReferenceIndex } from '../residual/reference-index.ts';
import { type AnomalyKind, simulateAnomaly } from '../synthesis/anomalies/index.ts';
import { varyConditions } from '../synthesis/conditions.ts';
import { makeProduct, PRODUCT_KINDS, type ProductKind } from '../synthesis/products/index.ts';
import type { ItemKind, TrainingItem, TrainingText } from './item.ts';
import { PUBLISHED_KINDS, PUBLISHED_LEAST } from './published.ts';

/** A folder of real pictures that training may use, in the MVTec layout. */
export interface FolderSource {
  readonly directory: string;
  readonly category: string;
  /** Whether its real defects are used beside simulated ones on its good pictures. */
  readonly realDefects: boolean;
  /** Kinds of defect that are simulated on its good pictures; all by default. */
  readonly kinds?: readonly AnomalyKind[];
}

/** Where blocks come from. */
export interface BlockSettings {
  readonly seed: number;
  readonly folders: readonly FolderSource[];
  /** Share of blocks made from `folders`, spread evenly; the others are procedural products. */
  readonly folderShare: number;
  /** Encoder of the words, where there are any; default MiniLM. */
  readonly textEncoder?: TextEncoderName;
  /** Whose residuals they hold; by default the default one's. */
  readonly backbone?: BackboneName;
  /**
   * Prepares pictures as the paper does: all of them, good ones too, at {@link PUBLISHED_PIXELS}, with defects of Perlin noise alone, neither
   * zoomed nor under other conditions, and without words. They are compared with as many good ones as whatever looks at pictures afterwards does.
   */
  readonly published?: boolean;
}

/** An item of a block. */
export interface BlockItem extends TrainingItem {
  readonly kind: ItemKind;
}

/** Grid of the paper's pictures. */
const PUBLISHED_PIXELS = 512 * 512;
/** Good pictures a block that are items themselves, each compared with the others. */
const GOODS = 8;

/** Good pictures a block, simulated and real defects a block, and zoomed regions a block. */
const NORMALS = 24;
const SIMULATED = 16;
const REAL = 10;
const ZOOMS = 6;

/** Pixel budgets of model grids: training at two scales serves both (docs/method.md, Training the click model). */
const BUDGETS = [384 * 384, 512 * 512, 512 * 512] as const;

/** Chance that pictures clearly larger than such a grid are seen at their own size, as labelling sees them. */
const OWN_SIZE = 0.6;

/** Zoomed regions are this many pixels a side at least and at most, and so many times the defect's extent. */
const ZOOM_SIDE = [96, 288] as const;
const ZOOM_CONTEXT = [2, 4.5] as const;

/** Masks with fewer pixels on the model grid than this teach nothing. */
const MIN_MASK = 8;

/** Phrases of a defect that a block draws, one to stand alone and all for the mean. */
const PHRASES = 12;

/** Kinds of simulated defect that have no name of their own: the published method calls them a contamination. */
const NAMELESS: readonly string[] = ['perlinTexture', 'perlinShuffle', 'contamination'] satisfies AnomalyKind[];

interface Picture {
  readonly image: RgbImage;
  readonly mask: Mask;
  /** Name of the defect type. */
  readonly type: string;
}

/** Waited for between pictures that are drawn, which takes long: others get a turn. What it throws ends the block. */
type Pause = () => Promise<void>;

/** What a block is made of: good pictures and a few real defects of one product. */
interface Material {
  readonly name: string;
  readonly normals: readonly RgbImage[];
  readonly defects: readonly Picture[];
  readonly kinds?: readonly AnomalyKind[];
}

const SIZES = [
  { width: 512, height: 512 },
  { width: 512, height: 512 },
  { width: 512, height: 512 },
  { width: 1024, height: 1024 },
  { width: 1024, height: 1024 },
  { width: 640, height: 416 },
  { width: 416, height: 640 },
  { width: 800, height: 320 },
  { width: 320, height: 800 },
] as const;

/** Kinds in turn, each round in another order, so that a few blocks in a row are unlike each other. */
function kindOf(number: number, seed: number): ProductKind {
  const round = Math.floor(number / PRODUCT_KINDS.length);
  return new Random(`${seed}/kinds/${round}`).shuffle(PRODUCT_KINDS)[number % PRODUCT_KINDS.length];
}

async function proceduralMaterial(number: number, seed: number, random: Random, pause: Pause): Promise<Material> {
  const kind = kindOf(number, seed);
  const product = makeProduct(kind, random.int(0, 2 ** 31), random.pick(SIZES));
  const normals: RgbImage[] = [];
  while (normals.length < NORMALS) {
    normals.push(product.good(random));
    await pause();
  }
  return { name: kind, normals, defects: [] };
}

/** The pictures of a folder, its defects where they are used. @throws ADC_DATASET, ADC_NO_NORMALS. */
const picturesOf = async ({
  directory,
  category,
  realDefects,
}: FolderSource): Promise<Pick<Dataset, 'normals' | 'defects'>> =>
  realDefects ? openDataset(directory, category) : { normals: await openGoods(directory, category), defects: [] };

/** Opens all folders of a training, so that a fault of one is said before the first block. @throws ADC_DATASET, ADC_NO_NORMALS. */
export async function checkFolders(folders: readonly FolderSource[]): Promise<void> {
  for (const folder of folders) await picturesOf(folder);
}

async function folderMaterial(source: FolderSource, random: Random): Promise<Material> {
  const dataset = await picturesOf(source);
  const chosen = random.shuffle(dataset.defects).slice(0, REAL);
  const goods = await Promise.all(
    random
      .shuffle(dataset.normals)
      .slice(0, NORMALS)
      .map((path) => readImage(path)),
  );
  const windows = learnWindows(goods.flatMap((good) => spanOf(good) ?? []));
  const normals = goods.map((good) => throughWindows(good, windows));
  const defects: Picture[] = [];
  for (const defect of chosen) {
    const image = throughWindows(await readImage(defect.path), windows);
    defects.push({ image, mask: await readDefectMask(defect, image), type: defect.type });
  }
  return { name: source.category, normals, defects, kinds: source.kinds };
}

/** Chooses the material of a block: folders take their share at even distances, in turn. */
function materialOf(number: number, settings: BlockSettings, random: Random, pause: Pause): Promise<Material> {
  const before = Math.floor(number * settings.folderShare);
  const isFolder = settings.folders.length > 0 && Math.floor((number + 1) * settings.folderShare) > before;
  if (!isFolder) return proceduralMaterial(number - before, settings.seed, random, pause);
  return folderMaterial(settings.folders[before % settings.folders.length], random);
}

const countDefect = (mask: Mask) => mask.data.reduce((sum, value) => sum + (value === 1 ? 1 : 0), 0);

/** Chance that a picture is taken under other conditions than those it is compared with, which is no defect. */
const OTHER_CONDITIONS = 0.5;
/** Chance that lines and grains are as fine on a large picture as on one of 512 pixels: thinner than a pixel of the model grid. */
const FINE = 0.7;

/** Text features of defect types, made once a block; several phrases of each, drawn at random. */
class Texts {
  private readonly made = new Map<string, Promise<TrainingText>>();

  constructor(
    private readonly model: TextModel,
    private readonly object: string,
    private readonly random: Random,
  ) {}

  of(type: string): Promise<TrainingText> {
    return keptPromise(this.made, type, () => this.make(type));
  }

  private async make(type: string): Promise<TrainingText> {
    const phrases = this.random.shuffle(offlinePrompts(type, this.object)).slice(0, PHRASES);
    const encoded = await this.model.encode(phrases);
    return { one: sentenceFeatures(encoded, 0), mean: textFeatures(encoded) };
  }
}

/** Residual and mask of a picture on the index's grid; undefined when hardly a pixel of the mask is left there. */
async function makeItem(
  index: ReferenceIndex,
  texts: Texts | undefined,
  { image, mask, type }: Picture,
  kind: ItemKind,
  exclude?: string,
) {
  const { width, height } = index.grid;
  const small = resizeMask(mask, width, height);
  if (kind !== 'good' && countDefect(small) < MIN_MASK) return undefined;
  const described = await index.describe(image);
  const residual = await index.residual(described, { exclude: exclude ? [exclude] : [] });
  const text = await texts?.of(type);
  const item: BlockItem = { kind, residual, image: described.image, mask: small, text };
  return { item, neighbours: residual.neighbours };
}

function squareAt(centreX: number, centreY: number, side: number, { width, height }: RgbImage): Box {
  const fit = Math.round(Math.min(side, width, height));
  const place = (centre: number, size: number) => Math.round(Math.min(Math.max(centre - fit / 2, 0), size - fit));
  return { x: place(centreX, width), y: place(centreY, height), width: fit, height: fit };
}

/** A square region around the defect, as a closer look takes it; undefined for large defects. */
function regionAround({ image, mask }: Picture, random: Random): Box | undefined {
  let [left, top, right, bottom] = [mask.width, mask.height, -1, -1];
  for (let i = 0; i < mask.data.length; i++) {
    if (mask.data[i] !== 1) continue;
    const [x, y] = [i % mask.width, Math.floor(i / mask.width)];
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
  }
  const extent = Math.max(right - left, bottom - top) + 1;
  if (right < 0 || extent > ZOOM_SIDE[1] / ZOOM_CONTEXT[0]) return undefined;
  const side = Math.min(Math.max(extent * random.uniform(...ZOOM_CONTEXT), ZOOM_SIDE[0]), ZOOM_SIDE[1]);
  const shift = () => random.uniform(-0.2, 0.2) * (side - extent);
  return squareAt((left + right) / 2 + shift(), (top + bottom) / 2 + shift(), side, image);
}

/** Makes one block. The same settings and number give the same items. @param language none for items without words. @throws what `pause` throws. */
export async function makeBlock(
  number: number,
  settings: BlockSettings,
  runtime: Runtime,
  language: TextModel | undefined,
  pause: Pause,
): Promise<BlockItem[]> {
  const { published = false } = settings;
  const random = new Random(`${settings.seed}/block/${number}`);
  const { name, normals, defects, kinds } = await materialOf(number, settings, random, pause);
  const texts = language && new Texts(language, objectName(name), new Random(`${settings.seed}/phrases/${number}`));
  const own = normals[0].width * normals[0].height;
  const drawn = () => (own > 1.5 * DEFAULT_PIXELS && random.chance(OWN_SIZE) ? own : random.pick(BUDGETS));
  // Squared residuals go uncalibrated, so one picture is enough to measure what is normal.
  const size = published ? { pixels: PUBLISHED_PIXELS, calibrationImages: 1 } : { pixels: drawn() };
  const index = await ReferenceIndex.build(
    normals.map((image, i) => ({ name: String(i), image })),
    { runtime, ...size, backbone: settings.backbone },
  );
  const simulate = (good: RgbImage): Picture => {
    const unit = random.chance(FINE) ? Math.min(1, Math.min(good.width, good.height) / 512) : undefined;
    const drawn = kinds ?? (published ? PUBLISHED_KINDS : undefined);
    const {
      image: seen,
      mask,
      kind,
    } = simulateAnomaly(good, random, {
      donor: random.pick(normals),
      kinds: drawn,
      unit,
      ...(published && { minArea: PUBLISHED_LEAST }),
    });
    const image = !published && random.chance(OTHER_CONDITIONS) ? varyConditions(seen, random) : seen;
    return { image, mask, type: NAMELESS.includes(kind) ? SIMULATED_TYPE : kind };
  };
  const items: BlockItem[] = [];

  let zooms = 0;
  const add = async (picture: Picture, kind: ItemKind, from?: number) => {
    const made = await makeItem(index, texts, picture, kind, from === undefined ? undefined : String(from));
    if (!made) return;
    items.push(made.item);
    const region = !published && zooms < ZOOMS ? regionAround(picture, random) : undefined;
    if (!region) return;
    zooms++;
    const zoomed = await index.zoomed(regionOf(region, picture.image), made.neighbours);
    const part = { image: cropRgb(picture.image, region), mask: cropMask(picture.mask, region), type: picture.type };
    const closer = await makeItem(zoomed, texts, part, kind);
    if (closer) items.push(closer.item);
  };

  for (const picture of defects) await add(picture, 'real');
  zooms = Math.min(zooms, ZOOMS / 2);
  for (let n = 0; n < SIMULATED; n++) {
    const from = random.int(0, normals.length);
    await add(simulate(normals[from]), 'simulated', from);
  }
  for (let from = 0; published && from < Math.min(GOODS, normals.length); from++) {
    const image = normals[from];
    const { width, height } = image;
    const mask: Mask = { data: new Uint8Array(width * height), width, height, channels: 1 };
    await add({ image, mask, type: NORMAL_TYPE }, 'good', from);
  }
  await index.close();
  return items;
}
