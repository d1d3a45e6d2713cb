/**
 * SimpleClick with a plain ViT (Liu et al., ICCV 2023) as a frozen graph, by the names of its checkpoints: isegm/model/is_plainvit_model.py,
 * modeling/models_vit.py and modeling/swin_transformer.py (the head). In the comments N tokens of a picture, D channels, W windows of n tokens.
 */
import {
  add,
  concat,
  conv2d,
  depthToSpace,
  div,
  type FrozenParameters,
  type Graph,
  gelu,
  groupNormLayer,
  layerNormLayer,
  linear,
  mlp,
  permuteRows,
  relu,
  reshape,
  resizeBilinear,
  selfAttention,
  slice,
  spaceToDepth,
  sub,
  transpose,
  type Value,
} from '@adclick/ortgrad';
import { toPicture } from './published-adclick.ts';
import { reorder, windowOrder } from './swin.ts';

/** Name of the imported network, and of the rival. */
export const SIMPLE_CLICK = 'simple-click-vit-b';

/** Channels of a level of the pyramid at strides 4, 8, 16 and 32. */
export type PyramidWidths = readonly [number, number, number, number];

/** Sizes of one network. */
export interface SimpleClickShape {
  /** Pixels along a side of what it sees. */
  readonly side: number;
  /** Pixels along a side of a token. */
  readonly patch: number;
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
  /** Tokens along a side of a window; windows divide the picture. */
  readonly window: number;
  readonly levels: PyramidWidths;
  /** Channels of the head. */
  readonly head: number;
}

/** ViT-B of the published checkpoints. */
export const SIMPLE_CLICK_VIT_B: SimpleClickShape = {
  side: 448,
  patch: 16,
  dim: 768,
  depth: 12,
  heads: 12,
  window: 14,
  levels: [128, 256, 512, 1024],
  head: 256,
};

/** Hidden width of a block's perceptron over its width. */
export const MLP_RATIO = 4;

/** Added under the root by the blocks' normalisations. */
const BLOCK_EPSILON = 1e-6;

/** What pictures are normalised by, as torchvision's networks take them. */
const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];

/** Blocks after which tokens of all windows have met: the last of each of two or four groups. */
export const isGlobal = (block: number, depth: number): boolean => (block + 1) % (depth === 12 ? 6 : depth / 4) === 0;

/** Channels between the two steps of each level: strides 4, 8 and 32. */
export const innerWidths = ({ dim, levels }: SimpleClickShape) => ({
  down4: Math.max(2 * levels[0], dim / 2),
  down8: Math.max(levels[1], dim / 2),
  down32: Math.max(levels[3], 2 * dim),
});

/** x [..., K] through `name.weight` [features, K], stored as PyTorch does, and `name.bias`. */
function dense(p: FrozenParameters, name: string, x: Value, features: number): Value {
  const inner = x.shape[x.shape.length - 1];
  return linear(x, transpose(p.get(`${name}.weight`, [features, inner]), [1, 0]), p.get(`${name}.bias`, [features]));
}

/** Tokens of a planar map: x (B, 3, H, W) -> (B, N, D). */
function patches(p: FrozenParameters, name: string, x: Value, { dim, patch }: SimpleClickShape): Value {
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const weight = p.get(`${name}.weight`, [dim, channels, patch, patch]);
  const map = conv2d(x, weight, p.get(`${name}.bias`, [dim]), { stride: patch }); // (B, D, h, w)
  return transpose(reshape(map, [batch, dim, (height / patch) * (width / patch)]), [0, 2, 1]); // (B, N, D)
}

/** A transformer block over tokens that attend to each other within windows of n: x (B, N, D) -> (B, N, D). */
function block(p: FrozenParameters, name: string, x: Value, n: number, { dim, heads }: SimpleClickShape): Value {
  const [batch, count] = x.shape as [number, number, number];
  const seen = layerNormLayer(p, `${name}.norm1`, x, BLOCK_EPSILON); // (B, N, D)
  const qkv = reshape(dense(p, `${name}.attn.qkv`, seen, 3 * dim), [(batch * count) / n, n, 3 * dim]); // (B·W, n, 3D)
  const mixed = reshape(selfAttention(qkv, heads, null, { scale: 1 / Math.sqrt(dim / heads) }), [batch, count, dim]); // (B, N, D)
  const h = add(x, dense(p, `${name}.attn.proj`, mixed, dim)); // (B, N, D)
  const hidden = MLP_RATIO * dim;
  const matrix = (part: string, rows: number, columns: number) =>
    transpose(p.get(`${name}.mlp.${part}.weight`, [rows, columns]), [1, 0]);
  const bias = (part: string, features: number) => p.get(`${name}.mlp.${part}.bias`, [features]);
  const normal = layerNormLayer(p, `${name}.norm2`, h, BLOCK_EPSILON); // (B, N, D)
  return add(
    h,
    mlp(normal, matrix('fc1', hidden, dim), bias('fc1', hidden), matrix('fc2', dim, hidden), bias('fc2', dim)),
  );
}

/** A 1×1 convolution: x (B, h, w, K) -> (B, h, w, features). */
function pointwise(p: FrozenParameters, name: string, x: Value, features: number): Value {
  const inputs = x.shape[3];
  const weight = transpose(reshape(p.get(`${name}.weight`, [features, inputs, 1, 1]), [features, inputs]), [1, 0]);
  return linear(x, weight, p.get(`${name}.bias`, [features]));
}

