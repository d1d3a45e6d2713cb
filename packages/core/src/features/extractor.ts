/** Patch descriptors of a picture (Eq. 2): one vector a token, put together from several depths of a frozen network. */
import { createHash } from 'node:crypto';
import {
  addScalar,
  averagePool,
  cast,
  concat,
  div,
  FrozenParameters,
  Graph,
  keptPromise,
  l2Norm,
  type Runtime,
  readSafetensors,
  reshape,
  resizeBilinear,
  scale,
  spaceToDepth,
  type Tensor,
  tensor,
  transpose,
  type Value,
} from '@adclick/ortgrad';
import type { RgbImage } from '../image/types.ts';
import { modelPath } from '../models.ts';
import {
  BACKBONES,
  type Backbone,
  type BackboneName,
  DEFAULT_BACKBONE,
  matchedDims,
  type Tap,
  tokenDims,
} from './backbones.ts';
import { GRID_STEP, TOKEN_STRIDE } from './grid.ts';
import { SessionCache } from './sessions.ts';

/** Descriptors of one picture on its token grid. */
export interface Descriptors {
  /** (height * width, dims), row-major: the taps, each with length 1, then the fine part, the stride-4 tap's four cells, each with length 1/2. */
  readonly tokens: Float32Array;
  /** The stride-4 tap as it left the network, (channels, 2 * height, 2 * width). */
  readonly low: Float32Array;
  /** Tokens along each axis: an eighth of the picture's pixels. */
  readonly height: number;
  readonly width: number;
  /** Channels of a token. */
  readonly dims: number;
}

/** {@link Descriptors} in float16 bits, as reference banks keep them. */
export interface PackedDescriptors {
  readonly tokens: Uint16Array;
  readonly low: Uint16Array;
  readonly height: number;
  readonly width: number;
}

/** Lengths below this count as zero: such a part stays zero. */
const TINY = 1e-12;

/** Every row divided by its length: (rows, C) -> (rows, C). */
export const unitRows = (rows: Value): Value => div(rows, addScalar(l2Norm(rows, 1), TINY));

/** Brings one tap to the token grid and divides each cell's vector by its length: (1, C, H, W) -> (h * w, C). */
function tokensOf(map: Value, { stride, channels }: Tap, size: readonly [number, number], normalised: boolean): Value {
  const [h, w] = size;
  const step = TOKEN_STRIDE / stride;
  const onGrid = step > 1 ? averagePool(map, step, step) : step < 1 ? resizeBilinear(map, size) : map; // (1, C, h, w)
  const rows = reshape(transpose(onGrid, [0, 2, 3, 1]), [h * w, channels]); // (h * w, C)
  return normalised ? unitRows(rows) : rows;
}

/**
 * The stride-4 tap's four cells in a token, side by side, each divided by its length and halved: (1, C, 2h, 2w) -> (h * w, 4C).
 * They let a residual say where in a token it lies; the match ignores them (ours).
 */
function fineTokens(map: Value, [h, w]: readonly [number, number]): Value {
  const channels = map.shape[1];
  const cells = reshape(transpose(map, [0, 2, 3, 1]), [4 * h * w, channels]); // (2h * 2w, C)
  const halved = reshape(scale(unitRows(cells), 0.5), [1, 2 * h, 2 * w, channels]); // (1, 2h, 2w, C)
  return reshape(spaceToDepth(halved, 2), [h * w, 4 * channels]); // (h * w, 4C)
}

/** Descriptors as values of a graph: `tokens` (h * w, D) and `low`, the stride-4 tap (C, 2h, 2w). */
export interface DescriptorValues {
  readonly tokens: Value;
  readonly low: Value;
}

/**
 * From pixels to descriptors on a graph: T = Φ(I), one vector f a token, Eq. 2 of the paper.
 * @equation 2
 * @param image uint8 (1, H, W, 3), sides multiples of 64. @param fine whether tokens have the fine part.
 */
export function describeOn(
  graph: Graph,
  backbone: Backbone,
  weights: ReadonlyMap<string, Tensor>,
  image: Value,
  fine = true,
): DescriptorValues {
  const [, height, width] = image.shape as [number, number, number, number];
  const values = cast(transpose(image, [0, 3, 1, 2]), 'float32'); // (1, 3, H, W)
  const scaled = scale(addScalar(values, -backbone.scaling.mean), backbone.scaling.scale); // (1, 3, H, W)
  const maps = backbone.build(new FrozenParameters(graph, weights), scaled); // a tap each, (1, C, H/stride, W/stride)
  const size = [height / TOKEN_STRIDE, width / TOKEN_STRIDE] as const;
  const parts = backbone.taps.map((tap, i) => tokensOf(maps[i], tap, size, backbone.normalised)); // (h * w, C) each
  const tokens = concat([...parts, ...(fine ? [fineTokens(maps[0], size)] : [])], 1); // (h * w, D)
  return { tokens, low: reshape(maps[0], maps[0].shape.slice(1)) };
}

