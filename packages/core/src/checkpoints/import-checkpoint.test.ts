/** Importing: a checkpoint of the network becomes our file with PyTorch's own numbers, and any other is refused by what does not fit. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FrozenParameters, Graph, readSafetensors } from '@adclick/ortgrad';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { drawnWeights } from '../../test/parity/drawn-weights.ts';
import { dict, type TensorSaid, tensor, torchZip } from '../../test/torch-files.ts';
import { TEXT_ENCODERS } from '../language/text-encoder.ts';
import { type Architecture, numbersIn } from './architecture.ts';
import { ARCHITECTURES } from './architectures.ts';
import { bertEncoder } from './bert-names.ts';
import { fitOf, holds, writeImported } from './import-checkpoint.ts';
import { lavtEncoder } from './lavt.ts';
import { Checkpoint } from './open-checkpoint.ts';
import { simpleClickNetwork } from './simple-click.ts';
import { wideResNet } from './wide-resnet.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');
/** As bench/reference/checkpoints.py makes it. */
const SMALL = wideResNet({ channels: 1, blocks: [2, 1, 1] });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'import-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('batch norms are folded as PyTorch folds them, and a graph can ask for every weight', async () => {
  const checkpoint = await Checkpoint.open(join(FIXTURES, 'wide-resnet.pth'));
  const fit = fitOf(checkpoint, SMALL);
  expect(Object.fromEntries(fit.leftOut)).toEqual({ layer4: 24, fc: 2, 'counts of batches': 16 });
  expect(fit).toMatchObject({ under: '', beside: 0 });
  const path = join(folder, 'small', 'model.safetensors');
  await writeImported(path, checkpoint, SMALL, fit, { metadata: { kind: 'test' } });
  await checkpoint.close();
  const { tensors, metadata } = await readSafetensors(path);
  expect(metadata).toEqual({ kind: 'test' });
  const golden = (await readSafetensors(join(FIXTURES, 'wide-resnet.safetensors'))).tensors;
  expect([...tensors.keys()].sort()).toEqual([...golden.keys()].sort());
  const parameters = new FrozenParameters(new Graph('weights'), tensors);
  for (const [name, { data, shape }] of golden) {
    expect(parameters.get(name, shape).shape).toEqual(shape);
    const found = tensors.get(name)!.data;
    for (const [i, value] of (data as Float32Array).entries())
      expect(Math.abs((found[i] as number) - value), name).toBeLessThan(1e-6 * Math.max(1, Math.abs(value)));
  }
});

test('the table has WideResNet-50-2 to the last number', () => {
  const { tensors } = ARCHITECTURES.get('wide-resnet-50-2')!;
  const expected = new Map(tensors.flatMap(({ from }) => from.map((one) => [one.name, one.shape])));
  const count = (shape: readonly number[]) => shape.reduce((product, side) => product * side, 1);
  const learned = [...expected].filter(([name]) => !name.includes('running'));
  const bottleneck = (inputs: number) => inputs * 1024 + 9 * 1024 ** 2 + 1024 * 2048 + 2 * (1024 + 1024 + 2048);
  const layer4 = bottleneck(1024) + 1024 * 2048 + 2 * 2048 + 2 * bottleneck(2048);
  // torchvision counts 68,883,240 in the whole network.
  expect(learned.reduce((sum, [, shape]) => sum + count(shape), 0)).toBe(68_883_240 - layer4 - (2048 * 1000 + 1000));
  expect(expected.get('layer3.5.conv2.weight')).toEqual([512, 512, 3, 3]);
  expect(expected.has('layer3.6.conv2.weight')).toBe(false);
});

type Shapes = Record<string, readonly number[]>;

/** What a checkpoint of the small network has, and something that is changed. */
function shapesOf({ tensors }: Architecture, change: (shapes: Shapes) => void = () => {}): Shapes {
  const shapes = Object.fromEntries(tensors.flatMap(({ from }) => from.map(({ name, shape }) => [name, shape])));
  change(shapes);
  return shapes;
}

const nested = (value: Uint8Array, ...keys: string[]) =>
  keys.reduceRight((inside, key) => dict({ [key]: inside }), value);

/** A state dict of these shapes, all in one storage of so many numbers. */
function state(shapes: Shapes, storage?: string): Buffer {
  const strides = (shape: readonly number[]) =>
    shape.map((_, axis) => shape.slice(axis + 1).reduce((product, side) => product * side, 1));
  const said = ([name, shape]: [string, readonly number[]]): [string, Buffer] => {
    const one: TensorSaid = { count: COUNT, shape, strides: strides(shape), storage };
    return [name, tensor(one)];
  };
  return dict(Object.fromEntries(Object.entries(shapes).map(said)));
}
const COUNT = 4096;
const ones = (value = 1) => new Uint8Array(new Float32Array(COUNT).fill(value).buffer);

