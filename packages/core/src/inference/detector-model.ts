/** The graphs of a detector: the whole one that is its file, and the last part alone, for residuals that an index has computed. */
import { cast, Graph, reshape, type Tensor, type Value } from '@adclick/ortgrad';
import type { Backbone } from '../features/backbones.ts';
import { describeOn } from '../features/extractor.ts';
import { TOKEN_STRIDE } from '../features/grid.ts';
import type { ForegroundModel } from '../residual/foreground.ts';
import { matchOn } from '../residual/match.ts';
import type { Reference } from '../residual/reference.ts';
import { rankOn } from '../residual/retrieval-graph.ts';
import { anomalyMapOn, type MapOptions } from './anomaly-map.ts';

/** What a detector's graph is made of. */
export interface DetectorParts {
  readonly reference: Reference;
  readonly backbone: Backbone;
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly map: MapOptions;
}

/** How much each token of the query belongs to the product: the largest of its own map and its neighbours', (h, w). */
function foregroundOn(
  graph: Graph,
  tokens: Value,
  neighbours: Value,
  { model, maps }: { readonly model: ForegroundModel; readonly maps: readonly Float32Array[] },
  [h, w]: readonly [number, number],
): Value {
  const node = (op: string, inputs: Value[], shape: number[], attributes = {}) =>
    graph.node(op, inputs, [{ shape }], attributes)[0];
  const cells = h * w;
  const { weights, offset, low, high } = model;
  const front = node(
    'Slice',
    [tokens, graph.int64([0]), graph.int64([weights.length]), graph.int64([1])],
    [cells, weights.length],
  );
  const span = high - low;
  const line = graph.constant(
    Float32Array.from(weights, (weight) => weight / span),
    [weights.length, 1],
  );
  const value = node(
    'Add',
    [node('MatMul', [front, line], [cells, 1]), graph.scalar((offset - low) / span)],
    [cells, 1],
  );
  const own = node('Clip', [reshape(value, [1, cells]), graph.scalar(0), graph.scalar(1)], [1, cells]);
  const all = new Float32Array(maps.length * cells);
  for (const [i, map] of maps.entries()) all.set(map, i * cells);
  const count = neighbours.shape[0];
  const near = node('Gather', [graph.constant(all, [maps.length, cells]), neighbours], [count, cells], { axis: 0 });
  const most = node('ReduceMax', [near, graph.int64([0])], [1, cells], { keepdims: 1 });
  return reshape(node('Max', [own, most], [1, cells]), [h, w]);
}

/**
 * The detector as one ONNX model: `image` uint8 (1, H, W, 3) -> `map` float32 (H, W) and `score` float32 (1), both in [0,1]. It
 * holds the frozen backbone, the descriptors of the good pictures in float16, the search for the nearest of them, the match,
 * the calibration, and the trained network where there is one.
 * @param metadata written to the file.
 */
export function detectorModel(
  { reference, backbone, weights, map }: DetectorParts,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const { grid, radius, neighbours } = reference.settings;
  const [h, w] = [grid.height / TOKEN_STRIDE, grid.width / TOKEN_STRIDE];
  const cells = h * w;
  const dims = reference.calibration.length;
  const total = reference.tokens.length;
  const count = Math.min(neighbours, total);
  const graph = new Graph('adclick-detector');
  const image = graph.input('image', [1, grid.height, grid.width, 3], 'uint8');
  const { tokens, low } = describeOn(graph, backbone, weights, image);

  const nearest = rankOn(graph, low, reference, count); // (K)
  const all = new Uint16Array(total * cells * dims);
  for (const [i, bits] of reference.tokens.entries()) all.set(bits, i * cells * dims);
  const bank = graph.constant(all, [total, cells, dims], 'float16');
  const shape = [{ shape: [count, cells, dims], dtype: 'float16' as const }];
  const near = graph.node('Gather', [bank, nearest], shape, { axis: 0 })[0]; // (K, h * w, D)
  const match = { height: h, width: w, dims, matched: map.matched, neighbours: count, radius };
  const { delta } = matchOn(graph, tokens, near, match);

  const weighs = map.settings.foreground > 0 && reference.foreground;
  const foreground = weighs ? foregroundOn(graph, tokens, nearest, weighs, [h, w]) : undefined;
  const result = anomalyMapOn(graph, { image, tokens, delta, foreground }, map);
  graph.output('map', cast(result.map, 'float32'));
  graph.output('score', result.score);
  return graph.toModel(metadata);
}

/**
 * The last part of a detector: `image` uint8 (1, H, W, 3), `tokens` and `delta` (h * w, D), `foreground` (h, w) where it weighs
 * -> `map` (H, W) and `score` (1).
 */
export function scoringModel(reference: Reference, map: MapOptions): Uint8Array {
  const { grid } = reference.settings;
  const [h, w] = [grid.height / TOKEN_STRIDE, grid.width / TOKEN_STRIDE];
  const dims = reference.calibration.length;
  const graph = new Graph('adclick-scoring');
  const image = graph.input('image', [1, grid.height, grid.width, 3], 'uint8');
  const tokens = graph.input('tokens', [h * w, dims]);
  const delta = graph.input('delta', [h * w, dims]);
  const weighs = map.settings.foreground > 0 && reference.foreground;
  const foreground = weighs ? graph.input('foreground', [h, w]) : undefined;
  const result = anomalyMapOn(graph, { image, tokens, delta, foreground }, map);
  graph.output('map', result.map);
  graph.output('score', result.score);
  return graph.toModel();
}
