/** The click evaluation against annotators and predictors whose course is known. */
import { expect, test } from 'vitest';
import type { Click } from '../clicks/types.ts';
import { IGNORE, type Mask, type Plane } from '../image/types.ts';
import { iou, pixelMetrics } from './metrics.ts';
import { type ClickItem, type ClickMetrics, clickAnswer, evaluateClicks } from './protocol.ts';

const SIZE = 24;

/** A mask of discs. */
function discs(...centres: readonly (readonly [x: number, y: number, radius: number])[]): Mask {
  const data = Uint8Array.from({ length: SIZE * SIZE }, (_, i) => {
    const [x, y] = [i % SIZE, Math.floor(i / SIZE)];
    return centres.some(([cx, cy, r]) => (x - cx) ** 2 + (y - cy) ** 2 <= r * r) ? 1 : 0;
  });
  return { data, width: SIZE, height: SIZE, channels: 1 };
}

const pick = (metrics: ClickMetrics | undefined) =>
  metrics && { ap: metrics.ap, pro: metrics.pro, pauroc: metrics.pauroc, miou: metrics.miou };

/** Discs of radius 5 around positive clicks, cleared around negative ones, scores falling with distance. */
const discPredictor = async (clicks: readonly Click[]): Promise<Plane> => {
  const data = Float32Array.from({ length: SIZE * SIZE }, (_, i) => {
    const [x, y] = [i % SIZE, Math.floor(i / SIZE)];
    let score = 0.01 + (i % 7) / 1000;
    for (const click of clicks) {
      const distance = Math.hypot(x - click.x, y - click.y);
      if (distance <= 5) score = click.positive ? Math.max(score, 0.9 - distance / 20) : 0.02;
    }
    return score;
  });
  return { data, width: SIZE, height: SIZE, channels: 1 };
};

const item = (name: string, mask: Mask, predict = discPredictor): ClickItem => ({ name, type: 'disc', mask, predict });

test('clicks the deepest wrong pixel, keeps every IoU, and pools the maps after each reported click', async () => {
  const masks = [discs([7, 7, 5], [17, 17, 3]), discs([12, 12, 6])];
  const evaluation = await evaluateClicks(
    masks.map((mask, i) => item(`image ${i}`, mask)),
    { clicks: 3, report: [1, 3, 5] },
  );
  const [first, second] = evaluation.images;
  expect(first.clicks[0]).toEqual({ x: 7, y: 7, positive: true });
  expect(first.clicks[1]).toMatchObject({ x: 17, y: 17, positive: true });
  expect(second.clicks[0]).toEqual({ x: 12, y: 12, positive: true });
  expect([...evaluation.at.keys()]).toEqual([1, 3]);
  for (const k of [1, 3]) {
    const maps = await Promise.all(evaluation.images.map((image) => discPredictor(image.clicks.slice(0, k))));
    const { miou, ap, pro, pauroc } = evaluation.at.get(k)!;
    expect({ ap, pro, pauroc }).toEqual(pixelMetrics(maps, masks));
    const ious = maps.map((map, i) => iou(map, masks[i]));
    expect(miou).toBeCloseTo((ious[0] + ious[1]) / 2, 12);
    expect(evaluation.images.map((image) => image.ious[k - 1])).toEqual(ious);
  }
  expect(evaluation.worst[0].iou).toBeLessThanOrEqual(evaluation.best[0].iou);
});

test('a perfect mask needs no more clicks and its map stands for the rest', async () => {
  const mask = discs([10, 10, 4]);
  let calls = 0;
  const perfect = async () => {
    calls++;
    return { ...mask, data: Float32Array.from(mask.data) };
  };
  const { images, at, noc, nocCap, msPerClick } = await evaluateClicks([item('a', mask, perfect)], { nocClicks: 20 });
  expect(calls).toBe(1);
  expect(images[0].ious).toEqual(new Array(20).fill(1));
  expect([...at].map(([k, { ap, miou }]) => [k, ap, miou])).toEqual([
    [1, 1, 1],
    [3, 1, 1],
    [5, 1, 1],
  ]);
  expect(noc).toEqual({ 80: 1, 85: 1, 90: 1 });
  expect(nocCap).toBe(20);
  expect(msPerClick.p50).toBeGreaterThanOrEqual(0);
});

test('NoC is capped at the clicks that were made, and goes on when asked to', async () => {
  const never = async () => ({ ...discs(), data: new Float32Array(SIZE * SIZE) });
  const few = await evaluateClicks([item('a', discs([10, 10, 4]), never)]);
  expect(few.noc).toEqual({ 80: 5, 85: 5, 90: 5 });
  expect(few.failed).toEqual({ 80: 1, 85: 1, 90: 1 });
  const many = await evaluateClicks([item('a', discs([10, 10, 4]), never)], { nocClicks: 20 });
  expect(many.noc['85']).toBe(20);
  expect(many.images[0].clicks).toHaveLength(20);
  expect(new Set(many.images[0].clicks.map(({ x, y }) => `${x},${y}`)).size).toBe(20);
  expect([...many.at.keys()]).toEqual([1, 3, 5]);
});

