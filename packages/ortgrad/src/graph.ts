/** Graphs of typed values with static shapes, the tape that remembers how each was made, and its reverse sweep. */
import { fail } from './errors.ts';
import { type Attributes, encodeModel, type OnnxNode, type OnnxPort } from './onnx.ts';
import {
  bytesOf,
  type DType,
  elementCount,
  sameShape,
  shapeText,
  type Tensor,
  type TensorData,
  tensor,
} from './tensor.ts';

/** One result in a graph: a name with a static shape and element type. */
export class Value {
  constructor(
    readonly graph: Graph,
    readonly name: string,
    readonly shape: readonly number[],
    readonly dtype: DType,
    /** True when a gradient can flow through this value to an input that asked for one. */
    readonly needsGrad: boolean,
  ) {}
}

/** Gradients of an op's inputs, given those of its outputs; `null` where none flows. */
export type Backward = (outputs: readonly (Value | null)[]) => readonly (Value | null)[];

interface TapeEntry {
  readonly outputs: readonly string[];
  readonly inputs: readonly Value[];
  readonly backward: Backward;
}

/** Shape and type of one output of a raw node. */
export interface OutputSpec {
  readonly shape: readonly number[];
  readonly dtype?: DType;
}

/** Constants up to this many bytes are compared and shared (index lists of equal layers above all); larger ones are taken as they come. */
const SHARED_CONSTANT_BYTES = 2 ** 20;

/** A graph under construction; `ops/` adds to it, {@link Graph.toModel} turns it into an ONNX file. */
export class Graph {
  private readonly nodes: OnnxNode[] = [];
  private readonly initializers = new Map<string, Tensor>();
  private readonly shared = new Map<string, Value>();
  private readonly inputs = new Map<string, Value>();
  private readonly results = new Map<string, Value>();
  private readonly tape: TapeEntry[] = [];
  private recording = true;
  private counter = 0;

  constructor(readonly name = 'graph') {}

  /**
   * Declares a graph input.
   * @param options.needsGrad lets {@link gradients} be asked for this input.
   */
  input(
    name: string,
    shape: readonly number[],
    dtype: DType = 'float32',
    options: { needsGrad?: boolean } = {},
  ): Value {
    if (this.inputs.has(name) || name.startsWith('_')) {
      throw fail('ADC_GRAPH_SHAPE', { op: 'input', what: 'input names are unique and do not begin with _', got: name });
    }
    const value = new Value(this, name, checkedShape('input', shape), dtype, options.needsGrad ?? false);
    this.inputs.set(name, value);
    return value;
  }

  /** A constant tensor inside the model; equal small constants share one initializer. */
  constant(data: TensorData, shape: readonly number[], dtype?: DType): Value {
    const held = tensor(data, shape, dtype);
    const shareable = data.byteLength <= SHARED_CONSTANT_BYTES;
    const key = shareable ? `${held.dtype}${shapeText(shape)}${Buffer.from(bytesOf(data)).toString('latin1')}` : '';
    const known = shareable ? this.shared.get(key) : undefined;
    if (known) return known;
    const value = new Value(this, this.freshName(), [...shape], held.dtype, false);
    this.initializers.set(value.name, held);
    if (shareable) this.shared.set(key, value);
    return value;
  }

  /** A float32 constant of shape []. */
  scalar(value: number): Value {
    return this.constant(Float32Array.of(value), []);
  }

  /** A float32 constant filled with one value. */
  filled(value: number, shape: readonly number[]): Value {
    return this.constant(new Float32Array(elementCount(shape)).fill(value), shape);
  }

  /** A 1-D int64 constant: axes, shapes, indices. */
  int64(values: readonly number[]): Value {
    return this.constant(BigInt64Array.from(values, BigInt), [values.length]);
  }

  /**
   * Adds one ONNX operator call without a gradient; ops build their forward and their gradient from these.
   * @param outputs the shapes the operator will produce; onnxruntime checks them when it loads the model.
   */
  node(
    op: string,
    inputs: readonly (Value | null)[],
    outputs: readonly OutputSpec[],
    attributes: Attributes = {},
    domain = '',
  ): Value[] {
    const values = outputs.map(
      (spec) => new Value(this, this.freshName(), checkedShape(op, spec.shape), spec.dtype ?? 'float32', false),
    );
    for (const input of inputs) {
      if (input && input.graph !== this) {
        throw fail('ADC_GRAPH_SHAPE', { op, what: 'every input must belong to this graph', got: input.graph.name });
      }
    }
    this.nodes.push({
      op,
      domain,
      inputs: inputs.map((input) => input?.name ?? ''),
      outputs: values.map((value) => value.name),
      attributes,
    });
    return values;
  }

  /**
   * Gives outputs of {@link node} a gradient rule.
   * `backward` may build gradients for all inputs: what nobody asks for is pruned from the model.
   * @returns the same outputs, now part of the tape (or as they were, when no input needs a gradient).
   */
  track(outputs: readonly Value[], inputs: readonly Value[], backward: Backward): Value[] {
    if (!this.recording || !inputs.some((input) => input.needsGrad)) return [...outputs];
    this.tape.push({ outputs: outputs.map((output) => output.name), inputs, backward });
    return outputs.map((output) => new Value(this, output.name, output.shape, output.dtype, true));
  }

