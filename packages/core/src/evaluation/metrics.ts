/** Metrics of masks and maps against the truth: AP, PRO and AUROC of pixels, IoU and the clicks it takes. */
import { CLICK_THRESHOLD } from '../clicks/annotator.ts';
import { IGNORE, type Mask, type Plane } from '../image/types.ts';
import { checkSize, PixelMetricAccumulator, type PixelMetrics, PRO_LIMIT } from './pixel-metrics.ts';

/**
 * Average precision, PRO and P-AUROC of maps against masks, pooled over images that may differ in size.
 * Pixels with mask 255 are left out. Exact: ties are merged and no threshold is skipped.
 * @throws ADC_NO_REGION without a defect pixel or without a good one; ADC_MASK_SIZE when a pair differs in size.
 */
export function pixelMetrics(maps: readonly Plane[], masks: readonly Mask[]): PixelMetrics {
  const { ap, pro, pauroc } = pooled(maps, masks).finish();
  return { ap, pro, pauroc };
}

/** Average precision over the pooled pixels; see {@link pixelMetrics}, which gives all three for the same price. */
export const averagePrecision = (maps: readonly Plane[], masks: readonly Mask[]): number =>
  pooled(maps, masks).finish().ap;

/** Area under the ROC curve of the pooled pixels; see {@link pixelMetrics}. */
export const auroc = (maps: readonly Plane[], masks: readonly Mask[]): number => pooled(maps, masks).finish().pauroc;

/**
 * Per-region overlap, MVTec's algorithm: 8-connected regions weigh the same whatever their area; see {@link pixelMetrics}.
 * @param limit false positive rate where the integral ends.
 */
export const aupro = (maps: readonly Plane[], masks: readonly Mask[], limit = PRO_LIMIT): number =>
  pooled(maps, masks).finish({ limit }).pro;

function pooled(maps: readonly Plane[], masks: readonly Mask[]): PixelMetricAccumulator {
  if (maps.length !== masks.length) throw new RangeError(`${maps.length} maps but ${masks.length} masks`);
  const accumulator = new PixelMetricAccumulator();
  for (const [i, map] of maps.entries()) accumulator.add(map, masks[i], `number ${i}`);
  return accumulator;
}

/** Clicks after which an image counts as not reached, the usual cap of NoC. */
export const NOC_CAP = 20;

/**
 * Intersection over union of `probability > threshold` and the mask, over pixels that are not ignored.
 * @returns a fraction of 1; 1 when both are empty.
 * @throws ADC_MASK_SIZE when they differ in size.
 */
export function iou(probability: Plane, mask: Mask, threshold: number = CLICK_THRESHOLD): number {
  checkSize(probability, mask, 'of the map');
  const { data: values } = probability;
  const { data: truth } = mask;
  let both = 0;
  let either = 0;
  for (let i = 0; i < truth.length; i++) {
    const label = truth[i];
    if (label === IGNORE) continue;
    const predicted = values[i] > threshold;
    if (predicted && label === 1) both++;
    if (predicted || label === 1) either++;
  }
  return either === 0 ? 1 : both / either;
}

/**
 * Number of clicks until an IoU is reached (NoC@target).
 * @param ious IoU after click 1, 2, ….
 * @param cap what an image that never reaches it counts, see {@link NOC_CAP}.
 */
export function noc(ious: readonly number[], target: number, cap: number = NOC_CAP): number {
  const at = ious.findIndex((value) => value >= target);
  return at < 0 || at >= cap ? cap : at + 1;
}

/** Number of images that do not reach an IoU within the cap (NoF@target). */
export const nof = (images: readonly (readonly number[])[], target: number, cap: number = NOC_CAP): number =>
  images.filter((ious) => !ious.slice(0, cap).some((value) => value >= target)).length;

/** Mean over images of the IoU after click `k`; an image that needed fewer clicks keeps its last IoU (mIoU@k). */
export const meanIou = (images: readonly (readonly number[])[], k: number): number =>
  mean(images.map((ious) => ious[Math.min(k, ious.length) - 1]));

/** Arithmetic mean; NaN for none. */
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * The value below which a share of the values lies, linear between neighbours (NumPy's default).
 * @param share from 0 to 1. @returns NaN for no values.
 */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  return below + (above - below) * (place - Math.floor(place));
}
