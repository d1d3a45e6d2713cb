import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Runtime, readSafetensors, writeSafetensors } from '@adclick/ortgrad';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { prepareRun } from '../../test/noise-items.ts';
import { loadClickWeights, loadOwnWeights, saveClickWeights } from '../networks/click-weights.ts';
import { publishedSizes } from '../networks/published-adclick.ts';
import type { TrainingProgress } from './progress-log.ts';
import { PUBLISHED_CLICKS, PUBLISHED_MIXES } from './published.ts';
import { type PublishedClickTraining, trainPublishedClickModel } from './train-published-click.ts';

let folder: string;

const recipe = {
  ...PUBLISHED_CLICKS,
  ...{ steps: 8, learningRate: 1e-3, mix: { good: 0, simulated: 1, real: 0 }, corrections: 1 },
};

const run = (directory: string, more: Partial<PublishedClickTraining> = {}) =>
  trainPublishedClickModel({
    ...{ directory, width: 32, recipe, checkpointEvery: 4, trainedOn: 'noise', name: 'test' },
    data: { seed: 4, folders: [], folderShare: 0 },
    ...more,
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adclick-published-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('an aborted run that is resumed ends with the weights of one that was not', async () => {
  const [whole, broken] = ['whole', 'broken'].map((name) => join(folder, name));
  await Promise.all([whole, broken].map((directory) => prepareRun(directory, [32])));
  const expected = await loadClickWeights(await run(whole));

  const stop = new AbortController();
  let asked = 0;
  // After the first checkpoint, before the second.
  const owned = async () => {
    if (++asked === 2) stop.abort(new Error('stopped'));
    stop.signal.throwIfAborted();
  };
  await expect(run(broken, { owned })).rejects.toThrow('stopped');
  expect(existsSync(join(broken, 'weights.safetensors'))).toBe(false);
  const resumed = await loadClickWeights(await run(broken, { resume: true }));
  expect(resumed).toEqual(expected);
  expect(resumed.card).toMatchObject({ preset: 'paper', residualDims: 272, steps: 8, seed: 4 });
  expect(resumed.settings).toEqual(publishedSizes(32, 272));
  expect(resumed.card.rules).toBeUndefined();
}, 180_000);

test('no text encoder is asked for words that this training does not use', async () => {
  const directory = await prepareRun(join(folder, 'wordless'), [32]);
  const data = { seed: 4, folders: [], folderShare: 0, textEncoder: 'lavt-bert' } as const;
  await expect(run(directory, { data, recipe: { ...recipe, steps: 1 } })).resolves.toContain('weights.safetensors');
}, 60_000);

test('what is learnt goes on where training began with other weights', async () => {
  const first = join(folder, 'first');
  await prepareRun(first, [32]);
  const reports: TrainingProgress[] = [];
  const onProgress = (progress: TrainingProgress) => reports.push(progress);
  const path = await run(first, { recipe: { ...recipe, steps: 40, emaDecay: 0 }, onProgress });
  const initial = await loadClickWeights(path);
  expect(reports[1].loss).toBeLessThan(reports[0].loss);
  if (initial.network !== 'published') throw new Error('the published network');
  const second = join(folder, 'second');
  await prepareRun(second, [32]);
  const tuned: TrainingProgress[] = [];
  await run(second, { initial, recipe: { ...recipe, steps: 20 }, onProgress: (progress) => tuned.push(progress) });
  expect(tuned[0].loss).toBeLessThan(reports[0].loss);
}, 180_000);

test('weights that do not fit their card are refused, and those of the preset as it was', async () => {
  const path = join(folder, 'whole', 'weights.safetensors');
  const weights = await loadClickWeights(path);
  const { card } = weights;
  const other = join(folder, 'other.safetensors');
  const refused = async (code: string, message: string) =>
    expect(loadClickWeights(other)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });

  await saveClickWeights(other, weights.tensors, { ...card, sizes: { ...publishedSizes(64, 272) } });
  await refused('ADC_WEIGHTS_DAMAGED', 'residual.weight is 272 × 32, not 272 × 64');
  const tensors = new Map(weights.tensors);
  tensors.delete('head.logit.bias');
  await saveClickWeights(other, tensors, card);
  await refused('ADC_WEIGHTS_DAMAGED', 'head.logit.bias is missing');
  await saveClickWeights(other, weights.tensors, { ...card, sizes: undefined });
  await refused('ADC_WEIGHTS_KIND', 'preset paper of version 0.1.0');
  const { metadata } = await readSafetensors(path);
  const bad = { ...JSON.parse(metadata.card), sizes: { ...card.sizes, heads: 5 } };
  await writeSafetensors(other, weights.tensors, { ...metadata, card: JSON.stringify(bad) });
  await refused('ADC_WEIGHTS_DAMAGED', 'no such network');
  await expect(loadOwnWeights(path)).rejects.toMatchObject({ code: 'ADC_WEIGHTS_KIND' });
}, 60_000);

test('a batch has as many pictures as its mix has slots', () => {
  const sum = (mix: Readonly<Record<string, number>>) => Object.values(mix).reduce((a, b) => a + b);
  expect(Object.values(PUBLISHED_MIXES).map(sum)).toEqual([4, 6, 8]);
});

test('takes the cores that it is given', async () => {
  const directory = join(folder, 'cores');
  await prepareRun(directory, [32]);
  const start = vi.spyOn(Runtime, 'start');
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(run(directory, { threads: 1, signal })).rejects.toThrow('enough');
  expect(start).toHaveBeenCalledWith({ threads: 1 });
  start.mockRestore();
});
