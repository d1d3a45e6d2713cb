/**
 * Files as other tools write them, after the formats' public documentation, and run lengths as the tools' own code gives them. The
 * numbers marked "reference" come from pycocotools 2.0.11 (`mask.encode`) and label-studio-converter 0.0.59 (`brush.mask2rle`).
 */
import { createHash } from 'node:crypto';
import { decodeRle, encodeRle } from '@adclick/core/geometry';
import { encodePng } from '@adclick/core/image';
import { describe, expect, test } from 'vitest';
import { all, bitmapOf } from '../../test/labels.ts';
import type { Format as FormatName } from '../api.ts';
import { decodeBrush, encodeBrush } from './brush-rle.ts';
import { columnCounts, countsToText, paintColumns, textToCounts } from './column-rle.ts';
import { EXCHANGE_FORMATS } from './formats.ts';
import { openMemory } from './source.ts';
import type { LeftOut } from './types.ts';

const PLACE = { file: 'test', field: 'counts' };
/** 7 x 5 pixels of a linear congruential generator, the same in the script that asked the references. */
const RANDOM = [
  0, 1, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0,
];

/** Reads files given as texts or bytes. */
async function read(format: FormatName, files: Record<string, string | Uint8Array>) {
  const leftOut: LeftOut[] = [];
  const bytes = Object.entries(files).map(
    ([name, content]) => [name, typeof content === 'string' ? new TextEncoder().encode(content) : content] as const,
  );
  const images = await all(
    EXCHANGE_FORMATS[format].read(openMemory(new Map(bytes)), { leftOut: (entry) => leftOut.push(entry) }),
  );
  return { images, leftOut };
}

describe('COCO run lengths', () => {
  test.each([
    ['nothing set', [0, 0, 0, 0, 0, 0], 3, 2, '6'],
    ['everything set', [1, 1, 1, 1, 1, 1], 3, 2, '06'],
    ['random', RANDOM, 7, 5, '1131OO0032LN12ON4'],
  ])('%s: the reference text, both ways', (_, data, width, height, text) => {
    expect(countsToText(columnCounts(encodeRle(data, width, height)))).toBe(text);
    const back = new Uint8Array(data.length);
    paintColumns(textToCounts(text, PLACE), back, width, height, PLACE);
    expect([...back]).toEqual(data);
  });

  test('a rectangle with a hole in 400 x 300: the reference text', () => {
    const data = Uint8Array.from({ length: 400 * 300 }, (_, i) => {
      const [x, y] = [i % 400, Math.floor(i / 400)];
      const hole = y >= 100 && y < 150 && x >= 100 && x < 300;
      return y >= 37 && y < 211 && x >= 55 && x < 390 && !hole ? 1 : 0;
    });
    const text = countsToText(columnCounts(encodeRle(data, 400, 300)));
    expect(text.slice(0, 12)).toBe('iT`0^5n30000');
    expect(createHash('sha256').update(text).digest('hex')).toBe(
      'fd99360b722d0e30f5eb8565aaef6d93f1dba02d84926cce0b4f7a14a5881def',
    );
  });

  test('by hand: 0 1 1 / 1 1 0 is one zero, then ones, column by column', () => {
    expect(columnCounts(bitmapOf('.##', '##.'))).toEqual([1, 4, 1]);
    // 1 -> "1", 4 -> "4", 1 -> "1": values below 16 are one character each.
    expect(countsToText([1, 4, 1])).toBe('141');
    // 100 = 3 * 32 + 4: "4" with the bit for more (48 + 4 + 32), then 3 (48 + 3).
    expect(countsToText([100])).toBe('T3');
    // The fourth is written as the difference to the second: 2 - 5 = -3, which is 29 in five bits.
    expect(countsToText([0, 5, 0, 2])).toBe(`050${String.fromCharCode(48 + 29)}`);
  });

  test.each([
    ['a character that is none', '1 1'],
    ['an end in the middle', 'T'],
    ['a number that is too large', 'oooooooooo1'],
  ])('%s is refused', (_, text) => {
    expect(() => textToCounts(text, PLACE)).toThrow(expect.objectContaining({ code: 'ADC_EXCHANGE_FILE' }));
  });
});

