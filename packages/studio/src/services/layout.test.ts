import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { isPictureName } from './folder-names.ts';
import { detectLayout } from './layout.ts';

const root = await mkdtemp(join(tmpdir(), 'adclick-layout-'));
afterAll(() => rm(root, { recursive: true }));

async function tree(name: string, files: readonly string[]): Promise<string> {
  for (const file of files) {
    const path = join(root, name, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, '');
  }
  return join(root, name);
}

test('one category of MVTec AD', async () => {
  const folder = await tree('cap', [
    'train/good/0.png',
    'test/good/0.png',
    'test/dent/0.png',
    'test/cut/0.png',
    'ground_truth/dent/0_mask.png',
  ]);
  const { categories } = await detectLayout(folder);
  expect(categories).toEqual({
    cap: { good: ['train/good'], test: ['test'], masks: 'ground_truth', defects: ['cut', 'dent'] },
  });
});

test('several categories', async () => {
  const folder = await tree('mvtec', ['bottle/train/good/0.png', 'grid/train/good/0.png', 'notes/readme.txt']);
  const { categories } = await detectLayout(folder);
  expect(Object.keys(categories)).toEqual(['bottle', 'grid']);
  expect(categories.grid).toEqual({ good: ['grid/train/good'], test: [], defects: [] });
});

test('folders named by what they hold', async () => {
  const folder = await tree('line4', ['OK/0.jpg', 'scratch/0.jpg', 'masks/scratch/0_mask.png', '.hidden/x.png']);
  const { categories } = await detectLayout(folder);
  expect(categories.line4).toEqual({ good: ['OK'], test: ['scratch'], masks: 'masks', defects: ['scratch'] });
});

test('pictures only', async () => {
  const { categories } = await detectLayout(await tree('plain', ['a.PNG', 'b.jpeg']));
  expect(categories.plain?.good).toEqual(['.']);
});

test('nothing that could be good pictures', async () => {
  await expect(detectLayout(await tree('empty', ['notes.txt']))).rejects.toMatchObject({ code: 'ADC_NO_NORMALS' });
});

test('no folder', async () => {
  await expect(detectLayout(join(root, 'nowhere'))).rejects.toMatchObject({ code: 'ADC_FOLDER_MISSING' });
});

test('picture names', () => {
  expect(['a.png', 'b.TIF', '.c.png', 'd.txt', 'png'].map(isPictureName)).toEqual([true, true, false, false, false]);
});
