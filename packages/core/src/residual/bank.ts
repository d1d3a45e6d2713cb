/** Where an index keeps the descriptors of its good pictures: in memory, or in one float16 file a picture. */
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { fail } from '../errors.ts';
import type { PackedDescriptors } from '../features/extractor.ts';
import { describeIoError, writeFileAtomic } from '../files.ts';

/** Element counts of one picture's descriptors. */
export interface ShardSize {
  readonly tokens: number;
  readonly low: number;
}

/** Descriptors by key. */
export interface Bank {
  /** Whether descriptors are there, whole. */
  has(key: string): Promise<boolean>;
  put(key: string, descriptors: PackedDescriptors): Promise<void>;
  /** (h * w, D) float16 bits. */
  tokens(key: string): Promise<Uint16Array>;
  /** Values [from, to) of {@link tokens}. */
  part(key: string, from: number, to: number): Promise<Uint16Array>;
  /** (C, 2h, 2w) float16 bits of the stride-4 tap. */
  low(key: string): Promise<Uint16Array>;
}

/** Keeps everything in memory. */
export class MemoryBank implements Bank {
  private readonly shards = new Map<string, PackedDescriptors>();

  async has(key: string): Promise<boolean> {
    return this.shards.has(key);
  }

  async put(key: string, descriptors: PackedDescriptors): Promise<void> {
    this.shards.set(key, descriptors);
  }

  async tokens(key: string): Promise<Uint16Array> {
    return this.shard(key).tokens;
  }

  async part(key: string, from: number, to: number): Promise<Uint16Array> {
    return this.shard(key).tokens.subarray(from, to);
  }

  async low(key: string): Promise<Uint16Array> {
    return this.shard(key).low;
  }

  private shard(key: string): PackedDescriptors {
    const found = this.shards.get(key);
    if (!found) throw new RangeError(`no descriptors of ${key}: the index was closed`);
    return found;
  }

  /** Forgets the stride-4 maps, which only building needs. */
  dropLow(): void {
    for (const [key, shard] of this.shards) this.shards.set(key, { ...shard, low: new Uint16Array(0) });
  }

  clear(): void {
    this.shards.clear();
  }
}

/** Name of the file with a picture's descriptors. */
export const shardFile = (key: string): string => `${key}.shard`;

/** First four bytes of a shard file, "ADCS". */
const MAGIC = 0x53434441;
const HEADER_BYTES = 20;

/** Values by key, the least recently used dropped beyond a number of bytes. */
export class ByteCache<Value> {
  private readonly entries = new Map<string, { readonly value: Value; readonly bytes: number }>();
  private total = 0;

  constructor(private readonly limit: number) {}

  get(key: string): Value | undefined {
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.value;
  }

  set(key: string, value: Value, bytes: number): void {
    this.total += bytes - (this.entries.get(key)?.bytes ?? 0);
    this.entries.delete(key);
    this.entries.set(key, { value, bytes });
    for (const [oldest, entry] of this.entries) {
      if (this.total <= this.limit || oldest === key) break;
      this.entries.delete(oldest);
      this.total -= entry.bytes;
    }
  }

  clear(): void {
    this.entries.clear();
    this.total = 0;
  }
}

const bytesOf = (data: Uint16Array) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Tokens kept in memory by an open index: about 180 pictures of 512 pixels. */
const CACHE_BYTES = 256 * 2 ** 20;
/** Pictures that have room there at least; of larger ones parts are read as they are needed. */
const LEAST_KEPT = 24;

/**
 * One file a picture: a header of five 32-bit words (magic, bytes and CRC-32 of the tokens, bytes and CRC-32 of the stride-4
 * map), the tokens, the map. Files appear whole or not at all; their content never changes under their name.
 */
export class DiskBank implements Bank {
  private readonly cache: ByteCache<Uint16Array>;

  constructor(
    private readonly directory: string,
    private readonly size: ShardSize,
    private readonly cacheBytes = CACHE_BYTES,
  ) {
    this.cache = new ByteCache(cacheBytes);
  }

  /** Reads and checks the whole file. */
  async has(key: string): Promise<boolean> {
    try {
      await this.read(key, 'tokens');
      await this.read(key, 'low');
      return true;
    } catch {
      return false;
    }
  }

