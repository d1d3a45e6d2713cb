import { FrozenParameters, Graph, Runtime, reshape, sigmoid, tensor } from '@adclick/ortgrad';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { LabelledDefect } from '../clicks/labelled-defect.ts';
import { anomalyMapOn } from '../inference/anomaly-map.ts';
import { Detector } from '../inference/detector.ts';
import { publishedSizes } from '../networks/published-adclick.ts';
import { publishedUnasked } from '../networks/published-seg.ts';
import { Random } from '../random.ts';
import { ReferenceIndex } from '../residual/reference-index.ts';
import { simulateAnomaly } from '../synthesis/anomalies/index.ts';
import { makeProduct } from '../synthesis/products/index.ts';
import { PUBLISHED_KINDS, PUBLISHED_LEAST, PUBLISHED_SEG } from './published.ts';
import { trainPublishedDetector } from './train-published-seg.ts';

vi.mock('../synthesis/anomalies/index.ts', async (original) => {
  const real = await original<typeof import('../synthesis/anomalies/index.ts')>();
  return { ...real, simulateAnomaly: vi.fn(real.simulateAnomaly) };
});

const SIDE = 256;
const product = makeProduct('machinedRing', 22, { width: SIDE, height: SIDE });
const settings = publishedSizes(32, 272);
const window = { side: 24, stride: 8 };
let runtime: Runtime;
let index: ReferenceIndex;

beforeAll(async () => {
  runtime = await Runtime.start();
  const normals = Array.from({ length: 4 }, (_, n) => ({
    name: `${n}`,
    image: product.good(new Random(`train/${n}`)),
  }));
  index = await ReferenceIndex.build(normals, { runtime, pixels: SIDE * SIDE });
});
afterAll(async () => {
  await index.close();
  await runtime.close();
});

const label: LabelledDefect = (() => {
  const random = new Random('defect');
  const kinds = ['rust'] as const;
  const { image, mask } = simulateAnomaly(product.good(random), random, { kinds, minArea: 200, single: true });
  const probability = { ...mask, data: Float32Array.from(mask.data) };
  return { name: 'a', type: 'rust', image, probability, clicks: [{ x: 20, y: 20, positive: false }] };
})();

const recipe = {
  ...PUBLISHED_SEG,
  mix: { good: 1, simulated: 1, real: 1 },
  copies: 1,
  learningRate: 1e-3,
  corrections: 1,
};
const train = (labels: readonly LabelledDefect[]) =>
  trainPublishedDetector({ index, runtime, labels, seed: 0, steps: 4 }, { width: 32, recipe, window });

test('gives the same network for the same seed, which a detector file runs on squared residuals without calibration', async () => {
  const [{ network }, again] = [await train([label]), await train([label])];
  if (!network) throw new Error('a network');
  expect(again.network?.weights).toEqual(network.weights);
  expect(network.record).toMatchObject({
    preset: 'paper',
    sizes: { dim: 32 },
    labels: 1,
    goods: 4,
    simulated: 8,
    window,
  });

  const detector = await Detector.build(index, { network });
  expect(detector.card.map.from).toBe('network');
  expect(detector.card.training).toMatchObject({ preset: 'paper', steps: 4 });
  const { map } = await detector.detect(label.image);
  expect(new Set(map.data).size).toBeGreaterThan(1000);
  await detector.close();

  // The map of such a file on a residual that no codes have come between, beside the network itself.
  const side = SIDE / 8;
  const shape = [side * side, 272];
  const graph = new Graph();
  const [delta, tokens] = ['delta', 'tokens'].map((name) => graph.input(name, shape));
  const image = graph.input('image', [1, SIDE, SIDE, 3], 'uint8');
  const described = await index.describe(label.image);
  const residual = await index.residual(described);
  const drawn = anomalyMapOn(
    graph,
    { image, bands: [{ tokens, delta }] },
    {
      settings: { sigma: 0, foreground: 0, score: { rule: 'max' } },
      calibration: residual.calibration,
      ...{ matched: index.extractor.matched, network, level: { score: 1, map: 1 } },
    },
  );
  graph.output('map', drawn.map);
  const seen = reshape(delta, [1, side, side, 272]);
  const logits = publishedUnasked(new FrozenParameters(graph, network.weights), settings, seen, window);
  graph.output('probability', sigmoid(logits));
  const session = await runtime.load(graph.toModel());
  const out = await session.run({
    ...{ delta: tensor(residual.delta, shape), tokens: tensor(residual.tokens, shape) },
    image: tensor(described.image.data, [1, SIDE, SIDE, 3]),
  });
  const [a, b] = [out.map.data, out.probability.data] as Float32Array[];
  expect(a.length).toBe(b.length);
  for (let i = 0; i < a.length; i++) expect(Math.abs(a[i] - b[i])).toBeLessThan(1e-6);
  await session.release();
}, 180_000);

test('the defects that it simulates are those of the paper, on copies of labels too', async () => {
  const calls = vi.mocked(simulateAnomaly).mock;
  vi.mocked(simulateAnomaly).mockClear();
  const copies = { ...recipe, copies: 6 };
  await trainPublishedDetector({ index, runtime, labels: [label], seed: 0, steps: 1 }, { width: 32, recipe: copies });
  const made = calls.results.flatMap(({ type, value }) => (type === 'return' ? [value] : []));
  expect(made.length).toBeGreaterThan(8);
  for (const { kinds } of made) expect(PUBLISHED_KINDS).toEqual(expect.arrayContaining([...kinds]));
  // The good pictures' come first.
  for (const { mask } of made.slice(0, 8))
    expect(mask.data.reduce((sum, value) => sum + value, 0)).toBeGreaterThanOrEqual(PUBLISHED_LEAST);
}, 120_000);

test('without labels it is trained on good pictures and simulated defects', async () => {
  const { network } = await train([]);
  expect(network?.record).toMatchObject({ labels: 0, goods: 4, simulated: 8 });
}, 120_000);
