/** What an ONNX file says of itself, read from protobuf wire format without running or loading it, in memory bounded by a few entries. */
import { DATA_TYPE, METADATA } from './onnx.ts';
import type { DType } from './tensor.ts';

/** An entry of a model's metadata. */
export interface MetadataEntry {
  readonly key: string;
  readonly value: string;
  /** First byte of the entry in the file; an entry's checksum covers what lies before. */
  readonly offset: number;
}

/** Entries of metadata that a file may have. */
const MOST_ENTRIES = 1_000;

/** A field of a protobuf message. */
interface Field {
  readonly number: number;
  /** First byte of the field's key. */
  readonly offset: number;
  /** Content of a length-delimited field. */
  readonly content?: Uint8Array;
  /** Value of a field that is a whole number. */
  readonly value?: number;
}

/** Walks a message's fields without looking into them. @throws RangeError where the bytes are no such message. */
function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1, i = 0; i < 10; i++, shift *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError('a number is cut off');
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
    throw new RangeError('a number does not end');
  };
  const skip = (count: number) => {
    if (!(at + count <= bytes.length))
      throw new RangeError(`${at + count - bytes.length} bytes are missing at the end`);
    at += count;
    return at;
  };
  while (at < bytes.length) {
    const offset = at;
    const key = varint();
    const number = Math.floor(key / 8);
    switch (key % 8) {
      case 0:
        yield { number, offset, value: varint() };
        break;
      case 1:
        skip(8);
        yield { number, offset };
        break;
      case 2: {
        const length = varint();
        const start = at;
        yield { number, offset, content: bytes.subarray(start, skip(length)) };
        break;
      }
      case 5:
        skip(4);
        yield { number, offset };
        break;
      default:
        throw new RangeError(`byte ${offset} begins no field`);
    }
  }
}

const decoder = new TextDecoder();

/** The text in a field of a message, '' where there is none; protobuf takes the last of several. */
function textIn(message: Uint8Array, field: number): string {
  let found: Uint8Array | undefined;
  for (const { number, content } of fieldsOf(message)) if (number === field && content) found = content;
  return decoder.decode(found);
}

/** Field of ModelProto that holds the graph. */
const GRAPH = 7;

/**
 * Metadata of a model file, without running or loading it.
 * @throws RangeError when the bytes are no ONNX file, end too early, or hold entries without end.
 */
export function readMetadata(model: Uint8Array): MetadataEntry[] {
  const entries: MetadataEntry[] = [];
  let graphs = 0;
  for (const { number, offset, content } of fieldsOf(model)) {
    if (number === GRAPH) graphs++;
    if (number !== METADATA || !content) continue;
    if (entries.length === MOST_ENTRIES) throw new RangeError(`it has more than ${MOST_ENTRIES} entries of metadata`);
    entries.push({ key: textIn(content, 1), value: textIn(content, 2), offset });
  }
  if (graphs !== 1) throw new RangeError('it holds no graph');
  return entries;
}

/** A graph's input or output as a file declares it. */
export interface PortSketch {
  readonly name: string;
  /** Undefined for a type that is not among ours. */
  readonly dtype: DType | undefined;
  /** Undefined for sides that have no fixed length. */
  readonly shape: readonly (number | undefined)[];
}

/** What a model file would do beyond computing with what is inside it, and what it takes and gives. */
export interface ModelSketch {
  /** Inputs that have no value in the file. */
  readonly inputs: readonly PortSketch[];
  readonly outputs: readonly PortSketch[];
  /**
   * The first thing, in words, that a model of this package never has: tensors in other files, which onnxruntime would open from wherever
   * the process runs; branches, loops and functions, which need not end; operators of other domains than ONNX's own and com.microsoft,
   * which onnxruntime refuses or takes from whatever is registered; sparse tensors; training.
   */
  readonly beyond: string | undefined;
}

