import { join, relative, sep } from 'node:path';
import { expect, test } from 'vitest';
import { writeFiles } from '../../test/cases/data-sets.ts';
import { temporaryFolder } from '../../test/sample.ts';
import { categoriesOf } from './categories.ts';
import { findGood, findLabelled } from './category-pictures.ts';
import { detectLayout } from './layout.ts';
import { liesAmongGood, placedMasks, sayingFolder, typeByFolder } from './mask-files.ts';
import { PROJECT_FILE, writeProject } from './project.ts';

/** The masks that a folder has once `init` has read it, as `picture or name: type: files`. */
async function masksOf(files: Readonly<Record<string, string>>): Promise<string[]> {
  const root = await writeFiles(join(await temporaryFolder(), 'root'), files);
  const { categories } = await detectLayout(root);
  const project = await writeProject(join(root, PROJECT_FILE), { categories: { ...categories } });
  const [category] = categoriesOf(project);
  const found = [...(await findGood(project, category)).pictures, ...(await findLabelled(project, category)).pictures];
  const pictures = found.map(({ path }) => relative(root, path).split(sep).join('/'));
  const masks = await placedMasks(project, category, pictures, 'ground_truth');
  return masks.map(({ paths, type, name, picture }) => `${picture ?? name}: ${type}: ${paths.join(' ')}`).sort();
}

test('in a folder of masks, by type', async () => {
  const files = { 'train/good/0.png': 'good', 'test/dent/{0..1}.png': 'bad', 'test/nut/a_mask.png': 'bad' };
  const masks = {
    'ground_truth/dent/0_mask.png': 'mask',
    'ground_truth/dent/1.png': 'mask',
    'ground_truth/nut/a_mask.png': 'mask',
  };
  expect(await masksOf({ ...files, ...masks })).toEqual([
    '0: dent: ground_truth/dent/0_mask.png',
    '1: dent: ground_truth/dent/1.png',
    'a_mask: nut: ground_truth/nut/a_mask.png',
  ]);
});

test('several files of one mask, in a folder with the name of the picture', async () => {
  const files = { 'train/good/0.png': 'good', 'test/logical/{0..1}.png': 'bad' };
  const masks = { 'ground_truth/logical/0/{0..1}.png': 'mask', 'ground_truth/logical/1/0.png': 'mask' };
  expect(await masksOf({ ...files, ...masks })).toEqual([
    '0: logical: ground_truth/logical/0/0.png ground_truth/logical/0/1.png',
    '1: logical: ground_truth/logical/1/0.png',
  ]);
});

test('in folders beside those of the pictures', async () => {
  const files = { 'train/good/rgb/0.png': 'good', 'test/hole/rgb/0.png': 'bad', 'test/cut/rgb/0.png': 'bad' };
  const masks = { 'test/hole/gt/0.png': 'mask', 'test/cut/gt/0.png': 'mask' };
  expect(await masksOf({ ...files, ...masks })).toEqual([
    'test/cut/rgb/0.png: cut: test/cut/gt/0.png',
    'test/hole/rgb/0.png: hole: test/hole/gt/0.png',
  ]);
});

test('beside the pictures, of both halves', async () => {
  const files = {
    'train/{0..1}.png': 'good',
    'train/{0..1}_GT.png': 'black',
    'test/2.png': 'bad',
    'test/2_GT.png': 'mask',
  };
  expect(await masksOf(files)).toEqual([
    'test/2.png: undefined: test/2_GT.png',
    'train/0.png: undefined: train/0_GT.png',
    'train/1.png: undefined: train/1_GT.png',
  ]);
});

test('beside the pictures under the same name', async () => {
  const files = { 'OK/S1/a.jpg': 'good', 'NG/BX/S2/b.jpg': 'bad', 'NG/BX/S2/b.png': 'mask' };
  expect(await masksOf(files)).toEqual(['NG/BX/S2/b.jpg: undefined: NG/BX/S2/b.png']);
});

test('one folder below the pictures, and all in one folder', async () => {
  const below = { 'ok/0.png': 'good', 'scratch/{1..2}.png': 'bad', 'scratch/masks/{1..2}.png': 'mask' };
  expect(await masksOf(below)).toEqual([1, 2].map((n) => `scratch/${n}.png: undefined: scratch/masks/${n}.png`));
  const together = { 'images/{0..2}.png': 'good', 'masks/0.png': 'black', 'masks/2.png': 'mask' };
  expect(await masksOf(together)).toEqual([0, 2].map((n) => `images/${n}.png: undefined: masks/${n}.png`));
});

test('what the folder of a picture says', () => {
  const category = (defects: string[], tests: string[]) => ({ settings: { good: ['ok'], test: tests, defects } });
  expect(sayingFolder('NG/BX/S0011/a.jpg')).toBe('BX');
  expect(['test/good/rgb/0.png', 'good/test/bad/0.png', 'a/OK/S1/0.png'].map(liesAmongGood)).toEqual([
    true,
    false,
    true,
  ]);
  expect(typeByFolder('test/dent/0.png', category(['cut', 'dent'], ['test']))).toBe('dent');
  expect(typeByFolder('test/new/0.png', category(['cut', 'dent'], ['test']))).toBe('new');
  expect(typeByFolder('test/0.png', category([], ['test']))).toBe('defect');
  expect(typeByFolder('kos01/Part1.jpg', category([], ['kos01/Part1.jpg']))).toBe('defect');
});
