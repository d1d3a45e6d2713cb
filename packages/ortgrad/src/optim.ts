/** The optimiser as graph nodes: global-norm clipping, AdamW and a moving average over flat vectors. */
import type { Graph, Value } from './graph.ts';
import { emit } from './ops/common.ts';
import { add, div, mul, neg, sqrt, sub } from './ops/elementwise.ts';
import { expand, reduceSum } from './ops/reduce.ts';
import { addScalar, scale } from './ops/scalars.ts';
import { concat, reshape, slice } from './ops/shape.ts';
import type { ParameterEntry, ParameterLayout } from './parameters.ts';
import { elementCount } from './tensor.ts';

/** Settings of the optimiser that are fixed in the graph. */
export interface OptimizerOptions {
  /** Decay of the first and second moment; default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly eps?: number;
  /** Largest Euclidean norm of the whole gradient; longer ones are shortened to it. Default: no limit. */
  readonly clipNorm?: number;
}

/** Flat vectors of the optimiser. */
export interface OptimizerState {
  readonly p: Value;
  readonly m: Value;
  readonly v: Value;
  readonly ema: Value;
}

/** Names of the state's vectors, in the order of {@link OptimizerState}. */
export const STATE = ['p', 'm', 'v', 'ema'] as const;

/** Places in the hyper vector. */
export const HYPER = {
  learningRate: 0,
  weightDecay: 1,
  /** 1 / (1 - β1^t) */
  momentCorrection: 2,
  /** 1 / √(1 - β2^t) */
  varianceCorrection: 3,
  emaDecay: 4,
} as const;

/** Length of the hyper vector. */
export const HYPER_SIZE = 5;

/**
 * A vector over all parameters made of one number a parameter; neighbours with the same number share a run.
 * It is made in every step because as a constant it would add the size of the network to the model.
 */
function spread(layout: ParameterLayout, key: (entry: ParameterEntry) => number, value: (key: number) => Value): Value {
  const runs: { key: number; length: number }[] = [];
  for (const entry of layout.entries) {
    const last = runs[runs.length - 1];
    const length = elementCount(entry.shape);
    if (last?.key === key(entry)) last.length += length;
    else runs.push({ key: key(entry), length });
  }
  if (runs.length === 1) return value(runs[0].key);
  return concat(
    runs.map((run) => expand(value(run.key), [run.length])),
    0,
  );
}

/** Gradients joined at once. */
const GROUP = 4;

/**
 * The flat gradient of parts in layout order, joined in groups of neighbours first.
 * onnxruntime orders a run by walking back from the results, later nodes first. With one join it would walk to the first
 * layer before it made any weight's gradient, and keep every layer's activations until then; groups make it finish the last
 * layers first, as backpropagation should.
 */
export function joined(parts: readonly Value[]): Value {
  const flat = parts.map((part) => reshape(part, [elementCount(part.shape)]));
  const groups: Value[] = [];
  for (let start = 0; start < flat.length; start += GROUP) groups.push(concat(flat.slice(start, start + GROUP), 0));
  return concat(groups, 0);
}

/**
 * One AdamW step (decoupled weight decay, bias correction) and one step of the moving average:
 * p ← p·(1 - η·r·λ·d) - η·r·m̂ / (√v̂ + eps) with rate r and decay flag d of each parameter; ema ← δ·ema + (1 - δ)·p.
 * @param gradient flat, in layout order. @param hyper the vector of {@link HYPER}.
 * @returns the next state and the gradient's norm before clipping.
 */
export function adamW(
  graph: Graph,
  layout: ParameterLayout,
  gradient: Value,
  state: OptimizerState,
  hyper: Value,
  options: OptimizerOptions = {},
): { next: OptimizerState; gradNorm: Value } {
  const { betas = [0.9, 0.999], eps = 1e-8, clipNorm } = options;
  const setting = (name: keyof typeof HYPER) => slice(hyper, 0, HYPER[name], HYPER[name] + 1);
  const learningRate = setting('learningRate');
  const emaDecay = setting('emaDecay');

  const squares = mul(gradient, gradient);
  const gradNorm = sqrt(reduceSum(squares, [0], true));
  // Clipping multiplies the moments' factors, not the gradient: one pass over the vector less.
  const shorten = clipNorm === undefined ? undefined : clipFactor(graph, gradNorm, clipNorm);
  const fresh = (share: number, power: 1 | 2) => {
    const base = graph.constant(Float32Array.of(share), [1]);
    if (!shorten) return base;
    return mul(base, power === 1 ? shorten : mul(shorten, shorten));
  };
  const m = add(scale(state.m, betas[0]), mul(gradient, fresh(1 - betas[0], 1)));
  const v = add(scale(state.v, betas[1]), mul(squares, fresh(1 - betas[1], 2)));

  // m̂ / (√v̂ + eps) with the corrections moved to single numbers: a pass over the vector less.
  const varianceCorrection = setting('varianceCorrection');
  const direction = div(m, add(sqrt(v), div(graph.constant(Float32Array.of(eps), [1]), varianceCorrection)));
  const pace = div(mul(learningRate, setting('momentCorrection')), varianceCorrection);
  const paces = spread(
    layout,
    (entry) => entry.rate,
    (rate) => scale(pace, rate),
  );
  const loss = mul(learningRate, setting('weightDecay'));
  const keep = spread(
    layout,
    (entry) => (entry.decay ? entry.rate : 0),
    (rate) => addScalar(neg(scale(loss, rate)), 1),
  );
  const p = sub(mul(state.p, keep), mul(direction, paces));
  const ema = add(mul(state.ema, emaDecay), mul(p, addScalar(neg(emaDecay), 1)));
  return { next: { p, m, v, ema }, gradNorm: reshape(gradNorm, []) };
}

/** min(1, clipNorm / norm), shape [1]. */
function clipFactor(graph: Graph, norm: Value, clipNorm: number): Value {
  const limit = graph.constant(Float32Array.of(clipNorm), [1]);
  return emit(graph, 'Min', [graph.constant(Float32Array.of(1), [1]), div(limit, addScalar(norm, 1e-6))], [1]);
}
