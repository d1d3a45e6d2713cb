/** Simulated anomalies: one good picture in, the same picture with defects and their exact mask out. */
import type { Mask, RgbImage } from '../../image/types.ts';
import type { Random } from '../../random.ts';
import { close, type Foreground, fillGaps, guessForeground, regionsOf } from '../drawing/planes.ts';
import { toCanvas, toImage } from '../drawing/raster.ts';
import { burn, driedStain, fadedPrint, film, rust, smear, specks, stain, unevenness, wrongColour } from './areas.ts';
import { cut, fibre, hairlineCrack, scrape, scratch } from './lines.ts';
import { bend, brokenStructure, doubled, missingPart, movedPart, swappedPart, turnedPart } from './parts.ts';
import { contamination, perlinShuffle, perlinTexture } from './patches.ts';
import { bump, chippedEdge, dent, drop, fray, hole, particle, pits } from './solids.ts';
import { changesMore, isSpeckled, regularity } from './visibility.ts';
import type { DefectMaker, Work } from './work.ts';

interface Defect {
  readonly make: DefectMaker;
  readonly weight: number;
  /** Largest share of the picture. */
  readonly most: number;
  /** Whether it is in the object's own surface, so that it ends where the object ends. */
  readonly surface?: boolean;
}

/** Each kind of defect, how often it is drawn, and the largest share of the picture that makes sense for it. */
const DEFECTS = {
  perlinTexture: { make: perlinTexture, weight: 2.5, most: 1 },
  perlinShuffle: { make: perlinShuffle, weight: 2, most: 1 },
  contamination: { make: contamination, weight: 2, most: 1 },
  scratch: { make: scratch, weight: 2.5, most: 0.02, surface: true },
  hairlineCrack: { make: hairlineCrack, weight: 2.5, most: 0.012, surface: true },
  cut: { make: cut, weight: 1.2, most: 0.03, surface: true },
  scrape: { make: scrape, weight: 1, most: 0.12, surface: true },
  fibre: { make: fibre, weight: 1.3, most: 0.02 },
  stain: { make: stain, weight: 1.8, most: 1 },
  driedStain: { make: driedStain, weight: 1, most: 0.15, surface: true },
  burn: { make: burn, weight: 0.8, most: 0.2, surface: true },
  film: { make: film, weight: 1.2, most: 1 },
  specks: { make: specks, weight: 1, most: 0.02 },
  rust: { make: rust, weight: 1, most: 1, surface: true },
  wrongColour: { make: wrongColour, weight: 1, most: 0.15, surface: true },
  unevenness: { make: unevenness, weight: 0.9, most: 0.25, surface: true },
  fadedPrint: { make: fadedPrint, weight: 1, most: 0.1, surface: true },
  smear: { make: smear, weight: 0.7, most: 0.1 },
  pits: { make: pits, weight: 2, most: 0.02, surface: true },
  dent: { make: dent, weight: 1.4, most: 0.06, surface: true },
  bump: { make: bump, weight: 0.9, most: 0.06, surface: true },
  chippedEdge: { make: chippedEdge, weight: 2, most: 0.12 },
  hole: { make: hole, weight: 1.2, most: 0.04, surface: true },
  particle: { make: particle, weight: 1.2, most: 0.04 },
  drop: { make: drop, weight: 0.9, most: 0.05 },
  fray: { make: fray, weight: 1, most: 0.04 },
  missingPart: { make: missingPart, weight: 1.5, most: 0.2 },
  movedPart: { make: movedPart, weight: 1.3, most: 0.2 },
  turnedPart: { make: turnedPart, weight: 0.9, most: 0.2 },
  doubled: { make: doubled, weight: 0.6, most: 0.1 },
  swappedPart: { make: swappedPart, weight: 1, most: 1 },
  bend: { make: bend, weight: 1.5, most: 0.08 },
  brokenStructure: { make: brokenStructure, weight: 1.3, most: 0.03 },
} as const satisfies Record<string, Defect>;

export type AnomalyKind = keyof typeof DEFECTS;

/** Every kind of defect, in a fixed order. */
export const ANOMALY_KINDS = Object.keys(DEFECTS) as readonly AnomalyKind[];

