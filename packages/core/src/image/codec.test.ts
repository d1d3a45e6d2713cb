import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@adclick/ortgrad';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  decodeImage,
  encodeJpeg,
  encodeMask,
  encodePng,
  readImage,
  readMask,
  readRgb,
  toMask,
  writeMask,
  writePng,
} from './codec.ts';
import { bytesOf, fileNamed, float32Of, golden, largestDifference, uint8Of, uint16Of } from './fixtures/golden.ts';
import { IGNORE, type Pixels } from './types.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adclick-codec-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(CodedError);
  return (error as CodedError).code;
};

const bytesNamed = (name: string) => bytesOf(fileNamed(name).file);

describe('decodeImage reads what other encoders wrote', () => {
  test.each(golden.files.map((file) => [file.name, file] as const))('%s', async (_name, file) => {
    const image = await decodeImage(bytesOf(file.file));
    const [height, width, channels] = file.pixels.shape;
    const { format, depth, alpha, lossy } = image;
    expect([image.width, image.height, image.channels]).toEqual([width, height, channels]);
    expect({ format, depth, alpha, lossy }).toEqual({
      format: file.format,
      depth: file.depth,
      alpha: file.alpha,
      lossy: file.lossy,
    });
    const want = { 8: uint8Of, 16: uint16Of, 32: float32Of }[file.depth](file.pixels);
    expect(image.data.constructor).toBe(want.constructor);
    expect(largestDifference(image.data, want)).toBeLessThanOrEqual(file.tolerance);
    expect(image.warning).toBeUndefined();
  });

  test('CMYK JPEG becomes RGB, not inverted', async () => {
    const { data, width, channels } = await decodeImage(bytesOf(golden.cmyk));
    expect([width, channels]).toEqual([16, 3]);
    expect(Math.min(...data.subarray(0, 3))).toBeGreaterThan(245); // no ink: white
    const [red, green, blue] = data.subarray(15 * 3) as Uint8Array; // magenta and yellow: red
    expect(red).toBeGreaterThan(180);
    expect(Math.max(green, blue)).toBeLessThan(90);
  });
});

describe('what it refuses', () => {
  test('zero bytes', async () => {
    expect(await codeOf(decodeImage(new Uint8Array(0)))).toBe('ADC_IMAGE_EMPTY');
  });

  test.each([
    ['%PDF-1.7 and so on', 'a PDF document'],
    ['GIF89a......', 'a GIF picture'],
    ['version https://git-lfs.github.com/spec/v1', 'a Git LFS pointer'],
    ['<!DOCTYPE html><html>', 'an HTML page'],
    ['defect;x;y\n1;2;3\n', 'plain text'],
    ['\0\0\0\x20ftypheic', 'a HEIF or AVIF picture'],
    ['\0\0\0\0\0\0\0\0\0\0\0\0\0\0', 'nothing but zeros'],
    ['\x01\x02\x03\x9f\x80\x12\x00\x07', 'content of an unknown type'],
  ])('%j is named', async (content, name) => {
    const path = join(folder, 'holiday.png');
    await writeFile(path, Buffer.from(content, 'latin1'));
    const error = (await readImage(path).catch((reason) => reason)) as CodedError;
    expect(error.code).toBe('ADC_IMAGE_UNREADABLE');
    expect(error.message).toContain(name);
    expect(error.message).toContain(path);
  });

  test('a missing file, a folder', async () => {
    expect(await codeOf(readImage(join(folder, 'none.png')))).toBe('ADC_IMAGE_MISSING');
    expect(await codeOf(readImage(folder))).toBe('ADC_IMAGE_UNREADABLE');
  });

  test('a wrong extension does not matter', async () => {
    const path = join(folder, 'really-a-png.jpg');
    await writeFile(path, bytesNamed('png rgb 8'));
    expect((await readImage(path)).format).toBe('png');
  });

  test('a corrupt file that is complete is unreadable, not truncated', async () => {
    const bytes = bytesNamed('png rgb 8').slice();
    bytes.fill(0x5a, bytes.length - 40, bytes.length - 20); // inside the compressed data
    expect(await codeOf(decodeImage(bytes))).toBe('ADC_IMAGE_UNREADABLE');
  });
});

