import { join } from 'node:path';
import { writeSampleProduct } from '@adclick/core/synthesis';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/sample.ts';
import { categoriesOf, indexFolder } from '../project/categories.ts';
import { detectLayout } from '../project/layout.ts';
import { PROJECT_FILE, writeProject } from '../project/project.ts';
import { indexCategory, openDetectorIndex } from './indexing.ts';

test('two who index a category at once: the second waits, says so, and finds it done', async () => {
  const root = await temporaryFolder();
  await writeSampleProduct(root, 'screw', { normals: 4, testGoods: 0, defectsPerType: 0, width: 128, height: 128 });
  const { categories } = await detectLayout(root);
  const project = await writeProject(join(root, PROJECT_FILE), { categories: { ...categories }, pixels: 128 });
  const [category] = categoriesOf(project);
  const notes: string[] = [];
  const note = (text: string) => void notes.push(text);
  const reports = await Promise.all([0, 1].map(() => indexCategory(project, category, { note })));
  expect(reports.map(({ pictures }) => pictures)).toEqual([4, 4]);
  expect(reports.map(({ added }) => added).sort()).toEqual([0, 4]);
  expect(notes).toEqual([expect.stringMatching(new RegExp(`^Waiting: process ${process.pid} on .* the index of `))]);
});

test('detectors are made at 512 × 512 where labelling sees more, unless a side is named; small pictures have one index', async () => {
  const projectOf = async (side: number, pixels: 'auto' | number) => {
    const root = await temporaryFolder();
    await writeSampleProduct(root, 'screw', { normals: 3, testGoods: 0, defectsPerType: 0, width: side, height: side });
    const { categories } = await detectLayout(root);
    const project = await writeProject(join(root, PROJECT_FILE), { categories: { ...categories }, pixels });
    const [category] = categoriesOf(project);
    const open = async () => {
      const { index, folder } = await openDetectorIndex(project, category);
      await index.close();
      return { side: index.grid.width, folder, labelling: folder === indexFolder(project, category) };
    };
    return { open, project, category };
  };
  const fine = await projectOf(640, 'auto');
  await indexCategory(fine.project, fine.category);
  const first = await fine.open();
  expect(first).toMatchObject({ side: 512, labelling: false });
  expect(await fine.open()).toEqual(first);
  const named = await projectOf(640, 640);
  expect(await named.open()).toMatchObject({ side: 640, labelling: true });
  const small = await projectOf(128, 'auto');
  expect(await small.open()).toMatchObject({ side: 512, labelling: true });
});
