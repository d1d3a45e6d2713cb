/** Labels of a project with a database, through exchange. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeMask } from '@adclick/core';
import { encodeRle } from '@adclick/core/geometry';
import { expect, test, vi } from 'vitest';
import { all } from '../../test/labels.ts';
import { makeProject, openStudio, SIDE, temporaryFolder } from '../../test/sample.ts';
import { openSource } from '../exchange/source.ts';
import { exportLabels, importLabels } from '../exchange/transfer.ts';
import { openLabels } from '../open-labels.ts';
import type { Project } from '../project/project.ts';

const box = (left: number, top: number) => {
  const data = new Uint8Array(SIDE.width * SIDE.height);
  for (let y = top; y < top + 4; y++) for (let x = left; x < left + 5; x++) data[y * SIDE.width + x] = 1;
  return data;
};
const rle = (left: number, top: number) => {
  const { counts } = encodeRle(box(left, top), SIDE.width, SIDE.height);
  return { ...SIDE, counts: [...counts] };
};

/** Paints images 0 and 1 in the database; image 2 has a mask file, which the database does not look at. */
async function labelledProject(): Promise<Project> {
  const project = await makeProject(3);
  await writeMask(join(project.root, 'ground_truth/dent/2_mask.png'), { data: box(9, 2), ...SIDE, channels: 1 });
  const studio = await openStudio(project);
  const [dent] = await studio.store.types.list();
  for (const [n, add] of [rle(2, 3), rle(9, 2)].entries()) {
    const image = (await studio.store.images.findByPath(`test/dent/${n}.png`))!;
    const paint = { kind: 'paint', tool: 'brush', type: dent.id, add, remove: null } as const;
    await studio.labels.act(image.id, { base: 0, action: paint }, 'ada');
    await studio.labels.act(image.id, { base: 1, action: { kind: 'state', state: 'defect' } }, 'ada');
  }
  await studio.close();
  return project;
}

test('come from the database, good pictures from their folders', async () => {
  const { root } = await labelledProject();
  const { store, close } = await openLabels(root, 'ada', 'test');
  const images = await all(store.images());
  await close();
  expect(images.map(({ path, state, layers }) => [path, state, layers])).toEqual([
    ['test/dent/0.png', 'defect', [{ type: 'dent', rle: rle(2, 3) }]],
    ['test/dent/1.png', 'defect', [{ type: 'dent', rle: rle(9, 2) }]],
    ['test/dent/2.png', 'todo', []],
    ['train/good/0.png', 'good', []],
    ['train/good/1.png', 'good', []],
  ]);
});

test('without a database are the mask files alone, and none is made', async () => {
  const { root } = await makeProject(1);
  const { store, close } = await openLabels(root, 'ada', 'test');
  expect((await all(store.images())).map(({ state }) => state)).toEqual(['good', 'good', 'todo']);
  await close();
  expect(existsSync(join(root, '.adclick/project.db'))).toBe(false);
});

test('go out, come into another project as one event an image, and can be undone there', async () => {
  const { root } = await labelledProject();
  const target = join(await temporaryFolder(), 'coco');
  const from = await openLabels(root, 'ada', 'coco');
  await exportLabels(from.store, { format: 'coco', target });
  await from.close();

  const other = await makeProject(3);
  const studio = await openStudio(other);
  await studio.close();
  const into = await openLabels(other.root, 'bo', 'coco');
  const report = await importLabels(into.store, { format: 'coco', source: await openSource(target) });
  await into.close();
  expect(report).toMatchObject({ images: 4, defects: 2, leftOut: [] });

  const again = await openStudio(other);
  const image = (await again.store.images.findByPath('test/dent/1.png'))!;
  const state = await again.labels.state(image.id);
  expect([...state.layers.values()]).toEqual([rle(9, 2)]);
  expect(state.face.state).toBe('defect');
  await again.labels.act(image.id, { base: state.version, action: { kind: 'undo' } }, 'bo');
  expect((await again.labels.state(image.id)).layers.size).toBe(0);
});

test('are jobs of a server, which say what came of them', async () => {
  const project = await labelledProject();
  const { root } = project;
  const studio = await openStudio(project);
  const { id } = await studio.startJob({ kind: 'export', format: 'mvtec', folder: 'out' }, 'ada');
  const job = () => studio.jobs.list().find((each) => each.id === id);
  await vi.waitFor(() => expect(job()?.state).toBe('done'));
  expect(job()?.result).toBe('4 images; of 1 image without a label there are mask files');
  expect(existsSync(join(root, 'out/part/ground_truth/dent/0_mask.png'))).toBe(true);
  await expect(studio.startJob({ kind: 'export', format: 'coco', folder: '../out' }, 'ada')).rejects.toMatchObject({
    code: 'ADC_OUTSIDE',
  });
});

test('an import goes on when another process writes the picture at the same moment', async () => {
  const project = await makeProject(1);
  const [studio, other] = [await openStudio(project), await openStudio(project)];
  const { labels } = studio.store;
  const append = labels.append.bind(labels);
  let between = 2;
  labels.append = async (...args) => {
    if (between-- > 0) {
      const { version } = await other.labels.peek(1);
      await other.labels.act(1, { base: version, action: { kind: 'review', review: 'approved' } }, 'grace');
    }
    return append(...args);
  };
  await studio.archive.replace('test/dent/0.png', [{ type: 'dent', rle: rle(2, 3) }], 'defect', 'coco', 'ada');
  const events = await studio.store.labels.events(1);
  expect(events.map(({ action }) => action.kind)).toEqual(['review', 'review', 'import']);
  expect((await other.labels.state(1)).layers.size).toBe(1);
});
