/** Checkpoints as somebody else might write them, right or wrong: pickles from single instructions, ZIP archives, and the older format. */
import { crc32 } from 'node:zlib';

/** Instructions of a pickle. */
const ascii = (text: string) => Buffer.from(text, 'latin1');
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

export const text = (value: string) => Buffer.concat([ascii('X'), u32(Buffer.byteLength(value)), Buffer.from(value)]);

/** A whole number of any size and sign. */
export function integer(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeBigInt64LE(BigInt.asIntN(64, BigInt(value)));
  bytes.writeInt32LE(Number(BigInt.asIntN(32, BigInt(value) >> 64n)), 8);
  return Buffer.concat([Buffer.of(0x8a, 12), bytes]);
}

export const global = (module: string, name: string) => ascii(`c${module}\n${name}\n`);
export const tuple = (...items: readonly Uint8Array[]) => Buffer.concat([ascii('('), ...items, ascii('t')]);
export const list = (...items: readonly Uint8Array[]) => Buffer.concat([ascii(']('), ...items, ascii('e')]);
export const call = (callee: Uint8Array, ...args: readonly Uint8Array[]) =>
  Buffer.concat([callee, tuple(...args), ascii('R')]);
export const dict = (entries: Readonly<Record<string, Uint8Array>>) =>
  Buffer.concat([ascii('}('), ...Object.entries(entries).flatMap(([key, value]) => [text(key), value]), ascii('u')]);

/** A pickle of one value. */
export const pickle = (...value: readonly Uint8Array[]) => Buffer.concat([Buffer.of(0x80, 2), ...value, ascii('.')]);

/** What a tensor's instructions say. */
export interface TensorSaid {
  readonly key?: string;
  readonly storage?: string;
  readonly count: number | bigint;
  readonly offset?: number | bigint;
  readonly shape: readonly (number | bigint)[];
  readonly strides: readonly (number | bigint)[];
  /** Of the older format: where it lies in the storage, as a tuple or None. */
  readonly view?: Uint8Array;
}

/** A reference to a storage. */
export const storage = ({ key = '0', storage: type = 'FloatStorage', count, view }: TensorSaid) =>
  Buffer.concat([
    tuple(text('storage'), global('torch', type), text(key), text('cpu'), integer(count), ...(view ? [view] : [])),
    ascii('Q'),
  ]);

export const tensor = (said: TensorSaid) =>
  call(
    global('torch._utils', '_rebuild_tensor_v2'),
    storage(said),
    integer(said.offset ?? 0),
    tuple(...said.shape.map(integer)),
    tuple(...said.strides.map(integer)),
    Buffer.of(0x89),
    call(global('collections', 'OrderedDict')),
  );

/** An entry of a ZIP archive; what is left out is as it should be. */
export interface ZipFile {
  readonly name: string;
  readonly content: Uint8Array;
  readonly method?: number;
  readonly flags?: number;
  readonly crc?: number;
  /** Sizes and place that the directory says. */
  readonly size?: number;
  readonly packed?: number;
  readonly at?: number;
  /** Name in the entry's own header. */
  readonly ownName?: string;
}

const u64 = (...values: readonly number[]) => {
  const bytes = Buffer.alloc(8 * values.length);
  for (const [i, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), 8 * i);
  return bytes;
};

/** @param large whether sizes and places stand in ZIP64's fields. @param count entries that the end says. */
export function zip(files: readonly ZipFile[], { large = false, count = files.length } = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const file of files) {
    const { name, content, method = 0, flags = 0, crc = crc32(content), ownName = name } = file;
    const { size = content.length, packed = content.length, at: said = at } = file;
    const head = Buffer.alloc(30);
    head.writeUInt32LE(0x04034b50);
    head.writeUInt16LE(flags, 6);
    head.writeUInt16LE(method, 8);
    head.writeUInt16LE(Buffer.byteLength(ownName), 26);
    const local = Buffer.concat([head, Buffer.from(ownName), content]);
    const entry = Buffer.alloc(46);
    const extra = large ? Buffer.concat([Buffer.of(1, 0, 24, 0), u64(size, packed, said)]) : Buffer.alloc(0);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(flags, 8);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(crc, 16);
    for (const [place, value] of [
      [20, packed],
      [24, size],
      [42, said],
    ] as const)
      entry.writeUInt32LE(large ? 0xffffffff : value, place);
    entry.writeUInt16LE(Buffer.byteLength(name), 28);
    entry.writeUInt16LE(extra.length, 30);
    directory.push(Buffer.concat([entry, Buffer.from(name), extra]));
    parts.push(local);
    at += local.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(large ? 0xffff : count, 10);
  end.writeUInt32LE(large ? 0xffffffff : listed.length, 12);
  end.writeUInt32LE(large ? 0xffffffff : at, 16);
  if (!large) return Buffer.concat([...parts, listed, end]);
  const end64 = Buffer.alloc(56);
  end64.writeUInt32LE(0x06064b50);
  u64(44).copy(end64, 4);
  u64(count, count, listed.length, at).copy(end64, 24);
  const locator = Buffer.concat([
    Buffer.from('PK\x06\x07\0\0\0\0', 'latin1'),
    u64(at + listed.length),
    Buffer.of(1, 0, 0, 0),
  ]);
  return Buffer.concat([...parts, listed, end64, locator, end]);
}

/** An archive as PyTorch writes it. */
export const torchZip = (
  value: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = {},
  { order, large }: { readonly order?: string; readonly large?: boolean } = {},
) =>
  zip(
    [
      { name: 'archive/data.pkl', content: pickle(value) },
      ...(order === undefined ? [] : [{ name: 'archive/byteorder', content: ascii(order) }]),
      ...Object.entries(storages).map(([key, content]) => ({ name: `archive/data/${key}`, content })),
      { name: 'archive/version', content: ascii('3\n') },
    ],
    { large },
  );

const MAGIC = 0x1950a86a20f9469cfc6cn;

/** A file of the older format. @param storages elements and bytes by their names, in order. */
export const torchLegacy = (
  value: Uint8Array,
  storages: Readonly<Record<string, readonly [count: number, bytes: Uint8Array]>> = {},
  { magic = MAGIC, version = 1001 }: { readonly magic?: bigint; readonly version?: number } = {},
) =>
  Buffer.concat([
    pickle(integer(magic)),
    pickle(integer(version)),
    pickle(dict({ little_endian: Buffer.of(0x88) })),
    pickle(value),
    pickle(list(...Object.keys(storages).map(text))),
    ...Object.values(storages).flatMap(([count, bytes]) => {
      const head = Buffer.alloc(8);
      head.writeBigInt64LE(BigInt(count));
      return [head, bytes];
    }),
  ]);
