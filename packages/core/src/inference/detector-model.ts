/** The graphs of a detector: the whole one that is its file, and the last part alone, for residuals that an index has computed. */
import { cast, Graph, gather, reshape, type Tensor } from '@adclick/ortgrad';
import type { Backbone } from '../features/backbones.ts';
import { describeOn } from '../features/extractor.ts';
import { TOKEN_STRIDE } from '../features/grid.ts';
import { foregroundOn, lineOn, unionOn } from '../residual/foreground.ts';
import { codesOn, distancesOn, histogramsOn, nearestOn, stacked } from '../residual/global-similarity.ts';
import { matchOn } from '../residual/match.ts';
import type { Reference } from '../residual/reference.ts';
import { anomalyMapOn, type MapOptions } from './anomaly-map.ts';

/** What a detector's graph is made of. */
export interface DetectorParts {
  readonly reference: Reference;
  readonly backbone: Backbone;
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly map: MapOptions;
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

  const { data, shape } = stacked(reference.histograms);
  const query = histogramsOn(low, codesOn(graph, reference.codebook)); // (1, 64, codes)
  const nearest = nearestOn(distancesOn(query, graph.constant(data, shape)), count); // (K) int64
  const all = new Uint16Array(total * cells * dims);
  for (const [i, bits] of reference.tokens.entries()) all.set(bits, i * cells * dims);
  const bank = graph.constant(all, [total, cells, dims], 'float16');
  const near = gather(bank, nearest, 0); // (K, h * w, D) float16
  const match = { height: h, width: w, dims, matched: map.matched, neighbours: count, radius };
  const { delta } = matchOn(graph, tokens, near, match); // (h * w, D)

  const productOn = ({ model, maps }: NonNullable<Reference['foreground']>) => {
    const known = new Float32Array(total * cells);
    for (const [i, each] of maps.entries()) known.set(each, i * cells);
    const others = gather(graph.constant(known, [total, cells]), nearest, 0); // (K, h * w)
    return unionOn(foregroundOn(tokens, lineOn(graph, model)), others); // (h * w)
  };
  const weighs = map.settings.foreground > 0 && reference.foreground;
  const foreground = weighs ? reshape(productOn(weighs), [h, w]) : undefined;
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
