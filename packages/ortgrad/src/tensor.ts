/** Plain tensors: a typed array with a shape and an element type, and the conversions between float32 and float16. */
import { fail } from './errors.ts';

/** Element types that graphs, sessions and weight files carry. */
export type DType = 'float32' | 'float16' | 'int64' | 'int32' | 'uint8' | 'int8' | 'bool';

/** Arrays that hold a tensor's elements; `Uint16Array` holds raw float16 bits, `Uint8Array` also holds booleans. */
export type TensorData = Float32Array | Uint16Array | BigInt64Array | Int32Array | Uint8Array | Int8Array;

/** A dense row-major tensor. */
export interface Tensor {
  readonly data: TensorData;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** Bytes of one element. */
export const BYTES_PER_ELEMENT: Readonly<Record<DType, number>> = {
  float32: 4,
  float16: 2,
  int64: 8,
  int32: 4,
  uint8: 1,
  int8: 1,
  bool: 1,
};

/** Number of elements of a shape; 1 for the empty shape of a scalar. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);

/** `[2, 3]` as text, for messages. */
export const shapeText = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

/** True when two shapes are equal side by side. */
export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((side, axis) => side === b[axis]);

function inferDType(data: TensorData): DType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Uint16Array) return 'float16';
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof Int8Array) return 'int8';
  return 'uint8';
}

/**
 * Makes a tensor over `data` without copying it.
 * @param dtype inferred from the array when left out; needed to call a `Uint8Array` 'bool'.
 * @throws ADC_GRAPH_SHAPE when the element count and the shape disagree.
 */
export function tensor(data: TensorData, shape: readonly number[], dtype: DType = inferDType(data)): Tensor {
  const inferred = inferDType(data);
  if (inferred !== dtype && !(inferred === 'uint8' && dtype === 'bool')) {
    throw fail('ADC_GRAPH_SHAPE', { op: 'tensor', what: `a ${dtype} tensor needs another array`, got: inferred });
  }
  if (elementCount(shape) !== data.length) {
    throw fail('ADC_GRAPH_SHAPE', {
      op: 'tensor',
      what: 'the element count must equal the product of the shape',
      got: `${data.length} elements for ${shapeText(shape)}`,
    });
  }
  return { data, shape, dtype };
}

/** An empty (zero-filled) array for `count` elements of a type. */
export function allocate(dtype: DType, count: number): TensorData {
  switch (dtype) {
    case 'float32':
      return new Float32Array(count);
    case 'float16':
      return new Uint16Array(count);
    case 'int64':
      return new BigInt64Array(count);
    case 'int32':
      return new Int32Array(count);
    case 'int8':
      return new Int8Array(count);
    default:
      return new Uint8Array(count);
  }
}

/** The bytes of a tensor's elements, as a view. */
export const bytesOf = (data: TensorData): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

const scratchFloat = new Float32Array(1);
const scratchBits = new Uint32Array(scratchFloat.buffer);

let halfTable: Float32Array | undefined;

/** All 65 536 float16 values as float32, made on first use (256 KB). */
function halves(): Float32Array {
  if (halfTable) return halfTable;
  halfTable = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const sign = bits & 0x8000 ? -1 : 1;
    if (exponent === 31) halfTable[bits] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    else if (exponent === 0) halfTable[bits] = sign * fraction * 2 ** -24;
    else halfTable[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return halfTable;
}

/** The number that float16 bits stand for. */
export const fromHalf = (bits: number): number => halves()[bits];

/** The elements as float32: a copy for every type but float32, whose own array is returned. */
export function toFloat32(source: Tensor): Float32Array {
  const { data } = source;
  if (data instanceof Float32Array) return data;
  const out = new Float32Array(data.length);
  if (data instanceof BigInt64Array) {
    for (let i = 0; i < out.length; i++) out[i] = Number(data[i]);
  } else if (data instanceof Uint16Array) {
    const table = halves();
    for (let i = 0; i < out.length; i++) out[i] = table[data[i]];
  } else {
    out.set(data);
  }
  return out;
}

function halfBits(value: number): number {
  scratchFloat[0] = value;
  const bits = scratchBits[0];
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude < 0x33000000) return sign;
  if (magnitude < 0x38800000) {
    // A subnormal half is a multiple of 2^-24: shift the 24-bit mantissa and round half to even.
    const shift = 126 - (magnitude >>> 23);
    const mantissa = (magnitude & 0x7fffff) | 0x800000;
    const half = mantissa >>> shift;
    const rest = mantissa & ((1 << shift) - 1);
    const middle = 1 << (shift - 1);
    return sign | (half + (rest > middle || (rest === middle && (half & 1) === 1) ? 1 : 0));
  }
  // Re-bias the exponent by 112 and round the 13 dropped bits half to even; a carry runs into the exponent as it should.
  const odd = (magnitude >>> 13) & 1;
  return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13);
}

/** Float16 bits of float32 values, rounded half to even; values of 65 520 and more become infinite. */
export function toFloat16(values: Float32Array): Uint16Array {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = halfBits(values[i]);
  return out;
}
