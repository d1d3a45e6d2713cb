/** The bench on which a defect is made: the picture being changed, the plane of what belongs to the defect, where and how large. */
import type { RgbImage } from '../../image/types.ts';
import type { Random } from '../../random.ts';
import { fractalNoise, normalPlane } from '../drawing/noise.ts';
import type { Foreground } from '../drawing/planes.ts';
import { type Canvas, type Colour, hsv, type Point } from '../drawing/raster.ts';

/** Everything a defect maker needs. It changes `canvas` and raises `region` (0..1) where its defect is. */
export interface Work {
  readonly random: Random;
  readonly good: RgbImage;
  readonly width: number;
  readonly height: number;
  /** Shorter side over 512: lengths in pixels are multiplied by it. */
  readonly unit: number;
  readonly canvas: Canvas;
  readonly region: Float32Array;
  readonly foreground: Foreground;
  /** The area aimed at, in pixels. */
  readonly area: number;
  /** Sigma of the picture's own grain, in grey values. */
  readonly grain: number;
  readonly donor: RgbImage;
}

/**
 * How the mask follows from the region: `whole` takes the region as drawn, `changed` only what visibly changed in it,
 * `rearranged` the same for content of the product itself, which is a defect only where place and order matter (leather
 * exchanged for leather is good leather), `none` says the maker gave up.
 */
export type Outcome = 'whole' | 'changed' | 'rearranged' | 'none';

export type DefectMaker = (work: Work) => Outcome;

/** A rectangle of pixels, right and bottom exclusive. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The box about a point, cut at the picture's border; empty for a point far outside. */
export function boxAbout(work: Work, x: number, y: number, reach: number): Box {
  const left = Math.max(0, Math.floor(x - reach));
  const top = Math.max(0, Math.floor(y - reach));
  return {
    left,
    top,
    width: Math.max(0, Math.min(work.width, Math.ceil(x + reach) + 1) - left),
    height: Math.max(0, Math.min(work.height, Math.ceil(y + reach) + 1) - top),
  };
}

const contrastAt = (work: Work, x: number, y: number, reach: number): number => {
  const { data } = work.good;
  const at = (u: number, v: number): number =>
    data[
      (Math.max(0, Math.min(work.height - 1, v | 0)) * work.width + Math.max(0, Math.min(work.width - 1, u | 0))) * 3 +
        1
    ];
  return Math.abs(at(x - reach, y) - at(x + reach, y)) + Math.abs(at(x, y - reach) - at(x, y + reach));
};

/** A place on the object; now and then where the picture has structure, as defects often sit on edges and print. */
export function placeOnObject(work: Work): Point {
  const { random, width, height, foreground } = work;
  const tries = random.chance(0.3) ? 6 : 1;
  let best: Point = [width / 2, height / 2];
  let bestContrast = -1;
  for (let n = 0; n < tries; n++) {
    for (let m = 0; m < 40; m++) {
      const x = random.uniform(0, width);
      const y = random.uniform(0, height);
      if (!foreground.mask[(y | 0) * width + (x | 0)]) continue;
      const contrast = tries > 1 ? contrastAt(work, x, y, 5 * work.unit) : 0;
      if (contrast > bestContrast) {
        bestContrast = contrast;
        best = [x, y];
      }
      break;
    }
  }
  return best;
}

/** A place on the outline of the object and the direction that leads out of it; for textures, on the picture's border. */
export function placeOnOutline(work: Work): { x: number; y: number; outward: number } {
  const { random, width, height, foreground } = work;
  if (!foreground.everywhere) {
    for (let n = 0; n < 60; n++) {
      let [x, y] = placeOnObject({ ...work, random });
      const angle = random.uniform(0, 2 * Math.PI);
      const [dx, dy] = [Math.cos(angle) * 2, Math.sin(angle) * 2];
      for (let m = 0; m < 400; m++) {
        x += dx;
        y += dy;
        if (x < 2 || y < 2 || x > width - 3 || y > height - 3) break;
        if (!foreground.mask[(y | 0) * width + (x | 0)]) return { x: x - dx, y: y - dy, outward: angle };
      }
    }
  }
  const side = random.int(0, 4);
  const t = random.uniform(0.05, 0.95);
  if (side === 0) return { x: t * width, y: 0, outward: -Math.PI / 2 };
  if (side === 1) return { x: t * width, y: height - 1, outward: Math.PI / 2 };
  if (side === 2) return { x: 0, y: t * height, outward: Math.PI };
  return { x: width - 1, y: t * height, outward: 0 };
}

/** The picture's mean colour about a point, from a handful of pixels. */
export function colourAbout(work: Work, x: number, y: number, reach = 4): Colour {
  const sum = [0, 0, 0];
  let count = 0;
  for (let dy = -2; dy <= 2; dy++) {
    for (let dx = -2; dx <= 2; dx++) {
      const u = Math.round(x + (dx * reach) / 2);
      const v = Math.round(y + (dy * reach) / 2);
      if (u < 0 || v < 0 || u >= work.width || v >= work.height) continue;
      for (let c = 0; c < 3; c++) sum[c] += work.canvas.data[(v * work.width + u) * 3 + c];
      count++;
    }
  }
  return [sum[0] / Math.max(1, count), sum[1] / Math.max(1, count), sum[2] / Math.max(1, count)];
}

