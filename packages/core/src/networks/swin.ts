/**
 * Swin blocks over a token grid: window attention with alternating shift (the published network's one stage), tokens kept in window
 * order. In the comments N tokens of a picture, D channels, H heads, W windows of n tokens.
 */
import {
  add,
  type Graph,
  gather,
  type Initializer,
  layerNorm,
  layerNormLayer,
  linearLayer,
  mlp,
  mul,
  type ParameterSource,
  permuteRows,
  reshape,
  selfAttention,
  slice,
  transpose,
  type Value,
} from '@adclick/ortgrad';

/** A grid of tokens, rows by columns; both multiples of the window. */
export interface TokenGrid {
  readonly height: number;
  readonly width: number;
}

/** Sizes of a stack of Swin blocks. */
export interface SwinSettings {
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
  /** Window side in tokens. */
  readonly window: number;
  /** Hidden width of the MLP as a multiple of `dim`. */
  readonly mlpRatio: number;
}

const POSITIONS: Initializer = { kind: 'truncatedNormal', std: 0.02 };
const ZEROS: Initializer = { kind: 'zeros' };

/** A linear layer whose weights begin as PyTorch's do: deviation 1/√(3K) for K inputs. x [..., K] -> [..., features]. */
export function dense(p: ParameterSource, name: string, x: Value, features: number): Value {
  return linearLayer(p, name, x, features, initialFor(x.shape[x.shape.length - 1]));
}

const initialFor = (inputs: number): Initializer => ({ kind: 'truncatedNormal', std: 1 / Math.sqrt(3 * inputs) });

/** The MLP of a block: linear, GELU, linear, with a fused backward. x [..., D] -> [..., D]. */
function perceptron(p: ParameterSource, name: string, x: Value, hidden: number): Value {
  const dim = x.shape[x.shape.length - 1];
  return mlp(
    x,
    p.get(`${name}.in.weight`, [dim, hidden], initialFor(dim)),
    p.get(`${name}.in.bias`, [hidden], ZEROS),
    p.get(`${name}.out.weight`, [hidden, dim], initialFor(hidden)),
    p.get(`${name}.out.bias`, [dim], ZEROS),
  );
}

/** Raster index of every token when the grid, rolled by `shift`, is read window by window. */
export function windowOrder({ height, width }: TokenGrid, window: number, shift: number): number[] {
  const order: number[] = [];
  for (let top = 0; top < height; top += window)
    for (let left = 0; left < width; left += window)
      for (let y = 0; y < window; y++)
        for (let x = 0; x < window; x++)
          order.push(((top + y + shift) % height) * width + ((left + x + shift) % width));
  return order;
}

/** The gather that takes tokens from one order to another; `undefined` stands for raster order. */
export function reorder(
  from: readonly number[] | undefined,
  to: readonly number[] | undefined,
  count: number,
): number[] {
  const place = new Array<number>(count);
  for (let i = 0; i < count; i++) place[from ? from[i] : i] = i;
  return Array.from({ length: count }, (_, i) => place[to ? to[i] : i]);
}

/**
 * What wrapped tokens of a shifted window get added to their attention score: they are not neighbours in the image.
 * Far enough for a probability of exactly zero; at -100 it would be a denormal number, with which products are ten times slower.
 */
const FAR = -1e4;

/**
 * Additive mask (W, 1, n, n) of a shifted grid: 0 between tokens that are neighbours in the image, {@link FAR} else. Kept once for all
 * windows that are wrapped alike, four kinds at most: a large grid has a thousand windows.
 */
export function shiftMask(graph: Graph, { height, width }: TokenGrid, window: number, shift: number): Value {
  const order = windowOrder({ height, width }, window, shift);
  const n = window * window;
  const kinds = new Map<string, { readonly number: number; readonly wrapped: readonly number[] }>();
  const ofWindow: number[] = [];
  for (let start = 0; start < order.length; start += n) {
    const first = order[start];
    const wrapped = order
      .slice(start, start + n)
      .map(
        (token) =>
          (Math.floor(token / width) < Math.floor(first / width) ? 2 : 0) + (token % width < first % width ? 1 : 0),
      );
    const key = wrapped.join();
    const kind = kinds.get(key) ?? { number: kinds.size, wrapped };
    kinds.set(key, kind);
    ofWindow.push(kind.number);
  }
  const masks = [...kinds.values()].flatMap(({ wrapped }) =>
    wrapped.flatMap((own) => wrapped.map((other) => (own === other ? 0 : FAR))),
  );
  return gather(graph.constant(Float32Array.from(masks), [kinds.size, 1, n, n]), ofWindow, 0);
}

