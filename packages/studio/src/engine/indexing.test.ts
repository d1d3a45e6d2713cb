import { join } from 'node:path';
import { writeSampleProduct } from '@adclick/core/synthesis';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/sample.ts';
import { categoriesOf } from '../project/categories.ts';
import { detectLayout } from '../project/layout.ts';
import { PROJECT_FILE, writeProject } from '../project/project.ts';
import { indexCategory } from './indexing.ts';

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
