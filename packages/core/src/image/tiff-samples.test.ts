import { deflateSync } from 'node:zlib';
import sharp, { type TiffOptions as SharpTiff } from 'sharp';
import { describe, expect, test } from 'vitest';
import { decodeImage } from './codec.ts';
import { type StoredType, storedSamples, type TiffOptions, type TiffPage, writeTiff } from './fixtures/write-tiff.ts';
import { fullPage, TIFF_TAGS } from './tiff.ts';
import { decodeOddTiff } from './tiff-samples.ts';

const [WIDTH, HEIGHT] = [70, 45];
/** Long runs, ramps and noise: strings that LZW meets again, and some that it does not. */
const texture = (i: number) => ((i % 97 < 30 ? 500 : (i * 7919) % 4000) + (i >> 7)) % 4096;

const noise = Uint16Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => texture(i));

describe('what libtiff packs is unpacked the same', () => {
  const kinds: [string, SharpTiff, number][] = [
    ['LZW', { compression: 'lzw', predictor: 'none' }, 1],
    ['LZW of differences', { compression: 'lzw', predictor: 'horizontal' }, 1],
    ['LZW in tiles', { compression: 'lzw', predictor: 'horizontal', tile: true, tileWidth: 32, tileHeight: 16 }, 1],
    ['LZW, three channels', { compression: 'lzw', predictor: 'horizontal' }, 3],
    ['DEFLATE', { compression: 'deflate', predictor: 'none' }, 1],
    [
      'DEFLATE of differences in tiles',
      { compression: 'deflate', predictor: 'horizontal', tile: true, tileWidth: 16, tileHeight: 16 },
      3,
    ],
    ['PackBits', { compression: 'packbits' }, 1],
    ['nothing', { compression: 'none' }, 3],
  ];
  test.each(kinds)('%s', async (_name, options, channels) => {
    const samples = noise.subarray(0, WIDTH * HEIGHT * channels);
    const raw = { width: WIDTH, height: HEIGHT, channels: channels as 1 | 3, depth: 'ushort' as const };
    const bytes = await sharp(samples, { raw })
      .toColourspace(channels === 1 ? 'grey16' : 'rgb16')
      .tiff({ ...options, bigtiff: false })
      .toBuffer();
    // The same bits, read as signed numbers, which nothing that was packed here turns negative.
    const page = fullPage(bytes)!;
    expect(page.tags.get(TIFF_TAGS.bitsPerSample)).toBe(16);
    const signed = { ...page, tags: new Map([...page.tags, [TIFF_TAGS.sampleFormat, 2]]) };
    const decoded = decodeOddTiff(bytes, signed);
    expect([decoded.width, decoded.height, decoded.channels]).toEqual([WIDTH, HEIGHT, channels]);
    expect([...decoded.data]).toEqual([...samples]);
  });

  test.each([false, true])('floats by differences of their bytes, tiled: %s', async (tile) => {
    const page: TiffPage = { width: WIDTH, height: HEIGHT, type: 'float32', sample: (i) => texture(i) / 7 - 100 };
    const bytes = await sharp(writeTiff([page]))
      .tiff({ compression: 'lzw', predictor: 'float', tile, tileWidth: 32, tileHeight: 32 })
      .toBuffer();
    const stored = fullPage(bytes)!;
    expect(stored.tags.get(TIFF_TAGS.predictor)).toBe(3);
    const { data } = await decodeImage(bytes);
    expect(new Set(data).size).toBeGreaterThan(50);
    expect([...decodeOddTiff(bytes, stored).data]).toEqual([...data]);
  });
});

