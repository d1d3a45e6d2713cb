/**
 * Rules of a click (ours): what a click says holds, whatever the network draws, and what nobody has asked for does not come along
 * unless it is sure. Everything on the model grid; figures in docs/method.md.
 */
import type { Plane } from '../image/types.ts';
import { fromLogOdds, logOddsWithin } from '../log-odds.ts';
import { DISC_RADIUS, overDisc } from './disc.ts';
import { fitExtent } from './extent.ts';
import { AWAY, CANDIDATE, LEAST, Parts } from './parts.ts';
import type { ImageClick, ModelClick } from './types.ts';

/** Probability around a click that the network does not obey: at least this where it is positive, at most 1 - this where it is negative. */
const SURE = 0.99;

/** Shares of the probability that are left of a banned part and of one that does not come along. */
const LEFT = { banned: 0.1, candidate: 0.2 };

/** What is left is below the threshold, at most this share of it. */
const BELOW = 0.8;

/**
 * A part without a positive click comes along when ln(p / (1 - p)) of its surest pixel, plus `likeness` times the mean cosine of its
 * residual to those under positive clicks, reaches `sure`; `stays` less where most of it was in the mask before, and the logarithm of their
 * areas more where it is larger than all parts with a positive click together: a band across the picture that is none costs most.
 */
const ALONG = { sure: 4, likeness: 8, stays: 2 };

/** Away from a new click the map before it keeps a share of the log odds, up to `share` far from it, by a Gaussian of `sigma` pixels. */
const STEADY = { share: 0.5, sigma: 64 };

/** What is less probable than this share of the threshold does not follow a positive click: on an even ground everything would. */
const LIKELY = 0.5;

/** How far a click that the network does not obey reaches along the map, in pixels. */
const REACH = 4 * DISC_RADIUS;

/** What the network draws after some clicks, and what the rules look at beside it. */
export interface Drawn {
  /** Probability, (height, width); read, and not kept. */
  readonly map: Float32Array;
  readonly width: number;
  readonly height: number;
  /** In the order they were made, at least one. */
  readonly clicks: readonly ModelClick[];
  /** Probability above which a pixel is in the mask. */
  readonly threshold: number;
  /** Largest cosine of a pixel's residual to those under positive clicks, in [0,1]. */
  readonly likeness: (pixel: number) => number;
}

/** What the rules make of it. */
export class Ruled {
  /** Probability before parts are taken out. */
  private readonly whole: Float32Array;
  /** {@link CANDIDATE} or {@link AWAY} for pixels of parts that are taken out, else 0; none where nothing is. */
  private readonly out: Uint8Array | undefined;
  /** 1 where negative clicks have taken parts out, now or before; none where they have not. */
  private readonly banned: Uint8Array | undefined;
  private readonly threshold: number;

  /** @param before what came of the clicks but the last, by the same threshold. */
  constructor(drawn: Drawn, before: Ruled | undefined) {
    const { clicks, width, threshold } = drawn;
    const whole = before ? steadied(drawn, before.whole) : drawn.map.slice();
    const at = (click: ModelClick) => click.y * width + click.x;
    for (const click of clicks) if (whole[at(click)] > threshold !== click.positive) correct(whole, click, drawn);
    this.banned = before?.bannedWith(drawn);
    fitExtent(whole, drawn, this.banned);
    // Where corrections met, the later click has the last word.
    for (const click of clicks) whole[at(click)] = held(click);
    this.whole = whole;
    this.threshold = threshold;
    const parts = new Parts(whole, drawn, threshold);
    if (this.banned) lift(this.banned, parts, drawn);
    this.out = takenOut(parts, drawn, { whole, banned: this.banned, before });
  }

  /** Probability of a pixel under the rules. */
  at(pixel: number): number {
    const p = this.whole[pixel];
    const why = this.out ? this.out[pixel] : 0;
    return why === 0 ? p : Math.min(BELOW * this.threshold, p * (why === AWAY ? LEFT.banned : LEFT.candidate));
  }

  /** That of every pixel; a new array. */
  map(): Float32Array {
    const { whole, out } = this;
    const map = whole.slice();
    if (out) for (let i = 0; i < map.length; i++) if (out[i] !== 0) map[i] = this.at(i);
    return map;
  }

