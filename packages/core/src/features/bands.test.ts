import { elementCount, Graph, Runtime, readSafetensors, type Tensor, tensor } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wideResNet } from '../checkpoints/wide-resnet.ts';
import { modelPath } from '../models.ts';
import { Random } from '../random.ts';
import { BACKBONES, type Backbone, wideResNetBackbone } from './backbones.ts';
import { bandsOf, widened, within } from './bands.ts';
import { FeatureExtractor, mapsOn, tokensOn } from './extractor.ts';

let runtime: Runtime;
let lite0: ReadonlyMap<string, Tensor>;
beforeAll(async () => {
  runtime = await Runtime.start();
  lite0 = (await readSafetensors(modelPath(BACKBONES['efficientnet-lite0'].file))).tensors;
});
afterAll(() => runtime.close());

test('bands cover a grid once, from top to bottom, and begin at multiples of eight rows', () => {
  for (const [height, width, tokens] of [
    [64, 64, 1e9],
    [128, 128, 8192],
    [104, 40, 1000],
    [8, 512, 100],
    [72, 8, 64],
  ]) {
    const bands = bandsOf({ height, width }, tokens);
    expect(bands[0].from).toBe(0);
    expect(bands.at(-1)?.to).toBe(height);
    for (const [i, { from, to }] of bands.entries()) {
      expect(from % 8).toBe(0);
      expect(to).toBeGreaterThan(from);
      if (i > 0) expect(from).toBe(bands[i - 1].to);
      expect((to - from) * width).toBeLessThanOrEqual(Math.max(tokens + 8 * width, 8 * width));
    }
  }
  expect(bandsOf({ height: 64, width: 64 }, 1e9)).toHaveLength(1);
  const seen = widened({ from: 8, to: 16 }, 5, 18);
  expect(seen).toEqual({ from: 3, to: 18 });
  expect(within({ from: 8, to: 16 }, seen)).toEqual({ from: 5, to: 13 });
});

/** A backbone with its weights. */
interface Weighted {
  readonly backbone: Backbone;
  readonly weights: ReadonlyMap<string, Tensor>;
}

/**
 * WideResNet-50-2 with all its blocks, so that a cell sees as far, and a sixteenth of its channels. Random weights above zero, so that what
 * comes from the farthest pixels does not cancel.
 */
function narrow(): Weighted {
  const shape = { channels: 4, blocks: [3, 4, 6] } as const;
  const random = new Random('narrow');
  const weights = wideResNet(shape).tensors.map(({ name, shape }): [string, Tensor] => {
    const most = 2 / elementCount(shape.slice(1));
    const data = Float32Array.from({ length: elementCount(shape) }, () => random.uniform(0, most));
    return [name, tensor(data, shape)];
  });
  return { backbone: wideResNetBackbone(shape, 64), weights: new Map(weights) };
}

/** Tokens and stride-4 map of a noisy picture, described in bands of a share of the usual size. */
async function described({ backbone, weights }: Weighted, width: number, height: number, share: number) {
  const random = new Random(`${width}/${height}`);
  const data = Uint8Array.from({ length: 3 * width * height }, () => random.int(0, 256));
  const graph = new Graph('bands');
  const image = graph.input('image', [1, height, width, 3], 'uint8');
  const maps = mapsOn(graph, backbone, weights, image, { share });
  const size = { height: height / 8, width: width / 8 };
  graph.output('low', maps[0]);
  for (const [i, band] of bandsOf(size, share * 8192).entries())
    graph.output(`tokens${i}`, tokensOn(maps, backbone, size, band));
  const session = await runtime.load(graph.toModel());
  const { low, ...bands } = await session.run({ image: tensor(data, [1, height, width, 3]) });
  await session.release();
  const rows = Object.values(bands).map((band) => band.data as Float32Array);
  return { bands: rows.length, tokens: rows.flatMap((row) => [...row]), low: low.data as Float32Array };
}

const gap = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  expect(a.length).toBe(b.length);
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i] - b[i]));
  return most;
};

describe('a picture that is described in bands has the descriptors that it has as a whole', () => {
  const sizes = [
    [256, 448],
    [64, 512],
    [512, 64],
    [192, 320],
  ] as const;
  const compared = async (of: Weighted, width: number, height: number) => {
    const whole = await described(of, width, height, 1);
    expect(whole.bands).toBe(1);
    const parts = await described(of, width, height, 1 / 128);
    expect(parts.bands).toBe(height / 64);
    expect(gap(parts.low, whole.low)).toBeLessThan(1e-4);
    return {
      difference: gap(parts.tokens, whole.tokens),
      largest: whole.tokens.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
    };
  };

  test.each(sizes)('EfficientNet-Lite0, %i x %i pixels', async (width, height) => {
    const of = { backbone: BACKBONES['efficientnet-lite0'], weights: lite0 };
    expect((await compared(of, width, height)).difference).toBeLessThan(1e-6);
  });

  test.each(sizes)('WideResNet, %i x %i pixels', async (width, height) => {
    const { difference, largest } = await compared(narrow(), width, height);
    expect(difference / largest).toBeLessThan(1e-6);
  });
});

test('a picture four times as large takes far less than four times the memory', async () => {
  const extractor = await FeatureExtractor.load({ runtime });
  const peakOf = async (side: number) => {
    const image = { data: new Uint8Array(3 * side * side).fill(99), width: side, height: side, channels: 3 as const };
    const before = process.memoryUsage.rss();
    let most = before;
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss());
    }, 10);
    await extractor.glance(image);
    clearInterval(timer);
    return most - before;
  };
  // Both are vast: what one takes is given back before the next.
  const [one, four] = [await peakOf(2048), await peakOf(4096)];
  expect(four).toBeLessThan(2.5 * one);
}, 120_000);