test('images without a defect are left out and named; without any other there is nothing to measure', async () => {
  const blank = discs();
  const ignored: Mask = { ...blank, data: blank.data.map(() => IGNORE) };
  const evaluation = await evaluateClicks([item('blank', blank), item('a', discs([10, 10, 4]))]);
  expect(evaluation.images.map(({ name }) => name)).toEqual(['a']);
  expect(evaluation.skipped).toEqual(['blank']);
  await expect(evaluateClicks([item('ignored', ignored)], { what: 'bottle' })).rejects.toMatchObject({
    code: 'ADC_NO_REGION',
    message: expect.stringContaining('bottle'),
  });
});

test('a map of another size names the image', async () => {
  const small = async () => ({ data: new Float32Array(4), width: 2, height: 2, channels: 1 as const });
  await expect(evaluateClicks([item('odd', discs([10, 10, 4]), small)])).rejects.toMatchObject({
    code: 'ADC_MASK_SIZE',
    message: expect.stringContaining('odd'),
  });
});

test('an abort stops before the next image', async () => {
  const controller = new AbortController();
  const seen: string[] = [];
  const run = evaluateClicks([item('a', discs([10, 10, 4])), item('b', discs([9, 9, 4]))], {
    signal: controller.signal,
    onImage: ({ name }) => {
      seen.push(name);
      controller.abort(new Error('stopped'));
    },
  });
  await expect(run).rejects.toThrow('stopped');
  expect(seen).toEqual(['a']);
});

test('keeps only the best and worst examples', async () => {
  const items = [3, 4, 5, 6, 7, 8].map((radius) => item(`r${radius}`, discs([12, 12, radius])));
  const { best, worst, images } = await evaluateClicks(items, { clicks: 1, examples: 2 });
  const ordered = [...images].sort((a, b) => b.ious[0] - a.ious[0]).map(({ name }) => name);
  expect(best.map(({ result }) => result.name)).toEqual(ordered.slice(0, 2));
  expect(worst.map(({ result }) => result.name)).toEqual(ordered.reverse().slice(0, 2));
  expect(best[0].predicted.data.includes(1)).toBe(true);
});

test('the answer has the promised names', async () => {
  const evaluation = await evaluateClicks([item('a', discs([10, 10, 4]))]);
  const answer = clickAnswer(evaluation, { category: 'discs', weights: 'small', trainedOn: ['wood'] });
  expect(answer).toMatchObject({ category: 'discs', images: 1, weights: 'small', trainedOn: ['wood'], nocCap: 5 });
  expect(Object.keys(answer.clicks)).toEqual(['1', '3', '5']);
  expect(Object.keys(answer.clicks['1'])).toEqual(['ap', 'pro', 'pauroc', 'miou']);
  expect(Object.keys(answer.noc)).toEqual(['80', '85', '90']);
  expect(Object.keys(answer.msPerClick)).toEqual(['p50', 'p95']);
  expect(answer.perImage).toEqual([{ image: 'a', type: 'disc', area: 49, iou: evaluation.images[0].ious }]);
  expect(answer.paperClicks).toBeUndefined();
  expect(JSON.parse(JSON.stringify(answer))).toEqual(answer);
});

test('the paper’s way is measured beside the rules, with an annotator of its own', async () => {
  const mask = discs([10, 10, 4]);
  const perfect = async () => ({ ...mask, data: Float32Array.from(mask.data) });
  const evaluation = await evaluateClicks([{ ...item('a', mask, perfect), predictAsPaper: discPredictor }]);
  const { clicks, paperClicks, noc, paperNoc } = clickAnswer(evaluation, {
    category: 'a',
    weights: 'b',
    trainedOn: 'c',
  });
  expect([clicks['1'].miou, noc['90']]).toEqual([1, 1]);
  const alone = await evaluateClicks([item('a', mask)]);
  expect(paperClicks?.['5']).toEqual({ ...pick(alone.at.get(5)) });
  expect(paperNoc).toEqual(alone.noc);
});

test('an annotator who does not aim is measured when asked, alike each time', async () => {
  const items = [item('a', discs([7, 7, 5], [17, 17, 3])), item('b', discs([12, 12, 6]))];
  const answer = async (offCentre?: boolean) =>
    clickAnswer(await evaluateClicks(items, { offCentre }), { category: 'a', weights: 'b', trainedOn: 'c' });
  expect((await answer()).offCentreClicks).toBeUndefined();
  const { clicks, offCentreClicks } = await answer(true);
  // A disc of the predictor around the middle is more of the defect than one around any other pixel.
  expect(offCentreClicks?.['1'].miou).toBeLessThan(clicks['1'].miou);
  expect((await answer(true)).offCentreClicks).toEqual(offCentreClicks);
});

test('counts clicks that make an image worse, and those that are not obeyed', async () => {
  const mask = discs([7, 7, 5], [17, 17, 3]);
  // The second click loses the first disc, and the third is not obeyed.
  const course = [discs([7, 7, 5]), discs([17, 17, 3]), discs([17, 17, 3])];
  const forgetful = async (clicks: readonly Click[]) => ({
    ...mask,
    data: Float32Array.from(course[clicks.length - 1].data),
  });
  const evaluation = await evaluateClicks([item('a', mask, forgetful)], { clicks: 3 });
  const { worse, obeyed } = clickAnswer(evaluation, { category: 'a', weights: 'b', trainedOn: 'c' });
  expect(worse.share).toBe(1 / 2);
  // After the second click the first one's pixel is out; after the third the first's and the third's.
  expect(obeyed).toEqual({ clicks: 3, violations: 3 });
});
