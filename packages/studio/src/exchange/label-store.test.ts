/** The store of mask files, on real folders. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { readMask, writeMask, writePng } from '@adclick/core';
import { toStored } from '@adclick/core/files';
import { encodeRle } from '@adclick/core/geometry';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { all, bitmapOf } from '../../test/labels.ts';
import { openProject, PROJECT_FILE, writeProject } from '../project/project.ts';
import { MaskFolderStore } from './label-store.ts';
import type { LabelledImage } from './types.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'adclick-store-'));
});
afterEach(() => rm(root, { recursive: true }));

const picture = (path: string) =>
  writePng(join(root, path), { data: new Uint8Array(6), width: 3, height: 2, channels: 1 });
const mask = (path: string, ...set: number[]) => {
  const data = new Uint8Array(6);
  for (const at of set) data[at] = 1;
  return writeMask(join(root, path), { data, width: 3, height: 2, channels: 1 });
};
const openLabelStore = async (folder: string) => MaskFolderStore.open(await openProject(folder));
const stored = async () => {
  const images = await all((await openLabelStore(root)).images());
  return Object.fromEntries(images.map((image) => [image.path, image]));
};

async function mvtecProject() {
  for (const path of [
    'train/good/0.png',
    'test/good/0.png',
    'test/scratch/0.png',
    'test/dent/0.png',
    'test/dent/1.png',
  ])
    await picture(path);
  await mask('ground_truth/scratch/0_mask.png', 0);
  await mask('ground_truth/dent/1_mask.png');
  const settings = { good: ['train/good'], test: ['test'], masks: 'ground_truth', defects: ['scratch', 'dent'] };
  await writeProject(join(root, PROJECT_FILE), { categories: { cap: settings } });
}

test('folders of MVTec AD: good by folder, defective by mask, unlabelled otherwise', async () => {
  await mvtecProject();
  const images = await stored();
  expect(Object.values(images).map(({ path, state }) => [path, state])).toEqual([
    ['train/good/0.png', 'good'],
    ['test/dent/0.png', 'todo'],
    ['test/dent/1.png', 'todo'],
    ['test/good/0.png', 'good'],
    ['test/scratch/0.png', 'defect'],
  ]);
  expect(images['test/scratch/0.png']).toMatchObject({
    width: 3,
    height: 2,
    category: 'cap',
    reference: false,
    layers: [{ type: 'scratch', rle: bitmapOf('#..', '...') }],
  });
  expect(images['train/good/0.png']?.reference).toBe(true);
});

test('what is put is there again, several types and pictures of one name included', async () => {
  await mvtecProject();
  const store = await openLabelStore(root);
  const both = [
    { type: 'dent', rle: bitmapOf('.#.', '...') },
    { type: 'scratch', rle: bitmapOf('..#', '#..') },
  ];
  const put = (path: string, state: LabelledImage['state'], layers: LabelledImage['layers']) =>
    store.put({ path, width: 3, height: 2, state, layers });
  await put('test/scratch/0.png', 'defect', both);
  await put('test/dent/0.png', 'defect', [both[0]]);
  await put('test/dent/1.png', 'good', []);
  const images = await stored();
  expect(images['test/scratch/0.png']?.layers).toEqual(expect.arrayContaining(both));
  expect(images['test/dent/0.png']?.layers).toEqual([both[0]]);
  expect(images['test/dent/1.png']).toMatchObject({ state: 'good', layers: [] });
  expect((await readMask(join(root, 'ground_truth/scratch/0_mask.png'))).data).toEqual(Uint8Array.of(0, 0, 1, 1, 0, 0));
  await put('test/scratch/0.png', 'defect', [both[0]]);
  expect(existsSync(join(root, 'ground_truth/scratch/0_mask.png'))).toBe(false);
  await put('test/scratch/0.png', 'todo', []);
  expect((await stored())['test/scratch/0.png']).toMatchObject({ state: 'todo', layers: [] });
  expect((await stored())['test/dent/0.png']?.layers).toEqual([both[0]]);
});

test('a folder of pictures without masks gets them beside it', async () => {
  for (const path of ['good/a.png', 'bad/b.png']) await picture(path);
  await writeProject(join(root, PROJECT_FILE), { categories: { nut: { good: ['good'], test: ['bad'] } } });
  const store = await openLabelStore(root);
  await store.put({
    path: 'bad/b.png',
    width: 3,
    height: 2,
    state: 'defect',
    layers: [{ type: 'burr', rle: bitmapOf('...', '##.') }],
  });
  expect((await stored())['bad/b.png']?.layers).toEqual([{ type: 'burr', rle: bitmapOf('...', '##.') }]);
  expect((await readFile(join(root, 'ground_truth/burr/b_mask.png'))).length).toBeGreaterThan(0);
});

test('masks of which no picture is known are told, names that no folder can have are refused', async () => {
  await mvtecProject();
  await mask('ground_truth/dent/7_mask.png', 1);
  const store = await openLabelStore(root);
  expect(await store.unmatched?.()).toMatchObject([{ path: 'ground_truth/dent/7_mask.png', type: 'dent' }]);
  for (const type of ['../x', 'a/b', 'good'])
    await expect(
      store.put({
        path: 'test/dent/0.png',
        width: 3,
        height: 2,
        state: 'defect',
        layers: [{ type, rle: bitmapOf('#..', '...') }],
      }),
    ).rejects.toMatchObject({ code: 'ADC_EXCHANGE_NAME' });
  await expect(store.put({ path: '../x.png', width: 3, height: 2, state: 'good', layers: [] })).rejects.toMatchObject({
    code: 'ADC_IMAGE_MISSING',
  });
});

test('folders with full paths, beside the project: masks are read, written and kept there', async () => {
  const beside = await mkdtemp(join(tmpdir(), 'adclick-beside-'));
  onTestFinished(() => rm(beside, { recursive: true }));
  const away = join(relative(root, beside), 'test/dent');
  await picture('train/good/0.png');
  for (const name of ['0.png', '1.png']) await picture(join(away, name));
  await mask(join(relative(root, beside), 'masks/dent/0_mask.png'), 0);
  const settings = {
    good: [join(root, 'train/good')],
    test: [join(beside, 'test')],
    masks: join(beside, 'masks'),
    defects: ['dent'],
  };
  await writeProject(join(root, PROJECT_FILE), { categories: { cap: settings } });
  const [first, second] = ['0.png', '1.png'].map((name) => toStored(root, join(beside, 'test/dent', name))) as [
    string,
    string,
  ];
  const images = await stored();
  expect(images[first]?.state).toBe('defect');
  const store = await openLabelStore(root);
  const layers = [{ type: 'dent', rle: encodeRle(Uint8Array.of(0, 0, 1, 1, 0, 0), 3, 2) }];
  for (const path of [first, second]) await store.put({ ...images[path], state: 'defect', layers });
  for (const name of ['0', '1'])
    expect((await readMask(join(beside, `masks/dent/${name}_mask.png`))).data).toEqual(Uint8Array.of(0, 0, 1, 1, 0, 0));
  expect((await stored())[second]?.state).toBe('defect');
  expect(existsSync(join(root, beside))).toBe(false);
});
