import { describe, expect, test } from 'vitest';
import { decodeImage, imageSize, pictureNotes } from './codec.ts';
import { type TiffOptions, type TiffPage, writeTiff } from './fixtures/write-tiff.ts';
import { fullPage, TIFF_TAGS } from './tiff.ts';

const { newSubfileType, subfileType, orientation } = TIFF_TAGS;
const page = (width: number, height: number, value: number, more: Partial<TiffPage> = {}): TiffPage => ({
  width,
  height,
  type: 'uint16',
  sample: () => value,
  ...more,
});
const thumbnail = (value: number, tags: Record<number, number> = { [newSubfileType]: 1 }) =>
  page(12, 9, value, { tags });

describe('which page is the picture', () => {
  const cases: [string, TiffPage[], { width: number; value: number; pages: number; page: number }][] = [
    ['a single page', [page(40, 30, 7)], { width: 40, value: 7, pages: 1, page: 0 }],
    ['a stack', [page(40, 30, 7), page(40, 30, 8), page(40, 30, 9)], { width: 40, value: 7, pages: 3, page: 0 }],
    ['a thumbnail first', [thumbnail(1), page(40, 30, 7)], { width: 40, value: 7, pages: 1, page: 0 }],
    [
      'an old thumbnail first',
      [thumbnail(1, { [subfileType]: 2 }), page(40, 30, 7)],
      { width: 40, value: 7, pages: 1, page: 0 },
    ],
    [
      'a thumbnail that does not say so',
      [page(20, 15, 1), page(40, 30, 7)],
      { width: 40, value: 7, pages: 2, page: 1 },
    ],
    ['a thumbnail behind', [page(40, 30, 7), thumbnail(1)], { width: 40, value: 7, pages: 1, page: 0 }],
    ['a smaller page first', [page(30, 30, 7), page(40, 30, 8)], { width: 30, value: 7, pages: 2, page: 0 }],
    [
      'a mask first',
      [thumbnail(1, { [newSubfileType]: 4 }), page(40, 30, 7)],
      { width: 40, value: 7, pages: 1, page: 0 },
    ],
    [
      'the picture inside',
      [thumbnail(1), { ...page(12, 9, 1), tags: { [newSubfileType]: 1 }, inside: [page(40, 30, 7)] }],
      { width: 40, value: 7, pages: 1, page: 0 },
    ],
    ['a pyramid inside', [page(40, 30, 7, { inside: [thumbnail(1)] })], { width: 40, value: 7, pages: 1, page: 0 }],
    ['nothing but thumbnails', [thumbnail(5), thumbnail(6)], { width: 12, value: 5, pages: 2, page: 0 }],
  ];
  const kinds: [string, TiffOptions][] = [
    ['little-endian', {}],
    ['big-endian', { little: false }],
    ['BigTIFF', { big: true }],
  ];
  for (const [kind, options] of kinds)
    test.each(cases)(`${kind}: %s`, async (_name, pages, want) => {
      for (const type of ['uint8', 'uint16', 'int16', 'float32'] as const) {
        const bytes = writeTiff(
          pages.map((each) => ({ ...each, type, inside: each.inside?.map((sub) => ({ ...sub, type })) })),
          options,
        );
        const before = Buffer.from(bytes);
        // As readFile gives it.
        const image = await decodeImage(before);
        expect(before.equals(bytes)).toBe(true);
        const { width, data } = image;
        expect({ width, value: data[0], pages: image.pages, page: image.page }).toEqual(want);
        expect(imageSize(bytes, 'x').width).toBe(want.width);
        const which = want.page === 0 ? 'the first' : `page ${want.page + 1}`;
        const notes = want.pages > 1 ? [`has ${want.pages} pages, ${which} is used`] : [];
        expect(pictureNotes(image, undefined)).toEqual(notes);
      }
    });

  test('the orientation is that of the page', async () => {
    const bytes = writeTiff([thumbnail(1), page(40, 30, 7, { tags: { [orientation]: 6 } })]);
    expect(imageSize(bytes, 'x')).toEqual({ width: 30, height: 40 });
    expect(await decodeImage(bytes)).toMatchObject({ width: 30, height: 40 });
  });
});

describe('chains that were made to keep somebody busy', () => {
  test.each([0, 1, 2])('a circle back to page %i', async (circle) => {
    const pages = [page(8, 6, 3), page(8, 6, 4), page(8, 6, 5)];
    for (const type of ['uint16', 'int16'] as const) {
      const bytes = writeTiff(
        pages.map((each) => ({ ...each, type })),
        { circle },
      );
      expect(await decodeImage(bytes)).toMatchObject({ pages: 3, page: 0 });
    }
  });

  test('a page that is its own next', async () => {
    expect(await decodeImage(writeTiff([page(8, 6, 3)], { circle: 0 }))).toMatchObject({ pages: 1, width: 8 });
  });

  test('thousands of pages take no time', async () => {
    const bytes = writeTiff(Array.from({ length: 12_000 }, (_, i) => page(1, 1, i % 100)));
    const before = performance.now();
    const image = await decodeImage(bytes);
    expect(image.pages).toBe(10_000);
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  test('a directory that lies beyond the end ends the chain; the first one is a file cut off', () => {
    const bytes = writeTiff([page(8, 6, 3), page(8, 6, 4)]);
    const { nextAt, little } = fullPage(bytes)!;
    new DataView(bytes.buffer).setUint32(nextAt, bytes.length + 100, little);
    expect(fullPage(bytes)).toMatchObject({ pages: 1 });
    new DataView(bytes.buffer).setUint32(4, bytes.length + 100, little);
    expect(() => fullPage(bytes)).toThrow(RangeError);
  });
});
