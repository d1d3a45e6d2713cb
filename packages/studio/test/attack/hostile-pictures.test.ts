/**
 * Pictures that stand for more than they are worth, sent to the server or put into a project: each is shown or refused with a code, and
 * others are answered meanwhile. ADCLICK_FUZZ sets how many pictures are made up.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { decodeImage, encodeJpeg, encodePng } from '@adclick/core/image';
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chunk } from '../../../core/src/image/fixtures/png-chunk.ts';
import { API } from '../../src/api.ts';
import { PROJECT_FILE, writeProject } from '../../src/project/project.ts';
import { writeFlat } from '../sample.ts';
import { openApp } from './served.ts';

const RUNS = Number(process.env.ADCLICK_FUZZ ?? 300);
/** Milliseconds that another request may wait, and that one picture may take, the start of the thread included. */
const PROMPT = 1_000;
const SOON = 20_000;
/** Bytes that the process may grow by: a picture of the most pixels, a few times. */
const MEMORY = 1.5 * 2 ** 30;

/** A PNG of one colour a pixel. @param rows of pixels that are there, of those that the header says. */
function png(width: number, height: number, rows: number, between: readonly Uint8Array[] = []): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0], 8);
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  const data = chunk('IDAT', deflateSync(Buffer.alloc(rows * (width + 1))));
  return Buffer.concat([signature, chunk('IHDR', header), ...between, data, chunk('IEND', new Uint8Array(0))]);
}

const zeros = deflateSync(Buffer.alloc(256 * 2 ** 20));
const note = (name: string) => chunk(name, Buffer.concat([Buffer.from('x\0\0', 'latin1'), zeros]));

/** A little-endian TIFF of one directory. @param tags number, type, count and value. @param next place of the next directory. */
function tiff(tags: readonly (readonly [number, number, number, number])[], next = 0): Uint8Array {
  const out = Buffer.alloc(8 + 2 + 12 * tags.length + 4);
  out.write('II*\0', 0, 'latin1');
  out.writeUInt32LE(8, 4);
  out.writeUInt16LE(tags.length, 8);
  for (const [i, [tag, type, count, value]] of tags.entries()) {
    const at = 10 + 12 * i;
    out.writeUInt16LE(tag, at);
    out.writeUInt16LE(type, at + 2);
    out.writeUInt32LE(count, at + 4);
    out.writeUInt32LE(value, at + 8);
  }
  out.writeUInt32LE(next, out.length - 4);
  return out;
}
const sized = (width: number, height: number) => [[256, 4, 1, width] as const, [257, 4, 1, height] as const];

/** A JPEG with an EXIF block. */
async function withExif(exif: Uint8Array): Promise<Uint8Array> {
  const jpeg = await encodeJpeg({ data: new Uint8Array(64), width: 8, height: 8, channels: 1 });
  const head = Buffer.alloc(10);
  head.writeUInt16BE(0xffe1, 0);
  head.writeUInt16BE(8 + exif.length, 2);
  head.write('Exif\0\0', 4, 'latin1');
  return Buffer.concat([jpeg.subarray(0, 2), head, exif, jpeg.subarray(2)]);
}

/** A BMP whose header says more than its data. @param compression 1 for run lengths. */
function bmp(width: number, height: number, compression: number): Uint8Array {
  const out = Buffer.alloc(54 + 1024 + 64);
  out.write('BM', 0, 'latin1');
  out.writeUInt32LE(out.length, 2);
  out.writeUInt32LE(54 + 1024, 10);
  out.writeUInt32LE(40, 14);
  out.writeInt32LE(width, 18);
  out.writeInt32LE(height, 22);
  out.writeUInt16LE(1, 26);
  out.writeUInt16LE(8, 28);
  out.writeUInt32LE(compression, 30);
  return out;
}

/** A WebP whose canvas is larger than what is in it. */
function webp(side: number): Uint8Array {
  const out = Buffer.alloc(30);
  out.write('RIFF', 0, 'latin1');
  out.writeUInt32LE(22, 4);
  out.write('WEBPVP8X', 8, 'latin1');
  out.writeUInt32LE(10, 16);
  out.writeUIntLE(side - 1, 24, 3);
  out.writeUIntLE(side - 1, 27, 3);
  return out;
}

