/** Files of maps: what is written comes back to the last bit, and arrays of any order and type hold what NumPy put there. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeImage, encodePng } from './codec.ts';
import { encodeFloatTiff } from './float-tiff.ts';
import { decodeMap, readMap, writeMap } from './map-file.ts';
import { decodeNpy } from './npy.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adclick-maps-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a map comes back to the last bit, whatever numbers it holds', async () => {
  const values = [0, -0, 1, 0.1, 1 / 3, -2.5e-7, 2 ** -149, 3.4e38, -3.4e38, 1 + 2 ** -23, 65535.5, 1e-30];
  const map = { data: Float32Array.from(values), width: 4, height: 3, channels: 1 as const };
  const path = join(folder, 'below', 'map.tiff');
  await writeMap(path, map);
  const back = await readMap(path);
  expect([back.width, back.height]).toEqual([4, 3]);
  expect(new Uint32Array(back.data.buffer)).toEqual(new Uint32Array(map.data.buffer));
  // As any other reader of TIFF sees it, too.
  expect((await decodeImage(encodeFloatTiff(map))).type).toBe('float');
  expect(() => encodeFloatTiff({ ...map, width: 5 })).toThrow(RangeError);
  await expect(readMap(join(folder, 'none.tiff'))).rejects.toMatchObject({ code: 'ADC_IMAGE_MISSING' });
});

/** A `.npy` file of the numbers as bytes, with the header that NumPy writes. */
const npy = (descr: string, order: string, shape: string, bytes: Uint8Array, version = 1) => {
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;
  const length = version === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0];
  return Buffer.concat([
    Buffer.from('\x93NUMPY', 'latin1'),
    Buffer.from([version, 0, ...length]),
    Buffer.from(text),
    bytes,
  ]);
};

test('an array by columns is turned into rows, of any number of axes', () => {
  const numbers = Uint8Array.from({ length: 24 }, (_, i) => i);
  const { data, shape } = decodeNpy(npy('|u1', 'True', '(2, 3, 4)', numbers), 100);
  expect(shape).toEqual([2, 3, 4]);
  // Element (a, b, c) stands at a + 2 b + 6 c.
  const wanted = [0, 1].flatMap((a) => [0, 1, 2].flatMap((b) => [0, 1, 2, 3].map((c) => a + 2 * b + 6 * c)));
  expect([...data]).toEqual(wanted);
});

test.each<[string, readonly number[], readonly number[]]>([
  ['>i2', [0xff, 0xfe, 0x01, 0x00], [-2, 256]],
  ['<u2', [0xff, 0xfe, 0x01, 0x00], [0xfeff, 1]],
  ['|i1', [0x80, 0x7f], [-128, 127]],
  ['|b1', [0, 7], [0, 1]],
  ['<f2', [0x00, 0x3c, 0x01, 0x80], [1, -(2 ** -24)]],
  ['>f4', [0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0], [1, -2]],
  ['>u8', [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9], [2 ** 32, 9]],
])('numbers of type %s', (descr, bytes, wanted) => {
  for (const version of [1, 2, 3])
    expect([...decodeNpy(npy(descr, 'False', '(1, 2)', Uint8Array.from(bytes), version), 2).data]).toEqual(wanted);
  expect(() => decodeNpy(npy(descr, 'False', '(1, 2)', Uint8Array.from(bytes)), 1)).toThrow('more than 1');
});

test('axes of length 1 around a map do not matter, and a map may be one pixel high', async () => {
  const bytes = Uint8Array.from({ length: 6 }, (_, i) => i);
  for (const [shape, height, width] of [
    ['(2, 3)', 2, 3],
    ['(1, 1, 2, 3)', 2, 3],
    ['(2, 3, 1)', 2, 3],
    ['(1, 6)', 1, 6],
    ['(1, 6, 1)', 6, 1],
  ] as const)
    expect(await decodeMap(npy('|u1', 'False', shape, bytes), 'm.npy')).toMatchObject({ height, width });
  for (const shape of ['(2, 1, 3)', '(6,)', '(0, 6)']) {
    const numbers = shape === '(0, 6)' ? new Uint8Array() : bytes;
    await expect(decodeMap(npy('|u1', 'False', shape, numbers), 'm.npy')).rejects.toMatchObject({ code: 'ADC_MAP' });
  }
});

test('grey with an opaque alpha is a map, as Matplotlib writes it', async () => {
  const data = Uint8Array.from([5, 5, 5, 255, 9, 9, 9, 255]);
  const bytes = await encodePng({ data, width: 2, height: 1, channels: 4 });
  expect([...(await decodeMap(bytes, 'm.png')).data]).toEqual([5, 9]);
});
