/** What ADClick-Seg is trained on: good pictures, simulated defects and the weak set, with residuals computed once, and crops of them. */
import { tensor, toFloat16, toFloat32 } from '@adclick/ortgrad';
import { TokenInputs } from '../clicks/encoding.ts';
import type { LabelledDefect } from '../clicks/labelled-defect.ts';
import { imageClicks } from '../clicks/types.ts';
import { cellOf } from '../features/grid.ts';
import { type ColourNorm, colourNorm, normalisedColours } from '../features/normalised-colours.ts';
import { onGrid } from '../image/on-grid.ts';
import { modelPoint } from '../image/points.ts';
import { resizePlane, resizeRgb } from '../image/resize.ts';
import type { RgbImage } from '../image/types.ts';
import { TOKEN } from '../networks/adclick.ts';
import type { Random } from '../random.ts';
import { residualNorm } from '../residual/norm.ts';
import type { ReferenceIndex } from '../residual/reference-index.ts';
import { simulateAnomaly } from '../synthesis/anomalies/index.ts';
import { CROP, type Cut, cutRaster } from './item.ts';
import { strengthen } from './pseudo-labels.ts';
import { weakCopies } from './weak-set.ts';

/** Slots of a batch. */
export type SegKind = 'good' | 'simulated' | 'weak';

/** One picture with its residual and label; rasters are of the model grid. */
export interface SegItem {
  readonly kind: SegKind;
  /** Number and defect type of the label that it comes from; weak pictures only. */
  readonly label?: number;
  readonly type?: string;
  readonly height: number;
  readonly width: number;
  readonly dims: number;
  /** Float16 bits, (height * width, dims). */
  readonly delta: Uint16Array;
  readonly tokens: Uint16Array;
  readonly calibration: Float32Array;
  /** See residualNorm, the unsupervised map, (height * width). */
  readonly norm: Float32Array;
  readonly image: RgbImage;
  readonly colourNorm: ColourNorm;
  /** Strengthened label in [0,1], (8 height * 8 width). */
  readonly probability: Float32Array;
}

/** How many pictures of each kind are made. */
export interface SegCounts {
  readonly goods: number;
  readonly simulated: number;
  /** Copies a label. */
  readonly copies: number;
}

/** Describes a picture of the model grid, and takes its residual against the good ones but those named. */
async function itemOf(
  index: ReferenceIndex,
  kind: SegKind,
  image: RgbImage,
  probability: Float32Array,
  exclude: readonly string[],
  from?: { readonly label: number; readonly type: string },
): Promise<SegItem> {
  const described = await index.describe(image);
  const residual = await index.residual(described, { exclude });
  const { height, width, dims, delta, tokens, calibration } = residual;
  const norm = residualNorm(residual, calibration).data;
  const halves = { delta: toFloat16(delta), tokens: toFloat16(tokens) };
  const picture = { image: described.image, colourNorm: colourNorm(described.image) };
  return { kind, ...from, height, width, dims, ...halves, calibration, norm, ...picture, probability };
}

/** What pictures are made of. */
export interface SegSources {
  readonly index: ReferenceIndex;
  /** Good pictures to use, by name. */
  readonly names: readonly string[];
  readonly labels: readonly LabelledDefect[];
  readonly counts: SegCounts;
  /** Radius of click discs in labels, in pixels of the model grid. */
  readonly discRadius: number;
  /** Good pictures that no residual is taken against. */
  readonly left: readonly string[];
}

/**
 * Makes all pictures, one at a time: good ones, good ones with simulated defects, then each label followed by its copies.
 * @throws whatever reading good pictures throws.
 */
