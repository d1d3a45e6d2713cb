/** From a residual to an anomaly map and an image score, on a graph: the same nodes serve the library and the detector file. */
import {
  addScalar,
  averagePool,
  cast,
  concat,
  div,
  FrozenParameters,
  type Graph,
  gather,
  matmul,
  mul,
  type ParameterSource,
  pow,
  reduceMean,
  reshape,
  sigmoid,
  swapLast,
  type Tensor,
  topK,
  type Value,
} from '@adclick/ortgrad';
import { unitRows } from '../features/extractor.ts';
import { TOKEN_STRIDE } from '../features/grid.ts';
import { gaussianBlur } from '../image/blur.ts';
import { resizePlane } from '../image/resize.ts';
import { calibratedOn } from '../residual/calibration.ts';
import { normOn } from '../residual/norm.ts';
import { drawnOn, type SegInputs } from './network-windows.ts';

/**
 * How the score of a picture is read from its map before smoothing: its maximum, the mean of its largest values,
 * or the maximum after a mean over squares of `side` pixels.
 */
export type ImageScore =
  | { readonly rule: 'max' }
  | { readonly rule: 'topk'; readonly pixels: number }
  | { readonly rule: 'pool'; readonly side: number };

/** How a residual becomes a map. One choice for all products: nothing here is tuned on a test set. */
export interface MapSettings {
  /** Standard deviation of the Gaussian that smooths the map, pixels of the model grid; 0 leaves it as it is. */
  readonly sigma: number;
  /** Exponent of the foreground's weight where the index knows one; 0 leaves it out. */
  readonly foreground: number;
  readonly score: ImageScore;
}

/**
 * Chosen on bsdata_ball_screw, wood_256, deeppcb and aws_cookie alone (figures in docs/detector.md). Smoothing by 4 as in the paper's
 * code gains on masks that are drawn loosely and loses on the others; 2 harms none.
 */
export const DEFAULT_MAP: MapSettings = { sigma: 2, foreground: 0.5, score: { rule: 'max' } };

/** Builds a trained network on the graph it is given; returns logits (1, 8h, 8w). */
export type SegBuilder = (p: ParameterSource, inputs: SegInputs) => Value;

/** A trained network with its weights. */
export interface SegNetwork {
  readonly build: SegBuilder;
  /** It sees r = f* - f itself as its residual, not log(1 + r²/c), as the published one does. */
  readonly uncalibrated?: boolean;
  readonly weights: ReadonlyMap<string, Tensor>;
}

/** What some rows of a map are made of; values of one graph. */
export interface MapBand {
  /** (rows * w, D). */
  readonly tokens: Value;
  /** r = f* - f, (rows * w, D); without a network the compared channels suffice, (rows * w, m). */
  readonly delta: Value;
  /** How much each token belongs to the product, (rows, w); needed only where the settings weigh by it. */
  readonly foreground?: Value;
}

/** What a map is made of. */
export interface MapInputs {
  /** uint8 (1, H, W, 3). */
  readonly image: Value;
  /** From top to bottom. */
  readonly bands: readonly MapBand[];
}

/** Everything constant about a map. */
export interface MapOptions {
  readonly settings: MapSettings;
  /** Normal level c of each channel. */
  readonly calibration: Float32Array;
  /** Channels at a token's front that are compared. */
  readonly matched: number;
  /** Without one, the residual itself is the map. */
  readonly network?: SegNetwork;
  /**
   * Values of score and map that become 0.5 where there is no network: x / (x + level) brings them to [0,1] without changing
   * their order.
   */
  readonly level: { readonly score: number; readonly map: number };
}

/** A map and its score as values of a graph. */
export interface MapValues {
  /** In [0,1], (H, W). */
  readonly map: Value;
  /** In [0,1], (1). */
  readonly score: Value;
}

/** Bilinear enlargement of a line and the Gaussian after it are one linear map: (target, source). */
function lineFilter(source: number, target: number, sigma: number): Float32Array {
  const out = new Float32Array(target * source);
  for (let i = 0; i < source; i++) {
    const unit = { data: new Float32Array(source), width: 1, height: source, channels: 1 } as const;
    unit.data[i] = 1;
    const line = gaussianBlur(resizePlane(unit, 1, target).data, 1, target, sigma);
    for (let t = 0; t < target; t++) out[t * source + i] = line[t];
  }
  return out;
}

/** Rows that are smoothed by one product. */
const BLOCK = 64;

/**
 * {@link lineFilter} of each column of a plane (n, columns) that keeps its size: a row depends on few others, so that a product a block of
 * rows does without most of the zeros.
 */
