/** Weight files in the safetensors layout: an 8-byte header length, a JSON header, then the tensors' bytes. */
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CodedError, fail } from './errors.ts';
import { moveTo, removeIfPossible } from './files.ts';
import { temporaryFor } from './temporary.ts';
import { allocate, BYTES_PER_ELEMENT, bytesOf, type DType, elementCount, type Tensor } from './tensor.ts';

/** The content of one file. */
export interface SafetensorsFile {
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const TYPE_NAMES: Readonly<Record<DType, string>> = {
  float32: 'F32',
  float16: 'F16',
  int64: 'I64',
  int32: 'I32',
  uint8: 'U8',
  int8: 'I8',
  bool: 'BOOL',
};
const TYPES = new Map(Object.entries(TYPE_NAMES).map(([dtype, name]) => [name, dtype as DType]));
/** Bytes of an element, by the name of its type. */
const WIDTHS = new Map([...TYPES].map(([name, dtype]) => [name, BYTES_PER_ELEMENT[dtype]]));

/** The reference reader refuses longer headers, so a longer one is damage. */
const HEADER_LIMIT = 100_000_000;

interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** What a header says of a tensor whose bytes come later. */
export type Outline = Pick<Tensor, 'dtype' | 'shape'>;

/**
 * What stands before the tensors' bytes, for files that are written piece by piece: these follow in map order, little-endian, side by side.
 * Padded to 8 bytes.
 */
export function safetensorsHead(
  tensors: ReadonlyMap<string, Outline>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  let offset = 0;
  for (const [name, { dtype, shape }] of tensors) {
    const end = offset + elementCount(shape) * BYTES_PER_ELEMENT[dtype];
    header[name] = { dtype: TYPE_NAMES[dtype], shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const out = new Uint8Array(8 + headerBytes).fill(0x20, 8);
  new DataView(out.buffer).setBigUint64(0, BigInt(headerBytes), true);
  out.set(json, 8);
  return out;
}

/** Writes tensors, in map order, as one file's bytes. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const head = safetensorsHead(tensors, metadata);
  const out = new Uint8Array([...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, head.length));
  out.set(head);
  let position = head.length;
  for (const { data } of tensors.values()) {
    out.set(bytesOf(data), position);
    position += data.byteLength;
  }
  return out;
}

function isEntry(entry: unknown): entry is HeaderEntry {
  if (typeof entry !== 'object' || entry === null) return false;
  const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>;
  const count = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  return (
    typeof dtype === 'string' &&
    Array.isArray(shape) &&
    shape.every(count) &&
    Array.isArray(offsets) &&
    offsets.length === 2 &&
    offsets.every(count)
  );
}

/**
 * A name that stands twice in a JSON object, of which parsers keep the last without a word.
 * @param text valid JSON.
 */
function nameTwice(text: string): string | undefined {
  const names = new Set<string>();
  let depth = 0;
  let isName = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') depth--;
    // In an object, what follows its bracket or a comma is a name.
    if (depth === 1 && (character === '{' || character === ',')) isName = true;
    if (character !== '"') continue;
    const from = i++;
    while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
    if (!isName) continue;
    isName = false;
    const name: string = JSON.parse(text.slice(from, i + 1));
    if (names.has(name)) return name;
    names.add(name);
  }
  return undefined;
}

/** @param bytes the file, or its beginning: at least its header. @param size bytes of the file. */
function readHeader(bytes: Uint8Array, size: number, path: string): { header: Record<string, unknown>; start: number } {
  const damaged = (what: string, cause?: unknown) => fail('ADC_WEIGHTS_DAMAGED', { path, what }, cause);
  const start = safetensorsStart(bytes, size, path);
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, start));
    header = JSON.parse(text);
  } catch (cause) {
    throw damaged('its header is not JSON', cause);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) throw damaged('its header is no object');
  const twice = nameTwice(text);
  if (twice !== undefined) throw damaged(`its header names ${twice} twice`);
  return { header: header as Record<string, unknown>, start };
}

/**
 * Bytes before the first tensor.
 * @param bytes the file's first eight bytes at least. @param size bytes of the file.
 * @throws ADC_WEIGHTS_DAMAGED when the file cannot have so many.
 */