/** Whether the picture is grey, in which case a defect is grey as well. */
export function isGrey(image: RgbImage): boolean {
  let sum = 0;
  const step = 3 * Math.max(1, Math.floor(image.data.length / 3 / 2000));
  for (let i = 0; i < image.data.length; i += step) sum += Math.abs(image.data[i] - image.data[i + 2]);
  return sum / (image.data.length / step) < 1.5;
}

/** A colour that differs from what is there: nearby shades mostly, now and then any colour at all. */
export function defectColour(work: Work, x: number, y: number): Colour {
  const { random } = work;
  const here = colourAbout(work, x, y);
  let colour: Colour;
  if (random.chance(0.55)) {
    const shift = random.uniform(22, 130) * (random.chance(0.55) ? -1 : 1);
    colour = [
      here[0] + shift + random.normal() * 9,
      here[1] + shift + random.normal() * 9,
      here[2] + shift + random.normal() * 9,
    ];
  } else if (random.chance(0.4)) {
    colour = hsv(random.uniform(0.03, 0.13), random.uniform(0.2, 0.8), random.uniform(0.1, 0.75));
  } else colour = hsv(random.next(), random.next() ** 1.4, random.uniform(0.03, 1));
  if (isGrey(work.good)) {
    const g = 0.35 * colour[0] + 0.5 * colour[1] + 0.15 * colour[2];
    colour = [g, g, g];
  }
  return [clip(colour[0]), clip(colour[1]), clip(colour[2])];
}

export const clip = (v: number): number => (v < 0 ? 0 : Math.min(v, 255));

/** The opacities of an irregular patch, in a box of their own. */
export interface Blob {
  readonly box: Box;
  readonly alpha: Float32Array;
  /** Signed distance to the outline over the radius: 1 in the middle, 0 at the outline, below outside. */
  readonly depth: Float32Array;
}

/** How a blob looks. */
export interface BlobOptions {
  area?: number;
  /** Share of the radius that the outline wanders by broad lobes. */
  lobes?: number;
  /** Share of the radius that the outline is roughened by. */
  rough?: number;
  stretch?: number;
  angle?: number;
  /** Half width of the edge in pixels. */
  softness?: number;
}

/** An irregular patch about (x, y): an ellipse whose outline wanders by a few waves and by noise. */
export function makeBlob(work: Work, x: number, y: number, options: BlobOptions = {}): Blob {
  const { random } = work;
  const area = options.area ?? work.area;
  const stretch = options.stretch ?? 1 + random.next() ** 2 * 2.5;
  const angle = options.angle ?? random.uniform(0, Math.PI);
  const lobes = options.lobes ?? random.uniform(0.05, 0.35);
  const rough = options.rough ?? random.uniform(0, 0.25);
  const softness = Math.max(0.5, options.softness ?? random.uniform(0.6, 1.6));
  const radius = Math.max(1.2, Math.sqrt(area / Math.PI));
  const waves = Array.from({ length: 5 }, (_, k) => ({
    k: k + 2,
    amount: (lobes * random.normal()) / (k + 1.5),
    phase: random.uniform(0, 6.28),
  }));
  const longest = radius * Math.sqrt(stretch) * (1.25 + lobes + rough) + softness + 1;
  const box = boxAbout(work, x, y, longest);
  const noise =
    rough > 0.02 && radius > 3
      ? fractalNoise(random, box.width, box.height, { cell: Math.max(3, radius * 0.5), octaves: 3 })
      : null;
  const alpha = new Float32Array(box.width * box.height);
  const depth = new Float32Array(alpha.length);
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  const root = Math.sqrt(stretch);
  const outline = Float32Array.from({ length: 256 }, (_, i) =>
    waves.reduce((sum, w) => sum + w.amount * Math.sin(w.k * (i / 256) * 6.2832 + w.phase), 1),
  );
  for (let v = 0, p = 0; v < box.height; v++) {
    for (let u = 0; u < box.width; u++, p++) {
      const dx = box.left + u - x;
      const dy = box.top + v - y;
      const a = (dx * c + dy * s) / root;
      const b = (dy * c - dx * s) * root;
      const t = ((Math.atan2(b, a) / 6.2832 + 1) * 256) & 255;
      const d = outline[t] - Math.hypot(a, b) / radius + (noise ? noise[p] * rough : 0);
      depth[p] = d;
      const edge = 0.5 + (d * radius) / (2 * softness);
      alpha[p] = edge < 0 ? 0 : Math.min(edge, 1);
    }
  }
  return { box, alpha, depth };
}

/** Visits a box's pixels: local index, index in the picture, and position. */
export function eachPixel(
  work: Work,
  box: Box,
  visit: (local: number, index: number, x: number, y: number) => void,
): void {
  for (let v = 0, p = 0; v < box.height; v++) {
    let index = (box.top + v) * work.width + box.left;
    for (let u = 0; u < box.width; u++, p++, index++) visit(p, index, box.left + u, box.top + v);
  }
}

