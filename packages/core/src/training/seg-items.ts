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
import { windowSize } from '../inference/click-windows.ts';
import { TOKEN } from '../networks/adclick.ts';
import type { Random } from '../random.ts';
import { residualNorm } from '../residual/norm.ts';
import type { ReferenceIndex } from '../residual/reference-index.ts';
import { type AnomalyKind, simulateAnomaly } from '../synthesis/anomalies/index.ts';
import { CROP, type Cut, cutRaster, pixelsOf } from './item.ts';
import { strengthen } from './pseudo-labels.ts';
import { type WeakPicture, weakCopies } from './weak-set.ts';

/** Slots of a batch. */
export type SegKind = 'good' | 'simulated' | 'weak';

/** One picture with its residual and label, or a window of one; rasters are of the model grid. */
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

/** A picture of the model grid, and the good pictures that no residual of it is taken against. */
interface Source extends Pick<SegItem, 'kind' | 'label' | 'type' | 'probability'> {
  readonly image: RgbImage;
  readonly exclude: readonly string[];
}

/**
 * Describes a picture and takes its residual. Of one on a large grid a window remains, of the size that the network looks at: a whole
 * one would take some 25 MB.
 */
async function itemOf(index: ReferenceIndex, { image, exclude, ...said }: Source, random: Random): Promise<SegItem> {
  const described = await index.describe(image);
  const residual = await index.residual(described, { exclude });
  const { height, width, dims, delta, tokens, calibration } = residual;
  const norm = residualNorm(residual, calibration).data;
  const halves = { delta: toFloat16(delta), tokens: toFloat16(tokens) };
  const picture = { image: described.image, colourNorm: colourNorm(described.image) };
  const whole: SegItem = { ...said, height, width, dims, ...halves, calibration, norm, ...picture };
  const window = windowSize(whole);
  return window.height * window.width < height * width ? pieceOf(whole, window, random) : whole;
}

/** A window of a picture: around a pixel of the defect, or of a good one something strange, since that is what may be taken for a defect. */
function pieceOf(item: SegItem, size: Pick<Cut, 'height' | 'width'>, random: Random): SegItem {
  const [row, column] = (item.kind === 'good' ? undefined : onDefect(item, random)) ?? somethingStrange(item, random);
  const place = (token: number, side: number, tokens: number) =>
    Math.min(Math.max(token - random.int(0, side), 0), tokens - side);
  const cut: Cut = {
    ...size,
    top: place(row, size.height, item.height),
    left: place(column, size.width, item.width),
    turn: 0,
  };
  const pixels = pixelsOf(cut);
  const cells = cut.height * cut.width;
  const area = pixels.height * pixels.width;
  const halves = (from: Uint16Array) => cutRaster(from, item.width, item.dims, cut, new Uint16Array(cells * item.dims));
  const data = cutRaster(item.image.data, item.image.width, 3, pixels, new Uint8Array(3 * area));
  return {
    ...item,
    ...size,
    delta: halves(item.delta),
    tokens: halves(item.tokens),
    norm: cutRaster(item.norm, item.width, 1, cut, new Float32Array(cells)),
    image: { data, width: pixels.width, height: pixels.height, channels: 3 },
    probability: cutRaster(item.probability, item.image.width, 1, pixels, new Float32Array(area)),
  };
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
  /** Kinds of defect that are simulated; all by default. */
  readonly kinds?: readonly AnomalyKind[];
  /** Fewest pixels of a defect that is simulated on a good picture, on the model grid; by default simulateAnomaly's. */
  readonly minArea?: number;
}

/**
 * Makes all pictures, one at a time: good ones, good ones with simulated defects, then each label followed by its copies.
 * @throws whatever reading good pictures throws.
 */
export async function* segItems(
  { index, names, labels, counts, discRadius, left, kinds, minArea }: SegSources,
  random: Random,
): AsyncGenerator<SegItem> {
  const { width, height } = index.grid;
  const goods = await Promise.all(names.map(async (name) => resizeRgb(await index.picture(name), width, height)));
  const without = (i: number) => [...left, ...index.copiesOf(names[i])];
  const none = new Float32Array(width * height);
  for (let i = 0; i < Math.min(counts.goods, goods.length); i++)
    yield itemOf(index, { kind: 'good', image: goods[i], probability: none, exclude: without(i) }, random);
  for (let n = 0; n < counts.simulated; n++) {
    const from = n % goods.length;
    const { image, mask } = simulateAnomaly(goods[from], random, { donor: random.pick(goods), kinds, minArea });
    const probability = Float32Array.from(mask.data);
    yield itemOf(index, { kind: 'simulated', image, probability, exclude: without(from) }, random);
  }
  for (const [l, label] of labels.entries()) {
    const picture = labelOnGrid(label, width, height, discRadius);
    const itemFrom = ({ image, probability, onto }: WeakPicture) => {
      const exclude = onto === undefined ? left : without(onto);
      const said = { kind: 'weak', label: l, type: label.type, probability: probability.data } as const;
      return itemOf(index, { ...said, image, exclude }, random);
    };
    yield itemFrom(picture);
    for (const copy of weakCopies(picture, goods, random, { count: counts.copies, kinds })) yield itemFrom(copy);
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

type Place = readonly [row: number, column: number];

/** The token of a pixel of the defect; undefined where there is none. */
function onDefect({ probability, width }: SegItem, random: Random): Place | undefined {
  const inside: number[] = [];
  for (let i = 0; i < probability.length; i++) if (probability[i] >= 0.5) inside.push(i);
  if (inside.length === 0) return undefined;
  const pixel = random.pick(inside);
  const columns = width * TOKEN;
  const { x, y } = cellOf(modelPoint(pixel % columns, Math.floor(pixel / columns)));
  return [y, x];
}

/** Places that are looked at for something strange. */
const TRIES = 4;

/** The strangest of a few places. */
function somethingStrange({ norm, width }: SegItem, random: Random): Place {
  let best = random.int(0, norm.length);
  for (let n = 1; n < TRIES; n++) {
    const other = random.int(0, norm.length);
    if (norm[other] > norm[best]) best = other;
  }
  return [Math.floor(best / width), best % width];
}

/** Share of crops of defective pictures that are placed on the defect. */
const ON_DEFECT = 0.75;

/** Where a crop is centred, in tokens: on a defect, or on something that is strange among a few places. */
const centreOf = (item: SegItem, random: Random): Place =>
  (item.kind !== 'good' && random.chance(ON_DEFECT) ? onDefect(item, random) : undefined) ??
  somethingStrange(item, random);

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
  const pixels = pixelsOf(cut);
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
