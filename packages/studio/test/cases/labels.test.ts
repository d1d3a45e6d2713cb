/** Labels in and out are never silently wrong, whatever tool wrote them: read, or left out with the reason. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { FORMATS, type Format } from '../../src/api.ts';
import { openSource } from '../../src/exchange/source.ts';
import { type ExportRequest, exportLabels, importLabels } from '../../src/exchange/transfer.ts';
import type { ExchangeReport } from '../../src/exchange/types.ts';
import { openLabels } from '../../src/open-labels.ts';
import { adclick } from '../command.ts';
import {
  contentBelow,
  FLAWS,
  type Flaw,
  filesBelow,
  folder,
  importFiles,
  labelFiles,
  labelsOf,
  type Marked,
  makeProject,
  openStudio,
  putFiles,
  putMask,
  putPicture,
  SIZE,
} from './kit.ts';

const [B0, B1, B2] = ['test/bad/b0.png', 'test/bad/b1.png', 'test/bad/b2.png'] as const;
const SOUND = 'scratch 10,8 5x6 30';
const sound = (name: string): Marked => ({ name, regions: [{ type: 'scratch', area: [10, 8, 5, 6] }] });

async function exported(root: string, format: Format, more: Partial<ExportRequest> = {}) {
  const target = join(await folder(), 'out');
  const { store, close } = await openLabels(root, 'ada', format);
  const pictureOf = ({ path }: { path: string }) => join(root, path);
  const report = await exportLabels(store, { format, target, pictureOf, ...more }).finally(close);
  return { report, target };
}

const names = ({ leftOut }: Pick<ExchangeReport, 'leftOut'>) => leftOut.map(({ path }) => path).sort();

describe.each(FORMATS)('%s', (format) => {
  describe.each(FLAWS[format])('an annotation that is %s', (flaw: Flaw) => {
    test('is left out, and its picture is not good', async () => {
      const root = await makeProject([B0, B1]);
      const files = await labelFiles(format, [{ name: 'b0.png', regions: [{ type: 'dent', flaw }] }, sound('b1.png')]);
      const report = await importFiles(root, format, files);
      expect(report).toMatchObject({ images: 1, defects: 1, replaced: [] });
      expect(report.leftOut).toEqual([expect.objectContaining({ path: expect.stringContaining('b0') })]);
      expect(report.leftOut[0]?.reason).toMatch(/\w{3}/);
      expect(await labelsOf(root)).toEqual({ [B0]: 'todo', [B1]: SOUND });
      expect(existsSync(join(root, 'ground_truth/good'))).toBe(false);
    });

    test('leaves the mask that is there', async () => {
      const root = await makeProject([B0, B1]);
      await putMask(root, 'ground_truth/dent/b0_mask.png', [2, 3, 4, 4]);
      const before = await contentBelow(join(root, 'ground_truth'));
      const files = await labelFiles(format, [{ name: 'b0.png', regions: [{ type: 'dent', flaw }] }, sound('b1.png')]);
      const { leftOut } = await importFiles(root, format, files);
      expect(leftOut).toHaveLength(1);
      expect(await contentBelow(join(root, 'ground_truth'))).toMatchObject(before);
      expect(await labelsOf(root)).toMatchObject({ [B0]: 'dent 2,3 4x4 16' });
    });
  });

  // In the folders of MVTec AD masks of two types are of two pictures, unless records say otherwise.
  test.skipIf(format === 'mvtec').each([false, true])(
    'what is sound of a picture is taken, other types stay; database: %s',
    async (database) => {
      const root = await makeProject([B0], { database });
      await importFiles(
        root,
        'coco',
        await labelFiles('coco', [
          {
            name: B0,
            regions: [
              { type: 'dent', area: [2, 3, 4, 4] },
              { type: 'scratch', area: [20, 3, 4, 4] },
            ],
          },
        ]),
      );
      const regions = [
        { type: 'dent', flaw: 'empty' as const },
        { type: 'scratch', area: [10, 8, 5, 6] as const },
      ];
      const report = await importFiles(root, format, await labelFiles(format, [{ name: 'b0.png', regions }]));
      expect(report).toMatchObject({ images: 1, defects: 1, replaced: [{ path: B0 }] });
      expect(report.leftOut).toMatchObject([{ type: 'dent' }]);
      expect(await labelsOf(root)).toEqual({ [B0]: `dent 2,3 4x4 16; ${SOUND}` });
    },
  );

  test.each(['', '{"images": [', 'no labels at all'])('a broken file (%j) refuses itself alone', async (junk) => {
    const root = await makeProject([B0, B1]);
    const files = await labelFiles(format, [sound('b0.png'), sound('b1.png')]);
    const own = [...files.keys()].find(
      (name) => /b0(_mask)?\.(png|json|txt)$/.test(name) && !/^(test|images)\//.test(name),
    );
    const ending = format === 'cvat' ? '.xml' : '.json';
    const broken = own ?? `zz-broken${ending}`;
    // A text without a line is a picture without a defect in this format.
    const content = format === 'yolo' && junk === '' ? 'x' : junk;
    files.set(broken, new TextEncoder().encode(content));
    const report = await importFiles(root, format, files);
    expect(report.images).toBe(own ? 1 : 2);
    expect(report.leftOut).toHaveLength(1);
    expect(await labelsOf(root)).toEqual({ [B0]: own ? 'todo' : SOUND, [B1]: SOUND });
  });

  test('a picture that the files list without a region keeps its mask, unless it is to go', async () => {
    for (const database of [false, true]) {
      const root = await makeProject([B0, B1], { database });
      await importFiles(root, 'coco', await labelFiles('coco', [sound(B0)]));
      const before = await contentBelow(join(root, 'ground_truth'));
      const files = await labelFiles(format, [{ name: 'b0.png', regions: [] }, sound('b1.png')]);
      const report = await importFiles(root, format, files);
      expect(report).toMatchObject({ images: 1, replaced: [], leftOut: [{ path: B0 }] });
      expect(await contentBelow(join(root, 'ground_truth'))).toMatchObject(before);
      const again = await importFiles(root, format, files, { removeMasks: true });
      expect(again).toMatchObject({ images: 2, defects: 1, leftOut: [], replaced: [{ path: B0 }] });
      expect(await labelsOf(root)).toEqual({ [B0]: 'good', [B1]: SOUND });
    }
  });

  test('pictures of one name with two endings never get each other’s labels', async () => {
    const own = { 'test/bad/part7.png': 'scratch 2,3 4x5 20', 'test/bad/part7.jpg': 'scratch 20,3 4x5 20' };
    const marked: Marked[] = [
      { name: 'part7.png', regions: [{ type: 'scratch', area: [2, 3, 4, 5] }] },
      { name: 'part7.jpg', regions: [{ type: 'scratch', area: [20, 3, 4, 5] }] },
    ];
    for (const images of [marked, marked.toReversed(), marked.slice(1)]) {
      const root = await makeProject([B0, ...Object.keys(own)]);
      const report = await importFiles(root, format, await labelFiles(format, [...images, sound('b0.png')]));
      const labels = await labelsOf(root);
      expect(labels[B0]).toBe(SOUND);
      for (const [path, right] of Object.entries(own)) {
        if (labels[path] === right) continue;
        expect(labels[path]).toBe('todo');
        const isIn = images.some(({ name }) => path.endsWith(name));
        expect(!isIn || names(report).some((name) => name.includes('part7')), path).toBe(true);
      }
    }
  });

  test('pictures of one name with two endings go out and come in again', async () => {
    const pictures = ['test/bad/part7.png', 'test/bad/part7.jpg', 'test/worse/part7.png', B0];
    const root = await makeProject(pictures);
    const areas = pictures.map((name, i) => ({
      name,
      regions: [{ type: 'scratch', area: [2 + 3 * i, 3, 2, 5] as const }],
    }));
    await importFiles(root, 'coco', await labelFiles('coco', areas));
    const labels = await labelsOf(root);
    expect(Object.values(labels)).not.toContain('todo');
    const { report, target } = await exported(root, format);
    expect(report.changed).toEqual([]);
    // What cannot be told apart is named; nothing else is left behind.
    expect(names(report).every((name) => name.includes('part7'))).toBe(true);
    expect(report.images + report.leftOut.length).toBe(5);
    const other = await makeProject(pictures);
    const { store, close } = await openLabels(other, 'ada', format);
    await importLabels(store, { format, source: await openSource(target) }).finally(close);
    const again = await labelsOf(other);
    for (const path of pictures) expect([labels[path], 'todo']).toContain(again[path]);
    expect(Object.values(again).filter((label) => label !== 'todo')).toHaveLength(report.images - 1);
  });

  test('names and types that no file can have stop nobody', async () => {
    const odd = ['test/bad/a\nb.png', 'test/bad/tab\there.png', 'test/bad/con.png'];
    const root = await makeProject([B0, ...odd]);
    for (const type of ['scratch', 'line\nbreak'])
      for (const stem of ['b0', 'a\nb', 'tab\there', 'con'])
        await putMask(root, `ground_truth/${type}/${stem}_mask.png`, [10, 8, 5, 6]);
    const { report, target } = await exported(root, format);
    expect(report.changed).toEqual([]);
    expect(names(report)).toEqual(
      expect.arrayContaining(['test/bad/a\nb.png', 'test/bad/tab\there.png', B0, 'test/bad/con.png']),
    );
    expect(report.leftOut.find(({ path }) => path === B0)).toMatchObject({ type: 'line\nbreak' });
    const other = await makeProject([B0]);
    const { store, close } = await openLabels(other, 'ada', format);
    await importLabels(store, { format, source: await openSource(target) }).finally(close);
    expect(await labelsOf(other)).toEqual({ [B0]: SOUND });
  });

  describe.each([true, false])('labels whose picture is lost; database: %s', (database) => {
    let root = '';
    beforeEach(async () => {
      root = await makeProject([B0, B1, B2], { database });
      await importFiles(root, 'coco', await labelFiles('coco', [B0, B1, B2].map(sound)));
    });

    test.each<[what: string, change: () => Promise<unknown>, reason: RegExp, here: boolean]>([
      ['gone', () => rm(join(root, B0)), /picture/, false],
      ['renamed', () => rename(join(root, B0), join(root, 'test/bad/new-name.png')), /picture/, false],
      ['of another size', () => putPicture(root, B0, { width: 16, height: 12 }), /16 x 12/, true],
      ['no picture any more', () => writeFile(join(root, B0), 'nothing'), /read|decoded/, true],
    ])('an export names one that is %s', async (_, change, reason, here) => {
      await change();
      const { report } = await exported(root, format);
      expect(report).toMatchObject({ images: 3, changed: [] });
      expect(report.leftOut).toHaveLength(1);
      expect(report.leftOut[0]?.path).toContain(database || here ? B0 : 'b0_mask.png');
      expect(report.leftOut[0]?.reason).toMatch(reason);
    });
  });
});

describe('names that tools on other computers write', () => {
  test.each(['D:\\parts\\bad\\b0.png', '/home/ann/bad/b0.png', '..\\bad\\b0.png', 'B0.PNG', 'images/b0.bmp'])(
    '%s is looked for by its name',
    async (name) => {
      for (const format of ['coco', 'datumaro', 'voc', 'cvat', 'labelme'] as const) {
        const root = await makeProject([B0, B1]);
        const report = await importFiles(root, format, await labelFiles(format, [sound(name)]));
        expect([format, report.images, report.leftOut]).toEqual([format, 1, []]);
        expect(await labelsOf(root)).toEqual({ [B0]: SOUND, [B1]: 'todo' });
      }
    },
  );
});

describe('a project with a database', () => {
  let root = '';
  beforeEach(async () => {
    root = await makeProject([B0, B1], { database: true });
    await importFiles(root, 'coco', await labelFiles('coco', [B0, B1].map(sound)));
  });

  test('knows where a picture has gone that was moved', async () => {
    await mkdir(join(root, 'test/other'));
    await rename(join(root, B0), join(root, 'test/other/b0.png'));
    const { report } = await exported(root, 'coco');
    expect(report.leftOut).toMatchObject([{ path: B0, reason: expect.stringContaining('test/other/b0.png') }]);
    await rename(join(root, 'test/other/b0.png'), join(root, B0));
    expect((await exported(root, 'coco')).report).toMatchObject({ leftOut: [], images: 3 });
  });

  test('knows a picture of the same name and size that is another one', async () => {
    await putPicture(root, B0);
    const { report } = await exported(root, 'coco');
    expect(report).toMatchObject({ images: 2, leftOut: [{ path: B0, reason: expect.stringContaining('another') }] });
    const all = await exported(root, 'coco', { changed: true });
    expect(all.report).toMatchObject({ images: 3, leftOut: [] });
    // Who labels it again has seen it as it is.
    const studio = await openStudio(root);
    const image = await studio.store.images.findByPath(B0);
    const state = { kind: 'state', state: 'defect' } as const;
    await studio.labels.act(image?.id ?? 0, { base: 1, action: state }, 'ada');
    await studio.close();
    expect((await exported(root, 'coco')).report).toMatchObject({ images: 3, leftOut: [] });
  });

  test('does not mind a copy with another time, nor one that was written again', async () => {
    const bytes = await readFile(join(root, B0));
    await rm(join(root, B0));
    await writeFile(join(root, B0), bytes);
    expect((await exported(root, 'coco')).report).toMatchObject({ images: 3, leftOut: [] });
  });

  test('takes an import back by undo', async () => {
    const other: Marked = { name: 'b0.png', regions: [{ type: 'dent', area: [2, 3, 4, 4] }] };
    const report = await importFiles(root, 'labelme', await labelFiles('labelme', [other]));
    expect(report).toMatchObject({ images: 1, replaced: [{ path: B0 }], leftOut: [] });
    expect(await labelsOf(root)).toMatchObject({ [B0]: 'dent 2,3 4x4 16' });
    const studio = await openStudio(root);
    const image = await studio.store.images.findByPath(B0);
    await studio.labels.act(image?.id ?? 0, { base: 2, action: { kind: 'undo' } }, 'ada');
    await studio.close();
    expect(await labelsOf(root)).toMatchObject({ [B0]: SOUND });
  });

  test('does not put labels to a picture that was replaced by one of another size', async () => {
    await putPicture(root, B0, { width: 16, height: 12 });
    const files = await labelFiles('coco', [{ ...sound('b0.png'), width: 16, height: 12 }, sound('b1.png')]);
    const report = await importFiles(root, 'coco', files);
    expect(report).toMatchObject({ images: 1, leftOut: [{ path: B0, reason: expect.stringContaining('32 x 24') }] });
  });
});

describe('masks in folders', () => {
  const MASK = 'ground_truth/scratch/b0_mask.png';

  test('that an import replaces are kept', async () => {
    const root = await makeProject([B0]);
    await putMask(root, MASK, [2, 3, 4, 4]);
    const before = await readFile(join(root, MASK));
    const report = await importFiles(root, 'cvat', await labelFiles('cvat', [sound('b0.png')]));
    expect(report.replaced).toEqual([{ path: B0, kept: expect.stringMatching(/^\.adclick\/replaced\/[^/]+$/) }]);
    expect(await readFile(join(root, report.replaced[0]?.kept ?? '', MASK))).toEqual(before);
    expect(await labelsOf(root)).toEqual({ [B0]: SOUND });
  });

  test('that hold the same already are not touched', async () => {
    const root = await makeProject([B0]);
    await putMask(root, MASK, [10, 8, 5, 6]);
    const before = await contentBelow(root);
    expect(await importFiles(root, 'cvat', await labelFiles('cvat', [sound('b0.png')]))).toMatchObject({
      images: 1,
      replaced: [],
    });
    expect(await contentBelow(root)).toEqual(before);
  });

  test('are removed only when the new ones are there', async () => {
    const root = await makeProject([B0]);
    await putMask(root, MASK, [2, 3, 4, 4]);
    // No folder can be made where a file is.
    await writeFile(join(root, 'ground_truth/dent'), '');
    const other: Marked = { name: 'b0.png', regions: [{ type: 'dent', area: [10, 8, 5, 6] }] };
    await expect(importFiles(root, 'coco', await labelFiles('coco', [other]))).rejects.toMatchObject({
      code: 'ADC_DISK',
    });
    expect(await labelsOf(root)).toEqual({ [B0]: 'scratch 2,3 4x4 16' });
  });

  test.each(['a/b', 'good', 'x\ny', 'nul'])('cannot be of the type %j: it alone is left out', async (type) => {
    const root = await makeProject([B0]);
    const regions = [
      { type, area: [2, 3, 4, 4] as const },
      { type: 'scratch', area: [10, 8, 5, 6] as const },
    ];
    const report = await importFiles(root, 'coco', await labelFiles('coco', [{ name: 'b0.png', regions }]));
    expect(report).toMatchObject({ images: 1, leftOut: [{ path: B0, type }] });
    expect(await labelsOf(root)).toEqual({ [B0]: SOUND });
  });

  test.each<[what: string, path: string, reason: RegExp]>([
    ['could be of two pictures', 'ground_truth/scratch/part7_mask.png', /part7\.jpg/],
    ['could only be of a good picture', 'ground_truth/dent/g0_mask.png', /good/],
    ['are of no picture', 'ground_truth/dent/b99_mask.png', /no picture/],
    ['lie in the folder of good ones and mark something', 'ground_truth/good/b0_mask.png', /good/],
  ])('that %s are named by an export', async (_, path, reason) => {
    const root = await makeProject([B0, B1, 'test/bad/part7.png', 'test/bad/part7.jpg']);
    await putMask(root, 'ground_truth/scratch/b1_mask.png', [10, 8, 5, 6]);
    await putMask(root, path, [2, 3, 4, 4]);
    const { report } = await exported(root, 'coco');
    expect(report.leftOut).toEqual([expect.objectContaining({ reason: expect.stringMatching(reason) })]);
    expect(report.images).toBe(2);
  });

  test.each<[what: string, spoil: (root: string) => Promise<unknown>]>([
    ['broken', async (root) => writeFile(join(root, MASK), (await readFile(join(root, MASK))).subarray(0, 40))],
    ['empty', (root) => putMask(root, MASK)],
    ['of another size', (root) => putPicture(root, MASK, { width: 16, height: 12 })],
  ])('that are %s stop no export', async (_, spoil) => {
    const root = await makeProject([B0, B1]);
    await putMask(root, MASK, [2, 3, 4, 4]);
    await putMask(root, 'ground_truth/scratch/b1_mask.png', [10, 8, 5, 6]);
    await spoil(root);
    const { report } = await exported(root, 'coco');
    expect(report).toMatchObject({ images: 2, leftOut: [{ path: B0, type: 'scratch' }] });
  });

  test('of one picture may be several files, as in MVTec LOCO AD', async () => {
    const root = await makeProject([B0, B1]);
    await putMask(root, 'ground_truth/bad/b0/000.png', [2, 3, 4, 4]);
    await putMask(root, 'ground_truth/bad/b0/001.png', [8, 3, 4, 4]);
    expect(await labelsOf(root)).toEqual({ [B0]: 'bad 2,3 10x4 32', [B1]: 'todo' });
    const other = await makeProject([B0, B1]);
    const files = new Map(
      Object.entries(await contentBelow(root)).map(([name, text]) => [
        name,
        new Uint8Array(Buffer.from(text, 'base64')),
      ]),
    );
    files.delete(B1);
    expect(await importFiles(other, 'mvtec', files)).toMatchObject({ defects: 1, leftOut: [] });
    expect(await labelsOf(other)).toEqual({ [B0]: 'bad 2,3 10x4 32', [B1]: 'todo' });
  });
});

describe('the command line', () => {
  test('says what was left out and what was replaced, and ends with 1', async () => {
    const root = await makeProject([B0, B1]);
    await putMask(root, 'ground_truth/scratch/b1_mask.png', [2, 3, 4, 4]);
    const from = await folder();
    await putFiles(
      from,
      await labelFiles('labelme', [{ name: 'b0.png', regions: [{ type: 'dent', flaw: 'outside' }] }, sound('b1.png')]),
    );
    const ended = await adclick(['import', root, '--format', 'labelme', '--from', from]);
    expect(ended.code).toBe(1);
    expect(ended.stdout).toMatch(/Left out: 1\n {2}\S*b0.png, dent: /);
    const [, kept = ''] = /from before are in (\S+),/.exec(ended.stdout) ?? [];
    expect(await filesBelow(join(root, kept))).toEqual(['ground_truth/scratch/b1_mask.png']);
    const none = await folder();
    await putFiles(none, await labelFiles('coco', [{ name: 'b1.png', regions: [] }]));
    expect(await adclick(['import', root, '--format', 'coco', '--from', none])).toMatchObject({ code: 1 });
    expect(await labelsOf(root)).toEqual({ [B0]: 'todo', [B1]: SOUND });
    const removed = await adclick(['import', root, '--format', 'coco', '--from', none, '--remove-masks']);
    expect(removed).toMatchObject({ code: 0, stdout: expect.stringContaining('Other masks') });
    expect(await labelsOf(root)).toEqual({ [B0]: 'todo', [B1]: 'good' });
  });

  test('names labels whose picture is gone, and trains on none of them in silence', async () => {
    const root = await makeProject([B0, B1], { database: true });
    await importFiles(root, 'coco', await labelFiles('coco', [B0, B1].map(sound)));
    await rm(join(root, B0));
    await putPicture(root, B1);
    const out = join(await folder(), 'out');
    const ended = await adclick(['export', root, '--format', 'voc', '--to', out, '--json']);
    expect(ended.code).toBe(1);
    expect(names(JSON.parse(ended.stdout))).toEqual([B0, B1]);
    const changed = await adclick(['export', root, '--format', 'voc', '--to', out, '--force', '--changed', '--json']);
    expect(names(JSON.parse(changed.stdout))).toEqual([B0]);
    const trained = await adclick(['train', 'seg', root]);
    expect(trained.stderr).toMatch(/ADC_LABELS.*b0\.png.*gone/s);
    expect(SIZE).toEqual({ width: 32, height: 24 });
  });
});
