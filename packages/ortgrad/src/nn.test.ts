/** Layers: the names and shapes they ask for, and that folding changes nothing but cost. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { input, pattern, relativeError } from '../test/suite.ts';
import { Graph, type Value } from './graph.ts';
import { conv2dLayer, layerNormLayer, linearLayer, normLinearLayer } from './nn.ts';
import { FrozenParameters, type ParameterSource } from './parameters.ts';
import { Runtime } from './session.ts';
import { type Tensor, tensor } from './tensor.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start({ threads: 1 });
});
afterAll(() => runtime.close());

const weights = new Map<string, Tensor>(
  [
    ['norm.weight', [6]],
    ['norm.bias', [6]],
    ['out.weight', [6, 4]],
    ['out.bias', [4]],
  ].map(([name, shape], i) => [name as string, tensor(pattern(input(shape as number[]), i), shape as number[])]),
);

const x = tensor(pattern(input([2, 3, 6]), 9), [2, 3, 6]);

async function run(build: (p: ParameterSource, x: Value) => Value): Promise<Float32Array> {
  const graph = new Graph();
  graph.output('y', build(new FrozenParameters(graph, weights), graph.input('x', [2, 3, 6])));
  const session = await runtime.load(graph.toModel());
  const { y } = await session.run({ x });
  await session.release();
  return y.data as Float32Array;
}

test('a folded normalisation gives what normalisation and layer give', async () => {
  const plain = await run((p, x) => linearLayer(p, 'out', layerNormLayer(p, 'norm', x), 4));
  const folded = await run((p, x) => normLinearLayer(p, 'norm', 'out', x, 4));
  expect(relativeError(folded, plain)).toBeLessThan(1e-6);
});

test('layers ask for the documented names and shapes', () => {
  const asked: [string, readonly number[]][] = [];
  const graph = new Graph();
  const source: ParameterSource = {
    get(name, shape) {
      asked.push([name, shape]);
      return graph.filled(0, shape);
    },
  };
  const y = conv2dLayer(source, 'conv', graph.input('image', [1, 4, 8, 8]), 6, 3, { padding: 1, stride: 2, groups: 2 });
  expect(y.shape).toEqual([1, 6, 4, 4]);
  normLinearLayer(source, 'norm', 'out', graph.input('x', [2, 6]), 5);
  expect(asked).toEqual([
    ['conv.weight', [6, 2, 3, 3]],
    ['conv.bias', [6]],
    ['norm.weight', [6]],
    ['norm.bias', [6]],
    ['out.weight', [6, 5]],
    ['out.bias', [5]],
  ]);
});
