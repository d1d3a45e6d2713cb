/** Weight files: what is written is read, the layout is the published one, and damage is named instead of read. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  readSafetensorsHeader,
  writeSafetensors,
} from './safetensors.ts';
import { type Tensor, tensor } from './tensor.ts';

const sample = (): Map<string, Tensor> =>
  new Map([
    ['w', tensor(Float32Array.of(1, -2, 3, 4, 5, 6), [2, 3])],
    ['half', tensor(Uint16Array.of(0x3c00, 0xbc00), [2])],
    ['long', tensor(BigInt64Array.of(-1n, 2n ** 40n), [2])],
    ['int', tensor(Int32Array.of(-7), [])],
    ['byte', tensor(Uint8Array.of(1, 2, 255), [3])],
  ]);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ortgrad-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file from a header and a body, as another program might write it. */
function file(header: unknown, body = new Uint8Array(0)): Uint8Array {
  const json = typeof header === 'string' ? header : JSON.stringify(header);
  const out = Buffer.alloc(8 + json.length + body.length);
  out.writeBigUInt64LE(BigInt(json.length));
  out.write(json, 8);
  out.set(body, 8 + json.length);
  return out;
}

test('every type survives writing and reading, and metadata with it', async () => {
  const path = join(folder, 'deep', 'weights.safetensors');
  await writeSafetensors(path, sample(), { licence: 'Apache-2.0' });
  const { tensors, metadata } = await readSafetensors(path);
  expect(tensors).toEqual(sample());
  expect(metadata).toEqual({ licence: 'Apache-2.0' });
  expect(await readdir(join(folder, 'deep'))).toEqual(['weights.safetensors']);
});

test('a header is read without its tensors, with the same checks', async () => {
  const path = join(folder, 'header.safetensors');
  const bytes = encodeSafetensors(sample(), { kind: 'x' });
  await writeFile(path, bytes);
  const { spans, metadata } = await readSafetensorsHeader(path);
  expect(metadata).toEqual({ kind: 'x' });
  expect(spans.map(({ name, type, shape }) => [name, type, shape])[0]).toEqual(['w', 'F32', [2, 3]]);
  expect(spans.at(-1)?.to).toBe(bytes.length);
  for (const length of [0, 5, 40, bytes.length - 1]) {
    await writeFile(path, bytes.subarray(0, length));
    await expect(readSafetensorsHeader(path)).rejects.toMatchObject({ code: 'ADC_WEIGHTS_DAMAGED' });
  }
  await expect(readSafetensorsHeader(folder)).rejects.toMatchObject({ code: 'ADC_WEIGHTS_DAMAGED' });
});

test('the bytes follow the published layout', () => {
  const bytes = Buffer.from(encodeSafetensors(new Map([['a', tensor(Float32Array.of(1), [1])]])));
  const length = Number(bytes.readBigUInt64LE());
  expect(length % 8).toBe(0);
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
  expect(header).toEqual({ a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } });
  expect(bytes.subarray(8 + length)).toEqual(Buffer.from([0, 0, 0x80, 0x3f]));
});

test('a file written elsewhere, with tensors that are not aligned, is read', () => {
  const header = {
    b: { dtype: 'F32', shape: [1], data_offsets: [1, 5] },
    a: { dtype: 'U8', shape: [1], data_offsets: [0, 1] },
  };
  const { tensors } = decodeSafetensors(file(header, Uint8Array.of(9, 0, 0, 0x80, 0x3f)));
  expect(tensors.get('b')!.data).toEqual(Float32Array.of(1));
  expect(tensors.get('a')!.data).toEqual(Uint8Array.of(9));
});

const entry = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };
test.each([
  ['an empty file', new Uint8Array(0), /too few/],
  ['a header longer than the file', Uint8Array.of(255, 0, 0, 0, 0, 0, 0, 0, 1), /claims 255 bytes/],
  ['a header of 2^63 bytes', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128), /claims/],
  ['a header that is no JSON', file('{"a":'), /not JSON/],
  ['a header that is a list', file([]), /no object/],
  ['an unknown type', file({ a: { ...entry, dtype: 'F8' } }, new Uint8Array(8)), /F8/],
  ['a shape that disagrees with the size', file({ a: { ...entry, shape: [3] } }, new Uint8Array(8)), /needs 12 bytes/],
  ['a negative side', file({ a: { ...entry, shape: [-2] } }, new Uint8Array(8)), /malformed/],
  ['an entry without offsets', file({ a: { dtype: 'F32', shape: [2] } }, new Uint8Array(8)), /malformed/],
  ['missing bytes at the end', file({ a: entry }, new Uint8Array(7)), /ends at byte/],
  ['bytes left over', file({ a: entry }, new Uint8Array(9)), /1 bytes after/],
  ['overlapping tensors', file({ a: entry, b: entry }, new Uint8Array(8)), /overlap/],
  ['a gap', file({ a: { ...entry, data_offsets: [1, 9] } }, new Uint8Array(9)), /gap/],
  [
    'a name twice',
    file(`{"a":${JSON.stringify(entry)},"\\u0061":${JSON.stringify(entry)}}`, new Uint8Array(8)),
    /names a twice/,
  ],
  ['a size past all numbers', file({ a: { ...entry, shape: [2 ** 40, 2 ** 40] } }, new Uint8Array(8)), /needs/],
  ['metadata that is no object', file({ __metadata__: ['x'] }), /metadata/],
  ['metadata of numbers', file({ __metadata__: { x: 1 } }), /metadata/],
])('%s is refused as damaged', (_, bytes, message) => {
  expect(() => decodeSafetensors(bytes, 'x.safetensors')).toThrow(message);
  expect(() => decodeSafetensors(bytes, 'x.safetensors')).toThrow(/x\.safetensors/);
});

test('tensors that overlap are refused before memory is taken for any of them', () => {
  const size = 16 * 2 ** 20;
  const over = { dtype: 'U8', shape: [size], data_offsets: [0, size] };
  const header = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`t${i}`, over]));
  const bytes = file(header, new Uint8Array(size));
  const before = process.memoryUsage().arrayBuffers;
  expect(() => decodeSafetensors(bytes)).toThrow(/overlap/);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(size);
});

test('a header of brackets, quotes and escapes is read in time, and only names of its own level count', () => {
  const odd = { 'a"b\\': entry, __metadata__: { a: '{"a":[1,"a",{}]}', b: '\\"'.repeat(200_000) } };
  const { tensors, metadata } = decodeSafetensors(file(odd, new Uint8Array(8)));
  expect([...tensors.keys()]).toEqual(['a"b\\']);
  expect(metadata).toEqual(odd.__metadata__);
});

test('every cut of a file is refused', () => {
  const bytes = encodeSafetensors(sample(), { a: 'b' });
  for (let length = 0; length < bytes.length; length++) {
    expect(() => decodeSafetensors(bytes.subarray(0, length))).toThrow(/cannot be read/);
  }
});

test('a missing file is named', async () => {
  const path = join(folder, 'nowhere.safetensors');
  await expect(readSafetensors(path)).rejects.toMatchObject({ code: 'ADC_WEIGHTS_DAMAGED', details: { path } });
});

test('a write that fails leaves the old file and nothing else', async () => {
  const path = join(folder, 'kept.safetensors');
  await writeFile(path, 'old');
  const broken = new Map([['a', { ...tensor(Float32Array.of(1), [1]), data: null as unknown as Float32Array }]]);
  await expect(writeSafetensors(path, broken)).rejects.toThrow();
  expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});
