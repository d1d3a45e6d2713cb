/** Differentiable graphs compiled to plain ONNX and run by onnxruntime. */

export {
  type BuildLoss,
  compileLook,
  compileStep,
  type LookProgram,
  type StepOptions,
  type StepProgram,
} from './compile-step.ts';
export {
  CodedError,
  type ErrorDetails,
  type ErrorSpec,
  errorMaker,
  fillMessage,
  ORTGRAD_ERRORS,
  type Passing,
} from './errors.ts';
export { moveTo, removeIfPossible } from './files.ts';
export { giveBack } from './give-back.ts';
export { Graph, gradients, type OutputSpec, Value } from './graph.ts';
export { keptPromise, Once } from './kept-promises.ts';
export {
  conv2dLayer,
  foldAffine,
  groupNormLayer,
  layerNormLayer,
  linearLayer,
  normLinearLayer,
} from './nn.ts';
export {
  type Attribute,
  type Attributes,
  appendMetadata,
  type OnnxPort,
} from './onnx.ts';
export {
  type MetadataEntry,
  type ModelSketch,
  type PortSketch,
  readMetadata,
  sketchModel,
} from './onnx-reading.ts';
export { type AttentionOptions, attention, selfAttention } from './ops/attention.ts';
export { maskBits, shiftLeft, shiftRight } from './ops/bits.ts';
export { cast, stopGradient } from './ops/cast.ts';
export { type ConvOptions, conv2d } from './ops/conv2d.ts';
export { depthToSpace, spaceToDepth } from './ops/depth-to-space.ts';
export {
  abs,
  add,
  BARE_GELU,
  clamp,
  div,
  equal,
  exp,
  floor,
  gelu,
  greater,
  log,
  log1p,
  maximum,
  mul,
  neg,
  pow,
  relu,
  sigmoid,
  softplus,
  sqrt,
  square,
  sub,
  where,
} from './ops/elementwise.ts';
export { gather, gatherElements, permuteRows, regroupRows, scatterAdd, scatterElements } from './ops/gather.ts';
export { groupNorm } from './ops/group-norm.ts';
export { argMax, type Ordered, oneHot, reduceMax, topK } from './ops/largest.ts';
export { layerNorm, layerNormBeforeFolded } from './ops/layer-norm.ts';
export { bareGeluLinear, type Folded, foldedLinear, linear, linearOnto, mlp } from './ops/linear.ts';
export { matmul, matmulBytes } from './ops/matmul.ts';
export { l2Norm, sumSquares } from './ops/norms.ts';
export { averagePool } from './ops/pool.ts';
export { expand, reduceMean, reduceSum } from './ops/reduce.ts';
export { type ResizeOptions, resizeBilinear } from './ops/resize.ts';
export { addScalar, scale } from './ops/scalars.ts';
export { concat, pad, reshape, slice, split, swapLast, transpose } from './ops/shape.ts';
export { l2Normalize, softmax } from './ops/softmax.ts';
export type { OptimizerOptions } from './optim.ts';
export {
  FlatParameters,
  FrozenParameters,
  type Initializer,
  type ParameterEntry,
  type ParameterLayout,
  type ParameterOptions,
  type ParameterSource,
} from './parameters.ts';
export { isGone, isOfThisMachine, type ProcessMark, thisProcess } from './processes.ts';
export {
  type CallOf,
  type CallOptions,
  type CallShape,
  type CallTable,
  type CloseOptions,
  type Handlers,
  Remote,
  type RemoteWire,
  type ServeOptions,
  type Serving,
  type ServingWire,
  serveCalls,
} from './rpc.ts';
export {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  readSafetensorsHeader,
  type SafetensorsFile,
  type SafetensorsHeader,
  type SafetensorsSpan,
  safetensorsHead,
  safetensorsSpans,
  safetensorsStart,
  writeSafetensors,
} from './safetensors.ts';
export {
  type Held,
  type LoadOptions,
  type Provider,
  type RunOptions,
  Runtime,
  type RuntimeOptions,
  Session,
} from './session.ts';
export { parentWire, startProcess, startThread, threadData } from './start.ts';
export { leftoversAmong, removeLeftovers, temporaryFor } from './temporary.ts';
export {
  type DType,
  elementCount,
  fromHalf,
  type Tensor,
  type TensorData,
  tensor,
  toFloat16,
  toFloat32,
} from './tensor.ts';
export {
  type StepResult,
  type StepSettings,
  Trainer,
  type TrainerOptions,
} from './training.ts';
