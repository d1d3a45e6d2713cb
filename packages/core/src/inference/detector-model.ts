/** The graphs of a detector: the one that is its file, and one for pictures whose neighbours an index has chosen. */
import { cast, Graph, gather, reshape, scale, slice, type Tensor, type Value } from '@adclick/ortgrad';
import type { Backbone } from '../features/backbones.ts';
import { type Band, bandsOf, widened, within } from '../features/bands.ts';
import { lowOn, mapsOn, tokensOn } from '../features/extractor.ts';
import { TOKEN_STRIDE } from '../features/grid.ts';
import { bankOn } from '../residual/coded-bank.ts';
import { codedMatchOn } from '../residual/coded-match.ts';
import { foregroundOn, lineOn, unionOn } from '../residual/foreground.ts';
import { codesOn, distancesOn, histogramsOn, nearestOn, stacked } from '../residual/global-similarity.ts';
import type { Reference } from '../residual/reference.ts';
import { anomalyMapOn, type MapOptions, type MapValues } from './anomaly-map.ts';

/** What a detector's graph is made of. */
export interface DetectorParts {
  readonly reference: Reference;
  readonly backbone: Backbone;
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly map: MapOptions;
  /** Share of the usual size of the bands that a picture is worked off in; default 1. */
  readonly share?: number;
}

/** Good pictures that each picture is compared with. */
export const comparedWith = ({ settings, names }: Reference): number => Math.min(settings.neighbours, names.length);

/** A picture that is looked at. */
interface Seen {
  /** uint8 (1, H, W, 3). */
  readonly image: Value;
  /** See mapsOn. */
  readonly maps: readonly Value[];
  /** Numbers of the good pictures that it is compared with, int64 (K). */
  readonly nearest: Value;
}

/** Scores of candidates that a match has in memory for each good picture, at most; bands are the lower, the farther it reaches. */
const SCORES = 2 ** 21;
/** Cells of a tile and around it whose tokens each of its queries asks. */
const candidatesOf = (radius: number) => (TOKEN_STRIDE + 2 * Math.floor(radius)) ** 2;

/** Everything behind descriptors and the search for the nearest good pictures, band after band. */
function scoreOn(graph: Graph, { image, maps, nearest }: Seen, parts: DetectorParts): MapValues {
  const { reference, backbone, map, share = 1 } = parts;
  const { grid, radius } = reference.settings;
  const size = { height: grid.height / TOKEN_STRIDE, width: grid.width / TOKEN_STRIDE };
  const { height, width } = size;
  // The fine channels serve a network alone.
  const coded = map.network ? reference.bank.parts : reference.bank.parts.slice(0, 1);
  const rowsOf = bankOn(graph, reference.bank, coded.length, height);
  const weighs = map.settings.foreground > 0 ? reference.foreground : undefined;
  const productIn = weighs && productOn(graph, weighs, size);
  const bands = bandsOf(size, (share * SCORES) / candidatesOf(radius)).map((band) => {
    const seen = widened(band, Math.floor(radius), height);
    const tokens = tokensOn(maps, backbone, size, band, map.network !== undefined); // (rows * w, D)
    const shape = { height: seen.to - seen.from, width, radius, asked: within(band, seen) };
    const delta = codedMatchOn(tokens, rowsOf(nearest, seen), coded, shape); // (rows * w, D), or m of them
    return { tokens, delta, ...(productIn && { foreground: productIn(tokens, nearest, band) }) };
  });
  return anomalyMapOn(graph, { image, bands }, map);
}

/** Where the product lies in some rows, in the picture or in those it is compared with; (rows, w). */
function productOn(
  graph: Graph,
  { model, maps }: NonNullable<Reference['foreground']>,
  { height, width }: { readonly height: number; readonly width: number },
) {
  // A byte tells the share of a product finely enough to weigh by it.
  const known = new Uint8Array(maps.length * height * width);
  for (const [i, each] of maps.entries())
    known.set(
      each.map((share) => Math.round(255 * share)),
      i * height * width,
    );
  const all = graph.constant(known, [maps.length, height, width]);
  const line = lineOn(graph, model);
  return (tokens: Value, nearest: Value, { from, to }: Band): Value => {
    const rows = to - from;
    const others = scale(cast(slice(gather(all, nearest, 0), 1, from, to), 'float32'), 1 / 255); // (K, rows, w)
    const near = reshape(others, [nearest.shape[0], rows * width]); // (K, rows * w)
    return reshape(unionOn(foregroundOn(tokens, line), near), [rows, width]);
  };
}

/**
 * The detector as one ONNX model: `image` uint8 (1, H, W, 3) -> `map` float32 (H, W) and `score` float32 (1), both in [0,1]. It
 * holds the frozen backbone, the descriptors of the good pictures in codes, the search for the nearest of them, the match,
 * the calibration, and the trained network where there is one. A large picture is worked off in bands, one after another.
 * @param metadata written to the file.
 */
export function detectorModel(parts: DetectorParts, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const { reference } = parts;
  return modelOf('adclick-detector', parts, metadata, (graph, maps) => {
    const { data, shape } = stacked(reference.histograms);
    const query = histogramsOn(lowOn(maps), codesOn(graph, reference.codebook)); // (1, 64, codes)
    return nearestOn(distancesOn(query, graph.constant(data, shape)), comparedWith(reference)); // (K) int64
  });
}

/** The same for pictures whose neighbours are known: `image` uint8 (1, H, W, 3) and `nearest` int64 (K) -> `map` (H, W) and `score` (1). */
export function scoringModel(parts: DetectorParts): Uint8Array {
  return modelOf('adclick-scoring', parts, {}, (graph) =>
    graph.input('nearest', [comparedWith(parts.reference)], 'int64'),
  );
}

/** @param nearest gives the numbers of the good pictures that a picture is compared with. */
function modelOf(
  name: string,
  parts: DetectorParts,
  metadata: Readonly<Record<string, string>>,
  nearest: (graph: Graph, maps: readonly Value[]) => Value,
): Uint8Array {
  const { grid } = parts.reference.settings;
  const graph = new Graph(name);
  const image = graph.input('image', [1, grid.height, grid.width, 3], 'uint8');
  const maps = mapsOn(graph, parts.backbone, parts.weights, image, { share: parts.share });
  const result = scoreOn(graph, { image, maps, nearest: nearest(graph, maps) }, parts);
  graph.output('map', cast(result.map, 'float32'));
  graph.output('score', result.score);
  return graph.toModel(metadata);
}
