/** Reading ZIP archives that others made: everything is checked against the directory before a byte is unpacked. */
import { crc32 } from 'node:zlib';
import { CodedError } from '@adclick/core';
import { inflateSync } from 'fflate';
import { fail } from '../errors.ts';
import { decodeCp437 } from './cp437.ts';
import { safePath } from './paths.ts';
import { wrong } from './place.ts';

/** Limits against archives that are made to fill memory and disk. */
export const ZIP_LIMITS = {
  entries: 200_000,
  /** Bytes of all files, unpacked. */
  total: 4 * 2 ** 30,
  /** Times that a file may be larger unpacked, when it is larger than `small`. Masks and run lengths reach 200 at most. */
  ratio: 400,
  small: 2 ** 20,
};

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
/** Says in a field of 16 or 32 bits that the value stands in the larger form. */
const LARGE_16 = 0xffff;
const LARGE_32 = 0xffffffff;
/** Bit of the flags that says that the name is UTF-8, and kinds of extra fields: larger numbers, and the name in Unicode (Info-ZIP). */
const UTF8 = 0x800;
const EXTRA_64 = 0x0001;
const EXTRA_NAME = 0x7075;
/** Bits of the upper half of a file's attributes that say what it is on Unix, and what they say of a link. */
const KIND = 0o170000;
const LINK = 0o120000;

/** A file in an archive. */
export interface ZipEntry {
  readonly name: string;
  readonly stored: boolean;
  readonly packed: number;
  readonly size: number;
  readonly crc: number;
  /** Where its local header is. */
  readonly offset: number;
}

/** Whether bytes begin as a ZIP archive. */
export const isZip = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && bytes[0] === 0x50 && bytes[1] === 0x4b && (bytes[2] === 3 || bytes[2] === 5);

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** What an archive holds. */
export interface ZipListing {
  /** Its files, by their safe names. */
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** Files that are not to be had, each with why. */
  readonly refused: readonly { readonly name: string; readonly error: CodedError }[];
}

/** The extra fields of an entry, by their kind. */
function extraFields(bytes: Uint8Array): Map<number, Uint8Array> {
  const view = viewOf(bytes);
  const fields = new Map<number, Uint8Array>();
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = view.getUint16(at + 2, true);
    fields.set(view.getUint16(at, true), bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return fields;
}

/**
 * The name of an entry: UTF-8 where the flags say so or the bytes are nothing else, what the Unicode field says, or code page 437. Names
 * in other code pages come out as other letters, but each as its own.
 */
function nameOf(raw: Uint8Array, flags: number, extra: ReadonlyMap<number, Uint8Array>): string {
  const field = extra.get(EXTRA_NAME);
  // The field counts only for the name that it was made for.
  if (!(flags & UTF8) && field && field.length > 5 && field[0] === 1 && viewOf(field).getUint32(1, true) === crc32(raw))
    return new TextDecoder().decode(field.subarray(5));
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw);
  } catch {
    return decodeCp437(raw);
  }
}

/** Number of entries and place of the directory. */
function findDirectory(bytes: Uint8Array, file: string): { count: number; at: number; end: number } {
  const view = viewOf(bytes);
  const broken = (what: string) => wrong({ file, field: 'ZIP directory' }, what);
  let end = bytes.length - 22;
  while (end >= 0 && bytes.length - end < 65_558 && view.getUint32(end, true) !== END) end--;
  if (end < 0 || view.getUint32(end, true) !== END) throw broken('it has no end, the archive is cut off');
  const [count, at] = [view.getUint16(end + 10, true), view.getUint32(end + 16, true)];
  if (count !== LARGE_16 && at !== LARGE_32) return { count, at, end };
  const locator = end - 20;
  if (locator < 0 || view.getUint32(locator, true) !== LOCATOR_64) return { count, at, end };
  const place = Number(view.getBigUint64(locator + 8, true));
  if (place + 56 > locator || view.getUint32(place, true) !== END_64) throw broken('its end in ZIP64 is damaged');
  return {
    count: Number(view.getBigUint64(place + 32, true)),
    at: Number(view.getBigUint64(place + 48, true)),
    end: place,
  };
}

/**
 * The files of an archive. Names that leave the archive, names that are there twice, links, and what is encrypted or packed in other ways
 * are refused one by one.
 * @throws ADC_EXCHANGE_FILE for broken archives; ADC_EXCHANGE_LIMIT for what {@link ZIP_LIMITS} refuses.
 */
