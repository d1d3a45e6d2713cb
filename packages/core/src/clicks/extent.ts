/**
 * How far a clicked part goes (ours). A network that is unsure of a whole defect is below the threshold on most of it, and a mask cut
 * there is a core; one that is sure of too much gets cut too late. The mask that overlaps most with what the map expects is neither.
 */

import { fromLogOdds, logOdds, logOddsWithin } from '../log-odds.ts';
import { CLICK_THRESHOLD } from './annotator.ts';
import { LEAST, Parts } from './parts.ts';
import type { ModelClick } from './types.ts';

/** Log odds that a mask is cut at. */
const CUT = logOdds(CLICK_THRESHOLD);

/** Probability above which a pixel that is connected with a positive click may belong to its defect. */
const REACHED = 0.25;

/** Log odds of pixels are taken this much further from even: networks are less sure than they may be, and what is left of each pixel of a wide rim adds up. */
const SHARPER = 1.5;

/** Log odds that a map is moved by, at most. */
const MOST = 1;

/**
 * Pixels of a mask up to which it is left as it is, and from which on it is moved in full, by the logarithm between: what is left of each pixel
 * of a rim, which tokens of 8 pixels blur, adds up to more than a small defect.
 */
const [SMALL, LARGE] = [150, 600];

/** Levels that are tried, to each side of even log odds, and how many there are to a log odd. */
const [SPAN, FINE] = [5, 20];
const LEVELS = 2 * SPAN * FINE;

/** Number of the level that log odds lie above. */
const levelOf = (odds: number) => Math.max(0, Math.min(LEVELS - 1, Math.floor((odds + SPAN) * FINE)));

/** Log odds at the lower end of a level. */
const oddsOf = (level: number) => level / FINE - SPAN;

/** Pixels of a region by level, and how many of them are expected to be defect. */
class Region {
  private readonly pixels = new Float64Array(LEVELS);
  private readonly defect = new Float64Array(LEVELS);

  add(probability: number): void {
    const odds = logOddsWithin(LEAST, probability);
    const level = levelOf(odds);
    this.pixels[level]++;
    this.defect[level] += fromLogOdds(SHARPER * odds);
  }

  /**
   * Log odds to be added so that the mask cut at {@link CLICK_THRESHOLD} is the one of largest expected intersection over expected union,
   * Σ over the mask of q over its pixels plus Σ outside of q (after Nowozin, CVPR 2014, who takes the mean of the quotient); 0 where it is already.
   */
  shift(): number {
    const { pixels, defect } = this;
    const all = defect.reduce((sum, each) => sum + each, 0);
    let [inside, count, most, best] = [0, 0, -1, LEVELS];
    for (let level = LEVELS - 1; level >= 0; level--) {
      if (pixels[level] === 0) continue;
      inside += defect[level];
      count += pixels[level];
      const overlap = inside / (count + all - inside);
      if (overlap > most) [most, best] = [overlap, level];
    }
    if (best === LEVELS) return 0;
    if (best < levelOf(CUT)) return this.share() * Math.min(MOST, CUT - oddsOf(best));
    let next = best - 1;
    while (next >= 0 && pixels[next] === 0) next--;
    return this.share() * Math.max(-MOST, Math.min(0, CUT - oddsOf(next + 1)));
  }

  /** How much of a move is made, by the size of the mask as it is. */
  private share(): number {
    const shown = this.pixels.subarray(levelOf(CUT) + 1).reduce((sum, each) => sum + each, 0);
    return Math.max(0, Math.min(1, Math.log(shown / SMALL) / Math.log(LARGE / SMALL)));
  }
}

/**
 * Moves the log odds of all that is connected with a positive click, in place, so that what is above {@link CLICK_THRESHOLD} overlaps most
 * with the defect that the map expects. Whoever labels by another threshold gets as much more or less as before.
 * @param map probability, (height, width). @param banned pixels that say nothing of the extent.
 */
export function fitExtent(
  map: Float32Array,
  {
    clicks,
    width,
    height,
  }: { readonly clicks: readonly ModelClick[]; readonly width: number; readonly height: number },
  banned: Uint8Array | undefined,
): void {
  const parts = new Parts(map, { width, height }, REACHED);
  const clicked = new Set(clicks.filter(({ positive }) => positive).map((click) => parts.at(click)));
  const region = new Region();
  parts.each((pixel, part) => {
    if (clicked.has(part) && !banned?.[pixel]) region.add(map[pixel]);
  });
  const shift = region.shift();
  if (shift === 0) return;
  parts.each((pixel, part) => {
    if (clicked.has(part)) map[pixel] = fromLogOdds(logOddsWithin(LEAST, map[pixel]) + shift);
  });
}
