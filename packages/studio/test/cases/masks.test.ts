/** What the values of masks mean, in Pascal VOC's folders and in folders of plain masks: read by the written rule, or left out. */
import type { Pixels } from '@adclick/core';
import { encodeIndexedPng, encodeJpeg, encodePng } from '@adclick/core/image';
import { describe, expect, test } from 'vitest';
import {
  type Area,
  bitmap,
  colourOf,
  type Files,
  importFiles,
  labelFiles,
  labelsOf,
  makeProject,
  SIZE,
} from './kit.ts';

const B0 = 'test/bad/b0.png';
const [FIRST, SECOND, THIRD]: readonly Area[] = [
  [2, 3, 5, 6],
  [12, 3, 5, 6],
  [22, 3, 5, 6],
];
const ALL = [FIRST, SECOND, THIRD];
const WHOLE = 'bad 2,3 25x6 90';

/** An area of each value, side by side. */
function valued(values: readonly number[]): Uint16Array {
  const data = new Uint16Array(SIZE.width * SIZE.height);
  for (const [i, value] of values.entries())
    bitmap(ALL[i]).forEach((set, at) => {
      if (set) data[at] = value;
    });
  return data;
}

const grey = (...values: number[]) => encodePng({ data: Uint8Array.from(valued(values)), ...SIZE, channels: 1 });
const grey16 = (...values: number[]) => encodePng({ data: valued(values), ...SIZE, channels: 1 });
const rgb = (...colours: (readonly [number, number, number])[]) => {
  const data = new Uint8Array(SIZE.width * SIZE.height * 3);
  valued(colours.map((_, i) => i + 1)).forEach((number, at) => {
    if (number > 0) data.set(colours[number - 1] as readonly number[], at * 3);
  });
  return encodePng({ data, ...SIZE, channels: 3 });
};
const jpeg = (...values: number[]) =>
  encodeJpeg({ data: Uint8Array.from(valued(values)), ...SIZE, channels: 1 } as Pixels<Uint8Array>, 90);
const palette = (...values: number[]) =>
  encodeIndexedPng(
    Uint8Array.from(valued(values)),
    SIZE.width,
    SIZE.height,
    Array.from({ length: 256 }, (_, i) => colourOf(i)),
  );

const text = (content: string) => new TextEncoder().encode(content);
const map = (...lines: string[]) => ({
  'labelmap.txt': text(`# label:color_rgb:parts:actions\n${lines.join('\n')}\n`),
});
const BACKGROUND = 'background:0,0,0::';
const THREE = map(BACKGROUND, 'a:128,0,0::', 'b:0,128,0::', 'c:128,128,0::');
const OWN = map(BACKGROUND, 'a:250,50,83::', 'b:50,183,250::', 'c:83,250,50::');

async function imported(mask: Uint8Array, more: Record<string, Uint8Array> = {}, ending = 'png') {
  const root = await makeProject([B0]);
  const files: Files = new Map([...Object.entries(more), [`SegmentationClass/b0.${ending}`, mask]]);
  const { leftOut } = await importFiles(root, 'voc', files);
  return { label: (await labelsOf(root))[B0], reasons: leftOut.map(({ reason }) => reason).join('; ') };
}

