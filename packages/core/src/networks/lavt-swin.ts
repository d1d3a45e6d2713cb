/**
 * LAVT's image–language encoder (LAVT, lib/backbone.py: MultiModalSwinTransformer): a Swin transformer that hears the words of a prompt
 * behind each of its stages. In the comments C channels of a stage, D of a word, h × w places of a stage.
 */
import {
  add,
  addScalar,
  conv2d,
  type Graph,
  layerNormLayer,
  linear,
  mlp,
  mul,
  type ParameterSource,
  pad,
  permuteRows,
  relu,
  reshape,
  scale,
  selfAttention,
  sigmoid,
  slice,
  transpose,
  type Value,
} from '@adclick/ortgrad';
import { publishedPwam } from './published-pwam.ts';
import type { Words } from './pwam.ts';
import { dense, pairBias, reorder, shiftMask, type TokenGrid, windowOrder } from './swin.ts';

/** Sizes of one encoder. */
export interface LavtSettings {
  /** Channels of the first stage; each further one has twice those of the one before. */
  readonly embed: number;
  /** Blocks of each stage; fewer stages give the first maps alone. */
  readonly depths: readonly number[];
  readonly heads: readonly number[];
  /** Window side in places. */
  readonly window: number;
}

/** LAVT's: Swin-B with windows of 12. */
export const LAVT_SWIN_B: LavtSettings = { embed: 128, depths: [2, 2, 18, 2], heads: [4, 8, 16, 32], window: 12 };

/** Pixels a place of the first stage, along each axis. */
export const PATCH = 4;
/** Hidden width of a block's perceptron as a multiple of C. */
export const MLP_RATIO = 4;

/** Zeros below and to the right, so that a map has sides that are multiples of `step`. @param rows axis of its rows; columns come next. */
function padded(x: Value, step: number, rows = 1): Value {
  const missing = (side: number) => (step - (side % step)) % step;
  return pad(pad(x, rows, 0, missing(x.shape[rows])), rows + 1, 0, missing(x.shape[rows + 1]));
}

/** Squares of pixels as places, normalised: picture (B, 3, H, W) -> (B, ⌈H/4⌉, ⌈W/4⌉, C). */
function patches(p: ParameterSource, picture: Value, embed: number): Value {
  const weight = p.get('patch_embed.proj.weight', [embed, 3, PATCH, PATCH], { kind: 'kaimingUniform' }); // (C, 3, 4, 4)
  const bias = p.get('patch_embed.proj.bias', [embed], { kind: 'zeros' }); // (C)
  const cells = conv2d(padded(picture, PATCH, 2), weight, bias, { stride: PATCH }); // (B, C, h, w)
  return layerNormLayer(p, 'patch_embed.norm', transpose(cells, [0, 2, 3, 1])); // (B, h, w, C)
}

/** A linear layer without a bias: x [..., K] -> [..., features]. */
function product(p: ParameterSource, name: string, x: Value, features: number): Value {
  const inner = x.shape[x.shape.length - 1];
  return linear(x, p.get(`${name}.weight`, [inner, features], { kind: 'truncatedNormal', std: 0.02 }));
}

/** Halves a map: squares of places side by side, column by column, normalised, and projected. x (B, h, w, C) -> (B, ⌈h/2⌉, ⌈w/2⌉, 2C). */
function merge(p: ParameterSource, name: string, x: Value): Value {
  const even = padded(x, 2); // (B, h, w, C)
  const [batch, height, width, channels] = even.shape as [number, number, number, number];
  const cells = reshape(even, [batch, height / 2, 2, width / 2, 2, channels]);
  const side = transpose(cells, [0, 1, 3, 4, 2, 5]); // (B, h/2, w/2, 2, 2, C), column before row
  const deep = reshape(side, [batch, height / 2, width / 2, 4 * channels]); // (B, h/2, w/2, 4C)
  return product(p, `${name}.reduction`, layerNormLayer(p, `${name}.norm`, deep), 2 * channels); // (B, h/2, w/2, 2C)
}

/**
 * One block on a map (B, h, w, C). Windows reach over the border on places that are 0 behind the norm; they are attended to like others,
 * and what they become is cut off.
 */
