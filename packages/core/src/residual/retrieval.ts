/** Global similarity without learning, as in CPR's retrieval branch: which good pictures resemble this one, its defects aside. */
import { tensor, toFloat32 } from '@adclick/ortgrad';
import type { Random } from '../random.ts';

/** Codes of the codebook (N_C). */
const CODES = 12;

/** Blocks along each axis (S); picture heights and widths need not be divisible by it. */
export const BLOCKS = 8;

/** Share of the blocks that counts, the most alike; the others may hold a defect. */
export const KEPT_SHARE = 0.8;

/** Keeps logarithms finite. */
export const TINY = 1e-8;

/** Mean vectors of local features. */
export interface Codebook {
  /** (codes, channels) */
  readonly centres: Float32Array;
  readonly channels: number;
}

/** A stride-4 feature map, (channels, height, width). */
export interface FeatureMap {
  readonly data: Float32Array;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** A good picture's place in the ranking. */
export interface Ranked {
  /** Number of the picture among the references. */
  readonly index: number;
  /** Sum of the kept blocks' divergences; 0 for the same picture. */
  readonly distance: number;
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

/** Number of the nearest centre for each cell of a map, as {@link assign}; four planes at a time, which is three times as fast. */
function codesOf({ data, channels, height, width }: FeatureMap, { centres }: Codebook): Uint8Array {
  const cells = height * width;
  const out = new Uint8Array(cells);
  const best = new Float32Array(cells).fill(Number.NEGATIVE_INFINITY);
  const scores = new Float32Array(cells);
  for (let k = 0; k * channels < centres.length; k++) {
    const centre = centres.subarray(k * channels, (k + 1) * channels);
    scores.fill(-centre.reduce((sum, value) => sum + value * value, 0) / 2);
    for (let c = 0; c < channels; c += 4) {
      // Planes beyond the last get weight 0.
      const plane = (step: number) => Math.min(c + step, channels - 1) * cells;
      const weight = (step: number) => (c + step < channels ? centre[c + step] : 0);
      const [p0, p1, p2, p3] = [plane(0), plane(1), plane(2), plane(3)];
      const [w0, w1, w2, w3] = [weight(0), weight(1), weight(2), weight(3)];
      for (let i = 0; i < cells; i++)
        scores[i] = scores[i] + data[p0 + i] * w0 + data[p1 + i] * w1 + data[p2 + i] * w2 + data[p3 + i] * w3;
    }
    for (let i = 0; i < cells; i++) {
      if (scores[i] <= best[i]) continue;
      best[i] = scores[i];
      out[i] = k;
    }
  }
  return out;
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

/** Share of each code in each of 8 x 8 blocks: (64, codes), each row summing to 1. Uneven sides give uneven blocks. */
export function blockHistograms(map: FeatureMap, book: Codebook): Float32Array {
  const { height, width } = map;
  const codes = codesOf(map, book);
  const count = book.centres.length / book.channels;
  const out = new Float32Array(BLOCKS * BLOCKS * count);
  const edge = (side: number, i: number) => Math.floor((i * side) / BLOCKS);
  for (let block = 0; block < BLOCKS * BLOCKS; block++) {
    const [row, column] = [Math.floor(block / BLOCKS), block % BLOCKS];
    const [top, bottom] = [edge(height, row), edge(height, row + 1)];
    const [left, right] = [edge(width, column), edge(width, column + 1)];
    const share = 1 / ((bottom - top) * (right - left));
    for (let y = top; y < bottom; y++)
      for (let x = left; x < right; x++) {
        const at = block * count + codes[y * width + x];
        out[at] = out[at] + share;
      }
  }
  return out;
}

/** D(query, reference): KL divergence of the query's histogram from the reference's in each block, the worst fifth dropped. */
export function histogramDistance(query: Float32Array, reference: Float32Array): number {
  const blocks = BLOCKS * BLOCKS;
  const count = query.length / blocks;
  const divergences = new Float64Array(blocks);
  for (let block = 0; block < blocks; block++) {
    let sum = 0;
    for (let at = block * count; at < (block + 1) * count; at++) {
      const q = query[at];
      if (q > 0) sum += q * Math.log((q + TINY) / (reference[at] + TINY));
    }
    divergences[block] = sum;
  }
  divergences.sort();
  let total = 0;
  for (let i = 0; i < Math.floor(KEPT_SHARE * blocks); i++) total += divergences[i];
  return total;
}

/**
 * The nearest references, nearest first; equally near ones in their own order.
 * @param excluded references that must not be chosen, such as the picture itself.
 */
export function rank(
  query: Float32Array,
  references: readonly Float32Array[],
  count: number,
  excluded: (index: number) => boolean = () => false,
): Ranked[] {
  return references
    .map((reference, index) => ({ index, distance: excluded(index) ? 0 : histogramDistance(query, reference) }))
    .filter(({ index }) => !excluded(index))
    .sort((a, b) => a.distance - b.distance || a.index - b.index)
    .slice(0, count);
}