  /** Probability of the parts that might belong to the defect and were left out, 0 elsewhere; none where nothing was. A new array. */
  candidates(): Float32Array | undefined {
    const { whole, out } = this;
    return out?.includes(CANDIDATE) ? whole.map((p, i) => (out[i] === CANDIDATE ? p : 0)) : undefined;
  }

  /** Whether a pixel is in the mask. */
  shows(pixel: number): boolean {
    return this.whole[pixel] > this.threshold && !this.out?.[pixel];
  }

  /** Bans so far, and the part without a positive click, or the candidate, in which the last click lies, if that is negative. */
  private bannedWith({ clicks, width, height, threshold }: Drawn): Uint8Array | undefined {
    const banned = this.banned?.slice();
    const last = clicks[clicks.length - 1];
    if (last.positive) return banned;
    const { whole, out } = this;
    const parts = new Parts(whole, { width, height }, threshold, out);
    const clicked = parts.at(last);
    if (clicked === 0 || clicks.some((click) => click.positive && parts.at(click) === clicked)) return banned;
    const added = banned ?? new Uint8Array(whole.length);
    parts.each((pixel, part) => {
      if (part === clicked) added[pixel] = 1;
    });
    return added;
  }
}

/**
 * Holds the pixels of the picture under its clicks, in place: where pixels of the grid are larger than those of the picture, or smaller,
 * what lies beside a click would have its say. Of clicks on one pixel the last counts.
 * @param map at the picture's size.
 */
export function holdClicks(map: Plane, clicks: readonly ImageClick[]): void {
  for (const click of clicks) map.data[click.y * map.width + click.x] = held(click);
}

/** In the mask, or out of it, by every threshold. */
const held = ({ positive }: { readonly positive: boolean }) => (positive ? 1 : 0);

/** A Gaussian of {@link STEADY} around a place on an axis, 1 at its top. */
const falloff = (length: number, centre: number) =>
  new Float64Array(length).map((_, i) => Math.exp(-((i - centre) ** 2) / (2 * STEADY.sigma ** 2)));

/** The new map near the last click, and between it and the map before further away. */
function steadied({ map, width, height, clicks }: Drawn, before: Float32Array): Float32Array {
  const { x, y } = clicks[clicks.length - 1];
  const columns = falloff(width, x);
  const rows = falloff(height, y);
  const out = new Float32Array(map.length);
  for (let v = 0, i = 0; v < height; v++)
    for (let u = 0; u < width; u++, i++) {
      // Not taken apart from an array: each number would be a piece of memory of its own.
      const now = map[i];
      const then = before[i];
      // Most pixels are good before and after; their odds need not be known.
      if (now < 0.01 && then < 0.01) {
        out[i] = now;
        continue;
      }
      const share = STEADY.share * (1 - rows[v] * columns[u]);
      out[i] = fromLogOdds((1 - share) * logOddsWithin(LEAST, now) + share * logOddsWithin(LEAST, then));
    }
  return out;
}

/**
 * Corrects the surroundings of a click that the map does not obey: from the clicked pixel on, connected pixels that are no surer than it
 * (of a negative click; no less sure, of a positive one), as far as REACH and nearer to it than to any click of the other kind; its disc at least.
 */
