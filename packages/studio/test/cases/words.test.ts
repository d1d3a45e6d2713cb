/** What the product says when something goes wrong is true, and its advice helps. */
import { spawn } from 'node:child_process';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Detector, type View } from '@adclick/core';
import { encodeRle } from '@adclick/core/geometry';
import { loadClickWeights } from '@adclick/core/models';
import { tensor, writeSafetensors } from '@adclick/ortgrad';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Action } from '../../src/api.ts';
import { trainSegmentation } from '../../src/detectors/training.ts';
import { sightOfClicks, sightOfDetector } from '../../src/engine/proposals.ts';
import { categoriesOf } from '../../src/project/categories.ts';
import { listModels } from '../../src/project/model-files.ts';
import { openProject } from '../../src/project/project.ts';
import { reasonOf } from '../../src/queue/reasons.ts';
import { createApp } from '../../src/server/app.ts';
import { checkDatabase, openDatabase } from '../../src/store/connection.ts';
import { databasePath } from '../../src/store/database-path.ts';
import type { ImageRecord } from '../../src/store/images.ts';
import { Store } from '../../src/store/store.ts';
import { trainClick } from '../../src/workbench/click-training.ts';
import { NODE_ARGUMENTS } from '../command.ts';
import { makeProject, openStudio, temporaryFolder } from '../sample.ts';
import { type SmallDisk, smallDisk } from './disk.ts';

/** @param bytes of the disk. */
function disk(bytes: number): SmallDisk {
  const small = smallDisk(bytes) as SmallDisk;
  onTestFinished(() => small.close());
  return small;
}

const canMount = (() => {
  const probe = smallDisk(65_536);
  probe?.close();
  return probe !== undefined;
})();

/** Of click weights. */
const CARD = { name: 'odd', preset: 'small', residualDims: 272, trainedOn: 'nothing', steps: 1, seed: 1 };

const FOUND = { category: 'part', path: 'a.png', width: 400, height: 400, bytes: 1, modified: 1 };

describe('a database that cannot be written is not called damaged', () => {
  test.skipIf(!canMount)(
    'on a full disk, neither when it is opened nor when it is written, and goes on when there is room',
    async () => {
      const { folder, fill, free } = disk(2_000_000);
      const store = await Store.open(folder);
      onTestFinished(() => store.close());
      await store.images.update([FOUND], []);
      fill();
      const many = Array.from({ length: 4000 }, (_, n) => ({ ...FOUND, path: `${n}.png` }));
      // The transaction begins, meets the full disk, and SQLite has rolled it back by then: the first error is the one that is told.
      for (let attempt = 0; attempt < 2; attempt++)
        await expect(store.images.update(many, [])).rejects.toMatchObject({
          code: 'ADC_DISK',
          status: 507,
          message: expect.stringContaining('no space left'),
          next: expect.not.stringContaining('estore'),
        });
      const fresh = join(folder, 'other', '.adclick', 'project.db');
      await expect(openDatabase(fresh)).rejects.toMatchObject({ code: 'ADC_DISK' });
      free();
      expect((await store.images.known()).size).toBe(1);
      await store.types.ensure(['dent']);
      expect(checkDatabase(databasePath(folder))).toEqual([]);
    },
  );

  test('where a folder cannot be made, or the file is a folder', async () => {
    const root = await temporaryFolder();
    await writeFile(join(root, '.adclick'), '');
    await expect(Store.open(root)).rejects.toMatchObject({ code: 'ADC_DISK' });
    const other = await temporaryFolder();
    await mkdir(databasePath(other), { recursive: true });
    await expect(Store.open(other)).rejects.toMatchObject({
      code: 'ADC_DISK',
      message: expect.stringContaining('folder'),
    });
  });

  test('two processes that start at once both open it', async () => {
    for (let round = 0; round < 2; round++) {
      const root = await temporaryFolder();
      const at = Date.now() + 1500;
      const code = `
        const { Store } = await import(${JSON.stringify(new URL('../../src/store/store.ts', import.meta.url).href)});
        while (Date.now() < ${at}) {}
        const store = await Store.open(${JSON.stringify(root)});
        await store.types.declare(['dent', 'scratch']);
        console.log((await store.types.list()).length);
        await store.close();`;
      const run = () =>
        new Promise<string>((resolve) => {
          const child = spawn(process.execPath, [...NODE_ARGUMENTS, '--input-type=module', '-e', code]);
          let output = '';
          for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
          child.on('close', () => resolve(output.trim()));
        });
      expect(await Promise.all([run(), run(), run()])).toEqual(['2', '2', '2']);
    }
  });

  test('one that another program holds is in use, and one that is cut off is damaged', async () => {
    const { default: Database } = await import('libsql');
    const root = await temporaryFolder();
    const store = await Store.open(root);
    onTestFinished(() => store.close());
    const other = new Database(databasePath(root));
    onTestFinished(() => void other.close());
    other.exec('begin immediate');
    await expect(store.types.ensure(['dent'])).rejects.toMatchObject({ code: 'ADC_DATABASE_BUSY', status: 503 });
    other.exec('rollback');
    expect(await store.types.ensure(['dent'])).toHaveLength(1);

    const cut = join(await temporaryFolder(), 'cut.db');
    await writeFile(cut, Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(500, 1)]));
    await expect(openDatabase(cut)).rejects.toMatchObject({
      code: 'ADC_DATABASE',
      next: expect.stringContaining('Restore'),
    });
  });
});