async function fitted(
  value: Uint8Array,
  { under, content = ones(), of = SMALL }: { under?: string; content?: Uint8Array; of?: Architecture } = {},
) {
  const path = join(folder, 'x.pth');
  await writeFile(path, torchZip(value, { 0: content }));
  const checkpoint = await Checkpoint.open(path);
  try {
    const fit = fitOf(checkpoint, of, under);
    const out = join(folder, 'out', 'model.safetensors');
    await writeImported(out, checkpoint, of, fit);
    return { fit, tensors: (await readSafetensors(out)).tensors };
  } finally {
    await checkpoint.close();
  }
}

const misfit = (what: RegExp) => ({ code: 'ADC_CHECKPOINT_MISFIT', message: expect.stringMatching(what) });

test('a network is found under what training programs put around it', async () => {
  const whole = state(shapesOf(SMALL));
  expect((await fitted(whole)).fit.under).toBe('');
  expect((await fitted(nested(whole, 'state_dict'))).fit.under).toBe('state_dict.');
  const modules = Object.fromEntries(Object.entries(shapesOf(SMALL)).map(([name, shape]) => [`module.${name}`, shape]));
  const trained = dict({ model: state(modules), optimizer: state({ '0.step': [] }) });
  expect((await fitted(trained)).fit).toMatchObject({ under: 'model.module.', beside: 1 });
});

test('of two networks in a checkpoint one is chosen by name', async () => {
  const whole = state(shapesOf(SMALL));
  const both = dict({ state_dict: whole, state_dict_ema: whole });
  await expect(fitted(both)).rejects.toMatchObject(misfit(/several .* --under state_dict, state_dict_ema/));
  expect((await fitted(both, { under: 'state_dict_ema' })).fit).toMatchObject({ under: 'state_dict_ema.' });
  await expect(fitted(both, { under: 'ema' })).rejects.toMatchObject(misfit(/nothing in it is named .* under ema/));
  const many = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`n${i}.${SMALL.landmark}`, [2, 1, 1, 1]]));
  await expect(fitted(state(many))).rejects.toMatchObject(misfit(/it has 17 of them/));
  const half = state(shapesOf(SMALL, (shapes) => delete shapes['bn1.bias']));
  expect((await fitted(dict({ a: half, long: whole }))).fit.under).toBe('long.');
});

test.each<[string, (shapes: Shapes) => void, RegExp]>([
  ['a tensor is missing', (s) => delete s['layer2.0.bn3.running_var'], /1 missing: layer2\.0\.bn3\.running_var/],
  [
    'a deeper network has all that a flatter one needs',
    (s) => Object.assign(s, { 'layer3.1.conv1.weight': [8, 16, 1, 1], 'layer3.1.bn1.weight': [8] }),
    /2 left over: layer3\.1\.conv1\.weight, layer3\.1\.bn1\.weight/,
  ],
  [
    'a narrower one',
    (s) => Object.assign(s, { 'layer1.0.conv1.weight': [1, 1, 1, 1] }),
    /layer1\.0\.conv1\.weight is \[1, 1, 1, 1\], not \[2, 1, 1, 1\]/,
  ],
  [
    'sides in another order',
    (s) => Object.assign(s, { 'layer1.0.conv3.weight': [2, 4, 1, 1] }),
    /is \[2, 4, 1, 1\], not \[4, 2, 1, 1\]/,
  ],
  [
    'its landmark is missing',
    (s) => delete s['layer1.0.conv1.weight'],
    /nothing in it is named layer1\.0\.conv1\.weight; it has conv1\.weight, .* and \d+ more/,
  ],
])('%s', async (_, change, what) => {
  await expect(fitted(state(shapesOf(SMALL, change)))).rejects.toMatchObject(misfit(what));
});

test('whole numbers and numbers that are none are refused, and nothing half-written stays', async () => {
  await rm(join(folder, 'out'), { recursive: true, force: true });
  await expect(fitted(state(shapesOf(SMALL), 'IntStorage'))).rejects.toMatchObject(misfit(/conv1\.weight holds int32/));
  const content = ones(Number.NaN);
  await expect(fitted(state(shapesOf(SMALL)), { content })).rejects.toMatchObject(
    misfit(/conv1\.weight holds numbers/),
  );
  expect(await readdir(join(folder, 'out'))).toEqual([]);
});

