/** Opening a category anew while others ask for it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { Labeler, type ReferenceIndex } from '@adclick/core';
import { Runtime } from '@adclick/ortgrad';
import { expect, type Mock, test, vi } from 'vitest';
import { makeProject } from '../../test/sample.ts';
import { categoriesOf, indexFolder } from '../project/categories.ts';
import { OpenModels } from './open-models.ts';

/** How indexes that were opened are closed, in the order in which they were opened. */
const closings = vi.hoisted(() => [] as Mock<() => Promise<void>>[]);

vi.mock('./indexing.ts', () => ({
  openCurrentIndex: async () => {
    const close = vi.fn(async () => undefined);
    closings.push(close);
    return { names: ['0.png'], windows: {}, close } as unknown as ReferenceIndex;
  },
}));

test('whoever asks for a category while the one before is being closed gets the one that was opened anew', async () => {
  vi.spyOn(Runtime, 'start').mockResolvedValue({} as Runtime);
  vi.spyOn(Labeler, 'load').mockResolvedValue({ close: async () => undefined } as unknown as Labeler);
  const project = await makeProject();
  const folder = indexFolder(project, categoriesOf(project)[0]);
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}.json`, '{}');
  const models = new OpenModels(
    { project, threads: 1 },
    { detector: () => Promise.reject(new Error('none')), prompts: () => async () => [] },
  );
  const open = (how: 'kept' | 'anew') => models.openCategory('part', how, {}, (swap) => swap());
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