describe('a renamed defect type stays renamed', () => {
  const names = async (project: Awaited<ReturnType<typeof makeProject>>) => {
    const studio = await openStudio(project);
    const found = (await studio.store.types.list()).map(({ id, name }) => `${id} ${name}`);
    await studio.close();
    return found;
  };

  test('after a restart, with names that change places and with one that is given anew', async () => {
    const project = await makeProject();
    const studio = await openStudio(project);
    const rename = (id: number, name: string) => studio.types.change(id, { name });
    await rename(1, 'aside');
    await rename(2, 'dent');
    await rename(1, 'Kratzer');
    await studio.close();
    expect(await names(project)).toEqual(['1 Kratzer', '2 dent']);
    const again = await openStudio(project);
    await again.types.add('scratch', '#e5484d');
    await again.close();
    expect(await names(project)).toEqual(['1 Kratzer', '2 dent', '3 scratch']);
  });

  test('for its prompts and for `adclick label`, and one out of use is not offered', async () => {
    const project = await makeProject();
    const studio = await openStudio(project);
    await studio.prompts.generate({ offline: true });
    await studio.types.change(1, { name: 'bump' });
    expect((await studio.prompts.list()).map(({ type, phrases }) => [type, phrases.length])).toEqual([
      ['bump', 40],
      ['scratch', 40],
    ]);
    await studio.types.change(2, { archived: true });
    await studio.close();
    const store = await Store.open(project.root);
    onTestFinished(() => store.close());
    expect(await store.types.inUse(['dent', 'scratch', 'new in the file'])).toEqual(['bump', 'new in the file']);
  });

  test('in a project whose database was made before names were taken over', async () => {
    const project = await makeProject();
    await (await openStudio(project)).close();
    const { default: Database } = await import('libsql');
    const file = new Database(databasePath(project.root));
    file.exec("drop table declared; delete from migrations where name = '004-declared'");
    file.close();
    const studio = await openStudio(project);
    await studio.types.change(1, { name: 'bump' });
    const [image] = (await studio.queue.page({ order: 'name', offset: 0, limit: 1 })).images;
    const { width, height } = image as { width: number; height: number };
    const { counts } = encodeRle(new Uint8Array(width * height).fill(1), width, height);
    const add = { width, height, counts: [...counts] };
    const paint: Action = { kind: 'paint', tool: 'brush', type: 1, add, remove: null };
    await studio.labels.act(image?.id, { base: 0, action: paint }, 'ada');
    await studio.close();
    expect(await names(project)).toEqual(['1 bump', '2 scratch']);
  });
});

