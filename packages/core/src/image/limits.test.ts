import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeImage, encodeJpeg, encodePng } from './codec.ts';
import { chunk } from './fixtures/png-chunk.ts';
import { type StoredType, writeTiff } from './fixtures/write-tiff.ts';
import { TIFF_TAGS } from './tiff.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adclick-limits-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const MEGABYTE = 2 ** 20;
/** So much zeros as nobody should hold in memory for a picture of a pixel. */
const zeros = (megabytes: number) => deflateSync(Buffer.alloc(megabytes * MEGABYTE), { level: 9 });

/** PackBits of a long row of zeros. */
const packedBits = (bytes: number) =>
  Uint8Array.from({ length: 2 * Math.ceil(bytes / 128) }, (_, i) => (i % 2 === 0 ? 129 : 0));

/** A PNG with chunks behind its header. */
async function pngWith(chunks: readonly Uint8Array[]): Promise<Uint8Array> {
  const png = await encodePng({ data: new Uint8Array(64).fill(9), width: 8, height: 8, channels: 1 });
  return Buffer.concat([png.subarray(0, 33), ...chunks, png.subarray(33)]);
}

/** A PNG whose header says more than its data. */
function emptyPng(side: number, depth: number, colour: number): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([depth, colour, 0, 0, 0], 8);
  const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(Buffer.alloc(4000))), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([Uint8Array.from(signature), ...parts]);
}

/** A JPEG whose header says more than its data. */
async function emptyJpeg(side: number): Promise<Uint8Array> {
  const jpeg = Buffer.from(await encodeJpeg({ data: new Uint8Array(64), width: 8, height: 8, channels: 1 }));
  const frame = jpeg.indexOf(Uint8Array.of(0xff, 0xc0));
  jpeg.writeUInt16BE(side, frame + 5);
  jpeg.writeUInt16BE(side, frame + 7);
  return jpeg;
}

/** A BMP of run lengths that ends at once. */
function emptyRuns(side: number, bits: 4 | 8): Uint8Array {
  const bmp = Buffer.alloc(56);
  bmp.write('BM');
  bmp.writeUInt32LE(54, 10);
  bmp.writeUInt32LE(40, 14);
  bmp.writeInt32LE(side, 18);
  bmp.writeInt32LE(side, 22);
  bmp.writeUInt16LE(bits, 28);
  bmp.writeUInt32LE(bits === 8 ? 1 : 2, 30);
  bmp.set([0, 1], 54);
  return bmp;
}

const { compression, rowsPerStrip, samplesPerPixel, tileWidth, tileHeight } = TIFF_TAGS;
const packed = (type: StoredType, strip: Uint8Array, kind: number, more: Record<number, number> = {}) =>
  writeTiff([{ width: 1, height: 1, type, strips: [strip], tags: { [compression]: kind, ...more } }]);

/** Runs the codec on a file in a process of its own. @returns its answer, and the memory it took beyond a picture of a pixel, in megabytes. */
async function decodeApart(bytes: Uint8Array): Promise<{ answer: string; megabytes: number }> {
  const file = join(folder, 'picture');
  await writeFile(file, bytes);
  const codec = new URL('./codec.ts', import.meta.url).href;
  const code = `
    const { decodeImage, encodePng } = await import(${JSON.stringify(codec)});
    const { readFileSync } = await import('node:fs');
    const small = await encodePng({ data: new Uint8Array(1), width: 1, height: 1, channels: 1 });
    await decodeImage(small);
    const bytes = readFileSync(${JSON.stringify(file)});
    const before = process.resourceUsage().maxRSS;
    const answer = await decodeImage(bytes).then(({ width, height }) => width + ' x ' + height, (error) => error.code);
    console.log(JSON.stringify({ answer, megabytes: (process.resourceUsage().maxRSS - before) / 1024 }));`;
  const args = [
    '--conditions=@adclick/source',
    '--import',
    import.meta.resolve('tsx'),
    '--input-type=module',
    '-e',
    code,
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout);
}

