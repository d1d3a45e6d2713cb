/** ONNX files: writes a ModelProto (IR 9, opset 20 and com.microsoft 1) in protobuf wire format, without a protobuf library. */
import { bytesOf, type DType, type Tensor } from './tensor.ts';

/** Value of a node attribute: a bare number or list of numbers is an integer, `{float}` and `{floats}` are not. */
export type Attribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] };

/** Attributes of a node by name. */
export type Attributes = Readonly<Record<string, Attribute>>;

/** One operator call; an empty input name leaves an optional input out. */
export interface OnnxNode {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

/** A graph input or output. */
export interface OnnxPort {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** What a model file holds. */
export interface OnnxModel {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Numbers of onnx.proto's TensorProto.DataType. */
export const DATA_TYPE: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
};
/** Numbers of onnx.proto's AttributeProto.AttributeType. */
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, floats: 6, ints: 7 } as const;

const OPSET = 20;
const IR_VERSION = 9;
const encoder = new TextEncoder();

/** A protobuf message being written; large byte fields are kept by reference until `finish`. */
class Message {
  private readonly parts: Uint8Array[] = [];
  private total = 0;
  private buffer = new Uint8Array(256);
  private used = 0;

  private room(bytes: number): void {
    if (this.used + bytes <= this.buffer.length) return;
    this.seal();
    this.buffer = new Uint8Array(Math.max(bytes, 1024));
  }

  private seal(): void {
    if (this.used === 0) return;
    this.parts.push(this.buffer.subarray(0, this.used));
    this.total += this.used;
    this.buffer = this.buffer.subarray(this.used);
    this.used = 0;
  }

  private varint(value: number): void {
    this.room(10);
    if (value >= 0 && value < 0x80000000) {
      let rest = value;
      while (rest > 127) {
        this.buffer[this.used++] = (rest & 127) | 128;
        rest >>>= 7;
      }
      this.buffer[this.used++] = rest;
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 127n) {
      this.buffer[this.used++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.buffer[this.used++] = Number(rest);
  }

  int(field: number, value: number): this {
    this.varint(field << 3);
    this.varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.varint((field << 3) | 5);
    this.room(4);
    new DataView(this.buffer.buffer, this.buffer.byteOffset + this.used, 4).setFloat32(0, value, true);
    this.used += 4;
    return this;
  }

  bytes(field: number, bytes: Uint8Array): this {
    this.varint((field << 3) | 2);
    this.varint(bytes.length);
    if (bytes.length < 512) {
      this.room(bytes.length);
      this.buffer.set(bytes, this.used);
      this.used += bytes.length;
    } else {
      this.seal();
      this.parts.push(bytes);
      this.total += bytes.length;
    }
    return this;
  }

  string(field: number, text: string): this {
    return this.bytes(field, encoder.encode(text));
  }

  /** Appends a nested message without joining its parts first, so weights are copied once only. */
  message(field: number, nested: Message): this {
    nested.seal();
    this.varint((field << 3) | 2);
    this.varint(nested.total);
    this.seal();
    for (const part of nested.parts) this.parts.push(part);
    this.total += nested.total;
    return this;
  }

  finish(): Uint8Array {
    this.seal();
    const out = new Uint8Array(this.total);
    let offset = 0;
    for (const part of this.parts) {
      out.set(part, offset);
      offset += part.length;
    }
    return out;
  }
}

function tensorMessage(name: string, source: Tensor): Message {
  const message = new Message();
  for (const side of source.shape) message.int(1, side);
  return message.int(2, DATA_TYPE[source.dtype]).string(8, name).bytes(9, bytesOf(source.data));
}

function portMessage(port: OnnxPort): Message {
  const shape = new Message();
  for (const side of port.shape) shape.message(1, new Message().int(1, side));
  const type = new Message().message(1, new Message().int(1, DATA_TYPE[port.dtype]).message(2, shape));
  return new Message().string(1, port.name).message(2, type);
}

function attributeMessage(name: string, value: Attribute): Message {
  const message = new Message().string(1, name);
  if (typeof value === 'number') return message.int(3, value).int(20, ATTRIBUTE_TYPE.int);
  if (typeof value === 'string') return message.string(4, value).int(20, ATTRIBUTE_TYPE.string);
  if ('float' in value) return message.float(2, value.float).int(20, ATTRIBUTE_TYPE.float);
  if ('floats' in value) {
    for (const item of value.floats) message.float(7, item);
    return message.int(20, ATTRIBUTE_TYPE.floats);
  }
  for (const item of value) message.int(8, item);
  return message.int(20, ATTRIBUTE_TYPE.ints);
}

function nodeMessage(node: OnnxNode, index: number): Message {
  const message = new Message();
  for (const name of node.inputs) message.string(1, name);
  for (const name of node.outputs) message.string(2, name);
  message.string(3, `${node.op}_${index}`).string(4, node.op);
  for (const [name, value] of Object.entries(node.attributes)) message.message(5, attributeMessage(name, value));
  if (node.domain) message.string(7, node.domain);
  return message;
}

/** Writes the model's bytes. Every tensor stays inside the file, which protobuf limits to 2 GiB. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const graph = new Message();
  for (const [index, node] of model.nodes.entries()) graph.message(1, nodeMessage(node, index));
  graph.string(2, model.name);
  for (const [name, value] of model.initializers) graph.message(5, tensorMessage(name, value));
  for (const port of model.inputs) graph.message(11, portMessage(port));
  for (const port of model.outputs) graph.message(12, portMessage(port));

  const message = new Message().int(1, IR_VERSION).string(2, 'ortgrad').message(7, graph);
  message.message(8, new Message().string(1, '').int(2, OPSET));
  message.message(8, new Message().string(1, 'com.microsoft').int(2, 1));
  for (const [key, value] of Object.entries(model.metadata)) {
    message.message(14, new Message().string(1, key).string(2, value));
  }
  return message.finish();
}

/** Field of ModelProto that holds metadata. */
export const METADATA = 14;

/**
 * Adds one entry of metadata to the end of a model file; readers see it beside those it was written with.
 * @returns a new array; `model` stays as it is.
 */
export function appendMetadata(model: Uint8Array, key: string, value: string): Uint8Array {
  const entry = new Message().message(METADATA, new Message().string(1, key).string(2, value)).finish();
  const out = new Uint8Array(model.length + entry.length);
  out.set(model);
  out.set(entry, model.length);
  return out;
}
