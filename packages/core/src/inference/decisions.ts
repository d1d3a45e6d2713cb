/** Decisions about whole pictures: how many are right at the shipped threshold, what the best one would have given, by type and by size. */
import { fail } from '../errors.ts';

/** A picture that was decided upon and whose truth is known. */
export interface Decided {
  /** Defect type, 'good' for pictures without. */
  readonly type: string;
  readonly defective: boolean;
  readonly score: number;
  readonly isDefect: boolean;
  /** Defect pixels as a share of the picture's; unknown ones belong to no size. */
  readonly area?: number;
}

/** Two ends of an interval, fractions of 1. */
export type Interval = readonly [low: number, high: number];

/** How pictures of one kind went; fractions of 1. */
export interface KindDecisions {
  readonly pictures: number;
  /** Share of them that was called good. */
  readonly missed: number;
  /** Where the share of all such pictures lies, see {@link shareInterval}. */
  readonly interval: Interval;
  /** Of their scores against those of all good pictures. */
  readonly auroc: number;
}

/** How decisions went over all pictures; fractions of 1. */
export interface Decisions {
  /** Share of good pictures that were called defective (overkill). */
  readonly falseAlarms: number;
  /** Share of defective pictures that were called good (escapes). */
  readonly missed: number;
  readonly good: number;
  readonly defective: number;
  /** Where both shares lie, see {@link shareInterval}. */
  readonly intervals: { readonly falseAlarms: Interval; readonly missed: Interval };
  /** Mean of both shares. */
  readonly balancedError: number;
  /** The least balanced error that any threshold on the score reaches on these pictures, and how. */
  readonly best: {
    readonly score: number;
    readonly balancedError: number;
    readonly falseAlarms: number;
    readonly missed: number;
  };
  /** Area under the ROC curve of the scores. */
  readonly auroc: number;
  /** One a defect type, by name. */
  readonly types: readonly (KindDecisions & { readonly type: string })[];
  /** One a range of sizes that there are defects of: `from` up to `to`, shares of the picture's area. */
  readonly sizes: readonly (KindDecisions & { readonly from: number; readonly to: number })[];
}

/** Bounds between sizes of defects, shares of a picture's area. */
const SIZES = [0, 0.001, 0.01, 0.1] as const;
/** Standard deviations that 95 % of a normal distribution lie within. */
const Z = 1.959964;

/**
 * Where a share lies, of which `count` of `of` pictures were seen: Wilson's interval, 95 %.
 * @returns [0, 1] for no pictures.
 */
export function shareInterval(count: number, of: number): Interval {
  if (of === 0) return [0, 1];
  const [share, square] = [count / of, Z ** 2 / of];
  const middle = (share + square / 2) / (1 + square);
  const half = (Z * Math.sqrt((share * (1 - share)) / of + square / (4 * of))) / (1 + square);
  return [count === 0 ? 0 : middle - half, count === of ? 1 : middle + half];
}

/**
 * Area under the ROC curve of one score an image (I-AUROC); equal scores count half.
 * @param defective whether each image has a defect.
 * @throws ADC_NO_REGION when all images are of one kind.
 */
export function imageAuroc(scores: ArrayLike<number>, defective: ArrayLike<boolean | number>): number {
  if (scores.length !== defective.length)
    throw new RangeError(`${scores.length} scores but ${defective.length} labels`);
  const order = Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[a] - scores[b]);
  let good = 0;
  let bad = 0;
  let pairs = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    let goodHere = 0;
    for (; to < order.length && scores[order[to]] === scores[order[from]]; to++) if (!defective[order[to]]) goodHere++;
    if (to === from) throw new RangeError(`score ${order[from]} is NaN`);
    const badHere = to - from - goodHere;
    pairs += badHere * (good + goodHere / 2);
    good += goodHere;
    bad += badHere;
    from = to;
  }
  if (bad === 0 || good === 0)
    throw fail('ADC_NO_REGION', { missing: bad === 0 ? 'defective image' : 'good image', what: 'the scores' });
  return pairs / (good * bad);
}

/** The threshold with the least mean of both shares, in the middle of a gap between scores; the highest of several. */
function bestThreshold(pictures: readonly Decided[], good: number, defective: number): Decisions['best'] {
  const sorted = [...pictures].sort((a, b) => b.score - a.score);
  let [alarms, found] = [0, 0];
  let best: Decisions['best'] | undefined;
  for (let i = 0; i <= sorted.length; i++) {
    if (sorted[i - 1]?.defective) found++;
    else if (i > 0) alarms++;
    const [above, below] = [sorted[i - 1]?.score ?? 1, sorted[i]?.score ?? 0];
    if (i === 0 || above > below) {
      const [falseAlarms, missed] = [alarms / good, 1 - found / defective];
      const balancedError = (falseAlarms + missed) / 2;
      if (!best || balancedError < best.balancedError)
        best = { score: (above + below) / 2, balancedError, falseAlarms, missed };
    }
  }
  return best as Decisions['best'];
}

/**
 * What decisions came to.
 * @throws ADC_NO_REGION when all pictures are of one kind.
 */
export function decisionsOf(pictures: readonly Decided[]): Decisions {
  const [goods, defects] = [false, true].map((kind) => pictures.filter(({ defective }) => defective === kind));
  const auroc = (of: readonly Decided[]) => {
    const both = [...goods, ...of];
    return imageAuroc(
      both.map(({ score }) => score),
      both.map(({ defective }) => defective),
    );
  };
  const kind = (of: readonly Decided[]): KindDecisions => {
    const escaped = of.filter(({ isDefect }) => !isDefect).length;
    return {
      pictures: of.length,
      missed: escaped / of.length,
      interval: shareInterval(escaped, of.length),
      auroc: auroc(of),
    };
  };
  const all = kind(defects);
  const alarms = goods.filter(({ isDefect }) => isDefect).length;
  const falseAlarms = alarms / goods.length;
  const types = [...new Set(defects.map(({ type }) => type))].sort();
  const sizes = SIZES.map((from, i) => {
    const to = SIZES[i + 1] ?? 1;
    const of = defects.filter(
      ({ area }) => area !== undefined && area >= from && (area < to || i === SIZES.length - 1),
    );
    return { from, to, of };
  });
  return {
    falseAlarms,
    missed: all.missed,
    good: goods.length,
    defective: defects.length,
    intervals: { falseAlarms: shareInterval(alarms, goods.length), missed: all.interval },
    balancedError: (falseAlarms + all.missed) / 2,
    best: bestThreshold(pictures, goods.length, defects.length),
    auroc: all.auroc,
    types: types.map((type) => ({ type, ...kind(defects.filter((one) => one.type === type)) })),
    sizes: sizes.filter(({ of }) => of.length > 0).map(({ from, to, of }) => ({ from, to, ...kind(of) })),
  };
}
