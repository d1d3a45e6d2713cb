/**
 * Descriptors of good pictures in few bytes, as detector files keep them: coordinates along their principal axes, four bits along the
 * first ones and two along the others (ours; figures in docs/detector.md).
 */
import {
  cast,
  Graph,
  matmul,
  type Runtime,
  slice,
  sub,
  tensor,
  toFloat16,
  toFloat32,
  type Value,
} from '@adclick/ortgrad';
import { bandBytes, bytesOf, type CodedBand, codeOf, type Levels, meantBy, perByte } from './codes.ts';
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
  /** One a picture, (h * w, bytes): part after part, band after band. */
  readonly pictures: readonly Uint8Array[];
  /** One a picture, (h * w): -|z|² / 2 of the compared channels' coordinates as they are coded. */
  readonly halves: readonly Float32Array[];
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

/** Default: 56 bytes for the compared channels and 12 for the fine ones. */
export const CODED_AXES: CodedAxes = {
  compared: [
    { levels: 16, axes: 48 },
    { levels: 4, axes: 128 },
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

/** A coded bank as values of a graph. */
export interface CodedValues {
  /** Codes, uint8 (N, h * w, bytes). */
  readonly bytes: Value;
  /** -|z|² / 2 of the compared channels' coordinates, float16 (N, h * w). */
  readonly halves: Value;
}

/** The first `count` parts of all pictures as constants. */
export function bankOn(graph: Graph, { parts, pictures, halves }: CodedBank, count: number): CodedValues {
  const total = parts.reduce((sum, part) => sum + bytesOf(part.bands), 0);
  const kept = parts.slice(0, count).reduce((sum, part) => sum + bytesOf(part.bands), 0);
  const cells = pictures[0].length / total;
  const bytes = new Uint8Array(pictures.length * cells * kept);
  const all = new Float32Array(pictures.length * cells);
  for (const [n, each] of pictures.entries()) {
    for (let cell = 0; cell < cells; cell++)
      bytes.set(each.subarray(cell * total, cell * total + kept), (n * cells + cell) * kept);
    all.set(halves[n], n * cells);
  }
  return {
    bytes: graph.constant(bytes, [pictures.length, cells, kept]),
    halves: graph.constant(toFloat16(all), [pictures.length, cells], 'float16'),
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

/** Learns the axes and steps of channels [from, to) of tokens (rows, dims). */
function partOf(
  sample: Float32Array,
  dims: number,
  [from, to]: readonly [number, number],
  sizes: readonly BandSize[],
): CodedPart {
  const count = sample.length / dims;
  const channels = to - from;
  const rows = new Float32Array(count * channels);
  for (let r = 0; r < count; r++) rows.set(sample.subarray(r * dims + from, r * dims + to), r * channels);
  const { mean, directions, variances } = principalAxes(rows, channels, channels);

  const values = new Float32Array(count);
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
      const axis = directions.filter((_, at) => at % channels === i); // (C)
      for (let r = 0; r < count; r++) {
        let sum = 0;
        for (let c = 0; c < channels; c++) sum += (rows[r * channels + c] - mean[c]) * axis[c];
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

/** Rows spread evenly over all pictures, float32 (N, dims). */
function sampleOf(tokens: readonly Uint16Array[], dims: number): Float32Array {
  const cells = tokens[0].length / dims;
  const total = tokens.length * cells;
  const count = Math.min(total, SAMPLES);
  const sample = new Uint16Array(count * dims);
  for (let n = 0; n < count; n++) {
    const row = Math.floor((n * total) / count);
    const [picture, cell] = [Math.floor(row / cells), row % cells];
    sample.set(tokens[picture].subarray(cell * dims, (cell + 1) * dims), n * dims);
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
 * Puts descriptors in codes.
 * @param tokens one a picture, float16 bits (h * w, dims). @param matched channels at a token's front that are compared.
 */
export async function codedBank(
  runtime: Runtime,
  tokens: readonly Uint16Array[],
  dims: number,
  matched: number,
  axes: CodedAxes = CODED_AXES,
): Promise<CodedBank> {
  const sample = sampleOf(tokens, dims);
  const parts = [partOf(sample, dims, [0, matched], axes.compared)];
  if (dims > matched) parts.push(partOf(sample, dims, [matched, dims], axes.fine));
  const cells = tokens[0].length / dims;
  const graph = new Graph('coordinates');
  const all = cast(graph.input('tokens', [cells, dims], 'float16'), 'float32');
  let from = 0;
  for (const [i, part] of parts.entries()) {
    graph.output(`part${i}`, coordinatesOn(slice(all, 1, from, from + part.mean.length), part));
    from += part.mean.length;
  }
  const session = await runtime.load(graph.toModel());
  const bank = { parts, pictures: [] as Uint8Array[], halves: [] as Float32Array[] };
  for (const bits of tokens) {
    const found = await session.run({ tokens: tensor(bits, [cells, dims], 'float16') });
    const coded = parts.map((part, i) => codesOf(found[`part${i}`].data as Float32Array, part));
    const width = coded.reduce((sum, { bytes }) => sum + bytes.length / cells, 0);
    const picture = new Uint8Array(cells * width);
    let at = 0;
    for (const { bytes } of coded) {
      const own = bytes.length / cells;
      for (let cell = 0; cell < cells; cell++)
        picture.set(bytes.subarray(cell * own, (cell + 1) * own), cell * width + at);
      at += own;
    }
    bank.pictures.push(picture);
    bank.halves.push(coded[0].halves);
  }
  await session.release();
  return bank;
}