const REFUSED: readonly (readonly [string, () => Uint8Array | Promise<Uint8Array>])[] = [
  ['a PNG of 100 gigapixels', () => png(300_000, 300_000, 1)],
  ['a PNG of 100 megapixels without them', () => png(9999, 9999, 4)],
  [
    'a JPEG of most pixels without them',
    async () => {
      const jpeg = Buffer.from(await encodeJpeg({ data: new Uint8Array(64), width: 8, height: 8, channels: 1 }));
      const frame = jpeg.indexOf(Uint8Array.of(0xff, 0xc0));
      jpeg.writeUInt16BE(9999, frame + 5);
      jpeg.writeUInt16BE(9999, frame + 7);
      return jpeg;
    },
  ],
  ['a TIFF whose directory follows itself', () => tiff(sized(8, 8), 8)],
  ['a TIFF of strips without end', () => tiff([...sized(8, 8), [273, 4, 0xffffffff, 8], [279, 4, 0xffffffff, 8]])],
  ['a TIFF of huge blocks', () => tiff([...sized(8, 8), [322, 4, 1, 2 ** 31], [323, 4, 1, 2 ** 31], [324, 4, 1, 8]])],
  ['a TIFF of samples without end', () => tiff([...sized(8, 8), [277, 3, 1, 65535], [273, 4, 1, 8], [279, 4, 1, 64]])],
  ['a BMP of huge sides', () => bmp(0x7fffffff, 0x7fffffff, 0)],
  ['a BMP of the most negative side', () => bmp(8, -0x80000000, 0)],
  ['a BMP of run lengths without them', () => bmp(9999, 9999, 1)],
  ['a WebP of an empty canvas', () => webp(9999)],
  ['a WebP of the largest canvas', () => webp(2 ** 24)],
  ['an archive', () => Buffer.from('PK\u0003\u0004')],
  ['nothing but zeros', () => new Uint8Array(16 * 2 ** 20)],
];
const SHOWN: readonly (readonly [string, () => Uint8Array | Promise<Uint8Array>])[] = [
  ['a PNG of 100 megapixels in 100 kB', () => png(9999, 9999, 9999)],
  ['a PNG with a profile of 256 MB', () => png(64, 64, 64, [note('iCCP')])],
  ['a PNG with texts of 256 MB', () => png(64, 64, 64, [note('zTXt'), note('zTXt'), note('zTXt')])],
  ['a PNG of one row', () => png(90_000, 1, 1)],
  [
    'a JPEG whose EXIF points to itself',
    () =>
      withExif(
        tiff(
          [
            [0x8769, 4, 1, 8],
            [274, 3, 1, 6],
          ],
          8,
        ),
      ),
  ],
  ['a JPEG whose EXIF has an orientation that there is not', () => withExif(tiff([[274, 3, 1, 99]]))],
  ['a JPEG whose EXIF has orientations without end', () => withExif(tiff([[274, 3, 0xffffffff, 0xffffffff]]))],
  ['a JPEG whose EXIF points out of the file', () => withExif(tiff([[0x8769, 4, 1, 0xfffffff0]], 0xfffffff0))],
];

let root = '';
let app: FastifyInstance;
let close = async () => {};

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'adclick-hostile-pictures-'));
  for (const name of ['good/0.png', 'good/1.png']) await writeFlat(join(root, name), 100);
  await writeFlat(join(root, 'test/plain.png'), 120);
  for (const [i, [, make]] of SHOWN.entries()) await writeFile(join(root, `test/shown-${i}.png`), await make());
  const project = await writeProject(join(root, PROJECT_FILE), {
    categories: { part: { good: ['good'], test: ['test'], defects: ['dent'] } },
  });
  ({ app, close } = await openApp(project));
});
afterAll(async () => {
  await close();
  await rm(root, { recursive: true });
});

/** Does something while another client asks all the time. @returns the answer, which came in time and without much memory. */
async function beside<T>(work: () => Promise<T>): Promise<T> {
  const before = process.memoryUsage().rss;
  let [slowest, most, running] = [0, before, true];
  const other = (async () => {
    while (running) {
      const asked = performance.now();
      await app.inject({ url: `${API}/project` });
      slowest = Math.max(slowest, performance.now() - asked);
      most = Math.max(most, process.memoryUsage().rss);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  const start = performance.now();
  const answer = await work();
  expect(performance.now() - start).toBeLessThan(SOON);
  running = false;
  await other;
  expect(slowest).toBeLessThan(PROMPT);
  expect(most - before).toBeLessThan(MEMORY);
  return answer;
}

describe('sent to the server', () => {
  test.each(REFUSED)('%s is refused', async (_, make) => {
    const payload = Buffer.from(await make());
    const headers = { 'content-type': 'image/png' };
    const answer = await beside(() =>
      app.inject({ method: 'POST', url: `${API}/detect?category=part`, headers, payload }),
    );
    expect(answer.statusCode).toBeLessThan(500);
    expect(answer.json()).toMatchObject({ error: { code: expect.stringMatching(/^ADC_IMAGE_/) } });
  });
});

describe('in a project', () => {
  test.each(SHOWN.map(([name], i) => [name, i] as const))('%s is shown, small', async (_, i) => {
    const { images } = (await app.inject({ url: `${API}/images?search=shown-${i}` })).json();
    expect(images).toHaveLength(1);
    const answer = await beside(() => app.inject({ url: `${API}/images/${images[0].id}/picture?size=thumbnail` }));
    expect(answer.statusCode, answer.body.slice(0, 200)).toBe(200);
    const { width, height } = await decodeImage(answer.rawPayload);
    expect(Math.max(width, height)).toBeLessThanOrEqual(1024);
  });
});

test('whatever is changed in a picture, it is decoded or refused with a code', async () => {
  const grey = { data: Uint8Array.from({ length: 256 }, (_, i) => i), width: 16, height: 16, channels: 1 } as const;
  const block = Buffer.concat([
    tiff([
      ...sized(16, 16),
      [258, 3, 1, 8],
      [259, 3, 1, 1],
      [262, 3, 1, 1],
      [273, 4, 1, 110],
      [277, 3, 1, 1],
      [279, 4, 1, 256],
    ]),
    grey.data,
  ]);
  const sound = [
    await encodePng(grey),
    await encodeJpeg(grey),
    block,
    bmp(16, 16, 0),
    await withExif(tiff([[274, 3, 1, 6]])),
  ];
  const change = fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...sound), change, fc.nat(3_000), async (whole, changes, cut) => {
      const bytes = Uint8Array.from(whole.subarray(0, Math.max(64, whole.length - (cut > 2_000 ? cut % 64 : 0))));
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      const start = performance.now();
      await decodeImage(bytes).catch((error: unknown) =>
        expect(error).toMatchObject({ code: expect.stringMatching(/^ADC_IMAGE_/) }),
      );
      expect(performance.now() - start).toBeLessThan(SOON);
    }),
    { numRuns: RUNS, seed: 16 },
  );
});
