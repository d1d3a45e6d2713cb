import { describe, expect, test } from 'vitest';
import type { Mask, RgbImage } from '../image/types.ts';
import { regionsOf } from '../inference/regions.ts';
import { type DetectionAnswer, type DetectionItem, evaluateDetection, figuresOf, mapFigures } from './detection.ts';
import { detectorMaps, foldersMaps, renderDetectionReport } from './detection-report.ts';
import { type DetectionSheet, type DetectionShot, renderDetectionSheet } from './detection-sheet.ts';

/** A picture of one grey; `defect` marks the left half of its mask. */
function item(name: string, grey: number, defect: boolean, [width, height] = [8, 6]): DetectionItem {
  const image: RgbImage = {
    data: new Uint8Array(width * height * 3).fill(grey),
    width: width,
    height: height,
    channels: 3,
  };
  const data = new Uint8Array(width * height);
  if (defect) for (let i = 0; i < data.length; i++) data[i] = i % width < width / 2 ? 1 : 0;
  const mask: Mask = { data, width: width, height: height, channels: 1 };
  return { name, type: defect ? 'dent' : 'good', image, mask };
}

/** Says grey / 255 on the left half, a tenth of it on the right. */
const detect = async ({ data, width, height }: RgbImage) => {
  const score = data[0] / 255;
  const map = new Float32Array(width * height).map((_, i) => (i % width < width / 2 ? score : score / 10));
  return { score, map: { data: map, width, height, channels: 1 as const }, isDefect: score > 0.5 };
};

const items = [
  item('a', 200, true),
  item('b', 100, true, [12, 6]),
  item('c', 20, false),
  item('d', 150, false, [6, 6]),
];

describe('evaluateDetection', () => {
  test('pools pixels of pictures of any size, and ranks pictures by score', async () => {
    const seen: string[] = [];
    const found = await evaluateDetection(items, detect, { examples: 1, onImage: ({ name }) => seen.push(name) });
    expect(seen).toEqual(['a', 'b', 'c', 'd']);
    // a .784 (24 defect pixels), d .588 (18 good), b .392 (36 defect): precision 1, then 60/78 for the other 36 of 60.
    expect(found.ap).toBeCloseTo((24 * 1 + 36 * (60 / 78)) / 60, 10);
    expect(found.iauroc).toBe(0.75);
    expect(found.decisions).toMatchObject({ falseAlarms: 0.5, missed: 0.5, auroc: 0.75, good: 2, defective: 2 });
    expect(found.images.map(({ area }) => area)).toEqual([0.5, 0.5, 0, 0]);
    expect(found.images.map(({ ap }) => ap)).toEqual([1, 1, undefined, undefined]);
    expect(found.suspicious.map(({ name }) => name)).toEqual(['d']);
    expect(found.worst).toHaveLength(1);
    expect(found.pixels).toMatchObject({ regions: 2, defectPixels: 60, goodPixels: 24 + 36 + 48 + 36 });
  });

  test('takes the pictures of each type beside all good ones, as though the other types were not there', async () => {
    const mixed = [items[0], { ...items[1], type: 'scratch' }, ...items.slice(2)];
    const all = await evaluateDetection(mixed, detect);
    expect(all.byType.map(({ type, images }) => [type, images])).toEqual([
      ['dent', 1],
      ['scratch', 1],
    ]);
    for (const { type, images, ...figures } of all.byType) {
      const alone = await evaluateDetection(
        mixed.filter((each) => each.type === type || each.type === 'good'),
        detect,
      );
      expect(figures).toEqual(figuresOf(alone));
    }
    expect(all.byType[0].iauroc).toBe(1);
    expect(all.byType[1].iauroc).toBe(0.5);
    expect(figuresOf(all)).toEqual(figuresOf(await evaluateDetection(items, detect)));
  });

  test('tells what was said of a picture, and waits, outside of the time that it measures', async () => {
    const told: string[] = [];
    const onVerdict = async ({ name }: DetectionItem, { score }: { score: number }) => {
      await new Promise((resolve) => setTimeout(resolve, 60));
      told.push(`${name} ${score.toFixed(1)}`);
    };
    const { images } = await evaluateDetection(items, detect, { onVerdict });
    expect(told).toEqual(['a 0.8', 'b 0.4', 'c 0.1', 'd 0.6']);
    expect(Math.min(...images.map(({ ms }) => ms))).toBeLessThan(50);
  });

  test('needs good and defective pictures, and stops when it is asked to', async () => {
    const none = evaluateDetection(items.slice(2), detect, { what: 'widgets' });
    await expect(none).rejects.toMatchObject({ code: 'ADC_NO_REGION' });
    await expect(evaluateDetection(items.slice(0, 2), detect)).rejects.toMatchObject({ code: 'ADC_NO_REGION' });
    const stopped = evaluateDetection(items, detect, { signal: AbortSignal.abort(new Error('enough')) });
    await expect(stopped).rejects.toThrow('enough');
  });

  test('its report shows figures, maps and every picture, and nothing unescaped', async () => {
    const found = await evaluateDetection(items, detect);
    const answer: DetectionAnswer = {
      ...mapFigures('<nuts>', found),
      detector: 'nuts & bolts',
      from: 'residual',
      labels: { count: 0, picks: 'none' },
      msPerImage: found.msPerImage,
      unsupervised: figuresOf(found),
      pictures: found.images,
      notes: ['a <note>'],
    };
    const page = await renderDetectionReport(found, detectorMaps(answer, 0.5), 'adclick evaluate detection');
    expect(page).toContain('&lt;nuts&gt;');
    expect(page).not.toMatch(/<nuts>|<note>/);
    expect(page).toContain(`${(100 * found.ap).toFixed(1)} %`);
    for (const name of ['dent/a', 'dent/b', 'good/c', 'good/d']) expect(page).toContain(name);
    expect(page.match(/<figure>/g)).toHaveLength(2 * (2 + 2 + 2));
    expect(page).toMatch(/<td class="text">dent<\/td><td>2<\/td><td>50.0<\/td>/);
    expect(page).toContain('more than 10 %');
    expect(page).not.toMatch(/https?:/);
  });

  test('the report of maps from a folder has neither times nor outlines that nobody has set', async () => {
    const found = await evaluateDetection(items, async (image) => {
      const { score, map } = await detect(image);
      return { score: 100 * score, map: { ...map, data: map.data.map((value) => 100 * value) } };
    });
    const maps = { folder: 'results/<draem>', resized: 0, scores: 'maximum' } as const;
    const answer = { ...mapFigures('nuts', found), maps, pictures: found.images, notes: ['a <note>'] };
    const page = await renderDetectionReport(found, foldersMaps(answer), 'adclick evaluate maps');
    expect(page).toContain('results/&lt;draem&gt;');
    expect(page).not.toMatch(/<note>|<draem>|residual alone|a picture; 95|<th[^>]*>ms<|class="predicted"/);
    expect(page).toMatch(/<td class="text">dent<\/td><td>2<\/td>/);
    const outlined = await renderDetectionReport(found, foldersMaps(answer, 30), 'adclick evaluate maps');
    expect(outlined).toContain('class="predicted"');
  });
});

