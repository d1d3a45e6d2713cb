/** Location-aware match (Eq. 3-4): every token finds its nearest among the tokens near the same place in K good pictures. */
import {
  add,
  argMax,
  cast,
  concat,
  Graph,
  gather,
  gatherElements,
  matmul,
  maximum,
  mul,
  type Runtime,
  reshape,
  scale,
  slice,
  sub,
  sumSquares,
  tensor,
  transpose,
  type Value,
} from '@adclick/ortgrad';
import type { Band } from '../features/bands.ts';
import { SessionCache } from '../features/sessions.ts';

/** What one compiled match fits. */
export interface MatchShape {
  /** Tokens along each axis. */
  readonly height: number;
  readonly width: number;
  /** Channels of a token. */
  readonly dims: number;
  /** Channels at a token's front that decide what is nearest; default all. The others only take part in the residual. */
  readonly matched?: number;
  /** Good pictures compared with (K). */
  readonly neighbours: number;
  /** Radius delta in tokens: candidates lie within this Euclidean distance of the query's place. */
  readonly radius: number;
  /** Rows whose tokens ask; default all. The others are candidates alone. */
  readonly asked?: Band;
}

/** What {@link placesOn} needs of it. */
export type PlacesShape = Pick<MatchShape, 'height' | 'width' | 'radius' | 'asked'>;

/** Result of a match. */
export interface MatchResult {
  /** r = f* - f, (rows * width, dims). */
  readonly delta: Float32Array;
  /** For every token the number of its nearest reference token: picture * height * width + cell. */
  readonly index: Int32Array;
}

/** Default radius: 4 of 64 tokens, in proportion on other grids. */
export const defaultRadius = (height: number, width: number): number =>
  Math.max(1, Math.round(Math.max(height, width) / 16));

/** Queries are worked off in squares of this many tokens a side (fewer where the grid is smaller). */
const TILE = 8;

/** Added to scores of candidates that do not count: larger than any score, and float32 adds to it without overflow. */
const OUT = -1e30;

/** Constant tables of a grid: which cells each tile asks and which answers count. */
export interface Tiling {
  readonly tiles: number;
  /** Queries a tile. */
  readonly queries: number;
  /** Candidates a tile: cells within the radius of any of its queries. */
  readonly candidates: number;
  /** Tile order -> query, numbered row by row: (tiles * queries). */
  readonly order: Int32Array;
  /** Query -> place in tile order. */
  readonly inverse: Int32Array;
  /** Cell of each candidate, clamped into the grid: (tiles * candidates). */
  readonly cells: Int32Array;
  /** 0, or {@link OUT} where the candidate lies outside the grid: (tiles * candidates). */
  readonly outside: Float32Array;
  /** 0, or {@link OUT} where a candidate is too far from a query: (candidates * queries). */
  readonly far: Float32Array;
}

const divisor = (side: number) =>
  Math.max(...Array.from({ length: TILE }, (_, i) => i + 1).filter((d) => side % d === 0));