function smoothColumns(graph: Graph, plane: Value, sigma: number): Value {
  const [n, columns] = plane.shape as [number, number];
  const filter = lineFilter(n, n, sigma);
  const blocks = n / BLOCK;
  const reach = filter.reduce((most, weight, at) => {
    return weight === 0 ? most : Math.max(most, Math.abs(Math.floor(at / n) - (at % n)));
  }, 0);
  const seen = Math.min(n, BLOCK + 2 * reach);
  const first = (block: number) => Math.min(Math.max(block * BLOCK - reach, 0), n - seen);
  const rows = Int32Array.from({ length: blocks * seen }, (_, at) => first(Math.floor(at / seen)) + (at % seen));
  const weights = Float32Array.from({ length: n * seen }, (_, at) => {
    const row = Math.floor(at / seen);
    return filter[row * n + first(Math.floor(row / BLOCK)) + (at % seen)];
  });
  const near = gather(plane, graph.constant(rows, [blocks, seen]), 0); // (blocks, seen, columns)
  return reshape(matmul(graph.constant(weights, [blocks, BLOCK, seen]), near), [n, columns]);
}

/** Enlarges a plane (h, w) to `size`, then smooths it: equal to resizePlane and gaussianBlur, as products. */
function enlarge(graph: Graph, plane: Value, [height, width]: readonly [number, number], sigma: number): Value {
  const [h, w] = plane.shape as [number, number];
  if (h === height && w === width) {
    if (sigma === 0) return plane;
    if (h % BLOCK === 0 && w % BLOCK === 0)
      return swapLast(smoothColumns(graph, swapLast(smoothColumns(graph, plane, sigma)), sigma));
  }
  const down = graph.constant(lineFilter(h, height, sigma), [height, h]);
  const across = lineFilter(w, width, sigma);
  const flipped = new Float32Array(across.length);
  for (let x = 0; x < width; x++) for (let i = 0; i < w; i++) flipped[i * width + x] = across[x * w + i];
  const rows = matmul(down, plane); // (height, w)
  return matmul(rows, graph.constant(flipped, [w, width])); // (height, width)
}

/** raw (H, W) -> (1). */
function scoreOn(raw: Value, rule: ImageScore): Value {
  const [height, width] = raw.shape as [number, number];
  const largest = (x: Value, count: number) => {
    return topK(reshape(x, [-1]), count, 0).values; // (count)
  };
  switch (rule.rule) {
    case 'max':
      return largest(raw, 1);
    case 'topk':
      return reshape(reduceMean(largest(raw, Math.min(rule.pixels, height * width))), [1]);
    case 'pool': {
      const side = Math.min(rule.side, height, width);
      return largest(averagePool(reshape(raw, [1, 1, height, width]), side), 1);
    }
  }
}

/** 0 and more to [0,1], `level` to 0.5. */
const squash = (x: Value, level: number): Value => div(x, addScalar(x, level));

/** Puts a map and its score on a graph; score rules read the map before smoothing. */
export function anomalyMapOn(graph: Graph, { image, bands }: MapInputs, options: MapOptions): MapValues {
  const { settings, calibration, matched, network, level } = options;
  const [, height, width] = image.shape as [number, number, number, number];
  const w = width / TOKEN_STRIDE;
  const looks = bands.map(({ tokens, delta }) => {
    const [cells, dims] = delta.shape as [number, number];
    const planes = calibratedOn(delta, calibration.subarray(0, dims)); // (rows * w, D)
    return { tokens, delta, planes, norm: reshape(normOn(planes, matched), [cells / w, w]) };
  });
  const known = bands.flatMap(({ foreground }) => foreground ?? []);
  const weigh = (plane: Value): Value => {
    if (settings.foreground === 0 || known.length === 0) return plane;
    const weight = pow(concat(known, 0), settings.foreground); // (h, w)
    return mul(plane, enlarge(graph, weight, plane.shape as [number, number], 0));
  };
  if (!network) {
    const weighed = weigh(
      concat(
        looks.map(({ norm }) => norm),
        0,
      ),
    ); // (h, w)
    return {
      map: squash(enlarge(graph, weighed, [height, width], settings.sigma), level.map),
      score: squash(scoreOn(enlarge(graph, weighed, [height, width], 0), settings.score), level.score),
    };
  }
  const frozen = new FrozenParameters(graph, network.weights);
  const seen = looks.map(({ tokens, delta, planes, norm }) => {
    const [rows] = norm.shape;
    const cells = [1, rows, w, planes.shape[1]];
    return {
      residual: reshape(network.uncalibrated ? delta : planes, cells),
      tokens: reshape(unitRows(tokens), cells),
      norm: reshape(norm, [1, rows, w]),
    };
  });
  const logits = drawnOn(image, seen, (inputs) => network.build(frozen, inputs)); // (1, H, W)
  const probability = weigh(reshape(cast(sigmoid(logits), 'float32'), [height, width])); // (H, W)
  return {
    map: enlarge(graph, probability, [height, width], settings.sigma),
    score: scoreOn(probability, settings.score),
  };
}