export function listZip(bytes: Uint8Array, file: string): ZipListing {
  const view = viewOf(bytes);
  const broken = (what: string) => wrong({ file, field: 'ZIP directory' }, what);
  const tooMuch = (what: string) => fail('ADC_EXCHANGE_LIMIT', { path: file, what });
  const directory = findDirectory(bytes, file);
  const { count, end } = directory;
  let { at } = directory;
  if (count > ZIP_LIMITS.entries) throw tooMuch(`it has ${count} files, more than ${ZIP_LIMITS.entries}`);
  const entries = new Map<string, ZipEntry>();
  const refused: { name: string; error: CodedError }[] = [];
  const twice = new Set<string>();
  let total = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== ENTRY) throw broken(`entry ${i} is damaged`);
    const [flags, method, nameLength, extraLength, comment] = [8, 10, 28, 30, 32].map((offset) =>
      view.getUint16(at + offset, true),
    );
    const nameEnd = at + 46 + nameLength;
    if (nameEnd + extraLength > end) throw broken(`entry ${i} is cut off`);
    const extra = extraFields(bytes.subarray(nameEnd, nameEnd + extraLength));
    const raw = nameOf(bytes.subarray(at + 46, nameEnd), flags, extra);
    // Of the larger numbers only those are there that do not fit into their fields, in this order.
    const large = extra.get(EXTRA_64) ?? new Uint8Array();
    let used = 0;
    const [size, packed, offset] = [24, 20, 42].map((place) => {
      const value = view.getUint32(at + place, true);
      if (value !== LARGE_32 || used + 8 > large.length) return value;
      used += 8;
      return Number(viewOf(large).getBigUint64(used - 8, true));
    });
    const entry = { stored: method === 0, crc: view.getUint32(at + 16, true), packed, size, offset };
    const isLink = ((view.getUint32(at + 38, true) >>> 16) & KIND) === LINK;
    at = nameEnd + extraLength + comment;
    if (/[\\/]$/.test(raw)) continue;
    const safe = safeName(raw, file);
    if (typeof safe !== 'string') {
      refused.push({ name: raw, error: safe });
      continue;
    }
    const name = safe;
    const refuse = (what: string) =>
      refused.push({ name, error: fail('ADC_EXCHANGE_NAME', { name: JSON.stringify(name), path: file, what }) });
    total += entry.size;
    if (total > ZIP_LIMITS.total) throw tooMuch(`its files are more than ${ZIP_LIMITS.total} bytes unpacked`);
    if (entry.size > ZIP_LIMITS.small && entry.size > ZIP_LIMITS.ratio * entry.packed)
      throw tooMuch(`${name} is ${entry.size} bytes packed into ${entry.packed}`);
    if (isLink) refuse('it is a symbolic link');
    else if (entries.has(name) || twice.has(name)) twice.add(name);
    else if (flags & 1) refuse('it is encrypted');
    else if (method !== 0 && method !== 8) refuse(`it is packed by method ${method}; only deflate is read`);
    else entries.set(name, { name, ...entry });
  }
  // Programs that unpack keep one or the other.
  for (const name of twice) {
    entries.delete(name);
    const what = 'it is in the archive twice';
    refused.push({ name, error: fail('ADC_EXCHANGE_NAME', { name: JSON.stringify(name), path: file, what }) });
  }
  return { entries, refused };
}

/** {@link safePath}, or why there is none. */
function safeName(raw: string, file: string): string | CodedError {
  try {
    return safePath(raw, file);
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
}

/** Unpacks a file of an archive. @throws ADC_EXCHANGE_FILE when it is not what the directory says. */
export function readZipEntry(bytes: Uint8Array, file: string, entry: ZipEntry): Uint8Array {
  const broken = (what: string, cause?: unknown) => wrong({ file, field: entry.name }, what, cause);
  const view = viewOf(bytes);
  const { offset, packed, size } = entry;
  if (offset + 30 > bytes.length || view.getUint32(offset, true) !== LOCAL) throw broken('its header is damaged');
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  if (start + packed > bytes.length) throw broken('it is cut off');
  const inside = bytes.subarray(start, start + packed);
  let out: Uint8Array;
  try {
    // One byte more than announced, so that more content than that shows; the buffer never grows.
    out = entry.stored ? inside.slice() : inflateSync(inside, { out: new Uint8Array(size + 1) });
  } catch (error) {
    throw broken('it cannot be unpacked', error);
  }
  if (out.length !== size) throw broken(`it has not the ${size} bytes that the directory says`);
  if (crc32(out) !== entry.crc) throw broken('its checksum is wrong');
  return out;
}
