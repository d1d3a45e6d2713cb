import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readOrientation } from './exif.ts';
import { bytesOf, golden } from './fixtures/golden.ts';
import { endsEarly, type ImageFormat, nameContent, readSize, sniffFormat } from './header.ts';

test.each(
  golden.files.filter(({ name }) => !/rotated|orientation/.test(name)).map((file) => [file.name, file] as const),
)('%s: format and size from the header alone', (_name, file) => {
  const bytes = bytesOf(file.file);
  const [height, width] = file.pixels.shape;
  expect(sniffFormat(bytes)).toBe(file.format);
  expect(readSize(bytes, file.format as ImageFormat)).toEqual({ width, height });
  expect(endsEarly(bytes, file.format as ImageFormat)).toBe(false);
});

test.each(golden.files.filter(({ name }) => name.startsWith('orientation')).map((file) => [file.name, file] as const))(
  '%s is found in the header',
  (name, file) => {
    expect(readOrientation(bytesOf(file.file), file.format as ImageFormat)).toBe(Number(name.split(' ')[1]));
  },
);

test('an orientation outside 1–8 counts as upright', () => {
  const file = golden.files.find(({ name }) => name === 'orientation 6 tiff');
  const bytes = bytesOf(file?.file as string).slice();
  const view = new DataView(bytes.buffer);
  const start = view.getUint32(4, true);
  for (let i = 0; i < view.getUint16(start, true); i++)
    if (view.getUint16(start + 2 + i * 12, true) === 274) view.setUint16(start + 2 + i * 12 + 8, 9, true);
  expect(readOrientation(bytes, 'tiff')).toBe(1);
});

test('no bytes make the header readers throw or hang', () => {
  const formats: ImageFormat[] = ['png', 'jpeg', 'tiff', 'bmp', 'webp'];
  const start = fc.constantFrom(...golden.files.map((file) => bytesOf(file.file).slice(0, 64)));
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...formats), (head, tail, format) => {
      const bytes = new Uint8Array([...head, ...tail]);
      readSize(bytes, format);
      expect(readOrientation(bytes, format)).toBeGreaterThanOrEqual(1);
      expect(nameContent(bytes)).not.toBe('');
    }),
    { numRuns: 500 },
  );
});
