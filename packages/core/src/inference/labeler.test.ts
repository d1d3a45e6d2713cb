import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileStep, Runtime, reduceMean, Session, Trainer } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Click, imageClick } from '../clicks/types.ts';
import { resizeRgb } from '../image/resize.ts';
import { DEFAULT_TEXT_ENCODER, TEXT_ENCODERS, TextModel } from '../language/text-encoder.ts';
import {
  adclick,
  clickInputs,
  embedResidual,
  languageMap,
  PRESETS,
  residualInput,
  tokenInput,
} from '../networks/adclick.ts';
import { loadClickWeights, loadOwnWeights, saveClickWeights } from '../networks/click-weights.ts';
import { wordInputs } from '../networks/pwam.ts';
import { Random } from '../random.ts';
import { ReferenceIndex } from '../residual/reference-index.ts';
import { makeProduct } from '../synthesis/products/index.ts';
import { Labeler } from './labeler.ts';

const DIMS = 272;
let runtime: Runtime;
let folder: string;
let weights: string;
let index: ReferenceIndex;
const random = new Random(5);
const product = makeProduct('machinedRing', 3, { width: 160, height: 120 });

/** Writes untrained weights: the tests ask how the labeler behaves, not how well it labels. */
async function untrained(path: string, residualDims: number): Promise<void> {
  const program = compileStep((graph, p) => {
    const settings = { ...PRESETS.small, residualDims };
    const embedded = embedResidual(p, settings, residualInput(graph, 1, 8, 8, residualDims));
    return { loss: reduceMean(adclick(graph, p, settings, embedded, clickInputs(graph, 1, 8, 8))) };
  });
  const trainer = await Trainer.create({ programs: { only: program }, seed: 2, runtime });
  const card = { name: 'untrained', preset: 'small', residualDims, trainedOn: 'nothing', steps: 0, seed: 2 } as const;
  await saveClickWeights(path, await trainer.weights(), card);
  await trainer.close();
}

/** The same weights, guided by language: words add random numbers to the pyramid. */
async function guided(path: string): Promise<void> {
  const { card, settings, tensors } = await loadOwnWeights(weights);
  const program = compileStep((graph, p) => {
    const words = wordInputs(graph, 1, TEXT_ENCODERS[DEFAULT_TEXT_ENCODER].shape.dims);
    return { loss: reduceMean(languageMap(p, settings, tokenInput(graph, 1, 8, 8, DIMS), words)) };
  });
  const trainer = await Trainer.create({ programs: { only: program }, seed: 4, runtime });
  const language = await trainer.weights();
  await trainer.close();
  const pyramid = language.get('language.pyramid.weight')!;
  language.set('language.pyramid.weight', {
    ...pyramid,
    data: new Float32Array(pyramid.data.length).map(() => random.normal()),
  });
  const textEncoder = DEFAULT_TEXT_ENCODER;
  await saveClickWeights(path, new Map([...tensors, ...language]), { ...card, textEncoder });
}

beforeAll(async () => {
  runtime = await Runtime.start();
  folder = await mkdtemp(join(tmpdir(), 'adclick-labeler-'));
  weights = join(folder, 'weights.safetensors');
  await untrained(weights, DIMS);
  const normals = Array.from({ length: 4 }, (_, i) => ({ name: String(i), image: product.good(random) }));
  index = await ReferenceIndex.build(normals, { runtime, pixels: 128 * 128 });
});
afterAll(async () => {
  await runtime.close();
  await rm(folder, { recursive: true });
});

