/** Weight files in the safetensors layout: an 8-byte header length, a JSON header, then the tensors' bytes. */
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail } from './errors.ts';
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

/** The reference reader refuses longer headers, so a longer one is damage. */
const HEADER_LIMIT = 100_000_000;

interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** Writes tensors, in map order, as one file's bytes; elements are little-endian, the header is padded to 8 bytes. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  let offset = 0;
  for (const [name, { data, dtype, shape }] of tensors) {
    header[name] = { dtype: TYPE_NAMES[dtype], shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const out = new Uint8Array(8 + headerBytes + offset).fill(0x20, 8, 8 + headerBytes);
  new DataView(out.buffer).setBigUint64(0, BigInt(headerBytes), true);
  out.set(json, 8);
  let position = 8 + headerBytes;
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

function readHeader(bytes: Uint8Array, path: string): { header: Record<string, unknown>; start: number } {
  const damaged = (what: string, cause?: unknown) => fail('ADC_WEIGHTS_DAMAGED', { path, what }, cause);
  if (bytes.length < 8) throw damaged(`${bytes.length} bytes are too few for a header`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (length > HEADER_LIMIT || 8 + length > bytes.length) {
    throw damaged(`its header claims ${length} bytes, the file has ${bytes.length}`);
  }
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length));
    header = JSON.parse(text);
  } catch (cause) {
    throw damaged('its header is not JSON', cause);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) throw damaged('its header is no object');
  const twice = nameTwice(text);
  if (twice !== undefined) throw damaged(`its header names ${twice} twice`);
  return { header: header as Record<string, unknown>, start: 8 + length };
}

/** The texts beside the tensors. */
function metadataOf(entry: unknown): Record<string, string> | undefined {
  if (entry === undefined) return {};
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return undefined;
  const pairs = Object.entries(entry);
  return pairs.every(([, value]) => typeof value === 'string') ? Object.fromEntries(pairs) : undefined;
}

/** Where a tensor lies in a file, everything checked but that it lies beside the others. */
interface Span {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly from: number;
  readonly to: number;
}

function spanOf(name: string, entry: unknown): Span | string {
  if (!isEntry(entry)) return `the entry of ${name} is malformed`;
  const { shape } = entry;
  const dtype = TYPES.get(entry.dtype);
  if (!dtype) return `${name} has the type ${entry.dtype}, known are ${[...TYPES.keys()].join(' ')}`;
  const [from, to] = entry.data_offsets;
  const want = elementCount(shape) * BYTES_PER_ELEMENT[dtype];
  if (!Number.isSafeInteger(want) || to - from !== want) return `${name} needs ${want} bytes and has ${to - from}`;
  return { name, dtype, shape, from, to };
}

/**
 * Reads one file's bytes; every tensor is copied into an array of its own, once all of them are known to lie one behind the other and
 * to end with the file: what is copied is never more than the file holds.
 * @param path named in errors.
 * @throws ADC_WEIGHTS_DAMAGED when header, offsets, types or sizes do not fit together.
 */
export function decodeSafetensors(bytes: Uint8Array, path = '(memory)'): SafetensorsFile {
  const damaged = (what: string) => fail('ADC_WEIGHTS_DAMAGED', { path, what });
  const { header, start } = readHeader(bytes, path);
  const { __metadata__: said, ...entries } = header;
  const metadata = metadataOf(said);
  if (!metadata) throw damaged('its metadata is no object of texts');
  const spans = Object.entries(entries).map(([name, entry]) => {
    const span = spanOf(name, entry);
    if (typeof span === 'string') throw damaged(span);
    if (start + span.to > bytes.length) throw damaged(`${name} ends at byte ${start + span.to} of ${bytes.length}`);
    return span;
  });
  let end = 0;
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (from !== end) throw damaged(`its tensors overlap or leave a gap at byte ${start + end}`);
    end = to;
  }
  if (start + end !== bytes.length) throw damaged(`it has ${bytes.length - start - end} bytes after the last tensor`);
  const tensors = new Map<string, Tensor>();
  for (const { name, dtype, shape, from, to } of spans) {
    const data = allocate(dtype, elementCount(shape));
    bytesOf(data).set(bytes.subarray(start + from, start + to));
    tensors.set(name, { data, shape, dtype });
  }
  return { tensors, metadata };
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
