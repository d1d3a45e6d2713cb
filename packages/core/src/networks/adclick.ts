/** The click model: calibrated residual + clicks -> Swin blocks -> pyramid -> defect logits (Fig. 2 of the paper; sizes ours). */
import {
  add,
  concat,
  conv2d,
  conv2dLayer,
  depthToSpace,
  type Graph,
  gelu,
  layerNorm,
  linear,
  type ParameterSource,
  relu,
  reshape,
  resizeBilinear,
  slice,
  spaceToDepth,
  transpose,
  type Value,
} from '@adclick/ortgrad';
import { TOKEN_STRIDE } from '../features/grid.ts';
import { pwam, type Words } from './pwam.ts';
import { dense, type SwinSettings, swinStack, type TokenGrid } from './swin.ts';

/** Side of a token in pixels of the model grid. */
export const TOKEN = TOKEN_STRIDE;

/**
 * Click planes of every token, computed without learning (clicks/encoding.ts): near and
 * wide Gaussian, residual similarity, feature similarity, each for positive and negative clicks.
 */
export const CLICK_PLANES = 8;

/** Channels of the click map: previous probability, positive discs, negative discs. */
export const CLICK_CHANNELS = 3;

/** Planes of likeness: how alike the colour of a pixel is to that under positive and under negative clicks. */
export const LIKENESS = 2;

/** Sizes of one click model. */
export interface AdclickSettings extends SwinSettings {
  /** Residual channels a token, the descriptor width of the backbone. */
  readonly residualDims: number;
  /** Channels of each pyramid level. */
  readonly pyramid: number;
  /** Channels of the sum that the logits are read from. */
  readonly head: number;
  /** Channels of the convolutions that draw the edges. */
  readonly edge: number;
  /** Channels of pixel–word attention. */
  readonly language: number;
}

/**
 * Named sizes. `small` ships (0.56 M parameters, a click on a laptop in well under a tenth of a second); `base` has five
 * times its arithmetic.
 */
export const PRESETS = {
  small: { dim: 96, depth: 4, heads: 4, window: 8, mlpRatio: 2, pyramid: 48, head: 32, edge: 16, language: 64 },
  base: { dim: 192, depth: 6, heads: 6, window: 8, mlpRatio: 3, pyramid: 96, head: 64, edge: 32, language: 128 },
} as const satisfies Record<string, Omit<AdclickSettings, 'residualDims'>>;

/** Name of a preset of this network. */
export type OwnPreset = keyof typeof PRESETS;

/** The logit that an untrained head gives everywhere: defects are rare. */
const RARE = -2;

/**
 * One pyramid level: project, normalise a pixel over its channels (a map-wide norm would break on crops), GELU, project to the head.
 * x (B, h, w, dim) -> (B, u·h, u·w, head) for an upscale of u.
 */
function level(p: ParameterSource, name: string, x: Value, settings: AdclickSettings, upscale = 1): Value {
  const wide = dense(p, `${name}.in`, x, settings.pyramid * upscale * upscale); // (B, h, w, pyramid·u²)
  const placed = upscale > 1 ? depthToSpace(wide, upscale) : wide; // (B, u·h, u·w, pyramid)
  return dense(p, `${name}.out`, gelu(layerNorm(placed)), settings.head); // (B, u·h, u·w, head)
}

/** Halves a map: 2×2 neighbours side by side, then a linear layer back to `dim`. x (B, h, w, dim) -> (B, h/2, w/2, dim). */
function halve(p: ParameterSource, name: string, x: Value, dim: number): Value {
  return gelu(layerNorm(dense(p, name, spaceToDepth(x, 2), dim)));
}

/** Doubles a map bilinearly. x (B, h, w, C) -> (B, 2h, 2w, C). */
function double(x: Value): Value {
  return resizeBilinear(x, [2 * x.shape[1], 2 * x.shape[2]], { layout: 'nhwc' });
}

/** Channels last to channels first. x (B, h, w, C) -> (B, C, h, w). */
const planar = (x: Value): Value => transpose(x, [0, 3, 1, 2]);

