import { describe, expect, test } from 'vitest';
import { Graph } from './graph.ts';
import { appendMetadata } from './onnx.ts';
import { readMetadata, sketchModel } from './onnx-reading.ts';
import { relu } from './ops/elementwise.ts';
import { Runtime } from './session.ts';
import { tensor } from './tensor.ts';

function model(): Uint8Array {
  const graph = new Graph('metadata');
  graph.output('y', relu(graph.input('x', [2])));
  return graph.toModel({ name: 'Größe', card: '{"a":1}' });
}

const manyEntries = (count: number) =>
  Buffer.concat([model(), ...Array.from({ length: count }, () => Uint8Array.of((14 << 3) | 2, 0))]);

test('a model is sketched with its ports, and goes nowhere beyond', () => {
  expect(sketchModel(model())).toEqual({
    inputs: [{ name: 'x', dtype: 'float32', shape: [2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [2] }],
    beyond: undefined,
  });
});

describe('metadata of a model file', () => {
  test('are read as they were written, those appended last', () => {
    const bytes = model();
    const more = appendMetadata(bytes, 'sha256', 'ab'.repeat(300));
    expect(readMetadata(more).map(({ key, value }) => [key, value])).toEqual([
      ['name', 'Größe'],
      ['card', '{"a":1}'],
      ['sha256', 'ab'.repeat(300)],
    ]);
    expect(readMetadata(more).at(-1)?.offset).toBe(bytes.length);
    expect(more.subarray(0, bytes.length)).toEqual(bytes);
  });

  test('do not disturb onnxruntime', async () => {
    const runtime = await Runtime.start();
    const session = await runtime.load(appendMetadata(model(), 'sha256', 'x'));
    const { y } = await session.run({ x: tensor(Float32Array.of(-1, 2), [2]) });
    expect([...(y.data as Float32Array)]).toEqual([0, 2]);
    await runtime.close();
  });

  test.each([
    ['nothing', new Uint8Array(0), /no graph/],
    ['text', new TextEncoder().encode('this is a letter, not a model'), /./],
    ['a model that ends too early', model().subarray(0, -9), /missing|cut off/],
    ['entries without end', manyEntries(2000), /more than 1000/],
  ])('of %s are refused', (_, bytes, why) => {
    expect(() => readMetadata(bytes)).toThrow(RangeError);
    expect(() => readMetadata(bytes)).toThrow(why);
  });
});
