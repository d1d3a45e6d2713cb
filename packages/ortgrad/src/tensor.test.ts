/** Tensors and the float16 conversion. */
import { expect, test } from 'vitest';
import { tensor, toFloat16, toFloat32 } from './tensor.ts';

test('the type follows the array and the shape must fit', () => {
  expect(tensor(new Uint16Array(2), [2]).dtype).toBe('float16');
  expect(tensor(new Uint8Array(2), [2], 'bool').dtype).toBe('bool');
  expect(() => tensor(new Float32Array(5), [2, 3])).toThrow(/5 elements for \[2, 3\]/);
  expect(() => tensor(new Float32Array(1), [1], 'int64')).toThrow(/int64/);
});

test('every float16 value survives the way through float32', () => {
  const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const back = toFloat16(toFloat32(tensor(bits, [65536])));
  for (let i = 0; i < 65536; i++) {
    const isNaN16 = (i & 0x7c00) === 0x7c00 && (i & 0x3ff) !== 0;
    if (!isNaN16 && back[i] !== i) expect.fail(`${i.toString(16)} came back as ${back[i].toString(16)}`);
  }
});

test('float32 rounds to the nearest float16, half to even', () => {
  const values = Float32Array.of(
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    65519,
    65520,
    2 ** -25,
    2 ** -25 * 1.01,
    -0,
    Number.NaN,
  );
  const want = Uint16Array.of(0x3c00, 0x3c02, 0x7bff, 0x7c00, 0, 1, 0x8000, 0x7e00);
  expect(toFloat16(values)).toEqual(want);
});

test('integers become float32', () => {
  expect(toFloat32(tensor(BigInt64Array.of(3n, -4n), [2]))).toEqual(Float32Array.of(3, -4));
});