describe('Label Studio brush', () => {
  const REFERENCE = [
    0, 0, 0, 140, 57, 27, 252, 96, 17, 255, 206, 1, 63, 252, 96, 19, 255, 219, 0, 143, 254, 216, 4, 127, 241, 128, 79,
    255, 124, 2, 63, 251, 224, 17, 255, 198, 1, 31, 252, 96, 17, 255, 198, 0,
  ];

  test('the reference stream, both ways', () => {
    expect([...decodeBrush(REFERENCE, 7, 5, PLACE)]).toEqual(RANDOM);
    expect(encodeBrush(encodeRle(RANDOM, 7, 5))).toEqual(REFERENCE);
  });

  test('values that are not repeated, as its editor writes them for soft edges', () => {
    // 1 x 1 pixel of 1, 2, 3, 200: head as above, then one block "each for itself" of four values.
    const bits = `${(4).toString(2).padStart(32, '0')}00111${'0010'}${'0011'}${'0111'}${'1111'}0${'00'}${'011'}`;
    const values = [1, 2, 3, 200].map((value) => value.toString(2).padStart(8, '0')).join('');
    const all = (bits + values).padEnd(Math.ceil((bits.length + 32) / 8) * 8, '0');
    const bytes = all.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? [];
    expect([...decodeBrush(bytes, 1, 1, PLACE)]).toEqual([1]);
  });
});

test('COCO as its documentation describes it: polygons, uncompressed counts, boxes', async () => {
  const { images, leftOut } = await read('coco', {
    'annotations/instances_val.json': `{"info": {"year": 2017}, "licenses": [],
      "images": [{"id": 42, "file_name": "a.jpg", "width": 4, "height": 3, "coco_url": "http://x/a.jpg", "date_captured": ""},
                 {"id": 43, "file_name": "b.jpg", "width": 4, "height": 3}],
      "categories": [{"id": 1, "name": "dent", "supercategory": "defect"}, {"id": 7, "name": "scratch"}],
      "annotations": [
        {"id": 1, "image_id": 42, "category_id": 1, "iscrowd": 0, "area": 2, "bbox": [0, 0, 2, 1],
         "segmentation": [[0, 0, 2, 0, 2, 1, 0, 1], [3, 2, 4, 2, 4, 3, 3, 3]]},
        {"id": 2, "image_id": 42, "category_id": 7, "iscrowd": 1, "area": 2, "bbox": [1, 0, 1, 2],
         "segmentation": {"size": [3, 4], "counts": [3, 2, 7]}},
        {"id": 3, "image_id": 43, "category_id": 7, "bbox": [1, 1, 2, 2], "segmentation": []}]}`,
  });
  expect(leftOut).toEqual([]);
  expect(images).toMatchObject([
    {
      path: 'a.jpg',
      state: 'defect',
      layers: [
        { type: 'dent', rle: bitmapOf('##..', '....', '...#') },
        { type: 'scratch', rle: bitmapOf('.#..', '.#..', '....') },
      ],
    },
    { path: 'b.jpg', layers: [{ type: 'scratch', rle: bitmapOf('....', '.##.', '.##.') }] },
  ]);
});

test('CVAT for images 1.1: masks, polygons, boxes, and what is no area', async () => {
  const { images, leftOut } = await read('cvat', {
    'annotations.xml': `<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><id>4</id><name>segmentation</name><size>2</size><mode>annotation</mode></task><dumped>2024-01-01</dumped></meta>
  <image id="0" name="a &amp; b.png" width="4" height="3">
    <mask label="dent" source="manual" occluded="0" rle="1, 3, 1, 1" left="1" top="0" width="3" height="2" z_order="0">
    </mask>
    <polygon label="scratch" source="manual" occluded="0" points="0.00,2.00;2.00,2.00;2.00,3.00;0.00,3.00" z_order="1">
      <attribute name="deep">yes</attribute>
    </polygon>
    <box label="scratch" occluded="0" xtl="3.0" ytl="2.0" xbr="4.0" ybr="3.0" z_order="0"></box>
    <points label="centre" occluded="0" points="1.0,1.0" z_order="0"></points>
  </image>
  <image id="1" name="good.png" width="4" height="3"/>
</annotations>`,
  });
  expect(images).toMatchObject([
    {
      path: 'a & b.png',
      layers: [
        { type: 'dent', rle: bitmapOf('..##', '.#.#', '....') },
        { type: 'scratch', rle: bitmapOf('....', '....', '##.#') },
      ],
    },
    { path: 'good.png', state: 'good', layers: [] },
  ]);
  expect(leftOut).toMatchObject([{ path: 'a & b.png', reason: expect.stringContaining('points') }]);
});

