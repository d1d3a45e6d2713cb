/** Checkpoints of other programs as named tensors that are read when they are asked for: safetensors, and both of PyTorch's formats. */
import { safetensorsSpans, safetensorsStart, type Tensor } from '@adclick/ortgrad';
import { fail } from '../errors.ts';
import { CheckpointFile } from './checkpoint-file.ts';
import { type Elements, type Layout, readStored, STORED_BYTES, type StoredType } from './stored-tensor.ts';
import { openTorchLegacy } from './torch-legacy.ts';
import { openTorchZip } from './torch-zip.ts';

/** What a checkpoint's file is, as people call it. */
export type CheckpointFormat = 'safetensors' | 'PyTorch' | 'PyTorch before 1.6';

/** A tensor of a checkpoint that has not been read. */
export interface CheckpointTensor {
  readonly shape: readonly number[];
  /** Type of its elements in the file. */
  readonly type: StoredType;
}

interface Placed extends CheckpointTensor {
  readonly elements: Elements;
  readonly layout: Layout;
}

/** Types of safetensors that are read. */
const SAFETENSORS_TYPES = new Map<string, StoredType>([
  ['F64', 'float64'],
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I64', 'int64'],
  ['I32', 'int32'],
  ['I16', 'int16'],
  ['I8', 'int8'],
  ['U8', 'uint8'],
  ['BOOL', 'bool'],
]);
const SAFETENSORS_WIDTHS = new Map([...SAFETENSORS_TYPES].map(([name, type]) => [name, STORED_BYTES[type]]));

/** Bytes that tell the formats apart: a tar archive says so behind its first name. */
const BEGINNING = 264;

/** A checkpoint that is open; close it. */
export class Checkpoint {
  private constructor(
    readonly format: CheckpointFormat,
    private readonly file: CheckpointFile,
    private readonly placed: ReadonlyMap<string, Placed>,
  ) {}

  /**
   * Opens a file and says what it holds; no tensor is read.
   * @throws ADC_CHECKPOINT_MISSING, ADC_CHECKPOINT_KIND for files of other kinds, ADC_CHECKPOINT_UNSAFE for those that ask for more than
   * tensors and plain containers, ADC_CHECKPOINT_DAMAGED and (safetensors) ADC_WEIGHTS_DAMAGED for those that are not what was written.
   */
  static async open(path: string): Promise<Checkpoint> {
    const file = await CheckpointFile.open(path);
    try {
      const format = await formatOf(file);
      const placed = format === 'safetensors' ? await placedSafetensors(file) : await placedTorch(file, format);
      if (placed.size === 0) throw fail('ADC_CHECKPOINT_KIND', { path, got: 'without a tensor that has a name' });
      return new Checkpoint(format, file, placed);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** What there is, by name. Names in containers have dots between: `state_dict.layer1.0.conv1.weight`. */
  get tensors(): ReadonlyMap<string, CheckpointTensor> {
    return this.placed;
  }

  get path(): string {
    return this.file.path;
  }

  /** Bytes of the file. */
  get size(): number {
    return this.file.size;
  }

  /**
   * Reads one tensor.
   * @returns dense, row-major; float64 (rounded) and bfloat16 (exactly) as float32, int16 and int8 as int32, all others as they are.
   * @throws ADC_CHECKPOINT_DAMAGED when its bytes are not what was written. @throws RangeError for a name that {@link tensors} has not.
   */
  async read(name: string): Promise<Tensor> {
    const placed = this.placed.get(name);
    if (!placed) throw new RangeError(`${name} is not in ${this.path}`);
    return readStored(this.file, placed.elements, placed.layout);
  }

  /** SHA-256 of the whole file, in hexadecimal. */
  sha256(): Promise<string> {
    return this.file.sha256();
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

async function formatOf(file: CheckpointFile): Promise<CheckpointFormat> {
  if (file.size === 0) throw file.damaged('it has zero bytes');
  const bytes = Buffer.from(await file.bytes(0, Math.min(BEGINNING, file.size)));
  if (bytes.readUIntBE(0, Math.min(4, bytes.length)) === 0x504b0304) return 'PyTorch';
  if (bytes[0] === 0x80) return 'PyTorch before 1.6';
  if (bytes[8] === 0x7b) return 'safetensors';
  const isTar = bytes.toString('latin1', 257, 262) === 'ustar';
  const isHtml = /^\s*</.test(bytes.toString('latin1'));
  const got = isTar
    ? 'a tar archive, which PyTorch wrote before 0.2'
    : isHtml
      ? 'a web page: what was downloaded is not the checkpoint'
      : 'none of these';
  throw fail('ADC_CHECKPOINT_KIND', { path: file.path, got });
}

async function placedSafetensors(file: CheckpointFile): Promise<Map<string, Placed>> {
  const start = safetensorsStart(await file.bytes(0, Math.min(8, file.size)), file.size, file.path);
  const { spans } = safetensorsSpans(await file.bytes(0, start), file.size, file.path, SAFETENSORS_WIDTHS);
  return new Map(
    spans.map(({ name, type: written, shape, from, to }) => {
      const type = SAFETENSORS_TYPES.get(written) as StoredType;
      const elements = { type, count: (to - from) / STORED_BYTES[type], at: from, bigEndian: false };
      return [name, { shape, type, elements, layout: { shape, strides: denseStrides(shape), offset: 0 } }];
    }),
  );
}

const denseStrides = (shape: readonly number[]): number[] => {
  let step = 1;
  return shape
    .map((_, i) => {
      const axis = shape.length - 1 - i;
      const stride = step;
      step *= shape[axis];
      return stride;
    })
    .reverse();
};

async function placedTorch(file: CheckpointFile, format: CheckpointFormat): Promise<Map<string, Placed>> {
  const { tensors, elements } = await (format === 'PyTorch' ? openTorchZip(file) : openTorchLegacy(file));
  return new Map(
    [...tensors].map(([name, { storage, layout }]) => {
      const type = storage.type;
      return [name, { shape: layout.shape, type, elements: elements.get(storage.key) as Elements, layout }];
    }),
  );
}
