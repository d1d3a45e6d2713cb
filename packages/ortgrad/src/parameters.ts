/** Where layers get their weights from: constants of a finished model, or slices of one flat vector while training. */
import { fail } from './errors.ts';
import { type Graph, Value } from './graph.ts';
import { elementCount, sameShape, shapeText, type Tensor, toFloat32 } from './tensor.ts';

/** How a parameter begins. */
export interface Initializer {
  readonly kind: 'zeros' | 'ones' | 'constant' | 'normal' | 'truncatedNormal' | 'xavierUniform' | 'kaimingUniform';
  /** For 'constant'. */
  readonly value?: number;
  /** For 'normal' and 'truncatedNormal' (cut at two deviations); default 0.02. */
  readonly std?: number;
}

/** How the optimiser treats a parameter. */
export interface ParameterOptions {
  /** Weight decay; default: yes for two axes and more, no for vectors. */
  readonly decay?: boolean;
  /** Multiplier of the learning rate; default 1. */
  readonly rate?: number;
}

/** What layers ask for weights; the same name gives the same weights. */
export interface ParameterSource {
  get(name: string, shape: readonly number[], init: Initializer, options?: ParameterOptions): Value;
}

/** Weights as constants: for models that only run. Float16 weights become float32. */
export class FrozenParameters implements ParameterSource {
  private readonly values = new Map<string, Value>();

  constructor(
    private readonly graph: Graph,
    private readonly weights: ReadonlyMap<string, Tensor>,
  ) {}

  /** @throws ADC_WEIGHTS_DAMAGED when the name is missing or has another shape. */
  get(name: string, shape: readonly number[]): Value {
    const known = this.values.get(name);
    if (known && sameShape(known.shape, shape)) return known;
    const value = this.graph.constant(floatsOf(this.weights, name, shape), shape);
    this.values.set(name, value);
    return value;
  }

  /**
   * A weight in the element type that it is stored in, for tables of which a model looks up a few rows and casts those.
   * @throws ADC_WEIGHTS_DAMAGED when the name is missing or has another shape.
   */
  stored(name: string, shape: readonly number[]): Value {
    const { data, dtype } = heldAs(this.weights, name, shape);
    return this.graph.constant(data, shape, dtype);
  }
}

function heldAs(weights: ReadonlyMap<string, Tensor>, name: string, shape: readonly number[]): Tensor {
  const held = weights.get(name);
  const what = held ? `${name} is ${shapeText(held.shape)} and should be ${shapeText(shape)}` : `${name} is missing`;
  if (!held || !sameShape(held.shape, shape)) throw fail('ADC_WEIGHTS_DAMAGED', { path: '(weights)', what });
  return held;
}

const floatsOf = (weights: ReadonlyMap<string, Tensor>, name: string, shape: readonly number[]): Float32Array =>
  toFloat32(heldAs(weights, name, shape));

/** One parameter's place in the flat vector. */
export interface ParameterEntry {
  readonly name: string;
  readonly shape: readonly number[];
  /** First element in the flat vector. */
  readonly offset: number;
  readonly init: Initializer;
  readonly decay: boolean;
  readonly rate: number;
}

/** All parameters of a network, in the order of first use. */
export interface ParameterLayout {
  readonly entries: readonly ParameterEntry[];
  /** Elements of the flat vector. */
  readonly size: number;
}

/**
 * Weights as slices of one flat float32 input.
 * Two hundred separate inputs and outputs cost 5–15 % of a step; slices of one vector cost nothing measurable.
 */
export class FlatParameters implements ParameterSource {
  private readonly entries: ParameterEntry[] = [];
  private readonly values = new Map<string, Value>();
  private readonly flat: Value;
  private size = 0;

  /** @param input name of the flat vector; {@link declare} adds it to the graph once its length is known. */
  constructor(
    private readonly graph: Graph,
    private readonly input: string,
  ) {
    this.flat = new Value(graph, input, [], 'float32', false);
  }