export function tilingOf(height: number, width: number, radius: number, { from, to }: Band): Tiling {
  const rows = to - from;
  const [high, wide] = [divisor(rows), divisor(width)];
  const queries = high * wide;
  const tiles = (rows * width) / queries;
  const offsets: (readonly [y: number, x: number])[] = [];
  const reach = Math.floor(radius);
  const gap = (at: number, side: number) => Math.max(0, -at, at - side + 1);
  for (let y = -reach; y < high + reach; y++)
    for (let x = -reach; x < wide + reach; x++)
      if (gap(y, high) ** 2 + gap(x, wide) ** 2 <= radius * radius) offsets.push([y, x]);
  const candidates = offsets.length;
  const order = new Int32Array(rows * width);
  const inverse = new Int32Array(rows * width);
  const cells = new Int32Array(tiles * candidates);
  const outside = new Float32Array(tiles * candidates);
  const far = new Float32Array(candidates * queries);
  for (let tile = 0; tile < tiles; tile++) {
    const top = Math.floor(tile / (width / wide)) * high;
    const left = (tile % (width / wide)) * wide;
    for (let q = 0; q < queries; q++) {
      const query = (top + Math.floor(q / wide)) * width + left + (q % wide);
      order[tile * queries + q] = query;
      inverse[query] = tile * queries + q;
    }
    for (const [c, [dy, dx]] of offsets.entries()) {
      const y = Math.min(Math.max(from + top + dy, 0), height - 1);
      const x = Math.min(Math.max(left + dx, 0), width - 1);
      cells[tile * candidates + c] = y * width + x;
      if (y !== from + top + dy || x !== left + dx) outside[tile * candidates + c] = OUT;
    }
  }
  for (const [c, [y, x]] of offsets.entries())
    for (let q = 0; q < queries; q++)
      if ((y - Math.floor(q / wide)) ** 2 + (x - (q % wide)) ** 2 > radius * radius) far[c * queries + q] = OUT;
  return { tiles, queries, candidates, order, inverse, cells, outside, far };
}

/**
 * Where the nearest token of each query is: queries (rows * w, m), those of the rows that are asked, against K pictures (h * w, m) each. The candidates of a token are those of
 * all pictures within the radius of its place, Eq. 3 of the paper; the nearest of them is f*, Eq. 4.
 * @equation 3
 * @equation 4
 *
 * Nearest means the largest product of the two rows: q.b - |b|^2 / 2 where they are [q, 1] and [b, -|b|^2 / 2]. The largest over the
 * pictures comes first, then masks and the search for the place, on a tenth of the scores. At equal scores the first place in
 * row-major order wins, then the first picture.
 * @returns numbers of tokens, picture * h * w + cell, int64 (rows * w).
 */
export function placesOn(
  graph: Graph,
  queries: Value,
  pictures: readonly Value[],
  { height, width, radius, asked: rows = { from: 0, to: height } }: PlacesShape,
): Value {
  const cells = height * width;
  const tiling = tilingOf(height, width, radius, rows);
  const { tiles, queries: asked, candidates } = tiling;
  const [all, wide] = queries.shape as [number, number];
  const whole = (values: readonly number[], shape: readonly number[]) =>
    graph.constant(BigInt64Array.from(values, BigInt), shape);

  const tiled = gather(queries, graph.constant(tiling.order, [all]), 0); // (T * Q, m)
  const queriesT = transpose(reshape(tiled, [tiles, asked, wide]), [0, 2, 1]); // (T, m, Q)
  const places = graph.constant(tiling.cells, [tiles * candidates]);
  const scores = pictures.map((tokens) => {
    const region = gather(tokens, places, 0); // (T * C, m)
    return matmul(reshape(region, [tiles, candidates, wide]), queriesT); // (T, C, Q)
  });
  const best = scores.reduce(maximum); // (T, C, Q)
  const inGrid = add(best, graph.constant(tiling.outside, [tiles, candidates, 1])); // (T, C, Q)
  const inDisc = add(inGrid, graph.constant(tiling.far, [candidates, asked])); // (T, C, Q)
  const place = argMax(inDisc, 1, true); // (T, 1, Q) int64
  const atPlace = scores.map((score) => gatherElements(score, place, 1)); // K times (T, 1, Q)
  const picture = argMax(concat(atPlace, 1), 1, true); // (T, 1, Q) int64

  const firsts = Array.from({ length: tiles }, (_, tile) => tile * candidates);
  const inTable = add(place, whole(firsts, [tiles, 1, 1])); // (T, 1, Q) int64
  const cell = gather(graph.int64(Array.from(tiling.cells)), inTable, 0); // (T, 1, Q) int64
  const found = reshape(add(mul(picture, whole([cells], [1, 1, 1])), cell), [all]); // (T * Q) int64
  return gather(found, graph.constant(tiling.inverse, [all]), 0); // (rows * w) int64
}

