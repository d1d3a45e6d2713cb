import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeImage } from './codec.ts';
import { encodeIndexedPng } from './indexed-png.ts';

const palette = Array.from({ length: 256 }, (_, i) => [i, (i * 7) % 256, 255 - i] as const);

test('decodes to the colours of its numbers', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc
        .integer({ min: 1, max: 9 })
        .chain((width) => fc.tuple(fc.constant(width), fc.uint8Array({ minLength: width * 5, maxLength: width * 5 }))),
      async ([width, indices]) => {
        const { data, channels } = await decodeImage(encodeIndexedPng(indices, width, 5, palette));
        const colours = Array.from(indices, (_, i) => [...data.subarray(i * channels, i * channels + 3)]);
        expect(channels).toBe(3);
        expect(colours).toEqual(Array.from(indices, (index) => palette[index]));
      },
    ),
    { numRuns: 30 },
  );
});

test('keeps the numbers themselves: colour type 3, 8 bits', () => {
  const png = encodeIndexedPng(Uint8Array.of(0, 1), 2, 1, palette);
  expect([...png.subarray(24, 26)]).toEqual([8, 3]);
});

test('refuses numbers without a colour', () => {
  expect(() => encodeIndexedPng(Uint8Array.of(0, 2), 2, 1, palette.slice(0, 2))).toThrow('all numbers');
  expect(() => encodeIndexedPng(Uint8Array.of(0), 2, 1, palette)).toThrow('not 2 x 1');
});