/** What may be drawn and how large. */
export interface AnomalyOptions {
  /** Only these kinds; all by default. */
  kinds?: readonly AnomalyKind[];
  /** Another good picture of the product, for pasted content; the picture itself by default. */
  donor?: RgbImage;
  /** Largest share of the picture under the mask, 0.25 by default. */
  maxAreaFraction?: number;
  /** Smallest defect in pixels, 12 by default. */
  minArea?: number;
  /** Pixels that a detail of a pixel on a picture of 512 pixels has, by which lines and grains are drawn; by default as large as the picture makes it. */
  unit?: number;
  /** Exactly one defect, where otherwise a fifth of the pictures carries two to four. */
  single?: boolean;
}

/** A picture with one or more defects; `kind` is the kind of the first, `kinds` of all. */
export interface SimulatedAnomaly {
  readonly image: RgbImage;
  readonly mask: Mask;
  readonly kind: AnomalyKind;
  readonly kinds: readonly AnomalyKind[];
}

/** A defect is what belongs to it by at least this share (a stain's soft edge counts to here). */
const REGION_LEVEL = 0.35;
/** Grey values that the strongest channel must change for a pixel to count as changed. */
const VISIBLE_CHANGE = 9;
/** Distance from the mask, in pixels, beyond which the picture is untouched. */
const SEAM = 5;

/** Sigma of the finest grain: the median of the second differences along rows, which edges hardly move. */
function estimateGrain(image: RgbImage): number {
  const histogram = new Int32Array(512);
  const { width, height, data } = image;
  let count = 0;
  for (let y = 2; y < height; y += 5) {
    for (let x = 1; x < width - 1; x += 3) {
      const i = (y * width + x) * 3 + 1;
      histogram[Math.abs(data[i - 3] - 2 * data[i] + data[i + 3])]++;
      count++;
    }
  }
  let seen = 0;
  let value = 0;
  while (seen + histogram[value] < count / 2) seen += histogram[value++];
  const within = (count / 2 - seen) / Math.max(1, histogram[value]);
  return Math.max(0, value - 0.5 + within) / 0.6745 / Math.sqrt(6);
}

function drawKind(random: Random, kinds: readonly AnomalyKind[]): AnomalyKind {
  let at = random.next() * kinds.reduce((sum, kind) => sum + DEFECTS[kind].weight, 0);
  for (const kind of kinds) {
    at -= DEFECTS[kind].weight;
    if (at < 0) return kind;
  }
  return kinds[kinds.length - 1];
}

/** The mask of what a maker drew: solid, visible, free of stray pixels; null when there is too little to see. */
function maskOf(
  before: RgbImage,
  after: RgbImage,
  region: Float32Array,
  changedOnly: boolean,
  minArea: number,
): Uint8Array | null {
  const { width, height } = before;
  const inRegion = new Uint8Array(width * height);
  const visible = new Uint8Array(width * height);
  let size = 0;
  let seen = 0;
  for (let p = 0, i = 0; p < inRegion.length; p++, i += 3) {
    if (region[p] < REGION_LEVEL) continue;
    inRegion[p] = 1;
    size++;
    const d = Math.max(
      Math.abs(after.data[i] - before.data[i]),
      Math.abs(after.data[i + 1] - before.data[i + 1]),
      Math.abs(after.data[i + 2] - before.data[i + 2]),
    );
    if (d > VISIBLE_CHANGE) {
      visible[p] = 1;
      seen++;
    }
  }
  if (size < minArea || seen < minArea * 0.6) return null;
  let mask: Uint8Array;
  if (changedOnly) {
    mask = close(visible, width, height, Math.max(1, Math.min(5, Math.round(Math.sqrt(size) / 12))));
    for (let p = 0; p < mask.length; p++) mask[p] &= inRegion[p];
    mask = fillGaps(mask, width, height, Math.max(16, size * 0.1));
    if (isSpeckled(mask, width, height)) return null;
  } else {
    if (seen < 0.45 * size) return null;
    mask = close(inRegion, width, height, 1);
  }
  const regions = regionsOf(mask, width, height);
  const largest = regions.reduce((most, r) => Math.max(most, r.length), 0);
  const least = Math.max(changedOnly ? 12 : 4, Math.min(minArea, largest * 0.02));
  for (const r of regions) if (r.length < least) for (const p of r) mask[p] = 0;
  return largest < least ? null : mask;
}

