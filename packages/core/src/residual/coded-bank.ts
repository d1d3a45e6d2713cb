/**
 * Descriptors of good pictures in few bytes, as detector files keep them: coordinates along their principal axes, four bits along the
 * first ones and two along the others (ours; figures in docs/detector.md).
 */
import {
  add,
  cast,
  Graph,
  gather,
  matmul,
  mul,
  type Runtime,
  reshape,
  slice,
  sub,
  tensor,
  toFloat16,
  toFloat32,
  type Value,
} from '@adclick/ortgrad';
import type { Band } from '../features/bands.ts';
import { bandBytes, bytesOf, type CodedBand, codeOf, type Levels, meantBy, perByte } from './codes.ts';
import { leadingAxes } from './leading-axes.ts';
import { type Axes, principalAxes } from './principal-axes.ts';

/** Axes as a match needs them. */
type Directions = Pick<Axes, 'mean' | 'directions'>;

/** Channels of a token that share their axes. */
export interface CodedPart extends Directions {
  /** All axes in their order. */
  readonly bands: readonly CodedBand[];
  /** Mean squared difference of each channel and what its codes stand for, (C). */
  readonly errors: Float32Array;
}

/** Descriptors of pictures in codes. */
export interface CodedBank {
  /** Of the compared channels, then of the fine ones where they are kept. */
  readonly parts: readonly CodedPart[];
  /** Pictures, N of them. */
  readonly pictures: number;
  /** (N, h * w, bytes): part after part, band after band. */
  readonly bytes: Uint8Array;
  /** -|z|² / 2 of the compared channels' coordinates as they are coded, float16 bits (N, h * w). */
  readonly halves: Uint16Array;
}

/** How many axes get codes of how many levels; whole bytes, two codes of 16 levels each or four of 4. */
export interface BandSize {
  readonly levels: Levels;
  readonly axes: number;
}

/** Axes that are kept, those of the largest variance first, as far as there are channels. */
export interface CodedAxes {
  /** Of the compared channels. */
  readonly compared: readonly BandSize[];
  /** Of the fine channels, which serve a trained network only. */
  readonly fine: readonly BandSize[];
}

/** Default: a byte for two of the first 48 axes of the compared channels and for four of the others, and 12 bytes for the fine ones. */
export const CODED_AXES: CodedAxes = {
  compared: [
    { levels: 16, axes: 48 },
    { levels: 4, axes: Number.POSITIVE_INFINITY },
  ],
  fine: [
    { levels: 16, axes: 8 },
    { levels: 4, axes: 32 },
  ],
};

/** Steps that are tried, in standard deviations: around the best for a normal distribution, and longer ones where tails are heavy. */
const STEPS = { 16: [0.26, 0.3, 0.335, 0.37, 0.42, 0.48, 0.56], 4: [0.8, 0.9, 0.996, 1.1, 1.25, 1.45] };
/** Tokens that axes and steps are learnt from. */
const SAMPLES = 12_000;
/** Least step: an axis along which nothing differs has one too. */
const TINY = 1e-6;

/** Axes in the size that is written: (rows, C) -> coordinates (rows, n). */
export const coordinatesOn = (tokens: Value, { mean, directions }: Directions): Value => {
  const { graph } = tokens;
  const n = directions.length / mean.length;
  const centred = sub(tokens, graph.constant(mean, [mean.length])); // (rows, C)
  return matmul(centred, graph.constant(directions, [mean.length, n]));
};

/** Codes of some rows of tokens of some pictures as values of a graph. */
export interface CodedValues {
  /** Codes, uint8 (K, rows * w, bytes). */
  readonly bytes: Value;
  /** -|z|² / 2 of the compared channels' coordinates, float16 (K, rows * w). */
  readonly halves: Value;
}

/** A coded bank as constants of a graph; gives rows of the pictures with these numbers, int64 (K). */
export type CodedRows = (pictures: Value, rows: Band) => CodedValues;