describe('renderDetectionSheet', () => {
  /** Called defective above 0.5; the left half of a picture is its region where it reaches 0.4. */
  const shot = async ({ name, image, mask }: DetectionItem): Promise<DetectionShot> => {
    const said = await detect(image);
    const regions = regionsOf(said.map, 0.4, 0);
    return { name, image, ...(mask.data.includes(1) && { truth: mask }), detection: { ...said, regions, typical: 0 } };
  };
  const thresholds = { score: 0.5, map: 0.4, minArea: 4, decision: 'score', falseAlarmRate: 0.05, heldOut: 9 } as const;
  const figures = { ap: 0.912, pro: 0.934, pauroc: 0.9567, iauroc: 0.978 };
  const sheet = async (changes: Partial<DetectionSheet> = {}) =>
    renderDetectionSheet({
      title: 'Bolts & <nuts>',
      description: 'pictures',
      notes: ['The network was left <aside>.'],
      thresholds,
      scale: 1,
      figures: [
        { name: 'trained', of: figures },
        { name: 'residual alone', of: { ...figures, ap: 0.5 } },
      ],
      defects: await Promise.all(items.slice(0, 2).map(shot)),
      good: await Promise.all(items.slice(2).map(shot)),
      ...changes,
    });

  test('shows each picture and its map, the score beside the threshold, figures and notes', async () => {
    const html = await sheet();
    expect(html.match(/<figure>/g)).toHaveLength(2 * 4);
    expect(html).toContain('score 0.784, threshold 0.500: defective<');
    expect(html).toContain('score 0.392, threshold 0.500: good, missed<');
    expect(html).toContain('score 0.078, threshold 0.500: good<');
    expect(html).toContain('score 0.588, threshold 0.500: defective, a false alarm<');
    expect(html).toContain('one region, 24 px');
    expect(html).toContain('no region');
    for (const cell of ['91.2', '93.4', '95.67', '97.8', '50.0']) expect(html).toContain(`<td>${cell}</td>`);
    expect(html).toContain('left &lt;aside&gt;');
    expect(html).not.toMatch(/<nuts>|<aside>/);
  });

  test('draws no region that the detector leaves out', async () => {
    const outlined = (html: string) => html.match(/<path class="predicted" d="M/g)?.length ?? 0;
    expect(outlined(await sheet())).toBe(2);
    expect(outlined(await sheet({ thresholds: { ...thresholds, minArea: 20 } }))).toBe(1);
    expect(outlined(await sheet({ thresholds: { ...thresholds, minArea: 20 }, scale: 2 }))).toBe(0);
  });
});
