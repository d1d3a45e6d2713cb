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

function readHeader(bytes: Uint8Array, path: string): { header: Record<string, unknown>; start: number } {
  const damaged = (what: string, cause?: unknown) => fail('ADC_WEIGHTS_DAMAGED', { path, what }, cause);
  if (bytes.length < 8) throw damaged(`${bytes.length} bytes are too few for a header`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (length > HEADER_LIMIT || 8 + length > bytes.length) {
    throw damaged(`its header claims ${length} bytes, the file has ${bytes.length}`);
  }
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length)));
  } catch (cause) {
    throw damaged('its header is not JSON', cause);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) throw damaged('its header is no object');
  return { header: header as Record<string, unknown>, start: 8 + length };
}

/**
 * Reads one file's bytes; every tensor is copied into an array of its own.
 * @param path named in errors.
 * @throws ADC_WEIGHTS_DAMAGED when header, offsets, types or sizes do not fit together.
 */
export function decodeSafetensors(bytes: Uint8Array, path = '(memory)'): SafetensorsFile {
  const damaged = (what: string) => fail('ADC_WEIGHTS_DAMAGED', { path, what });
  const { header, start } = readHeader(bytes, path);
  const tensors = new Map<string, Tensor>();
  const metadata: Record<string, string> = {};
  const spans: [number, number][] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') {
      if (typeof entry !== 'object' || entry === null) throw damaged('its metadata is no object');
      for (const [key, value] of Object.entries(entry)) metadata[key] = String(value);
      continue;
    }
    if (!isEntry(entry)) throw damaged(`the entry of ${name} is malformed`);
    const dtype = TYPES.get(entry.dtype);
    if (!dtype) throw damaged(`${name} has the type ${entry.dtype}, known are ${[...TYPES.keys()].join(' ')}`);
    const [from, to] = entry.data_offsets;
    const count = elementCount(entry.shape);
    if (to - from !== count * BYTES_PER_ELEMENT[dtype]) {
      throw damaged(`${name} needs ${count * BYTES_PER_ELEMENT[dtype]} bytes and has ${to - from}`);
    }
    if (start + to > bytes.length) throw damaged(`${name} ends at byte ${start + to} of ${bytes.length}`);
    const data = allocate(dtype, count);
    bytesOf(data).set(bytes.subarray(start + from, start + to));
    tensors.set(name, { data, shape: entry.shape, dtype });
    spans.push([from, to]);
  }
  spans.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let end = 0;
  for (const [from, to] of spans) {
    if (from !== end) throw damaged(`its tensors overlap or leave a gap at byte ${start + end}`);
    end = to;
  }
  if (start + end !== bytes.length) throw damaged(`it has ${bytes.length - start - end} bytes after the last tensor`);
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
