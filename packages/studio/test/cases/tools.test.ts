/** What released versions of labelling tools write, each feature in a small file as that tool writes it, and the very masks it means. */
import { encodeIndexedPng, encodePng, encodeRle } from '@adclick/core';
import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import type { Format } from '../../src/api.ts';
import { encodeBrush } from '../../src/exchange/brush-rle.ts';
import { openZip } from '../../src/exchange/source.ts';
import type { LeftOut } from '../../src/exchange/types.ts';
import { type Area, bitmap, importFiles, labelsOf, makeProject, SIZE } from './kit.ts';

const PICTURES = ['test/bad/b0.png', 'test/bad/b1.png', 'test/bad/b2.png'];
const { width: W, height: H } = SIZE;

type Content = string | object | Uint8Array;

const bytesOf = (content: Content): Uint8Array =>
  content instanceof Uint8Array
    ? content
    : new TextEncoder().encode(typeof content === 'string' ? content : JSON.stringify(content));

/** Imports files into a new project. @returns what is known of its pictures afterwards, by their last name, and what was left out. */
async function imported(format: Format, files: Record<string, Content>, pictures: readonly string[] = PICTURES) {
  const root = await makeProject(pictures);
  const { leftOut } = await importFiles(
    root,
    format,
    new Map(Object.entries(files).map(([name, content]) => [name, bytesOf(content)])),
  );
  const labels = await labelsOf(root);
  const known = pictures.map((path) => [path.replace('test/bad/', ''), labels[path]] as const);
  const marked = Object.fromEntries(known.filter(([, said]) => said !== 'todo'));
  return { marked, leftOut };
}

const reasons = (leftOut: readonly LeftOut[]) => leftOut.map(({ path, reason }) => `${path}: ${reason}`);

const cornersOf = ([x, y, w, h]: Area) => [
  [x, y],
  [x + w, y],
  [x + w, y + h],
  [x, y + h],
];

/** A picture of the project's size, for formats that take sizes from pictures. */
const picture = () => encodePng({ data: new Uint8Array(W * H), width: W, height: H, channels: 1 });

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

