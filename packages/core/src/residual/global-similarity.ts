/**
 * Global similarity without learning (CPR's retrieval branch): which good pictures resemble this one, its defects aside.
 *
 * There is one form, on a graph. By itself it takes a third of the time of loops over the same numbers (2.4 ms against 6.5 for a map of
 * 128 × 128 cells and 40 good pictures, best of 60 in turn, on two cores), and it gave the same histograms and order on 88 pictures of 5
 * products.
 */
import {
  add,
  addScalar,
  argMax,
  cast,
  Graph,
  log,
  matmul,
  mul,
  oneHot,
  type Runtime,
  reduceMean,
  reduceSum,
  reshape,
  sub,
  tensor,
  topK,
  type Value,
} from '@adclick/ortgrad';
import { runGraph } from './compiled.ts';
import type { Codebook } from './k-means.ts';

/** Blocks along each axis (S). */
const SIDE = 8;
const BLOCKS = SIDE * SIDE;

/** Share of the blocks that counts, the most alike; the others may hold a defect. */
const KEPT_SHARE = 0.8;

/** Keeps logarithms finite. */
const TINY = 1e-8;

/** A codebook as values of a graph. */
export interface Codes {
  /** (codes, C). */
  readonly centres: Value;
  /** -|centre|² / 2, (codes, 1). */
  readonly halves: Value;
}

/** What is given of a codebook, with its halves. */
function tablesOf({ centres, channels }: Codebook) {
  const codes = centres.length / channels;
  const halves = Float32Array.from({ length: codes }, (_, k) => {
    const centre = centres.subarray(k * channels, (k + 1) * channels);
    return -centre.reduce((sum, value) => sum + value * value, 0) / 2;
  });
  return { centres: tensor(centres, [codes, channels]), halves: tensor(halves, [codes, 1]) };
}

/** A codebook as constants. */
export function codesOn(graph: Graph, codebook: Codebook): Codes {
  const { centres, halves } = tablesOf(codebook);
  return {
    centres: graph.constant(centres.data, centres.shape),
    halves: graph.constant(halves.data, halves.shape),
  };
}

/** Share of each code in each of 8 × 8 blocks of a stride-4 map: low (C, H, W), sides divisible by 8 -> (1, 64, codes), rows summing to 1. */
export function histogramsOn(low: Value, { centres, halves }: Codes): Value {
  const [channels, height, width] = low.shape;
  const codes = centres.shape[0];
  const products = matmul(centres, reshape(low, [channels, height * width])); // (codes, H * W)
  const code = argMax(add(products, halves), 0); // (H * W), the nearest centre of each cell
  const marks = oneHot(code, codes); // (H * W, codes)
  const cells = reshape(marks, [SIDE, height / SIDE, SIDE, width / SIDE, codes]);
  return reshape(reduceMean(cells, [1, 3]), [1, BLOCKS, codes]);
}

/**
 * D(query, reference): the Kullback-Leibler divergence of the query's histogram from the reference's in each block, the worst fifth
 * dropped, summed. 0 for the same histograms.
 * @param query (Q, 64, codes). @param reference (R, 64, codes); Q and R are equal, or one of them is 1.
 * @returns (Q or R, whichever is larger).
 */
export function distancesOn(query: Value, reference: Value): Value {
  const logarithm = (x: Value) => log(addScalar(x, TINY));
  const parts = mul(sub(logarithm(query), logarithm(reference)), query); // (N, 64, codes)
  const divergences = reduceSum(parts, [2]); // (N, 64)
  const most = topK(divergences, Math.floor(KEPT_SHARE * BLOCKS), 1, { largest: false }).values; // (N, 51)
  return reduceSum(most, [1]); // (N)
}

/** Numbers of the nearest references, nearest first, equally near ones in their own order: distances (N) -> int64 (count). */
export const nearestOn = (distances: Value, count: number): Value =>
  topK(distances, count, 0, { largest: false }).indices;

/** Histograms of several pictures, (N, 64, codes). */
export function stacked(histograms: readonly Float32Array[]) {
  const size = histograms[0].length;
  const all = new Float32Array(histograms.length * size);
  for (const [i, histogram] of histograms.entries()) all.set(histogram, i * size);
  return tensor(all, [histograms.length, BLOCKS, size / BLOCKS]);
}

/** {@link histogramsOn} by itself, for a map (C, height, width) in float32 or float16 bits. @returns (64, codes). */
export async function blockHistograms(
  runtime: Runtime,
  low: Float32Array | Uint16Array,
  { height, width }: { readonly height: number; readonly width: number },
  codebook: Codebook,
): Promise<Float32Array> {
  const { centres, halves } = tablesOf(codebook);
  const map = tensor(low, [codebook.channels, height, width]);
  const build = () => {
    const graph = new Graph('block-histograms');
    const codes = { centres: graph.input('centres', centres.shape), halves: graph.input('halves', halves.shape) };
    graph.output('histograms', histogramsOn(cast(graph.input('low', map.shape, map.dtype), 'float32'), codes));
    return graph;
  };
  const key = `histograms ${map.dtype} ${map.shape} ${centres.shape}`;
  const { histograms } = await runGraph(runtime, key, build, { low: map, centres, halves });
  return histograms.data as Float32Array;
}

/** {@link distancesOn} by itself: from each query to the only reference, or from the only query to each reference. */
export async function distances(
  runtime: Runtime,
  queries: readonly Float32Array[],
  references: readonly Float32Array[],
): Promise<Float32Array> {
  const [query, reference] = [stacked(queries), stacked(references)];
  const build = () => {
    const graph = new Graph('global-distances');
    graph.output(
      'distances',
      distancesOn(graph.input('query', query.shape), graph.input('reference', reference.shape)),
    );
    return graph;
  };
  const result = await runGraph(runtime, `distances ${query.shape} ${reference.shape}`, build, { query, reference });
  return result.distances.data as Float32Array;
}