  /** @throws ADC_DISK when it cannot be written. */
  async put(key: string, { tokens, low }: PackedDescriptors): Promise<void> {
    const [a, b] = [bytesOf(tokens), bytesOf(low)];
    const header = new DataView(new ArrayBuffer(HEADER_BYTES));
    for (const [i, word] of [MAGIC, a.length, crc32(a), b.length, crc32(b)].entries())
      header.setUint32(4 * i, word, true);
    await writeFileAtomic(this.pathOf(key), [new Uint8Array(header.buffer), a, b]);
  }

  /** @throws ADC_INDEX_DAMAGED when the file is missing, cut off or altered. */
  async tokens(key: string): Promise<Uint16Array> {
    const known = this.cache.get(key);
    if (known) return known;
    const tokens = await this.read(key, 'tokens');
    this.cache.set(key, tokens, tokens.byteLength);
    return tokens;
  }

  /**
   * Of pictures that are no small part of what is kept in memory only these values are read, and not checked again.
   * @throws ADC_INDEX_DAMAGED when the file is missing or cut off; where all is read, as {@link tokens}.
   */
  async part(key: string, from: number, to: number): Promise<Uint16Array> {
    if (2 * this.size.tokens <= this.cacheBytes / LEAST_KEPT) return (await this.tokens(key)).subarray(from, to);
    return this.opened(key, async (file) => {
      const data = new Uint16Array(to - from);
      await this.fill(key, file, bytesOf(data), HEADER_BYTES + 2 * from);
      return data;
    });
  }

  /** @throws ADC_INDEX_DAMAGED when the file is missing, cut off or altered. */
  async low(key: string): Promise<Uint16Array> {
    return this.read(key, 'low');
  }

  /** Checks presence and length of a file without reading it. @throws ADC_INDEX_DAMAGED. */
  async check(key: string): Promise<void> {
    await this.opened(key, async () => undefined);
  }

  clear(): void {
    this.cache.clear();
  }

  private pathOf(key: string): string {
    return join(this.directory, shardFile(key));
  }

  private damaged(key: string, what: string, cause?: unknown) {
    return fail('ADC_INDEX_DAMAGED', { path: this.directory, what: `${shardFile(key)} ${what}` }, cause);
  }

  private async opened<Result>(key: string, work: (file: FileHandle) => Promise<Result>): Promise<Result> {
    let file: FileHandle;
    try {
      file = await open(this.pathOf(key), 'r');
    } catch (cause) {
      throw this.damaged(key, `cannot be opened: ${describeIoError(cause)}`, cause);
    }
    try {
      const want = HEADER_BYTES + 2 * (this.size.tokens + this.size.low);
      const { size } = await file.stat();
      if (size !== want) throw this.damaged(key, `has ${size} bytes, ${want} were written`);
      return await work(file);
    } finally {
      await file.close();
    }
  }

  private async fill(key: string, file: FileHandle, bytes: Uint8Array, start: number): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at, start + at);
      if (bytesRead === 0) throw this.damaged(key, 'ends too early');
      at += bytesRead;
    }
  }

  private read(key: string, part: 'tokens' | 'low'): Promise<Uint16Array> {
    return this.opened(key, async (file) => {
      const header = new DataView(new ArrayBuffer(HEADER_BYTES));
      const data = new Uint16Array(this.size[part]);
      const start = part === 'tokens' ? HEADER_BYTES : HEADER_BYTES + 2 * this.size.tokens;
      await file.read(new Uint8Array(header.buffer), 0, HEADER_BYTES, 0);
      const bytes = bytesOf(data);
      await this.fill(key, file, bytes, start);
      const word = (i: number) => header.getUint32(4 * i, true);
      const first = part === 'tokens' ? 1 : 3;
      const whole = word(0) === MAGIC && word(first) === bytes.length && word(first + 1) === crc32(bytes);
      if (!whole) throw this.damaged(key, 'is not what was written');
      return data;
    });
  }
}

/** Makes the folder of an index. @throws ADC_DISK. */
export async function makeFolder(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    throw fail('ADC_DISK', { path: directory, what: describeIoError(error) }, error);
  }
}
