/**
 * Pixel metrics pooled over images of any sizes: average precision, P-AUROC and PRO, exact and from one ordering.
 *
 * Only the scores of defect pixels are thresholds that matter: between two of them recall and region overlap stand
 * still and good pixels merely add up. So defect pixels are sorted with their region, good pixels are sorted bare in
 * blocks that fit the cache, and a merge counts how many good ones lie between and on the defect scores.
 */
import { fail } from '../errors.ts';
import { connectedComponents } from '../image/components.ts';
import { IGNORE, type Mask, type Plane } from '../image/types.ts';
import { floatBits, isNanBits, orderKey, type PackedKeys, packKeys, sortWithPayload } from './radix.ts';

/** False positive rate up to which PRO is integrated (MVTec's algorithm). */
export const PRO_LIMIT = 0.3;

/** Metrics of one category, fractions of 1. */
export interface PixelMetrics {
  /** Average precision: sum of recall steps times precision, ties merged, no interpolation. */
  readonly ap: number;
  /** Area under per-region overlap against false positive rate up to {@link PRO_LIMIT}, divided by the limit. */
  readonly pro: number;
  /** Area under the ROC curve of all pixels. */
  readonly pauroc: number;
}

/** A point of a curve. */
export interface CurvePoint {
  readonly x: number;
  readonly y: number;
}

/** {@link PixelMetrics} with what they were computed from. */
export interface PixelReport extends PixelMetrics {
  /** Defect regions, 8-connected. */
  readonly regions: number;
  readonly defectPixels: number;
  readonly goodPixels: number;
  readonly curves: {
    /** Recall, precision. */
    readonly precisionRecall: readonly CurvePoint[];
    /** False positive rate up to the limit, mean overlap of regions. */
    readonly pro: readonly CurvePoint[];
  };
}

/** @throws ADC_MASK_SIZE when a map and its mask differ in size; RangeError when the map is not filled. */
export function checkSize(map: Plane, mask: Mask, name: string): void {
  const size = ({ width, height }: Plane | Mask) => `${width} x ${height}`;
  if (size(map) !== size(mask)) throw fail('ADC_MASK_SIZE', { path: name, got: size(mask), want: size(map) });
  if (map.data.length !== mask.data.length)
    throw new RangeError(`map ${name} has ${map.data.length} values, its mask ${mask.data.length}`);
}

/** Good pixels sorted at once: the block and its copy stay in the processor's caches. */
const BLOCK = 1 << 20;

/** An appendable list of unsigned integers. */
class Integers {
  private data = new Uint32Array(1 << 12);
  length = 0;

  push(value: number): void {
    if (this.length === this.data.length) {
      const grown = new Uint32Array(this.length * 2);
      grown.set(this.data);
      this.data = grown;
    }
    this.data[this.length++] = value;
  }

  view(): Uint32Array {
    return this.data.subarray(0, this.length);
  }
}

/**
 * Collects maps one by one and computes their pooled metrics; maps and masks may be freed after they were added.
 * Images may differ in size. Memory: 2 bytes a good pixel and 8 a defect pixel while collecting, plus 8 MB;
 * about 32 bytes a defect pixel more while finishing.
 */
export class PixelMetricAccumulator {
  private readonly defectKeys = new Integers();
  private readonly defectRegions = new Integers();
  private readonly regionAreas: number[] = [];
  private readonly blocks: PackedKeys[] = [];
  private pending: Uint32Array | undefined;
  private pendingCount = 0;
  private goodPixels = 0;

  /**
   * Adds an image. Pixels with mask 255 are left out.
   * @param map scores, higher meaning defect; any range, infinities allowed.
   * @param name what errors call the image.
   * @throws ADC_MASK_SIZE when map and mask differ in size; RangeError for NaN.
   */
  add(map: Plane, mask: Mask, name = 'of the map'): void {
    checkSize(map, mask, name);
    const truth = mask.data;
    const bits = floatBits(map.data);
    const { labels, before } = this.regionsOf(mask);
    let pending = this.pendingBlock();
    let count = this.pendingCount;
    for (let i = 0; i < bits.length; i++) {
      const label = truth[i];
      if (label > 1) continue;
      const value = bits[i];
      if (isNanBits(value)) throw new RangeError(`map ${name} holds NaN at pixel ${i}`);
      const key = orderKey(value);
      if (label === 1) {
        this.defectKeys.push(key);
        this.defectRegions.push(before + labels[i]);
        continue;
      }
      pending[count++] = key;
      if (count === pending.length) {
        this.pendingCount = count;
        this.pack();
        pending = this.pendingBlock();
        count = 0;
      }
    }
    this.pendingCount = count;
  }