describe('class masks of Pascal VOC', () => {
  const A = 'a 2,3 5x6 30';
  const ABC = `${A}; b 12,3 5x6 30; c 22,3 5x6 30`;
  test.each<
    [what: string, mask: () => Promise<Uint8Array> | Uint8Array, labels: Record<string, Uint8Array>, want: string]
  >([
    ['numbers in grey', () => grey(1, 2, 3), THREE, ABC],
    ['numbers in grey, of labels with colours of their own', () => grey(1, 2, 3), OWN, ABC],
    ['numbers in 16 bits', () => grey16(1, 2, 3), OWN, ABC],
    ['numbers, 255 around them', () => grey(1, 255, 3), THREE, `${A}; c 22,3 5x6 30`],
    ['levels', () => grey(85, 170, 255), THREE, ABC],
    ['colours', () => rgb([128, 0, 0], [0, 128, 0], [128, 128, 0]), THREE, ABC],
    ['colours of a palette', () => palette(1, 2, 3), THREE, ABC],
    ['colours, VOC’s own for no class between them', () => rgb([128, 0, 0], [224, 224, 192]), THREE, A],
    ['white that the labels have', () => grey(255), map(BACKGROUND, 'a:255,255,255::'), A],
    [
      'greys that the labels have',
      () => grey(40, 80),
      map(BACKGROUND, 'a:40,40,40::', 'b:80,80,80::'),
      `${A}; b 12,3 5x6 30`,
    ],
    ['labels without colours', () => palette(1, 2, 3), map('background:::', 'a:::', 'b:::', 'c:::'), ABC],
    ['grey in three channels', () => rgb([1, 1, 1], [2, 2, 2], [3, 3, 3]), OWN, ABC],
    [
      'labels with one for no class',
      () => rgb([128, 0, 0], [10, 10, 10]),
      map(BACKGROUND, 'a:128,0,0::', 'ignored:10,10,10::'),
      A,
    ],
  ])('%s', async (_, mask, labels, want) => {
    expect(await imported(await mask(), labels)).toEqual({ label: want, reasons: '' });
  });

  test.each<[what: string, mask: () => Promise<Uint8Array>, labels: Record<string, Uint8Array>, reason: RegExp]>([
    ['white without labels', () => grey(255), {}, /255/],
    ['white that the labels do not have', () => grey(255), THREE, /255/],
    ['a number without a label', () => grey(99), THREE, /99/],
    ['a colour without a label', () => rgb([1, 2, 3]), THREE, /1,2,3/],
    ['numbers of parts in 16 bits', () => grey16(1001, 1002), THREE, /1001/],
    [
      'a number that is one label as listed and another by its colour',
      () => grey(1),
      map(BACKGROUND, 'a:0,128,0::', 'b:128,0,0::'),
      /another/,
    ],
    ['a colour of two labels', () => rgb([128, 0, 0]), map(BACKGROUND, 'a:128,0,0::', 'b:128,0,0::'), /several labels/],
    [
      'two classes of VOC where the annotation names another',
      () => grey(1, 2),
      { 'Annotations/b0.xml': text('<annotation><object><name>dent</name></object></annotation>') },
      /dent/,
    ],
    [
      'an empty mask where the annotation names a type',
      () => grey(0),
      { ...THREE, 'Annotations/b0.xml': text('<annotation><object><name>a</name></object></annotation>') },
      /a/,
    ],
  ])('%s is left out', async (_, mask, labels, reason) => {
    const { label, reasons } = await imported(await mask(), labels);
    expect(label).toBe('todo');
    expect(reasons).toMatch(reason);
  });

  test('in JPEG, or under the name of a PNG, are left out', async () => {
    for (const ending of ['jpg', 'png']) {
      const { label, reasons } = await imported(await jpeg(1, 2, 3), THREE, ending);
      expect([label, reasons]).toEqual(['todo', expect.stringContaining('JPEG')]);
    }
  });

  test('what is known of a mask is taken, what is not is named', async () => {
    const { label, reasons } = await imported(await grey(1, 77), THREE);
    expect([label, reasons]).toEqual([A, expect.stringContaining('77')]);
  });

  test('a line of labels that cannot be read leaves the others', async () => {
    const { label, reasons } = await imported(await rgb([128, 0, 0]), map(BACKGROUND, 'x:300,0,0::', 'a:128,0,0::'));
    expect([label, reasons]).toEqual([A, expect.stringContaining('255')]);
  });

  test('one class and one name in the annotation are the same where there are no labels', async () => {
    const annotation = text('<annotation><object><name>dent</name></object></annotation>');
    expect(await imported(await grey(1), { 'Annotations/b0.xml': annotation })).toEqual({
      label: 'dent 2,3 5x6 30',
      reasons: '',
    });
  });

  test('pictures that only lists, annotations or masks of objects speak of are named', async () => {
    const root = await makeProject([B0, 'test/bad/b1.png', 'test/bad/b2.png', 'test/bad/b3.png']);
    const files = await labelFiles('voc', [{ name: 'b0.png', regions: [{ type: 'a', area: FIRST }] }]);
    files.set('ImageSets/Segmentation/train.txt', text('b0\nb1\n'));
    files.set('Annotations/b2.xml', text('<annotation><filename>b2.png</filename></annotation>'));
    files.set('SegmentationObject/b0.png', palette(1));
    files.set('SegmentationObject/b3.png', palette(1));
    const { leftOut } = await importFiles(root, 'voc', files);
    expect(leftOut.map(({ path }) => path.slice(0, 2)).sort()).toEqual(['b1', 'b2', 'b3']);
    expect(Object.values(await labelsOf(root)).sort()).toEqual([A, 'todo', 'todo', 'todo']);
  });

  test('boxes are read where there are no masks at all, broken ones left out', async () => {
    const root = await makeProject([B0, 'test/bad/b1.png']);
    const file = (name: string, ...corners: (number | string)[]) => {
      const [left, top, right, bottom] = corners;
      const box = `<bndbox><xmin>${left}</xmin><ymin>${top}</ymin><xmax>${right}</xmax><ymax>${bottom}</ymax></bndbox>`;
      return text(
        `<annotation><filename>${name}</filename><size><width>32</width><height>24</height></size><object><name>a</name>${box}</object></annotation>`,
      );
    };
    const files: Files = new Map([
      ['Annotations/b0.xml', file('b0.png', 3, 4, 7, 9)],
      ['Annotations/b1.xml', file('b1.png', 3, 4, 'x', 9)],
    ]);
    const { leftOut } = await importFiles(root, 'voc', files);
    expect(leftOut).toMatchObject([{ path: 'b1.png', type: 'a' }]);
    expect(await labelsOf(root)).toEqual({ [B0]: A, 'test/bad/b1.png': 'todo' });
  });

  test('a mask of another size than its picture is left out', async () => {
    const mask = await encodePng({ data: new Uint8Array(12).fill(1), width: 4, height: 3, channels: 1 });
    const { label, reasons } = await imported(mask, THREE);
    expect([label, reasons]).toEqual(['todo', expect.stringContaining('4 x 3')]);
  });
});

