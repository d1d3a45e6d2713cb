/** The one window/level rule from any bit depth to the 8 bits that people and models see. */
import type { Pixels, RgbImage } from './types.ts';

/** Values at or below `low` become 0, at or above `high` 255, linear and rounded between. */
export interface Window {
  readonly low: number;
  readonly high: number;
}

/** Pixels that know the full range of their sample type; decoded images do. */
export interface RangedPixels extends Pixels {
  /** The full range of the sample type: 0–255, 0–65535, 0–1 for floats, signed ranges for signed types. */
  readonly range?: Window;
}

const fullRange = (image: RangedPixels): Window => {
  if (image.range) return image.range;
  if (image.data instanceof Uint8Array) return { low: 0, high: 255 };
  return { low: 0, high: image.data instanceof Uint16Array ? 65535 : 1 };
};

/** Exact for 8-bit data over its full range, which comes back without a copy. */
function applyWindow(data: Pixels['data'], { low, high }: Window): Uint8Array {
  if (data instanceof Uint8Array && low === 0 && high === 255) return data;
  const scale = 255 / Math.max(high - low, Number.MIN_VALUE);
  const level = (value: number) => {
    const scaled = (value - low) * scale;
    return scaled > 0 ? Math.min(255, Math.round(scaled)) : 0;
  };
  const out = new Uint8Array(data.length);
  if (data instanceof Float32Array) {
    for (let i = 0; i < data.length; i++) out[i] = level(data[i]);
    return out;
  }
  const table = Uint8Array.from({ length: data instanceof Uint8Array ? 256 : 65536 }, (_, value) => level(value));
  for (let i = 0; i < data.length; i++) out[i] = table[data[i]];
  return out;
}

/**
 * The picture as models and people see it. Grey fills all three channels, alpha is dropped (not blended: what a
 * camera measured under a transparent pixel is still what it measured), channels after the third are dropped.
 * @param window one per product, see {@link WindowEstimator}; without it the full range of the sample type.
 */
export function toRgb(image: RangedPixels, window?: Window): RgbImage {
  const { width, height, channels } = image;
  const levels = applyWindow(image.data, window ?? fullRange(image));
  if (channels === 3) return { data: levels, width, height, channels: 3 };
  const data = new Uint8Array(width * height * 3);
  const green = channels > 3 ? 1 : 0;
  for (let from = 0, to = 0; to < data.length; from += channels, to += 3) {
    data[to] = levels[from];
    data[to + 1] = levels[from + green];
    data[to + 2] = levels[from + 2 * green];
  }
  return { data, width, height, channels: 3 };
}

const SAMPLES_PER_IMAGE = 16384;

/**
 * Finds one window for all pictures of a product, since 10- and 12-bit cameras fill a corner of 16 bits. Add the good
 * pictures, then store the result with the project: a window per picture would hide brightness defects.
 */
export class WindowEstimator {
  private readonly samples: Float32Array[] = [];
  private range: Window | undefined;

  /** Takes an even sample of at most 16384 pixels, colour channels only. */
  add(image: RangedPixels): void {
    const { data, channels, width, height } = image;
    const colours = channels >= 3 ? 3 : 1;
    const pixels = width * height;
    const count = Math.min(pixels, SAMPLES_PER_IMAGE);
    const sample = new Float32Array(count * colours);
    for (let i = 0; i < count; i++) {
      const from = Math.floor((i * pixels) / count) * channels;
      for (let c = 0; c < colours; c++) sample[i * colours + c] = data[from + c];
    }
    this.samples.push(sample.filter(Number.isFinite));
    const range = fullRange(image);
    this.range = this.range
      ? { low: Math.min(this.range.low, range.low), high: Math.max(this.range.high, range.high) }
      : range;
  }

  /**
   * From the 0.1 % to the 99.9 % value, widened by a tenth on both sides so that defects a little darker or brighter
   * than anything good keep their shade; inside the sample type's range for whole numbers.
   * 8-bit pictures always get 0–255: they were windowed by whoever made them.
   */
  window(): Window {
    const range = this.range ?? { low: 0, high: 255 };
    if (range.low === 0 && range.high === 255) return range;
    const all = new Float32Array(this.samples.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.samples) {
      all.set(part, at);
      at += part.length;
    }
    if (all.length === 0) return range;
    all.sort();
    const quantile = (share: number) => all[Math.round(share * (all.length - 1))];
    const [low, high] = [quantile(0.001), quantile(0.999)];
    const margin = (high - low) / 10;
    if (margin === 0) return range;
    if (range.high === 1) return { low: low - margin, high: high + margin };
    return { low: Math.max(range.low, low - margin), high: Math.min(range.high, high + margin) };
  }
}