describe('labelme and X-AnyLabeling', () => {
  /** A file of labelme; of a shape only what differs. */
  const labelme = (shapes: readonly object[], rest: object = {}) => ({
    version: '5.5.0',
    flags: {},
    shapes: shapes.map((shape) => ({
      label: 'dent',
      group_id: null,
      description: '',
      flags: {},
      mask: null,
      ...shape,
    })),
    imagePath: 'b0.png',
    imageData: null,
    imageHeight: H,
    imageWidth: W,
    ...rest,
  });

  /** A mask as PNG in base64: a patch whose ones fill it but for a last empty row and column. */
  async function patch(width: number, height: number, { value = 1, margin = 0, channels = 1 as 1 | 4 } = {}) {
    const on = (i: number) => i % width < width - margin && Math.floor(i / width) < height - margin;
    const data = new Uint8Array(width * height * channels);
    for (let i = 0; i < width * height; i++) if (on(i)) data.fill(value, i * channels, (i + 1) * channels);
    return base64(await encodePng({ data, width, height, channels }));
  }

  test.each([
    [
      'corners are the first and the last pixel',
      [
        [4, 5],
        [9, 11],
      ],
      [6, 7],
      {},
      'dent 4,5 6x7 42',
    ],
    [
      'values of 255',
      [
        [4, 5],
        [9, 11],
      ],
      [6, 7],
      { value: 255 },
      'dent 4,5 6x7 42',
    ],
    [
      'RGBA',
      [
        [4, 5],
        [9, 11],
      ],
      [6, 7],
      { value: 255, channels: 4 as const },
      'dent 4,5 6x7 42',
    ],
    [
      '5.x: the last corner one too far, and a row and a column of zeros',
      [
        [4, 5],
        [10, 12],
      ],
      [7, 8],
      { margin: 1 },
      'dent 4,5 6x7 42',
    ],
    [
      '5.x at the border, where the picture cut the patch',
      [
        [26, 17],
        [32, 24],
      ],
      [6, 7],
      {},
      'dent 26,17 6x7 42',
    ],
    [
      'the last corner one too far, the patch is not larger',
      [
        [4, 5],
        [10, 12],
      ],
      [6, 7],
      {},
      'dent 4,5 6x7 42',
    ],
    [
      'a patch larger than whole corners is cut to them',
      [
        [4, 5],
        [6, 7],
      ],
      [6, 7],
      {},
      'dent 4,5 3x3 9',
    ],
    [
      'dragged: halves go to the even pixel, the patch keeps its size',
      [
        [4.5, 5.5],
        [9.4, 11.4],
      ],
      [6, 7],
      {},
      'dent 4,6 6x7 42',
    ],
    [
      'dragged to where both corners round apart',
      [
        [4.6, 5.4],
        [9.4, 11.6],
      ],
      [6, 7],
      {},
      'dent 5,5 6x7 42',
    ],
    [
      '7.x: partly outside on the left and above',
      [
        [-2, -3],
        [3, 3],
      ],
      [6, 7],
      {},
      'dent 0,0 4x4 16',
    ],
    [
      '7.x: dragged over the right border',
      [
        [28.2, 20.2],
        [33.2, 26.2],
      ],
      [6, 7],
      {},
      'dent 28,20 4x4 16',
    ],
  ] as const)('mask shape: %s', async (_, points, [w, h], options, said) => {
    const shape = { shape_type: 'mask', points, mask: await patch(w, h, options) };
    expect(await imported('labelme', { 'b0.json': labelme([shape]) })).toEqual({
      marked: { 'b0.png': said },
      leftOut: [],
    });
  });

  test.each([
    [
      'much smaller than its corners',
      [
        [4, 5],
        [19, 21],
      ],
      [6, 7],
      /it is 6 x 7, but its corners say 16 x 17/,
    ],
    [
      'wholly outside',
      [
        [40, 5],
        [45, 11],
      ],
      [6, 7],
      /covers no pixel/,
    ],
    [
      'empty',
      [
        [4, 5],
        [9, 11],
      ],
      [6, 7],
      /covers no pixel/,
    ],
  ] as const)('a mask %s is left out, and the picture stays as it is', async (name, points, [w, h], reason) => {
    const mask = await patch(w, h, { value: name === 'empty' ? 0 : 1 });
    const { marked, leftOut } = await imported('labelme', {
      'b0.json': labelme([{ shape_type: 'mask', points, mask }]),
      'b1.json': labelme([], { imagePath: 'b1.png' }),
    });
    expect(marked).toEqual({ 'b1.png': 'good' });
    expect(leftOut).toEqual([{ path: 'b0.png', type: 'dent', reason: expect.stringMatching(reason) }]);
  });

  test.each([
    [
      'rectangle of two corners',
      'rectangle',
      [
        [4, 5],
        [10, 12],
      ],
      'dent 4,5 6x7 42',
    ],
    [
      'rectangle of two corners, the other way round',
      'rectangle',
      [
        [10, 12],
        [4, 5],
      ],
      'dent 4,5 6x7 42',
    ],
    ['X-AnyLabeling 2.4: rectangle of four corners', 'rectangle', cornersOf([4, 5, 6, 7]), 'dent 4,5 6x7 42'],
    [
      'X-AnyLabeling: rectangle whose corners go across',
      'rectangle',
      [
        [4, 5],
        [10, 12],
        [10, 5],
        [4, 12],
      ],
      'dent 4,5 6x7 42',
    ],
    [
      'rectangle of four corners that is turned',
      'rectangle',
      [
        [8, 4.1],
        [11.9, 8],
        [8, 11.9],
        [4.1, 8],
      ],
      'dent 5,5 6x6 24',
    ],
    [
      'X-AnyLabeling: rotation',
      'rotation',
      [
        [8, 4.1],
        [11.9, 8],
        [8, 11.9],
        [4.1, 8],
      ],
      'dent 5,5 6x6 24',
    ],
    [
      'labelme 6: oriented_rectangle',
      'oriented_rectangle',
      [
        [8, 4.1],
        [11.9, 8],
        [8, 11.9],
        [4.1, 8],
      ],
      'dent 5,5 6x6 24',
    ],
    [
      'X-AnyLabeling 4: quadrilateral',
      'quadrilateral',
      [
        [4, 5],
        [10, 5],
        [10, 12],
        [4, 12],
      ],
      'dent 4,5 6x7 42',
    ],
    [
      'circle: centre and a point of it',
      'circle',
      [
        [10, 10],
        [13, 10],
      ],
      'dent 7,7 6x6 32',
    ],
    ['labelme before 3: polygon without a kind', undefined, cornersOf([4, 5, 6, 7]), 'dent 4,5 6x7 42'],
  ] as const)('%s', async (_, shape_type, points, said) => {
    const file = labelme([{ shape_type, points, score: null, direction: 0.78, difficult: false, attributes: {} }]);
    expect(await imported('labelme', { 'b0.json': file })).toEqual({ marked: { 'b0.png': said }, leftOut: [] });
  });

  test.each([
    ['point', [[4, 5]]],
    [
      'points',
      [
        [4, 5],
        [6, 7],
      ],
    ],
    [
      'line',
      [
        [4, 5],
        [9, 11],
      ],
    ],
    [
      'linestrip',
      [
        [4, 5],
        [9, 11],
        [3, 3],
      ],
    ],
    ['cuboid', [...cornersOf([4, 5, 6, 7]), ...cornersOf([6, 7, 6, 7])]],
  ])('a %s is left out with its reason, what stands beside it is read', async (shape_type, points) => {
    const { marked, leftOut } = await imported('labelme', {
      'b0.json': labelme([{ shape_type, points, label: 'axis' }]),
      'b1.json': labelme(
        [
          { shape_type, points, label: 'axis' },
          { shape_type: 'polygon', points: cornersOf([4, 5, 6, 7]) },
        ],
        { imagePath: 'b1.png' },
      ),
    });
    expect(marked).toEqual({ 'b1.png': 'dent 4,5 6x7 42' });
    const reason = `shapes[0] is a ${shape_type}, which is no area`;
    expect(leftOut).toEqual([
      { path: 'b0.png', type: 'axis', reason },
      { path: 'b1.png', type: 'axis', reason },
    ]);
  });

  test.each([
    ['labelme: a flag that is set', { flags: { scratched: true, clean: false } }],
    ['X-AnyLabeling: classification', { flags: { NG: true }, checked: true }],
    ['X-AnyLabeling 4: a tag', { tags: ['stained'], checked: true }],
  ])('%s and no shape is neither good nor a defect', async (_, rest) => {
    const { marked, leftOut } = await imported('labelme', { 'b0.json': labelme([], rest) });
    expect(marked).toEqual({});
    expect(leftOut).toEqual([
      { path: 'b0.png', reason: expect.stringContaining('it has no shape, but the flag or tag') },
    ]);
  });

  test.each([
    ['flags that are not set', { flags: { scratched: false } }],
    ['flags of null, no tag', { flags: null, tags: [] }],
    ['unknown sizes of X-AnyLabeling', { imageHeight: -1, imageWidth: -1, checked: false }],
  ])('%s and no shape is good', async (_, rest) => {
    expect(await imported('labelme', { 'b0.json': labelme([], rest) })).toEqual({
      marked: { 'b0.png': 'good' },
      leftOut: [],
    });
  });

  test.each([
    ['Windows, relative to the file', 'labels/b1.json', '..\\images\\b1.png'],
    ['leaving what was given', 'b1.json', '..\\..\\bad\\b1.png'],
    ['another drive', 'b1.json', 'D:\\parts\\bad\\b1.png'],
    ['a share', 'b1.json', '\\\\nas\\parts\\b1.png'],
    ['the annotator at home', 'b1.json', '/home/ada/parts/b1.png'],
    ['below the file', 'b1.json', './bad/b1.png'],
  ])('imagePath: %s', async (_, name, imagePath) => {
    const file = labelme([{ points: cornersOf([4, 5, 6, 7]) }], { imagePath });
    expect(await imported('labelme', { [name]: file })).toEqual({
      marked: { 'b1.png': 'dent 4,5 6x7 42' },
      leftOut: [],
    });
  });

  test.each(['NFC', 'NFD'] as const)('imagePath in %s is the picture in the other form', async (form) => {
    const pictures = [`test/bad/${'größe é.png'.normalize(form === 'NFC' ? 'NFD' : 'NFC')}`];
    const file = labelme([{ points: cornersOf([4, 5, 6, 7]) }], { imagePath: 'größe é.png'.normalize(form) });
    const { marked, leftOut } = await imported('labelme', { 'b0.json': file }, pictures);
    expect([Object.values(marked), leftOut]).toEqual([['dent 4,5 6x7 42'], []]);
  });

  test.each([
    ['of the project', {}, {}],
    ['beside the file', { 'b0.png': true }, {}],
    ['inside the file', {}, { imageData: true }],
  ])('without imageHeight the size is that of the picture %s', async (_, beside, inside) => {
    const png = await picture();
    const data = 'imageData' in inside ? { imageData: base64(png) } : {};
    const files = {
      'b0.json': labelme([{ points: cornersOf([4, 5, 6, 7]) }], { imageHeight: null, imageWidth: null, ...data }),
      ...('b0.png' in beside ? { 'b0.png': png } : {}),
    };
    expect(await imported('labelme', files)).toEqual({ marked: { 'b0.png': 'dent 4,5 6x7 42' }, leftOut: [] });
  });

  test('holes are holes, groups of polygons are one area, an empty label is left out', async () => {
    const { marked, leftOut } = await imported('labelme', {
      'b0.json': labelme([
        { points: cornersOf([4, 5, 6, 7]), holes: [cornersOf([6, 7, 2, 2])], group_id: 1 },
        { points: cornersOf([20, 5, 3, 3]), group_id: 1 },
        { points: cornersOf([20, 15, 3, 3]), label: '' },
      ]),
    });
    expect(marked).toEqual({ 'b0.png': 'dent 4,5 19x7 47' });
    expect(reasons(leftOut)).toEqual(['b0.png: shapes[2] has no type that the file knows']);
  });

  test.each([
    ['cut off', '{"version": "5.5.0", "shapes": [{"label": "de'],
    ['of another kind', { images: [], annotations: [], categories: [] }],
    ['not a text', Uint8Array.of(0x89, 0x50, 0xff, 0xfe, 0x00)],
    ['without the name of its picture', labelme([], { imagePath: '' })],
  ])('a file that is %s does not refuse the others', async (_, broken) => {
    const { marked, leftOut } = await imported('labelme', {
      'a.json': broken,
      'b0.json': labelme([{ points: cornersOf([4, 5, 6, 7]) }]),
    });
    expect(marked).toEqual({ 'b0.png': 'dent 4,5 6x7 42' });
    expect(leftOut).toEqual([{ path: 'a.json', reason: expect.any(String) }]);
  });

  test('a byte order mark and Windows line ends change nothing', async () => {
    const text = JSON.stringify(labelme([{ points: cornersOf([4, 5, 6, 7]) }]), null, 2).replaceAll('\n', '\r\n');
    const wide = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]);
    for (const content of [`\ufeff${text}`, wide])
      expect((await imported('labelme', { 'b0.json': content })).marked).toEqual({ 'b0.png': 'dent 4,5 6x7 42' });
  });
});

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

