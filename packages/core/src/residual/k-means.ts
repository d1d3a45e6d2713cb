/** k-means, by which codes and foreground are learnt from local features. */
import { tensor, toFloat32 } from '@adclick/ortgrad';
import type { Random } from '../random.ts';

/** Codes of the codebook of the global similarity (N_C). */
const CODES = 12;

/** Mean vectors of local features. */
export interface Codebook {
  /** (codes, channels) */
  readonly centres: Float32Array;
  readonly channels: number;
}

function squaredDistance(a: Float32Array, i: number, b: Float32Array, j: number, channels: number): number {
  let sum = 0;
  for (let c = 0; c < channels; c++) sum += (a[i * channels + c] - b[j * channels + c]) ** 2;
  return sum;
}

/** First centres by k-means++: each drawn with probability proportional to its squared distance from those before. */
function drawCentres(vectors: Float32Array, channels: number, count: number, random: Random): Float32Array {
  const rows = vectors.length / channels;
  const centres = new Float32Array(count * channels);
  const nearest = new Float64Array(rows).fill(Number.POSITIVE_INFINITY);
  let chosen = random.int(0, rows);
  for (let k = 0; k < count; k++) {
    centres.set(vectors.subarray(chosen * channels, (chosen + 1) * channels), k * channels);
    let total = 0;
    for (let i = 0; i < rows; i++) {
      nearest[i] = Math.min(nearest[i], squaredDistance(vectors, i, centres, k, channels));
      total += nearest[i];
    }
    let left = random.next() * total;
    chosen = random.int(0, rows);
    for (let i = 0; i < rows && total > 0; i++) {
      left -= nearest[i];
      if (left < 0) {
        chosen = i;
        break;
      }
    }
  }
  return centres;
}

/** Number of the nearest centre for each row: the largest v.c - |c|^2 / 2. */
export function assign(vectors: Float32Array, { centres, channels }: Codebook): Uint8Array {
  const rows = vectors.length / channels;
  const count = centres.length / channels;
  const halves = Float64Array.from({ length: count }, (_, k) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += centres[k * channels + c] ** 2;
    return sum / 2;
  });
  const out = new Uint8Array(rows);
  for (let i = 0; i < rows; i++) {
    let best = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < count; k++) {
      let score = -halves[k];
      for (let c = 0, v = i * channels, w = k * channels; c < channels; c++) score += vectors[v++] * centres[w++];
      if (score > best) {
        best = score;
        out[i] = k;
      }
    }
  }
  return out;
}

/** One run of Lloyd's iterations; an empty cluster keeps its centre. */
function lloyd(vectors: Float32Array, book: Codebook, iterations: number): { centres: Float32Array; error: number } {
  const { channels } = book;
  const centres = Float32Array.from(book.centres);
  const count = centres.length / channels;
  const rows = vectors.length / channels;
  let codes = new Uint8Array(0);
  for (let turn = 0; turn < iterations; turn++) {
    const next = assign(vectors, { centres, channels });
    if (codes.length > 0 && next.every((code, i) => code === codes[i])) break;
    codes = next as Uint8Array<ArrayBuffer>;
    const sums = new Float64Array(centres.length);
    const members = new Float64Array(count);
    for (let i = 0; i < rows; i++) {
      const code = codes[i];
      members[code] = members[code] + 1;
      for (let c = 0; c < channels; c++)
        sums[code * channels + c] = sums[code * channels + c] + vectors[i * channels + c];
    }
    for (let at = 0; at < sums.length; at++) {
      const size = members[Math.floor(at / channels)];
      if (size > 0) centres[at] = sums[at] / size;
    }
  }
  const final = assign(vectors, { centres, channels });
  let error = 0;
  for (let i = 0; i < rows; i++) error += squaredDistance(vectors, i, centres, final[i], channels);
  return { centres, error };
}

/**
 * k-means from several starts, the best kept.
 * @param vectors (rows, channels)
 * @returns (count, channels); with fewer distinct rows than centres, some centres are equal.
 */
export function kMeans(
  vectors: Float32Array,
  channels: number,
  random: Random,
  options: { readonly count?: number; readonly starts?: number; readonly iterations?: number } = {},
): Codebook {
  const { count = CODES, starts = 2, iterations = 15 } = options;
  let best: { centres: Float32Array; error: number } | undefined;
  for (let start = 0; start < starts; start++) {
    const centres = drawCentres(vectors, channels, count, random);
    const run = lloyd(vectors, { centres, channels }, iterations);
    if (!best || run.error < best.error) best = run;
  }
  return { centres: (best as { centres: Float32Array }).centres, channels };
}

/** `count` cells drawn from a float16 map, as rows (count, channels). */
export function sampleRows(low: Uint16Array, channels: number, count: number, random: Random): Float32Array {
  const cells = low.length / channels;
  const picked = new Uint16Array(count * channels);
  for (let i = 0; i < count; i++) {
    const cell = random.int(0, cells);
    for (let c = 0; c < channels; c++) picked[i * channels + c] = low[c * cells + cell];
  }
  return toFloat32(tensor(picked, [picked.length]));
}
