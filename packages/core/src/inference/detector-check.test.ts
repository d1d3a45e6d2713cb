/** Models with a detector's card that are none: each is refused before onnxruntime sees it, or with its first answer. */
import { describe, expect, test } from 'vitest';
import { checkAnswer, checkModel } from './detector-check.ts';

const SIZE = { width: 64, height: 128 };

/** A field of a protobuf message that has a length, or is a number. */
function field(number: number, content: number | string | readonly Uint8Array[]): Uint8Array {
  const varint = (value: number): number[] => (value < 128 ? [value] : [(value % 128) + 128, ...varint(value >> 7)]);
  if (typeof content === 'number') return Uint8Array.from([...varint(number * 8), ...varint(content)]);
  const bytes = typeof content === 'string' ? Buffer.from(content) : Buffer.concat(content);
  return Buffer.concat([Uint8Array.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes]);
}

const port = (number: number, name: string, type: number, sides: readonly number[]) => {
  const shape = sides.map((side) => field(1, [field(1, side)]));
  return field(number, [field(1, name), field(2, [field(1, [field(1, type), field(2, shape)])])]);
};
const [FLOAT, BYTE] = [1, 2];
const node = (op: string, ...more: Uint8Array[]) => field(1, [field(4, op), ...more]);
const attribute = (...content: Uint8Array[]) => field(5, [field(1, 'value'), ...content]);
const image = port(11, 'image', BYTE, [1, SIZE.height, SIZE.width, 3]);
const map = port(12, 'map', FLOAT, [SIZE.height, SIZE.width]);
const score = port(12, 'score', FLOAT, [1]);
const external = [field(14, 1), field(13, [field(1, 'location'), field(2, '/etc/passwd')])];

/** A model of the ports that a detector has, with something more in its graph or beside it. */
const model = (graph: readonly Uint8Array[], beside: readonly Uint8Array[] = [], ports = [image, map, score]) =>
  Buffer.concat([field(7, [...graph, ...ports]), ...beside]);
const check = (bytes: Uint8Array, input = SIZE) => checkModel(bytes, { input }, 'cap.onnx');

test('a model that computes with what is inside it passes', () => {
  const weights = field(5, [field(8, 'w'), field(14, 0)]);
  expect(() => check(model([weights, node('Relu', attribute(field(5, [field(8, 'c')])))]))).not.toThrow();
  // Older files name their tensors among the inputs.
  expect(() => check(model([weights, port(11, 'w', FLOAT, [1])]))).not.toThrow();
});

describe('a model is refused', () => {
  test.each([
    ['for a tensor in another file', model([field(5, [field(8, 'w'), ...external])]), /w lies in another file/],
    ['for a place alone', model([field(5, [field(8, 'w'), field(14, 1)])]), /another file/],
    ['for an attribute in another file', model([node('Constant', attribute(field(5, external)))]), /another file/],
    ['for a list of attributes', model([node('Constant', attribute(field(10, external)))]), /another file/],
    ['for a loop', model([node('Loop', attribute(field(6, [])))]), /Loop branches or loops/],
    ['for branches', model([node('If', attribute(field(11, [])))]), /If branches or loops/],
    ['for another domain', model([node('Do', field(7, 'com.evil'))]), /Do is of the domain com\.evil/],
    ['for functions', model([], [field(25, [])]), /functions/],
    ['for training', model([], [field(20, [])]), /training/],
    ['for sparse tensors', model([field(15, [])]), /sparse/],
    ['for sparse attributes', model([node('Constant', attribute(field(22, [])))]), /sparse/],
    ['without outputs', model([], [], [image]), /gives nothing/],
    ['for an output more', model([], [], [image, map, score, port(12, 'more', FLOAT, [1])]), /gives .*more/],
    [
      'for another input',
      model([], [], [port(11, 'image', FLOAT, [1, 3]), map, score]),
      /takes image float32 \[1, 3\]/,
    ],
    [
      'for a map of another size',
      model([], [], [image, port(12, 'map', FLOAT, [9, 9]), score]),
      /gives map .*\[9, 9\]/,
    ],
  ])('%s', (_, bytes, why) => {
    expect(() => check(bytes)).toThrow(expect.objectContaining({ code: 'ADC_DETECTOR_UNSAFE' }));
    expect(() => check(bytes)).toThrow(why);
  });

  test('for an input that no index can have', () => {
    const input = { width: 100_000, height: 100_000 };
    expect(() => check(model([]), input)).toThrow(expect.objectContaining({ code: 'ADC_DETECTOR_UNSAFE' }));
  });

  test.each([
    ['cut off', model([node('Relu')]).subarray(0, -3)],
    ['a tensor of sides without end', model([port(11, 'x', FLOAT, Array(1000).fill(1))])],
    ['inputs without end', model(Array.from({ length: 2000 }, () => image))],
  ])('as damaged when it is %s', (_, bytes) => {
    expect(() => check(bytes)).toThrow(expect.objectContaining({ code: 'ADC_DETECTOR_DAMAGED' }));
  });
});

describe('an answer', () => {
  const answer = (value: number, shape: readonly number[] = [SIZE.height, SIZE.width], last = 0.5) => ({
    map: { data: new Float32Array(SIZE.width * SIZE.height).fill(value), shape },
    score: { data: Float32Array.of(last), shape: [1] },
  });

  test('of numbers from 0 to 1 passes, rounding forgiven', () => {
    expect(checkAnswer(answer(1 + 1e-6), { input: SIZE }, 'cap')).toMatchObject({ score: 0.5 });
  });

  test.each([
    ['not a number in the map', answer(Number.NaN), /map has the value NaN/],
    ['a map above 1', answer(1.1), /map has the value 1\.1/],
    ['a map below 0', answer(-0.1), /map has the value -0\.1/],
    ['a score that is not a number', answer(0, undefined, Number.NaN), /score has the value NaN/],
    ['an endless score', answer(0, undefined, Number.POSITIVE_INFINITY), /score has the value Infinity/],
    ['a map on its side', answer(0, [SIZE.width, SIZE.height]), /map is \[64, 128\]/],
  ])('with %s is refused', (_, given, why) => {
    expect(() => checkAnswer(given, { input: SIZE }, 'cap')).toThrow(why);
    expect(() => checkAnswer(given, { input: SIZE }, 'cap')).toThrow(
      expect.objectContaining({ code: 'ADC_DETECTOR_ANSWER' }),
    );
  });
});
