/** Exports in the layout of MVTec AD are opened by the reader that training and evaluation use. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMask, writePng } from '@adclick/core';
import { openDataset } from '@adclick/core/datasets';
import { expect, test } from 'vitest';
import { bitmapOf, MemoryStore } from '../../test/labels.ts';
import { exportLabels } from './transfer.ts';
import type { LabelledImage } from './types.ts';

test('a plain folder becomes a data set', async () => {
  const root = await mkdtemp(join(tmpdir(), 'adclick-mvtec-'));
  const make = async (path: string, more: Partial<LabelledImage>): Promise<LabelledImage> => {
    await writePng(join(root, path), { data: new Uint8Array(6), width: 3, height: 2, channels: 1 });
    return { path, width: 3, height: 2, state: 'good', layers: [], category: 'bracket', ...more };
  };
  const dent = { type: 'dent', rle: bitmapOf('.#.', '.#.') };
  const scratch = { type: 'scratch', rle: bitmapOf('#..', '...') };
  const images = [
    await make('ok/1.png', { reference: true }),
    await make('line2/1.png', { reference: false }),
    await make('line1/2.png', { state: 'defect', layers: [dent, scratch] }),
    await make('line2/2.png', { state: 'defect', layers: [dent] }),
  ];
  const target = join(root, 'out');
  const pictureOf = ({ path }: LabelledImage) => join(root, path);
  await exportLabels(new MemoryStore(images), { format: 'mvtec', target, pictureOf });
  const { normals, testGood, defects } = await openDataset(target, 'bracket');
  expect([normals.length, testGood.length]).toEqual([1, 1]);
  expect(defects.map(({ type, name }) => [type, name])).toEqual([
    ['dent', '2'],
    ['dent', 'line2_2'],
    ['scratch', '2'],
  ]);
  expect((await readMask(defects[2].maskPaths[0])).data).toEqual(Uint8Array.of(1, 0, 0, 0, 0, 0));
  await rm(root, { recursive: true });
});
