/** Tensors as checkpoints store them: elements of a type somewhere in a file, in steps of any size; and reading them into dense ones. */
import { type DType, elementCount, type Tensor } from '@adclick/ortgrad';
import type { CheckpointFile } from './checkpoint-file.ts';

/** Bytes of an element, by the type that it is stored in. */
export const STORED_BYTES = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
} as const;

/** Type in which a checkpoint stores elements. */
export type StoredType = keyof typeof STORED_BYTES;

/** What tensors become that no graph has in their own type. bfloat16 becomes float32 exactly, float64 is rounded. */
const READ_AS: Readonly<Record<StoredType, DType>> = {
  float64: 'float32',
  float32: 'float32',
  float16: 'float16',
  bfloat16: 'float32',
  int64: 'int64',
  int32: 'int32',
  int16: 'int32',
  int8: 'int32',
  uint8: 'uint8',
  bool: 'bool',
};

/** A run of elements in a file that tensors are views of. */
export interface Elements {
  readonly type: StoredType;
  /** Elements. */
  readonly count: number;
  /** First byte in the file. */
  readonly at: number;
  readonly bigEndian: boolean;
  /** Makes sure, once, that the bytes are what was written, where the file says how to tell. */
  readonly check?: () => Promise<void>;
}

/** A tensor's place in its elements, all of it in elements. */
export interface Layout {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/**
 * Why a tensor cannot lie in so many elements, if it cannot. Nor may it have more elements than these: a step of zero would make a
 * tensor of any size out of one number.
 */
export function misplaced({ shape, strides, offset }: Layout, count: number): string | undefined {
  if (shape.length !== strides.length) return `has ${shape.length} sides and ${strides.length} strides`;
  if (![offset, ...shape, ...strides].every(isCount)) return 'has a side, stride or offset that is no count';
  const elements = elementCount(shape);
  if (!Number.isSafeInteger(elements)) return 'has more elements than can be counted';
  if (elements > count) return `has ${elements} elements, its storage ${count}`;
  if (elements === 0) return undefined;
  const last = shape.reduce((sum, side, axis) => sum + (side - 1) * strides[axis], offset);
  return last < count ? undefined : `reaches element ${last} of a storage of ${count}`;
}

/** Whether elements lie row-major without gaps. */
function isDense({ shape, strides }: Layout): boolean {
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== step) return false;
    step *= shape[axis];
  }
  return true;
}

/** An array over a buffer that holds elements of so many bytes, whatever they mean. */
function wordsOf(buffer: ArrayBuffer, width: number): Uint8Array | Uint16Array | Uint32Array | BigUint64Array {
  if (width === 1) return new Uint8Array(buffer);
  if (width === 2) return new Uint16Array(buffer);
  return width === 4 ? new Uint32Array(buffer) : new BigUint64Array(buffer);
}

/** Elements in steps, counted from the first of them, put side by side. */
function gather(buffer: ArrayBuffer, width: number, { shape, strides }: Layout): ArrayBuffer {
  const count = elementCount(shape);
  const out = new ArrayBuffer(count * width);
  const [from, to] = [wordsOf(buffer, width), wordsOf(out, width)];
  const place = shape.map(() => 0);
  for (let i = 0, at = 0; i < count; i++) {
    to[i] = from[at];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis];
      if (++place[axis] < shape[axis]) break;
      at -= strides[axis] * shape[axis];
      place[axis] = 0;
    }
  }
  return out;
}

function swapped(bytes: Uint8Array<ArrayBuffer>, width: number): void {
  const buffer = Buffer.from(bytes.buffer);
  if (width === 2) buffer.swap16();
  else if (width === 4) buffer.swap32();
  else if (width === 8) buffer.swap64();
}

function dataOf(buffer: ArrayBuffer, type: StoredType): Tensor['data'] {
  switch (type) {
    case 'float64':
      return Float32Array.from(new Float64Array(buffer));
    case 'float32':
      return new Float32Array(buffer);
    case 'bfloat16':
      // The upper half of a float32.
      return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16).buffer);
    case 'float16':
      return new Uint16Array(buffer);
    case 'int64':
      return new BigInt64Array(buffer);
    case 'int32':
      return new Int32Array(buffer);
    case 'int16':
      return Int32Array.from(new Int16Array(buffer));
    case 'int8':
      return Int32Array.from(new Int8Array(buffer));
    default:
      return new Uint8Array(buffer);
  }
}

/**
 * Reads a tensor that {@link misplaced} has nothing against; of the file, no more than from its first element to its last.
 * @returns dense, row-major; float64 as float32, bfloat16 as float32, int16 and int8 as int32.
 * @throws ADC_CHECKPOINT_DAMAGED.
 */
export async function readStored(file: CheckpointFile, elements: Elements, layout: Layout): Promise<Tensor> {
  const { type, at, bigEndian, check } = elements;
  const { shape, strides, offset } = layout;
  const width = STORED_BYTES[type];
  const count = elementCount(shape);
  if (count > 0) await check?.();
  const span = count === 0 ? 0 : shape.reduce((sum, side, axis) => sum + (side - 1) * strides[axis], 1);
  const bytes = await file.bytes(at + offset * width, span * width);
  if (bigEndian) swapped(bytes, width);
  const dense = count === 0 || isDense(layout) ? bytes.buffer : gather(bytes.buffer, width, layout);
  return { data: dataOf(dense, type), shape, dtype: READ_AS[type] };
}