describe('a labeler', () => {
  test('gives probabilities at the size of the image, the same for the same clicks in any order of asking', async () => {
    const labeler = await Labeler.load({ index, weights, runtime });
    expect(labeler.weights).toMatchObject({ name: 'untrained', trainedOn: 'nothing' });
    const image = product.good(random);
    const clicks = [
      { x: 40, y: 30, positive: true },
      { x: 150, y: 110, positive: false },
      { x: 44, y: 36, positive: true },
    ];
    const view = await labeler.open(image);
    const steps = [];
    for (let k = 1; k <= 3; k++) steps.push(await view.predict({ clicks: clicks.slice(0, k) }));
    for (const { data, width, height } of steps) {
      expect([width, height, data.length]).toEqual([160, 120, 160 * 120]);
      expect(data.every((p) => p >= 0 && p <= 1)).toBe(true);
    }
    expect(steps[1].data).not.toEqual(steps[0].data);
    // Undo, and a fresh view that is shown all clicks at once.
    expect((await view.predict({ clicks: clicks.slice(0, 1) })).data).toEqual(steps[0].data);
    expect((await view.predict({ clicks })).data).toEqual(steps[2].data);
    const again = await (await labeler.open(image)).predict({ clicks });
    for (let i = 0; i < again.data.length; i += 97) expect(again.data[i]).toBeCloseTo(steps[2].data[i], 4);
    await labeler.close();
  });

  test('is guided by the prompts of a defect type, and by nothing where there are none', async () => {
    const path = join(folder, 'guided.safetensors');
    await guided(path);
    const image = product.good(random);
    const clicks = [{ x: 40, y: 30, positive: true }];
    const [plain, labeler, silent] = [
      await Labeler.load({ index, weights, runtime }),
      await Labeler.load({ index, weights: path, runtime, object: 'machined ring' }),
      await Labeler.load({ index, weights: path, runtime }),
    ];
    const without = (await (await plain.open(image)).predict({ clicks, defect: 'scratch' })).data;
    const view = await labeler.open(image);
    const unguided = (await view.predict({ clicks })).data;
    const scratch = (await view.predict({ clicks, defect: 'scratch' })).data;
    const dent = (await view.predict({ clicks, defect: 'dent' })).data;
    expect(unguided).toEqual(without);
    expect(scratch).not.toEqual(unguided);
    expect(dent).not.toEqual(scratch);
    // Going back to another prompt, or to none, is as if it had been there from the first.
    expect((await view.predict({ clicks, defect: 'scratch' })).data).toEqual(scratch);
    expect((await view.predict({ clicks })).data).toEqual(unguided);
    expect((await (await silent.open(image)).predict({ clicks, defect: 'scratch' })).data).toEqual(unguided);
    await expect(view.predict({ clicks, defect: '裂纹' })).rejects.toMatchObject({ code: 'ADC_PROMPT_NAME' });
    for (const each of [plain, labeler, silent]) await each.close();
  });

  test('tries again what could not be loaded: words, the model that reads them, the network', async () => {
    onTestFinished(() => void vi.restoreAllMocks());
    const path = join(folder, 'tried.safetensors');
    await guided(path);
    const labeler = await Labeler.load({ index, weights: path, runtime, object: 'machined ring' });
    const image = product.good(random);
    vi.spyOn(runtime, 'load').mockRejectedValueOnce(new Error('no memory for the network'));
    await expect(labeler.open(image)).rejects.toThrow('no memory for the network');
    const view = await labeler.open(image);
    const asked = { clicks: [{ x: 40, y: 30, positive: true }], defect: 'scratch' };
    vi.spyOn(TextModel, 'load').mockRejectedValueOnce(new Error('no model'));
    await expect(view.predict(asked)).rejects.toThrow('no model');
    vi.spyOn(TextModel.prototype, 'encode').mockRejectedValueOnce(new Error('no words'));
    await expect(view.predict(asked)).rejects.toThrow('no words');
    expect((await view.predict(asked)).data.length).toBe(160 * 120);
    await labeler.close();
  });

  test('answers questions that are asked at once as if they had been asked one after another', async () => {
    const labeler = await Labeler.load({ index, weights, runtime });
    const image = product.good(new Random('asked at once'));
    const asked = [
      [{ x: 40, y: 30, positive: true }],
      [{ x: 90, y: 70, positive: true }],
      [
        { x: 40, y: 30, positive: true },
        { x: 60, y: 50, positive: false },
      ],
    ];
    const one = await labeler.open(image);
    const expected: Float32Array[] = [];
    for (const clicks of asked) expected.push((await one.predict({ clicks })).data);
    const other = await labeler.open(image);
    const answers = await Promise.all(asked.map((clicks) => other.predict({ clicks })));
    const furthest = answers.map(({ data }, k) => Math.max(...data.map((p, i) => Math.abs(p - expected[k][i]))));
    expect(furthest).toEqual([0, 0, 0]);
    await labeler.close();
  });

  test('takes in a prompt ahead of the first click, and forgets no click for one', async () => {
    const path = join(folder, 'ahead.safetensors');
    await guided(path);
    const labeler = await Labeler.load({ index, weights: path, runtime, object: 'machined ring' });
    const image = product.good(random);
    const ask = { clicks: [{ x: 40, y: 30, positive: true }], defect: 'scratch' };
    const expected = (await (await labeler.open(image)).predict(ask)).data;
    const view = await labeler.open(image);
    await view.listen('scratch');
    const runs = vi.spyOn(Session.prototype, 'run');
    try {
      expect((await view.predict(ask)).data).toEqual(expected);
      await view.listen('dent');
      expect((await view.predict(ask)).data).toEqual(expected);
      // The click alone, and nothing when it is asked for again.
      const heard = runs.mock.calls.filter(([feeds]) => 'words' in feeds);
      const clicked = runs.mock.calls.filter(([feeds]) => 'clickMap' in feeds);
      expect([heard.length, clicked.length]).toEqual([0, 1]);
    } finally {
      runs.mockRestore();
      await labeler.close();
    }
  });

  test('looks at a large grid through windows around clicks, and leaves what lies beyond them as it was', async () => {
    const wide = makeProduct('machinedRing', 3, { width: 1280, height: 512 });
    const normals = Array.from({ length: 3 }, (_, i) => ({ name: String(i), image: wide.good(random) }));
    const large = await ReferenceIndex.build(normals, { runtime, neighbours: 2 });
    expect(large.grid).toEqual({ width: 1280, height: 512 });
    const labeler = await Labeler.load({ index: large, weights, runtime });
    const view = await labeler.open(wide.good(random));
    const [left, right] = [100, 1180].map((x) => ({ x, y: 250, positive: true }));
    const asPaper = async (clicks: Click[]) => (await view.predict({ clicks, rules: false })).data;
    const columns = (map: Float32Array, from: number, to: number) =>
      Float32Array.from(
        { length: (to - from) * 512 },
        (_, i) => map[Math.floor(i / (to - from)) * 1280 + from + (i % (to - from))],
      );
    const unasked = await asPaper([]);
    expect(columns(unasked, 1100, 1280).every((p) => p > 0 && p < 1)).toBe(true);
    const one = await asPaper([left]);
    expect(columns(one, 0, 512).every((p) => p > 0)).toBe(true);
    expect(columns(one, 512, 1280).every((p) => p === 0)).toBe(true);
    const two = await asPaper([left, right]);
    expect(columns(two, 0, 700)).toEqual(columns(one, 0, 700));
    expect(columns(two, 800, 1280).every((p) => p > 0)).toBe(true);
    await view.predict({ clicks: [right] });
    expect(await asPaper([left, right])).toEqual(two);
    await labeler.close();
    await large.close();
  });

  test('multiplies the odds by the factors that the weights carry, by number of clicks', async () => {
    const { tensors, card } = await loadClickWeights(weights);
    const path = join(folder, 'surer.safetensors');
    await saveClickWeights(path, tensors, { ...card, odds: [4, 1.5] });
    const image = product.good(random);
    const clicks = [40, 50, 60].map((x) => ({ x, y: 30, positive: true }));
    const maps: Float32Array[][] = [];
    for (const file of [weights, path]) {
      const labeler = await Labeler.load({ index, weights: file, runtime });
      const view = await labeler.open(image);
      maps.push([]);
      for (let k = 0; k <= 3; k++)
        maps.at(-1)!.push((await view.predict({ clicks: clicks.slice(0, k), rules: false })).data);
      await labeler.close();
    }
    const [plain, surer] = maps as [Float32Array[], Float32Array[]];
    for (const [k, factor] of [1, 4, 1.5, 1.5].entries()) {
      const { x, y } = clicks[Math.max(0, k - 1)];
      const odds = (map: Float32Array) => map[(y + 9) * 160 + x] / (1 - map[(y + 9) * 160 + x]);
      expect(odds(surer[k]) / odds(plain[k])).toBeCloseTo(factor, 1);
    }
  });

  test('obeys every click in the picture, larger or smaller than its grid, and lets papers measure without', async () => {
    const labeler = await Labeler.load({ index, weights, runtime });
    const sizes = [
      [160, 120],
      [61, 47],
      [1024, 64],
    ] as const;
    for (const [width, height] of sizes) {
      const view = await labeler.open(resizeRgb(product.good(random), width, height));
      const clicks: ReturnType<typeof imageClick>[] = [];
      for (let k = 0; k < 5; k++) {
        clicks.push(imageClick(random.int(0, width), random.int(0, height), k === 0 || random.next() < 0.5));
        const { data } = await view.predict({ clicks });
        const last = new Map(clicks.map(({ x, y, positive }) => [y * width + x, positive]));
        for (const [pixel, positive] of last) expect(data[pixel] > 0.49).toBe(positive);
      }
      const without = await view.predict({ clicks, rules: false });
      expect(without.candidates()).toBeUndefined();
      // Untrained weights obey nobody.
      expect(without.data.every((p) => p < 0.49)).toBe(true);
    }
    await labeler.close();
  });

  test('feeds weights that were trained under the rules what these made of the click before, and papers what the network gave', async () => {
    const { tensors, card } = await loadClickWeights(weights);
    const path = join(folder, 'ruled.safetensors');
    await saveClickWeights(path, tensors, { ...card, rules: true });
    const image = product.good(random);
    const clicks = [40, 100].map((x) => ({ x, y: 60, positive: true }));
    const open = async (file: string) => {
      const labeler = await Labeler.load({ index, weights: file, runtime });
      onTestFinished(() => labeler.close());
      return labeler.open(image);
    };
    const [plain, ruled] = [await open(weights), await open(path)];
    const one = { clicks: clicks.slice(0, 1) };
    expect((await ruled.predict(one)).data).toEqual((await plain.predict(one)).data);
    const fed = (await ruled.predict({ clicks })).data;
    expect(fed).not.toEqual((await plain.predict({ clicks })).data);
    const asPaper = { clicks, rules: false };
    expect((await ruled.predict(asPaper)).data).toEqual((await plain.predict(asPaper)).data);
    // Neither what papers ask nor another threshold leaves a trace.
    await ruled.predict({ clicks, threshold: 0.2 });
    expect((await ruled.predict({ clicks })).data).toEqual(fed);
    expect((await (await open(path)).predict({ clicks, threshold: 0.49 })).data).toEqual(fed);
  });

  test('refuses clicks outside the image', async () => {
    const labeler = await Labeler.load({ index, weights, runtime });
    const view = await labeler.open(product.good(random));
    for (const [x, y] of [
      [-1, 5],
      [160, 5],
      [5, 120],
      [Number.NaN, 5],
    ] as const)
      await expect(view.predict({ clicks: [{ x, y, positive: true }] })).rejects.toMatchObject({
        code: 'ADC_CLICK_OUTSIDE',
      });
    await labeler.close();
  });

  test('refuses weights that are damaged, of another kind or for another backbone', async () => {
    const bytes = await readFile(weights);
    const [cut, other, narrow] = ['cut', 'other', 'narrow'].map((name) => join(folder, `${name}.safetensors`));
    await writeFile(cut, bytes.subarray(0, bytes.length / 2));
    await untrained(narrow, 16);
    const load = (path: string) => Labeler.load({ index, weights: path, runtime });
    await expect(load(cut)).rejects.toMatchObject({ code: 'ADC_WEIGHTS_DAMAGED' });
    await expect(load(narrow)).rejects.toMatchObject({ code: 'ADC_WEIGHTS_KIND' });
    const { writeSafetensors } = await import('@adclick/ortgrad');
    await writeSafetensors(other, new Map(), { kind: 'something else' });
    await expect(load(other)).rejects.toMatchObject({ code: 'ADC_WEIGHTS_KIND' });
  });
});
