/**
 * The click model as published (Fig. 2 of the paper): squared residual + clicks -> one Swin stage -> pyramid + language -> logits.
 * In the comments D channels of a residual, E of a token, P1…P4 of the pyramid, F of the head; h × w tokens of 8 × 8 pixels.
 */
import {
  add,
  depthToSpace,
  type Graph,
  gelu,
  groupNormLayer,
  layerNormLayer,
  linear,
  mul,
  type ParameterSource,
  relu,
  reshape,
  resizeBilinear,
  slice,
  spaceToDepth,
  square,
  type Value,
} from '@adclick/ortgrad';
import { CLICK_CHANNELS, TOKEN } from './adclick.ts';
import { dense, type SwinSettings, swinStack } from './swin.ts';

/** Sizes of one published network. */
export interface PublishedSettings extends SwinSettings {
  /** Residual channels a token, the descriptor width of the backbone. */
  readonly residualDims: number;
  /** Channels of the pyramid at 1/4, 1/8, 1/16 and 1/32 of the picture. */
  readonly pyramid: readonly [number, number, number, number];
  /** Channels that each level of the pyramid, and their sum, has in the head. */
  readonly head: number;
  /** Channels of LAVT's four maps; none where language has no part. */
  readonly language?: readonly [number, number, number, number];
}

/** Width of the published Swin stage. */
export const PUBLISHED_WIDTH = 1024;

/**
 * The published sizes at `width`; at {@link PUBLISHED_WIDTH} they are those of the paper's code. A narrower network keeps depth, window
 * and channels of an attention head, and has its share of the others.
 * @param width channels of a token, a multiple of 32.
 */
export function publishedSizes(width: number, residualDims: number): PublishedSettings {
  if (!Number.isInteger(width / 32) || width <= 0)
    throw new RangeError(`publishedSizes: ${width} is no multiple of 32`);
  const share = (channels: number) => Math.round((channels * width) / PUBLISHED_WIDTH);
  return {
    ...{ dim: width, depth: 4, heads: width / 32, window: 8, mlpRatio: 4, residualDims },
    ...{ pyramid: [share(240), share(480), share(960), share(1920)], head: share(256) },
  };
}

/** What training leaves out at random, as factors: 0, or more than 1 for what stays. */
export interface Dropped {
  /** For each branch of each Swin block, (B, 2·depth). */
  readonly paths: Value;
  /** For each channel of the head, (B, F). */
  readonly channels: Value;
}

/** Declares the graph input `delta`: nearest good descriptor less the picture's own, (B, h, w, D). */
export const deltaInput = (graph: Graph, batch: number, height: number, width: number, residualDims: number): Value =>
  graph.input('delta', [batch, height, width, residualDims]);

/** Declares the graph input `clickMap` for a grid of (height, width) tokens: {@link CLICK_CHANNELS} in [0,1], (B, 8h, 8w, 3). */
export const clickMapInput = (graph: Graph, batch: number, height: number, width: number): Value =>
  graph.input('clickMap', [batch, TOKEN * height, TOKEN * width, CLICK_CHANNELS]);

/** Declares the graph inputs `lavt.0` to `lavt.3`, what LAVT's four stages say of a picture and a prompt; nothing without language. */
export function languageInputs(
  graph: Graph,
  { language }: PublishedSettings,
  batch: number,
  height: number,
  width: number,
): Value[] | undefined {
  return language?.map((channels, i) => {
    const [rows, columns] = [height, width].map((side) => (2 * side) / 2 ** i);
    return graph.input(`lavt.${i}`, [batch, rows, columns, channels]);
  });
}

/** Declares the inputs `paths` and `channels` of {@link Dropped}; the second where there is a head. */
export function droppedInputs(graph: Graph, batch: number, { depth, head }: PublishedSettings): Dropped {
  return { paths: graph.input('paths', [batch, 2 * depth]), channels: graph.input('channels', [batch, head]) };
}

/** The squared residual as tokens, the same for all clicks on a picture. delta (B, h, w, D) -> (B, h, w, E). */
export function embedDelta(p: ParameterSource, { dim }: PublishedSettings, delta: Value): Value {
  return layerNormLayer(p, 'residual.norm', dense(p, 'residual', square(delta), dim)); // (B, h, w, E)
}

/** The click map as tokens, a convolution of 8 × 8 at stride 8. clickMap (B, 8h, 8w, 3) -> (B, h, w, E). */
export const embedClicks = (p: ParameterSource, { dim }: PublishedSettings, clickMap: Value): Value =>
  dense(p, 'clicks', spaceToDepth(clickMap, TOKEN), dim);

/** The Swin stage: timm's blocks, four of them, every other one shifted by half a window. x (B, h, w, E) -> (B, h, w, E). */
export function stage(p: ParameterSource, settings: PublishedSettings, x: Value, paths?: Value): Value {
  const [batch, height, width, dim] = x.shape as [number, number, number, number];
  const tokens = reshape(x, [batch, height * width, dim]); // (B, h·w, E)
  const seen = swinStack(x.graph, p, 'blocks', tokens, { height, width }, settings, { affine: true, paths }); // (B, h·w, E)
  return reshape(seen, [batch, height, width, dim]); // (B, h, w, E)
}

/** A transposed convolution of 2 × 2 at stride 2. x (B, h, w, C) -> (B, 2h, 2w, features). */
function enlarged(p: ParameterSource, name: string, x: Value, features: number): Value {
  const channels = x.shape[3];
  const std = 1 / Math.sqrt(3 * channels);
  const weight = p.get(`${name}.weight`, [channels, 4 * features], { kind: 'truncatedNormal', std }); // (C, 4·features)
  const squares = depthToSpace(linear(x, weight), 2); // (B, 2h, 2w, features)
  return add(squares, p.get(`${name}.bias`, [features], { kind: 'zeros' }));
}

