/** What the samples of a picture mean: their type, and the one window that the samples of a product's good pictures span. */
import type { Pixels } from './types.ts';

/** Samples at or below `low` become black, at or above `high` white, linear between. */
export interface Window {
  readonly low: number;
  readonly high: number;
}

/** How a file stores a sample; all floats count as one type. */
export type SampleType = 'uint8' | 'int8' | 'uint16' | 'int16' | 'uint32' | 'int32' | 'float';

/** Everything that a type of sample can hold; what is usual for floats. */
export const FULL_RANGES: Readonly<Record<SampleType, Window>> = {
  uint8: { low: 0, high: 255 },
  int8: { low: -128, high: 127 },
  uint16: { low: 0, high: 65535 },
  int16: { low: -32768, high: 32767 },
  uint32: { low: 0, high: 2 ** 32 - 1 },
  int32: { low: -(2 ** 31), high: 2 ** 31 - 1 },
  float: { low: 0, high: 1 },
};

/** One window for each type of sample that a product's good pictures have. */
export type Windows = Readonly<Partial<Record<SampleType, Window>>>;

/** A picture as it was read: 8-bit levels, or samples that the product's window has yet to bring to 8 bits. */
export interface Picture extends Pixels {
  /** By default what the array says: uint8, uint16 or float. */
  readonly type?: SampleType;
  /** The range in which samples are seen where no window is known; by default all that the type holds. */
  readonly range?: Window;
  /** Named in errors. */
  readonly path?: string;
}

/** The samples' type. */
export function typeOf({ type, data }: Picture): SampleType {
  if (type) return type;
  if (data instanceof Uint8Array) return 'uint8';
  return data instanceof Uint16Array ? 'uint16' : 'float';
}

/** The range in which a picture's samples are seen where no window is known. */
export const fullRange = (picture: Picture): Window => picture.range ?? FULL_RANGES[typeOf(picture)];

/** Between which values almost all samples of one picture lie. */
export interface Span extends Window {
  readonly type: SampleType;
}

/** Share of the samples that may lie outside a span at either end: dead and hot pixels. */
const TAIL = 1e-4;
/** Samples that a float picture's span is taken from, spread evenly. */
const MOST_SAMPLES = 1 << 17;
/** Floats beyond this are no measurements: files mark pixels without one by the lowest float. */
const MEASURABLE = 1e30;
/** Bits that cameras fill. Unsigned samples take the first that holds them all, so that what is brighter than any good part keeps its shade. */
const DEPTHS = [8, 10, 12, 14, 16, 20, 24, 32] as const;
/** Where good pictures would fill fewer of the 256 levels, the window goes by their samples alone. */
export const LEAST_LEVELS = 8;
/** Share of a span that such a window is wider at either end. */
const MARGIN = 0.5;

/** Places of the first and the last of `count` sorted samples that count. */
const ends = (count: number): [number, number] => {
  const left = Math.floor(TAIL * count);
  return [left, count - 1 - left];
};

/** Ends of the span of whole numbers from 0 to 65535, from a histogram of all of them. */
function spanOfCounts(data: Uint16Array, channels: number, colours: number): Window {
  const counts = new Uint32Array(65536);
  for (let at = 0; at < data.length; at += channels) for (let c = 0; c < colours; c++) counts[data[at + c]]++;
  const [first, last] = ends((data.length / channels) * colours);
  let [low, high] = [0, 0];
  for (let value = 0, sum = 0; sum <= last; value++) {
    sum += counts[value];
    if (sum <= first) low = value + 1;
    high = value;
  }
  return { low, high };
}

/** Ends of the span of any numbers, from an even sample; the lowest of a signed type marks pixels without a measurement. */
function spanOfNumbers(data: Float32Array, channels: number, colours: number, type: SampleType): Window | undefined {
  const pixels = data.length / channels;
  const count = Math.min(pixels, Math.ceil(MOST_SAMPLES / colours));
  const lowest = type === 'float' ? -MEASURABLE : FULL_RANGES[type].low;
  const signed = lowest < 0;
  const sample = new Float32Array(count * colours);
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const from = Math.floor((i * pixels) / count) * channels;
    for (let c = 0; c < colours; c++) {
      const value = data[from + c];
      if ((signed ? value > lowest : value >= lowest) && value < MEASURABLE) sample[kept++] = value;
    }
  }
  if (kept === 0) return undefined;
  const sorted = sample.subarray(0, kept).sort();
  const [first, last] = ends(kept);
  return { low: sorted[first], high: sorted[last] };
}

/** Values between which all but one in ten thousand of a picture's colour samples lie; undefined where none is a number. */
export function spanOf(picture: Picture): Span | undefined {
  const { data, channels } = picture;
  const type = typeOf(picture);
  if (data instanceof Uint8Array) return { type, ...fullRange(picture) };
  const colours = channels >= 3 ? 3 : 1;
  const span =
    data instanceof Uint16Array ? spanOfCounts(data, channels, colours) : spanOfNumbers(data, channels, colours, type);
  return span && { type, ...span };
}

const powerAbove = (value: number) => 2 ** Math.ceil(Math.log2(value));

/** The window of samples of one type that lie between two values; docs/formats.md writes the rule down. */
function windowOf({ type, low, high }: Span): Window {
  const full = FULL_RANGES[type];
  if (type === 'uint8' || type === 'int8') return full;
  if (type === 'float' && low >= 0 && high <= 1 && wideEnough(low, high, full)) return full;
  const top = DEPTHS.map((bits) => 2 ** bits - 1).find((most) => high <= most);
  const bottom = low < 0 ? -powerAbove(-low) : 0;
  // Signed samples reach as far above 0 as below it, even where good pictures do not.
  const reach = Math.max(top ?? high, -bottom - 1);
  const deep: Window = { low: bottom, high: type === 'float' ? reach : Math.min(reach, full.high) };
  if (wideEnough(low, high, deep)) return deep;
  const margin = MARGIN * (high - low);
  return { low: low - margin, high: high + margin };
}

/** Whether samples fill enough levels of a window. Those of pictures of one colour fill one of any. */
export const wideEnough = (low: number, high: number, window: Window): boolean =>
  low === high || (256 * (high - low)) / (window.high - window.low) >= LEAST_LEVELS;

/**
 * One window for each type of sample among a product's good pictures: a window a picture would hide defects of brightness.
 * 8-bit samples keep 0 to 255: they were windowed by whoever made them.
 * @param spans of all good pictures; see {@link spanOf}.
 */
export function learnWindows(spans: Iterable<Span>): Windows {
  const all = new Map<SampleType, Span>();
  for (const span of spans) {
    const known = all.get(span.type) ?? span;
    const [low, high] = [Math.min(known.low, span.low), Math.max(known.high, span.high)];
    all.set(span.type, { type: span.type, low, high });
  }
  return Object.fromEntries([...all].sort().map(([type, span]) => [type, windowOf(span)]));
}

const NAMES: Readonly<Record<SampleType, string>> = {
  uint8: '8-bit',
  int8: 'signed 8-bit',
  uint16: '16-bit',
  int16: 'signed 16-bit',
  uint32: '32-bit',
  int32: 'signed 32-bit',
  float: 'float',
};

/** A type of sample in words. */
export const nameOfType = (type: SampleType): string => `${NAMES[type]} samples`;

const written = (value: number) => String(Number(value.toPrecision(6)));

/** A window in words: "0 to 4095". */
export const writtenWindow = ({ low, high }: Window): string => `${written(low)} to ${written(high)}`;
