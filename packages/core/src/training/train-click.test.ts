import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NOISE_DIMS as DIMS, noiseItem as item, prepareRun } from '../../test/noise-items.ts';
import { writePng } from '../image/codec.ts';
import { CLICK_PLANES } from '../networks/adclick.ts';
import { loadClickWeights } from '../networks/click-weights.ts';
import { Random } from '../random.ts';
import { checkFolders } from './blocks.ts';
import { readCut, writeItem } from './item.ts';
import { type ClickTraining, learningRateAt, trainClickModel } from './train-click.ts';

const prepare = (name: string, sides?: readonly number[], dims?: number) => prepareRun(join(folder, name), sides, dims);
let folder: string;

const run = (directory: string, more: Partial<ClickTraining> = {}) =>
  trainClickModel({
    directory,
    preset: 'small',
    steps: 16,
    data: { seed: 4, folders: [], folderShare: 0 },
    learningRate: 1e-3,
    checkpointEvery: 8,
    trainedOn: 'noise',
    name: 'test',
    ...more,
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adclick-training-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('weights are for the residuals of the backbone that is named', async () => {
  const directory = await prepare('wide', [32], 1024);
  const data = { seed: 4, folders: [], folderShare: 0, backbone: 'wide-resnet-50-2' } as const;
  const { card, tensors } = await loadClickWeights(await run(directory, { steps: 1, data }));
  expect(card.residualDims).toBe(1024);
  expect(tensors.get('residual.weight')?.shape[0]).toBe(1024 + CLICK_PLANES);
});

test('an aborted run that is resumed ends with the weights of one that was not', async () => {
  const whole = await prepare('whole');
  const broken = await prepare('broken');
  const expected = await loadClickWeights(await run(whole));

  const stop = new AbortController();
  const watch = setInterval(() => {
    if (existsSync(join(broken, 'checkpoint.safetensors'))) stop.abort(new Error('stopped'));
  }, 20);
  await expect(run(broken, { signal: stop.signal })).rejects.toThrow('stopped');
  clearInterval(watch);
  expect(existsSync(join(broken, 'weights.safetensors'))).toBe(false);

  const resumed = await loadClickWeights(await run(broken, { resume: true }));
  expect(resumed.card).toEqual(expected.card);
  for (const [name, { data }] of expected.tensors) expect(resumed.tensors.get(name)!.data, name).toEqual(data);
}, 180_000);

test('a text encoder that has not been imported ends the run by its name, whatever was made for another one', async () => {
  const directory = await prepare('unread');
  const data = { seed: 4, folders: [], folderShare: 0, textEncoder: 'lavt-bert' } as const;
  await expect(run(directory, { data })).rejects.toMatchObject({
    code: 'ADC_NETWORK_MISSING',
    message: expect.stringContaining('lavt-bert'),
  });
});

test("a run whose folder has become another process's writes nothing more into it", async () => {
  const taken = await prepare('taken');
  const answers = [async () => undefined, async () => Promise.reject(new Error('taken over'))];
  const owned = () => answers.shift()!();
  await expect(run(taken, { steps: 8, owned })).rejects.toThrow('taken over');
  expect(existsSync(join(taken, 'checkpoint.safetensors'))).toBe(true);
  expect(existsSync(join(taken, 'weights.safetensors'))).toBe(false);
}, 180_000);

test('pictures of which none is square at full size are trained on in crops', async () => {
  const weights = await run(await prepare('crops', [40, 32]), { steps: 40 });
  expect((await loadClickWeights(weights)).card.steps).toBe(40);
}, 180_000);

test('the rate warms up, keeps its level whatever the number of steps, and falls at the end', () => {
  expect(learningRateAt(0, 1000, 1)).toBeCloseTo(1 / 200, 6);
  expect(learningRateAt(400, 1000, 1)).toBe(1);
  expect(learningRateAt(400, 5000, 1)).toBe(1);
  expect(learningRateAt(999, 1000, 1)).toBeCloseTo(0.02, 6);
});

test('cuts keep residual and mask together in all eight turns', async () => {
  const path = join(folder, 'cut.safetensors');
  const whole = item(40, 8, DIMS);
  // The first residual channel says where a token's defect pixels are.
  const { residual, mask } = whole;
  for (let cell = 0; cell < 1600; cell++) {
    const [x, y] = [8 * (cell % 40), 8 * Math.floor(cell / 40)];
    residual.delta[cell * DIMS] = mask.data[y * mask.width + x];
  }
  await writeItem(path, whole);
  for (let seed = 0; seed < 24; seed++) {
    const cut = (await readCut(path, new Random(seed), false))!;
    expect([cut.residual.height, cut.residual.width, cut.mask.width]).toEqual([32, 32, 256]);
    expect(cut.mask.data.some((value) => value === 1)).toBe(true);
    for (let cell = 0; cell < 1024; cell++) {
      const [x, y] = [8 * (cell % 32) + 4, 8 * Math.floor(cell / 32) + 4];
      expect(cut.residual.delta[cell * DIMS]).toBe(cut.mask.data[y * 256 + x]);
    }
  }
  expect(await readCut(path, new Random(1), true)).toBeUndefined();
});

test('an item has the words that it was written with, or none', async () => {
  const path = join(folder, 'words.safetensors');
  const { text, ...wordless } = item(32, 9, DIMS);
  await writeItem(path, { ...wordless, text });
  expect((await readCut(path, new Random(1), false))?.text?.one.mask).toEqual(text?.one.mask);
  await writeItem(path, wordless);
  expect((await readCut(path, new Random(1), false))?.text).toBeUndefined();
});

test('every folder is looked at before the first block; good pictures alone need no masks', async () => {
  const data = join(folder, 'data');
  const picture = { data: new Uint8Array(3 * 64 * 64), width: 64, height: 64, channels: 3 } as const;
  for (const place of ['train/good', 'test/dent']) {
    await mkdir(join(data, 'part', place), { recursive: true });
    await writePng(join(data, 'part', place, '0.png'), picture);
  }
  const directory = join(folder, 'unmasked');
  const part = { directory: data, category: 'part' };
  const folders = [{ ...part, realDefects: true }];
  await expect(run(directory, { data: { seed: 4, folders, folderShare: 0.1 } })).rejects.toMatchObject({
    code: 'ADC_DATASET',
    message: expect.stringContaining('ground_truth/dent'),
  });
  expect(existsSync(directory)).toBe(false);
  await expect(checkFolders([{ ...part, realDefects: false }])).resolves.toBeUndefined();
});