/** The box of all pixels that differ between two pictures; null when none does. */
function changedBox(a: RgbImage, b: RgbImage): { left: number; top: number; right: number; bottom: number } | null {
  const row = a.width * 3;
  let [left, right, top, bottom] = [row, -1, -1, -1];
  for (let y = 0; y < a.height; y++) {
    const base = y * row;
    let first = 0;
    while (first < row && a.data[base + first] === b.data[base + first]) first++;
    if (first === row) continue;
    let last = row - 1;
    while (a.data[base + last] === b.data[base + last]) last--;
    if (top < 0) top = y;
    bottom = y;
    if (first < left) left = first;
    if (last > right) right = last;
  }
  return top < 0 ? null : { left: Math.floor(left / 3), top, right: Math.floor(right / 3), bottom };
}

/** Puts back the good picture where a change is more than {@link SEAM} pixels (city block) from the mask, with a soft seam. */
function restoreElsewhere(good: RgbImage, changed: RgbImage, mask: Uint8Array): void {
  const box = changedBox(good, changed);
  if (!box) return;
  const { width, height } = good;
  // Changes outside a margin of the seam are put back outright, so the mask need not be looked at beyond it.
  const left = Math.max(0, box.left - SEAM);
  const top = Math.max(0, box.top - SEAM);
  const w = Math.min(width - 1, box.right + SEAM) - left + 1;
  const h = Math.min(height - 1, box.bottom + SEAM) - top + 1;
  const near = new Float32Array(w * h).fill(SEAM + 1);
  for (let y = 0; y < h; y++) {
    const from = (top + y) * width + left;
    for (let x = 0, d = SEAM + 1; x < w; x++) {
      d = mask[from + x] ? 0 : d + 1;
      near[y * w + x] = d;
    }
    for (let x = w - 1, d = SEAM + 1; x >= 0; x--) {
      d = mask[from + x] ? 0 : d + 1;
      if (d < near[y * w + x]) near[y * w + x] = d;
    }
  }
  for (let y = 1; y < h; y++) {
    for (let x = 0, i = y * w; x < w; x++, i++) if (near[i - w] + 1 < near[i]) near[i] = near[i - w] + 1;
  }
  for (let y = h - 2; y >= 0; y--) {
    for (let x = 0, i = y * w; x < w; x++, i++) if (near[i + w] + 1 < near[i]) near[i] = near[i + w] + 1;
  }
  for (let y = 0, n = 0; y < h; y++) {
    for (let x = 0; x < w; x++, n++) {
      if (near[n] <= 2) continue;
      const keep = Math.max(0, (SEAM - near[n]) / (SEAM - 2));
      const at = ((top + y) * width + left + x) * 3;
      for (let i = at; i < at + 3; i++) {
        if (changed.data[i] !== good.data[i])
          changed.data[i] = Math.round(good.data[i] + (changed.data[i] - good.data[i]) * keep);
      }
    }
  }
}

/** What stays the same for all defects of one picture. */
interface Limits {
  readonly minArea: number;
  readonly maxArea: number;
  readonly donor: RgbImage;
  readonly unit: number;
  readonly foreground: Foreground;
  readonly grain: number;
  /** Whether the picture repeats itself, found out when first asked. */
  readonly regular: () => boolean;
}

/** Takes back what a surface defect changed beside the object. */
function keepToObject(work: Work): void {
  const { canvas, good, region, foreground } = work;
  for (let p = 0; p < region.length; p++) {
    if (foreground.mask[p]) continue;
    region[p] = 0;
    for (let i = p * 3; i < p * 3 + 3; i++) canvas.data[i] = good.data[i];
  }
}