/** Row of the relative-position table for each pair of tokens of a window. */
function relativePositions(window: number): number[] {
  const index: number[] = [];
  for (let i = 0; i < window * window; i++)
    for (let j = 0; j < window * window; j++) {
      const dy = Math.floor(i / window) - Math.floor(j / window) + window - 1;
      const dx = (i % window) - (j % window) + window - 1;
      index.push(dy * (2 * window - 1) + dx);
    }
  return index;
}

/** What pairs of tokens of a window add to their score by how they lie to each other, from the table `name`: (H, n, n). */
export function pairBias(p: ParameterSource, name: string, window: number, heads: number): Value {
  const n = window * window;
  const table = p.get(name, [(2 * window - 1) ** 2, heads], POSITIONS, { decay: false }); // ((2·window - 1)², H)
  return transpose(reshape(gather(table, relativePositions(window), 0), [n, n, heads]), [2, 0, 1]); // (H, n, n)
}

/** How a stack differs from ours. */
export interface SwinForm {
  /** Norms carry an affine, as timm's do. Ours carry none: the linear layer behind each absorbs it, which saves a tenth of the training step. */
  readonly affine?: boolean;
  /** In training, what each of the two branches of each block is multiplied by in each sample (drop path), (B, 2·depth). */
  readonly paths?: Value;
}

/**
 * A stack of Swin blocks, and a norm.
 * @param x tokens (B, height·width, dim) in raster order.
 * @returns tokens of the same shape, raster order.
 */
export function swinStack(
  graph: Graph,
  p: ParameterSource,
  name: string,
  x: Value,
  grid: TokenGrid,
  { dim, depth, heads, window, mlpRatio }: SwinSettings,
  { affine = false, paths }: SwinForm = {},
): Value {
  const batch = x.shape[0];
  const count = grid.height * grid.width;
  const n = window * window;
  const windows = count / n;
  const shifted = Math.max(grid.height, grid.width) > window;
  const shifts = [0, shifted ? window / 2 : 0];
  const orders = shifts.map((shift) => windowOrder(grid, window, shift));
  const farMask = shiftMask(graph, grid, window, window / 2); // (W, 1, n, n)

  const norm = (at: string, tokens: Value) => (affine ? layerNormLayer(p, at, tokens) : layerNorm(tokens)); // (B, N, D)
  const kept = (tokens: Value, branch: number) =>
    paths ? mul(tokens, reshape(slice(paths, 1, branch, branch + 1), [batch, 1, 1])) : tokens; // (B, N, D)

  let h = x; // (B, N, D), raster order
  let current: number[] | undefined;
  for (let block = 0; block < depth; block++) {
    const at = `${name}.${block}`;
    const order = orders[block % 2];
    h = permuteRows(h, reorder(current, order, count), 1); // (B, N, D), window by window
    current = order;
    const mask = shifts[block % 2] ? farMask : undefined;
    const bias = pairBias(p, `${at}.positions`, window, heads); // (H, n, n)

    const qkv = reshape(dense(p, `${at}.qkv`, norm(`${at}.norm1`, h), 3 * dim), [batch * windows, n, 3 * dim]); // (B·W, n, 3D)
    const mixed = selfAttention(qkv, heads, bias, { mask, scale: 1 / Math.sqrt(dim / heads) }); // (B·W, n, D)
    h = add(h, kept(dense(p, `${at}.out`, reshape(mixed, [batch, count, dim]), dim), 2 * block)); // (B, N, D)
    h = add(h, kept(perceptron(p, `${at}.mlp`, norm(`${at}.norm2`, h), mlpRatio * dim), 2 * block + 1)); // (B, N, D)
  }
  return norm(`${name}.norm`, permuteRows(h, reorder(current, undefined, count), 1)); // (B, N, D), raster order
}
