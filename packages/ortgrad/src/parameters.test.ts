/** Parameter sources: layout, initial values, and what they refuse. */
import { expect, test } from 'vitest';
import { Graph } from './graph.ts';
import { FlatParameters, FrozenParameters, type Initializer, initialVector, splitVector } from './parameters.ts';
import { tensor, toFloat16 } from './tensor.ts';

/** The initial values of one parameter. */
function drawn(init: Initializer, shape: readonly number[], name = 'w'): Float32Array {
  const parameters = new FlatParameters(new Graph(), 'p');
  parameters.get(name, shape, init);
  return initialVector(parameters.layout, 1);
}

const deviation = (values: Float32Array) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);

test('parameters lie in the order of first use, and one name is one parameter', () => {
  const parameters = new FlatParameters(new Graph(), 'p');
  const zeros: Initializer = { kind: 'zeros' };
  const first = parameters.get('a', [2, 3], zeros);
  parameters.get('b', [4], zeros, { rate: 0.1 });
  expect(parameters.get('a', [2, 3], zeros)).toBe(first);
  expect(parameters.layout.size).toBe(10);
  expect(parameters.layout.entries).toEqual([
    { name: 'a', shape: [2, 3], offset: 0, init: zeros, decay: true, rate: 1 },
    { name: 'b', shape: [4], offset: 6, init: zeros, decay: false, rate: 0.1 },
  ]);
  expect(() => parameters.get('a', [3, 2], zeros)).toThrow(/\[2, 3\] and \[3, 2\]/);
});

test('initial values follow their kinds', () => {
  expect(drawn({ kind: 'ones' }, [3])).toEqual(Float32Array.of(1, 1, 1));
  expect(drawn({ kind: 'constant', value: -2 }, [2])).toEqual(Float32Array.of(-2, -2));
  const normal = drawn({ kind: 'normal', std: 0.5 }, [100, 100]);
  expect(deviation(normal)).toBeCloseTo(0.5, 1);
  const cut = drawn({ kind: 'truncatedNormal', std: 0.5 }, [100, 100]);
  expect(Math.max(...cut.map(Math.abs))).toBeLessThanOrEqual(1);
  expect(deviation(cut)).toBeCloseTo(0.5 * 0.88, 1);
  const xavier = drawn({ kind: 'xavierUniform' }, [60, 40]);
  expect(Math.max(...xavier)).toBeLessThanOrEqual(Math.sqrt(6 / 100));
  expect(Math.max(...xavier)).toBeGreaterThan(0.95 * Math.sqrt(6 / 100));
  const kernel = drawn({ kind: 'kaimingUniform' }, [40, 6, 3, 3]);
  expect(Math.max(...kernel)).toBeLessThanOrEqual(Math.sqrt(6 / 54));
  expect(Math.max(...kernel)).toBeGreaterThan(0.95 * Math.sqrt(6 / 54));
});

test('each parameter has its own stream', () => {
  const init: Initializer = { kind: 'normal' };
  expect(drawn(init, [8], 'a')).not.toEqual(drawn(init, [8], 'b'));
  expect(drawn(init, [8], 'a')).toEqual(drawn(init, [8], 'a'));
});

test('given weights replace initial ones and come back by name', () => {
  const parameters = new FlatParameters(new Graph(), 'p');
  parameters.get('a', [2], { kind: 'zeros' });
  parameters.get('b', [1, 2], { kind: 'ones' });
  const flat = initialVector(parameters.layout, 1, new Map([['a', tensor(toFloat16(Float32Array.of(0.5, 2)), [2])]]));
  const back = splitVector(parameters.layout, flat);
  expect(back.get('a')).toEqual(tensor(Float32Array.of(0.5, 2), [2]));
  expect(back.get('b')).toEqual(tensor(Float32Array.of(1, 1), [1, 2]));
  const wrong = new Map([['a', tensor(new Float32Array(3), [3])]]);
  expect(() => initialVector(parameters.layout, 1, wrong)).toThrow(/a is \[3\] and should be \[2\]/);
});

test('frozen weights that are missing or have another shape are refused', () => {
  const frozen = new FrozenParameters(new Graph(), new Map([['a', tensor(new Float32Array(2), [2])]]));
  expect(frozen.get('a', [2])).toBe(frozen.get('a', [2]));
  expect(() => frozen.get('a', [3])).toThrow(/a is \[2\] and should be \[3\]/);
  expect(() => frozen.get('b', [2])).toThrow(/b is missing/);
});

test('a table keeps the type that it is stored in, the same weight asked for plainly is float32', () => {
  const table = tensor(toFloat16(Float32Array.of(1, 2, 3, 4)), [2, 2]);
  const frozen = new FrozenParameters(new Graph(), new Map([['t', table]]));
  expect(frozen.stored('t', [2, 2]).dtype).toBe('float16');
  expect(frozen.get('t', [2, 2]).dtype).toBe('float32');
  expect(() => frozen.stored('t', [4])).toThrow(/t is \[2, 2\] and should be \[4\]/);
  expect(() => frozen.stored('u', [4])).toThrow(/u is missing/);
});