export function raiseRegion(work: Work, box: Box, alpha: Float32Array, scale = 1): void {
  eachPixel(work, box, (p, i) => {
    const a = alpha[p] * scale;
    if (a > work.region[i]) work.region[i] = a;
  });
}

/** Blends a colour into one pixel. */
export function tint(work: Work, index: number, colour: Colour, alpha: number, shade = 1): void {
  const { data } = work.canvas;
  const i = index * 3;
  data[i] += (colour[0] * shade - data[i]) * alpha;
  data[i + 1] += (colour[1] * shade - data[i + 1]) * alpha;
  data[i + 2] += (colour[2] * shade - data[i + 2]) * alpha;
}

/** Adds the same grey value to one pixel's channels. */
export function lift(work: Work, index: number, amount: number): void {
  const { data } = work.canvas;
  const i = index * 3;
  data[i] += amount;
  data[i + 1] += amount;
  data[i + 2] += amount;
}

/** Gives new material in a box the grain of the picture. */
export function addGrain(work: Work, box: Box, alpha: Float32Array, scale = 1): void {
  if (work.grain < 0.3) return;
  const noise = normalPlane(work.random, box.width * box.height);
  eachPixel(work, box, (p, i) => {
    if (alpha[p] > 0) lift(work, i, noise[p] * work.grain * alpha[p] * scale);
  });
}

/** A wandering path of `length` pixels through (x, y); `turn` is the change of direction a step, in radians. */
export function wander(
  random: Random,
  x: number,
  y: number,
  length: number,
  turn: number,
  step = 3,
  heading?: number,
): Point[] {
  const count = Math.max(1, Math.round(length / step));
  const start = heading ?? random.uniform(0, 2 * Math.PI);
  const drift = random.normal() * turn * 0.4;
  const run = (direction: number, n: number, sign: number): Point[] => {
    const out: Point[] = [];
    let angle = direction;
    let [px, py] = [x, y];
    for (let i = 0; i < n; i++) {
      angle += random.normal() * turn + drift * sign;
      px += Math.cos(angle) * step;
      py += Math.sin(angle) * step;
      out.push([px, py]);
    }
    return out;
  };
  const half = count >> 1;
  return [...run(start + Math.PI, half, -1).reverse(), [x, y], ...run(start, count - half, 1)];
}

/**
 * The connected pixels of about the colour at a point (city-block distance up to `tolerance`), at most `limit` of them.
 *
 * @returns their indices and whether the limit cut the region off
 */
export function floodRegion(
  work: Work,
  x: number,
  y: number,
  tolerance: number,
  limit: number,
): { pixels: Int32Array; cut: boolean } {
  const { width, height, canvas } = work;
  const { data } = canvas;
  const base = colourAbout(work, x, y, 3);
  const seen = new Uint8Array(width * height);
  const queue = new Int32Array(Math.ceil(limit) + 8);
  const start = Math.min(height - 1, Math.round(y)) * width + Math.min(width - 1, Math.round(x));
  let count = 1;
  queue[0] = start;
  seen[start] = 1;
  for (let n = 0; n < count && count < limit; n++) {
    const at = queue[n];
    const column = at % width;
    for (let k = 0; k < 4; k++) {
      if ((k === 0 && column === 0) || (k === 1 && column === width - 1)) continue;
      const to = k === 0 ? at - 1 : k === 1 ? at + 1 : k === 2 ? at - width : at + width;
      if (to < 0 || to >= seen.length || seen[to] || count >= limit) continue;
      const i = to * 3;
      if (Math.abs(data[i] - base[0]) + Math.abs(data[i + 1] - base[1]) + Math.abs(data[i + 2] - base[2]) > tolerance)
        continue;
      seen[to] = 1;
      queue[count++] = to;
    }
  }
  return { pixels: queue.slice(0, count), cut: count >= limit - 1 };
}

/** Whether a region fills a fair share of its box, unlike a rim or a seam. */
function isCompact(pixels: Int32Array, width: number): boolean {
  let [left, top, right, bottom] = [Infinity, Infinity, 0, 0];
  for (const p of pixels) {
    const x = p % width;
    const y = (p - x) / width;
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return pixels.length > 0.3 * (right - left + 1) * (bottom - top + 1);
}

/** The largest whole region of one colour among a few places, such as a pill, a pad, a strand; null when there is none. */
export function findPart(work: Work, places: number): { x: number; y: number; pixels: Int32Array } | null {
  const limit = Math.min(work.width * work.height * 0.12, Math.max(work.area * 8, 400));
  let best: { x: number; y: number; pixels: Int32Array } | null = null;
  for (let n = 0; n < places; n++) {
    const [x, y] = placeOnObject(work);
    const { pixels, cut } = floodRegion(work, x, y, work.random.uniform(35, 90) + 5 * work.grain, limit);
    if (!cut && pixels.length > 40 && isCompact(pixels, work.width) && pixels.length > (best?.pixels.length ?? 0))
      best = { x, y, pixels };
  }
  return best;
}
