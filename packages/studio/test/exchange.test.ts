/** `adclick export` and `adclick import`, as processes. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeMask, writePng } from '@adclick/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT_FILE, writeProject } from '../src/project/project.ts';
import { adclick, errorCode } from './command.ts';

let root = '';
let project = '';
const SIZE = { width: 4, height: 3, channels: 1 } as const;
const MASK = Uint8Array.of(1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'adclick-exchange-cli-'));
  project = join(root, 'cap');
  const pictures = ['train/good/0.png', 'train/good/1.png', 'test/scratch/0.png', 'test/dent/0.png'];
  for (const path of pictures) await writePng(join(project, path), { ...SIZE, data: new Uint8Array(12) });
  await writeMask(join(project, 'ground_truth/scratch/0_mask.png'), { ...SIZE, data: MASK });
  const settings = { good: ['train/good'], test: ['test'], masks: 'ground_truth', defects: ['scratch', 'dent'] };
  await writeProject(join(project, PROJECT_FILE), { categories: { cap: settings } });
});
afterAll(() => rm(root, { recursive: true }));

test('export, then import, gives the same mask files', async () => {
  const target = join(root, 'coco');
  const exported = await adclick(['export', project, '--format', 'coco', '--to', target, '--json']);
  expect(exported.code, exported.stderr).toBe(0);
  expect(JSON.parse(exported.stdout)).toMatchObject({ images: 3, unlabelled: 1, changed: [], leftOut: [] });
  expect(existsSync(join(target, 'images/test/scratch/0.png'))).toBe(true);
  const mask = join(project, 'ground_truth/scratch/0_mask.png');
  const before = await readFile(mask);
  for (const option of ['--from', '--to']) {
    await rm(mask);
    const imported = await adclick(['import', project, '--format', 'coco', option, target]);
    expect(imported, imported.stderr).toMatchObject({ code: 0, stderr: '' });
    expect(imported.stdout).toContain('3 images labelled from');
    expect(await readFile(mask)).toEqual(before);
  }
});

test('whatever is left out ends with 1 and is named', async () => {
  const lost = join(project, 'ground_truth/scratch/lost_mask.png');
  await writeMask(lost, { ...SIZE, data: MASK });
  const exported = await adclick(['export', project, '--format', 'voc', '--to', join(root, 'voc'), '--no-pictures']);
  await rm(lost);
  expect(exported.code).toBe(1);
  expect(exported.stdout).toContain('ground_truth/scratch/lost_mask.png');
  expect(await readdir(join(root, 'voc'))).not.toContain('JPEGImages');
  const file = join(root, 'other.json');
  const images = [{ id: 1, file_name: 'elsewhere/9.png', width: 4, height: 3 }];
  await writeFile(file, JSON.stringify({ images, annotations: [], categories: [] }));
  const imported = await adclick(['import', project, '--format', 'coco', '--from', file]);
  expect(imported.code).toBe(1);
  expect(imported.stdout).toContain('elsewhere/9.png: the project has no picture of that name');
});

describe('refused with one line', () => {
  test.each([
    ['ADC_USAGE', 2, () => ['export', project, '--format', 'tfrecord', '--to', 'x']],
    ['ADC_USAGE', 2, () => ['export', project, '--format', 'coco']],
    ['ADC_USAGE', 2, () => ['import', project, '--format', 'coco']],
    ['ADC_USAGE', 2, () => ['import', project, '--format', 'coco', '--from', 'x', '--to', 'y']],
    ['ADC_EXCHANGE_EMPTY', 1, () => ['import', project, '--format', 'coco', '--from', join(root, 'nothing')]],
    ['ADC_EXCHANGE_EMPTY', 1, () => ['import', project, '--format', 'cvat', '--from', project]],
    ['ADC_EXPORT_EXISTS', 1, () => ['export', project, '--format', 'coco', '--to', project, '--force']],
    ['ADC_PROJECT_MISSING', 1, () => ['export', root, '--format', 'coco', '--to', join(root, 'x')]],
  ])('%s, exit %i', async (code, exit, words) => {
    const ended = await adclick(words());
    expect(errorCode(ended), ended.stderr).toBe(code);
    expect(ended.code).toBe(exit);
    expect(existsSync(join(project, PROJECT_FILE))).toBe(true);
  });
});
