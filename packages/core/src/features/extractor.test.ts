import {
  FrozenParameters,
  Graph,
  linear,
  neg,
  Runtime,
  readSafetensors,
  reduceMean,
  type Tensor,
  tensor,
  toFloat32,
  transpose,
} from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RgbImage } from '../image/types.ts';
import { modelPath } from '../models.ts';
import { Random } from '../random.ts';
import { BACKBONES } from './backbones.ts';
import { convolution, efficientnetLite0 } from './efficientnet-lite.ts';
import { FeatureExtractor } from './extractor.ts';
import { SessionCache } from './sessions.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start();
});
afterAll(() => runtime.close());

function noise(width: number, height: number, seed = 1): RgbImage {
  const random = new Random(seed);
  return {
    data: Uint8Array.from({ length: width * height * 3 }, () => random.int(0, 256)),
    width,
    height,
    channels: 3,
  };
}

/** Largest difference, relative to the reference's largest magnitude. */
function relativeError(got: Tensor | undefined, want: Tensor | undefined): number {
  const [a, b] = [toFloat32(got as Tensor), toFloat32(want as Tensor)];
  expect(a.length).toBe(b.length);
  let [error, scale] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    error = Math.max(error, Math.abs(a[i] - b[i]));
    scale = Math.max(scale, Math.abs(b[i]));
  }
  return error / scale;
}

test('EfficientNet-Lite0 equals PyTorch on the golden picture: every tap and the logits', async () => {
  // golden.safetensors comes with the weights: PyTorch in float32, see models/efficientnet-lite0/README.md.
  const { tensors: golden } = await readSafetensors(modelPath('efficientnet-lite0/golden.safetensors'));
  const { tensors } = await readSafetensors(modelPath('efficientnet-lite0/model.safetensors'));
  const input = golden.get('input') as Tensor;
  const graph = new Graph();
  const weights = new FrozenParameters(graph, tensors);
  const x = graph.input('x', input.shape);
  const stages = efficientnetLite0(weights, x, 6);
  const head = convolution(weights, 'head', stages[6], { channels: 1280 });
  const classifier = transpose(weights.get('classifier.weight', [1000, 1280]), [1, 0]);
  const bias = weights.get('classifier.bias', [1000]);
  graph.output('logits', linear(reduceMean(head, [2, 3]), classifier, bias));
  for (const i of [1, 2, 4, 6]) graph.output(`stages.${i}`, stages[i]);
  const session = await runtime.load(graph.toModel());
  const scaled = toFloat32(input).map((value) => (value - 127) / 128);
  const results = await session.run({ x: tensor(scaled, input.shape) });
  for (const name of ['stages.1', 'stages.2', 'stages.4', 'stages.6', 'logits'])
    expect(relativeError(results[name], golden.get(name)), name).toBeLessThan(1e-5);
  await session.release();
});

describe('FeatureExtractor', () => {
  test('gives tokens whose compared parts have length 1 and fine parts 1/2, and the stride-4 map, on a grid that is not square', async () => {
    const extractor = await FeatureExtractor.load({ runtime });
    const { tokens, low, height, width, dims } = await extractor.describe(noise(192, 64));
    expect([height, width, dims, extractor.dims, extractor.matched]).toEqual([8, 24, 272, 272, 176]);
    expect(tokens.length).toBe(8 * 24 * 272);
    expect(low.length).toBe(24 * 16 * 48);
    const ends = [24, 64, 176, 200, 224, 248, 272];
    for (let at = 0; at < tokens.length; at += 272) {
      let from = 0;
      for (const end of ends) {
        const length = Math.hypot(...tokens.subarray(at + from, at + end));
        expect(length).toBeCloseTo(end <= 176 ? 1 : 0.5, 5);
        from = end;
      }
    }
  });

  test('the stride-4 part is the area average of the low map, normalised', async () => {
    const extractor = await FeatureExtractor.load({ runtime });
    const { tokens, low, height, width } = await extractor.describe(noise(128, 64));
    const [y, x] = [3, 9];
    const mean = Array.from({ length: 24 }, (_, c) => {
      const at = (c * 2 * height + 2 * y) * 2 * width + 2 * x;
      return [0, 1, 2 * width, 2 * width + 1].reduce((sum, step) => sum + low[at + step], 0) / 4;
    });
    const length = Math.hypot(...mean);
    const token = tokens.subarray((y * width + x) * 272, (y * width + x + 1) * 272);
    for (const [c, value] of mean.entries()) expect(token[c]).toBeCloseTo(value / length, 5);
    // The fine part of the cell at row 1, column 0 of the token.
    const fine = Array.from({ length: 24 }, (_, c) => low[(c * 2 * height + 2 * y + 1) * 2 * width + 2 * x]);
    const fineLength = Math.hypot(...fine);
    for (const [c, value] of fine.entries()) expect(token[176 + 2 * 24 + c]).toBeCloseTo((0.5 * value) / fineLength, 5);
  });

  test('packed descriptors are the same numbers in float16', async () => {
    const extractor = await FeatureExtractor.load({ runtime });
    const image = noise(64, 64);
    const full = await extractor.describe(image);
    const packed = await extractor.describePacked(image);
    const back = toFloat32(tensor(packed.tokens, [packed.tokens.length]));
    for (let i = 0; i < back.length; i++) expect(Math.abs(back[i] - full.tokens[i])).toBeLessThan(5e-4);
    expect(packed.low.length).toBe(full.low.length);
  });

  test('asking again gives the same extractor, damaged weights are named and do not stay', async () => {
    expect(await FeatureExtractor.load({ runtime })).toBe(await FeatureExtractor.load({ runtime }));
    const broken = () => FeatureExtractor.load({ runtime, weightsPath: '/nowhere/model.safetensors' });
    await expect(broken()).rejects.toMatchObject({ code: 'ADC_WEIGHTS_DAMAGED' });
    await expect(broken()).rejects.toMatchObject({ code: 'ADC_WEIGHTS_DAMAGED' });
    await expect((await FeatureExtractor.load({ runtime })).describe(noise(60, 64))).rejects.toThrow(RangeError);
  });

  test('weights of another shape are refused by name', () => {
    const graph = new Graph();
    const weights = new FrozenParameters(graph, new Map([['stem.weight', tensor(new Float32Array(4), [4])]]));
    const build = () => BACKBONES['efficientnet-lite0'].parts[0].build(weights, graph.input('x', [1, 3, 64, 64]));
    expect(build).toThrow(/stem\.weight is \[4\]/);
  });
});

test('SessionCache releases the oldest idle session and loads it again when asked', async () => {
  const cache = new SessionCache(2);
  const loads: string[] = [];
  const ask = (key: string) => {
    const load = () => {
      loads.push(key);
      const graph = new Graph();
      graph.output('y', neg(graph.input('x', [1])));
      return runtime.load(graph.toModel());
    };
    return cache.use(key, load, (session) => session.run({ x: tensor(Float32Array.of(2), [1]) }));
  };
  for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) expect((await ask(key)).y?.data[0]).toBe(-2);
  expect(loads).toEqual(['a', 'b', 'c', 'b']);
  await Promise.all(['a', 'b', 'c', 'd', 'e'].map(ask));
  await cache.clear();
});