  /** Region of every defect pixel of a mask, counted from 1, and the number that the regions before take up. */
  private regionsOf({ data, width, height }: Mask): { labels: Int32Array; before: number } {
    const before = this.regionAreas.length - 1;
    if (!data.includes(1)) return { labels: new Int32Array(), before };
    const defect = data.includes(IGNORE) ? data.map((value) => (value === 1 ? 1 : 0)) : data;
    const { labels, areas } = connectedComponents(defect, width, height, 8);
    for (const area of areas) this.regionAreas.push(area);
    return { labels, before };
  }

  private pendingBlock(): Uint32Array {
    // blocks grow with the defect pixels, since finishing walks all of these once a block
    this.pending ??= new Uint32Array(Math.max(BLOCK, this.defectKeys.length));
    return this.pending;
  }

  private pack(): void {
    if (!this.pending || this.pendingCount === 0) return;
    this.blocks.push(packKeys(this.pending.subarray(0, this.pendingCount)));
    this.goodPixels += this.pendingCount;
    if (this.pending.length < this.defectKeys.length) this.pending = undefined;
    this.pendingCount = 0;
  }

  /** What several have collected, as one. They can go on collecting, which this one does not see. */
  static of(parts: readonly PixelMetricAccumulator[]): PixelMetricAccumulator {
    const all = new PixelMetricAccumulator();
    for (const part of parts) {
      part.pack();
      const before = all.regionAreas.length;
      const [keys, regions] = [part.defectKeys.view(), part.defectRegions.view()];
      for (let i = 0; i < keys.length; i++) {
        all.defectKeys.push(keys[i]);
        all.defectRegions.push(before + regions[i]);
      }
      for (const area of part.regionAreas) all.regionAreas.push(area);
      all.blocks.push(...part.blocks);
      all.goodPixels += part.goodPixels;
    }
    return all;
  }

  /**
   * The metrics of everything added so far.
   * @param limit false positive rate where PRO's integral ends, in (0, 1].
   * @param what what errors call the collection, such as the category.
   * @throws ADC_NO_REGION when no defect pixel or no good pixel was added.
   */
  finish({ limit = PRO_LIMIT, what = 'the masks' }: { limit?: number; what?: string } = {}): PixelReport {
    this.pack();
    if (this.defectKeys.length === 0) throw fail('ADC_NO_REGION', { missing: 'defect pixel', what });
    if (this.goodPixels === 0) throw fail('ADC_NO_REGION', { missing: 'good pixel', what });
    const steps = this.steps();
    countGood(this.blocks, steps);
    return {
      ...sweep(steps, this.defectKeys.length, this.goodPixels, this.regionAreas.length, limit),
      regions: this.regionAreas.length,
      defectPixels: this.defectKeys.length,
      goodPixels: this.goodPixels,
    };
  }

  /** Defect pixels grouped by equal score, ascending. */
  private steps(): Steps {
    const { keys, payload } = sortWithPayload(this.defectKeys.view(), this.defectRegions.view());
    const thresholds = new Uint32Array(keys.length);
    const defects = new Uint32Array(keys.length);
    const overlap = new Float64Array(keys.length);
    let step = -1;
    for (let i = 0; i < keys.length; i++) {
      if (step < 0 || thresholds[step] !== keys[i]) thresholds[++step] = keys[i];
      defects[step]++;
      overlap[step] += 1 / this.regionAreas[payload[i]];
    }
    const count = step + 1;
    return {
      thresholds: thresholds.subarray(0, count),
      defects,
      overlap,
      goodBelow: new Uint32Array(count + 1),
      goodAt: new Uint32Array(count),
    };
  }
}

/** The distinct scores of defect pixels, ascending, and what lies at them. */
interface Steps {
  /** Order keys of the scores. */
  readonly thresholds: Uint32Array;
  /** Defect pixels of that score. */
  readonly defects: Uint32Array;
  /** Sum of 1 / area of their regions. */
  readonly overlap: Float64Array;
  /** Good pixels between the score before and this one; the last entry counts those above all. */
  readonly goodBelow: Uint32Array;
  /** Good pixels of exactly that score. */
  readonly goodAt: Uint32Array;
}