/** Ports that a graph may have. */
const MOST_PORTS = 1_000;
/** Sides that a tensor may have. */
const MOST_SIDES = 16;
const DTYPES = new Map(Object.entries(DATA_TYPE).map(([dtype, number]) => [number, dtype as DType]));
const DOMAINS = new Set(['', 'ai.onnx', 'com.microsoft']);

/** Fields of TensorProto that say where its data is. */
const EXTERNAL_DATA = 13;
const DATA_LOCATION = 14;

function isExternal(tensor: Uint8Array): boolean {
  for (const { number, value } of fieldsOf(tensor))
    if (number === EXTERNAL_DATA || (number === DATA_LOCATION && value !== 0)) return true;
  return false;
}

/** What a node has that reaches beyond it: ModelSketch.beyond. */
function nodeBeyond(node: Uint8Array): string | undefined {
  const [name, domain] = [textIn(node, 4), textIn(node, 7)];
  if (!DOMAINS.has(domain)) return `its node ${name} is of the domain ${domain}`;
  for (const { number, content } of fieldsOf(node)) {
    if (number !== 5 || !content) continue;
    for (const part of fieldsOf(content)) {
      // AttributeProto: t 5, g 6, tensors 10, graphs 11, sparse_tensor 22, sparse_tensors 23.
      if (part.number === 6 || part.number === 11) return `its node ${name} branches or loops`;
      if (part.number === 22 || part.number === 23) return `its node ${name} has a sparse tensor`;
      if ((part.number === 5 || part.number === 10) && part.content && isExternal(part.content))
        return `a tensor of its node ${name} lies in another file`;
    }
  }
  return undefined;
}

function portOf(port: Uint8Array): PortSketch {
  let dtype: DType | undefined;
  const shape: (number | undefined)[] = [];
  const inside = function* (message: Uint8Array, field: number): Generator<Field> {
    for (const each of fieldsOf(message)) if (each.number === field) yield each;
  };
  for (const type of inside(port, 2))
    for (const tensor of inside(type.content ?? new Uint8Array(), 1))
      for (const { number, value, content } of fieldsOf(tensor.content ?? new Uint8Array())) {
        if (number === 1 && value !== undefined) dtype = DTYPES.get(value);
        if (number !== 2 || !content) continue;
        for (const side of inside(content, 1)) {
          if (shape.length === MOST_SIDES) throw new RangeError(`a tensor has more than ${MOST_SIDES} sides`);
          const [length] = inside(side.content ?? new Uint8Array(), 1);
          shape.push(length?.value);
        }
      }
  return { name: textIn(port, 1), dtype, shape };
}

/**
 * Looks through a model file before onnxruntime does.
 * @throws RangeError when the bytes are no ONNX file or end too early.
 */
export function sketchModel(model: Uint8Array): ModelSketch {
  const inputs: PortSketch[] = [];
  const outputs: PortSketch[] = [];
  const own = new Set<string>();
  let beyond: string | undefined;
  for (const { number, content } of fieldsOf(model)) {
    if (number === 20) beyond ??= 'it brings a training of its own';
    if (number === 25) beyond ??= 'it brings functions of its own';
    if (number !== GRAPH || !content) continue;
    for (const part of fieldsOf(content)) {
      const inside = part.content;
      if (!inside) continue;
      if (part.number === 1) beyond ??= nodeBeyond(inside);
      else if (part.number === 15) beyond ??= 'it has sparse tensors';
      else if (part.number === 5) {
        const name = textIn(inside, 8);
        own.add(name);
        if (isExternal(inside)) beyond ??= `its tensor ${name} lies in another file`;
      } else if (part.number === 11 || part.number === 12) {
        const ports = part.number === 11 ? inputs : outputs;
        if (ports.length === MOST_PORTS) throw new RangeError(`it has more than ${MOST_PORTS} inputs or outputs`);
        ports.push(portOf(inside));
      }
    }
  }
  return { inputs: inputs.filter(({ name }) => !own.has(name)), outputs, beyond };
}
