/** The report's parts: contours are paths, charts hold their values, the page needs nothing but itself. */
import { describe, expect, test } from 'vitest';
import { decodeImage } from '../image/codec.ts';
import { IGNORE, type Mask, type RgbImage } from '../image/types.ts';
import { contourPath, detailBox, maskFigure } from './figures.ts';
import { renderProductSheet } from './product-sheet.ts';
import { evaluateClicks } from './protocol.ts';
import { renderClickReport } from './report.ts';
import { lineChart, roundTicks } from './svg.ts';

const maskOf = (rows: readonly string[]): Mask => ({
  data: Uint8Array.from(rows.join(''), (letter) => (letter === '#' ? 1 : letter === '?' ? IGNORE : 0)),
  width: rows[0].length,
  height: rows.length,
  channels: 1,
});

describe('contours', () => {
  test('as a path, a hole is an outline of its own', () => {
    expect(contourPath(maskOf(['###', '#.#', '###']))).toBe('M0 0h3v3h-3zM2 1h-1v1h1z');
    expect(contourPath(maskOf(['...']))).toBe('');
  });

  test('leave out pixels that count as neither defect nor good', () => {
    expect(contourPath(maskOf(['?#', '##']))).toBe('M1 0h1v2h-2v-1h1z');
  });
});

describe('charts', () => {
  test('ticks are round and inside', () => {
    expect(roundTicks(0, 1)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(roundTicks(0, 0.3)).toEqual([0, 0.1, 0.2, 0.3]);
    expect(roundTicks(1, 20)).toEqual([5, 10, 15, 20]);
  });

  test('the frame maps to the corners, and texts are escaped', () => {
    const chart = lineChart({
      title: 'a < b',
      description: 'rises "fast"',
      x: { label: 'x', min: 0, max: 2 },
      y: { label: 'y', min: 0, max: 1 },
      series: [
        {
          name: 'one',
          points: [
            { x: 0, y: 0 },
            { x: 2, y: 1 },
          ],
        },
      ],
    });
    expect(chart).toContain('points="50,254 428,42"');
    expect(chart).toContain('aria-label="a &lt; b. rises &quot;fast&quot;"');
  });
});

const SIZE = 96;
const image: RgbImage = {
  data: Uint8Array.from({ length: SIZE * SIZE * 3 }, (_, i) => (i * 7) % 256),
  width: SIZE,
  height: SIZE,
  channels: 3,
};
const square = (x0: number, side: number): Mask => ({
  data: Uint8Array.from({ length: SIZE * SIZE }, (_, i) => {
    const [x, y] = [i % SIZE, Math.floor(i / SIZE)];
    return x >= x0 && x < x0 + side && y >= 40 && y < 40 + side ? 1 : 0;
  }),
  width: SIZE,
  height: SIZE,
  channels: 1,
});

test('a figure inlines the picture and names its clicks', async () => {
  const html = await maskFigure({
    image,
    alt: 'part "3"',
    truth: square(8, 4),
    clicks: [{ x: 9, y: 41, positive: false }],
  });
  expect(html).toContain('aria-label="part &quot;3&quot;"');
  expect(html).toContain('class="truth" d="M8 40h4v4h-4z"');
  expect(html).toContain('Click 1, negative, at 9, 41');
  const encoded = /data:image\/jpeg;base64,([^"]+)"/.exec(html)![1];
  const decoded = await decodeImage(Buffer.from(encoded, 'base64'));
  expect([decoded.width, decoded.height]).toEqual([SIZE, SIZE]);
});

test('a detail surrounds small masks and lies inside the picture', () => {
  const wide: Mask = { ...square(0, 0), width: 1000, height: 100, data: new Uint8Array(100_000) };
  wide.data[50 * 1000 + 3] = 1;
  expect(detailBox([wide])).toEqual({ x: 0, y: 19, width: 64, height: 64 });
  expect(detailBox([square(0, 0)])).toBeUndefined();
  expect(detailBox([square(8, 40)])).toBeUndefined();
});

/** Addresses a page would fetch. */
const outside = (html: string) =>
  [...html.matchAll(/(?:href|src)="([^"]*)"|url\(([^)]*)\)|@import/g)].filter(
    ([, address]) => !address?.startsWith('data:'),
  );

test('the report holds figures, curves, examples and every image, and fetches nothing', async () => {
  const predictor = (mask: Mask) => async () => ({
    ...mask,
    data: Float32Array.from(mask.data, (value, i) => (value ? 0.9 : (i % 50) / 100)),
  });
  const items = [20, 30, 40].map((x) => ({
    name: `part<${x}>`,
    type: 'dent',
    image,
    mask: square(x, 10),
    predict: predictor(square(x + 2, 10)),
  }));
  const evaluation = await evaluateClicks(items);
  const subject = {
    category: 'nuts & bolts',
    weights: 'adclick-small',
    trainedOn: 'made-up parts',
    command: 'adclick evaluate clicks',
  };
  const html = await renderClickReport(evaluation, subject);
  expect(outside(html)).toEqual([]);
  expect(html).not.toContain('<script');
  expect(html).toContain('nuts &amp; bolts');
  expect(html).not.toContain('part<20>');
  for (const x of [20, 30, 40]) expect(html).toContain(`<td>dent/part&lt;${x}&gt;</td>`);
  const percent = (evaluation.at.get(5)!.ap * 100).toFixed(1);
  expect(html).toContain(`<strong>${percent} %</strong><span>average precision after 5 clicks</span>`);
  expect(html.match(/class="chart"/g)).toHaveLength(3);
  expect(html.match(/<svg[^>]*role="img"(?![^>]*aria-label="[^"]+")/g)).toBeNull();
  expect(await renderClickReport(evaluation, subject)).toBe(html);
});

test('a product sheet shows good examples and the mask after each step', async () => {
  const steps = [1, 3].map((count) => ({
    clicks: Array.from({ length: count }, (_, i) => ({ x: 10 + i, y: 42, positive: true })),
    predicted: square(8, 6),
    iou: 0.5,
  }));
  const sheet = {
    name: 'washer',
    good: [image, image],
    defects: [{ name: 'scratch', image, truth: square(8, 8), steps }],
  };
  const html = await renderProductSheet(sheet);
  expect(html.match(/<figure>/g)).toHaveLength(2 + 1 + 2);
  expect(html).toContain('after 3 clicks');
  expect(html).toContain('IoU 50.0 %');
  expect(outside(html)).toEqual([]);
});