/** A convolution of 2 × 2 at stride 2. x (B, h, w, C) -> (B, h/2, w/2, features). */
const reduced = (p: ParameterSource, name: string, x: Value, features: number): Value =>
  dense(p, name, spaceToDepth(x, 2), features);

/** A 1 × 1 convolution, group norm and GELU: how every level of the pyramid and of the language ends. x (B, h, w, C) -> (B, h, w, features). */
const ending = (p: ParameterSource, name: string, x: Value, features: number): Value =>
  gelu(groupNormLayer(p, `${name}.norm`, dense(p, name, x, features)));

/** The pyramid, x (B, h, w, E) -> (B, 2h, 2w, P1), (B, h, w, P2), (B, h/2, w/2, P3), (B, h/4, w/4, P4). */
function pyramidOf(p: ParameterSource, { dim, pyramid }: PublishedSettings, x: Value): Value[] {
  const norm = (name: string, y: Value) => groupNormLayer(p, name, y);
  const fine = norm('pyramid.4.enlarged.norm', enlarged(p, 'pyramid.4.enlarged', x, dim / 2)); // (B, 2h, 2w, E/2)
  const coarse = norm('pyramid.16.reduced.norm', reduced(p, 'pyramid.16.reduced', x, 2 * dim)); // (B, h/2, w/2, 2E)
  const half = gelu(norm('pyramid.32.reduced.norm', reduced(p, 'pyramid.32.reduced', x, dim))); // (B, h/2, w/2, E)
  const coarsest = norm('pyramid.32.again.norm', reduced(p, 'pyramid.32.again', half, 2 * dim)); // (B, h/4, w/4, 2E)
  return [fine, x, coarse, coarsest].map((level, i) => ending(p, `pyramid.${4 * 2 ** i}`, level, pyramid[i]));
}

/**
 * What a prompt adds to each level of the pyramid, the same for all clicks on a picture.
 * @param maps what LAVT's four stages say, (B, 2h, 2w, ·), (B, h, w, ·), (B, h/2, w/2, ·), (B, h/4, w/4, ·). @returns the same with the
 * pyramid's channels.
 */
export const languageLevels = (p: ParameterSource, { pyramid }: PublishedSettings, maps: readonly Value[]): Value[] =>
  maps.map((map, i) => ending(p, `language.${4 * 2 ** i}`, map, pyramid[i]));

/**
 * SegFormer's head as SimpleClick has it: each level to F channels at 1/4, side by side, mixed, one logit.
 * Resizing and mixing change places, which is the same sum with less arithmetic (ours). @returns (B, 2h, 2w, 1).
 */
function headOf(p: ParameterSource, { head }: PublishedSettings, levels: readonly Value[], channels?: Value): Value {
  const [batch, rows, columns] = levels[0].shape as [number, number, number];
  const std = 1 / Math.sqrt(12 * head);
  const weight = p.get('head.mixed.weight', [4 * head, head], { kind: 'truncatedNormal', std }); // (4F, F)
  const bias = p.get('head.mixed.bias', [head], { kind: 'zeros' }); // (F)
  const parts = levels.map((level, i) => {
    const own = relu(dense(p, `head.${4 * 2 ** i}`, level, head)); // (B, ·, ·, F)
    const mixed = linear(own, slice(weight, 0, i * head, (i + 1) * head)); // (B, ·, ·, F)
    return resizeBilinear(mixed, [rows, columns], { layout: 'nhwc' }); // (B, 2h, 2w, F)
  });
  const mixed = relu(add(parts.reduce(add), bias)); // (B, 2h, 2w, F)
  const kept = channels ? mul(mixed, reshape(channels, [batch, 1, 1, head])) : mixed; // (B, 2h, 2w, F)
  return dense(p, 'head.logit', kept, 1); // (B, 2h, 2w, 1)
}

/** Logits at the picture's size, corners on corners. x (B, r, c, 1) -> (B, rows, columns). */
export function toPicture(x: Value, rows: number, columns: number): Value {
  const [batch, r, c] = x.shape as [number, number, number];
  const large = resizeBilinear(reshape(x, [batch, 1, r, c]), [rows, columns], { alignCorners: true });
  return reshape(large, [batch, rows, columns]);
}

/**
 * Builds the network on a graph.
 * @param embedded what {@link embedDelta} gives, (B, h, w, E). @param clickMap (B, 8h, 8w, 3).
 * @param language what {@link languageLevels} gives. @returns logits (B, 8h, 8w).
 */
export function publishedAdclick(
  p: ParameterSource,
  settings: PublishedSettings,
  embedded: Value,
  clickMap: Value,
  { language, dropped }: { readonly language?: readonly Value[]; readonly dropped?: Dropped } = {},
): Value {
  const [, height, width] = embedded.shape as [number, number, number];
  const tokens = add(embedded, embedClicks(p, settings, clickMap)); // (B, h, w, E)
  const seen = stage(p, settings, tokens, dropped?.paths); // (B, h, w, E)
  const pyramid = pyramidOf(p, settings, seen);
  const levels = language ? pyramid.map((level, i) => add(level, language[i])) : pyramid;
  return toPicture(headOf(p, settings, levels, dropped?.channels), TOKEN * height, TOKEN * width); // (B, 8h, 8w)
}