/**
 * The ONNX model from pixels to descriptors: `image` uint8 (1, H, W, 3) -> `tokens` (h * w, D), `low` (C, 2h, 2w), and both
 * again in float16 as `packedTokens` and `packedLow`.
 * @param width pixels, a multiple of 64, as is `height`.
 */
export function descriptorModel(
  backbone: Backbone,
  weights: ReadonlyMap<string, Tensor>,
  width: number,
  height: number,
): Uint8Array {
  const graph = new Graph(backbone.name);
  const image = graph.input('image', [1, height, width, 3], 'uint8');
  const { tokens, low } = describeOn(graph, backbone, weights, image);
  graph.output('tokens', tokens);
  graph.output('low', low);
  graph.output('packedTokens', cast(tokens, 'float16'));
  graph.output('packedLow', cast(low, 'float16'));
  return graph.toModel({ backbone: backbone.name });
}

/** Makes descriptors with one backbone; one compiled model a grid size. */
export class FeatureExtractor {
  private readonly sessions = new SessionCache();

  private constructor(
    private readonly runtime: Runtime,
    readonly backbone: Backbone,
    /** The frozen network's weights by name. */
    readonly weights: ReadonlyMap<string, Tensor>,
    /** SHA-256 of the weights' numbers: descriptors made with other weights do not compare. */
    readonly fingerprint: string,
  ) {}

  /** Extractors by runtime, so that every index of a process shares one set of compiled models. */
  private static readonly shared = new WeakMap<Runtime, Map<string, Promise<FeatureExtractor>>>();

  /**
   * The extractor of a backbone in a runtime; asking again gives the same one.
   * @param options.weightsPath a file other than the one that ships.
   * @throws ADC_WEIGHTS_DAMAGED when the weights are missing or not what was written.
   */
  static load(options: {
    readonly runtime: Runtime;
    readonly backbone?: BackboneName;
    readonly weightsPath?: string;
  }): Promise<FeatureExtractor> {
    const { runtime, backbone = DEFAULT_BACKBONE, weightsPath } = options;
    const known = FeatureExtractor.shared.get(runtime) ?? new Map<string, Promise<FeatureExtractor>>();
    FeatureExtractor.shared.set(runtime, known);
    return keptPromise(known, `${backbone} ${weightsPath ?? ''}`, () =>
      FeatureExtractor.read(runtime, BACKBONES[backbone], weightsPath),
    );
  }

  private static async read(runtime: Runtime, backbone: Backbone, weightsPath?: string): Promise<FeatureExtractor> {
    const { tensors } = await readSafetensors(weightsPath ?? modelPath(backbone.file));
    const hash = createHash('sha256');
    for (const [name, { data }] of tensors)
      hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return new FeatureExtractor(runtime, backbone, tensors, hash.digest('hex'));
  }

  /** Channels at a token's front that decide which reference token is nearest. */
  get matched(): number {
    return matchedDims(this.backbone);
  }

  /** Channels of a token. */
  get dims(): number {
    return tokenDims(this.backbone);
  }

  /** Descriptors of a picture whose sides are multiples of 64. */
  async describe(image: RgbImage): Promise<Descriptors> {
    const { tokens, low } = await this.run(image, ['tokens', 'low']);
    return {
      tokens: tokens as Float32Array,
      low: low as Float32Array,
      ...this.gridOf(image),
      dims: this.dims,
    };
  }

  /** The same in float16, for reference banks. */
  async describePacked(image: RgbImage): Promise<PackedDescriptors> {
    const { packedTokens, packedLow } = await this.run(image, ['packedTokens', 'packedLow']);
    return { tokens: packedTokens as Uint16Array, low: packedLow as Uint16Array, ...this.gridOf(image) };
  }

  private gridOf({ width, height }: RgbImage) {
    return { height: height / TOKEN_STRIDE, width: width / TOKEN_STRIDE };
  }

  private async run(image: RgbImage, fetch: readonly string[]): Promise<Record<string, Tensor['data']>> {
    const { width, height, data } = image;
    if (width % GRID_STEP !== 0 || height % GRID_STEP !== 0)
      throw new RangeError(`describe: ${width} x ${height} must be multiples of ${GRID_STEP}`);
    // As all that runs in turn on a picture: threads that wait for the next run would keep the cores from the session that is next.
    const load = () => this.runtime.load(descriptorModel(this.backbone, this.weights, width, height), { yields: true });
    const results = await this.sessions.use(`${width}x${height}`, load, (session) =>
      session.run({ image: tensor(data, [1, height, width, 3]) }, { fetch }),
    );
    return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, value.data]));
  }
}