test('Datumaro JSON', async () => {
  const { images, leftOut } = await read('datumaro', {
    'annotations/train.json': `{"dm_format_version": "1.0", "infos": {}, "categories": {"label": {"labels":
        [{"name": "dent", "parent": "", "attributes": []}, {"name": "scratch", "parent": ""}], "attributes": []}},
      "items": [{"id": "sub/a", "attr": {"frame": 0}, "image": {"path": "sub/a.jpg", "size": [2, 3]}, "annotations": [
        {"id": 0, "type": "mask", "attributes": {}, "group": 0, "label_id": 1, "rle": {"counts": "141", "size": [2, 3]}, "z_order": 0},
        {"id": 1, "type": "polygon", "attributes": {}, "group": 0, "label_id": 0, "points": [0, 0, 1, 0, 1, 1, 0, 1], "z_order": 0},
        {"id": 2, "type": "label", "attributes": {}, "group": 0, "label_id": 0}]}]}`,
  });
  expect(images).toMatchObject([
    {
      path: 'sub/a.jpg',
      width: 3,
      height: 2,
      layers: [
        { type: 'scratch', rle: bitmapOf('.##', '##.') },
        { type: 'dent', rle: bitmapOf('#..', '...') },
      ],
    },
  ]);
  expect(leftOut).toMatchObject([{ path: 'sub/a.jpg', reason: expect.stringContaining('label') }]);
});

test('Label Studio export: an uploaded picture, a cancelled annotation, a polygon in percent', async () => {
  const region = (type: string, value: object) => ({
    id: 'x',
    type,
    from_name: 'l',
    to_name: 'i',
    original_width: 4,
    original_height: 2,
    image_rotation: 0,
    value,
  });
  const { images } = await read('labelstudio', {
    'project-1.json': JSON.stringify([
      {
        id: 1,
        data: { image: '/data/upload/3/0a1b2c3d-a.png' },
        annotations: [
          {
            id: 1,
            result: [
              region('polygonlabels', {
                points: [
                  [0, 0],
                  [50, 0],
                  [50, 50],
                  [0, 50],
                ],
                polygonlabels: ['dent'],
              }),
            ],
          },
          { id: 2, was_cancelled: true, result: [] },
        ],
        predictions: [],
      },
      {
        id: 2,
        data: { image: 'https://host/files/b.png?x=1' },
        annotations: [
          {
            id: 3,
            result: [
              region('rectanglelabels', { x: 25, y: 0, width: 75, height: 50, rotation: 0, rectanglelabels: ['dent'] }),
            ],
          },
        ],
      },
      { id: 3, data: { image: '/data/local-files/?d=c%20c/c.png' }, annotations: [] },
    ]),
  });
  expect(images).toMatchObject([
    { path: 'a.png', layers: [{ type: 'dent', rle: bitmapOf('##..', '....') }] },
    { path: 'files/b.png', layers: [{ type: 'dent', rle: bitmapOf('.###', '....') }] },
  ]);
});

test('labelme: a mask of ones in its bounding box, a polygon, a rectangle, fractional corners', async () => {
  const png = await encodePng({ data: Uint8Array.of(1, 0, 1, 1), width: 2, height: 2, channels: 1 });
  const shape = (shape_type: string, label: string, points: number[][], mask: string | null = null) => ({
    label,
    points,
    group_id: null,
    description: '',
    shape_type,
    flags: {},
    mask,
  });
  const { images, leftOut } = await read('labelme', {
    'set/a.json': JSON.stringify({
      version: '5.5.0',
      flags: {},
      shapes: [
        shape(
          'mask',
          'dent',
          [
            [1.2, 0],
            [2, 1],
          ],
          Buffer.from(png).toString('base64'),
        ),
        shape('polygon', 'scratch', [
          [0, 2],
          [1, 2],
          [1, 3],
          [0, 3],
        ]),
        shape('rectangle', 'scratch', [
          [4, 3],
          [3, 2],
        ]),
        shape('linestrip', 'scratch', [
          [0, 0],
          [1, 1],
        ]),
      ],
      imagePath: '..\\pictures\\a.jpg',
      imageData: null,
      imageHeight: 3,
      imageWidth: 4,
    }),
  });
  expect(images).toMatchObject([
    {
      path: 'pictures/a.jpg',
      layers: [
        { type: 'dent', rle: bitmapOf('.#..', '.##.', '....') },
        { type: 'scratch', rle: bitmapOf('....', '....', '#..#') },
      ],
    },
  ]);
  expect(leftOut).toMatchObject([{ reason: expect.stringContaining('linestrip') }]);
});

