/** Changes of element type, and the value that gradients stop at. */
import { type Graph, Value } from '../graph.ts';
import { DATA_TYPE } from '../onnx.ts';
import type { DType } from '../tensor.ts';
import { emit, track } from './common.ts';

/** Converts the element type. The gradient passes between float32 and float16; other types let none through. */
export function cast(x: Value, dtype: DType): Value {
  if (x.dtype === dtype) return x;
  const y = emit(x.graph, 'Cast', [x], x.shape, { to: DATA_TYPE[dtype] }, dtype);
  const real = (type: DType) => type === 'float32' || type === 'float16';
  if (!real(dtype) || !real(x.dtype)) return y;
  return track(y, [x], (dy) => [cast(dy, x.dtype)]);
}

/** The same value, taken as a constant by gradients. */
export function stopGradient(x: Value): Value {
  const graph: Graph = x.graph;
  return new Value(graph, x.name, x.shape, x.dtype, false);
}
