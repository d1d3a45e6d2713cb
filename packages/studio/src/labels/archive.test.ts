/** Labels of a project with a database, through exchange. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeMask } from '@adclick/core';
import { encodeRle } from '@adclick/core/geometry';
import { expect, test, vi } from 'vitest';
import { all } from '../../test/labels.ts';
import { makeProject, openStudio, SIDE, temporaryFolder } from '../../test/sample.ts';
import { fail } from '../errors.ts';
import { MaskFolderStore } from '../exchange/label-store.ts';
import { openSource } from '../exchange/source.ts';
import { exportLabels, importLabels } from '../exchange/transfer.ts';
import { openLabels } from '../open-labels.ts';
import type { Project } from '../project/project.ts';
import { StaleVersion } from '../store/labels.ts';
import type { Studio } from '../studio.ts';
import { DatabaseLabels } from './archive.ts';

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

/** Has another process write an image whenever a studio is about to. @param but whether it holds back this time. */
function writeBetween(studio: Studio, other: Studio, image: number, but: () => boolean = () => false): void {
  const { labels } = studio.store;
  const append = labels.append.bind(labels);
  labels.append = async (id, ...args) => {
    if (id === image && !but()) {
      const { version } = await other.labels.peek(id);
      await other.labels.act(id, { base: version, action: { kind: 'review', review: 'approved' } }, 'grace');
    }
    return append(id, ...args);
  };
}

test('an import goes on when another process writes the picture at the same moment', async () => {
  const project = await makeProject(1);
  const [studio, other] = [await openStudio(project), await openStudio(project)];
  let between = 2;
  writeBetween(studio, other, 1, () => between-- <= 0);
  await studio.archive.replace('test/dent/0.png', [{ type: 'dent', rle: rle(2, 3) }], 'defect', 'coco', 'ada');
  const events = await studio.store.labels.events(1);
  expect(events.map(({ action }) => action.kind)).toEqual(['review', 'review', 'import']);
  expect((await other.labels.state(1)).layers.size).toBe(1);
});

test('an import that is stopped while it waits for another process says why', async () => {
  const project = await makeProject(1);
  const studio = await openStudio(project);
  const stop = new AbortController();
  const lost = fail('ADC_LEASE_LOST', { what: 'labels by an import', why: 'its lock file is gone' });
  studio.store.labels.append = async () => {
    setTimeout(() => stop.abort(lost), 5);
    throw new StaleVersion();
  };
  const layers = [{ type: 'dent', rle: rle(2, 3) }];
  const put = studio.archive.replace('test/dent/0.png', layers, 'defect', 'coco', 'ada', { signal: stop.signal });
  await expect(put).rejects.toBe(lost);
});

test('an import leaves out a picture that another process writes all the time, and goes on', async () => {
  const target = join(await temporaryFolder(), 'coco');
  const from = await openLabels((await labelledProject()).root, 'ada', 'coco');
  await exportLabels(from.store, { format: 'coco', target });
  await from.close();
  const project = await makeProject(3);
  const [studio, other] = [await openStudio(project), await openStudio(project)];
  const files = await MaskFolderStore.open(project);
  writeBetween(studio, other, 1);
  const into = new DatabaseLabels(studio.archive, files, 'bo', 'coco');
  const report = await importLabels(into, { format: 'coco', source: await openSource(target) });
  expect(report).toMatchObject({ images: 3, defects: 1 });
  expect(report.leftOut).toEqual([
    { path: 'test/dent/0.png', reason: expect.stringMatching(/^Somebody else is writing test\/dent\/0.png/) },
  ]);
  expect((await other.labels.state(2)).layers.size).toBe(1);
});
