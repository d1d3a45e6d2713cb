/** Whether the pictures of a line differ from the good ones that a detector was made of, and thresholds that follow good pictures that do. */

import { logOdds } from '../log-odds.ts';
import type { DetectorCard, HeldOut, HeldOutGood } from './detector-card.ts';
import { median, moved } from './held-out.ts';
import { GoodTail } from './thresholds.ts';

/** A line whose pictures differ. */
export interface Drift {
  /**
   * 'everywhere': pictures look stranger all over, wherever there is no defect. 'score': hardly a picture scores as good ones did,
   * so most of them are defective, or good ones differ in some places.
   */
  readonly by: 'everywhere' | 'score';
  /** Of the last `of` pictures so many are stranger than nine in ten good ones, or than three in four by their score. */
  readonly pictures: number;
  readonly of: number;
  /** Share of good pictures that the detector would call defective if their scores lay as much higher as these do. */
  readonly expected: number;
}

/** The detector whose pictures they are. */
export type Known = Pick<DetectorCard, 'thresholds' | 'heldOut'>;

/** What of a picture tells whether it differs. */
export type Seen = Pick<HeldOutGood, 'score' | 'typical'>;

/** Pictures that are looked back on. */
const WINDOW = 20;
/** False alarms that are worth telling, times the rate that was wanted: pictures may differ in what no score looks at. */
const WORTH = 3;
/** Pictures that have to differ by chance once in so many times before anything is said. */
const CHANCE = 1e-4;
/** The share of good pictures that are strange all over, and by their score. */
const STRANGE = { everywhere: 0.1, score: 0.25 } as const;

/** log of n over k. */
function logChoose(n: number, k: number): number {
  let sum = 0;
  for (let i = 1; i <= k; i++) sum += Math.log((n - k + i) / i);
  return sum;
}

/**
 * The chance that of `of` further pictures at least `count` lie above the `top`-th largest of `known` ones, all of them being of one kind.
 * Exact for any distribution without ties.
 */
export function chanceAbove(count: number, of: number, top: number, known: number): number {
  let sum = 0;
  const all = logChoose(of + known, of);
  for (let c = Math.max(0, count); c <= of; c++)
    sum += Math.exp(logChoose(c + top - 1, c) + logChoose(of - c + known - top, of - c) - all);
  return Math.min(1, sum);
}

/** How many of the values lie above the largest share of the known ones, and the chance of as many among `of` of them. */
function above(values: readonly number[], known: readonly number[], share: number) {
  const top = Math.max(1, Math.floor(share * known.length));
  const limit = [...known].sort((a, b) => b - a)[top - 1];
  return { top, count: values.filter((value) => value > limit).length };
}

const lowerQuarter = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 2];

/**
 * Whether pictures differ from the good ones that a detector knows, so that false alarms are to be expected; they may hold defects. Places
 * without a defect tell it after a few pictures, scores only where no more than half of the pictures are defective.
 * @returns undefined too for a card without held-out pictures.
 */
export function driftOf(pictures: readonly Seen[], { thresholds, heldOut }: Known): Drift | undefined {
  const good = heldOut?.good ?? [];
  if (good.length === 0 || pictures.length === 0) return undefined;
  const [known, of] = [good.length, pictures.length];
  const values = (items: readonly Seen[], key: keyof Seen) => items.map((each) => logOdds(each[key]));
  const [scores, goodScores] = [values(pictures, 'score'), values(good, 'score')];
  // Defects raise the upper scores alone.
  const higher = lowerQuarter(scores) - lowerQuarter(goodScores);
  const expected = new GoodTail(goodScores).above(logOdds(thresholds.score) - higher);
  if (expected < WORTH * thresholds.falseAlarmRate) return undefined;
  const everywhere = above(values(pictures, 'typical'), values(good, 'typical'), STRANGE.everywhere);
  if (chanceAbove(everywhere.count, of, everywhere.top, known) < CHANCE)
    return { by: 'everywhere', pictures: everywhere.count, of, expected };
  const score = above(scores, goodScores, STRANGE.score);
  // At least half are good, and those that score like good ones are among them.
  const half = Math.ceil(of / 2);
  const strange = half - (of - score.count);
  if (strange > 0 && chanceAbove(strange, half, score.top, known) < CHANCE)
    return { by: 'score', pictures: score.count, of, expected };
  return undefined;
}

/** Looks back on the last pictures of a line. */
export class DriftWatch {
  private readonly last = new Map<string, Seen>();

  /** @param card of the detector; nothing is ever said of one without held-out pictures. */
  constructor(private readonly card: Known) {}

  /** Whether the last pictures, this one among them, differ. @param name a picture that comes again counts once. */
  add(name: string, { score, typical }: Seen): Drift | undefined {
    this.last.delete(name);
    this.last.set(name, { score, typical });
    for (const oldest of this.last.keys()) if (this.last.size > WINDOW) this.last.delete(oldest);
    return driftOf([...this.last.values()], this.card);
  }
}

/** Good pictures that are hardly by chance as strange as they are, or as little, move what was held out before. */
const MOVING = 0.01;

/**
 * What is held out once pictures of the line are taken as good: those of before, moved to where the new ones lie if these lie elsewhere,
 * and the new ones. Defects move with the good pictures.
 */
export function withGoods({ good, defects }: HeldOut, pictures: readonly HeldOutGood[]): HeldOut {
  const difference = (key: keyof HeldOutGood): number => {
    const [before, now] = [good, pictures].map((items) => items.map((each) => logOdds(each[key])));
    const differs = [1, -1].some((sign) => {
      const [known, values] = [before, now].map((each) => each.map((value) => sign * value));
      const { top, count } = above(values, known, STRANGE.score);
      return chanceAbove(count, values.length, top, known.length) < MOVING / 2;
    });
    return differs ? median(now) - median(before) : 0;
  };
  if (good.length === 0 || pictures.length === 0) return { good: [...good, ...pictures], defects };
  const by = { score: difference('score'), map: difference('map'), typical: difference('typical') };
  return {
    good: [
      ...good.map(({ score, map, typical }) => ({
        score: moved(score, by.score),
        map: moved(map, by.map),
        typical: moved(typical, by.typical),
      })),
      ...pictures,
    ],
    defects: defects.map((each) => ({ ...each, score: moved(each.score, by.score), map: moved(each.map, by.map) })),
  };
}
