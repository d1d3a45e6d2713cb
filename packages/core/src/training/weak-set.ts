/** The weak set, as the published code builds it: every labelled picture comes along with copies that carry a simulated defect, or its own on a good picture. */
import { connectedComponents } from '../image/components.ts';
import type { Plane, RgbImage } from '../image/types.ts';
import type { Random } from '../random.ts';
import { type AnomalyKind, simulateAnomaly } from '../synthesis/anomalies/index.ts';

/** Copies a labelled picture that the published set has. */
export const COPIES = 20;

/** A picture with its label; both of one size. */
export interface WeakPicture {
  readonly image: RgbImage;
  /** In [0,1]; binary for copies made by transplanting. */
  readonly probability: Plane;
  /** The good picture that a defect was transplanted to, as an index into the list; its residual must not be taken against itself. */
  readonly onto?: number;
}

/** Rotation in degrees and scale of a transplant, uniform. */
const ROTATION = [-45, 45] as const;
const SCALE = [0.8, 1.2] as const;
/** Probability from which a pixel belongs to the defect that is transplanted. */
const DEFECT = 0.5;
/** Fewest pixels of a simulated defect. */
const LEAST_SIMULATED = 50;
/** Chance that a copy is a transplant; otherwise a defect is simulated on top. */
const TRANSPLANTED = 0.5;

/** Adds a simulated defect to a labelled picture; its pixels become 1. @param kinds of that defect; all by default. */
export function simulateOnTop(
  { image, probability }: WeakPicture,
  donor: RgbImage,
  random: Random,
  kinds?: readonly AnomalyKind[],
): WeakPicture {
  const { image: changed, mask } = simulateAnomaly(image, random, { donor, kinds, minArea: LEAST_SIMULATED });
  const data = probability.data.slice();
  for (let i = 0; i < data.length; i++) if (mask.data[i] === 1) data[i] = 1;
  return { image: changed, probability: { ...probability, data } };
}

/** Mean position of the first connected part (8 neighbours), in row-major order of its first pixel. */
function firstCentroid(defect: Uint8Array, width: number, height: number): readonly [x: number, y: number] {
  const { labels } = connectedComponents(defect, width, height, 8);
  let [x, y, count] = [0, 0, 0];
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] !== 1) continue;
    x += i % width;
    y += Math.floor(i / width);
    count++;
  }
  return [x / count, y / count];
}

/** Bilinear value of channel `c` at a place inside the raster. */
function at(data: ArrayLike<number>, width: number, height: number, channels: number, x: number, y: number, c: number) {
  const [x0, y0] = [Math.floor(x), Math.floor(y)];
  const [x1, y1] = [Math.min(x0 + 1, width - 1), Math.min(y0 + 1, height - 1)];
  const [fx, fy] = [x - x0, y - y0];
  const value = (u: number, v: number) => data[(v * width + u) * channels + c];
  const top = value(x0, y0) * (1 - fx) + value(x1, y0) * fx;
  const bottom = value(x0, y1) * (1 - fx) + value(x1, y1) * fx;
  return top * (1 - fy) + bottom * fy;
}

/**
 * Cuts the defect out, turns and scales it about the centroid of its first part, and pastes it hard onto a good picture.
 * @param good of the same size. @param onto its index.
 * @returns undefined when nothing of the defect is left in the picture, or the label has no defect pixel.
 */
export function transplant(
  { image, probability }: WeakPicture,
  good: RgbImage,
  onto: number,
  random: Random,
): WeakPicture | undefined {
  const { width, height } = image;
  const defect = Uint8Array.from(probability.data, (p) => (p >= DEFECT ? 1 : 0));
  const angle = (random.uniform(...ROTATION) * Math.PI) / 180;
  const scale = random.uniform(...SCALE);
  if (!defect.includes(1)) return undefined;
  const [cx, cy] = firstCentroid(defect, width, height);
  // Where a pixel of the result comes from: the inverse of turning and scaling.
  const [cos, sin] = [Math.cos(angle) / scale, Math.sin(angle) / scale];
  const data = good.data.slice();
  const label = new Float32Array(width * height);
  let pasted = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [dx, dy] = [x - cx, y - cy];
      const sx = cx + cos * dx + sin * dy;
      const sy = cy - sin * dx + cos * dy;
      if (sx < 0 || sy < 0 || sx > width - 1 || sy > height - 1) continue;
      if (at(defect, width, height, 1, sx, sy, 0) <= 0.5) continue;
      const i = y * width + x;
      label[i] = 1;
      pasted++;
      for (let c = 0; c < 3; c++) data[3 * i + c] = Math.round(at(image.data, width, height, 3, sx, sy, c));
    }
  if (pasted === 0) return undefined;
  return { image: { ...good, data }, probability: { ...probability, data: label }, onto };
}

/**
 * The copies of one labelled picture, one at a time.
 * @param goods good pictures of the same size. The same generator gives the same copies. @param kinds of simulated defects; all by default.
 */
export function* weakCopies(
  picture: WeakPicture,
  goods: readonly RgbImage[],
  random: Random,
  { count = COPIES, kinds }: { readonly count?: number; readonly kinds?: readonly AnomalyKind[] } = {},
): Generator<WeakPicture> {
  for (let n = 0; n < count; n++) {
    const onto = random.int(0, goods.length);
    const good = goods[onto];
    const moved = random.chance(TRANSPLANTED) ? transplant(picture, good, onto, random) : undefined;
    yield moved ?? simulateOnTop(picture, good, random, kinds);
  }
}
