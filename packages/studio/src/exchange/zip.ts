/** Reading ZIP archives that others made: everything is checked against the directory before a byte is unpacked. */
import { crc32 } from 'node:zlib';
import { inflateSync } from 'fflate';
import { fail } from '../errors.ts';
import { wrong } from './painter.ts';
import { safePath } from './paths.ts';

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

/**
 * The files of an archive, by their safe names.
 * @throws ADC_EXCHANGE_FILE for broken archives; ADC_EXCHANGE_NAME for names that leave the archive, that are there twice, and for links;
 *   ADC_EXCHANGE_LIMIT for what {@link ZIP_LIMITS} refuses.
 */
export function listZip(bytes: Uint8Array, file: string): Map<string, ZipEntry> {
  const view = viewOf(bytes);
  const broken = (what: string) => wrong({ file, field: 'ZIP directory' }, what);
  const tooMuch = (what: string) => fail('ADC_EXCHANGE_LIMIT', { path: file, what });
  let end = bytes.length - 22;
  while (end >= 0 && bytes.length - end < 65_558 && view.getUint32(end, true) !== END) end--;
  if (end < 0 || view.getUint32(end, true) !== END) throw broken('it has no end, the archive is cut off');
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  if (count === 0xffff || at === 0xffffffff)
    throw tooMuch('ZIP64 archives are not read; unpack it and give the folder');
  if (count > ZIP_LIMITS.entries) throw tooMuch(`it has ${count} files, more than ${ZIP_LIMITS.entries}`);
  const entries = new Map<string, ZipEntry>();
  let total = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== ENTRY) throw broken(`entry ${i} is damaged`);
    const [nameLength, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    if (at + 46 + nameLength > end) throw broken(`entry ${i} is cut off`);
    const raw = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const method = view.getUint16(at + 10, true);
    const entry = {
      stored: method === 0,
      crc: view.getUint32(at + 16, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    };
    const encrypted = (view.getUint16(at + 8, true) & 1) === 1;
    const isLink = ((view.getUint32(at + 38, true) >>> 16) & KIND) === LINK;
    at += 46 + nameLength + extra + comment;
    if (/[\\/]$/.test(raw)) {
      safePath(raw.replace(/[\\/]+$/, ''), file);
      continue;
    }
    const name = safePath(raw, file);
    if (isLink) throw fail('ADC_EXCHANGE_NAME', { name, path: file, what: 'it is a symbolic link' });
    if (entries.has(name)) throw fail('ADC_EXCHANGE_NAME', { name, path: file, what: 'it is in the archive twice' });
    if (encrypted) throw broken(`${name} is encrypted`);
    if (method !== 0 && method !== 8) throw broken(`${name} is packed by method ${method}; only deflate is read`);
    total += entry.size;
    if (total > ZIP_LIMITS.total) throw tooMuch(`its files are more than ${ZIP_LIMITS.total} bytes unpacked`);
    if (entry.size > ZIP_LIMITS.small && entry.size > ZIP_LIMITS.ratio * entry.packed)
      throw tooMuch(`${name} is ${entry.size} bytes packed into ${entry.packed}`);
    entries.set(name, { name, ...entry });
  }
  return entries;
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
