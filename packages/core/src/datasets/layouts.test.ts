/** Readers of data sets that are laid out in ways of their own, against small folders of each. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { folderOf } from '../../test/data-folder.ts';
import { readDefectMask } from './defect-mask.ts';
import { openCategory } from './detect.ts';

let root: string;
let png: ReturnType<typeof folderOf>['png'];
let text: ReturnType<typeof folderOf>['text'];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'adclick-layouts-'));
  ({ png, text } = folderOf(root));
});
afterEach(() => rm(root, { recursive: true }));

const ways = (paths: readonly string[]) => paths.map((path) => relative(root, path).replaceAll('\\', '/'));
const missing = (what: string) => ({ code: 'ADC_DATASET', message: expect.stringContaining(what) });
const SIZE = { width: 4, height: 3 };

describe('MVTec LOCO AD', () => {
  beforeEach(async () => {
    for (const way of ['train/good/000', 'validation/good/000', 'test/good/000']) await png(`pushpins/${way}.png`);
    await png('pushpins/test/logical_anomalies/000.png');
    await png('pushpins/test/structural_anomalies/000.png');
    await png('pushpins/ground_truth/logical_anomalies/000/000.png', 254, [1, 2]);
    await png('pushpins/ground_truth/logical_anomalies/000/001.png', 251, [2, 8]);
    await png('pushpins/ground_truth/structural_anomalies/000/000.png', 255, [3]);
  });

  test('a picture is marked by all of its masks together; validation pictures are left out', async () => {
    const { layout, normals, testGood, defects } = await openCategory(root, 'pushpins');
    expect([layout, normals.length, testGood.length]).toEqual(['mvtec-loco', 1, 1]);
    expect(defects.map(({ type, name, maskPaths }) => [type, name, maskPaths.length])).toEqual([
      ['logical_anomalies', '000', 2],
      ['structural_anomalies', '000', 1],
    ]);
    const { data } = await readDefectMask(defects[0], SIZE);
    expect([...data.keys()].filter((i) => data[i] === 1)).toEqual([1, 2, 8]);
  });

  test('a picture without masks, and a type without', async () => {
    await rm(join(root, 'pushpins/ground_truth/structural_anomalies/000'), { recursive: true });
    await expect(openCategory(root, 'pushpins')).rejects.toMatchObject(missing('no mask in the folder 000 for'));
    await rm(join(root, 'pushpins/ground_truth/logical_anomalies'), { recursive: true });
    await expect(openCategory(root, 'pushpins')).rejects.toMatchObject(
      missing('no folder ground_truth/logical_anomalies'),
    );
  });
});

describe('MVTec 3D-AD', () => {
  beforeEach(async () => {
    for (const split of ['train', 'validation', 'test']) {
      await png(`rope/${split}/good/rgb/000.png`);
      await text(`rope/${split}/good/xyz/000.tiff`, 'a scan');
    }
    await png('rope/test/good/gt/000.png');
    await png('rope/test/hole/rgb/000.png');
    await png('rope/test/hole/gt/000.png', 255);
    await text('rope/test/hole/xyz/000.tiff', 'a scan');
  });

  test('its colour pictures are read', async () => {
    const rope = await openCategory(root, 'rope');
    expect(rope).toMatchObject({ category: 'rope', layout: 'mvtec-3d' });
    expect(ways([...rope.normals, ...rope.testGood])).toEqual([
      'rope/train/good/rgb/000.png',
      'rope/test/good/rgb/000.png',
    ]);
    expect(rope.defects).toMatchObject([{ type: 'hole', name: '000', split: 'test' }]);
    expect(ways(rope.defects[0].maskPaths)).toEqual(['rope/test/hole/gt/000.png']);
  });

  test.each([
    ['test/hole/gt/000.png', 'no mask 000_mask.png or 000.png'],
    ['test/hole/gt', 'no folder test/hole/gt'],
    ['test/hole/rgb', 'no folder test/hole/rgb'],
  ])('without %s', async (way, what) => {
    await rm(join(root, 'rope', way), { recursive: true });
    await expect(openCategory(root, 'rope')).rejects.toMatchObject(missing(what));
  });
});

describe('KolektorSDD', () => {
  beforeEach(async () => {
    for (let kos = 1; kos <= 6; kos++)
      for (const part of [0, 1]) {
        const way = `KolektorSDD/kos0${kos}/Part${part}`;
        await png(`${way}.jpg`);
        await png(`${way}_label.bmp`, kos >= 5 && part === 1 ? 255 : 0);
      }
  });

  test('good pictures of every fifth commutator are tested; parts of different ones have different names', async () => {
    const { layout, normals, testGood, defects, notes } = await openCategory(root, 'KolektorSDD');
    expect(layout).toBe('ksdd');
    expect(ways(testGood)).toEqual(['KolektorSDD/kos05/Part0.jpg']);
    expect(normals).toHaveLength(9);
    expect(normals.every((path) => !path.includes('kos05'))).toBe(true);
    expect(defects.map(({ type, name, split }) => [type, name, split])).toEqual([
      ['defect', 'kos05_Part1', 'test'],
      ['defect', 'kos06_Part1', 'test'],
    ]);
    expect(notes.join(' ')).toContain('every fifth commutator');
    expect(notes[0]).toContain('10 of 347 good pictures, 2 of 52 pictures with a defect');
  });

  test('the folder may be given itself, or a mask be missing', async () => {
    expect((await openCategory(join(root, 'KolektorSDD'), '.')).defects).toHaveLength(2);
    await rm(join(root, 'KolektorSDD/kos03/Part0_label.bmp'));
    await expect(openCategory(root, 'KolektorSDD')).rejects.toMatchObject(missing('no mask Part0_label.bmp'));
  });
});

describe('DAGM 2007', () => {
  const table = (...rows: readonly string[]) => `1\n${rows.join('\n')}\n`;
  beforeEach(async () => {
    for (const way of ['Train/0576', 'Train/0577', 'Test/0001', 'Test/0002']) await png(`Class1/${way}.PNG`);
    await png('Class1/Train/Label/0577_label.PNG', 255);
    await png('Class1/Test/Label/0002_label.PNG', 255);
    await text('Class1/Train/Label/Labels.txt', table('1\t0\t0576.PNG\t0\t0', '2\t1\t0577.PNG\t0\t0577_label.PNG'));
    await text('Class1/Test/Label/Labels.txt', table('1\t0\t0001.PNG\t0\t0', '2\t1\t0002.PNG\t0\t0002_label.PNG'));
  });

  test('a picture with a mask is defective; that masks are coarse is said', async () => {
    const class1 = await openCategory(root, 'Class1');
    expect(class1.layout).toBe('dagm');
    expect(ways([...class1.normals, ...class1.testGood])).toEqual(['Class1/Train/0576.PNG', 'Class1/Test/0001.PNG']);
    expect(class1.defects.map(({ name, split, maskPaths }) => [name, split, basename(maskPaths[0])])).toEqual([
      ['0577', 'train', '0577_label.PNG'],
      ['0002', 'test', '0002_label.PNG'],
    ]);
    expect(class1.notes.join(' ')).toContain('ellipses');
    expect(class1.notes.join(' ')).not.toContain('Labels.txt');
  });

  test('a mask that its table names is missing, the table itself, half of the class', async () => {
    await rm(join(root, 'Class1/Test/Label/0002_label.PNG'));
    await expect(openCategory(root, 'Class1')).rejects.toMatchObject(missing('no mask 0002_label.PNG'));
    await rm(join(root, 'Class1/Test/Label/Labels.txt'));
    expect((await openCategory(root, 'Class1')).notes.join(' ')).toContain('There is no Test/Label/Labels.txt');
    await rm(join(root, 'Class1/Test'), { recursive: true });
    await expect(openCategory(root, 'Class1')).rejects.toMatchObject(missing('no folder Test'));
  });
});

test('MPDD has the layout of MVTec AD; its pictures may be listed without it being whole', async () => {
  await png('tubes/train/good/000.png');
  await png('tubes/test/good/000.png');
  await png('tubes/test/anomalous/000.png');
  await png('tubes/ground_truth/anomalous/000_mask.png', 255);
  const { layout, notes } = await openCategory(root, 'tubes');
  expect(layout).toBe('mvtec');
  expect(notes).toEqual([
    'If this is tubes of MPDD, it is not whole: there are 1 of 122 good pictures to train on, 1 of 32 good pictures to test on, 1 of 69 pictures with a defect. Unpack it again before its figures are compared with published ones.',
  ]);
});