export async function* segItems(
  { index, names, labels, counts, discRadius, left }: SegSources,
  random: Random,
): AsyncGenerator<SegItem> {
  const { width, height } = index.grid;
  const goods = await Promise.all(names.map(async (name) => resizeRgb(await index.picture(name), width, height)));
  const without = (i: number) => [...left, ...index.copiesOf(names[i])];
  const none = new Float32Array(width * height);
  for (let i = 0; i < Math.min(counts.goods, goods.length); i++)
    yield itemOf(index, 'good', goods[i], none, without(i));
  for (let n = 0; n < counts.simulated; n++) {
    const from = n % goods.length;
    const { image, mask } = simulateAnomaly(goods[from], random, { donor: random.pick(goods) });
    yield itemOf(index, 'simulated', image, Float32Array.from(mask.data), without(from));
  }
  for (const [l, label] of labels.entries()) {
    const from = { label: l, type: label.type };
    const picture = labelOnGrid(label, width, height, discRadius);
    yield itemOf(index, 'weak', picture.image, picture.probability.data, left, from);
    for (const { image, probability, onto } of weakCopies(picture, goods, random, counts.copies))
      yield itemOf(index, 'weak', image, probability.data, onto === undefined ? left : without(onto), from);
  }
}

/** A label at the size of the model grid, strengthened by its clicks (Eq. 8). */
export function labelOnGrid(
  { image, probability, clicks }: LabelledDefect,
  width: number,
  height: number,
  discRadius: number,
) {
  const moved = onGrid(imageClicks(clicks), image, { width, height });
  const map = resizePlane(probability, width, height);
  return { image: resizeRgb(image, width, height), probability: strengthen(map, moved, discRadius) };
}

/** A crop of an item as the network sees it. */
export interface SegCut {
  readonly inputs: TokenInputs;
  readonly norm: Float32Array;
  /** (3, rows, columns). */
  readonly colours: Float32Array;
  readonly probability: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** Places that are tried for a crop of a good picture; the strangest of them is taken. */
const TRIES = 4;
/** Share of crops of defective pictures that are placed on the defect. */
const ON_DEFECT = 0.75;

/** Where a crop is centred, in tokens: on a defect, or on something that is strange among a few places. */
function centreOf({ probability, norm, width, kind }: SegItem, random: Random): readonly [row: number, column: number] {
  if (kind !== 'good' && random.chance(ON_DEFECT)) {
    const inside: number[] = [];
    for (let i = 0; i < probability.length; i++) if (probability[i] >= 0.5) inside.push(i);
    if (inside.length > 0) {
      const pixel = random.pick(inside);
      const columns = width * TOKEN;
      const { x, y } = cellOf(modelPoint(pixel % columns, Math.floor(pixel / columns)));
      return [y, x];
    }
  }
  let best = random.int(0, norm.length);
  for (let n = 1; n < TRIES; n++) {
    const other = random.int(0, norm.length);
    if (norm[other] > norm[best]) best = other;
  }
  return [Math.floor(best / width), best % width];
}

/** A crop of at most {@link CROP} tokens a side, in one of the eight flips and turns. */
export function cutItem(item: SegItem, random: Random, gain: number): SegCut {
  const { height, width, dims, calibration, image } = item;
  const size = Math.min(CROP, height, width);
  const [row, column] = centreOf(item, random);
  const place = (token: number, tokens: number) =>
    Math.min(Math.max(token - random.int(1, Math.max(2, size - 1)), 0), tokens - size);
  const cut: Cut = {
    top: place(row, height),
    left: place(column, width),
    height: size,
    width: size,
    turn: random.int(0, 8),
  };
  const cells = size * size;
  const pixels: Cut = {
    ...cut,
    top: cut.top * TOKEN,
    left: cut.left * TOKEN,
    height: size * TOKEN,
    width: size * TOKEN,
  };
  const halves = (from: Uint16Array) =>
    toFloat32(tensor(cutRaster(from, width, dims, cut, new Uint16Array(cells * dims)), [cells, dims], 'float16'));
  const residual = {
    height: size,
    width: size,
    dims,
    delta: halves(item.delta),
    tokens: halves(item.tokens),
    calibration,
  };
  const area = cells * TOKEN * TOKEN;
  const side = size * TOKEN;
  const data = cutRaster(image.data, width * TOKEN, 3, pixels, new Uint8Array(3 * area));
  return {
    inputs: new TokenInputs(residual, gain),
    norm: cutRaster(item.norm, width, 1, cut, new Float32Array(cells)),
    colours: normalisedColours({ data, width: side, height: side, channels: 3 }, item.colourNorm),
    probability: cutRaster(item.probability, width * TOKEN, 1, pixels, new Float32Array(area)),
    rows: side,
    columns: side,
  };
}
