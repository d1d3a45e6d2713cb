/** The global similarity of retrieval.ts as part of a graph, for files that find their neighbours themselves. */
import { type Graph, reshape, type Value } from '@adclick/ortgrad';
import { BLOCKS, type Codebook, KEPT_SHARE, TINY } from './retrieval.ts';

/** What is known of the references beforehand. */
export interface References {
  readonly codebook: Codebook;
  /** Block histograms, one a reference; see blockHistograms. */
  readonly histograms: readonly Float32Array[];
}

/** Share of each code in each block of a stride-4 map `low` (C, H, W), sides divisible by 8: (64, codes). */
function histogramsOn(graph: Graph, low: Value, { centres, channels }: Codebook): Value {
  const [, height, width] = low.shape as [number, number, number];
  const codes = centres.length / channels;
  const cells = height * width;
  const halves = Float32Array.from({ length: codes }, (_, k) => {
    const centre = centres.subarray(k * channels, (k + 1) * channels);
    return -centre.reduce((sum, value) => sum + value * value, 0) / 2;
  });
  const node = (op: string, inputs: Value[], shape: number[], attributes = {}, dtype: Value['dtype'] = 'float32') =>
    graph.node(op, inputs, [{ shape, dtype }], attributes)[0];
  const products = node(
    'MatMul',
    [graph.constant(centres, [codes, channels]), reshape(low, [channels, cells])],
    [codes, cells],
  );
  const scores = node('Add', [products, graph.constant(halves, [codes, 1])], [codes, cells]);
  const code = node('ArgMax', [scores], [cells], { axis: 0, keepdims: 0 }, 'int64');
  const onOff = graph.constant(Float32Array.of(0, 1), [2]);
  const marks = node('OneHot', [code, graph.int64([codes]), onOff], [cells, codes], { axis: -1 });
  const blocks = reshape(marks, [BLOCKS, height / BLOCKS, BLOCKS, width / BLOCKS, codes]);
  const shares = node('ReduceMean', [blocks, graph.int64([1, 3])], [BLOCKS, BLOCKS, codes], { keepdims: 0 });
  return reshape(shares, [BLOCKS * BLOCKS, codes]);
}

/**
 * Numbers of the nearest references, nearest first, equally near ones in their own order: int64 (count).
 * @param low the stride-4 map of the query (C, 2h, 2w), 2h and 2w divisible by 8.
 */
export function rankOn(graph: Graph, low: Value, { codebook, histograms }: References, count: number): Value {
  const node = (op: string, inputs: Value[], shape: number[], attributes = {}, dtype: Value['dtype'] = 'float32') =>
    graph.node(op, inputs, [{ shape, dtype }], attributes)[0];
  const total = histograms.length;
  const codes = codebook.centres.length / codebook.channels;
  const blocks = BLOCKS * BLOCKS;
  const query = histogramsOn(graph, low, codebook); // (64, codes)
  const logarithm = node('Log', [node('Add', [query, graph.scalar(TINY)], [blocks, codes])], [blocks, codes]);
  const known = new Float32Array(total * blocks * codes);
  for (const [i, histogram] of histograms.entries())
    for (const [at, share] of histogram.entries()) known[i * blocks * codes + at] = Math.log(share + TINY);
  const differences = node('Sub', [logarithm, graph.constant(known, [total, blocks, codes])], [total, blocks, codes]);
  const parts = node('Mul', [differences, query], [total, blocks, codes]);
  const divergences = node('ReduceSum', [parts, graph.int64([2])], [total, blocks], { keepdims: 0 });
  const kept = Math.floor(KEPT_SHARE * blocks);
  const smallest = (x: Value, k: number, shape: number[]) =>
    graph.node('TopK', [x, graph.int64([k])], [{ shape }, { shape, dtype: 'int64' }], {
      axis: -1,
      largest: 0,
      sorted: 1,
    });
  const [most] = smallest(divergences, kept, [total, kept]);
  const distances = node('ReduceSum', [most, graph.int64([1])], [total], { keepdims: 0 });
  return smallest(distances, count, [count])[1];
}