/** A linear layer over the channels of a planar map, as a convolution. x (B, K, h, w) -> (B, features, h, w). */
function pointwise(p: ParameterSource, name: string, x: Value, features: number): Value {
  const inputs = x.shape[1];
  const weight = p.get(`${name}.weight`, [inputs, features], {
    kind: 'truncatedNormal',
    std: 1 / Math.sqrt(3 * inputs),
  }); // (K, features)
  const kernel = reshape(transpose(weight, [1, 0]), [features, inputs, 1, 1]); // (features, K, 1, 1)
  return conv2d(x, kernel, p.get(`${name}.bias`, [features], { kind: 'zeros' }));
}

/**
 * What the picture's own pixels say of the edge (ours): residuals know where a defect is to a few pixels, hairlines and rims are
 * thinner than that. Convolutions at stride 2 see colour, clicks and the pyramid's sum, and correct the logits; they begin at nothing.
 * @param context (B, 2h, 2w, head) @returns correction (B, 1, 8h, 8w).
 */
function edges(p: ParameterSource, { clickMap, colours, likeness }: ClickInputs, context: Value, edge: number): Value {
  const [batch, , rows, columns] = colours.shape as [number, number, number, number];
  const seen = concat([planar(clickMap), colours, likeness], 1); // (B, 8, 8h, 8w)
  let x = relu(conv2dLayer(p, 'edge.seen', seen, edge, 4, { stride: 2, padding: 1 })); // (B, edge, 4h, 4w)
  const near = pointwise(p, 'edge.context', planar(context), edge); // (B, edge, 2h, 2w)
  const around = resizeBilinear(near, [rows / 2, columns / 2]); // (B, edge, 4h, 4w)
  x = relu(add(conv2dLayer(p, 'edge.mixed', x, edge, 3, { padding: 1 }), around)); // (B, edge, 4h, 4w)
  x = relu(conv2dLayer(p, 'edge.drawn', x, edge, 3, { padding: 1 })); // (B, edge, 4h, 4w)
  const weight = p.get('edge.logit.weight', [4, edge, 3, 3], { kind: 'zeros' }); // (4, edge, 3, 3)
  const four = conv2d(x, weight, p.get('edge.logit.bias', [4], { kind: 'zeros' }), { padding: 1 }); // (B, 4, 4h, 4w)
  // Channel 2i + j of a cell goes to row i, column j of its square.
  const squares = transpose(reshape(four, [batch, 2, 2, rows / 2, columns / 2]), [0, 3, 1, 4, 2]); // (B, 4h, 2, 4w, 2)
  return reshape(squares, [batch, 1, rows, columns]); // (B, 1, 8h, 8w)
}

/** What the network sees of the clicks, and the picture's colours: values of one graph. */
export interface ClickInputs {
  /** {@link CLICK_PLANES} a token, (B, h, w, 8). */
  readonly clickPlanes: Value;
  /** {@link CLICK_CHANNELS} in [0,1], (B, 8h, 8w, 3). */
  readonly clickMap: Value;
  /** Normalised colours (B, 3, 8h, 8w). */
  readonly colours: Value;
  /** {@link LIKENESS} in [0,1], (B, 2, 8h, 8w). */
  readonly likeness: Value;
}

/** Declares the click inputs of a graph for a grid of (height, width) tokens, by the names of {@link ClickInputs}. */
export function clickInputs(graph: Graph, batch: number, height: number, width: number): ClickInputs {
  const [rows, columns] = [TOKEN * height, TOKEN * width];
  return {
    clickPlanes: graph.input('clickPlanes', [batch, height, width, CLICK_PLANES]),
    clickMap: graph.input('clickMap', [batch, rows, columns, CLICK_CHANNELS]),
    colours: graph.input('colours', [batch, 3, rows, columns]),
    likeness: graph.input('likeness', [batch, LIKENESS, rows, columns]),
  };
}

/** Declares the graph input `residual`: log(1 + r²/c), (B, h, w, residualDims). */
export const residualInput = (
  graph: Graph,
  batch: number,
  height: number,
  width: number,
  residualDims: number,
): Value => graph.input('residual', [batch, height, width, residualDims]);

/** One linear layer reads residual and click planes; the residual's part is the same for all clicks on a picture. */
function inputLayer(p: ParameterSource, { residualDims, dim }: AdclickSettings) {
  const inputs = residualDims + CLICK_PLANES;
  const weight = p.get('residual.weight', [inputs, dim], { kind: 'truncatedNormal', std: 1 / Math.sqrt(3 * inputs) });
  return {
    bias: p.get('residual.bias', [dim], { kind: 'zeros' }), // (dim)
    residual: slice(weight, 0, 0, residualDims), // (residualDims, dim)
    clicks: slice(weight, 0, residualDims, inputs), // (8, dim)
  };
}