/** Merges every block of good pixels into the steps. */
function countGood(blocks: readonly PackedKeys[], { thresholds, goodBelow, goodAt }: Steps): void {
  const count = thresholds.length;
  for (const { low, starts } of blocks) {
    let step = 0;
    for (let upper = 0; upper < 65536; upper++) {
      let i = starts[upper];
      const end = starts[upper + 1];
      for (; step < count && thresholds[step] >>> 16 === upper; step++) {
        const lower = thresholds[step] & 0xffff;
        const below = i;
        while (i < end && low[i] < lower) i++;
        const at = i;
        while (i < end && low[i] === lower) i++;
        goodBelow[step] += at - below;
        goodAt[step] += i - at;
      }
      goodBelow[step] += end - i;
    }
  }
}

/** Walks the thresholds downwards and integrates all three curves. */
function sweep(
  steps: Steps,
  defectTotal: number,
  goodTotal: number,
  regions: number,
  limit: number,
): PixelMetrics & Pick<PixelReport, 'curves'> {
  const count = steps.thresholds.length;
  const precisionRecall = new CurveSampler(1);
  const pro = new LimitedArea(limit);
  let defects = 0;
  let overlap = 0;
  let good = steps.goodBelow[count];
  let ap = 0;
  let pairsInOrder = 0;
  pro.to(good / goodTotal, 0);
  for (let step = count - 1; step >= 0; step--) {
    const here = steps.defects[step];
    const ties = steps.goodAt[step];
    pairsInOrder += here * (goodTotal - good - ties / 2);
    good += ties;
    defects += here;
    overlap += steps.overlap[step];
    const precision = defects / (defects + good);
    ap += here * precision;
    precisionRecall.add(defects / defectTotal, precision);
    pro.to(good / goodTotal, Math.min(1, overlap / regions));
    good += steps.goodBelow[step];
    pro.to(good / goodTotal, Math.min(1, overlap / regions));
  }
  return {
    ap: ap / defectTotal,
    pro: pro.area / limit,
    pauroc: pairsInOrder / (defectTotal * goodTotal),
    curves: { precisionRecall: precisionRecall.points(), pro: pro.curve.points() },
  };
}

/** Trapezoids of a curve from (0, 0) up to a limit of x, the last one cut by linear interpolation. */
class LimitedArea {
  area = 0;
  readonly curve: CurveSampler;
  private x = 0;
  private y = 0;

  constructor(private readonly limit: number) {
    this.curve = new CurveSampler(limit);
    this.curve.add(0, 0);
  }

  to(x: number, y: number): void {
    if (this.x >= this.limit && x > this.limit) return;
    const cut = x > this.limit;
    const endX = cut ? this.limit : x;
    const endY = cut ? this.y + ((y - this.y) * (this.limit - this.x)) / (x - this.x) : y;
    this.area += ((endX - this.x) * (endY + this.y)) / 2;
    this.x = endX;
    this.y = endY;
    this.curve.add(endX, endY);
  }
}

/** Points kept of a curve: enough for a picture, wherever the curve moves by 1/200 of the frame. */
class CurveSampler {
  private readonly kept: CurvePoint[] = [];
  private lastX = Number.NaN;
  private lastY = Number.NaN;

  constructor(private readonly width: number) {}

  add(x: number, y: number): void {
    const kept = this.kept.at(-1);
    if (!kept || Math.abs(x - kept.x) > this.width / 200 || Math.abs(y - kept.y) > 1 / 200) {
      // the corner before a jump is part of the picture too
      if (kept && (this.lastX !== kept.x || this.lastY !== kept.y)) this.kept.push({ x: this.lastX, y: this.lastY });
      if (this.lastX !== x || this.lastY !== y) this.kept.push({ x, y });
    }
    this.lastX = x;
    this.lastY = y;
  }

  points(): CurvePoint[] {
    const kept = this.kept.at(-1);
    if (kept && (kept.x !== this.lastX || kept.y !== this.lastY)) this.kept.push({ x: this.lastX, y: this.lastY });
    return this.kept;
  }
}