describe('CVAT', () => {
  const head =
    '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta><task><name>t</name></task></meta>\n';
  const image = (shapes: string, name = 'b0.png', more = '') =>
    `<image id="0" name="${name}" ${more} width="${W}" height="${H}">${shapes}</image>\n`;
  const cvat = (...images: string[]) => ({ 'annotations.xml': `${head}${images.join('')}</annotations>\n` });
  const COMMON = 'label="dent" source="manual" occluded="0" z_order="0"';
  const mask = (rle: string, left: number, top: number, width: number, height: number) =>
    `<mask ${COMMON} rle="${rle}" left="${left}" top="${top}" width="${width}" height="${height}"></mask>`;
  const points = (area: Area) =>
    cornersOf(area)
      .map((point) => point.map((value) => value.toFixed(2)).join(','))
      .join(';');
  const polygon = `<polygon ${COMMON} points="${points([4, 5, 6, 7])}"></polygon>`;

  test.each([
    ['mask', mask('0, 42', 4, 5, 6, 7), 'dent 4,5 6x7 42'],
    ['mask that begins with zeros and whose last zeros are left out', mask('2, 4, 2, 4', 4, 5, 6, 7), 'dent 6,5 4x2 8'],
    ['mask whose box lacks its last row and column', mask('0, 42', 4, 5, 5, 6), 'dent 4,5 6x7 42'],
    ['mask over the left and upper border', mask('0, 42', -2, -3, 6, 7), 'dent 0,0 4x4 16'],
    ['mask over the right and lower border', mask('0, 42', 28, 20, 6, 7), 'dent 28,20 4x4 16'],
    ['polygon', polygon, 'dent 4,5 6x7 42'],
    ['box', `<box ${COMMON} xtl="4.00" ytl="5.00" xbr="10.00" ybr="12.00"></box>`, 'dent 4,5 6x7 42'],
    [
      'box that is turned by a right angle',
      `<box ${COMMON} xtl="4.00" ytl="6.00" xbr="12.00" ybr="10.00" rotation="90.00"></box>`,
      'dent 6,4 4x8 32',
    ],
    ['ellipse', `<ellipse ${COMMON} cx="10.00" cy="10.00" rx="3.00" ry="3.00"></ellipse>`, 'dent 7,7 6x6 32'],
    [
      'a shape with attributes of its own',
      polygon.replace('></', '><attribute name="deep">true</attribute></'),
      'dent 4,5 6x7 42',
    ],
  ])('%s', async (_, shape, said) => {
    expect(await imported('cvat', cvat(image(shape)))).toEqual({ marked: { 'b0.png': said }, leftOut: [] });
  });

  test.each([
    ['points', `<points ${COMMON} points="4.00,5.00"></points>`, /points is a points, which is no area/],
    ['polyline', `<polyline ${COMMON} points="4.00,5.00;8.00,9.00"></polyline>`, /is a polyline/],
    ['cuboid', `<cuboid ${COMMON} xtl1="4.00" ytl1="5.00"></cuboid>`, /is a cuboid/],
    [
      'skeleton',
      `<skeleton ${COMMON}><points label="1" outside="0" points="4.00,5.00"></points></skeleton>`,
      /is a skeleton/,
    ],
    ['tag', '<tag label="dent" source="manual"></tag>', /is a tag/],
    ['shape that is outside', polygon.replace('occluded="0"', 'occluded="0" outside="1"'), /is marked as outside/],
    ['mask whose runs are more than its box', mask('0, 60', 4, 5, 6, 7), /its runs are 60 pixels, more than 6 x 7/],
    ['mask without a pixel', mask('42', 4, 5, 6, 7), /covers no pixel/],
    ['polygon with a broken number', polygon.replace('4.00', '4,00'), /no polygon|number/],
    ['shape without a label', polygon.replace('label="dent"', ''), /has no type that the file knows/],
  ])('a %s is left out, the rest is read', async (_, shape, reason) => {
    const { marked, leftOut } = await imported('cvat', cvat(image(shape), image(`${shape}${polygon}`, 'b1.png')));
    expect(marked).toEqual({ 'b1.png': 'dent 4,5 6x7 42' });
    expect(leftOut.map(({ path }) => path)).toEqual(['b0.png', 'b1.png']);
    for (const entry of leftOut) expect(entry.reason).toMatch(reason);
  });

  test('tracks of a video are left out with advice, and refuse no image', async () => {
    const track =
      '<track id="0" label="dent"><box frame="0" outside="0" xtl="1" ytl="1" xbr="4" ybr="4"></box></track>';
    const { marked, leftOut } = await imported('cvat', cvat(track, image(polygon), track));
    expect(marked).toEqual({ 'b0.png': 'dent 4,5 6x7 42' });
    expect(reasons(leftOut)).toEqual([
      expect.stringMatching(/tracks of a video are not read \(2 here\); export the task as CVAT for images/),
    ]);
    await expect(imported('cvat', cvat(track))).rejects.toThrow(/tracks of a video are not read/);
  });

  test('images of one name in several subsets are told apart by the subset', async () => {
    const pictures = ['test/train/b0.png', 'test/val/b0.png'];
    const files = cvat(
      image(polygon, 'b0.png', 'subset="val" task_id="1"'),
      image('', 'b0.png', 'subset="train" task_id="2"'),
    );
    expect(await imported('cvat', files, pictures)).toEqual({
      marked: { 'test/val/b0.png': 'dent 4,5 6x7 42', 'test/train/b0.png': 'good' },
      leftOut: [],
    });
  });

  test('image names of Windows, other files of XML, UTF-16', async () => {
    const text = `${head.replace('utf-8', 'utf-16')}${image(polygon, 'C:\\parts\\bad\\b0.png')}</annotations>`;
    const { marked, leftOut } = await imported('cvat', {
      'task/annotations.xml': Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]),
      'task/other.xml': '<annotation><filename>x.jpg</filename></annotation>',
      'task/broken.xml': `${head}<image`,
    });
    expect(marked).toEqual({ 'b0.png': 'dent 4,5 6x7 42' });
    expect(leftOut.map(({ path }) => path)).toEqual(['task/broken.xml', 'task/other.xml']);
  });
});