/** A transposed convolution of 2×2 at stride 2: x (B, h, w, K) -> (B, 2h, 2w, features). */
function double(p: FrozenParameters, name: string, x: Value, features: number): Value {
  const inputs = x.shape[3];
  const weight = transpose(p.get(`${name}.weight`, [inputs, features, 2, 2]), [0, 2, 3, 1]); // (K, 2, 2, features)
  const bias = p.get(`${name}.bias`, [features]);
  const four = linear(x, reshape(weight, [inputs, 4 * features]), concat([bias, bias, bias, bias], 0)); // (B, h, w, 4·features)
  return depthToSpace(four, 2); // (B, 2h, 2w, features)
}

/** A convolution of 2×2 at stride 2: x (B, h, w, K) -> (B, h/2, w/2, features). */
function halve(p: FrozenParameters, name: string, x: Value, features: number): Value {
  const inputs = x.shape[3];
  const weight = transpose(p.get(`${name}.weight`, [features, inputs, 2, 2]), [2, 3, 1, 0]); // (2, 2, K, features)
  return linear(spaceToDepth(x, 2), reshape(weight, [4 * inputs, features]), p.get(`${name}.bias`, [features]));
}

/** The simple feature pyramid: x (B, h, w, D) -> strides 4, 8, 16 and 32 of the picture, each (B, ., ., its width). */
function pyramid(p: FrozenParameters, x: Value, shape: SimpleClickShape): Value[] {
  const { levels } = shape;
  const inner = innerWidths(shape);
  const level = (name: string, first: number, from: Value, width: number) =>
    gelu(groupNormLayer(p, `${name}.${first + 1}`, pointwise(p, `${name}.${first}`, from, width)));
  const twice = gelu(groupNormLayer(p, 'neck.down_4.1', double(p, 'neck.down_4.0', x, inner.down4))); // (B, 2h, 2w, down4)
  const four = groupNormLayer(p, 'neck.down_4.4', double(p, 'neck.down_4.3', twice, inner.down4 / 2)); // (B, 4h, 4w, down4/2)
  const two = groupNormLayer(p, 'neck.down_8.1', double(p, 'neck.down_8.0', x, inner.down8)); // (B, 2h, 2w, down8)
  const half = groupNormLayer(p, 'neck.down_32.1', halve(p, 'neck.down_32.0', x, inner.down32)); // (B, h/2, w/2, down32)
  return [
    level('neck.down_4', 5, four, levels[0]), // (B, 4h, 4w, levels[0])
    level('neck.down_8', 2, two, levels[1]), // (B, 2h, 2w, levels[1])
    level('neck.down_16', 0, x, levels[2]), // (B, h, w, levels[2])
    level('neck.down_32', 2, half, levels[3]), // (B, h/2, w/2, levels[3])
  ];
}

/**
 * Logits at stride 4 from all levels. The convolution that joins them is taken apart by levels: it gives the same before they are brought to
 * stride 4 as after, with a quarter of the arithmetic.
 */
function headOn(p: FrozenParameters, maps: readonly Value[], head: number): Value {
  const [, height, width] = maps[0].shape as [number, number, number, number];
  const fusion = transpose(
    reshape(p.get('head.fusion_conv.conv.weight', [head, 4 * head, 1, 1]), [head, 4 * head]),
    [1, 0],
  ); // (4·head, head)
  const parts = maps.map((map, i) => {
    const seen = relu(pointwise(p, `head.convs.${i}.conv`, map, head)); // (B, ., ., head)
    const own = linear(seen, slice(fusion, 0, i * head, (i + 1) * head)); // (B, ., ., head)
    return i === 0 ? own : resizeBilinear(own, [height, width], { layout: 'nhwc' }); // (B, 4h, 4w, head)
  });
  const joined = add(parts.reduce(add), p.get('head.fusion_conv.conv.bias', [head])); // (B, 4h, 4w, head)
  return pointwise(p, 'head.conv_seg', relu(joined), 1); // (B, 4h, 4w, 1)
}

/**
 * Builds the network.
 * @param picture colours in [0,1], (B, 3, side, side).
 * @param clickMap previous probability, positive discs and negative discs in [0,1], (B, 3, side, side).
 * @returns logits (B, side, side).
 */
export function simpleClick(
  graph: Graph,
  p: FrozenParameters,
  shape: SimpleClickShape,
  picture: Value,
  clickMap: Value,
): Value {
  const { side, patch, dim, depth, window, head } = shape;
  const batch = picture.shape[0];
  const tokens = side / patch;
  const count = tokens * tokens;
  const colour = (values: readonly number[]) => graph.constant(Float32Array.from(values), [3, 1, 1]);
  const normal = div(sub(picture, colour(MEAN)), colour(DEVIATION)); // (B, 3, side, side)
  const seen = patches(p, 'backbone.patch_embed.proj', normal, shape); // (B, N, D)
  const clicks = patches(p, 'patch_embed_coords.proj', clickMap, shape); // (B, N, D)
  // The first place is that of a class token, which is not there.
  const places = slice(p.get('backbone.pos_embed', [1, count + 1, dim]), 1, 1, count + 1); // (1, N, D)
  const order = windowOrder({ height: tokens, width: tokens }, window, 0);
  // Attention over all tokens does not ask for their order: they stay window by window.
  let x = permuteRows(add(add(seen, clicks), places), order, 1); // (B, N, D)
  for (let i = 0; i < depth; i++)
    x = block(p, `backbone.blocks.${i}`, x, isGlobal(i, depth) ? count : window * window, shape); // (B, N, D)
  const map = reshape(permuteRows(x, reorder(order, undefined, count), 1), [batch, tokens, tokens, dim]); // (B, h, w, D)
  const logits = headOn(p, pyramid(p, map, shape), head); // (B, 4h, 4w, 1)
  return toPicture(logits, side, side); // (B, side, side)
}
