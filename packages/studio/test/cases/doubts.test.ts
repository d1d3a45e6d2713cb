/** Labels that one file spoils and another one has, numbers and names that stand for two things: left out, never guessed. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeIndexedPng, encodePng } from '@adclick/core/image';
import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { FORMATS } from '../../src/api.ts';
import { openFolder, openZip } from '../../src/exchange/source.ts';
import { exportLabels } from '../../src/exchange/transfer.ts';
import { openLabels } from '../../src/open-labels.ts';
import {
  bitmap,
  contentBelow,
  type Files,
  filesBelow,
  folder,
  importFiles,
  labelFiles,
  labelsOf,
  makeProject,
  putMask,
  SIZE,
} from './kit.ts';

const B0 = 'test/bad/b0.png';
const B1 = 'test/bad/b1.png';
const NOTHING = { [B0]: 'todo', [B1]: 'todo' };

const bytes = (content: unknown) =>
  new TextEncoder().encode(typeof content === 'string' ? content : JSON.stringify(content));
const filesOf = (content: Record<string, unknown>): Files =>
  new Map(Object.entries(content).map(([name, of]) => [name, of instanceof Uint8Array ? of : bytes(of)]));

const image = (id: number, file_name: string) => ({ id, file_name, ...SIZE });
const area = (image_id: number, category_id: unknown = 1) => ({ image_id, category_id, bbox: [4, 5, 6, 7] });
const coco = (images: unknown[], annotations: unknown[], categories: unknown[] = [{ id: 1, name: 'dent' }]) => ({
  images,
  annotations,
  categories,
});
const box = (label: string) => ({
  label,
  points: [
    [4, 5],
    [10, 12],
  ],
  shape_type: 'rectangle',
});
const labelme = (imagePath: string, ...shapes: unknown[]) => ({
  shapes,
  imagePath,
  imageWidth: SIZE.width,
  imageHeight: SIZE.height,
});

describe('an image that is there twice, once spoiled and once without a region, is not good', () => {
  test.each<[string, 'coco' | 'labelme' | 'cvat' | 'yolo', Record<string, unknown>]>([
    [
      'under one name',
      'coco',
      { 'a.json': coco([image(1, 'b0.png')], [area(1, 9)]), 'b.json': coco([image(1, 'b0.png')], []) },
    ],
    [
      'under two names',
      'coco',
      { 'a.json': coco([image(1, 'x/b0.png')], [area(1, 9)]), 'b.json': coco([image(1, 'y/b0.png')], []) },
    ],
    ['in two folders', 'labelme', { 'b0.json': labelme('b0.png', box('')), 'old/b0.json': labelme('b0.png') }],
    ['in a file that is broken', 'labelme', { 'b0.json': '{"shapes": [', 'old/b0.json': labelme('b0.png') }],
    [
      'with a shape without a label',
      'cvat',
      {
        'a.xml':
          '<annotations><image name="b0.png" width="32" height="24"><box label="" xtl="1" ytl="1" xbr="5" ybr="5"/></image></annotations>',
        'b.xml': '<annotations><image name="b0.png" width="32" height="24"></image></annotations>',
      },
    ],
    [
      'with a line that is none',
      'yolo',
      { 'classes.txt': 'dent\n', 'labels/train/b0.txt': '0 a b c d\n', 'labels/val/b0.txt': '' },
    ],
  ])('%s, %s', async (_, format, files) => {
    const root = await makeProject([B0, B1]);
    const { images, leftOut } = await importFiles(root, format, filesOf(files));
    expect([images, await labelsOf(root)]).toEqual([0, NOTHING]);
    expect(leftOut.length).toBeGreaterThan(1);
  });

  test('and what is good beside it still is', async () => {
    const root = await makeProject([B0, B1, 'test/other/b0.png']);
    const files = { 'a.json': coco([image(1, 'bad/b0.png'), image(2, 'other/b0.png')], [area(1, 9)]) };
    await importFiles(root, 'coco', filesOf(files));
    expect(await labelsOf(root)).toEqual({ ...NOTHING, 'test/other/b0.png': 'good' });
  });

  test('nor loses the mask that it has just got, where images without a region are passed over', async () => {
    const root = await makeProject([B0, B1]);
    await putMask(root, 'ground_truth/scratch/b0_mask.png', [1, 1, 4, 4]);
    const files = {
      'a.json': coco([image(1, 'b0.png')], [area(1)]),
      'b.json': coco([image(1, 'b0.png'), image(2, 'b1.png')], []),
    };
    await importFiles(root, 'coco', filesOf(files), { emptyIs: 'todo', removeMasks: true });
    expect(await labelsOf(root)).toEqual({ [B0]: 'dent 4,5 6x7 42', [B1]: 'todo' });
  });
});

describe('COCO', () => {
  test.each<[string, unknown, Record<string, string>]>([
    [
      'a number of two images',
      coco([image(1, 'b0.png'), image(1, 'b1.png')], [area(1)]),
      { [B0]: 'todo', [B1]: 'todo' },
    ],
    [
      'a number of two categories',
      coco(
        [image(1, 'b0.png'), image(2, 'b1.png')],
        [area(1), area(2, 2)],
        [
          { id: 1, name: 'dent' },
          { id: 1, name: 'scratch' },
          { id: 2, name: 'dent' },
        ],
      ),
      { [B0]: 'todo', [B1]: 'dent 4,5 6x7 42' },
    ],
    [
      'a category without a name',
      coco(
        [image(1, 'b0.png'), image(2, 'b1.png')],
        [area(1), area(2, 2)],
        [{ id: 1, name: '' }, { id: 2, name: 'dent' }, { id: 3 }],
      ),
      { [B0]: 'todo', [B1]: 'dent 4,5 6x7 42' },
    ],
  ])('%s refuses itself alone', async (_, content, want) => {
    const root = await makeProject([B0, B1]);
    const { leftOut } = await importFiles(root, 'coco', filesOf({ 'a.json': content }));
    expect(await labelsOf(root)).toEqual(want);
    expect(leftOut).not.toEqual([]);
  });

  test('an image that is listed twice is one', async () => {
    const root = await makeProject([B0, B1]);
    const content = coco([image(1, 'b0.png'), image(1, 'b0.png')], [area(1)]);
    expect((await importFiles(root, 'coco', filesOf({ 'a.json': content }))).leftOut).toEqual([]);
    expect(await labelsOf(root)).toEqual({ [B0]: 'dent 4,5 6x7 42', [B1]: 'todo' });
  });
});

test.each(['coco', 'cvat', 'labelme', 'datumaro', 'labelstudio', 'yolo', 'voc'] as const)(
  'a label of a picture that cannot be read is not put to another of its name: %s',
  async (format) => {
    const root = await makeProject([B0, 'test/other/b0.png']);
    await writeFile(join(root, B0), 'no picture');
    const files = await labelFiles(format, [{ name: 'bad/b0.png', regions: [{ type: 'dent' }] }]);
    const { images, leftOut } = await importFiles(root, format, files);
    const reason = expect.stringContaining('cannot be decoded');
    expect([images, leftOut]).toEqual([0, [{ path: expect.any(String), reason }]]);
    expect(await labelsOf(root)).toEqual({ 'test/other/b0.png': 'todo' });
  },
);

test('a label of Datumaro without a name refuses itself alone', async () => {
  const root = await makeProject([B0, B1]);
  const item = (id: string, label_id: number) => ({
    id,
    annotations: [{ type: 'bbox', label_id, bbox: [4, 5, 6, 7] }],
    image: { path: `${id}.png`, size: [SIZE.height, SIZE.width] },
  });
  const categories = { label: { labels: [{}, { name: 'dent' }] } };
  const content = { categories, items: [item('b0', 0), item('b1', 1)] };
  const { leftOut } = await importFiles(root, 'datumaro', filesOf({ 'annotations/a.json': content }));
  expect([await labelsOf(root), leftOut.length]).toEqual([{ [B0]: 'todo', [B1]: 'dent 4,5 6x7 42' }, 1]);
});

describe('NaN, as Python writes it', () => {
  const shape = '"label": "dent", "shape_type": "rectangle", "points"';
  const of = (name: string, points: string, more: string) =>
    `{"imagePath": "${name}.png", "imageWidth": 32, "imageHeight": 24, "shapes": [{${shape}: ${points}${more}}]}`;
  test.each(['NaN', 'Infinity', '-Infinity'])(
    '%s in a coordinate refuses that shape, elsewhere it is nothing',
    async (value) => {
      const root = await makeProject([B0, B1]);
      const files = filesOf({
        'b0.json': of('b0', `[[${value}, 5], [10, 12]]`, ''),
        'b1.json': of('b1', '[[4, 5], [10, 12]]', `, "score": ${value}, "description": "a \\"${value}\\" of 3"`),
      });
      const { leftOut } = await importFiles(root, 'labelme', files);
      expect(await labelsOf(root)).toEqual({ [B0]: 'todo', [B1]: 'dent 4,5 6x7 42' });
      expect(leftOut).toEqual([{ path: 'b0.png', type: 'dent', reason: expect.stringContaining('points[0][0]') }]);
    },
  );
});

describe('a mask that marks something without showing it', () => {
  const marks = bitmap([4, 5, 6, 7]);
  const dark = [0, 0, 0] as const;
  const alphaOnly = (colour: number) => {
    const data = new Uint8Array(marks.length * 4).fill(colour);
    marks.forEach((set, i) => {
      data[i * 4 + 3] = set * 255;
    });
    return encodePng({ data, ...SIZE, channels: 4 });
  };
  test.each<[string, () => Uint8Array | Promise<Uint8Array>]>([
    ['a palette that is all black', () => encodeIndexedPng(marks, SIZE.width, SIZE.height, [dark, dark])],
    ['black on nothing', () => alphaOnly(0)],
    [
      'two classes of one colour',
      () =>
        encodeIndexedPng(
          marks.map((set, i) => (set ? 2 : i < 9 ? 3 : 1)),
          SIZE.width,
          SIZE.height,
          [dark, dark, dark, dark],
        ),
    ],
  ])('%s: is left out, and its picture is not good', async (_, mask) => {
    for (const [format, name] of [
      ['voc', 'SegmentationClass/b0.png'],
      ['mvtec', 'ground_truth/dent/b0_mask.png'],
      ['mvtec', 'ground_truth/good/b0_mask.png'],
    ] as const) {
      const root = await makeProject([B0, B1]);
      const labels = 'background:0,0,0::\ndent:128,0,0::\n';
      const { leftOut } = await importFiles(root, format, filesOf({ 'labelmap.txt': labels, [name]: await mask() }));
      expect([name, await labelsOf(root), leftOut.length]).toEqual([name, NOTHING, 1]);
    }
  });

  test('white on nothing is a mask', async () => {
    const root = await makeProject([B0, B1]);
    const files = filesOf({ 'ground_truth/dent/b0_mask.png': await alphaOnly(255) });
    expect((await importFiles(root, 'mvtec', files)).leftOut).toEqual([]);
    expect((await labelsOf(root))[B0]).toBe('dent 4,5 6x7 42');
  });
});

describe('masks that are not read are named', () => {
  const white = () => encodePng({ data: bitmap([4, 5, 6, 7]).map((set) => set * 255), ...SIZE, channels: 1 });
  test.each<['mvtec' | 'voc', string]>([
    ['mvtec', 'ground_truth/dent/b1_mask.gif'],
    ['mvtec', 'ground_truth/dent/b1.npy'],
    ['mvtec', 'ground_truth/b1_mask.png'],
    ['mvtec', 'ground_truth/a/b/c/b1_mask.png'],
    ['voc', 'SegmentationClass/b1.gif'],
    ['voc', 'SegmentationClass/b1.npy'],
  ])('%s: %s', async (format, name) => {
    const root = await makeProject([B0, B1]);
    const files = await labelFiles(format, [{ name: 'b0.png', regions: [{ type: 'dent' }] }]);
    const { leftOut } = await importFiles(root, format, files.set(name, await white()));
    expect(leftOut).toMatchObject([{ path: name }]);
    expect(await labelsOf(root)).toEqual({ [B0]: 'dent 4,5 6x7 42', [B1]: 'todo' });
  });

  test('folders of MVTec AD may be in upper case', async () => {
    const root = await makeProject([B0, B1]);
    const files = filesOf({
      'Part/Ground_Truth/dent/b0_Mask.PNG': await white(),
      'Part/Test/Good/b1.png': await white(),
    });
    expect((await importFiles(root, 'mvtec', files)).leftOut).toEqual([]);
    expect(await labelsOf(root)).toEqual({ [B0]: 'dent 4,5 6x7 42', [B1]: 'good' });
  });

  test('annotations of Label Studio before 1.0', async () => {
    const root = await makeProject([B0, B1]);
    const files = filesOf({ 'a.json': [{ id: 1, data: { image: 'b0.png' }, completions: [{ result: [] }] }] });
    const { leftOut } = await importFiles(root, 'labelstudio', files);
    expect(leftOut).toEqual([{ path: 'b0.png', reason: expect.stringContaining('before 1.0') }]);
  });
});

describe('the digits that Label Studio puts before names', () => {
  test.each(['coco', 'yolo', 'voc', 'labelstudio'] as const)('fall away in %s', async (format) => {
    const root = await makeProject([B0, B1]);
    const files = await labelFiles(format, [{ name: '0a1b2c3d-b0.png', regions: [{ type: 'dent' }] }]);
    for (const name of files.keys()) if (name.startsWith('images/')) files.delete(name);
    expect((await importFiles(root, format, files)).leftOut).toEqual([]);
    expect(await labelsOf(root)).toEqual({ [B0]: 'dent 4,5 6x7 42', [B1]: 'todo' });
  });

  test('count where a picture has them itself', async () => {
    const own = 'test/bad/0a1b2c3d-b0.png';
    const root = await makeProject([B0, own]);
    await importFiles(root, 'coco', filesOf({ 'a.json': coco([image(1, 'images/0a1b2c3d-b0.png')], [area(1)]) }));
    expect(await labelsOf(root)).toEqual({ [B0]: 'todo', [own]: 'dent 4,5 6x7 42' });
  });
});

describe.each(FORMATS)('an export as %s', (format) => {
  test('is read from the archive of its folder as from the folder', async () => {
    const pictures = ['test/bad/b0.png', 'test/bad/b0.jpg', 'test/worse/b0.png'];
    const root = await makeProject(pictures);
    await putMask(root, 'ground_truth/bad/b0.png_mask.png', [1, 1, 4, 4]);
    await putMask(root, 'ground_truth/bad/b0.jpg_mask.png', [8, 8, 4, 4]);
    await putMask(root, 'ground_truth/worse/b0_mask.png', [3, 9, 4, 4]);
    const before = await labelsOf(root);
    expect(Object.values(before)).not.toContain('todo');
    const target = `${await folder()}/out`;
    const { store, close } = await openLabels(root, 'ada', format);
    await exportLabels(store, { format, target, pictureOf: ({ path }) => `${root}/${path}` }).finally(close);
    const entries = Object.entries(await contentBelow(target));
    const packed = entries.map(([name, content]) => [
      `parts/out/${name}`,
      new Uint8Array(Buffer.from(content, 'base64')),
    ]);
    for (const source of [await openFolder(target), openZip(zipSync(Object.fromEntries(packed)), 'x.zip')]) {
      const other = await makeProject(pictures);
      const { leftOut } = await importFiles(other, format, new Map(), { source });
      expect([leftOut, await labelsOf(other)]).toEqual([[], before]);
    }
  });
});

describe('masks in folders of a project that has a database', () => {
  async function project() {
    const root = await makeProject([B0, B1], { database: true });
    await putMask(root, 'ground_truth/bad/b0_mask.png', [1, 1, 4, 4]);
    return root;
  }

  test.each(FORMATS)('are no reason to call their picture good when %s lists it without a region', async (format) => {
    const root = await project();
    const files = await labelFiles(format, [
      { name: 'b0.png', regions: [] },
      { name: 'b1.png', regions: [] },
    ]);
    const { images, leftOut } = await importFiles(root, format, files);
    expect([images, await labelsOf(root)]).toEqual([1, { [B0]: 'todo', [B1]: 'good' }]);
    expect(leftOut).toEqual([{ path: B0, reason: expect.stringContaining('stays') }]);
    expect((await importFiles(root, format, files, { removeMasks: true })).leftOut).toEqual([]);
    expect(await labelsOf(root)).toEqual({ [B0]: 'good', [B1]: 'good' });
  });

  test('are counted by an export that passes them over, and can be taken over', async () => {
    const root = await project();
    const exported = async () => {
      const { store, close } = await openLabels(root, 'ada', 'coco');
      return exportLabels(store, { format: 'coco', target: `${await folder()}/out` }).finally(close);
    };
    expect(await exported()).toMatchObject({ images: 1, unlabelled: 2, maskFiles: 1, leftOut: [] });
    await importFiles(root, 'mvtec', new Map(), { source: await openFolder(root) });
    expect(await labelsOf(root)).toEqual({ [B0]: 'bad 1,1 4x4 16', [B1]: 'todo' });
    expect(await exported()).toMatchObject({ images: 2, unlabelled: 1, maskFiles: 0, leftOut: [] });
  });
});

describe('masks in folders', () => {
  test('that were known for none of their picture are kept when another takes their place', async () => {
    const root = await makeProject([B0, B1]);
    await putMask(root, 'ground_truth/good/b0_mask.png', [1, 1, 4, 4]);
    await importFiles(root, 'coco', filesOf({ 'a.json': coco([image(1, 'b0.png')], []) }));
    expect((await labelsOf(root))[B0]).toBe('good');
    expect(await filesBelow(`${root}/.adclick/replaced`)).toEqual([
      expect.stringMatching(/ground_truth\/good\/b0_mask.png$/),
    ]);
  });

  test('that could be of two pictures are no reason to call one of them good', async () => {
    const root = await makeProject([B0, 'test/bad/b0.jpg', B1]);
    await putMask(root, 'ground_truth/bad/b0_mask.png', [1, 1, 4, 4]);
    const files = { 'a.json': coco([image(1, 'b0.png'), image(2, 'b0.jpg'), image(3, 'b1.png')], []) };
    const { leftOut } = await importFiles(root, 'coco', filesOf(files));
    expect(leftOut.map(({ path }) => path)).toEqual([B0, 'test/bad/b0.jpg']);
    expect(await labelsOf(root)).toEqual({ [B0]: 'todo', 'test/bad/b0.jpg': 'todo', [B1]: 'good' });
  });

  test('of a type in two Unicode forms are one', async () => {
    const root = await makeProject([B0, B1]);
    const files = {
      'b0.json': labelme('b0.png', box('d\u00e9lle'), {
        ...box('de\u0301lle'),
        points: [
          [20, 5],
          [22, 7],
        ],
      }),
    };
    expect((await importFiles(root, 'labelme', filesOf(files))).leftOut).toEqual([]);
    expect((await labelsOf(root))[B0]).toBe('d\u00e9lle 4,5 18x7 46');
  });
});
