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
  mul,
  type Runtime,
  readSafetensors,
  reshape,
  resizeBilinear,
  scale,
  slice,
  spaceToDepth,
  sub,
  type Tensor,
  tensor,
  transpose,
  type Value,
} from '@adclick/ortgrad';
import type { RgbImage } from '../image/types.ts';
import { networkPath } from '../models.ts';
import {
  BACKBONES,
  type Backbone,
  type BackboneName,
  DEFAULT_BACKBONE,
  matchedDims,
  type Tap,
  tokenDims,
} from './backbones.ts';
import { type Band, bandsOf, isVast, widened, within } from './bands.ts';
import { GRID_STEP, TOKEN_STRIDE } from './grid.ts';
import { pooledTap, pooledTokens } from './pooled.ts';
import { SessionCache } from './sessions.ts';

/** Descriptors of one picture on its token grid. */
export interface Descriptors {
  /**
   * (height * width, dims), row-major. Of taps side by side: the taps, each with length 1, then the fine part, the stride-4 tap's four cells,
   * each with length 1/2.
   */
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

/** Brings one tap to the token grid and divides each vector of a band by its length: (1, C, H, W) -> (rows * w, C). */
function tokensOf(map: Value, { stride, channels }: Tap, size: readonly [number, number], band: Band): Value {
  const [h, w] = size;
  const step = TOKEN_STRIDE / stride;
  const onGrid = step > 1 ? averagePool(map, step, step) : step < 1 ? resizeBilinear(map, size) : map; // (1, C, h, w)
  const own = rowsOf(onGrid, 2, band, h); // (1, C, rows, w)
  return unitRows(reshape(transpose(own, [0, 2, 3, 1]), [(band.to - band.from) * w, channels])); // (rows * w, C)
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

/** Tokens of a band that each part of a network is built on: about as many bytes of activations for each. */
const BAND = [2 * 64 * 64, 4 * 64 * 64, 8 * 64 * 64];

/** uint8 (1, H, W, 3) -> (1, 3, H, W), as a network takes it. */
function scaledOn(image: Value, { scaling: { mean, scale: factor } }: Backbone): Value {
  const values = cast(transpose(image, [0, 3, 1, 2]), 'float32'); // (1, 3, H, W)
  const colours = (each: readonly number[]) => image.graph.constant(Float32Array.from(each), [each.length, 1, 1]);
  const centred = typeof mean === 'number' ? addScalar(values, -mean) : sub(values, colours(mean)); // (1, 3, H, W)
  return typeof factor === 'number' ? scale(centred, factor) : mul(centred, colours(factor)); // (1, 3, H, W)
}

/**
 * What a network makes of a picture: a map (1, C, H/stride, W/stride) for each tap. A large picture is worked off in bands, each with the
 * rows around it that its maps depend on.
 * @param image uint8 (1, H, W, 3), sides multiples of 64. @param options.count parts of the network that are built; default all.
 * @param options.share of the usual size of a band.
 */
export function mapsOn(
  graph: Graph,
  backbone: Backbone,
  weights: ReadonlyMap<string, Tensor>,
  image: Value,
  { count = backbone.parts.length, share = 1 }: { readonly count?: number; readonly share?: number } = {},
): Value[] {
  const frozen = new FrozenParameters(graph, weights);
  const [, rows, columns] = image.shape as [number, number, number, number];
  const size = { height: rows / TOKEN_STRIDE, width: columns / TOKEN_STRIDE };
  const maps: Value[] = [];
  for (const [i, { build, reach }] of backbone.parts.slice(0, count).entries()) {
    const before = maps.at(-1);
    const bands = bandsOf(size, share * BAND[i]).map((band) => {
      const seen = widened(band, reach, size.height);
      const cut = before
        ? rowsOf(before, 2, seen, size.height)
        : scaledOn(rowsOf(image, 1, seen, size.height), backbone);
      return build(frozen, cut).map((map) => rowsOf(map, 2, within(band, seen), seen.to - seen.from)); // (1, C, rows, columns)
    });
    for (const tap of bands[0].keys()) {
      const all = bands.map((each) => each[tap]);
      maps.push(concat(all, 2));
    }
  }
  return maps;
}

/** Rows of tokens of a value that has some of its own for each along an axis, or one for several. @param height of it all, in tokens. */
function rowsOf(x: Value, axis: number, { from, to }: Band, height: number): Value {
  const scaled = (row: number) => (row * x.shape[axis]) / height;
  return slice(x, axis, scaled(from), scaled(to));
}

/**
 * Tokens of a band, of what {@link mapsOn} gives: one vector f a token, Eq. 2 of the paper.
 * @equation 2
 * @param fine whether the fine channels are wanted, where there are some. @returns (rows * w, D).
 */
export function tokensOn(
  maps: readonly Value[],
  { taps, descriptor }: Backbone,
  { height, width }: { readonly height: number; readonly width: number },
  band: Band,
  fine = true,
): Value {
  /** A tap, cut to what the band's tokens depend on: enlarging sees the next cells, and so does a neighbourhood. */
  const cut = ({ stride }: Tap, i: number) => {
    const cells = (stride > TOKEN_STRIDE ? 1 : 0) + (descriptor.kind === 'pooled' ? 1 : 0);
    const seen = widened(band, Math.ceil((cells * stride) / TOKEN_STRIDE), height);
    const size = [seen.to - seen.from, width] as const;
    return { map: rowsOf(maps[i], 2, seen, height), size, own: within(band, seen) };
  };
  if (descriptor.kind === 'pooled') {
    const { dims } = descriptor;
    const pooled = taps.map((tap, i) => {
      const { map, size, own } = cut(tap, i);
      return rowsOf(pooledTap(map, dims, size), 2, own, size[0]); // (1, D, rows, w)
    });
    return pooledTokens(pooled); // (rows * w, D)
  }
  const parts = taps.map((tap, i) => {
    const { map, size, own } = cut(tap, i);
    return tokensOf(map, tap, size, own); // (rows * w, C)
  });
  const size = [band.to - band.from, width] as const;
  return concat([...parts, ...(fine ? [fineTokens(rowsOf(maps[0], 2, band, height), size)] : [])], 1); // (rows * w, D)
}

/** The stride-4 tap without its first side, (C, 2h, 2w). */
export const lowOn = ([low]: readonly Value[]): Value => reshape(low, low.shape.slice(1));

/** What is asked of a model of descriptors: all in float32, in float16 for reference banks, or the stride-4 tap alone. */
type Wanted = 'plain' | 'packed' | 'low';

/** Outputs by what is asked for. */
const NAMES: Readonly<Record<Wanted, readonly string[]>> = {
  plain: ['tokens', 'low'],
  packed: ['packedTokens', 'packedLow'],
  low: ['low'],
};

/**
 * The ONNX model from pixels to descriptors: `image` uint8 (1, H, W, 3) -> `tokens` (h * w, D) and `low` (C, 2h, 2w), in float16 as
 * `packedTokens` and `packedLow`.
 * @param width pixels, a multiple of 64, as is `height`. @param wanted which of them it gives.
 */
export function descriptorModel(
  backbone: Backbone,
  weights: ReadonlyMap<string, Tensor>,
  width: number,
  height: number,
  wanted: readonly Wanted[],
): Uint8Array {
  const graph = new Graph(backbone.name);
  const image = graph.input('image', [1, height, width, 3], 'uint8');
  const size = { height: height / TOKEN_STRIDE, width: width / TOKEN_STRIDE };
  const whole = !wanted.every((each) => each === 'low');
  const maps = mapsOn(graph, backbone, weights, image, { count: whole ? undefined : 1 });
  const bands = whole ? bandsOf(size, BAND[0]).map((band) => tokensOn(maps, backbone, size, band)) : [];
  const half = (x: Value) => cast(x, 'float16');
  if (whole && wanted.includes('plain')) graph.output('tokens', concat(bands, 0)); // (h * w, D)
  if (!wanted.includes('packed') || wanted.includes('plain')) graph.output('low', lowOn(maps)); // (C, 2h, 2w)
  if (wanted.includes('packed')) {
    graph.output('packedTokens', concat(bands.map(half), 0));
    graph.output('packedLow', half(lowOn(maps)));
  }
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
   * @throws ADC_NETWORK_MISSING when the weights do not ship and were not imported, ADC_WEIGHTS_DAMAGED when they are not what was written.
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
    const { tensors } = await readSafetensors(weightsPath ?? networkPath(backbone));
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
    const { tokens, low } = await this.run(image, 'plain');
    return {
      tokens: tokens as Float32Array,
      low: low as Float32Array,
      ...this.gridOf(image),
      dims: this.dims,
    };
  }

  /** The same in float16, for reference banks. */
  async describePacked(image: RgbImage): Promise<PackedDescriptors> {
    const { packedTokens, packedLow } = await this.run(image, 'packed');
    return { tokens: packedTokens as Uint16Array, low: packedLow as Uint16Array, ...this.gridOf(image) };
  }

  /** The stride-4 tap alone, which tells pictures that are alike. */
  async glance(image: RgbImage): Promise<Pick<Descriptors, 'low' | 'height' | 'width'>> {
    const { low } = await this.run(image, 'low');
    return { low: low as Float32Array, ...this.gridOf(image) };
  }

  private gridOf({ width, height }: RgbImage) {
    return { height: height / TOKEN_STRIDE, width: width / TOKEN_STRIDE };
  }

  private async run(image: RgbImage, wanted: Wanted): Promise<Record<string, Tensor['data']>> {
    const { width, height, data } = image;
    if (width % GRID_STEP !== 0 || height % GRID_STEP !== 0)
      throw new RangeError(`describe: ${width} x ${height} must be multiples of ${GRID_STEP}`);
    // Of a large picture nothing is computed that is not asked for; smaller ones have one model for both.
    const { height: h, width: w } = this.gridOf(image);
    const alone = wanted === 'low' || h * w > BAND[0];
    const given: readonly Wanted[] = alone ? [wanted] : ['plain', 'packed'];
    const build = () => descriptorModel(this.backbone, this.weights, width, height, given);
    // As all that runs in turn on a picture: threads that wait for the next run would keep the cores from the session that is next.
    const load = () => this.runtime.load(build(), { yields: true, frugal: isVast(image), transfer: true });
    const results = await this.sessions.use(`${width}x${height} ${given}`, load, (session) =>
      session.run({ image: tensor(data, [1, height, width, 3]) }, { fetch: NAMES[wanted] }),
    );
    return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, value.data]));
  }
}
