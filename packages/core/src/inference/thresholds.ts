/** Thresholds from pictures that a detector has not seen: good ones, whose tail is fitted, and labelled defects where there are some; compared as log odds. */
import { fromLogOdds, logOdds } from '../log-odds.ts';

/** Values of score or map in [0,1], one a picture. */
export interface HeldOutValues {
  readonly good: readonly number[];
  /** None where nothing was labelled. */
  readonly defects: readonly number[];
}

/** Share of the values that are its tail, and the fewest that a tail is fitted to. */
const TAIL = 0.25;
const LEAST_TAIL = 3;
/** Share of all values that count as large as the largest other one: odd pictures among the good ones. At least one does. */
const ODD = 0.02;
/** Least scale of a tail, in log-odds: equal values would leave none. */
const LEAST_SCALE = 1e-6;

/**
 * How far good pictures reach: the share of further ones above a value. Below the tail it is counted. The tail is exponential, its scale
 * estimated as if the largest values had only been seen to be no smaller than the largest other one (a censored sample), so that one odd
 * picture among the good ones moves it as little as an ordinary one.
 */
export class GoodTail {
  private readonly sorted: readonly number[];
  /** Where the tail begins, the share of values beyond, and its scale. */
  private readonly from: number;
  private readonly share: number;
  readonly scale: number;

  /** @param values log-odds of good pictures, at least one. */
  constructor(values: readonly number[]) {
    if (values.length === 0) throw new RangeError('no tail of no values');
    this.sorted = [...values].sort((a, b) => a - b);
    const total = this.sorted.length;
    const tail = Math.max(1, Math.min(total - 1, Math.max(LEAST_TAIL, Math.round(TAIL * total))));
    const odd = Math.max(0, Math.min(tail - 2, Math.max(1, Math.round(ODD * total))));
    const [below, first] = [this.sorted[total - tail - 1] ?? this.sorted[0], this.sorted[total - tail]];
    this.from = (below + first) / 2;
    this.share = tail / total;
    const kept = this.sorted.slice(total - tail, total - odd).map((value) => value - this.from);
    const sum = kept.reduce((a, b) => a + b, 0) + odd * kept[kept.length - 1];
    this.scale = Math.max(LEAST_SCALE, sum / (tail - odd));
  }

  /** The share of further good pictures above a value. */
  above(value: number): number {
    if (value > this.from) return this.share * Math.exp((this.from - value) / this.scale);
    return Math.max(this.share, this.sorted.filter((each) => each > value).length / this.sorted.length);
  }

  /** The value that this share of further good pictures lies above. */
  at(share: number): number {
    if (share < this.share) return this.from + this.scale * Math.log(this.share / share);
    return this.sorted[Math.min(this.sorted.length - 1, Math.floor((1 - share) * this.sorted.length))];
  }
}

/** Coefficients of the error function's approximation, Abramowitz and Stegun 7.1.26; within 1.5e-7. */
const ERF = [0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429];

/** The share of a normal distribution below a value. */
function normalShare(value: number): number {
  const x = Math.abs(value) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const rest = ERF.reduceRight((sum, coefficient) => (sum + coefficient) * t, 0) * Math.exp(-x * x);
  return value > 0 ? 1 - rest / 2 : rest / 2;
}

/** Width of the kernel that smooths so few defects: Silverman's rule, no less than half of the scale of good pictures' tail. */
function kernelWidth(values: readonly number[], scale: number): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const deviation = Math.sqrt(
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1),
  );
  return Math.max(scale / 2, 0.9 * deviation * values.length ** -0.2);
}

/** A missed defect weighs as much as this share of false alarms does over the rate that is wanted. */
const MISSED = 0.1;
/** Places that are tried between the lowest and the highest value. */
const PLACES = 2000;

/**
 * The threshold for a rate of false alarms. From good pictures alone it is where their tail leaves that rate. With labelled defects it is
 * where false alarms over the rate and missed defects over a tenth together are expected to be least: low where defects lie far
 * above good pictures, and where they do not, neither kind pays for the other alone.
 * @param rate share of good pictures that may be called defective, above 0 up to 1.
 */
export function thresholdFor({ good, defects }: HeldOutValues, rate: number): number {
  if (!(rate > 0 && rate <= 1)) throw new RangeError(`no threshold for a rate of ${rate}`);
  const tail = new GoodTail(good.map(logOdds));
  if (defects.length === 0) return fromLogOdds(tail.at(rate));
  const found = defects.map(logOdds);
  const width = kernelWidth(found, tail.scale);
  const missed = (value: number) =>
    found.reduce((sum, each) => sum + normalShare((value - each) / width), 0) / found.length;
  const both = [...good.map(logOdds), ...found];
  const [low, high] = [Math.min(...both), Math.max(...both)];
  let best = { value: tail.at(rate), cost: Number.POSITIVE_INFINITY };
  for (let i = 0; i <= PLACES; i++) {
    const value = low + ((high - low) * i) / PLACES;
    const cost = tail.above(value) / rate + missed(value) / MISSED;
    if (cost < best.cost) best = { value, cost };
  }
  return fromLogOdds(best.value);
}
