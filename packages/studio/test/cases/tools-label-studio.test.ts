/** What released versions of Label Studio write, each feature in a small file as that tool writes it, and the very masks it means. */
import { encodeRle } from '@adclick/core/geometry';
import { encodePng } from '@adclick/core/image';
import { describe, expect, test } from 'vitest';
import { encodeBrush } from '../../src/exchange/brush-rle.ts';
import { type Area, bitmap } from './kit.ts';
import { base64, type Content, cornersOf, H, imported, W } from './tools.ts';

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