describe('Label Studio', () => {
  const percent = ([x, y, w, h]: Area) => ({
    x: (100 * x) / W,
    y: (100 * y) / H,
    width: (100 * w) / W,
    height: (100 * h) / H,
  });
  const AREA = percent([4, 5, 6, 7]);
  const region = (type: string, value: object, more: object = {}) => ({
    id: 'r1',
    type,
    from_name: 'label',
    to_name: 'image',
    original_width: W,
    original_height: H,
    image_rotation: 0,
    value,
    ...more,
  });
  const rectangle = (more: object = {}, value: object = {}) =>
    region('rectanglelabels', { ...AREA, rotation: 0, rectanglelabels: ['dent'], ...value }, more);
  const task = (result: readonly object[], image = '/data/upload/1/0a1b2c3d-b0.png', more: object = {}) => ({
    id: 1,
    data: { image },
    annotations: [{ id: 1, completed_by: 1, result, was_cancelled: false, ground_truth: false }],
    file_upload: '0a1b2c3d-b0.png',
    drafts: [],
    predictions: [],
    meta: {},
    ...more,
  });
  const study = (...tasks: object[]) => ({ 'project-1-at-2024.json': tasks });
  const SAID = { marked: { 'b0.png': 'dent 4,5 6x7 42' }, leftOut: [] };
  const brush = encodeBrush(encodeRle(bitmap([4, 5, 6, 7]), W, H));

  const png = async (alpha: boolean) => {
    const data = new Uint8Array(W * H * 4);
    bitmap([4, 5, 6, 7]).forEach((on, i) => {
      if (on || !alpha) data[i * 4 + 3] = 255;
    });
    return `data:image/png;base64,${base64(await encodePng({ data, width: W, height: H, channels: 4 }))}`;
  };

  test.each([
    ['rectangle', rectangle()],
    [
      'rectangle turned around its upper left corner',
      rectangle({}, { ...percent([10, 5, 7, 6]), width: (100 * 7) / W, rotation: 90 }),
    ],
    [
      'polygon',
      region('polygonlabels', {
        points: cornersOf([4, 5, 6, 7]).map(([x = 0, y = 0]) => [(100 * x) / W, (100 * y) / H]),
        closed: true,
        polygonlabels: ['dent'],
      }),
    ],
    ['brush', region('brushlabels', { format: 'rle', rle: brush, brushlabels: ['dent'] })],
    ['magic wand', region('magicwand', { format: 'rle', rle: brush, labels: ['dent'] })],
    ['numbers as texts', rectangle({ original_width: `${W}`, original_height: `${H}` }, { x: '12.5', y: `${AREA.y}` })],
  ])('%s', async (_, shape) => {
    expect(await imported('labelstudio', study(task([shape])))).toEqual(SAID);
  });

  test('bitmask: the opaque pixels of a picture', async () => {
    const shape = (imageDataURL: string) => region('bitmasklabels', { imageDataURL, bitmasklabels: ['dent'] });
    expect(await imported('labelstudio', study(task([shape(await png(true))])))).toEqual(SAID);
  });

  test('a label in a result of its own, an answer about the region, relations', async () => {
    const geometry = { ...AREA, rotation: 0 };
    const result = [
      region('rectangle', geometry),
      region('labels', { ...geometry, labels: ['dent'] }),
      region('choices', { ...geometry, choices: ['deep'] }),
      region('textarea', { ...geometry, text: ['note'] }),
      { from_id: 'r1', to_id: 'r1', type: 'relation', direction: 'right' },
    ];
    expect(await imported('labelstudio', study(task(result)))).toEqual(SAID);
  });

  test.each([
    ['rectangle', rectangle({}, { rectanglelabels: ['dent', 'scratch'] })],
    ['brush', region('brushlabels', { format: 'rle', rle: brush, brushlabels: ['scratch', 'dent'] })],
    [
      'labels of their own',
      [region('rectangle', { ...AREA }), region('labels', { ...AREA, labels: ['dent', 'scratch'] })],
    ],
  ])('several labels on a region are several layers: %s', async (_, shapes) => {
    expect(await imported('labelstudio', study(task([shapes].flat())))).toEqual({
      marked: { 'b0.png': 'dent 4,5 6x7 42; scratch 4,5 6x7 42' },
      leftOut: [],
    });
  });

  test.each([
    ['choices', region('choices', { choices: ['bad'] }, { id: 'c' }), /is of the kind choices, which is no area/],
    [
      'key point',
      region('keypointlabels', { x: 10, y: 10, width: 1, keypointlabels: ['dent'] }),
      /kind keypointlabels/,
    ],
    ['vector', region('vectorlabels', { vertices: [], vectorlabels: ['dent'] }), /kind vectorlabels/],
    [
      'brush of another format',
      region('brushlabels', { format: 'png', rle: brush, brushlabels: ['dent'] }),
      /"png" is not read, only rle/,
    ],
    [
      'brush of another size',
      region('brushlabels', { format: 'rle', rle: encodeBrush(encodeRle([1, 1], 2, 1)), brushlabels: ['dent'] }),
      /it holds 8 values/,
    ],
    [
      'brush that is cut off',
      region('brushlabels', { format: 'rle', rle: brush.slice(0, -3), brushlabels: ['dent'] }),
      /end too early/,
    ],
    ['region of a picture that was turned', rectangle({ image_rotation: 90 }), /was turned/],
    ['region without a label', rectangle({}, { rectanglelabels: [] }), /has no type/],
    ['region in pixels', rectangle({}, { x: 400, y: 300 }), /400 is no percentage/],
    ['region that lies outside', rectangle({}, { x: 105 }), /covers no pixel/],
    ['region without its width', rectangle({}, { width: null }), /width: it is missing/],
    ['region of another size', rectangle({ original_width: 64 }), /not 32 x 24/],
    ['result that is none', { type: 5 }, /is no region that can be read/],
  ])('a %s is left out, the rest is read', async (_, shape, reason) => {
    const good = rectangle({ id: 'good' });
    const { marked, leftOut } = await imported(
      'labelstudio',
      study(
        task([good, shape]),
        task([{ original_width: W, original_height: H, ...shape }], '/data/upload/1/0a1b2c3d-b1.png'),
      ),
    );
    expect(marked['b0.png']).toBe('dent 4,5 6x7 42');
    expect(leftOut.find(({ path }) => path === 'b0.png')?.reason).toMatch(reason);
    expect(marked['b1.png'] ?? 'todo').not.toBe('good');
  });

  test.each([
    ['only predicted', { annotations: [], predictions: [{ result: [rectangle()], score: 0.9 }] }],
    ['only predicted, from a script', { annotations: undefined, predictions: [{ result: [rectangle()] }] }],
    ['a draft', { annotations: [], drafts: [{ id: 1, result: [rectangle()] }] }],
    ['cancelled', { annotations: [{ id: 1, was_cancelled: true, result: [rectangle()] }] }],
  ])('a task that is %s is not labelled', async (_, more) => {
    const files = study(task([], undefined, more), task([], '/data/upload/1/0a1b2c3d-b1.png'));
    expect(await imported('labelstudio', files)).toEqual({ marked: { 'b1.png': 'good' }, leftOut: [] });
  });

  test.each([
    ['the last of two annotators', [{ result: [rectangle({}, percent([20, 5, 3, 3]))] }, { result: [rectangle()] }]],
    [
      'the ground truth',
      [{ result: [rectangle()], ground_truth: true }, { result: [rectangle({}, percent([20, 5, 3, 3]))] }],
    ],
    ['the last that was not cancelled', [{ result: [rectangle()] }, { result: [], was_cancelled: true }]],
  ])('of several annotations %s counts', async (_, annotations) => {
    expect(await imported('labelstudio', study(task([], undefined, { annotations })))).toEqual(SAID);
  });

  test.each([
    ['upload', '/data/upload/1/0a1b2c3d-b0.png'],
    ['upload of old', '/upload/0a1b2c3d-b0.png'],
    ['local files', '/data/local-files/?d=bad/b0.png'],
    ['local files of Windows', '/data/local-files/?d=parts%5Cbad%5Cb0.png'],
    ['local files of a drive', '/data/local-files/?d=C%3A%5Cparts%5Cbad%5Cb0.png'],
    ['S3', 's3://bucket/parts/bad/b0.png'],
    ['Google', 'gs://bucket/parts/bad/b0.png'],
    ['Azure', 'azure-blob://container/bad/b0.png'],
    ['an address that is signed', 'https://host/bad/b0.png?X-Amz-Signature=ab/cd.ef&d2=x'],
    [
      'a storage behind Label Studio',
      `/tasks/7/presign/?fileuri=${Buffer.from('s3://bucket/bad/b0.png').toString('base64')}`,
    ],
    ['a path of the annotator', 'D:\\parts\\bad\\b0.png'],
  ])('the picture is found by its address: %s', async (_, address) => {
    expect(await imported('labelstudio', study(task([rectangle()], address)))).toEqual(SAID);
  });

  test('a name that begins with eight digits of its own is kept', async () => {
    const pictures = ['test/bad/deadbeef-b0.png', 'test/bad/b1.png'];
    for (const address of ['/data/upload/1/0a1b2c3d-deadbeef-b0.png', '/data/upload/deadbeef-b0.png'])
      expect((await imported('labelstudio', study(task([rectangle()], address)), pictures)).marked).toEqual({
        'deadbeef-b0.png': 'dent 4,5 6x7 42',
      });
  });

  test.each([
    ['noted with the picture', { data: { image: 's3://b/b0.png', width: W, height: H } }],
    ['of the project', { data: { image: 's3://b/b0.png' } }],
    ['in another field', { data: { id: 'x1', part: 's3://b/b0.png' } }],
  ])('without original_width the size is the one %s', async (_, more) => {
    const shape = rectangle({ original_width: undefined, original_height: undefined });
    expect(await imported('labelstudio', study(task([shape], undefined, more)))).toEqual(SAID);
  });

  test.each<[string, Record<string, Content>, RegExp]>([
    [
      'JSON-MIN',
      {
        'p.json': [{ id: 1, image: '/data/upload/1/0a1b2c3d-b0.png', label: [{ ...AREA, rectanglelabels: ['dent'] }] }],
      },
      /export as JSON, not as JSON-MIN/,
    ],
    ['CSV', { 'p.csv': 'image,id,label\nx.png,1,"[{}]"\n' }, /export as JSON/],
    ['TSV', { 'p.tsv': 'image\tid\nx.png\t1\n' }, /export as JSON/],
  ])('%s is refused with the way out', async (_, files, message) => {
    await expect(imported('labelstudio', files)).rejects.toThrow(message);
  });

  test('what reaches over the border is cut off there', async () => {
    const shape = rectangle({}, percent([28, 20, 6, 7]));
    expect(await imported('labelstudio', study(task([shape])))).toEqual({
      marked: { 'b0.png': 'dent 28,20 4x4 16' },
      leftOut: [],
    });
  });

  test('a task that cannot be read refuses no other', async () => {
    const { marked, leftOut } = await imported('labelstudio', {
      'a.json': [
        { id: 3, data: { image: 5 }, annotations: [] },
        { ...task([], undefined, { annotations: [17] }) },
        task([rectangle()]),
      ],
      'b.json': '[{"id": 1, "data": {',
    });
    expect(marked).toEqual(SAID.marked);
    expect(leftOut).toHaveLength(3);
  });
});

