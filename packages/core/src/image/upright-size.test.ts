import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, onTestFinished, test } from 'vitest';
import { Random } from '../random.ts';
import { decodeImage } from './codec.ts';
import { readUprightSize } from './upright-size.ts';

/** Noise does not compress, so that the file is longer than what is read of it at first. */
async function noise(format: 'png' | 'jpeg' | 'webp' | 'tiff', orientation: number): Promise<Buffer> {
  const random = new Random('upright-size');
  const raw = { width: 420, height: 300, channels: 3 } as const;
  const data = Uint8Array.from({ length: 420 * 300 * 3 }, () => Math.floor(256 * random.next()));
  return sharp(data, { raw })
    .withMetadata({ orientation })
    .toFormat(format, format === 'png' ? {} : { quality: 100 })
    .toBuffer();
}

async function sizeOf(bytes: Uint8Array) {
  const folder = await mkdtemp(join(tmpdir(), 'adclick-size-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'picture');
  await writeFile(path, bytes);
  return readUprightSize(path);
}

test.each(['png', 'jpeg', 'webp', 'tiff'] as const)(
  '%s: the size is that of the decoded, upright picture',
  async (format) => {
    for (const orientation of [1, 3, 6, 8]) {
      const bytes = await noise(format, orientation);
      expect(bytes.length).toBeGreaterThan(65_536);
      const { width, height } = await decodeImage(bytes);
      expect(await sizeOf(bytes)).toEqual({ width, height });
    }
  },
);

test('a PNG whose orientation stands behind its pixels is turned all the same', async () => {
  const bytes = await noise('png', 6);
  const at = bytes.indexOf('eXIf') - 4;
  const length = 12 + bytes.readUInt32BE(at);
  const chunk = bytes.subarray(at, at + length);
  const end = bytes.length - 12;
  const moved = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length, end), chunk, bytes.subarray(end)]);
  expect(await sizeOf(moved)).toEqual({ width: 300, height: 420 });
});

test.each([
  ['nothing', new Uint8Array(0), 'ADC_IMAGE_EMPTY'],
  ['text', new TextEncoder().encode('no picture'), 'ADC_IMAGE_UNREADABLE'],
  ['a cut header', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0), 'ADC_IMAGE_TRUNCATED'],
])('%s is refused by its code', async (_, bytes, code) => {
  await expect(sizeOf(bytes)).rejects.toMatchObject({ code });
});
