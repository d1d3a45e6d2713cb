/** Small raster helpers of the synthesis room: soft blur, square morphology, labelled regions, the guess of where the object is. */
import { connectedComponents } from '../../image/components.ts';
import { dilate, erode } from '../../image/morphology.ts';
import type { Mask, RgbImage } from '../../image/types.ts';

/** Blurs rows of `length` samples, `stride` apart, by a running mean of 2r+1 with repeated ends. */
function runningMean(
  from: Float32Array,
  to: Float32Array,
  lines: number,
  lineStep: number,
  length: number,
  stride: number,
  radius: number,
): void {
  const k = 1 / (2 * radius + 1);
  for (let l = 0; l < lines; l++) {
    const base = l * lineStep;
    const last = base + (length - 1) * stride;
    let sum = from[base] * (radius + 1);
    for (let i = 1; i <= radius; i++) sum += from[Math.min(last, base + i * stride)];
    for (let i = 0, at = base; i < length; i++, at += stride) {
      to[at] = sum * k;
      sum += from[Math.min(last, at + (radius + 1) * stride)] - from[Math.max(base, at - radius * stride)];
    }
  }
}

function narrowBlur(data: Float32Array, width: number, height: number, channels: number, sigma: number): Float32Array {
  const radius = Math.max(1, Math.ceil(sigma * 2.5));
  const taps = Array.from({ length: radius + 1 }, (_, i) => Math.exp((-i * i) / (2 * sigma * sigma)));
  const total = taps.reduce((sum, t, i) => sum + (i ? 2 * t : t), 0);
  for (let i = 0; i < taps.length; i++) taps[i] /= total;
  const middle = new Float32Array(data.length);
  const out = new Float32Array(data.length);
  const row = width * channels;
  for (let y = 0; y < height; y++) {
    const base = y * row;
    for (let i = 0; i < row; i++) {
      let sum = data[base + i] * taps[0];
      for (let k = 1; k <= radius; k++) {
        const left = i - k * channels;
        const right = i + k * channels;
        sum +=
          (data[base + (left < 0 ? i % channels : left)] +
            data[base + (right < row ? right : row - channels + (i % channels))]) *
          taps[k];
      }
      middle[base + i] = sum;
    }
  }
  for (let y = 0; y < height; y++) {
    const to = y * row;
    for (let i = 0; i < row; i++) out[to + i] = middle[to + i] * taps[0];
    for (let k = 1; k <= radius; k++) {
      const above = Math.max(0, y - k) * row;
      const below = Math.min(height - 1, y + k) * row;
      const tap = taps[k];
      for (let i = 0; i < row; i++) out[to + i] += (middle[above + i] + middle[below + i]) * tap;
    }
  }
  return out;
}

/** Gaussian blur of interleaved data, edges repeated: exact taps for small sigma, three running means for large ones. */
export function soften(data: Float32Array, width: number, height: number, sigma: number, channels = 1): Float32Array {
  if (sigma <= 0.05) return data.slice();
  if (sigma < 2.5) return narrowBlur(data, width, height, channels, sigma);
  const radius = Math.max(1, Math.round((Math.sqrt(4 * sigma * sigma + 1) - 1) / 2));
  let from = data.slice();
  let to = new Float32Array(data.length);
  for (let pass = 0; pass < 3; pass++) {
    for (let c = 0; c < channels; c++) {
      runningMean(from.subarray(c), to.subarray(c), height, width * channels, width, channels, radius);
    }
    [from, to] = [to, from];
    for (let c = 0; c < channels; c++) {
      runningMean(from.subarray(c), to.subarray(c), width, channels, height, width * channels, radius);
    }
    [from, to] = [to, from];
  }
  return from;
}

const asMask = (data: Uint8Array, width: number, height: number): Mask => ({ data, width, height, channels: 1 });

/** Dilation, erosion and closing by a square of 2r+1. */
export const grow = (mask: Uint8Array, w: number, h: number, radius: number): Uint8Array =>
  dilate(asMask(mask, w, h), radius, 'square').data;
export const shrink = (mask: Uint8Array, w: number, h: number, radius: number): Uint8Array =>
  erode(asMask(mask, w, h), radius, 'square').data;
export const close = (mask: Uint8Array, w: number, h: number, radius: number): Uint8Array =>
  shrink(grow(mask, w, h, radius), w, h, radius);

/** A connected region: the indices of its pixels in scan order. */
export type Region = Int32Array;