describe('a small picture cannot stand for any amount of data', () => {
  const huge = zeros(200);
  // Short enough to be plausible beside a header, still a thousand times what it should be.
  const sly = zeros(40);
  const bombs: [string, Uint8Array, string][] = [
    ['8 bits, DEFLATE', packed('uint8', huge, 8), 'ADC_IMAGE_UNREADABLE'],
    ['16 bits, old DEFLATE', packed('uint16', huge, 32946), 'ADC_IMAGE_UNREADABLE'],
    ['signed, DEFLATE', packed('int16', huge, 8), 'ADC_IMAGE_UNREADABLE'],
    ['doubles, DEFLATE', packed('float64', huge, 8), 'ADC_IMAGE_UNREADABLE'],
    ['signed, DEFLATE that is plausible', packed('int16', sly, 8), 'ADC_IMAGE_UNREADABLE'],
    ['half floats, endless strip', packed('float16', sly, 8, { [rowsPerStrip]: 2 ** 32 - 1 }), 'ADC_IMAGE_UNREADABLE'],
    ['signed, PackBits', packed('int16', packedBits(10 * MEGABYTE), 32773), 'ADC_IMAGE_UNREADABLE'],
    [
      'tiles of any size',
      packed('float64', sly, 8, { [tileWidth]: 2 ** 16, [tileHeight]: 2 ** 16 }),
      'ADC_IMAGE_UNREADABLE',
    ],
  ];
  test.each(bombs)('TIFF of %s', async (_name, bytes, code) => {
    const { answer, megabytes } = await decodeApart(bytes);
    expect(answer).toBe(code);
    expect(megabytes).toBeLessThan(30);
  });

  test('notes of a PNG are not unpacked', async () => {
    const keyword = Buffer.from('Comment\0\0', 'latin1');
    const text = chunk('zTXt', Buffer.concat([keyword, zeros(200)]));
    const profile = chunk('iCCP', Buffer.concat([Buffer.from('icc\0\0', 'latin1'), zeros(200)]));
    const many = Array.from({ length: 40 }, () => chunk('zTXt', Buffer.concat([keyword, zeros(20)])));
    for (const chunks of [[text], [profile], many]) {
      const { answer, megabytes } = await decodeApart(await pngWith(chunks));
      expect(answer).toBe('8 x 8');
      expect(megabytes).toBeLessThan(30);
    }
  });
});

describe('a small file cannot stand for any amount of memory', () => {
  const SIDE = 9_900;
  const tiff = (channels: number, type: StoredType, kind: number) =>
    writeTiff([
      { width: SIDE, height: SIDE, channels, type, strips: [new Uint8Array(5000)], tags: { [compression]: kind } },
    ]);
  const files: [string, Uint8Array | Promise<Uint8Array>, string][] = [
    // All chunks are there, so it is not called truncated.
    ['PNG of 16 bits', emptyPng(SIDE, 16, 6), 'ADC_IMAGE_UNREADABLE'],
    ['PNG of 8 bits', emptyPng(SIDE, 8, 2), 'ADC_IMAGE_UNREADABLE'],
    ['TIFF', tiff(4, 'uint16', 1), 'ADC_IMAGE_TRUNCATED'],
    ['TIFF, DEFLATE', tiff(3, 'uint8', 8), 'ADC_IMAGE_TRUNCATED'],
    ['TIFF, LZW', tiff(3, 'float64', 5), 'ADC_IMAGE_TRUNCATED'],
    ['TIFF of a thousand channels', tiff(1000, 'uint8', 8), 'ADC_IMAGE_UNREADABLE'],
    ['JPEG', emptyJpeg(SIDE), 'ADC_IMAGE_TRUNCATED'],
    ['BMP of bytes in runs', emptyRuns(SIDE, 8), 'ADC_IMAGE_TRUNCATED'],
    ['BMP of half bytes in runs', emptyRuns(SIDE, 4), 'ADC_IMAGE_TRUNCATED'],
    [
      'TIFF of no channels',
      writeTiff([{ width: 4, height: 4, type: 'uint8', tags: { [samplesPerPixel]: 0 } }]),
      'ADC_IMAGE_UNREADABLE',
    ],
  ];
  test.each(files)('%s', async (_name, bytes, code) => {
    const { answer, megabytes } = await decodeApart(await bytes);
    expect(answer).toBe(code);
    expect(megabytes).toBeLessThan(30);
  });

  test.each([
    [-8, 8],
    [8, -(2 ** 31)],
    [2 ** 31 - 1, 2 ** 31 - 1],
    [99_999, 999],
  ])('BMP of %i x %i', async (width, height) => {
    const bmp = Buffer.alloc(200);
    bmp.write('BM');
    bmp.writeUInt32LE(54, 10);
    bmp.writeUInt32LE(40, 14);
    bmp.writeInt32LE(width, 18);
    bmp.writeInt32LE(height, 22);
    bmp.writeUInt16LE(24, 28);
    const error = await decodeImage(bmp).catch((reason) => reason);
    expect(error.code).toMatch(/^ADC_IMAGE_(TOO_LARGE|TRUNCATED|UNREADABLE)$/);
  });
});