export function safetensorsStart(bytes: Uint8Array, size: number, path: string): number {
  const damaged = (what: string) => fail('ADC_WEIGHTS_DAMAGED', { path, what });
  if (bytes.length < 8) throw damaged(`${bytes.length} bytes are too few for a header`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (length > HEADER_LIMIT || 8 + length > size) {
    throw damaged(`its header claims ${length} bytes, the file has ${size}`);
  }
  return 8 + length;
}

/** The texts beside the tensors. */
function metadataOf(entry: unknown): Record<string, string> | undefined {
  if (entry === undefined) return {};
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return undefined;
  const pairs = Object.entries(entry);
  return pairs.every(([, value]) => typeof value === 'string') ? Object.fromEntries(pairs) : undefined;
}

/** Where a tensor lies in a file. */
export interface SafetensorsSpan {
  readonly name: string;
  /** As the layout names it: `F32`, `BF16`. */
  readonly type: string;
  readonly shape: readonly number[];
  /** First byte in the file, and the one behind the last. */
  readonly from: number;
  readonly to: number;
}

/** What a file says before its tensors. */
export interface SafetensorsHeader {
  readonly spans: readonly SafetensorsSpan[];
  readonly metadata: Readonly<Record<string, string>>;
}

function spanOf(name: string, entry: unknown, widths: ReadonlyMap<string, number>): SafetensorsSpan | string {
  if (!isEntry(entry)) return `the entry of ${name} is malformed`;
  const { dtype: type, shape } = entry;
  const width = widths.get(type);
  if (width === undefined) return `${name} has the type ${type}, known are ${[...widths.keys()].join(' ')}`;
  const [from, to] = entry.data_offsets;
  const want = elementCount(shape) * width;
  if (!Number.isSafeInteger(want) || to - from !== want) return `${name} needs ${want} bytes and has ${to - from}`;
  return { name, type, shape, from, to };
}

/**
 * Reads a header alone: where each tensor lies, once all of them are known to lie one behind the other and to end with the file.
 * @param bytes the file, or its beginning up to {@link safetensorsStart}. @param size bytes of the file. @param path named in errors.
 * @param widths bytes of an element, for each type that the caller can read.
 * @throws ADC_WEIGHTS_DAMAGED when header, offsets, types or sizes do not fit together.
 */
export function safetensorsSpans(
  bytes: Uint8Array,
  size: number,
  path: string,
  widths: ReadonlyMap<string, number>,
): SafetensorsHeader {
  const damaged = (what: string) => fail('ADC_WEIGHTS_DAMAGED', { path, what });
  const { header, start } = readHeader(bytes, size, path);
  const { __metadata__: said, ...entries } = header;
  const metadata = metadataOf(said);
  if (!metadata) throw damaged('its metadata is no object of texts');
  const spans = Object.entries(entries).map(([name, entry]) => {
    const span = spanOf(name, entry, widths);
    if (typeof span === 'string') throw damaged(span);
    const [from, to] = [start + span.from, start + span.to];
    if (to > size) throw damaged(`${name} ends at byte ${to} of ${size}`);
    return { ...span, from, to };
  });
  let end = start;
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (from !== end) throw damaged(`its tensors overlap or leave a gap at byte ${end}`);
    end = to;
  }
  if (end !== size) throw damaged(`it has ${size - end} bytes after the last tensor`);
  return { spans, metadata };
}

/**
 * Reads one file's bytes; every tensor is copied into an array of its own: what is copied is never more than the file holds.
 * @param path named in errors.
 * @throws ADC_WEIGHTS_DAMAGED when header, offsets, types or sizes do not fit together.
 */
export function decodeSafetensors(bytes: Uint8Array, path = '(memory)'): SafetensorsFile {
  const { spans, metadata } = safetensorsSpans(bytes, bytes.length, path, WIDTHS);
  const tensors = new Map<string, Tensor>();
  for (const { name, type, shape, from, to } of spans) {
    const dtype = TYPES.get(type) as DType;
    const data = allocate(dtype, elementCount(shape));
    bytesOf(data).set(bytes.subarray(from, to));
    tensors.set(name, { data, shape, dtype });
  }
  return { tensors, metadata };
}

/**
 * Reads a file's header alone: what tensors it has and where, and its metadata.
 * @throws ADC_WEIGHTS_DAMAGED when it is missing, cut off or inconsistent.
 */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  const damaged = (cause: unknown) =>
    fail('ADC_WEIGHTS_DAMAGED', { path, what: cause instanceof Error ? cause.message : String(cause) }, cause);
  const file = await open(path).catch((cause) => {
    throw damaged(cause);
  });
  try {
    const { size } = await file.stat();
    const first = async (length: number) => {
      const { bytesRead, buffer } = await file.read(new Uint8Array(Math.min(length, size)), { position: 0 });
      return buffer.subarray(0, bytesRead);
    };
    const start = safetensorsStart(await first(8), size, path);
    return safetensorsSpans(await first(start), size, path, WIDTHS);
  } catch (error) {
    throw error instanceof CodedError ? error : damaged(error);
  } finally {
    await file.close();
  }
}

/**
 * Reads a file.
 * @throws ADC_WEIGHTS_DAMAGED when it is missing, cut off or inconsistent.
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw fail('ADC_WEIGHTS_DAMAGED', { path, what: cause instanceof Error ? cause.message : String(cause) }, cause);
  }
  return decodeSafetensors(bytes, path);
}

/** Writes a file atomically: a reader sees the old file or the whole new one, also after a power cut. */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = temporaryFor(path);
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(encodeSafetensors(tensors, metadata));
      await file.sync();
    } finally {
      await file.close();
    }
    await moveTo(temporary, path);
  } catch (cause) {
    await removeIfPossible(temporary);
    throw cause;
  }
}