function correct(map: Float32Array, click: ModelClick, { width, height, clicks, threshold }: Drawn): void {
  const { x, y, positive } = click;
  const own = map[y * width + x];
  const others = clicks.filter((other) => other.positive !== positive);
  const nearer = (u: number, v: number) => {
    const distance = (u - x) ** 2 + (v - y) ** 2;
    return distance <= REACH ** 2 && others.every((other) => distance < (u - other.x) ** 2 + (v - other.y) ** 2);
  };
  const follows = positive
    ? (p: number) => p >= Math.max(own, LIKELY * threshold)
    : (p: number) => p <= own && p > threshold;
  const left = Math.max(0, x - REACH);
  const top = Math.max(0, y - REACH);
  const columns = Math.min(width, x + REACH + 1) - left;
  const rows = Math.min(height, y + REACH + 1) - top;
  /** Places of the square within reach: what is connected with the click, or in its disc. */
  const wrong = new Uint8Array(columns * rows);
  const open = [(y - top) * columns + x - left];
  wrong[open[0]] = 1;
  const reach = (u: number, v: number) => {
    const place = v * columns + u;
    if (u < 0 || v < 0 || u >= columns || v >= rows || wrong[place]) return;
    if (!follows(map[(top + v) * width + left + u]) || !nearer(left + u, top + v)) return;
    wrong[place] = 1;
    open.push(place);
  };
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const u = place % columns;
    const v = (place - u) / columns;
    reach(u - 1, v);
    reach(u + 1, v);
    reach(u, v - 1);
    reach(u, v + 1);
  }
  overDisc(click, DISC_RADIUS, { width, height }, (pixel) => {
    const u = pixel % width;
    const v = (pixel - u) / width;
    if (nearer(u, v)) wrong[(v - top) * columns + u - left] = 1;
  });
  for (let v = 0, place = 0; v < rows; v++)
    for (let pixel = (top + v) * width + left, end = pixel + columns; pixel < end; pixel++, place++)
      if (wrong[place]) map[pixel] = positive ? Math.max(map[pixel], SURE) : Math.min(map[pixel], 1 - SURE);
}

/**
 * Lifts bans where the last click is positive and lands there: on a banned pixel, or in a part that no earlier positive click lies in. A
 * part that the network has bridged to a banned one lifts nothing.
 */
function lift(banned: Uint8Array, parts: Parts, { clicks, width }: Drawn): void {
  const last = clicks[clicks.length - 1];
  const part = parts.at(last);
  if (!last.positive || part === 0) return;
  const known = clicks.slice(0, -1).some((click) => click.positive && parts.at(click) === part);
  if (known && !banned[last.y * width + last.x]) return;
  parts.each((pixel, each) => {
    if (each === part) banned[pixel] = 0;
  });
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

/** @param clicked pixels of all parts with a positive click. */
function comesAlong({ area, surest, alike, shown }: Known, clicked: number): boolean {
  const stays = 2 * shown > area ? ALONG.stays : 0;
  const larger = Math.max(0, Math.log(area / Math.max(1, clicked)));
  return logOddsWithin(LEAST, surest) + (ALONG.likeness * alike) / area >= ALONG.sure - stays + larger;
}

/** Which pixels are taken out: banned parts, what is banned of clicked ones, and those that are not sure enough to come along. */
function takenOut(
  parts: Parts,
  { clicks, width, likeness }: Drawn,
  { whole, banned, before }: { readonly whole: Float32Array; readonly banned?: Uint8Array; readonly before?: Ruled },
): Uint8Array | undefined {
  const known = Array.from({ length: parts.count + 1 }, (): Known => {
    return { clicked: false, banned: false, area: 0, surest: 0, alike: 0, shown: 0 };
  });
  const positives = clicks.filter(({ positive }) => positive);
  for (const click of positives) known[parts.at(click)].clicked = true;
  if (!banned && known.every(({ clicked }, part) => clicked || part === 0)) return undefined;
  parts.each((pixel, label) => {
    const part = known[label];
    if (banned?.[pixel]) part.banned = true;
    part.area++;
    part.surest = Math.max(part.surest, whole[pixel]);
    if (!part.clicked) part.alike += likeness(pixel);
    if (before?.shows(pixel)) part.shown++;
  });
  const clickedArea = known.reduce((sum, { clicked, area }) => (clicked ? sum + area : sum), 0);
  const fate = known.map((part) => {
    if (part.clicked) return 0;
    if (part.banned) return AWAY;
    return positives.length === 0 || comesAlong(part, clickedArea) ? 0 : CANDIDATE;
  });
  let out: Uint8Array | undefined;
  parts.each((pixel, label) => {
    const why = fate[label] === 0 && banned?.[pixel] ? AWAY : fate[label];
    if (why === 0) return;
    out ??= new Uint8Array(whole.length);
    out[pixel] = why;
  });
  // A positive click may lie on a pixel that was banned when another click lifted nothing.
  if (out) for (const { x, y } of positives) if (whole[y * width + x] === 1) out[y * width + x] = 0;
  return out;
}