  get(name: string, shape: readonly number[], init: Initializer, options: ParameterOptions = {}): Value {
    const known = this.values.get(name);
    if (known) {
      if (sameShape(known.shape, shape)) return known;
      const got = `${shapeText(known.shape)} and ${shapeText(shape)}`;
      throw fail('ADC_GRAPH_SHAPE', { op: `parameter ${name}`, what: 'one name has one shape', got });
    }
    const { graph } = this;
    const count = elementCount(shape);
    const range = [this.size, this.size + count].map((bound) => graph.int64([bound]));
    const [part] = graph.node('Slice', [this.flat, ...range, graph.int64([0])], [{ shape: [count] }]);
    const shaped = shape.length === 1 ? part : graph.node('Reshape', [part, graph.int64(shape)], [{ shape }])[0];
    const value = new Value(graph, shaped.name, shape, 'float32', true);
    this.values.set(name, value);
    const { decay = shape.length >= 2, rate = 1 } = options;
    this.entries.push({ name, shape: [...shape], offset: this.size, init, decay, rate });
    this.size += count;
    return value;
  }

  /** Declares the flat input, now that all parameters are known. */
  declare(): Value {
    return this.graph.input(this.input, [this.size]);
  }

  /** The parameters' values in layout order. */
  get all(): Value[] {
    return [...this.values.values()];
  }

  get layout(): ParameterLayout {
    return { entries: this.entries, size: this.size };
  }
}

/** True when two layouts put the same parameters in the same places. */
export function sameLayout(a: ParameterLayout, b: ParameterLayout): boolean {
  return (
    a.size === b.size &&
    a.entries.length === b.entries.length &&
    a.entries.every((entry, index) => {
      const other = b.entries[index];
      return entry.name === other.name && sameShape(entry.shape, other.shape) && entry.offset === other.offset;
    })
  );
}

/** Uniform numbers in [0, 1) from a text: mulberry32 over an FNV hash. Each parameter has its own stream, so order is free. */
function stream(seed: string): () => number {
  let state = 0x811c9dc5;
  for (const character of seed) state = Math.imul(state ^ character.charCodeAt(0), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Inputs and outputs of a weight [K, N] or a kernel [Co, Ci, kh, kw]. */
function fans(shape: readonly number[]): { fanIn: number; fanOut: number } {
  if (shape.length < 2) return { fanIn: elementCount(shape), fanOut: elementCount(shape) };
  if (shape.length === 2) return { fanIn: shape[0], fanOut: shape[1] };
  const taps = elementCount(shape.slice(2));
  return { fanIn: shape[1] * taps, fanOut: shape[0] * taps };
}

/** First values of one parameter; a pure function of seed and name. */
function initialValues(entry: ParameterEntry, seed: number): Float32Array {
  const { kind, value = 0, std = 0.02 } = entry.init;
  const out = new Float32Array(elementCount(entry.shape));
  const next = stream(`${seed}/${entry.name}`);
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const { fanIn, fanOut } = fans(entry.shape);
  const uniform = (bound: number) => out.map(() => bound * (2 * next() - 1));
  switch (kind) {
    case 'zeros':
      return out;
    case 'ones':
      return out.fill(1);
    case 'constant':
      return out.fill(value);
    case 'normal':
      return out.map(() => std * normal());
    case 'truncatedNormal':
      return out.map(() => {
        let draw = normal();
        while (Math.abs(draw) > 2) draw = normal();
        return std * draw;
      });
    case 'xavierUniform':
      return uniform(Math.sqrt(6 / (fanIn + fanOut)));
    case 'kaimingUniform':
      return uniform(Math.sqrt(6 / fanIn));
  }
}

/**
 * The flat vector that a network begins with.
 * @param weights values to take instead of initial ones; names it lacks are initialised.
 * @throws ADC_WEIGHTS_DAMAGED when a given weight has another shape.
 */
export function initialVector(
  layout: ParameterLayout,
  seed: number,
  weights?: ReadonlyMap<string, Tensor>,
): Float32Array {
  const out = new Float32Array(layout.size);
  for (const entry of layout.entries) {
    const given = weights?.has(entry.name) ? floatsOf(weights, entry.name, entry.shape) : undefined;
    out.set(given ?? initialValues(entry, seed), entry.offset);
  }
  return out;
}

/** The parameters of a flat vector by name, as copies. */
export function splitVector(layout: ParameterLayout, flat: Float32Array): Map<string, Tensor> {
  return new Map(
    layout.entries.map(({ name, shape, offset }) => [
      name,
      { data: flat.slice(offset, offset + elementCount(shape)), shape, dtype: 'float32' },
    ]),
  );
}