test('SimpleClick as it writes its checkpoints', async () => {
  const sizes = { side: 32, patch: 16, dim: 4, depth: 4, heads: 1, window: 1, head: 2 } as const;
  const small = simpleClickNetwork({ ...sizes, levels: [2, 2, 2, 2] });
  const besides = { 'backbone.cls_token': [1, 1, 4], 'backbone.head.bias': [9], 'head.up_conv1.0.bias': [1] };
  const saved = dict({ state_dict: state({ ...shapesOf(small), ...besides }), config: dict({}) });
  const { fit, tensors } = await fitted(saved, { of: small });
  expect(fit).toMatchObject({ under: 'state_dict.', beside: 0 });
  expect([...fit.leftOut.values()]).toEqual([2, 1]);
  expect([...tensors.keys()]).toContain('backbone.blocks.3.attn.qkv.weight');
  const deeper = { ...shapesOf(small), 'backbone.blocks.4.norm1.bias': [4] };
  await expect(fitted(state(deeper), { of: small })).rejects.toMatchObject(misfit(/1 left over: backbone\.blocks\.4/));
});

test('the table has SimpleClick with ViT-B to the last number', () => {
  const { tensors } = ARCHITECTURES.get('simple-click-vit-b')!;
  const count = (shape: readonly number[]) => shape.reduce((product, side) => product * side, 1);
  const here = tensors.reduce((sum, { shape }) => sum + count(shape), 0);
  const classes = 768 + 2 * 768 + 768 * 1000 + 1000;
  const enlarging = (from: number) => 4 * from * (from / 2) + (from / 2) ** 2 + 6 * (from / 2);
  // SimpleClick's own model counts 98,025,513.
  expect(here).toBe(98_025_513 - classes - enlarging(256) - enlarging(128));
});

test('BERT by the names of Hugging Face, old and new', async () => {
  const { shape, weights } = TEXT_ENCODERS['minilm-l6'];
  const checkpoint = await Checkpoint.open(weights());
  const { leftOut, names } = fitOf(checkpoint, bertEncoder('bert-base-uncased', shape));
  await checkpoint.close();
  expect(names.size).toBe(5 + 6 * 16);
  expect(Object.fromEntries(leftOut)).toEqual({ 'numbers of places': 1, 'the pooler': 2 });
  const small = bertEncoder('bert-base-uncased', { layers: 1, dims: 2, heads: 1, inner: 4, vocabulary: 5, places: 3 });
  const old = Object.fromEntries(
    Object.entries({ ...shapesOf(small), 'pooler.dense.bias': [2], 'embeddings.position_ids': [1, 3] }).map(
      ([name, sides]) => [
        `bert.${name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta')}`,
        sides,
      ],
    ),
  );
  const { fit, tensors } = await fitted(state({ ...old, 'cls.predictions.bias': [5] }), { of: small });
  expect(fit).toMatchObject({ under: 'bert.', beside: 1 });
  expect([...tensors.keys()]).toContain('encoder.layer.0.output.LayerNorm.weight');
});

test("LAVT's encoder and its BERT, from what its training saves with the settings of the run", async () => {
  // Sizes of bench/reference/checkpoints.py, which draws the weights by name.
  const encoder = lavtEncoder({ embed: 4, depths: [1, 2], heads: [1, 2], window: 4 }, 32);
  const words = bertEncoder('lavt-bert', { layers: 2, dims: 32, heads: 4, inner: 128, vocabulary: 50, places: 24 });
  const checkpoint = await Checkpoint.open(join(FIXTURES, 'lavt.pth'));
  const fit = fitOf(checkpoint, encoder);
  expect(fit.under).toBe('model.');
  expect(Object.fromEntries(fit.leftOut)).toEqual({
    'numbers of places': 3,
    'the last gate, which nothing reads': 2,
    'the decoder (classifier)': 6,
  });
  expect(holds(checkpoint, words)).toBe(true);
  expect(fitOf(checkpoint, words)).toMatchObject({ under: 'bert_model.', leftOut: new Map() });
  expect(holds(checkpoint, SMALL)).toBe(false);
  for (const [architecture, under] of [
    [encoder, 'backbone.'],
    [words, ''],
  ] as const) {
    const path = join(folder, architecture.name, 'model.safetensors');
    await writeImported(path, checkpoint, architecture, fitOf(checkpoint, architecture));
    expect((await readSafetensors(path)).tensors).toEqual(drawnWeights(architecture, under));
  }
  await checkpoint.close();
});

test("the table has LAVT's Swin-B to the last number", () => {
  const lavt = ARCHITECTURES.get('lavt')!;
  // PyTorch counts 98,196,856 in the encoder; the gate behind its last stage is two matrices of 1024 × 1024.
  expect(numbersIn(lavt)).toBe(98_196_856 - 2 * 1024 ** 2);
  expect(lavt.leftOut.some(({ names }) => names.test('backbone.layers.3.res_gate.0.weight'))).toBe(true);
  expect(lavt.leftOut.some(({ names }) => names.test('backbone.layers.2.res_gate.0.weight'))).toBe(false);
  // Hugging Face's BertModel without its pooler.
  expect(numbersIn(ARCHITECTURES.get('lavt-bert')!)).toBe(108_891_648);
});