describe('plain masks', () => {
  async function marked(mask: Uint8Array, ending = 'png') {
    const root = await makeProject([B0]);
    const { leftOut } = await importFiles(root, 'mvtec', new Map([[`ground_truth/bad/b0_mask.${ending}`, mask]]));
    return { label: (await labelsOf(root))[B0], reasons: leftOut.map(({ reason }) => reason).join('; ') };
  }

  test.each<[what: string, mask: () => Promise<Uint8Array> | Uint8Array]>([
    ['white', () => grey(255, 255, 255)],
    ['levels', () => grey(85, 170, 255)],
    ['numbers', () => grey(1, 2, 3)],
    ['numbers on both sides of half', () => grey(40, 120, 200)],
    ['numbers in 16 bits', () => grey16(7, 300, 40_000)],
    ['colours', () => rgb([64, 0, 0], [0, 128, 0], [128, 128, 0])],
    ['colours of a palette', () => palette(8, 2, 3)],
  ])('%s: everything not black is marked', async (_, mask) => {
    expect(await marked(await mask())).toEqual({ label: WHOLE, reasons: '' });
  });

  test.each<[what: string, values: number[]]>([
    ['small numbers', [1, 2, 3]],
    ['levels', [85, 170, 255]],
    ['one dark level', [60]],
  ])('%s in JPEG are left out', async (_, values) => {
    const { label, reasons } = await marked(await jpeg(...values), 'jpg');
    expect([label, reasons]).toEqual(['todo', expect.stringContaining('JPEG')]);
  });

  test('white in JPEG is cut at half', async () => {
    expect((await marked(await jpeg(255), 'jpg')).label).toMatch(/^bad 2,3 5x6 30$/);
  });

  test('black is left out, wherever it comes from', async () => {
    for (const mask of [await grey(0), await jpeg(0), await rgb()])
      expect(await marked(mask)).toEqual({ label: 'todo', reasons: expect.stringContaining('no pixel') });
  });
});
