/** What released versions of Ultralytics and other tools of YOLO files write, each feature in a small file as that tool writes it, and the very masks it means. */
import { describe, expect, test } from 'vitest';
import type { Area } from './kit.ts';
import { cornersOf, H, imported, picture, reasons, W } from './tools.ts';

describe('Ultralytics and other YOLO', () => {
  const share = ([x, y]: readonly number[]) => `${(x ?? 0) / W} ${(y ?? 0) / H}`;
  const polygon = (area: Area, index: number | string = 0) => `${index} ${cornersOf(area).map(share).join(' ')}`;
  const box = ([x, y, w, h]: Area, index: number | string = 0) =>
    `${index} ${share([x + w / 2, y + h / 2])} ${share([w, h])}`;
  const AREA: Area = [4, 5, 6, 7];
  const SAID = { marked: { 'b0.png': 'dent 4,5 6x7 42' }, leftOut: [] };
  const yaml = 'path: .\ntrain: images/train\nval: images/val\nnames:\n  0: dent\n  1: scratch\n';

  test.each([
    ['polygon', polygon(AREA)],
    ['box', box(AREA)],
    ['oriented box of four corners', polygon(AREA)],
    ['class as a float', polygon(AREA, '0.0')],
    ['blank lines, Windows line ends, a byte order mark', `\ufeff\r\n${polygon(AREA)}\r\n\r\n`],
    ['predicted box with its confidence', `${box(AREA)} 0.87`],
    ['predicted polygon with its confidence', `${polygon(AREA)} 0.912345`],
    ['tracked box', `${box(AREA)} 0.87 12`],
    ['tracked box without its confidence', `${box(AREA)} 12`],
    ['tracked polygon', `${polygon(AREA)} 0.87 3`],
    ['first track of a film whose other lines tell', `${box(AREA)} 0.87 1\n${box(AREA)} 0.5 2`],
    ['a film of one track', `${box(AREA)} 0.87 1\n${box(AREA)} 0.5 1`],
    ['box and key points with visibility 2', `${box(AREA)} ${share([6, 7])} 2 ${share([8, 9])} 2`],
    ['box and key points with visibility 0 and 1', `${box(AREA)} ${share([6, 7])} 1 0 0 0`],
    ['box and one key point with visibility 2', `${box(AREA)} ${share([6, 7])} 2`],
    ['box and three key points of a prediction', `${box(AREA)} ${share([6, 7])} 2 0 0 0 ${share([8, 9])} 1`],
  ])('a line: %s', async (_, lines) => {
    const files = { 'data.yaml': yaml, 'labels/train/b0.txt': lines, 'images/train/b0.png': await picture() };
    expect(await imported('yolo', files)).toEqual(SAID);
  });

  test.each([
    ['three numbers a point', 'kpt_shape: [2, 3]', `${share([6, 7])} 0.31 ${share([8, 9])} 0.5`],
    [
      'two numbers a point, which would look like a polygon',
      'kpt_shape: [3, 2]',
      `${share([6, 7])} ${share([8, 9])} ${share([9, 9])}`,
    ],
    ['with a confidence', 'kpt_shape: [2, 3]', `${share([6, 7])} 1 ${share([8, 9])} 1 0.93`],
    ['with a confidence and a track', 'kpt_shape:\n- 1\n- 3', `${share([6, 7])} 0.8 0.93 1`],
  ])('key points after kpt_shape: %s', async (_, shape, points) => {
    const files = { 'data.yaml': `${yaml}${shape}\n`, 'labels/train/b0.txt': `${box(AREA)} ${points}` };
    expect(await imported('yolo', files)).toEqual(SAID);
  });

  test.each([
    [
      'a comma for the point',
      `${polygon(AREA).replaceAll('.', ',')}`,
      /has "0,125" where a number with a decimal point belongs/,
    ],
    [
      'pixels in place of shares',
      `0 ${cornersOf(AREA).flat().join(' ')}`,
      /has the coordinate 4, but coordinates are shares/,
    ],
    ['a class that is not named', polygon(AREA, 7), /line 1, class 7, has no type that the file knows/],
    ['a class that is no number', polygon(AREA, 'dent'), /has "dent" where a number/],
    ['too few numbers', '0 0.5 0.5', /too few for a box/],
    ['an odd number of coordinates', `${polygon(AREA)} 1.005`, /odd number of coordinates/],
    [
      'one key point or a triangle with a confidence',
      `${box(AREA)} ${share([6, 7])} 1`,
      /kpt_shape in data.yaml would tell/,
    ],
    ['no pixel', `0 ${cornersOf([4.6, 5.1, 0.3, 9]).map(share).join(' ')}`, /covers no pixel/],
  ])('a line with %s is left out, the others are read', async (_, line, reason) => {
    const { marked, leftOut } = await imported('yolo', {
      'data.yaml': yaml,
      'labels/b0.txt': line,
      'labels/b1.txt': `${line}\n${polygon(AREA, 1)}\n`,
    });
    expect(marked).toEqual({ 'b1.png': 'scratch 4,5 6x7 42' });
    const paths = leftOut.map(({ path }) => path);
    expect(paths).toEqual(['test/bad/b0.png', 'test/bad/b1.png']);
    for (const entry of leftOut) expect(entry.reason).toMatch(reason);
  });

  test('a triangle that ends at the border is one, but for a line alone that could be a tracked box', async () => {
    const triangle = (x: number) => `0 ${share([x, 12])} ${share([x + 12, 12])} ${share([x + 6, 24])}`;
    const alone = await imported('yolo', { 'data.yaml': yaml, 'labels/b0.txt': triangle(4) });
    expect(alone.marked).toEqual({});
    expect(alone.leftOut.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/or a triangle, and nothing tells/),
    ]);
    const { marked, leftOut } = await imported('yolo', {
      'data.yaml': yaml,
      'labels/b0.txt': triangle(4),
      'labels/b1.txt': polygon(AREA),
    });
    expect([marked['b0.png'], leftOut]).toEqual(['dent 4,12 12x11 72', []]);
  });

  test.each<[string, Record<string, string>]>([
    ['a map', { 'data.yaml': 'names: {0: dent, 1: scratch}\nnc: 2' }],
    ['a list', { 'data.yaml': "train: ../train/images\nnc: 2\nnames: ['dent', 'scratch']\nroboflow: {version: 1}" }],
    ['a list of one entry each', { 'set.yml': 'names:\n- 0: dent\n- 1: scratch' }],
    [
      'settings of a training beside it',
      { 'args.yaml': 'task: segment\nlr0: 0.01', 'data.yaml': yaml, 'hyp.yaml': 'mosaic: 1.0' },
    ],
    ['a model beside it', { 'a-model.yaml': 'nc: 80\nbackbone: []', 'data.yaml': yaml }],
    ['a broken file of another tool beside it', { 'zz.yaml': 'a: &x [1]\nb: *x\nc: [', 'data.yaml': yaml }],
    [
      'darknet and CVAT: obj.names',
      { 'obj.names': 'dent\nscratch\n', 'obj.data': 'classes = 2\nnames = data/obj.names' },
    ],
    ['labelImg: classes.txt', { 'labels/classes.txt': 'dent\r\nscratch\r\n' }],
    ['the same twice', { 'data.yaml': yaml, 'classes.txt': 'dent\nscratch' }],
  ])('names of classes: %s', async (name, files) => {
    const { marked, leftOut } = await imported('yolo', { ...files, 'labels/b0.txt': polygon(AREA) });
    expect(marked).toEqual(SAID.marked);
    expect(leftOut.map(({ path }) => path)).toEqual(name.startsWith('a broken') ? ['zz.yaml'] : []);
  });

  test('classes without names are called as Ultralytics calls them', async () => {
    const files = { 'data.yaml': 'train: images\nval: images\nnc: 2', 'labels/b0.txt': polygon(AREA, 1) };
    expect((await imported('yolo', files)).marked).toEqual({ 'b0.png': 'class_1 4,5 6x7 42' });
  });

  test.each<[string, Record<string, string>, RegExp]>([
    [
      'two files of names',
      { 'a.yaml': 'names: [dent, scratch]', 'b.yaml': 'names: [scratch, dent]' },
      /b\.yaml, names: they are not those of .*a\.yaml/,
    ],
    ['a list and a YAML file', { 'data.yaml': yaml, 'classes.txt': 'scratch\ndent' }, /they are not those of/],
    ['nc', { 'data.yaml': 'nc: 3\nnames: [dent, scratch]' }, /nc: it is 3, but there are 2 names/],
    ['nothing', {}, /there is no \.yaml file with names/],
  ])('names that contradict each other are an error: %s', async (_, files, message) => {
    await expect(imported('yolo', { ...files, 'labels/b0.txt': polygon(AREA) })).rejects.toThrow(message);
  });

  test('a picture without a file of labels is passed over, one with an empty file is good', async () => {
    const files = {
      'data.yaml': yaml,
      'images/train/b0.png': await picture(),
      'labels/train/b1.txt': '\r\n',
      'images/train/b1.png': await picture(),
      'labels/train/b2.txt': polygon(AREA),
      'images/train/b2.png': await picture(),
    };
    expect(await imported('yolo', files)).toEqual({
      marked: { 'b1.png': 'good', 'b2.png': 'dent 4,5 6x7 42' },
      leftOut: [],
    });
  });

  test.each([
    ['beside the picture', 'set/b0.png', 'set/b0.txt'],
    ['in a folder below the pictures', 'bad/b0.png', 'bad/labels/b0.txt'],
    ['split by part, as Roboflow does', 'train/images/b0.png', 'train/labels/b0.txt'],
    ['darknet and CVAT', 'obj_train_data/b0.png', 'obj_train_data/b0.txt'],
    ['in another case', 'images/b0.PNG', 'labels/b0.TXT'],
  ])('labels %s', async (_, image, labels) => {
    const lists = { 'train.txt': 'data/obj_train_data/b0.png\n', 'my_part.txt': './images/b0.png\n' };
    const files = { 'data.yaml': yaml, [image]: await picture(), [labels]: polygon(AREA), ...lists };
    expect(await imported('yolo', files)).toEqual(SAID);
  });

  test('without pictures the project tells sizes and endings, a name with a point is not cut', async () => {
    const pictures = ['test/bad/part.png', 'test/bad/part.001.png'];
    const files = { 'data.yaml': yaml, 'labels/part.001.txt': polygon(AREA) };
    expect(await imported('yolo', files, pictures)).toEqual({
      marked: { 'part.001.png': 'dent 4,5 6x7 42' },
      leftOut: [],
    });
  });

  test('labels of which no picture is known, or that could be of two, are left out', async () => {
    const { marked, leftOut } = await imported('yolo', {
      'data.yaml': yaml,
      'labels/b0.txt': polygon(AREA),
      'labels/elsewhere.txt': polygon(AREA),
      'labels/b1.txt': polygon(AREA),
      'images/b1.png': await picture(),
      'images/b1.jpg': await picture(),
    });
    expect(marked).toEqual(SAID.marked);
    expect(reasons(leftOut).sort()).toEqual([
      'labels/b1.txt: the whole file: it could be of images/b1.jpg or of images/b1.png',
      'labels/elsewhere.txt: the whole file: its picture is neither there nor in the project, so that its size is unknown',
    ]);
  });

  test('a picture that is broken refuses no other', async () => {
    const { marked, leftOut } = await imported('yolo', {
      'data.yaml': yaml,
      'labels/b0.txt': polygon(AREA),
      'labels/b1.txt': polygon(AREA),
      'images/b0.png': await picture(),
      'images/b1.png': 'no picture',
    });
    expect(marked).toEqual(SAID.marked);
    expect(leftOut).toMatchObject([{ path: 'labels/b1.txt' }]);
  });
});