test('YOLO segmentation: polygons as shares of the picture, names as a list or a map', async () => {
  const picture = await encodePng({ data: new Uint8Array(8), width: 4, height: 2, channels: 1 });
  for (const names of ['names: [dent, scratch]', 'nc: 2\nnames:\n  0: dent\n  1: scratch']) {
    const { images } = await read('yolo', {
      'data.yaml': `path: ../datasets/x # root\ntrain: images/train\n${names}\n`,
      'images/train/a.png': picture,
      'labels/train/a.txt': '1 0.25 0.5 0.75 0.5 0.75 1 0.25 1\n0 0.125 0.25 0.25 0.5\n',
    });
    expect(images).toMatchObject([
      {
        path: 'train/a.png',
        width: 4,
        height: 2,
        layers: [
          { type: 'scratch', rle: bitmapOf('....', '.##.') },
          { type: 'dent', rle: bitmapOf('#...', '....') },
        ],
      },
    ]);
  }
});

test('Pascal VOC: its own colours, the border that belongs to no class, the name in the annotation', async () => {
  // Class 1 is 128,0,0; 15, person, is 192,128,128; 224,224,192 is void.
  const data = Uint8Array.of(0, 0, 0, 128, 0, 0, 192, 128, 128, 224, 224, 192);
  const { images } = await read('voc', {
    'VOC2012/SegmentationClass/2007_000032.png': await encodePng({ data, width: 4, height: 1, channels: 3 }),
    'VOC2012/Annotations/2007_000032.xml':
      '<annotation><folder>VOC2012</folder><filename>2007_000032.jpg</filename></annotation>',
  });
  expect(images).toMatchObject([
    {
      path: '2007_000032.jpg',
      layers: [
        { type: 'aeroplane', rle: bitmapOf('.#..') },
        { type: 'person', rle: bitmapOf('..#.') },
      ],
    },
  ]);
});

test('MVTec AD as it is published', async () => {
  const mask = (data: number[]) => encodePng({ data: Uint8Array.from(data), width: 2, height: 2, channels: 1 });
  const { images, leftOut } = await read('mvtec', {
    'bottle/ground_truth/broken_large/000_mask.png': await mask([0, 255, 0, 0]),
    'bottle/test/broken_large/000.png': new Uint8Array(),
    'bottle/test/broken_large/001.png': new Uint8Array(),
    'bottle/test/good/000.png': new Uint8Array(),
    'bottle/train/good/000.png': new Uint8Array(),
    'bottle/readme.txt': 'text',
  });
  expect(images).toMatchObject([
    {
      path: 'bottle/test/broken_large/000.png',
      width: 2,
      layers: [{ type: 'broken_large', rle: bitmapOf('.#', '..') }],
    },
    { path: 'bottle/test/good/000.png', state: 'good' },
    { path: 'bottle/train/good/000.png', state: 'good', reference: true },
  ]);
  expect(leftOut).toMatchObject([{ path: 'bottle/test/broken_large/001.png' }]);
});

test('run lengths of every kind agree with the bitmap', () => {
  const rle = bitmapOf('#.#.#', '.....', '#####', '#...#');
  const columns = new Uint8Array(20);
  paintColumns(columnCounts(rle), columns, 5, 4, PLACE);
  const brush = decodeBrush(encodeBrush(rle), 5, 4, PLACE);
  expect([...columns]).toEqual([...decodeRle(rle)]);
  expect([...brush]).toEqual([...decodeRle(rle)]);
});
