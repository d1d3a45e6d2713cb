import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openProject, PROJECT_FILE } from './project.ts';
import { spelledOnDisk } from './spelling.ts';

const composed = 'M\u00fcnz\u00e9';
const decomposed = 'Mu\u0308nze\u0301';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'adclick-spelling-'));
  for (const folder of ['train/good', `${decomposed}/train/${decomposed}`, 'both/\u00e9', 'both/e\u0301', 'a\\b'])
    await mkdir(join(root, folder), { recursive: true });
});
afterAll(() => rm(root, { recursive: true }));

test.each([
  ['as it stands', 'train/good', 'train/good'],
  ['in the other form', `${composed}/train/${composed}`, `${decomposed}/train/${decomposed}`],
  ['in both forms', `${decomposed}/train/${composed}`, `${decomposed}/train/${decomposed}`],
  ['from Windows', 'train\\good', 'train/good'],
  ['from Windows in the other form', `.\\${composed}\\train`, `./${decomposed}/train`],
  ['where both forms are there', 'both/\u00e9', 'both/\u00e9'],
  ['where both forms are there, the other one', 'both/e\u0301', 'both/e\u0301'],
  ['with a backslash in its name', 'a\\b', 'a\\b'],
  ['before a star', `${composed}/*/${composed}`, `${decomposed}/*/${composed}`],
  ['above the project', '../', '../'],
  ['that is not there', `${composed}/test`, `${composed}/test`],
  ['whose case is another', 'Train/good', 'Train/good'],
])('a folder %s', async (_, given, spelled) => {
  expect(await spelledOnDisk(root, given, posix)).toBe(spelled);
});

test('a full path', async () => {
  expect(await spelledOnDisk('/nowhere', join(root, composed), posix)).toBe(join(root, decomposed));
});

test('a project file that was typed on Windows names folders as this disk spells them', async () => {
  const text = `\uFEFFcategories:\r\n  ${composed}:\r\n    good: ['${composed}\\train']\r\n    test: ['${composed}/train/${composed}']\r\n    masks: train\\good\r\n`;
  await writeFile(join(root, PROJECT_FILE), text);
  const { settings } = await openProject(root);
  expect(settings.categories[composed]).toMatchObject({
    good: [`${decomposed}/train`],
    test: [`${decomposed}/train/${decomposed}`],
    masks: 'train/good',
  });
});