describe('over HTTP', () => {
  const HOST = { host: 'localhost:4280' };
  const paintOne = { kind: 'state', state: 'good' } as const;

  async function open(users: boolean) {
    const project = await makeProject();
    const studio = await openStudio(project);
    const app = await createApp(studio, users ? { host: '0.0.0.0', users: true } : { localUser: 'ada' });
    onTestFinished(() => app.close());
    const act = (body: object, token?: string) =>
      app.inject({
        method: 'POST',
        url: '/api/v1/images/1/actions',
        headers: token === undefined ? HOST : { ...HOST, authorization: `Bearer ${token}` },
        payload: body,
      });
    return { project, studio, app, act };
  }

  test("a change is never taken for another's, nor for another project's", async () => {
    const { studio, act } = await open(true);
    const [ada, bob] = [await studio.store.users.add('ada'), await studio.store.users.add('bob')];
    const body = { base: 0, action: paintOne, author: 'ada', project: studio.store.id };
    const refused = await act(body, bob);
    expect(refused.statusCode).toBe(401);
    expect(refused.json().error).toMatchObject({
      code: 'ADC_LOGIN',
      message: 'This browser is logged in as bob, and the change is by ada',
      next: 'Log in with the token that you were given.',
    });
    expect((await act({ ...body, project: 'another' }, ada)).json().error).toMatchObject({ code: 'ADC_OTHER_PROJECT' });
    expect((await studio.labels.history(1)).events).toEqual([]);
    expect((await act(body, ada)).statusCode).toBe(200);
    expect((await studio.labels.history(1)).events).toMatchObject([{ author: 'ada' }]);
    await studio.store.users.remove('ada');
    expect((await act({ ...body, base: 1 }, ada)).statusCode).toBe(401);
  });

  test('the name of the labels stays when the folder moves, and is another for every project', async () => {
    const [first, second] = [await open(false), await open(false)];
    const idOf = async ({ app }: typeof first) =>
      (await app.inject({ url: '/api/v1/project', headers: HOST })).json().id as string;
    const id = await idOf(first);
    expect(id).not.toBe(await idOf(second));
    await first.studio.close();
    const moved = join(await temporaryFolder(), 'elsewhere');
    await rename(first.project.root, moved);
    const store = await Store.open(moved);
    onTestFinished(() => store.close());
    expect(store.id).toBe(id);
  });

  test('what goes wrong names no place of the server and no command line, also in what became of a job', async () => {
    const { project, studio, app } = await open(false);
    const images = ['/images/1/picture', '/images/1/nearest/0', '/images/1/residual', '/images/1/detection'];
    await rm(join(project.root, 'test/dent/0.png'));
    await rm(join(project.root, 'train'), { recursive: true });
    const answers = await Promise.all(images.map((url) => app.inject({ url: `/api/v1${url}`, headers: HOST })));
    await app.inject({ method: 'POST', url: '/api/v1/jobs', headers: HOST, payload: { kind: 'index' } });
    const jobs = () => studio.jobs.list();
    await vi.waitFor(() => expect(jobs().every(({ state }) => state === 'failed')).toBe(true), 20_000);
    const texts = [...answers.map(({ body }) => body), ...jobs().map(({ result }) => result ?? '')];
    expect(texts.length).toBeGreaterThan(images.length);
    for (const text of texts) {
      expect(text).toMatch(/ADC_[A-Z_]+/);
      expect(text).not.toMatch(/ADC_INTERNAL|`|adclick [a-z]|--[a-z]/);
      expect(text).not.toContain(project.root);
      expect(text).not.toContain(dirname(project.root));
    }
  });
});

describe('what a user wrote or kept is named, and never called unexpected', () => {
  const SETTINGS = 'categories: { part: { good: [train/good], defects: [dent] } }\n';

  test.each([
    [
      'an unknown backbone',
      'backbone: resnet50',
      'line 2, backbone: "resnet50" is not one of efficientnet-lite0, wide-resnet-50-2',
    ],
    [
      'a name that every object has',
      'backbone: constructor',
      'line 2, backbone: "constructor" is not one of efficientnet-lite0, wide-resnet-50-2',
    ],
    ['an unknown preset', 'preset: huge', 'line 2, preset: "huge" is not one of small, base, paper'],
    ['a half pixel', 'pixels: 500.5', 'line 2, pixels: 500.5 is neither auto nor a whole number from 128 to 4096'],
    ['an alias of nothing', 'pixels: *there', 'Unresolved alias'],
    ['a second document', '---\npixels: 512', 'line 2, YAML: a second document begins here'],
  ])('%s in adclick.yaml', async (_, line, said) => {
    const root = await temporaryFolder();
    await writeFile(join(root, 'adclick.yaml'), `${SETTINGS}${line}\n`);
    await expect(openProject(root)).rejects.toMatchObject({
      code: 'ADC_PROJECT',
      message: expect.stringContaining(said),
      next: expect.stringContaining('Correct that line'),
    });
  });

  test('a project of 0.1.0 opens, and a file that is a folder is not called missing', async () => {
    const root = await temporaryFolder();
    const rest = 'backbone: efficientnet-lite0\npreset: small\nweights: adclick-small\npixels: 512\n';
    await writeFile(join(root, 'adclick.yaml'), `${SETTINGS}${rest}thresholds: { mask: 0.49 }\n`);
    expect((await openProject(root)).settings).toMatchObject({ preset: 'small', pixels: 512 });
    const odd = await temporaryFolder();
    await mkdir(join(odd, 'adclick.yaml'));
    await expect(openProject(odd)).rejects.toMatchObject({
      code: 'ADC_PROJECT',
      message: expect.stringContaining('folder'),
    });
  });

  test('a category that is not there is no fault of the file', async () => {
    const project = await makeProject();
    expect(() => categoriesOf(project, 'nope')).toThrow(
      expect.objectContaining({
        code: 'ADC_PROJECT',
        message: expect.not.stringContaining('line'),
        next: 'Give one of these, or add the category to the file.',
      }),
    );
  });

  test.each([
    ['no JSON', '{', 'ADC_WEIGHTS_DAMAGED'],
    ['nothing', 'null', 'ADC_WEIGHTS_DAMAGED'],
    ['a number', '3', 'ADC_WEIGHTS_DAMAGED'],
    ['of another preset', JSON.stringify({ ...CARD, preset: 'giant' }), 'ADC_WEIGHTS_KIND'],
    ['of a preset that every object has', JSON.stringify({ ...CARD, preset: 'constructor' }), 'ADC_WEIGHTS_KIND'],
    ['with odds that are no numbers', JSON.stringify({ ...CARD, odds: 'x' }), 'ADC_WEIGHTS_DAMAGED'],
  ])('weights whose card is %s are refused, and the list of models shows the others', async (_, card, code) => {
    const root = await temporaryFolder();
    const path = join(root, '.adclick/models/odd/weights.safetensors');
    const one = new Map([['w', tensor(new Float32Array(1), [1])]]);
    await writeSafetensors(path, one, { kind: 'adclick-click-weights/1', card });
    await expect(loadClickWeights(path)).rejects.toMatchObject({ code });
    const names = (await listModels(root)).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['adclick-small', 'odd']));
  });

  test('a model whose file is cut off is listed as damaged', async () => {
    const root = await temporaryFolder();
    await mkdir(join(root, '.adclick/models/cut'), { recursive: true });
    await writeFile(join(root, '.adclick/models/cut/weights.safetensors'), 'cut');
    const found = (await listModels(root)).find(({ name }) => name === 'cut');
    expect(found).toMatchObject({ kind: 'damaged', bytes: 3 });
  });

  test('no detector at a path, and one that cannot be read, are two things', async () => {
    const root = await temporaryFolder();
    await expect(Detector.load(join(root, 'none.onnx'))).rejects.toMatchObject({ code: 'ADC_DETECTOR_MISSING' });
    await expect(Detector.load(root)).rejects.toMatchObject({
      code: 'ADC_DETECTOR_DAMAGED',
      message: expect.stringContaining('folder'),
    });
  });

  test('`preset` is what training from nothing makes, unless the command says another', async () => {
    const project = await makeProject();
    await writeFile(join(project.root, 'adclick.yaml'), `${SETTINGS}preset: base\n`);
    for (const name of ['click-base-1', 'click-paper-1']) {
      await mkdir(join(project.root, '.adclick/models', name), { recursive: true });
      await writeFile(join(project.root, '.adclick/models', name, 'weights.safetensors'), '');
    }
    // The name says the size, and both are taken.
    await expect(trainClick(project.root, {})).rejects.toThrow('a model named click-base-1');
    await expect(trainClick(project.root, { preset: 'paper' })).rejects.toThrow('a model named click-paper-1');
  });

  test('a width is refused where no published network is made anew', async () => {
    const project = await makeProject();
    const usage = (what: string) => ({ code: 'ADC_USAGE', message: expect.stringContaining(what) });
    const width = 64;
    await expect(trainClick(project.root, { width })).rejects.toMatchObject(usage('--preset paper'));
    const from = 'adclick-small';
    await expect(trainClick(project.root, { preset: 'paper', width, from })).rejects.toMatchObject(usage('--from'));
    const labels = () => Promise.reject(new Error('not asked'));
    await expect(trainSegmentation(project.root, labels, { width })).rejects.toMatchObject(usage('--preset paper'));
  });

  test('`adclick train click` does not leave out a folder that is not there', async () => {
    const root = await temporaryFolder();
    await expect(trainClick(root, { folder: [join(root, 'nope')], steps: 1 })).rejects.toMatchObject({
      code: 'ADC_FOLDER_MISSING',
    });
  });
});

describe('what the list says of an image', () => {
  const said = (score: number, scale: 'detector' | 'residual' = 'detector') =>
    reasonOf({ score, scale, uncertainty: 0, diversity: 0 } as ImageRecord, 'residual');
  /** Score of a picture for a detector whose threshold is one half. @param share of the threshold's odds. */
  const scoreAt = (share: number) => 2 + Math.log(share);

  test.each([
    [0.2, 'the detector sees no defect'],
    [0.6, 'the detector sees no defect'],
    [0.99, 'the detector sees no defect'],
    [1, 'the detector sees no defect'],
    [1.01, 'the detector sees a defect'],
    [8, 'the detector is sure of a defect'],
  ])('at %d of the threshold: %s', (share, words) => {
    expect(said(scoreAt(share))).toBe(words);
  });

  test.each([
    [0, 'about as good pictures are'],
    [0.72, 'about as good pictures are'],
    [1.06, 'above good pictures'],
    [1.3, 'above good pictures'],
    [1.5, 'far above good pictures'],
  ])('a residual of norm %d is %s', async (norm, words) => {
    const plane = { data: new Float32Array(64), width: 8, height: 8, channels: 1 as const };
    const view = { predict: async () => plane } as unknown as View;
    const { score, scale } = await sightOfClicks(view, { ...plane, data: plane.data.map(() => norm) }, 0.49);
    expect(said(score, scale)).toMatch(new RegExp(`^residual -?[0-9.]+, ${words}$`));
  });

  test('agrees with what the detector decides, by score or by region', () => {
    const [width, height] = [32, 32];
    const card = (decision: 'score' | 'region') => ({
      thresholds: { score: 0.5, map: 0.5, minArea: 16, decision, falseAlarmRate: 0.05, heldOut: 30 },
      input: { width, height },
    });
    const map = (side: number, value: number) => {
      const data = new Float32Array(width * height).fill(0.1);
      for (let y = 0; y < side; y++) data.fill(value, y * width, y * width + side);
      return { data, width, height, channels: 1 as const };
    };
    for (const [decision, score, plane, isDefect] of [
      ['score', 0.6, map(0, 0), true],
      ['score', 0.4, map(8, 0.9), false],
      ['region', 0.9, map(0, 0), false],
      ['region', 0.9, map(3, 0.9), false],
      ['region', 0.4, map(8, 0.6), true],
    ] as const) {
      const sight = sightOfDetector(card(decision), { score, map: plane });
      expect([decision, score, said(sight.score).startsWith('the detector sees a defect') || sight.score > 4]).toEqual([
        decision,
        score,
        isDefect,
      ]);
    }
  });
});