  /** Names a result of the model. */
  output(name: string, value: Value): void {
    if (this.results.has(name) || this.inputs.has(name)) {
      throw fail('ADC_GRAPH_SHAPE', { op: 'output', what: 'input and output names are unique', got: name });
    }
    this.results.set(name, value);
  }

  /** Reverse sweep over the tape; use {@link gradients}. */
  differentiate(loss: Value, wrt: readonly Value[]): Value[] {
    const leads = new Set(wrt.map((value) => value.name));
    const entries = this.tape.filter((entry) => {
      if (!entry.inputs.some((input) => leads.has(input.name))) return false;
      for (const name of entry.outputs) leads.add(name);
      return true;
    });
    const sums = new Map<string, Value>([[loss.name, this.filled(1, loss.shape)]]);
    this.recording = false;
    try {
      for (const entry of entries.reverse()) {
        const outer = entry.outputs.map((name) => sums.get(name) ?? null);
        if (outer.every((value) => value === null)) continue;
        const inner = entry.backward(outer);
        for (const [index, input] of entry.inputs.entries()) {
          const part = inner[index];
          if (!part || !leads.has(input.name)) continue;
          if (!sameShape(part.shape, input.shape)) {
            throw fail('ADC_GRAPH_SHAPE', {
              op: 'gradients',
              what: 'a gradient must have the shape of its value',
              got: `${shapeText(part.shape)} for ${shapeText(input.shape)}`,
            });
          }
          const sum = sums.get(input.name);
          sums.set(input.name, sum ? this.node('Add', [sum, part], [{ shape: part.shape }])[0] : part);
        }
      }
    } finally {
      this.recording = true;
    }
    return wrt.map((value) => {
      const gradient = sums.get(value.name);
      if (!gradient) {
        throw fail('ADC_GRAPH_SHAPE', {
          op: 'gradients',
          what: 'every value must reach the loss',
          got: `${value.name} ${shapeText(value.shape)}`,
        });
      }
      return gradient;
    });
  }

  /**
   * The ONNX file of everything the outputs depend on; nodes and constants that no output needs are left out.
   * Every declared input stays, used or not, so that callers feed the same names whatever is pruned.
   * @param metadata written to the model's metadata_props.
   */
  toModel(metadata: Readonly<Record<string, string>> = {}): Uint8Array {
    const needed = new Set([...this.results.values()].map((value) => value.name));
    const kept: OnnxNode[] = [];
    for (let i = this.nodes.length - 1; i >= 0; i--) {
      const node = this.nodes[i];
      if (!node.outputs.some((name) => needed.has(name))) continue;
      kept.push(node);
      for (const name of node.inputs) needed.add(name);
    }
    kept.reverse();

    const produced = new Set(kept.flatMap((node) => node.outputs));
    const renamed = new Map<string, string>();
    const copies: OnnxNode[] = [];
    for (const [name, value] of this.results) {
      if (produced.has(value.name) && !renamed.has(value.name)) renamed.set(value.name, name);
      else {
        const source = renamed.get(value.name) ?? value.name;
        copies.push({ op: 'Identity', domain: '', inputs: [source], outputs: [name], attributes: {} });
      }
    }
    const rename = (name: string) => renamed.get(name) ?? name;
    // ONNX lets optional outputs go without a name; both of TopK's are required.
    const allNamed = ({ op }: OnnxNode) => op === 'TopK';
    const unused = (name: string) => (needed.has(name) ? rename(name) : '');
    const nodes = kept.map((node) => ({
      ...node,
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map((name, index) => (index === 0 || allNamed(node) ? rename(name) : unused(name))),
    }));
    return encodeModel({
      name: this.name,
      nodes: [...nodes, ...copies],
      initializers: new Map([...this.initializers].filter(([name]) => needed.has(name))),
      inputs: [...this.inputs.values()].map(port),
      outputs: [...this.results].map(([name, value]) => ({ ...port(value), name })),
      metadata,
    });
  }

  /** Names, shapes and types of the declared inputs. */
  get inputPorts(): readonly OnnxPort[] {
    return [...this.inputs.values()].map(port);
  }

  /** Names, shapes and types of the named results. */
  get outputPorts(): readonly OnnxPort[] {
    return [...this.results].map(([name, value]) => ({ ...port(value), name }));
  }

  private freshName(): string {
    return `_${this.counter++}`;
  }
}

const port = (value: Value): OnnxPort => ({ name: value.name, shape: value.shape, dtype: value.dtype });

function checkedShape(op: string, shape: readonly number[]): readonly number[] {
  if (shape.every((side) => Number.isInteger(side) && side > 0)) return [...shape];
  throw fail('ADC_GRAPH_SHAPE', { op, what: 'every side must be a positive integer', got: shapeText(shape) });
}

/**
 * Gradients of a scalar loss, added to the loss's graph as ordinary values.
 * @param wrt values that need gradients: inputs with `needsGrad`, parameters, or anything computed from them.
 * @returns one value per entry of `wrt`, of the same shape.
 * @throws ADC_GRAPH_SHAPE when the loss has more than one element, or a value does not reach it.
 */
export function gradients(loss: Value, wrt: readonly Value[]): Value[] {
  if (elementCount(loss.shape) !== 1) {
    throw fail('ADC_GRAPH_SHAPE', {
      op: 'gradients',
      what: 'the loss must have one element',
      got: shapeText(loss.shape),
    });
  }
  return loss.graph.differentiate(loss, wrt);
}
