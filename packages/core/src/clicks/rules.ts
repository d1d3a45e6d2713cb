/**
 * Rules of a click (ours): what a click says holds, whatever the network draws, and what nobody has asked for does not come along
 * unless it is sure. Everything on the model grid; figures in docs/method.md.
 */
import { type Box, connectedComponents } from '../image/components.ts';
import type { ModelPoint } from '../image/points.ts';
import type { Plane } from '../image/types.ts';
import { CLICK_THRESHOLD } from './annotator.ts';
import { DISC_RADIUS, overDisc } from './disc.ts';
import type { ImageClick, ModelClick } from './types.ts';

/** Probability of the pixel under a click, at least for a positive and at most 1 - this for a negative one. */
export const HELD = 0.99;

/** Of a banned part this share of its probability is left. */
const BANNED = 0.1;

/** By what the odds of a part that does not come along are divided, and the most that is left of its probability: below the threshold. */
const LEFT_OUT = { odds: 10, most: 0.4 };

/**
 * A part without a positive click comes along when ln(p / (1 - p)) of its surest pixel, plus `likeness` times the mean cosine of its
 * residual to those under positive clicks, reaches `sure`; `stays` less where most of it was in the mask before.
 */
export const ALONG = { sure: 4, likeness: 8, stays: 2 };

/** Away from a new click the map before it keeps a share of the log odds, up to `share` far from it, by a Gaussian of `sigma` pixels. */
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

/** The parts of a map: connected pixels above the threshold, numbered from 1. */
class Parts {
  readonly count: number;
  private readonly labels: Int32Array;
  private readonly box: Box;

  /** @param extra further pixels that belong to parts, where this is above 0. */
  constructor(
    map: Float32Array,
    private readonly width: number,
    height: number,
    extra?: Float32Array,
  ) {
    const isIn = (pixel: number) => map[pixel] > CLICK_THRESHOLD || (extra !== undefined && extra[pixel] > 0);
    let [left, right, top, bottom] = [width, -1, height, -1];
    for (let y = 0, i = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        if (!isIn(i)) continue;
        if (x < left) left = x;
        if (x > right) right = x;
        if (y < top) top = y;
        bottom = y;
      }
    // Most of a picture is good: only the rectangle that has everything is looked at.
    this.box = { x: left, y: top, width: Math.max(0, right - left + 1), height: Math.max(0, bottom - top + 1) };
    const mask = new Uint8Array(this.box.width * this.box.height);
    for (let j = 0; j < mask.length; j++) if (isIn(this.pixel(j))) mask[j] = 1;
    const { labels, count } = connectedComponents(mask, this.box.width, this.box.height, 8);
    this.labels = labels;
    this.count = count;
  }

  private pixel(j: number): number {
    const { x, y, width } = this.box;
    return (y + Math.floor(j / width)) * this.width + x + (j % width);
  }

  /** The part at a place, 0 where there is none. */
  at({ x, y }: ModelPoint): number {
    const { box } = this;
    const [u, v] = [x - box.x, y - box.y];
    return u >= 0 && v >= 0 && u < box.width && v < box.height ? this.labels[v * box.width + u] : 0;
  }

  /** Visits each pixel of each part. */
  each(visit: (pixel: number, part: number) => void): void {
    for (let j = 0; j < this.labels.length; j++) if (this.labels[j] > 0) visit(this.pixel(j), this.labels[j]);
  }
}

/** What is known of a part. */
interface Known {
  /** A positive click lies in it. */
  clicked: boolean;
  /** It touches what a negative click has taken out. */
  banned: boolean;
  area: number;
  /** Its largest probability. */
  surest: number;
  /** Sum of likeness. */
  alike: number;
  /** Pixels that were in the mask before. */
  shown: number;
}

const comesAlong = ({ area, surest, alike, shown }: Known) =>
  logit(surest) + (ALONG.likeness * alike) / area >= ALONG.sure - (2 * shown > area ? ALONG.stays : 0);

/** Takes banned parts out of the map, and those that are not sure enough to come along. */
function takeOut(
  map: Float32Array,
  { width, height, clicks, likeness }: Drawn,
  before: Ruled | undefined,
): Pick<Ruled, 'banned' | 'candidates'> {
  const banned = bannedAfter(before, clicks, width, height);
  const parts = new Parts(map, width, height);
  const known = Array.from({ length: parts.count + 1 }, (): Known => {
    return { clicked: false, banned: false, area: 0, surest: 0, alike: 0, shown: 0 };
  });
  const positives = clicks.filter(({ positive }) => positive);
  for (const click of positives) known[parts.at(click)].clicked = true;
  parts.each((pixel, label) => {
    const part = known[label];
    // A positive click lifts the ban of what it lies in.
    if (part.clicked) banned[pixel] = 0;
    else if (banned[pixel]) part.banned = true;
    part.area++;
    part.surest = Math.max(part.surest, map[pixel]);
    if (!part.clicked) part.alike += likeness(pixel);
    if (before && before.map[pixel] > CLICK_THRESHOLD) part.shown++;
  });
  const stays = known.map((part) => part.clicked || (!part.banned && (positives.length === 0 || comesAlong(part))));
  let candidates: Float32Array | undefined;
  parts.each((pixel, label) => {
    if (stays[label]) return;
    const p = map[pixel];
    if (known[label].banned) {
      map[pixel] = BANNED * p;
      return;
    }
    candidates ??= new Float32Array(map.length);
    candidates[pixel] = p;
    map[pixel] = Math.min(LEFT_OUT.most, p / (p + LEFT_OUT.odds * (1 - p)));
  });
  return { banned, candidates };
}

/** Bans so far, and the part without a positive click, or the candidate, in which the last click lies, if that is negative. */
function bannedAfter(
  before: Ruled | undefined,
  clicks: readonly ModelClick[],
  width: number,
  height: number,
): Uint8Array {
  const banned = before ? before.banned.slice() : new Uint8Array(width * height);
  const last = clicks[clicks.length - 1];
  if (!before || last.positive) return banned;
  const parts = new Parts(before.map, width, height, before.candidates);
  const clicked = parts.at(last);
  if (clicked === 0 || clicks.some((click) => click.positive && parts.at(click) === clicked)) return banned;
  parts.each((pixel, part) => {
    if (part === clicked) banned[pixel] = 1;
  });
  return banned;
}
