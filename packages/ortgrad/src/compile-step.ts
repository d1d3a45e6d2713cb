/** Compiling a loss to the models that do a whole training step. */
import { fail } from './errors.ts';
import { Graph, gradients, type Value } from './graph.ts';
import type { OnnxPort } from './onnx.ts';
import { add } from './ops/elementwise.ts';
import { scale } from './ops/scalars.ts';
import { adamW, HYPER_SIZE, joined, type OptimizerOptions, STATE } from './optim.ts';
import { FlatParameters, type ParameterLayout, type ParameterSource } from './parameters.ts';
import { shapeText } from './tensor.ts';

/** Names of the models' ports beside the loss function's own. */
export const stateInput = (name: string) => `state.${name}`;
export const stateOutput = (name: string) => `next.${name}`;
export const gradientInput = (shard: number) => `gradient.${shard}`;

/** A network with its loss, as a function that builds it. */
export type BuildLoss = (
  graph: Graph,
  parameters: ParameterSource,
) => { readonly loss: Value; readonly outputs?: Readonly<Record<string, Value>> };

/** Settings of {@link compileStep}. */
export interface StepOptions extends OptimizerOptions {
  /**
   * Equal parts of the batch that are worked through at the same time, each with its share of the threads; default 1.
   * The loss function then describes one part, and the step's loss is the mean of theirs. Operators that onnxruntime runs on one
   * thread no longer make the others wait, which saves a sixth of the step on two cores (`npm run bench:speed`).
   */
  readonly shards?: number;
}

/** A network that a trainer asks between steps, with its parameters as they are. */
export interface LookProgram {
  readonly model: Uint8Array;
  readonly layout: ParameterLayout;
}

/** One compiled training step. */
export interface StepProgram {
  /** The whole step; of a sharded one forward pass and gradients of one part. */
  readonly model: Uint8Array;
  /** The optimiser's half of a sharded step. */
  readonly update?: Uint8Array;
  readonly shards: number;
  readonly layout: ParameterLayout;
  /** What a step is fed; the parts of a sharded one lie behind one another along the first axis. */
  readonly inputs: readonly OnnxPort[];
  /** What a step gives back beside loss and gradient norm. */
  readonly outputs: readonly OnnxPort[];
  readonly betas: readonly [number, number];
}

/**
 * Compiles forward pass, gradients, clipping, AdamW and moving average to one model, or to two for a sharded step.
 * @throws ADC_GRAPH_SHAPE when shapes do not fit, a parameter does not reach the loss, or a sharded step has an input or output without axes.
 */
export function compileStep(build: BuildLoss, options: StepOptions = {}): StepProgram {
  const { shards = 1, ...optimizer } = options;
  const graph = new Graph('step');
  const parameters = new FlatParameters(graph, stateInput('p'));
  const { loss, outputs = {} } = build(graph, parameters);
  const inputs = graph.inputPorts.map((port) => wholeBatch(port, shards));
  for (const [name, value] of Object.entries(outputs)) graph.output(name, value);
  const results = graph.outputPorts.map((port) => wholeBatch(port, shards));

  const { layout } = parameters;
  const p = parameters.declare();
  const gradient = joined(gradients(shards === 1 ? loss : scale(loss, 1 / shards), parameters.all));
  graph.output('loss', loss);
  const program = { shards, layout, inputs, outputs: results, betas: optimizer.betas ?? ([0.9, 0.999] as const) };
  if (shards === 1) {
    emitUpdate(graph, layout, gradient, p, optimizer);
    return { ...program, model: graph.toModel() };
  }
  graph.output('gradient', gradient);
  const update = new Graph('update');
  const parts = Array.from({ length: shards }, (_, shard) => update.input(gradientInput(shard), [layout.size]));
  emitUpdate(update, layout, parts.reduce(add), update.input(stateInput('p'), [layout.size]), optimizer);
  return { ...program, model: graph.toModel(), update: update.toModel() };
}

/** Compiles a forward pass without a loss, over the same parameters in the same order as the steps'. @param build gives what is looked at. */
export function compileLook(
  build: (graph: Graph, parameters: ParameterSource) => Readonly<Record<string, Value>>,
): LookProgram {
  const graph = new Graph('look');
  const parameters = new FlatParameters(graph, stateInput('p'));
  for (const [name, value] of Object.entries(build(graph, parameters))) graph.output(name, value);
  parameters.declare();
  return { model: graph.toModel(), layout: parameters.layout };
}

/** Adds the optimiser's inputs, nodes and outputs to a graph. */
function emitUpdate(
  graph: Graph,
  layout: ParameterLayout,
  gradient: Value,
  p: Value,
  optimizer: OptimizerOptions,
): void {
  const [m, v, ema] = (['m', 'v', 'ema'] as const).map((name) => graph.input(stateInput(name), [layout.size]));
  const hyper = graph.input('hyper', [HYPER_SIZE]);
  const { next, gradNorm } = adamW(graph, layout, gradient, { p, m, v, ema }, hyper, optimizer);
  graph.output('gradNorm', gradNorm);
  for (const name of STATE) graph.output(stateOutput(name), next[name]);
}

/** A port of one part as the whole batch has it. */
function wholeBatch(port: OnnxPort, shards: number): OnnxPort {
  if (shards === 1) return port;
  const [first, ...rest] = port.shape;
  if (first === undefined)
    throw fail('ADC_GRAPH_SHAPE', {
      op: 'compileStep',
      what: 'inputs and outputs of a sharded step need a first axis',
      got: `${port.name} ${shapeText(port.shape)}`,
    });
  return { ...port, shape: [shards * first, ...rest] };
}
