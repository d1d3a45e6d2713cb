/** WideResNet-50-2 and PatchCore's descriptors against torchvision and PyTorch, at a small width; bench/reference/wide_resnet.py made the answers. */
import { Graph, Runtime, readSafetensors, type Tensor, tensor, toFloat32 } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wideResNet } from '../../src/checkpoints/wide-resnet.ts';
import { wideResNetBackbone } from '../../src/features/backbones.ts';
import { mapsOn, tokensOn } from '../../src/features/extractor.ts';
import type { WideResNetShape } from '../../src/features/wide-resnet.ts';
import { difference } from './difference.ts';
import { seeded } from './seeded.ts';

const SHAPE: WideResNetShape = { channels: 4, blocks: [1, 2, 1] };
const DIMS = 64;

/** What the script draws for a tensor of a checkpoint. */
function drawn(name: string, shape: readonly number[]): Float32Array {
  const [outputs, ...each] = shape;
  const reach = each.length > 0 ? Math.sqrt(3 / each.reduce((product, side) => product * side, 1)) : 0.3;
  const positive = each.length === 0 && /running_var$|\.weight$/.test(name);
  return toFloat32(positive ? seeded(name, [outputs], 0.4, 1) : seeded(name, shape, reach));
}

/** The weights as an import writes them: batch norms folded into the convolutions. */
const weights = new Map<string, Tensor>(
  wideResNet(SHAPE).tensors.map(({ name, shape, from, make }) => {
    const parts = from.map((each) => drawn(each.name, each.shape));
    return [name, tensor(make ? make(parts) : parts[0], shape)];
  }),
);

let runtime: Runtime;
let answers: ReadonlyMap<string, Tensor>;
beforeAll(async () => {
  runtime = await Runtime.start();
  answers = (await readSafetensors(new URL('fixtures/wide-resnet.safetensors', import.meta.url).pathname)).tensors;
});
afterAll(() => runtime.close());

/** Taps and tokens of a picture by our graph. */
async function ours(height: number, width: number): Promise<Record<string, Tensor>> {
  const backbone = wideResNetBackbone(SHAPE, DIMS);
  const graph = new Graph('wide-resnet');
  const image = graph.input('image', [1, height, width, 3], 'uint8');
  const maps = mapsOn(graph, backbone, weights, image);
  for (const [i, { name }] of backbone.taps.entries()) graph.output(name, maps[i]);
  const size = { height: height / 8, width: width / 8 };
  graph.output('tokens', tokensOn(maps, backbone, size, { from: 0, to: size.height }));
  const session = await runtime.load(graph.toModel());
  const pixels = Uint8Array.from(toFloat32(seeded(`picture ${height}x${width}`, [height, width, 3], 128, 128)));
  const results = await session.run({ image: tensor(pixels, [1, height, width, 3]) });
  await session.release();
  return results;
}

describe.each([
  [64, 128],
  [192, 64],
])('a picture of %i x %i pixels', (height, width) => {
  test('has the taps and the descriptors that PyTorch gives', async () => {
    const results = await ours(height, width);
    for (const name of ['layer1', 'layer2', 'layer3', 'tokens']) {
      const wanted = answers.get(`${height}x${width}.${name}`) as Tensor;
      const found = tensor(results[name].data, wanted.shape);
      expect(difference(found, wanted), name).toBeLessThan(1e-4);
    }
  });
});
