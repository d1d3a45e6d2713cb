/** Normalised colours: what the networks see of a picture's own pixels, whatever its brightness and contrast (ours). */
import {
  add,
  cast,
  div,
  maximum,
  reduceMean,
  reshape,
  scale,
  slice,
  sqrt,
  square,
  sub,
  transpose,
  type Value,
} from '@adclick/ortgrad';
import type { RgbImage } from '../image/types.ts';

/** Grey values: a picture that varies less than this is not stretched further. */
const LEAST_SPREAD = 8;

/** What brings a picture's colours to mean 0 a channel and spread 1 over all. */
export interface ColourNorm {
  readonly means: readonly number[];
  readonly scale: number;
}

/** The norm of a picture. */
export function colourNorm({ data, width, height }: RgbImage): ColourNorm {
  const area = width * height;
  const sums = [0, 0, 0] as [number, number, number];
  let squares = 0;
  for (let i = 0; i < 3 * area; i += 3)
    for (let c = 0; c < 3; c++) {
      const value = data[i + c];
      sums[c] += value;
      squares += value * value;
    }
  const means = sums.map((sum) => sum / area);
  const variance = squares / area / 3 - means.reduce((sum, mean) => sum + mean * mean, 0) / 3;
  return { means, scale: 1 / Math.max(Math.sqrt(Math.max(variance, 0)), LEAST_SPREAD) };
}

/**
 * Colours of a picture with mean 0 a channel and spread 1 over all, channel after channel, (3, height, width).
 * @param norm of the picture that this one was cut from; default its own.
 */
export function normalisedColours(image: RgbImage, { means, scale } = colourNorm(image)): Float32Array {
  const { data, width, height } = image;
  const area = width * height;
  const colours = new Float32Array(3 * area);
  for (let c = 0; c < 3; c++)
    for (let at = 0; at < area; at++) colours[c * area + at] = (data[3 * at + c] - means[c]) * scale;
  return colours;
}

/** A {@link ColourNorm} as values of a graph: (3, 1) and (). */
export interface ColourNormValues {
  readonly means: Value;
  readonly spread: Value;
}

/** Rows of a picture whose colours are looked at at once. */
const ROWS = 512;

/** uint8 (1, H, W, 3) -> (3, H * W): each channel is one row, whose sums and differences run over whole memory. */
function planesOf(image: Value): Value {
  const [, height, width] = image.shape as [number, number, number, number];
  return reshape(cast(transpose(image, [0, 3, 1, 2]), 'float32'), [3, height * width]);
}

/** The norm of a picture as nodes, for files that begin with it: uint8 (1, H, W, 3). */
export function colourNormOn(image: Value): ColourNormValues {
  const height = image.shape[1];
  const count = Math.ceil(height / ROWS);
  const parts = Array.from({ length: count }, (_, i) => slice(image, 1, i * ROWS, Math.min((i + 1) * ROWS, height)));
  /** The mean over all rows of what is told of some. */
  const over = (told: (part: Value) => Value) =>
    parts.map((part) => (count > 1 ? scale(told(part), part.shape[1] / height) : told(part))).reduce(add);
  const means = over((part) => reduceMean(planesOf(part), [1], true)); // (3, 1)
  const variance = over((part) => reduceMean(reduceMean(square(sub(planesOf(part), means)), [1]))); // ()
  return { means, spread: maximum(sqrt(variance), image.graph.scalar(LEAST_SPREAD)) };
}

/** {@link normalisedColours} as nodes: uint8 (1, H, W, 3) -> (1, 3, H, W). @param norm of the picture that this one was cut from; default its own. */
export function normalisedColoursOn(image: Value, { means, spread } = colourNormOn(image)): Value {
  const [, height, width] = image.shape as [number, number, number, number];
  return reshape(div(sub(planesOf(image), means), spread), [1, 3, height, width]);
}
