/** What released versions of CVAT write, each feature in a small file as that tool writes it, and the very masks it means. */
import { describe, expect, test } from 'vitest';
import type { Area } from './kit.ts';
import { cornersOf, H, imported, reasons, W } from './tools.ts';

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
