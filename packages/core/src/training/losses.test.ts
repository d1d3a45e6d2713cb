import { Graph, Runtime, tensor } from '@adclick/ortgrad';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { diceLoss, normalisedFocalLoss } from './losses.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start({ threads: 1 });
});
afterAll(() => runtime.close());

const LOGITS = [2, -1, 0, -3, 0.5, -0.5, 1.5, -2];
const LABELS = [1, 0, -1, 0, 1, 1, 0, 0];

async function value(
  loss: typeof normalisedFocalLoss,
  logits: number[],
  labels: number[],
  batch = 1,
  weights: readonly number[] = labels.map((label) => (label < 0 ? 0 : 1)),
): Promise<number> {
  const graph = new Graph();
  const shape = [batch, 2, logits.length / 2 / batch];
  const [z, y, w] = ['z', 'y', 'w'].map((name) => graph.input(name, shape));
  graph.output('loss', loss(z, y, w));
  const session = await runtime.load(graph.toModel());
  const fed = (values: number[]) => tensor(Float32Array.from(values), shape);
  const { loss: out } = await session.run({
    z: fed(logits),
    y: fed(labels.map((label) => Math.max(label, 0))),
    w: fed([...weights]),
  });
  await session.release();
  return (out as { data: Float32Array }).data[0];
}

test('normalised focal loss equals the reference value, ignored pixels left out (Eq. 10)', async () => {
  expect(await value(normalisedFocalLoss, LOGITS, LABELS)).toBeCloseTo(0.61803045, 6);
});

test('an ignored pixel changes nothing, whatever its logit', async () => {
  const other = LOGITS.with(2, 9);
  expect(await value(normalisedFocalLoss, other, LABELS)).toBeCloseTo(0.61803045, 6);
  expect(await value(diceLoss, other, LABELS)).toBe(await value(diceLoss, LOGITS, LABELS));
});

test('samples count alike: a batch of two is the mean of both', async () => {
  const [a, b] = [LOGITS, [-1, 3, 0.5, 1, -2, 0, 0, 1]];
  const single = [await value(normalisedFocalLoss, a, LABELS), await value(normalisedFocalLoss, b, LABELS)];
  const both = await value(normalisedFocalLoss, [...a, ...b], [...LABELS, ...LABELS], 2);
  expect(both).toBeCloseTo((single[0] + single[1]) / 2, 6);
});

test('Dice is 1 - (2·overlap + 30) / (sizes + 30)', async () => {
  const p = LOGITS.map((z) => 1 / (1 + Math.exp(-z)));
  const kept = LABELS.map((label, i) => ({ label, p: p[i] })).filter(({ label }) => label >= 0);
  const overlap = kept.reduce((sum, { label, p }) => sum + label * p, 0);
  const sizes = kept.reduce((sum, { label, p }) => sum + label + p, 0);
  expect(await value(diceLoss, LOGITS, LABELS)).toBeCloseTo(1 - (2 * overlap + 30) / (sizes + 30), 6);
});

test('a pixel that weighs three counts as three pixels in Dice', async () => {
  const three = await value(diceLoss, LOGITS, LABELS, 1, [3, 1, 0, 1, 1, 1, 1, 1]);
  const [logits, labels] = [
    [...LOGITS, LOGITS[0], LOGITS[0]],
    [...LABELS, LABELS[0], LABELS[0]],
  ];
  expect(three).toBeCloseTo(await value(diceLoss, logits, labels), 6);
});
