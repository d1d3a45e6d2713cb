/**
 * PyTorch's format since 1.6: a ZIP archive of uncompressed entries, `data.pkl` with the containers and `data/KEY` with the elements of
 * each storage. Sizes, places and overlaps are checked by the directory and the entries' own headers before anything is read.
 */
import { crc32 } from 'node:zlib';
import { fail } from '../errors.ts';
import type { CheckpointFile } from './checkpoint-file.ts';
import { namedTensors } from './named-tensors.ts';
import { readPickle, shownName } from './pickle.ts';
import { type Elements, STORED_BYTES } from './stored-tensor.ts';
import { type TorchStorage, type TorchTensor, torchRules } from './torch-objects.ts';

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
/** Bytes of these, without their names and extra fields. */
const BYTES = { end: 22, end64: 56, locator: 20, entry: 46, local: 30 };
/** Says in a field of 16 or 32 bits that the value stands in an extra field or in the larger end. */
const LARGE_16 = 0xffff;
const LARGE_32 = 0xffffffff;
/** Kind of the extra field with values of 64 bits. */
const EXTRA_64 = 1;
/** Bits of the flags that say that an entry is encrypted. */
const ENCRYPTED = 0x2041;

/** Bytes of the directory, entries, bytes of the pickle and of the byte order; large checkpoints have a hundredth of each. */
const MOST = { directory: 2 ** 25, entries: 100_000, pickle: 2 ** 26, order: 64 };

/** A file in the archive. */
interface Entry {
  readonly name: string;
  readonly size: number;
  readonly crc: number;
  /** First byte of its own header. */
  readonly header: number;
  /** First byte of its content. */
  readonly at: number;
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Where the directory lies: its entries, first byte, and the byte behind it. */
async function findDirectory(file: CheckpointFile): Promise<{ count: number; from: number; to: number }> {
  const tailAt = Math.max(0, file.size - BYTES.end - LARGE_16 - BYTES.locator);
  const tail = viewOf(await file.bytes(tailAt, file.size - tailAt));
  let end = tail.byteLength - BYTES.end;
  while (end >= 0 && tail.getUint32(end, true) !== END) end--;
  if (end < 0) throw file.damaged('its ZIP directory has no end: the file is cut off');
  if (end + BYTES.end + tail.getUint16(end + 20, true) !== tail.byteLength)
    throw file.damaged('there is something behind its ZIP directory');
  const locator = end - BYTES.locator;
  if (locator < 0 || tail.getUint32(locator, true) !== LOCATOR_64) {
    const [count, bytes, from] = [
      tail.getUint16(end + 10, true),
      tail.getUint32(end + 12, true),
      tail.getUint32(end + 16, true),
    ];
    if (from + bytes !== tailAt + end) throw file.damaged('its ZIP directory is not where its end says');
    return { count, from, to: from + bytes };
  }
  const at = Number(tail.getBigUint64(locator + 8, true));
  if (at + BYTES.end64 > tailAt + locator) throw file.damaged('its ZIP directory is not where its end says');
  const large = viewOf(await file.bytes(at, BYTES.end64));
  const [count, bytes, from] = [32, 40, 48].map((place) => Number(large.getBigUint64(place, true)));
  if (large.getUint32(0, true) !== END_64 || from + bytes !== at)
    throw file.damaged('its ZIP directory is not where its end says');
  return { count, from, to: at };
}

/** Values of 64 bits in an entry's extra fields. */
function largeValues(extra: Uint8Array): number[] {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; at += 4 + view.getUint16(at + 2, true)) {
    const [kind, length] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    if (kind !== EXTRA_64 || at + 4 + length > extra.length) continue;
    return Array.from({ length: Math.floor(length / 8) }, (_, i) => Number(view.getBigUint64(at + 4 + 8 * i, true)));
  }
  return [];
}

/** The directory's entries, without their places in the file. */
function* entriesOf(bytes: Uint8Array, count: number, file: CheckpointFile): Generator<Omit<Entry, 'at'>> {
  const view = viewOf(bytes);
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + BYTES.entry > bytes.length || view.getUint32(at, true) !== ENTRY)
      throw file.damaged(`entry ${i} of its ZIP directory is none`);
    const [nameLength, extraLength, noteLength] = [28, 30, 32].map((place) => view.getUint16(at + place, true));
    const extraAt = at + BYTES.entry + nameLength;
    const next = extraAt + extraLength + noteLength;
    if (next > bytes.length) throw file.damaged(`entry ${i} of its ZIP directory is none`);
    const name = utf8.decode(bytes.subarray(at + BYTES.entry, extraAt));
    const large = largeValues(bytes.subarray(extraAt, extraAt + extraLength));
    // In this order, each only where the small field says so.
    const [size, packed, header] = [24, 20, 42].map((place) => {
      const small = view.getUint32(at + place, true);
      return small === LARGE_32 ? (large.shift() ?? small) : small;
    });
    const flags = view.getUint16(at + 8, true);
    if ((flags & ENCRYPTED) !== 0) throw file.damaged(`${shownName(name)} in it is encrypted`);
    if (view.getUint16(at + 10, true) !== 0 || packed !== size)
      throw file.damaged(`${shownName(name)} in it is compressed, which PyTorch does not do`);
    yield { name, size, crc: view.getUint32(at + 16, true), header };
    at = next;
  }
  if (at !== bytes.length) throw file.damaged(`its ZIP directory has more than the ${count} entries that it says`);
}

