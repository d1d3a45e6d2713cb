/**
 * Rules of a click (ours): what a click says holds, whatever the network draws, and what nobody has asked for does not come along
 * unless it is sure. Everything on the model grid; figures in docs/method.md.
 */
import { connectedComponents } from '../image/components.ts';
import type { Plane } from '../image/types.ts';
import { CLICK_THRESHOLD } from './annotator.ts';
import { DISC_RADIUS, overDisc } from './disc.ts';
import type { ImageClick, ModelClick } from './types.ts';

/** Probability of the pixel under a click, at least for a positive and at most 1 - this for a negative one. */
export const HELD = 0.99;

/** What is left of the probability of parts that were taken out: below every sensible threshold, and still in its order. */
const OUT = 0.2;

/**
 * A part without a positive click comes along when its surest pixel, and its residual's likeness to those under positive clicks, say so:
 * ln(p / (1 - p)) + LIKENESS · cosine must reach SURE.
 */
export const ALONG = { sure: 6, likeness: 8 };

/**
 * Away from a new click the map before it keeps a share of the log odds: none at the click, SHARE far from it, by a Gaussian of
 * SIGMA pixels.
 */
export const STEADY = { share: 0.5, sigma: 64 };

/** How far a click that the network does not obey reaches along the map, in pixels. */
const REACH = 4 * DISC_RADIUS;

/** The map after some clicks. */
export interface Ruled {
  /** Probability of every pixel of the grid. */
  readonly map: Float32Array;
  /** Probability of the parts that might belong to the defect and were left out, 0 elsewhere; none where nothing was. */
  readonly candidates: Float32Array | undefined;
  /** 1 where a negative click has taken a part out. */
  readonly banned: Uint8Array;
}

/** What the rules look at. */
export interface Drawn {
  /** What the network draws after the clicks, (height, width). */
  readonly map: Float32Array;
  readonly width: number;
  readonly height: number;
  /** In the order they were made, at least one. */
  readonly clicks: readonly ModelClick[];
  /** Largest cosine of a pixel's residual to those under positive clicks, in [0,1]. */
  readonly likeness: (pixel: number) => number;
}

/** The map after a click. @param before what this gave after the clicks but the last. */
export function applyRules(drawn: Drawn, before: Ruled | undefined): Ruled {
  const { clicks, width } = drawn;
  const map = before ? steadied(drawn, before.map) : drawn.map.slice();
  const at = (click: ModelClick) => click.y * width + click.x;
  for (const click of clicks) if (map[at(click)] > CLICK_THRESHOLD !== click.positive) correct(map, click, drawn);
  // Where corrections met, the later click has the last word.
  for (const click of clicks) map[at(click)] = held(map[at(click)], click.positive);
  const { banned, candidates } = takeOut(map, drawn, before);
  return { map, banned, candidates };
}

/**
 * Holds the pixels of the picture under its clicks, in place: where pixels of the grid are larger than those of the picture, or smaller,
 * what lies beside a click would have its say. Of clicks on one pixel the last counts.
 * @param map at the picture's size.
 */
export function holdClicks(map: Plane, clicks: readonly ImageClick[]): void {
  for (const { x, y, positive } of clicks) {
    const at = y * map.width + x;
    map.data[at] = held(map.data[at], positive);
  }
}

const held = (probability: number, positive: boolean) =>
  positive ? Math.max(probability, HELD) : Math.min(probability, 1 - HELD);

const TINY = 1e-6;
const logit = (p: number) => Math.log(Math.max(p, TINY) / Math.max(1 - p, TINY));

/** The new map near the last click, and between it and the map before further away. */
function steadied({ map, width, height, clicks }: Drawn, before: Float32Array): Float32Array {
  const { x, y } = clicks[clicks.length - 1];
  const gauss = (length: number, centre: number) =>
    Float64Array.from({ length }, (_, i) => Math.exp(-((i - centre) ** 2) / (2 * STEADY.sigma ** 2)));
  const [columns, rows] = [gauss(width, x), gauss(height, y)];
  const out = new Float32Array(map.length);
  for (let v = 0, i = 0; v < height; v++)
    for (let u = 0; u < width; u++, i++) {
      const [now, then] = [map[i], before[i]];
      // Most pixels are good before and after; their odds need not be known.
      if (now < 0.01 && then < 0.01) {
        out[i] = now;
        continue;
      }
      const share = STEADY.share * (1 - rows[v] * columns[u]);
      out[i] = 1 / (1 + Math.exp(-((1 - share) * logit(now) + share * logit(then))));
    }
  return out;
}

/**
 * Corrects the surroundings of a click that the map does not obey: from the clicked pixel on, connected pixels that are no surer than it
 * (of a negative click; no less sure, of a positive one), as far as REACH and nearer to it than to any click of the other kind; its disc at least.
 */