function block(graph: Graph, p: ParameterSource, name: string, x: Value, heads: number, window: number, shift: number) {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const wide = padded(layerNormLayer(p, `${name}.norm1`, x), window); // (B, h', w', C)
  const grid: TokenGrid = { height: wide.shape[1], width: wide.shape[2] };
  const count = grid.height * grid.width;
  const n = window * window;
  const order = windowOrder(grid, window, shift);
  const tokens = permuteRows(reshape(wide, [batch, count, channels]), order); // (B, h'·w', C), window by window

  const qkv = dense(p, `${name}.attn.qkv`, reshape(tokens, [-1, n, channels]), 3 * channels); // (B·W, n, 3C)
  const bias = pairBias(p, `${name}.attn.relative_position_bias_table`, window, heads); // (H, n, n)
  const mask = shift > 0 ? shiftMask(graph, grid, window, shift) : undefined; // (W, 1, n, n)
  const mixed = selfAttention(qkv, heads, bias, { mask, scale: 1 / Math.sqrt(channels / heads) }); // (B·W, n, C)
  const windows = reshape(dense(p, `${name}.attn.proj`, mixed, channels), [batch, count, channels]);
  const raster = permuteRows(windows, reorder(order, undefined, count)); // (B, h'·w', C)
  const placed = reshape(raster, wide.shape); // (B, h', w', C)
  const attended = add(x, slice(slice(placed, 1, 0, height), 2, 0, width)); // (B, h, w, C)
  return add(attended, perceptron(p, name, layerNormLayer(p, `${name}.norm2`, attended))); // (B, h, w, C)
}

/** x (B, h, w, C) -> (B, h, w, C) by way of 4C channels. */
function perceptron(p: ParameterSource, name: string, x: Value): Value {
  const channels = x.shape[x.shape.length - 1];
  const hidden = MLP_RATIO * channels;
  const matrix = (part: string, from: number, to: number) =>
    p.get(`${name}.mlp.${part}.weight`, [from, to], { kind: 'truncatedNormal', std: 0.02 });
  const bias = (part: string, features: number) => p.get(`${name}.mlp.${part}.bias`, [features], { kind: 'zeros' });
  return mlp(
    x,
    matrix('fc1', channels, hidden),
    bias('fc1', hidden),
    matrix('fc2', hidden, channels),
    bias('fc2', channels),
  );
}

/** Hyperbolic tangent. */
const tanh = (x: Value): Value => addScalar(scale(sigmoid(scale(x, 2)), 2), -1);

/** How much of what was heard goes on into the next stage, in (-1, 1): (B, h, w, C) -> (B, h, w, C). */
function gate(p: ParameterSource, name: string, heard: Value): Value {
  const channels = heard.shape[heard.shape.length - 1];
  return tanh(product(p, `${name}.2`, relu(product(p, `${name}.0`, heard, channels)), channels));
}

/**
 * Maps of a picture and a prompt, one a stage. They hold what the words say of the places, normalised; the places themselves go from
 * stage to stage. Weights have LAVT's names, matrices as (inputs, outputs).
 * @param picture normalised as ImageNet's (B, 3, H, W). @param words T words of D channels each, on any mask in [0, 1].
 * @returns maps (B, h, w, C) of C, 2C, 4C … channels: for 512 × 512 pixels and {@link LAVT_SWIN_B} (B, 128, 128, 128), (B, 64, 64, 256),
 * (B, 32, 32, 512) and (B, 16, 16, 1024).
 */
export function lavtMaps(
  graph: Graph,
  p: ParameterSource,
  { embed, depths, heads, window }: LavtSettings,
  picture: Value,
  words: Words,
): Value[] {
  let x = patches(p, picture, embed); // (B, h, w, C)
  return depths.map((depth, stage) => {
    const name = `layers.${stage}`;
    for (let i = 0; i < depth; i++)
      x = block(graph, p, `${name}.blocks.${i}`, x, heads[stage], window, i % 2 === 0 ? 0 : Math.floor(window / 2));
    const heard = publishedPwam(p, `${name}.fusion`, x, words); // (B, h, w, C)
    // Behind the last stage nothing reads the places any more.
    if (stage < depths.length - 1) {
      const going = add(x, mul(gate(p, `${name}.res_gate`, heard), heard)); // (B, h, w, C)
      x = merge(p, `${name}.downsample`, going); // (B, h/2, w/2, 2C)
    }
    return layerNormLayer(p, `norm${stage}`, heard); // (B, h, w, C)
  });
}
