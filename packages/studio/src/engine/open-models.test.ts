/** Opening a category anew while others ask for it, and what is offered of predictions that were made. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Labeler, type ReferenceIndex } from '@adclick/core';
import { Runtime } from '@adclick/ortgrad';
import { expect, type Mock, test, vi } from 'vitest';
import { makeProject, SIDE } from '../../test/sample.ts';
import { emptyRle } from '../history/bitmaps.ts';
import type { LabelClick } from '../history/face.ts';
import { categoriesOf, indexFolder } from '../project/categories.ts';
import { OpenModels } from './open-models.ts';

/** How indexes that were opened are closed, in the order in which they were opened. */
const closings = vi.hoisted(() => [] as Mock<() => Promise<void>>[]);

vi.mock('./indexing.ts', () => ({
  openCurrentIndex: async () => {
    const close = vi.fn(async () => undefined);
    closings.push(close);
    return { names: ['0.png'], grid: SIDE, windows: {}, close } as unknown as ReferenceIndex;
  },
}));

/** The models of a project. @param labeler what its labeler does beside being closed. */
async function openModels(labeler: object = {}) {
  vi.spyOn(Runtime, 'start').mockResolvedValue({} as Runtime);
  vi.spyOn(Labeler, 'load').mockResolvedValue({ close: async () => undefined, ...labeler } as unknown as Labeler);
  const project = await makeProject();
  const folder = indexFolder(project, categoriesOf(project)[0]);
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}.json`, '{}');
  const models = new OpenModels(
    { project, threads: 1 },
    { detector: () => Promise.reject(new Error('none')), prompts: () => async () => [] },
  );
  const open = (how: 'kept' | 'anew') => models.openCategory('part', how, {}, (swap) => swap());
  return { project, models, open };
}

test('whoever asks for a category while the one before is being closed gets the one that was opened anew', async () => {
  const { open } = await openModels();
  await open('kept');
  let closed!: () => void;
  closings[0].mockReturnValue(new Promise((resolve) => (closed = resolve)));
  const anew = open('anew');
  await vi.waitFor(() => expect(closings[0]).toHaveBeenCalled());
  await open('kept');
  closed();
  await anew;
  await open('kept');
  expect(closings.map(({ mock }) => mock.calls.length)).toEqual([1, 0]);
});

test('candidates are those of predictions that were made, also of one before the last; none is made for them', async () => {
  const { width, height } = SIDE;
  /** Leaves out the pixel of the first row that says how many clicks there were. */
  const predict = vi.fn(async ({ clicks }: { clicks: readonly LabelClick[] }) => {
    const map = () => new Float32Array(width * height).fill(0.9, clicks.length, clicks.length + 1);
    return { data: map(), width, height, channels: 1, candidates: () => ({ data: map(), width, height, channels: 1 }) };
  });
  const look = vi.fn(async () => ({ predict }));
  const { project, models, open } = await openModels({ open: look });
  await open('kept');
  const picture = { category: 'part', path: join(project.root, 'test/dent/0.png'), bytes: 1, modified: 1 };
  const asked = (count: number) => ({
    ...{ picture, threshold: 0.49, defect: 'dent', since: 0, marked: emptyRle(width, height) },
    clicks: Array.from({ length: count }, (_, x) => ({ x, y: 0, positive: true })),
  });
  const offered = async (count: number) => (await models.candidates(asked(count))).points.map(({ x }) => x);
  expect(await offered(1)).toEqual([]);
  expect(look).not.toHaveBeenCalled();
  await models.predict(asked(1));
  expect(await offered(1)).toEqual([1]);
  await models.predict(asked(2));
  expect(await offered(2)).toEqual([2]);
  expect(await offered(1)).toEqual([1]);
  expect(await offered(3)).toEqual([]);
  for (const count of [3, 4, 5]) await models.predict(asked(count));
  expect(await offered(1)).toEqual([]);
  expect(await offered(2)).toEqual([2]);
  expect(predict).toHaveBeenCalledTimes(5);
  expect(look).toHaveBeenCalledTimes(1);
});
