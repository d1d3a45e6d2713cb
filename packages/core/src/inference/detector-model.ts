/** The graphs of a detector: the whole one that is its file, and the last part alone, for residuals that an index has computed. */
import { cast, Graph, gather, reshape, scale, type Tensor, type Value } from '@adclick/ortgrad';
import type { Backbone } from '../features/backbones.ts';
import { describeOn } from '../features/extractor.ts';
import { TOKEN_STRIDE } from '../features/grid.ts';
import { bankOn } from '../residual/coded-bank.ts';
import { codedMatchOn } from '../residual/coded-match.ts';
import { foregroundOn, lineOn, unionOn } from '../residual/foreground.ts';
import { codesOn, distancesOn, histogramsOn, nearestOn, stacked } from '../residual/global-similarity.ts';
import type { Reference } from '../residual/reference.ts';
import { anomalyMapOn, type MapOptions, type MapValues } from './anomaly-map.ts';

/** The last part of a detector's graph: everything behind the descriptors and the search for the nearest good pictures. */
export interface ScoringParts {
  readonly reference: Reference;
  readonly map: MapOptions;
}

/** What a detector's graph is made of. */
export interface DetectorParts extends ScoringParts {
  readonly backbone: Backbone;
  readonly weights: ReadonlyMap<string, Tensor>;
}

/** Good pictures that each picture is compared with. */
export const comparedWith = ({ settings, names }: Reference): number => Math.min(settings.neighbours, names.length);

/** A described picture. */
interface Described {
  /** uint8 (1, H, W, 3). */
  readonly image: Value;
  /** (h * w, D). */
  readonly tokens: Value;
  /** Numbers of the good pictures that it is compared with, int64 (K). */
  readonly nearest: Value;
}

function scoreOn(graph: Graph, { image, tokens, nearest }: Described, { reference, map }: ScoringParts): MapValues {
  const { grid, radius } = reference.settings;
  const [height, width] = [grid.height / TOKEN_STRIDE, grid.width / TOKEN_STRIDE];
  const cells = height * width;
  const total = reference.names.length;
  // The fine channels serve a network alone.
  const parts = map.network ? reference.bank.parts : reference.bank.parts.slice(0, 1);
  const { bytes, halves } = bankOn(graph, reference.bank, parts.length);
  const near = { bytes: gather(bytes, nearest, 0), halves: gather(halves, nearest, 0) }; // (K, h * w, bytes), (K, h * w)
  const delta = codedMatchOn(tokens, near, parts, { height, width, radius }); // (h * w, D), or m of them

  const productOn = ({ model, maps }: NonNullable<Reference['foreground']>) => {
    // A byte tells the share of a product finely enough to weigh by it.
    const known = new Uint8Array(total * cells);
    for (const [i, each] of maps.entries())
      known.set(
        each.map((share) => Math.round(255 * share)),
        i * cells,
      );
    const bytes = gather(graph.constant(known, [total, cells]), nearest, 0); // (K, h * w)
    const others = scale(cast(bytes, 'float32'), 1 / 255); // (K, h * w)
    return unionOn(foregroundOn(tokens, lineOn(graph, model)), others); // (h * w)
  };
  const weighs = map.settings.foreground > 0 && reference.foreground;
  const foreground = weighs ? reshape(productOn(weighs), [height, width]) : undefined;
  return anomalyMapOn(graph, { image, tokens, delta, foreground }, map);
}

/**
 * The detector as one ONNX model: `image` uint8 (1, H, W, 3) -> `map` float32 (H, W) and `score` float32 (1), both in [0,1]. It
 * holds the frozen backbone, the descriptors of the good pictures in codes, the search for the nearest of them, the match,
 * the calibration, and the trained network where there is one.
 * @param metadata written to the file.
 */
export function detectorModel(
  { backbone, weights, ...parts }: DetectorParts,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const { reference } = parts;
  const { grid } = reference.settings;
  const graph = new Graph('adclick-detector');
  const image = graph.input('image', [1, grid.height, grid.width, 3], 'uint8');
  // Nothing reads the fine channels without a network.
  const { tokens, low } = describeOn(graph, backbone, weights, image, parts.map.network !== undefined);
  const { data, shape } = stacked(reference.histograms);
  const query = histogramsOn(low, codesOn(graph, reference.codebook)); // (1, 64, codes)
  const nearest = nearestOn(distancesOn(query, graph.constant(data, shape)), comparedWith(reference)); // (K) int64
  const result = scoreOn(graph, { image, tokens, nearest }, parts);
  graph.output('map', cast(result.map, 'float32'));
  graph.output('score', result.score);
  return graph.toModel(metadata);
}

/**
 * The last part of a detector, for pictures that an index has described: `image` uint8 (1, H, W, 3), `tokens` (h * w, D) and `nearest`
 * int64 (K) -> `map` (H, W) and `score` (1).
 */
export function scoringModel(parts: ScoringParts): Uint8Array {
  const { settings, calibration } = parts.reference;
  const { grid } = settings;
  const [h, w] = [grid.height / TOKEN_STRIDE, grid.width / TOKEN_STRIDE];
  const graph = new Graph('adclick-scoring');
  const image = graph.input('image', [1, grid.height, grid.width, 3], 'uint8');
  const tokens = graph.input('tokens', [h * w, calibration.length]);
  const nearest = graph.input('nearest', [comparedWith(parts.reference)], 'int64');
  const result = scoreOn(graph, { image, tokens, nearest }, parts);
  graph.output('map', cast(result.map, 'float32'));
  graph.output('score', result.score);
  return graph.toModel();
}