function correct(map: Float32Array, click: ModelClick, { width, height, clicks }: Drawn): void {
  const { x, y, positive } = click;
  const start = y * width + x;
  const own = map[start];
  const others = clicks.filter((other) => other.positive !== positive);
  const nearer = (u: number, v: number) => {
    const distance = (u - x) ** 2 + (v - y) ** 2;
    return distance <= REACH ** 2 && others.every((other) => distance < (u - other.x) ** 2 + (v - other.y) ** 2);
  };
  const follows = positive
    ? (p: number) => p >= Math.max(own, 1 - CLICK_THRESHOLD)
    : (p: number) => p <= own && p > CLICK_THRESHOLD;
  const value = held(own, positive);
  const wrong = new Set<number>();
  overDisc(click, DISC_RADIUS, { width, height }, (pixel) => {
    if (nearer(pixel % width, Math.floor(pixel / width))) wrong.add(pixel);
  });
  const open = [start];
  const seen = new Set(open);
  for (let pixel = open.pop(); pixel !== undefined; pixel = open.pop()) {
    wrong.add(pixel);
    const [u, v] = [pixel % width, Math.floor(pixel / width)];
    for (const [s, t] of [
      [u - 1, v],
      [u + 1, v],
      [u, v - 1],
      [u, v + 1],
    ] as const) {
      const next = t * width + s;
      if (s < 0 || t < 0 || s >= width || t >= height || seen.has(next)) continue;
      seen.add(next);
      if (follows(map[next]) && nearer(s, t)) open.push(next);
    }
  }
  for (const pixel of wrong) map[pixel] = positive ? Math.max(map[pixel], value) : Math.min(map[pixel], value);
}

const cut = (map: Float32Array) => Uint8Array.from(map, (p) => (p > CLICK_THRESHOLD ? 1 : 0));

/** Takes banned parts out of the map, and those that are not sure enough to come along. */
function takeOut(
  map: Float32Array,
  { width, height, clicks, likeness }: Drawn,
  before: Ruled | undefined,
): Pick<Ruled, 'banned' | 'candidates'> {
  const banned = bannedAfter(before, clicks, width, height);
  const { labels, count } = connectedComponents(cut(map), width, height, 8);
  const positives = clicks.filter(({ positive }) => positive);
  const clicked = new Uint8Array(count + 1);
  for (const { x, y } of positives) clicked[labels[y * width + x]] = 1;
  const touchesBan = new Uint8Array(count + 1);
  const surest = new Float32Array(count + 1);
  const alike = new Float64Array(count + 1);
  const areas = new Float64Array(count + 1);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i];
    if (label === 0 || clicked[label]) continue;
    if (banned[i]) touchesBan[label] = 1;
    if (map[i] > surest[label]) surest[label] = map[i];
    alike[label] += likeness(i);
    areas[label]++;
  }
  const comes = (label: number) =>
    positives.length === 0 || logit(surest[label]) + (ALONG.likeness * alike[label]) / areas[label] >= ALONG.sure;
  const out = new Uint8Array(count + 1);
  for (let label = 1; label <= count; label++)
    if (!clicked[label]) out[label] = touchesBan[label] ? 2 : comes(label) ? 0 : 1;
  let candidates: Float32Array | undefined;
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i];
    // A positive click lifts the ban of what it lies in.
    if (clicked[label]) banned[i] = 0;
    const why = out[label];
    if (why === 0) continue;
    if (why === 1) {
      candidates ??= new Float32Array(map.length);
      candidates[i] = map[i];
    }
    map[i] *= OUT;
  }
  return { banned, candidates };
}

/** Bans so far, and the part without a positive click in which the last click lies, if that is negative. */
function bannedAfter(
  before: Ruled | undefined,
  clicks: readonly ModelClick[],
  width: number,
  height: number,
): Uint8Array {
  const banned = before ? before.banned.slice() : new Uint8Array(width * height);
  const last = clicks[clicks.length - 1];
  if (!before || last.positive) return banned;
  const place = last.y * width + last.x;
  const shown = cut(before.map);
  // A candidate that is clicked away will not be offered again.
  if (before.candidates) for (let i = 0; i < shown.length; i++) if (before.candidates[i] > 0) shown[i] = 1;
  if (!shown[place]) return banned;
  const { labels } = connectedComponents(shown, width, height, 8);
  const label = labels[place];
  if (clicks.some(({ x, y, positive }) => positive && labels[y * width + x] === label)) return banned;
  for (let i = 0; i < labels.length; i++) if (labels[i] === label) banned[i] = 1;
  return banned;
}