describe('sample types', () => {
  const types: StoredType[] = ['uint8', 'uint16', 'int16', 'uint32', 'int32', 'float32', 'float64'];
  const orders: [string, TiffOptions][] = [
    ['little-endian', {}],
    ['big-endian', { little: false }],
    ['BigTIFF', { big: true }],
    ['big-endian BigTIFF', { big: true, little: false }],
  ];
  for (const type of types)
    for (const [name, options] of orders)
      test(`${type}, ${name}`, async () => {
        for (const channels of [1, 3]) {
          const value = (i: number) => (type === 'uint8' ? i % 251 : type.startsWith('u') ? i * 50 : i * 50 - 300);
          const page: TiffPage = { width: 9, height: 7, channels, type, sample: value };
          const image = await decodeImage(writeTiff([page], options));
          expect([...image.data]).toEqual(Array.from({ length: 63 * channels }, (_, i) => value(i)));
          expect(image.type).toBe(type.startsWith('float') ? 'float' : type);
        }
      });

  test('channels apart', async () => {
    const planes = [0, 1, 2].map((plane) =>
      storedSamples({ width: 5, height: 4, type: 'int16', sample: (i) => 100 * plane + i - 50 }),
    );
    const tags = { [TIFF_TAGS.planarConfiguration]: 2, [TIFF_TAGS.rowsPerStrip]: 4 };
    const page: TiffPage = { width: 5, height: 4, channels: 3, type: 'int16', strips: planes, tags };
    const { data } = await decodeImage(writeTiff([page]));
    expect([...data.subarray(0, 6)]).toEqual([-50, 50, 150, -49, 51, 151]);
  });

  /** Differences of neighbours in each row of a tile, as a predictor stores them. */
  const differences = (samples: readonly number[]) =>
    samples.map((value, i) => (i % 16 === 0 ? value : value - samples[i - 1]));

  describe.each([false, true])('tiles of one channel each, by differences: %s', (predicted) => {
    const [width, height, tile] = [20, 18, 16];
    const types: StoredType[] = ['uint8', 'uint16', 'int16', 'uint32', 'int32', 'float32', 'float64'];
    test.each(
      types
        .filter((type) => !predicted || !type.startsWith('float'))
        .flatMap((type) => [[type, true] as const, [type, false] as const]),
    )('%s, little-endian: %s', async (type, little) => {
      const at = (x: number, y: number, plane: number) => x + 3 * y + 60 * plane;
      const tiles = [0, 1, 2].flatMap((plane) =>
        [0, 1, 2, 3].map((number) => {
          const [left, top] = [(number % 2) * tile, Math.floor(number / 2) * tile];
          const samples = Array.from({ length: tile * tile }, (_, i) =>
            at(left + (i % tile), top + Math.floor(i / tile), plane),
          );
          const stored = predicted ? differences(samples) : samples;
          const page: TiffPage = { width: tile, height: tile, type, sample: (i) => stored[i] };
          return deflateSync(storedSamples(page, little));
        }),
      );
      const tags = {
        [TIFF_TAGS.planarConfiguration]: 2,
        [TIFF_TAGS.tileWidth]: tile,
        [TIFF_TAGS.tileHeight]: tile,
        [TIFF_TAGS.compression]: 8,
        [TIFF_TAGS.predictor]: predicted ? 2 : 1,
      };
      const image = await decodeImage(
        writeTiff([{ width, height, channels: 3, type, strips: tiles, tags }], { little }),
      );
      expect([image.type, image.depth]).toEqual([
        type.startsWith('float') ? 'float' : type,
        type === 'uint8' ? 8 : type === 'uint16' ? 16 : 32,
      ]);
      expect([...image.data]).toEqual(
        Array.from({ length: width * height * 3 }, (_, i) =>
          at(Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3),
        ),
      );
    });
  });

  test.each<StoredType>(['float32', 'float64'])(
    '%s where white is zero keep their values, there is no end to count from',
    async (type) => {
      const tags = { [TIFF_TAGS.photometric]: 0 };
      const { data } = await decodeImage(writeTiff([{ width: 3, height: 1, type, sample: (i) => 100 * i, tags }]));
      expect([...data]).toEqual([0, 100, 200]);
    },
  );

  test('several strips, the last one shorter or filled up', async () => {
    const rows = (from: number, count: number) =>
      deflateSync(storedSamples({ width: 6, height: count, type: 'int16', sample: (i) => from * 6 + i }));
    for (const last of [1, 2]) {
      const tags = { [TIFF_TAGS.rowsPerStrip]: 2, [TIFF_TAGS.compression]: 8 };
      const strips = [rows(0, 2), rows(2, 2), rows(4, last)];
      const { data } = await decodeImage(writeTiff([{ width: 6, height: 5, type: 'int16', strips, tags }]));
      expect([...data]).toEqual(Array.from({ length: 30 }, (_, i) => i));
    }
  });
});