describe('pixel limit', () => {
  const png = (width: number, height: number) => {
    const bytes = bytesNamed('png grey 8').slice();
    new DataView(bytes.buffer).setUint32(16, width);
    new DataView(bytes.buffer).setUint32(20, height);
    return bytes;
  };
  const patched = (name: string, patch: (view: DataView, bytes: Uint8Array) => void) => {
    const bytes = bytesNamed(name).slice();
    patch(new DataView(bytes.buffer), bytes);
    return bytes;
  };
  const bombs: [string, Uint8Array][] = [
    ['png', png(10_000, 10_000)],
    ['png of 2^31', png(2 ** 31 - 1, 2 ** 31 - 1)],
    [
      'jpeg',
      patched('jpeg rgb', (view, bytes) => {
        const frame = bytes.findIndex((byte, i) => byte === 0xff && bytes[i + 1] === 0xc0);
        view.setUint16(frame + 5, 10_000);
        view.setUint16(frame + 7, 10_000);
      }),
    ],
    [
      'bmp',
      patched('bmp 24', (view) => {
        view.setInt32(18, 10_000, true);
        view.setInt32(22, -10_000, true);
      }),
    ],
    [
      'tiff',
      patched('tiff rgb 16', (view) => {
        const start = view.getUint32(4, true);
        for (let i = 0; i < view.getUint16(start, true); i++) {
          const entry = start + 2 + i * 12;
          const long = view.getUint16(entry + 2, true) === 4;
          if (![256, 257].includes(view.getUint16(entry, true))) continue;
          if (long) view.setUint32(entry + 8, 10_000, true);
          else view.setUint16(entry + 8, 10_000, true);
        }
      }),
    ],
    [
      'webp',
      patched('webp lossless rgb', (view) => {
        view.setUint32(21, 9_999 | (9_999 << 14), true);
      }),
    ],
  ];
  test.each(bombs)('100 megapixels in the header of a %s cost nothing', async (_name, bytes) => {
    const before = performance.now();
    expect(await codeOf(decodeImage(bytes))).toBe('ADC_IMAGE_TOO_LARGE');
    expect(performance.now() - before).toBeLessThan(100);
  });

  test('the limit itself is still allowed', async () => {
    const bytes = bytesNamed('png grey 8'); // 7 x 5
    expect((await decodeImage(bytes, { limit: 35 })).width).toBe(7);
    expect(await codeOf(decodeImage(bytes, { limit: 34 }))).toBe('ADC_IMAGE_TOO_LARGE');
  });

  test('an odd TIFF and a bitmap obey it too', async () => {
    for (const name of ['tiff float 64', 'bmp rle 8'])
      expect(await codeOf(decodeImage(bytesNamed(name), { limit: 10 }))).toBe('ADC_IMAGE_TOO_LARGE');
  });
});

describe('damage', () => {
  const accepted = new Set(['ADC_IMAGE_TRUNCATED', 'ADC_IMAGE_UNREADABLE', 'ADC_IMAGE_EMPTY']);
  const kinds = ['png rgb 8', 'png rgb 16', 'png palette 16', 'jpeg rgb', 'jpeg rgb progressive', 'tiff rgb 8 lzw'];
  kinds.push('tiff grey 16 none', 'tiff signed 16', 'bmp 24', 'bmp 8 palette', 'bmp rle 8', 'webp lossless rgb');
  kinds.push('webp lossy', 'tiff float 64');

  test.each(kinds)('%s cut anywhere gives a coded error or every pixel', async (name) => {
    const file = fileNamed(name);
    const bytes = bytesOf(file.file);
    const whole = await decodeImage(bytes);
    const step = Math.max(1, Math.floor(bytes.length / 60));
    let refused = 0;
    for (let length = 0; length < bytes.length; length += step) {
      const result = await decodeImage(bytes.slice(0, length)).catch((reason) => reason);
      if (result instanceof Error) {
        expect(result).toBeInstanceOf(CodedError);
        expect(accepted).toContain((result as CodedError).code);
        refused++;
      } else expect(largestDifference(result.data, whole.data)).toBe(0);
    }
    expect(refused).toBeGreaterThan(10);
  });

  test.each(['png rgb 8', 'jpeg rgb', 'jpeg rgb progressive', 'webp lossy', 'bmp 24', 'tiff rgb 8 none'])(
    'half of a %s is called truncated',
    async (name) => {
      const bytes = bytesNamed(name);
      expect(await codeOf(decodeImage(bytes.slice(0, Math.floor(bytes.length * 0.6))))).toBe('ADC_IMAGE_TRUNCATED');
    },
  );

  test('random bytes in random files never escape as anything but a coded error', async () => {
    const overwrite = fc.record({
      file: fc.constantFrom(...golden.files),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(overwrite, async ({ file, at, bytes }) => {
        const damaged = bytesOf(file.file).slice();
        damaged.set(bytes, Math.floor(at * (damaged.length - bytes.length)));
        const result = await decodeImage(damaged, { limit: 1e6 }).catch((reason) => reason);
        if (result instanceof Error) expect(result).toBeInstanceOf(CodedError);
        else expect(result.data.length).toBe(result.width * result.height * result.channels);
      }),
      { numRuns: 400, seed: 11 },
    );
  });
});

describe('encodePng keeps every value', () => {
  const dimensions = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }));
  for (const depth of [8, 16] as const)
    for (const channels of [1, 2, 3, 4])
      test(`${channels} channels of ${depth} bits`, async () => {
        await fc.assert(
          fc.asyncProperty(dimensions, fc.integer(), async ([width, height], seed) => {
            const samples = Array.from({ length: width * height * channels }, (_, i) =>
              Math.imul(i + seed, 2654435761),
            );
            const data = depth === 8 ? Uint8Array.from(samples) : Uint16Array.from(samples);
            const image = await decodeImage(await encodePng({ data, width, height, channels } as Pixels<Uint8Array>));
            expect([image.width, image.height, image.channels, image.depth]).toEqual([width, height, channels, depth]);
            expect(largestDifference(image.data, data)).toBe(0);
          }),
          { numRuns: 15 },
        );
      });

  test('a wrong sample count is refused', async () => {
    const image = { data: new Uint8Array(5), width: 2, height: 2, channels: 1 };
    await expect(encodePng(image)).rejects.toThrow('5 samples are not 2 x 2 x 1');
  });

  test('JPEG stays close to a smooth picture, grey stays grey', async () => {
    const data = Uint8Array.from({ length: 32 * 24 * 3 }, (_, i) => (i % 96) + Math.floor(i / 96) * 3);
    const rgb = await decodeImage(await encodeJpeg({ data, width: 32, height: 24, channels: 3 }, 98));
    expect(largestDifference(rgb.data, data)).toBeLessThan(8);
    const grey = { data: data.slice(0, 32 * 24), width: 32, height: 24, channels: 1 };
    expect((await decodeImage(await encodeJpeg(grey, 98))).channels).toBe(1);
  });
});