/** The entries by their names, each with a stretch of the file for itself. */
async function readDirectory(file: CheckpointFile): Promise<Map<string, Entry>> {
  const { count, from, to } = await findDirectory(file);
  if (count > MOST.entries || to - from > MOST.directory)
    throw file.damaged(`its ZIP directory has ${count} entries in ${to - from} bytes, more than is read`);
  const listed = [...entriesOf(await file.bytes(from, to - from), count, file)];
  listed.sort((a, b) => a.header - b.header);
  const entries = new Map<string, Entry>();
  for (const [i, entry] of listed.entries()) {
    const name = shownName(entry.name);
    const limit = listed[i + 1]?.header ?? from;
    if (entry.header + BYTES.local > limit) throw file.damaged(`${name} in it overlaps what comes next`);
    const head = viewOf(await file.bytes(entry.header, BYTES.local));
    const nameLength = head.getUint16(26, true);
    const at = entry.header + BYTES.local + nameLength + head.getUint16(28, true);
    if (at + entry.size > limit) throw file.damaged(`${name} in it overlaps what comes next, or the file is cut off`);
    const own = utf8.decode(await file.bytes(entry.header + BYTES.local, nameLength));
    if (head.getUint32(0, true) !== LOCAL || head.getUint16(8, true) !== 0 || own !== entry.name)
      throw file.damaged(`${name} in it is something else by its own header`);
    if (entries.has(entry.name)) throw file.damaged(`${name} is in it twice`);
    entries.set(entry.name, { ...entry, at });
  }
  return entries;
}

/** Makes sure of an entry's content. PyTorch can be told to compute no checksums, which it then writes as 0. */
async function checkSum(file: CheckpointFile, { name, size, crc, at }: Entry): Promise<void> {
  if (crc === 0) return;
  let sum = 0;
  for await (const piece of file.pieces(at, size)) sum = crc32(piece, sum);
  if (sum !== crc) throw file.damaged(`the checksum of ${shownName(name)} in it is wrong`);
}

/** The content of a small entry. */
async function contentOf(file: CheckpointFile, entry: Entry, most: number): Promise<Uint8Array> {
  if (entry.size > most)
    throw file.damaged(`${shownName(entry.name)} in it has ${entry.size} bytes, more than is read`);
  await checkSum(file, entry);
  return file.bytes(entry.at, entry.size);
}

async function isBigEndian(file: CheckpointFile, entry: Entry | undefined): Promise<boolean> {
  // Before there was such an entry, only little-endian computers could read what was written.
  const order = entry === undefined ? 'little' : utf8.decode(await contentOf(file, entry, MOST.order)).trim();
  if (order !== 'little' && order !== 'big') throw file.damaged(`its byte order is ${shownName(order)}`);
  return order === 'big';
}

/** The elements of each storage. */
function storedElements(
  file: CheckpointFile,
  entries: ReadonlyMap<string, Entry>,
  folder: string,
  storages: Iterable<TorchStorage>,
  bigEndian: boolean,
): Map<string, Elements> {
  const elements = new Map<string, Elements>();
  for (const { key, type, whole } of storages) {
    const entry = entries.get(`${folder}data/${key}`);
    if (!entry) throw file.damaged(`storage ${shownName(key)} is not in it`);
    const want = whole * STORED_BYTES[type];
    if (entry.size !== want)
      throw file.damaged(`storage ${shownName(key)} has ${entry.size} bytes, its pickle says ${want}`);
    let checked: Promise<void> | undefined;
    const check = () => (checked ??= checkSum(file, entry));
    elements.set(key, { type, count: whole, at: entry.at, bigEndian, check });
  }
  return elements;
}

/**
 * The tensors of a checkpoint in PyTorch's ZIP format, and the elements behind them.
 * @throws ADC_CHECKPOINT_KIND for archives that are none, ADC_CHECKPOINT_UNSAFE, ADC_CHECKPOINT_DAMAGED.
 */
export async function openTorchZip(
  file: CheckpointFile,
): Promise<{ tensors: Map<string, TorchTensor>; elements: Map<string, Elements> }> {
  const entries = await readDirectory(file);
  const pickles = [...entries.values()].filter(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  const [pickle] = pickles;
  const folder = pickle?.name.slice(0, -'data.pkl'.length);
  const isScript = [...entries.keys()].some((name) => name.startsWith(`${folder}code/`));
  if (pickles.length !== 1 || isScript) {
    const got = isScript ? 'a TorchScript program' : 'a ZIP archive that PyTorch has not written';
    throw fail('ADC_CHECKPOINT_KIND', { path: file.path, got });
  }
  const bytes = await contentOf(file, pickle, MOST.pickle);
  const bigEndian = await isBigEndian(file, entries.get(`${folder}byteorder`));
  const { rules, storages } = torchRules();
  try {
    const { value } = readPickle(bytes, 0, rules);
    const tensors = namedTensors(value);
    return { tensors, elements: storedElements(file, entries, folder, storages.values(), bigEndian) };
  } catch (error) {
    throw file.fault(error);
  }
}