/** Adds one defect of a kind; null when it came out invisible, too small or too large. */
function addDefect(
  good: RgbImage,
  kind: AnomalyKind,
  random: Random,
  limits: Limits,
): { image: RgbImage; mask: Uint8Array; area: number } | null {
  const { width, height } = good;
  const { make, most, surface }: Defect = DEFECTS[kind];
  const largest = Math.max(limits.minArea * 2, Math.min(limits.maxArea, most * width * height));
  const work: Work = {
    random,
    good,
    width,
    height,
    unit: limits.unit,
    canvas: toCanvas(good),
    region: new Float32Array(width * height),
    foreground: limits.foreground,
    area: limits.minArea * (largest / limits.minArea) ** (random.next() ** 1.15),
    grain: limits.grain,
    donor: limits.donor,
  };
  const outcome = make(work);
  if (outcome === 'none') return null;
  if (surface && !work.foreground.everywhere) keepToObject(work);
  const image = toImage(work.canvas);
  const mask = maskOf(good, image, work.region, outcome !== 'whole', limits.minArea);
  if (!mask) return null;
  if (outcome === 'rearranged' && !limits.regular() && !changesMore(good, image, limits.donor, mask)) return null;
  let area = 0;
  for (let p = 0; p < mask.length; p++) area += mask[p];
  if (area < limits.minArea || area > limits.maxArea) return null;
  restoreElsewhere(good, image, mask);
  return { image, mask, area };
}

/**
 * Simulates defects on a good picture: a fifth of the pictures carries two to four of them, the others one, sizes
 * log-uniform from `minArea` to the kind's largest. The mask covers what is visible of each defect, whole and solid; beyond
 * five pixels from it the picture is untouched.
 *
 * Perlin level sets with foreign texture or shuffled tiles follow DRAEM and MemSeg (docs/method.md, Simulated defects); the other kinds are ours.
 */
export function simulateAnomaly(good: RgbImage, random: Random, options: AnomalyOptions = {}): SimulatedAnomaly {
  const { width, height } = good;
  const kinds = options.kinds?.length ? options.kinds : ANOMALY_KINDS;
  const minArea = options.minArea ?? 12;
  const maxArea = Math.max(minArea + 1, (options.maxAreaFraction ?? 0.25) * width * height);
  let regular: boolean | undefined;
  const limits: Limits = {
    minArea,
    maxArea,
    donor: options.donor ?? good,
    unit: options.unit ?? Math.min(width, height) / 512,
    foreground: guessForeground(good),
    grain: estimateGrain(good),
    regular: () => {
      regular ??= regularity(good) > 0.45;
      return regular;
    },
  };
  const wanted = !options.single && random.chance(0.2) ? random.int(2, 5) : 1;
  const sameKind = random.chance(0.5);
  const mask = new Uint8Array(width * height);
  const made: AnomalyKind[] = [];
  let image = good;
  let total = 0;
  let kind = drawKind(random, kinds);
  for (let tries = 0; made.length < wanted && tries < 60; tries++) {
    if (made.length === 0 || !sameKind) kind = tries % 2 === 0 || made.length ? drawKind(random, kinds) : kind;
    const next = addDefect(image, kind, random, { ...limits, maxArea: maxArea - total });
    if (!next) {
      if (made.length && tries > 20) break;
      continue;
    }
    image = next.image;
    for (let p = 0; p < mask.length; p++) mask[p] |= next.mask[p];
    total += next.area;
    made.push(kind);
    if (maxArea - total < minArea * 2) break;
  }
  if (!made.length) return lastResort(good, random, limits);
  return { image, mask: { data: mask, width, height, channels: 1 }, kind: made[0], kinds: made };
}

/** When nothing else shows on a picture (the kinds asked for cannot), a plain stain of strong contrast does. */
function lastResort(good: RgbImage, random: Random, limits: Limits): SimulatedAnomaly {
  for (let n = 0; ; n++) {
    const next = addDefect(good, n % 2 ? 'particle' : 'stain', random, limits);
    if (next) {
      const kind = n % 2 ? 'particle' : 'stain';
      return {
        image: next.image,
        mask: { data: next.mask, width: good.width, height: good.height, channels: 1 },
        kind,
        kinds: [kind],
      };
    }
    if (n > 400)
      throw new RangeError(
        `no defect of ${limits.minArea} to ${limits.maxArea} px fits ${good.width} x ${good.height}`,
      );
  }
}
