/** The one place where samples of any type become the 8-bit levels that people and models see. */
import { fail } from '../errors.ts';
import {
  FULL_RANGES,
  fullRange,
  learnWindows,
  nameOfType,
  type Picture,
  type SampleType,
  spanOf,
  typeOf,
  type Window,
  type Windows,
  writtenWindow,
} from './samples.ts';
import type { Pixels, RgbImage } from './types.ts';

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
 * The picture as models and people see it through a window. Grey fills all three channels, alpha is dropped (not blended: what a
 * camera measured under a transparent pixel is still what it measured), channels after the third are dropped. What is not a number is black.
 * @param window without one the full range of the sample type.
 */
export function toRgb(picture: Picture, window?: Window): RgbImage {
  const { width, height, channels } = picture;
  const levels = applyWindow(picture.data, window ?? fullRange(picture));
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

/** Samples behind levels, for pictures that are read before it is known whose window counts. */
const samplesOf = new WeakMap<Uint8Array, Picture>();

/** The samples that a picture's levels were made of, where {@link toRgbKeeping} made them; else the picture itself. */
export const samplesBehind = (picture: Picture): Picture =>
  (picture.data instanceof Uint8Array && samplesOf.get(picture.data)) || picture;

/**
 * {@link toRgb}, remembering the samples where levels say less than they do: {@link throughWindows} goes back to them. A picture that is made of
 * this one has levels of its own and is what it shows.
 */
export function toRgbKeeping(picture: Picture, windows?: Windows): RgbImage {
  const image = throughWindows(picture, windows);
  if (!(picture.data instanceof Uint8Array)) samplesOf.set(image.data, picture);
  return image;
}

/**
 * The picture as the models of a product see it. 8-bit pictures are taken as they are.
 * @param windows of the product's good pictures; undefined in indexes and detectors of version 0.1.0, which saw full ranges.
 * @throws ADC_IMAGE_RANGE for samples of a type that no good picture has, unless they fill their full range.
 */
export function throughWindows(picture: Picture, windows: Windows | undefined): RgbImage {
  const samples = samplesBehind(picture);
  return toRgb(samples, windows && windowFor(samples, windows));
}

function windowFor(picture: Picture, windows: Windows): Window {
  const type = typeOf(picture);
  const known = windows[type];
  const full = fullRange(picture);
  if (known || type === 'uint8') return known ?? full;
  const own = ownWindow(picture);
  if (own?.low === full.low && own.high === full.high) return full;
  const good = namesOf(windows);
  throw fail('ADC_IMAGE_RANGE', { path: picture.path ?? 'in memory', got: nameOfType(type), want: good });
}

/** The window that would be learnt from one picture alone; undefined where none of its samples is a number. */
export function ownWindow(picture: Picture): Window | undefined {
  const span = spanOf(picture);
  return span && learnWindows([span])[span.type];
}

const namesOf = (windows: Windows) =>
  (Object.keys(windows) as SampleType[]).map((type) => nameOfType(type)).join(' or ') || 'nothing';

/** Whether windows do more than to take 8 bits as they are: what older versions would misread. */
export const isDeep = (windows: Windows | undefined): boolean =>
  Object.entries(windows ?? {}).some(([type, { low, high }]) => {
    const full = FULL_RANGES[type as SampleType];
    return low !== full.low || high !== full.high;
  });

/** What somebody should know who looks at a picture through a product's windows: a sentence without its name, or nothing. */
export function windowNote(picture: Picture, windows: Windows | undefined): string | undefined {
  const type = typeOf(picture);
  if (!windows) return undefined;
  const window = windows[type];
  if (!window)
    return `holds ${nameOfType(type)}, the good pictures ${namesOf(windows)}: it is taken over its full range, ${writtenWindow(fullRange(picture))}`;
  if (type === 'uint8') return undefined;
  const span = spanOf(picture);
  if (!span) return 'holds no sample that is a number: it is black';
  if (span.high > window.high || span.low < window.low)
    return `holds samples from ${writtenWindow(span)}, the window of the good pictures is ${writtenWindow(window)}: what lies outside is black or white`;
  return undefined;
}
