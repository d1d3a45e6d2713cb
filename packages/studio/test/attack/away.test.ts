/** A folder that cannot be read for a moment empties neither queue nor export; a picture that was removed is gone. */
import { existsSync } from 'node:fs';
import { chmod, lchown, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { PROJECT_FILE, writeProject } from '../../src/project/project.ts';
import type { Studio } from '../../src/studio.ts';
import { makeProject, openStudio, temporaryFolder, writeFlat } from '../sample.ts';

const NOBODY = 65_534;

const paths = async ({ store }: Studio) =>
  (await store.images.list({ order: 'name', offset: 0, limit: 100 })).images.map(({ path }) => path);

const THREE = ['test/dent/0.png', 'test/dent/1.png', 'test/dent/2.png'];

/** What became of an export. */
async function exported(studio: Studio) {
  const { id } = await studio.startJob({ kind: 'export', format: 'coco', folder: 'out' }, 'ada');
  const job = () => studio.jobs.list().find((one) => one.id === id);
  await vi.waitFor(() => expect(job()?.state).toMatch(/done|failed/), { timeout: 20_000 });
  return job();
}

/** Who may do everything can read every folder: the work is done as somebody who may not. */
async function asNobody<T>(root: string, work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  await chmod(root, 0o755);
  for (const entry of ['', ...(await readdir(root, { recursive: true }))])
    await lchown(join(root, entry), NOBODY, NOBODY);
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

test('a folder that is not there for a while: the list stays, is exported, and says so', async () => {
  const project = await makeProject();
  const { root } = project;
  const studio = await openStudio(project);
  await studio.labels.act(1, { base: 0, action: { kind: 'state', state: 'good' } }, 'ada');
  expect(await paths(studio)).toEqual(THREE);
  await rename(join(root, 'test'), join(root, 'elsewhere'));
  expect(await studio.catalogue.scan()).toMatchObject({ pictures: 3, added: 0, gone: 0, away: 3 });
  expect(await paths(studio)).toEqual(THREE);
  const said = ['3 files were passed over: 3 kept though they cannot be read now (test).'];
  expect((await studio.catalogue.info('ada')).passedOver).toEqual(said);
  // Pictures are part of an export: rather than one without them there is none, and it says why.
  expect(await exported(studio)).toMatchObject({
    state: 'failed',
    result: expect.stringContaining('ADC_FOLDER_MISSING'),
  });
  expect(existsSync(join(root, 'out'))).toBe(false);

  await rename(join(root, 'elsewhere'), join(root, 'test'));
  expect(await studio.catalogue.scan()).toMatchObject({ pictures: 3, added: 0, gone: 0, away: 0, passedOver: [] });
  expect(await exported(studio)).toMatchObject({ state: 'done', result: '3 images' });
});

test('a server that starts while the folder is away has the list too', async () => {
  const project = await makeProject();
  const first = await openStudio(project);
  await first.close();
  await rename(join(project.root, 'test'), join(project.root, 'elsewhere'));
  const studio = await openStudio(project);
  expect(await paths(studio)).toEqual(THREE);
});

test('a picture, and a folder inside, that were removed are gone', async () => {
  const project = await makeProject();
  await mkdir(join(project.root, 'test/scratch'), { recursive: true });
  await writeFlat(join(project.root, 'test/scratch/7.png'), 90);
  const studio = await openStudio(project);
  await rm(join(project.root, 'test/dent/1.png'));
  await rm(join(project.root, 'test/scratch'), { recursive: true });
  expect(await studio.catalogue.scan()).toMatchObject({ pictures: 2, gone: 2, away: 0 });
  expect(await paths(studio)).toEqual([THREE[0], THREE[2]]);
});

test.each([
  ['the whole folder', 'test'],
  ['one in it', 'test/dent'],
])('a folder that may not be read: %s', async (_, folder) => {
  const project = await makeProject();
  const studio = await openStudio(project);
  const place = join(project.root, folder);
  await asNobody(project.root, async () => {
    await chmod(place, 0);
    onTestFinished(() => chmod(place, 0o755).catch(() => undefined));
    expect(await studio.catalogue.scan()).toMatchObject({ pictures: 3, gone: 0, away: 3 });
    expect(studio.catalogue.passedOver()).toEqual([
      expect.stringContaining(`3 kept though they cannot be read now (${folder})`),
    ]);
    await chmod(place, 0o755);
    expect(await studio.catalogue.scan()).toMatchObject({ pictures: 3, gone: 0, away: 0 });
  });
  expect(await paths(studio)).toEqual(THREE);
});

test('a picture that was written anew and may not be read yet', async () => {
  const project = await makeProject();
  const studio = await openStudio(project);
  const picture = join(project.root, THREE[1]);
  await asNobody(project.root, async () => {
    await writeFlat(picture, 7, { width: 24, height: 16 });
    await chmod(picture, 0);
    expect(await studio.catalogue.scan()).toMatchObject({ pictures: 3, gone: 0, away: 1, unreadable: [] });
    await chmod(picture, 0o644);
    expect(await studio.catalogue.scan()).toMatchObject({ pictures: 3, gone: 0, away: 0, unreadable: [] });
  });
});

test('a link to a drive that is not there', async () => {
  const root = await temporaryFolder();
  await mkdir(join(root, 'train'));
  await writeFlat(join(root, 'train/0.png'), 100);
  await mkdir(join(root, 'drive/test'), { recursive: true });
  await writeFlat(join(root, 'drive/test/3.png'), 110);
  await mkdir(join(root, 'test'));
  await writeFlat(join(root, 'test/1.png'), 120);
  await symlink(join(root, 'drive/test'), join(root, 'test/line'));
  const project = await writeProject(join(root, PROJECT_FILE), {
    categories: { part: { good: ['train'], test: ['test'], defects: ['dent'] } },
  });
  const studio = await openStudio(project);
  expect(await paths(studio)).toEqual(['test/1.png', 'test/line/3.png']);
  await rename(join(root, 'drive'), join(root, 'gone'));
  expect(await studio.catalogue.scan()).toMatchObject({ pictures: 2, gone: 0, away: 1 });
  await rm(join(root, 'test/line'));
  expect(await studio.catalogue.scan()).toMatchObject({ pictures: 1, gone: 1, away: 0 });
});
