/** Names that JavaScript's objects have of their own work as names of categories, types and files, or are refused. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { splitDefects } from '@adclick/core/datasets';
import { expect, onTestFinished, test } from 'vitest';
import { API } from '../../src/api.ts';
import { detectLayout } from '../../src/project/layout.ts';
import { type CategorySettings, openProject, PROJECT_FILE, writeProject } from '../../src/project/project.ts';
import { createApp } from '../../src/server/app.ts';
import { openStudio, temporaryFolder, writeFlat } from '../sample.ts';

const NAMES = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', 'prototype'];

test('categories, defect types and pictures are called as members of objects are', async () => {
  const root = await temporaryFolder();
  for (const name of NAMES) {
    await mkdir(join(root, name, 'test'), { recursive: true });
    await mkdir(join(root, name, 'good'));
    await writeFlat(join(root, name, 'good', 'toString.png'), 100);
    await writeFlat(join(root, name, 'test', '__proto__.png'), 110);
  }
  const categories = NAMES.map((name): [string, CategorySettings] => [
    name,
    { good: [`${name}/good`], test: [`${name}/test`], defects: [...NAMES] },
  ]);
  await writeProject(join(root, PROJECT_FILE), { categories: Object.fromEntries(categories) });
  const studio = await openStudio(await openProject(root));
  const app = await createApp(studio, { localUser: 'constructor' });
  onTestFinished(() => app.close());
  const get = async (path: string) =>
    (await app.inject({ url: `${API}${path}`, headers: { host: 'localhost' } })).json();
  const project = await get('/project');
  expect(project.categories).toEqual(NAMES.map((name) => ({ name, images: 1, normals: 1, indexed: false })));
  expect(project.types.map(({ name }: { name: string }) => name)).toEqual(NAMES);
  expect(project.passedOver).toEqual([]);
  for (const category of NAMES)
    expect((await get(`/images?category=${category}`)).images).toMatchObject([
      { category, path: `${category}/test/__proto__.png` },
    ]);
  const { made } = await studio.prompts.generate({ offline: true });
  expect(made.length).toBe(NAMES.length ** 2);
  const kept = JSON.parse(await readFile(join(root, '.adclick', 'prompts.json'), 'utf8')).prompts;
  expect(Object.keys(kept).sort()).toEqual([...NAMES].sort());
  for (const type of NAMES) {
    await studio.prompts.edit(type, { add: [`odd ${type} on the part`] }, 'constructor');
    const [set] = await studio.prompts.list('constructor', type);
    expect(set?.phrases).toContain(`odd ${type} on the part`.toLowerCase());
  }
});

test('the one name that is lost as a key is refused with a code', async () => {
  const root = await temporaryFolder();
  for (const folder of ['good', 'test']) await mkdir(join(root, folder));
  await writeFlat(join(root, 'good', '0.png'), 100);
  await writeFlat(join(root, 'test', '0.png'), 110);
  const category = { good: ['good'], test: ['test'], defects: ['dent'] };
  const project = await writeProject(join(root, PROJECT_FILE), { categories: { part: category } });
  const studio = await openStudio(project);
  const app = await createApp(studio);
  onTestFinished(() => app.close());
  const add = await app.inject({
    method: 'POST',
    url: `${API}/types`,
    headers: { host: 'localhost' },
    payload: { name: '__proto__', colour: '#123456' },
  });
  expect([add.statusCode, add.json().error]).toMatchObject([422, { code: 'ADC_REQUEST', field: 'name' }]);
  const layers = [{ type: '__proto__', rle: { width: 24, height: 16, counts: [0, 384] } }];
  await expect(studio.archive.replace('test/0.png', layers, 'defect', 'x', 'ada')).rejects.toMatchObject({
    code: 'ADC_EXCHANGE_NAME',
  });
  expect((await studio.store.types.list()).map(({ name }) => name)).toEqual(['dent']);
  for (const parts of [
    ['__proto__', 'train', 'good'],
    ['part', 'test', '__proto__'],
  ]) {
    const folder = await temporaryFolder();
    for (const path of [['part', 'train', 'good'], ['part', 'test', 'dent'], parts]) {
      await mkdir(join(folder, ...path), { recursive: true });
      await writeFlat(join(folder, ...path, '0.png'), 100);
    }
    await expect(detectLayout(folder)).rejects.toMatchObject({ code: 'ADC_USAGE' });
  }
  expect(({} as Record<string, unknown>).good).toBeUndefined();
});

test('the protocol’s picks are those of its categories alone', () => {
  for (const name of [...NAMES, '__proto__']) expect(splitDefects(name, []).picks).toBe('shuffled');
});
