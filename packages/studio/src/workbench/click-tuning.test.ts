import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writePng } from '@adclick/core';
import { ANOMALY_KINDS, makeProduct, Random } from '@adclick/core/synthesis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeProject } from '../project/project.ts';
import { trainClick } from './click-training.ts';
import { HELD_OUT_KINDS, splitPictures, TRAINED_KINDS } from './click-tuning.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adclick-tuning-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('no picture is both trained on and judged by, and every picture is one of them', () => {
  for (const count of [10, 23, 200]) {
    const paths = Array.from({ length: count }, (_, i) => `${i}.png`);
    const { training, heldOut } = splitPictures(paths);
    expect([...training, ...heldOut].sort()).toEqual([...paths].sort());
    expect(heldOut.length).toBe(Math.min(12, Math.floor(count / 5)));
  }
});

test('no kind of defect is both drawn in training and judged by', () => {
  expect([...TRAINED_KINDS, ...HELD_OUT_KINDS].sort()).toEqual([...ANOMALY_KINDS].sort());
  expect(HELD_OUT_KINDS.length).toBe(Math.floor(ANOMALY_KINDS.length / 3));
});

test('fewer than ten good pictures are refused', async () => {
  const product = makeProduct('bottleMouth', 1, { width: 128, height: 128 });
  await writeProject(join(folder, 'adclick.yaml'), { categories: { cap: { good: ['.'] } } });
  for (let i = 0; i < 9; i++) await writePng(join(folder, `${i}.png`), product.good(new Random(i)));
  await expect(trainClick(folder, { category: 'cap' })).rejects.toMatchObject({ code: 'ADC_DATASET' });
});
