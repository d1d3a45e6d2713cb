/** The index of a category is built again by another process while a studio has it open. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSampleProduct } from '@adclick/core/synthesis';
import { expect, test } from 'vitest';
import { indexCategory } from '../../src/engine/indexing.ts';
import { categoriesOf } from '../../src/project/categories.ts';
import { findGood } from '../../src/project/category-pictures.ts';
import { detectLayout } from '../../src/project/layout.ts';
import { PROJECT_FILE, writeProject } from '../../src/project/project.ts';
import { openStudio, temporaryFolder } from '../sample.ts';

test('after two rebuilds in a row clicks get their masks', async () => {
  const root = await temporaryFolder();
  await writeSampleProduct(root, 'screw', { normals: 5, testGoods: 2, defectsPerType: 0, width: 128, height: 128 });
  const { categories } = await detectLayout(root);
  const project = await writeProject(join(root, PROJECT_FILE), { categories: { ...categories }, pixels: 128 });
  const [category] = categoriesOf(project);
  await indexCategory(project, category);
  const studio = await openStudio(project, { predictor: undefined, threads: 1 });
  const { id: type } = await studio.types.add('scratch', '#123456');
  expect((await studio.categories.open(category.name)).pictures).toBe(5);
  // Files of the first index go with the second rebuild.
  for (let n = 0; n < 2; n++) {
    const [first] = (await findGood(project, category)).pictures;
    await rm(first.path);
    await indexCategory(project, category);
  }
  const click = { x: 64, y: 64, positive: true };
  const answers = [1, 2].map((id) => studio.labels.act(id, { base: 0, action: { kind: 'click', type, click } }, 'ada'));
  for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ version: 1, superseded: false });
  for (const id of [1, 2]) expect(await studio.labels.peek(id)).toMatchObject({ version: 1, completed: 1 });
  expect(studio.categories.pictures(category.name)).toBe(3);
  // What is prepared fits the category as it is now.
  const { key } = await studio.preparation.prepare(await studio.labels.image(1), true);
  expect(await studio.categories.holds(category.name, key)).toBe(true);
});
