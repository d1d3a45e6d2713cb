/** Distances to the nearest of many rows, by products of blocks. */
import {
  argMax,
  Graph,
  type Held,
  matmul,
  type Runtime,
  reduceMax,
  type Session,
  scale,
  sub,
  swapLast,
  type Tensor,
  tensor,
} from '@adclick/ortgrad';

/** Rows that are asked for at once. */
const QUERIES = 2048;

/** Rows that they are compared with at once, where many are kept. */
const ROWS = 2048;

/** A block of rows with their squared lengths. */
interface Block<Of> {
  readonly rows: Of;
  readonly squares: Of;
}

function squaredLength(rows: Float32Array, dims: number, row: number): number {
  let sum = 0;
  for (let at = row * dims; at < (row + 1) * dims; at++) sum += rows[at] * rows[at];
  return sum;
}

/** Rows in blocks; the last one is filled up with its last row. */
function* blocksOf(rows: Float32Array, dims: number, size: number): Generator<Block<Tensor>> {
  const count = rows.length / dims;
  for (let from = 0; from < count; from += size) {
    const block = new Float32Array(size * dims);
    const squares = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      const row = Math.min(from + i, count - 1);
      block.set(rows.subarray(row * dims, (row + 1) * dims), i * dims);
      squares[i] = i > 0 && from + i > count - 1 ? squares[i - 1] : squaredLength(rows, dims, row);
    }
    yield { rows: tensor(block, [size, dims]), squares: tensor(squares, [size]) };
  }
}

/** The largest 2 a·b - |b|² of each query, and whose it is: |a|² less that is the squared distance to the nearest. */
function graphOf(dims: number, size: number): Graph {
  const graph = new Graph('nearest');
  const queries = graph.input('queries', [QUERIES, dims]);
  const rows = graph.input('rows', [size, dims]);
  const squares = graph.input('squares', [size]);
  const alike = sub(scale(matmul(queries, swapLast(rows)), 2), squares); // (queries, rows)
  graph.output('alike', reduceMax(alike, [1]));
  graph.output('nearest', argMax(alike, 1));
  return graph;
}

/** Compares rows of one length. */
export class Nearest {
  private constructor(
    private readonly session: Session,
    private readonly runtime: Runtime,
    readonly dims: number,
    private readonly size: number,
  ) {}

  /** @param size rows that are compared with at once; fewer cost as much as so many. */
  static async create(runtime: Runtime, dims: number, size = ROWS): Promise<Nearest> {
    return new Nearest(await runtime.load(graphOf(dims, size).toModel()), runtime, dims, size);
  }

  /** Keeps rows where they are compared, to be asked for again and again. */
  async hold(rows: Float32Array): Promise<HeldRows> {
    const blocks: Block<Held>[] = [];
    for (const block of blocksOf(rows, this.dims, this.size))
      blocks.push({ rows: await this.runtime.hold(block.rows), squares: await this.runtime.hold(block.squares) });
    return new HeldRows(blocks);
  }

  /** Place of the nearest of the rows for each query (n, dims); of some that are as near to rounding, any. */
  async places(queries: Float32Array, among: HeldRows | Float32Array): Promise<Int32Array> {
    return (await this.compare(queries, among)).places;
  }

  /** Squared Euclidean distance of each query (n, dims) to the nearest of the rows, 0 or more; exact to rounding of |query|². */
  async squares(queries: Float32Array, among: HeldRows): Promise<Float32Array> {
    const { alike } = await this.compare(queries, among);
    return alike.map((value, i) => Math.max(0, squaredLength(queries, this.dims, i) - value));
  }

  private async compare(
    queries: Float32Array,
    among: HeldRows | Float32Array,
  ): Promise<{ readonly alike: Float32Array; readonly places: Int32Array }> {
    const { dims } = this;
    const count = queries.length / dims;
    const alike = new Float32Array(count).fill(Number.NEGATIVE_INFINITY);
    const places = new Int32Array(count);
    const blocks = among instanceof HeldRows ? among.blocks : [...blocksOf(among, dims, this.size)];
    for (let from = 0; from < count; from += QUERIES) {
      const filled = new Float32Array(QUERIES * dims);
      filled.set(queries.subarray(from * dims, (from + QUERIES) * dims));
      const asked = await this.runtime.hold(tensor(filled, [QUERIES, dims]));
      for (const [number, { rows, squares }] of blocks.entries()) {
        const answer = await this.session.run({ queries: asked, rows, squares });
        for (let i = from; i < Math.min(count, from + QUERIES); i++) {
          const value = Number(answer.alike.data[i - from]);
          if (value <= alike[i]) continue;
          alike[i] = value;
          places[i] = number * this.size + Number(answer.nearest.data[i - from]);
        }
      }
      await asked.release();
    }
    return { alike, places };
  }

  async close(): Promise<void> {
    await this.session.release();
  }
}

/** Rows that are kept for comparisons. */
export class HeldRows {
  /** @internal */
  constructor(readonly blocks: readonly Block<Held>[]) {}

  async release(): Promise<void> {
    for (const { rows, squares } of this.blocks) for (const held of [rows, squares]) await held.release();
  }
}