describe('masks', () => {
  const grey = async (values: number[], depth: 8 | 16 = 8) => {
    const data = depth === 8 ? Uint8Array.from(values) : Uint16Array.from(values);
    return [
      ...toMask(
        await decodeImage(
          await encodePng({ data, width: values.length, height: 1, channels: 1 } as Pixels<Uint8Array>),
        ),
      ).data,
    ];
  };

  test('0/255 with soft edges is cut at half', async () => {
    expect(await grey([0, 1, 127, 128, 255])).toEqual([0, 0, 0, 1, 1]);
    expect(await grey([0, 300, 32767, 32768, 65535], 16)).toEqual([0, 0, 0, 1, 1]);
  });

  test('class numbers count from 1', async () => {
    expect(await grey([0, 1, 2, 9])).toEqual([0, 1, 1, 1]);
    expect(await grey([0, 1, 300], 16)).toEqual([0, 1, 1]);
    expect(await grey([0, 0, 0])).toEqual([0, 0, 0]);
  });

  test('class colours count whatever their brightness', async () => {
    const data = Uint8Array.from([0, 0, 0, 0, 128, 0, 64, 0, 0, 255, 255, 255]);
    const image = await decodeImage(await encodePng({ data, width: 4, height: 1, channels: 3 }));
    expect([...toMask(image).data]).toEqual([0, 1, 1, 1]);
  });

  test('a palette file of any bit depth is read by its colours', async () => {
    for (const count of [2, 4, 16, 200]) {
      const file = fileNamed(`png palette ${count}`);
      const colours = uint8Of(file.pixels);
      const want = Array.from({ length: 35 }, (_, i) => Number(colours.subarray(i * 3, i * 3 + 3).some((v) => v > 0)));
      expect([...toMask(await decodeImage(bytesOf(file.file))).data]).toEqual(want);
    }
    const bilevel = toMask(await decodeImage(bytesNamed('tiff bilevel group 4')));
    expect([...bilevel.data]).toEqual([...uint8Of(fileNamed('tiff bilevel group 4').pixels)].map((v) => Number(v > 0)));
  });

  test('transparent pixels are not marked', async () => {
    const data = Uint8Array.from([255, 255, 255, 0, 255, 255, 255, 255, 0, 0, 0, 255]);
    const image = await decodeImage(await encodePng({ data, width: 3, height: 1, channels: 4 }));
    expect([...toMask(image).data]).toEqual([0, 1, 0]);
  });

  test('a black JPEG marks nothing, one of white areas is cut at half', async () => {
    const jpeg = async (value: (x: number, y: number) => number) => {
      const data = Uint8Array.from({ length: 64 * 64 }, (_, i) => value(i % 64, i >> 6));
      const image = await decodeImage(await encodeJpeg({ data, width: 64, height: 64, channels: 1 }, 60));
      return toMask(image).data.reduce((sum, set) => sum + set, 0);
    };
    expect(await jpeg(() => 0)).toBe(0);
    expect(await jpeg((x, y) => (x >= 20 && x < 31 && y >= 13 && y < 40 ? 255 : 0))).toBe(11 * 27);
    // Numbers of classes do not survive: whatever is left of them is refused, not taken for nothing.
    for (const numbers of [[5], [1, 2, 3], [60, 200], [85, 170, 255]])
      await expect(
        jpeg((x, y) => (y > 20 && y < 50 ? (numbers[Math.floor(x / 16) - 1] ?? 0) : 0)),
      ).rejects.toMatchObject({ code: 'ADC_MASK_VALUES' });
  });

  describe('grey values between black and white', () => {
    /** Levels of one area each, side by side. */
    const areas = (...levels: number[]) =>
      Uint8Array.from({ length: 48 * 16 }, (_, i) => {
        const [x, y] = [i % 48, Math.floor(i / 48)];
        return y >= 3 && y < 12 && x % 12 >= 2 && x % 12 < 10 ? (levels[Math.floor(x / 12)] ?? 0) : 0;
      });
    const marked = async (data: Uint8Array | Uint16Array) => {
      const image = await decodeImage(
        await encodePng({ data, width: 48, height: 16, channels: 1 } as Pixels<Uint8Array>),
      );
      return toMask(image).data.reduce((sum, set) => sum + set, 0);
    };

    test.each([
      ['levels', [85, 170, 255]],
      ['numbers of parts, more than half of the range', [3, 90, 120, 200]],
      ['a class beside the border that belongs to none', [1, 255]],
    ])('%s: everything not black is marked', async (_, levels) => {
      expect(await marked(areas(...levels))).toBe(levels.length * 72);
    });

    test('numbers in 16 bits, small and large', async () => {
      const data = Uint16Array.from(areas(1, 2, 3, 4), (value) => [0, 1, 700, 40_000, 65_535][value]);
      expect(await marked(data)).toBe(4 * 72);
    });

    test('a thin line of one level away from the others counts too', async () => {
      const data = areas(255);
      for (let x = 20; x < 40; x++) data[7 * 48 + x] = 85;
      expect(await marked(data)).toBe(72 + 20);
    });

    test('edges that were smoothed are cut at half', async () => {
      const data = areas(255);
      for (let y = 2; y < 13; y++) {
        data[y * 48 + 1] = 60;
        data[y * 48 + 10] = 140;
      }
      expect(await marked(data)).toBe(72 + 11);
    });
  });

  test('written and read back; IGNORE is written as good', async () => {
    const path = join(folder, 'mask.png');
    const mask = { data: Uint8Array.from([0, 1, IGNORE, 1, 0, 0]), width: 3, height: 2, channels: 1 as const };
    await writeMask(path, mask);
    expect([...(await readMask(path, { width: 3, height: 2 })).data]).toEqual([0, 1, 0, 1, 0, 0]);
    expect([...(await decodeImage(await encodeMask(mask))).data]).toEqual([0, 255, 0, 255, 0, 0]);
  });

  test('another size names both sizes', async () => {
    const path = join(folder, 'mask-size.png');
    await writeMask(path, { data: new Uint8Array(6), width: 3, height: 2, channels: 1 });
    const error = (await readMask(path, { width: 2, height: 3 }).catch((reason) => reason)) as CodedError;
    expect(error.code).toBe('ADC_MASK_SIZE');
    expect(error.message).toContain('3 x 2 but its image is 2 x 3');
  });
});

describe('files', () => {
  test('readRgb gives the upright picture, windowed when told', async () => {
    const path = join(folder, 'sixteen.png');
    await writePng(path, { data: Uint16Array.from([0, 1023, 4095, 65535]), width: 4, height: 1, channels: 1 });
    const every3 = (data: Uint8Array) => [...data].filter((_, i) => i % 3 === 0);
    expect(every3((await readRgb(path)).data)).toEqual([0, 4, 16, 255]);
    expect(every3((await readRgb(path, { window: { low: 0, high: 4095 } })).data)).toEqual([0, 64, 255, 255]);
  });

  test('a write that fails leaves no trace and keeps the old file', async () => {
    const target = join(folder, 'kept');
    await mkdir(target, { recursive: true });
    await writeFile(join(target, 'inside.txt'), 'old');
    const image = { data: new Uint8Array(4), width: 2, height: 2, channels: 1 };
    expect(await codeOf(writePng(target, image))).toBe('ADC_DISK'); // a folder stands in the way
    expect(await readFile(join(target, 'inside.txt'), 'utf8')).toBe('old');
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});
