/** Layers: ops with named weights from a {@link ParameterSource}. */
import type { Value } from './graph.ts';
import { type ConvOptions, conv2d } from './ops/conv2d.ts';
import { add, mul, sub } from './ops/elementwise.ts';
import { groupNorm } from './ops/group-norm.ts';
import { layerNorm, layerNormBeforeFolded } from './ops/layer-norm.ts';
import { type Folded, foldedLinear, linear } from './ops/linear.ts';
import { reduceMean } from './ops/reduce.ts';
import { scale } from './ops/scalars.ts';
import { reshape } from './ops/shape.ts';
import type { Initializer, ParameterSource } from './parameters.ts';

const ZEROS: Initializer = { kind: 'zeros' };
const ONES: Initializer = { kind: 'ones' };
const WEIGHT: Initializer = { kind: 'truncatedNormal', std: 0.02 };

const lastSide = (x: Value): number => x.shape[x.shape.length - 1];

/** x [..., K] -> [..., features] with `name.weight` [K, features] and `name.bias`. */
export function linearLayer(
  p: ParameterSource,
  name: string,
  x: Value,
  features: number,
  init: Initializer = WEIGHT,
): Value {
  const weight = p.get(`${name}.weight`, [lastSide(x), features], init);
  return linear(x, weight, p.get(`${name}.bias`, [features], ZEROS));
}

/** Layer normalisation with `name.weight` and `name.bias`. */
export function layerNormLayer(p: ParameterSource, name: string, x: Value, eps = 1e-5): Value {
  const side = lastSide(x);
  return layerNorm(x, p.get(`${name}.weight`, [side], ONES), p.get(`${name}.bias`, [side], ZEROS), eps);
}

/** Group normalisation with one group and `name.weight` and `name.bias`; x (B, …, C). */
export function groupNormLayer(p: ParameterSource, name: string, x: Value): Value {
  const side = lastSide(x);
  return groupNorm(x, p.get(`${name}.weight`, [side], ONES), p.get(`${name}.bias`, [side], ZEROS));
}

/**
 * Moves a normalisation's affine into the linear layer behind it: (n·g + s)·w + b = n·(g∘w) + (s·w + b), once a weight instead of once a
 * token, forward and backward. The rows of n have mean 0, so c = g∘w less its columns' means gives the same product, and
 * (n + 1)·(c + (s·w + b)/K) is all of it: {@link layerNormBeforeFolded} gives n + 1, `foldedLinear` multiplies.
 * @param weight [K, N] @param bias [N] @param gain [K] @param shift [K]
 */
export function foldAffine(weight: Value, bias: Value, gain: Value, shift: Value): Folded {
  const [inner, columns] = weight.shape;
  const moved = reshape(linear(reshape(shift, [1, inner]), weight), [columns]);
  const scaled = mul(reshape(gain, [inner, 1]), weight);
  const centred = sub(scaled, reduceMean(scaled, [0], true));
  return { weight: add(centred, scale(add(moved, bias), 1 / inner)), centred };
}

/** {@link layerNormLayer} followed by {@link linearLayer}, folded; the weights keep their usual names and meaning. */
export function normLinearLayer(
  p: ParameterSource,
  norm: string,
  name: string,
  x: Value,
  features: number,
  init: Initializer = WEIGHT,
): Value {
  const inner = lastSide(x);
  const gain = p.get(`${norm}.weight`, [inner], ONES);
  const shift = p.get(`${norm}.bias`, [inner], ZEROS);
  const weight = p.get(`${name}.weight`, [inner, features], init);
  const folded = foldAffine(weight, p.get(`${name}.bias`, [features], ZEROS), gain, shift);
  return foldedLinear(layerNormBeforeFolded(x), folded);
}

/** x (B, Ci, H, W) -> (B, features, H', W') with `name.weight` (features, Ci/groups, size, size) and `name.bias`. */
export function conv2dLayer(
  p: ParameterSource,
  name: string,
  x: Value,
  features: number,
  size: number,
  options: ConvOptions = {},
): Value {
  const shape = [features, x.shape[1] / (options.groups ?? 1), size, size];
  const weight = p.get(`${name}.weight`, shape, { kind: 'kaimingUniform' });
  return conv2d(x, weight, p.get(`${name}.bias`, [features], ZEROS), options);
}
