/** The network of the training-step measurement, the same as in yardstick_train_step.py: 1.39 M parameters, two pictures of 64 × 64 tokens. */
import {
  add,
  BARE_GELU,
  type BuildLoss,
  bareGeluLinear,
  foldAffine,
  foldedLinear,
  type Graph,
  type Initializer,
  layerNormBeforeFolded,
  linearLayer,
  linearOnto,
  type ParameterSource,
  reduceMean,
  regroupRows,
  reshape,
  scale,
  selfAttention,
  sigmoid,
  square,
  sub,
  type Value,
} from '@adclick/ortgrad';

/** Sizes of the network; one picture is `side` × `side` tokens. */
export const ENGINE = {
  batch: 2,
  side: 64,
  channels: 16,
  dim: 128,
  depth: 4,
  heads: 4,
  window: 8,
  mlpRatio: 4,
} as const;

/** Settings of the optimiser, PyTorch's in the yardstick. */
export const ENGINE_OPTIMIZER = { learningRate: 1e-3, weightDecay: 0.01 } as const;

const TOKENS = ENGINE.side ** 2;
/** The two pictures are worked on at the same time, each with half of the threads. */
export const ENGINE_SHARDS = 2;
/** Windows of a picture are worked through in so many batches: at this width activations stay in the cache, which saves 8 %. */
const PARTS = 8;
const ZEROS: Initializer = { kind: 'zeros' };
const ONES: Initializer = { kind: 'ones' };
const WEIGHT: Initializer = { kind: 'truncatedNormal', std: 0.05 };
const SMALL: Initializer = { kind: 'truncatedNormal', std: 0.02 };

/** The yardstick decays every parameter, vectors too. */
const DECAYED = { decay: true } as const;

/** `p` with decay on everything it hands out. */
const decayAll = (p: ParameterSource): ParameterSource => ({
  get: (name, shape, init) => p.get(name, shape, init, DECAYED),
});

/** Raster index of every token when the grid, rolled by `shift`, is read window by window. */
function windowOrder(shift: number): number[] {
  const { side, window } = ENGINE;
  const order: number[] = [];
  for (let top = 0; top < side; top += window)
    for (let left = 0; left < side; left += window)
      for (let y = 0; y < window; y++)
        for (let x = 0; x < window; x++) order.push(((top + y + shift) % side) * side + ((left + x + shift) % side));
  return order;
}

/** Indices of the rows of a batch from one token order to another; undefined is raster order. */
function reorder(batch: number, from: readonly number[] | undefined, to: readonly number[] | undefined): number[] {
  const place = new Array<number>(TOKENS);
  for (let i = 0; i < TOKENS; i++) place[from?.[i] ?? i] = i;
  return Array.from({ length: batch * TOKENS }, (_, row) => {
    const i = row % TOKENS;
    return row - i + place[to?.[i] ?? i];
  });
}

/** The layer `name` [K, N], its weights times `factor`, with the affine of the normalisation `norm` before it folded in. */
function foldedLayer(p: ParameterSource, norm: string, name: string, features: number, factor = 1) {
  const gain = p.get(`${norm}.weight`, [ENGINE.dim], ONES);
  const shift = p.get(`${norm}.bias`, [ENGINE.dim], ZEROS);
  const weight = p.get(`${name}.weight`, [ENGINE.dim, features], WEIGHT);
  const bias = p.get(`${name}.bias`, [features], ZEROS);
  return foldAffine(scale(weight, factor), scale(bias, factor), gain, shift);
}

/** Tokens (B, TOKENS, channels) -> one value in (0,1) a token (B, TOKENS, 1). */
function network(p: ParameterSource, x: Value): Value {
  const { dim, depth, heads, window, mlpRatio } = ENGINE;
  const batch = x.shape[0];
  const cells = window * window;
  const orders = [windowOrder(0), windowOrder(window / 2)] as const;
  const embedded = add(linearLayer(p, 'embed', x, dim, WEIGHT), p.get('position', [1, TOKENS, dim], SMALL)); // (B, TOKENS, dim)
  const rows = TOKENS / PARTS;
  const sides = Array.from({ length: batch * PARTS }, () => [rows]);
  let parts = [reshape(embedded, [batch * TOKENS, dim])];
  let current: readonly number[] | undefined;
  for (let block = 0; block < depth; block++) {
    const at = `blocks.${block}`;
    const order = orders[block % 2];
    const bias = p.get(`${at}.bias`, [heads, cells, cells], ZEROS);
    const packed = foldedLayer(p, `${at}.norm1`, `${at}.qkv`, 3 * dim);
    const project = p.get(`${at}.project.weight`, [dim, dim], WEIGHT);
    const projectBias = p.get(`${at}.project.bias`, [dim], ZEROS);
    const up = foldedLayer(p, `${at}.norm2`, `${at}.up`, mlpRatio * dim, BARE_GELU.before);
    const down = scale(p.get(`${at}.down.weight`, [mlpRatio * dim, dim], WEIGHT), BARE_GELU.behind);
    const downBias = p.get(`${at}.down.bias`, [dim], ZEROS);
    parts = regroupRows(parts, reorder(batch, current, order), sides).map((part) => {
      const qkv = reshape(foldedLinear(layerNormBeforeFolded(part), packed), [rows / cells, cells, 3 * dim]);
      const mixed = selfAttention(qkv, heads, bias, { scale: 1 / Math.sqrt(dim / heads) });
      const attended = linearOnto(part, reshape(mixed, [rows, dim]), project, projectBias);
      return bareGeluLinear(foldedLinear(layerNormBeforeFolded(attended), up), down, downBias, attended);
    });
    current = order;
  }
  const head = foldedLayer(p, 'norm', 'head', 1);
  const values = parts.map((part) => foldedLinear(layerNormBeforeFolded(part), head));
  const [raster] = regroupRows(values, reorder(batch, current, undefined), [[batch * TOKENS]]);
  return sigmoid(reshape(raster, [batch, TOKENS, 1]));
}

/** Builds the loss: mean squared error of the values against `y`. For `compileStep` with {@link ENGINE_SHARDS}. */
export const engineLoss: BuildLoss = (graph: Graph, parameters: ParameterSource) => {
  const pictures = ENGINE.batch / ENGINE_SHARDS;
  const x = graph.input('x', [pictures, TOKENS, ENGINE.channels]);
  const y = graph.input('y', [pictures, TOKENS, 1]);
  return { loss: reduceMean(square(sub(network(decayAll(parameters), x), y))) };
};