test('what an archive holds and cannot give is in the report', async () => {
  const root = await makeProject(PICTURES);
  const shape = { label: 'dent', points: cornersOf([4, 5, 6, 7]), shape_type: 'polygon' };
  const file = bytesOf({ shapes: [shape], imagePath: 'b0.png', imageHeight: H, imageWidth: W });
  const source = openZip(zipSync({ 'b0.json': file, '../b1.json': file, '/b2.json': file }), 'x.zip');
  const { leftOut } = await importFiles(root, 'labelme', new Map(), { source });
  expect((await labelsOf(root))['test/bad/b0.png']).toBe('dent 4,5 6x7 42');
  expect(reasons(leftOut)).toEqual(['../b1.json: it leaves its folder', '/b2.json: it is an absolute path']);
});

test('a mask of labelme may have a palette', async () => {
  const palette = [
    [0, 0, 0],
    [128, 0, 0],
  ] as const;
  const mask = base64(encodeIndexedPng(bitmap([0, 0, 6, 7]).slice(0, W * H), W, H, palette));
  const shape = {
    label: 'dent',
    points: [
      [0, 0],
      [W - 1, H - 1],
    ],
    shape_type: 'mask',
    flags: {},
    group_id: null,
    mask,
  };
  const file = {
    version: '5.4.1',
    flags: {},
    shapes: [shape],
    imagePath: 'b0.png',
    imageData: null,
    imageHeight: H,
    imageWidth: W,
  };
  expect((await imported('labelme', { 'b0.json': file })).marked).toEqual({ 'b0.png': 'dent 0,0 6x7 42' });
});