/** A match as values of a graph. */
export interface MatchValues {
  /** r = f* - f, float32 (rows * w, D). */
  readonly delta: Value;
  /** Number of the nearest reference token, int64 (rows * w). */
  readonly index: Value;
}

/** One match on a graph: `query` float32 (rows * w, D) against `bank` float16 (K, h * w, D), by {@link placesOn}. */
export function matchOn(
  graph: Graph,
  query: Value,
  bank: Value,
  { height, width, dims, matched = dims, neighbours, radius, asked }: MatchShape,
): MatchValues {
  const cells = height * width;
  const front = matched < dims ? slice(query, 1, 0, matched) : query; // (rows * w, m)
  const withOne = concat([front, graph.filled(1, [query.shape[0], 1])], 1); // (rows * w, m + 1)
  const pictures = Array.from({ length: neighbours }, (_, k) => {
    const picture = reshape(slice(bank, 0, k, k + 1), [cells, dims]); // (h * w, D) float16
    const tokens = cast(matched < dims ? slice(picture, 1, 0, matched) : picture, 'float32'); // (h * w, m)
    return concat([tokens, scale(sumSquares(tokens, 1), -0.5)], 1); // (h * w, m + 1)
  });
  const index = placesOn(graph, withOne, pictures, { height, width, radius, asked }); // (rows * w)
  const nearest = gather(reshape(bank, [neighbours * cells, dims]), index, 0); // (rows * w, D) float16
  return { delta: sub(cast(nearest, 'float32'), query), index };
}

/** The ONNX model of one match: `query` float32 (rows * w, D) and `bank` float16 (K, h * w, D) -> `delta` (rows * w, D), `index` int64 (rows * w). */
export function matchModel(shape: MatchShape): Uint8Array {
  const { height, width, dims, neighbours } = shape;
  const graph = new Graph('match');
  const query = graph.input('query', [rowsOf(shape) * width, dims]);
  const bank = graph.input('bank', [neighbours, height * width, dims], 'float16');
  const { delta, index } = matchOn(graph, query, bank, shape);
  graph.output('delta', delta);
  graph.output('index', index);
  return graph.toModel();
}

/** Rows that ask. */
const rowsOf = ({ height, asked }: Pick<MatchShape, 'height' | 'asked'>) => (asked ? asked.to - asked.from : height);

/** Matches token grids in one runtime; one compiled model a shape. */
export class Matcher {
  private readonly sessions = new SessionCache();

  private constructor(private readonly runtime: Runtime) {}

  /** Matchers by runtime, so that every index of a process shares one set of compiled models. */
  private static readonly shared = new WeakMap<Runtime, Matcher>();

  /** The matcher of a runtime. */
  static of(runtime: Runtime): Matcher {
    const matcher = Matcher.shared.get(runtime) ?? new Matcher(runtime);
    Matcher.shared.set(runtime, matcher);
    return matcher;
  }

  /**
   * Signed residual of a picture against its neighbours.
   * @param query tokens (rows * w, D).
   * @param bank K pictures' tokens in float16 bits, nearest picture first.
   */
  async match(
    query: Float32Array,
    bank: readonly Uint16Array[],
    { height, width, dims, matched = dims, radius, asked = { from: 0, to: height } }: Omit<MatchShape, 'neighbours'>,
  ): Promise<MatchResult> {
    const size = height * width * dims;
    const packed = new Uint16Array(bank.length * size);
    for (const [k, tokens] of bank.entries()) packed.set(tokens, k * size);
    const shape = { height, width, dims, matched, radius, neighbours: bank.length, asked };
    const load = () => this.runtime.load(matchModel(shape), { yields: true });
    const { delta, index } = await this.sessions.use(JSON.stringify(shape), load, (session) =>
      session.run(
        {
          query: tensor(query.slice(), [rowsOf(shape) * width, dims]),
          bank: tensor(packed, [bank.length, height * width, dims], 'float16'),
        },
        { transfer: true },
      ),
    );
    return {
      delta: delta.data as Float32Array,
      index: Int32Array.from(index.data as BigInt64Array, Number),
    };
  }
}