/** The connected regions of the non-zero pixels. */
export function regionsOf(mask: Uint8Array, width: number, height: number, connectivity: 4 | 8 = 8): Region[] {
  const { labels, count, areas } = connectedComponents(mask, width, height, connectivity);
  const regions = Array.from({ length: count }, (_, n) => new Int32Array(areas[n]));
  const filled = new Int32Array(count);
  for (let p = 0; p < labels.length; p++) {
    const n = labels[p] - 1;
    if (n >= 0) regions[n][filled[n]++] = p;
  }
  return regions;
}

/** Fills enclosed gaps of at most `limit` pixels. */
export function fillGaps(mask: Uint8Array, width: number, height: number, limit: number): Uint8Array {
  const out = mask.slice();
  const gaps = regionsOf(
    mask.map((v) => (v ? 0 : 1)),
    width,
    height,
    4,
  );
  for (const gap of gaps) {
    if (gap.length > limit) continue;
    let open = false;
    for (const p of gap) {
      const x = p % width;
      if (x === 0 || x === width - 1 || p < width || p >= mask.length - width) open = true;
    }
    if (!open) for (const p of gap) out[p] = 1;
  }
  return out;
}

/** Where the object stands and of what colour the background is; `everywhere` when nothing stands out (a texture). */
export interface Foreground {
  readonly mask: Uint8Array;
  readonly background: readonly [number, number, number];
  readonly everywhere: boolean;
}

/** The level that parts a histogram of 256 bins best into two classes (Otsu). */
function otsu(histogram: Float64Array): number {
  let [total, weighted] = [0, 0];
  histogram.forEach((n, v) => {
    total += n;
    weighted += n * v;
  });
  let [best, level, below, belowSum] = [-1, 0, 0, 0];
  for (let v = 0; v < histogram.length; v++) {
    below += histogram[v];
    belowSum += histogram[v] * v;
    if (!below || below === total) continue;
    const gap = belowSum / below - (weighted - belowSum) / (total - below);
    const between = below * (total - below) * gap * gap;
    if (between > best) {
      best = between;
      level = v;
    }
  }
  return level;
}

/**
 * The pixels that differ from the median border colour, opened; the whole picture when the border is no plain background.
 * The threshold follows the contrast of the object, so that a backdrop that darkens to the corners stays background.
 */
export function guessForeground(image: RgbImage): Foreground {
  const { width, height, data } = image;
  const step = 4;
  const w = Math.ceil(width / step);
  const h = Math.ceil(height / step);
  const border: number[][] = [[], [], []];
  const small = new Uint8Array(w * h);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      if (x > 1 && y > 1 && x < w - 2 && y < h - 2) continue;
      for (let c = 0; c < 3; c++) border[c].push(data[(y * step * width + x * step) * 3 + c]);
    }
  }
  const background = border.map((list) => [...list].sort((a, b) => a - b)[list.length >> 1]) as [
    number,
    number,
    number,
  ];
  let spreadSum = 0;
  for (let c = 0; c < 3; c++) for (const v of border[c]) spreadSum += Math.min(90, Math.abs(v - background[c]));
  const everywhere = { mask: new Uint8Array(width * height).fill(1), background, everywhere: true };
  if (spreadSum / border[0].length > 45) return everywhere;
  const difference = (i: number): number =>
    Math.abs(data[i] - background[0]) + Math.abs(data[i + 1] - background[1]) + Math.abs(data[i + 2] - background[2]);
  const histogram = new Float64Array(256);
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++) histogram[difference((y * step * width + x * step) * 3) / 3]++;
  const threshold = Math.max(40, Math.min(130, otsu(histogram) * 3 * 0.7));
  let count = 0;
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) if (difference((y * step * width + x * step) * 3) > threshold) small[y * w + x] = 1;
  }
  const opened = grow(shrink(small, w, h, 1), w, h, 1);
  for (let i = 0; i < opened.length; i++) count += opened[i];
  if (count < 0.012 * w * h || count > 0.97 * w * h) return everywhere;
  const inner = shrink(opened, w, h, 1);
  const outer = grow(opened, w, h, 1);
  const mask = new Uint8Array(width * height);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      const block = (y >> 2) * w + (x >> 2);
      mask[p] = inner[block] || (outer[block] && difference(p * 3) > threshold) ? 1 : 0;
    }
  }
  return { mask, background, everywhere: false };
}