/** The first `count` parts of all pictures, grids of `height` rows. */
export function bankOn(
  graph: Graph,
  { parts, pictures, bytes, halves }: CodedBank,
  count: number,
  height: number,
): CodedRows {
  const total = parts.reduce((sum, part) => sum + bytesOf(part.bands), 0);
  const kept = parts.slice(0, count).reduce((sum, part) => sum + bytesOf(part.bands), 0);
  const width = halves.length / pictures / height;
  const own = kept === total ? bytes : new Uint8Array(halves.length * kept);
  if (own !== bytes)
    for (let cell = 0; cell < halves.length; cell++)
      own.set(bytes.subarray(cell * total, cell * total + kept), cell * kept);
  // A row lies in one piece, so that fetching some of many is cheap.
  const rowsOfBytes = graph.constant(own, [pictures * height, width * kept]);
  const rowsOfHalves = graph.constant(halves, [pictures * height, width], 'float16');
  return (chosen, { from, to }) => {
    const [k] = chosen.shape;
    const rows = to - from;
    const first = mul(reshape(chosen, [k, 1]), graph.int64([height])); // (K, 1)
    const numbers = add(first, graph.int64(Array.from({ length: rows }, (_, i) => from + i))); // (K, rows)
    return {
      bytes: reshape(gather(rowsOfBytes, numbers, 0), [k, rows * width, kept]),
      halves: reshape(gather(rowsOfHalves, numbers, 0), [k, rows * width]),
    };
  };
}

/** The step with the least mean squared error on coordinates along one axis, and that error. */
function stepOf(
  values: Float32Array,
  variance: number,
  levels: Levels,
): { readonly step: number; readonly error: number } {
  const tried = STEPS[levels].map((factor) => {
    const step = Math.max(factor * Math.sqrt(variance), TINY);
    let sum = 0;
    for (const value of values) sum += (value - meantBy(codeOf(value, step, levels), step, levels)) ** 2;
    return { step, error: sum / values.length };
  });
  return tried.reduce((best, each) => (each.error < best.error ? each : best));
}

/** Channels up to which all axes are principal, and of more, how many are. */
const [MOST_PRINCIPAL, LEADING] = [256, 176];
/** Numbers of the sample that steps are learnt from, about: all of it where channels are few. */
const STEP_VALUES = 3e6;

/** Learns the axes and steps of channels [from, to) of tokens (rows, dims). */
async function partOf(
  runtime: Runtime,
  sample: Float32Array,
  dims: number,
  [from, to]: readonly [number, number],
  sizes: readonly BandSize[],
): Promise<CodedPart> {
  const count = sample.length / dims;
  const channels = to - from;
  const rows = new Float32Array(count * channels);
  for (let r = 0; r < count; r++) rows.set(sample.subarray(r * dims + from, r * dims + to), r * channels);
  const { mean, directions, variances } =
    channels > MOST_PRINCIPAL
      ? await leadingAxes(runtime, rows, channels, LEADING)
      : principalAxes(rows, channels, channels);

  const every = Math.max(1, Math.floor(rows.length / STEP_VALUES));
  const values = new Float32Array(Math.ceil(count / every));
  const errors = new Float32Array(channels);
  const lose = (i: number, error: number) => {
    for (let c = 0; c < channels; c++) errors[c] += error * directions[c * channels + i] ** 2;
  };
  let kept = 0;
  const bands = sizes.map(({ levels, axes }): CodedBand => {
    const first = kept;
    const left = channels - first;
    const n = Math.min(axes, left - (left % perByte(levels)));
    kept += n;
    const steps = Float32Array.from({ length: n }, (_, k) => {
      const i = first + k;
      const axis = Float32Array.from({ length: channels }, (_, c) => directions[c * channels + i]); // (C)
      for (let r = 0; r < values.length; r++) {
        let sum = 0;
        for (let c = 0; c < channels; c++) sum += (rows[r * every * channels + c] - mean[c]) * axis[c];
        values[r] = sum;
      }
      const { step, error } = stepOf(values, variances[i], levels);
      lose(i, error);
      return step;
    });
    return { levels, steps };
  });
  // Along an axis that is left out everything is lost.
  for (let i = kept; i < channels; i++) lose(i, variances[i]);
  return {
    mean,
    directions: directions.filter((_, at) => at % channels < kept),
    bands,
    errors,
  };
}

/** Descriptors that are put in codes, of pictures of the same size. */
export interface CodedSource {
  readonly pictures: number;
  /** Tokens of a picture. */
  readonly cells: number;
  /** Channels of a token, of which the first `matched` are compared. */
  readonly dims: number;
  readonly matched: number;
  /** Values [from, to) of a picture's tokens (cells, dims), float16 bits. */
  readonly read: (picture: number, from: number, to: number) => Promise<Uint16Array>;
}

/** Tokens that are read at once: all of a picture of 512 × 512 pixels. */
const AT_ONCE = 2 * 64 * 64;