/** The part of the network that does not depend on clicks: residual (B, h, w, residualDims) -> (B, h, w, dim). */
export function embedResidual(p: ParameterSource, settings: AdclickSettings, residual: Value): Value {
  const layer = inputLayer(p, settings);
  return linear(residual, layer.residual, layer.bias); // (B, h, w, dim)
}

/**
 * What a prompt adds to the pyramid at the token grid (B, h, w, dim), the same for all clicks on a picture; nothing without words.
 * Coarser levels are made from it, so one map stands for the four of the published network. Begins at nothing.
 * @param tokens descriptors of the frozen backbone, (B, h, w, residualDims).
 */
export function languageMap(
  p: ParameterSource,
  { dim, language }: AdclickSettings,
  tokens: Value,
  words: Words,
): Value {
  const map = pwam(p, 'language', tokens, words, language); // (B, h, w, language)
  return linear(map, p.get('language.pyramid.weight', [language, dim], { kind: 'zeros' })); // (B, h, w, dim)
}

/** Declares the graph input `tokens`: descriptors of the frozen backbone, (B, h, w, residualDims). */
export const tokenInput = (graph: Graph, batch: number, height: number, width: number, residualDims: number): Value =>
  graph.input('tokens', [batch, height, width, residualDims]);

/**
 * Builds the network on a graph.
 * @param embedded what {@link embedResidual} gives, (B, h, w, dim). @param language what {@link languageMap} gives.
 * @returns logits (B, 8h, 8w).
 */
export function adclick(
  graph: Graph,
  p: ParameterSource,
  settings: AdclickSettings,
  embedded: Value,
  inputs: ClickInputs,
  language?: Value,
): Value {
  const [batch, height, width] = embedded.shape as [number, number, number, number];
  const { dim, head } = settings;
  const grid: TokenGrid = { height, width };

  const residual = layerNorm(add(embedded, linear(inputs.clickPlanes, inputLayer(p, settings).clicks))); // (B, h, w, dim)
  const clicks = dense(p, 'clicks', spaceToDepth(inputs.clickMap, TOKEN), dim); // (B, h, w, dim)
  const tokens = reshape(add(residual, clicks), [batch, height * width, dim]); // (B, h·w, dim)
  const blocks = swinStack(graph, p, 'blocks', tokens, grid, settings); // (B, h·w, dim)
  const seen = reshape(blocks, [batch, height, width, dim]); // (B, h, w, dim)
  const x8 = language ? add(seen, language) : seen; // (B, h, w, dim)
  const x16 = halve(p, 'halve16', x8, dim); // (B, h/2, w/2, dim)
  const x32 = halve(p, 'halve32', x16, dim); // (B, h/4, w/4, dim)

  let y = level(p, 'level32', x32, settings); // (B, h/4, w/4, head)
  y = add(level(p, 'level16', x16, settings), double(y)); // (B, h/2, w/2, head)
  y = add(level(p, 'level8', x8, settings), double(y)); // (B, h, w, head)
  y = add(level(p, 'level4', x8, settings, 2), double(y)); // (B, 2h, 2w, head)

  // Four logits a cell, so that the map is read at stride 2.
  const weight = p.get('logit.weight', [head, 4], { kind: 'truncatedNormal', std: 1 / Math.sqrt(3 * head) }); // (head, 4)
  const bias = p.get('logit.bias', [4], { kind: 'constant', value: RARE }); // (4)
  const logits = depthToSpace(linear(relu(y), weight, bias), 2); // (B, 4h, 4w, 1)
  const [rows, columns] = [TOKEN * height, TOKEN * width];
  const coarse = resizeBilinear(reshape(logits, [batch, 1, 4 * height, 4 * width]), [rows, columns]); // (B, 1, 8h, 8w)
  const drawn = edges(p, inputs, relu(y), settings.edge); // (B, 1, 8h, 8w)
  return reshape(add(coarse, drawn), [batch, rows, columns]); // (B, 8h, 8w)
}
