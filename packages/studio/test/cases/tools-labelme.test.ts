/** What released versions of labelme and X-AnyLabeling write, each feature in a small file as that tool writes it, and the very masks it means. */
import { encodeIndexedPng, encodePng } from '@adclick/core/image';
import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { openZip } from '../../src/exchange/source.ts';
import { bitmap, importFiles, labelsOf, makeProject } from './kit.ts';
import { base64, bytesOf, cornersOf, H, imported, PICTURES, picture, reasons, W } from './tools.ts';

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