/** Ranges of a picture's tokens, one after another. */
const ranges = (cells: number) =>
  Array.from(
    { length: Math.ceil(cells / AT_ONCE) },
    (_, i) => [i * AT_ONCE, Math.min((i + 1) * AT_ONCE, cells)] as const,
  );

/** Rows spread evenly over all pictures, float32 (N, dims). */
async function sampleOf({ pictures, cells, dims, read }: CodedSource): Promise<Float32Array> {
  const total = pictures * cells;
  const count = Math.min(total, SAMPLES);
  const sample = new Uint16Array(count * dims);
  let n = 0;
  for (let picture = 0; picture < pictures; picture++)
    for (const [from, to] of ranges(cells)) {
      const rowOf = (at: number) => Math.floor((at * total) / count) - picture * cells;
      const bits = await read(picture, from * dims, to * dims);
      for (; n < count && rowOf(n) < to; n++)
        sample.set(bits.subarray((rowOf(n) - from) * dims, (rowOf(n) - from + 1) * dims), n * dims);
    }
  return toFloat32(tensor(sample, [sample.length]));
}

/** Codes of coordinates (rows, n): bytes (rows, bytes), and -|z|² / 2 of what they stand for, (rows). */
function codesOf(coordinates: Float32Array, { bands }: CodedPart) {
  const n = bands.reduce((sum, { steps }) => sum + steps.length, 0);
  const width = bytesOf(bands);
  const rows = coordinates.length / n;
  const bytes = new Uint8Array(rows * width);
  const halves = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    let [axis, at] = [row * n, row * width];
    for (const band of bands) {
      const { levels, steps } = band;
      const b = bandBytes(band);
      // Digit i / b of byte i % b is the code along axis i.
      for (let i = 0; i < steps.length; i++) {
        const code = codeOf(coordinates[axis + i], steps[i], levels);
        bytes[at + (i % b)] += code * levels ** Math.floor(i / b);
        halves[row] -= meantBy(code, steps[i], levels) ** 2 / 2;
      }
      axis += steps.length;
      at += b;
    }
  }
  return { bytes, halves };
}

/**
 * Puts descriptors in codes: no more than {@link AT_ONCE} tokens of them are in memory.
 * @param options.fine whether the fine channels are kept; default true.
 */
export async function codedBank(
  runtime: Runtime,
  source: CodedSource,
  { axes = CODED_AXES, fine = true }: { readonly axes?: CodedAxes; readonly fine?: boolean } = {},
): Promise<CodedBank> {
  const { pictures, cells, dims, matched, read } = source;
  const sample = await sampleOf(source);
  const parts = [await partOf(runtime, sample, dims, [0, matched], axes.compared)];
  if (fine && dims > matched) parts.push(await partOf(runtime, sample, dims, [matched, dims], axes.fine));
  const rows = Math.min(cells, AT_ONCE);
  const graph = new Graph('coordinates');
  const all = cast(graph.input('tokens', [rows, dims], 'float16'), 'float32');
  let channel = 0;
  for (const [i, part] of parts.entries()) {
    graph.output(`part${i}`, coordinatesOn(slice(all, 1, channel, channel + part.mean.length), part));
    channel += part.mean.length;
  }
  const session = await runtime.load(graph.toModel());
  const width = parts.reduce((sum, part) => sum + bytesOf(part.bands), 0);
  const bytes = new Uint8Array(pictures * cells * width);
  const halves = new Uint16Array(pictures * cells);
  for (let n = 0; n < pictures; n++)
    for (const [from, to] of ranges(cells)) {
      const bits = new Uint16Array(rows * dims);
      bits.set(await read(n, from * dims, to * dims));
      const found = await session.run({ tokens: tensor(bits, [rows, dims], 'float16') }, { transfer: true });
      const first = n * cells + from;
      let at = 0;
      for (const [i, part] of parts.entries()) {
        const own = bytesOf(part.bands);
        const coded = codesOf(found[`part${i}`].data as Float32Array, part);
        for (let cell = 0; cell < to - from; cell++)
          bytes.set(coded.bytes.subarray(cell * own, (cell + 1) * own), (first + cell) * width + at);
        if (i === 0) halves.set(toFloat16(coded.halves.subarray(0, to - from)), first);
        at += own;
      }
    }
  await session.release();
  return { parts, pictures, bytes, halves };
}
