import { describe, expect, test } from 'vitest';
import { fromLogOdds, logOdds } from '../log-odds.ts';
import { Random } from '../random.ts';
import type { HeldOutGood } from './detector-card.ts';
import { chanceAbove, DriftWatch, driftOf, type Known, withGoods } from './drift.ts';
import { thresholdFor } from './thresholds.ts';

const random = new Random('drift');
/** Pictures whose map lies so much above the usual one everywhere, and whose score does. */
const pictures = (count: number, everywhere = 0, score = everywhere): HeldOutGood[] =>
  Array.from({ length: count }, () => ({
    score: fromLogOdds(score + 0.2 * random.normal()),
    map: fromLogOdds(score - 0.1 + 0.2 * random.normal()),
    typical: fromLogOdds(everywhere - 2 + 0.2 * random.normal()),
  }));

const rate = 0.05;
const thresholdOf = (good: readonly HeldOutGood[]) =>
  thresholdFor({ good: good.map(({ score }) => score), defects: [] }, rate);
/** A card with held-out good pictures. */
const card = (good: readonly HeldOutGood[]): Known => ({
  thresholds: {
    ...{ score: thresholdOf(good), map: 0.5, minArea: 16, decision: 'score', falseAlarmRate: rate },
    heldOut: good.length,
  },
  heldOut: { good, defects: [] },
});

describe('the chance that pictures of one kind lie above the largest known ones', () => {
  test('is that of an order drawn at random', () => {
    // Above the largest of three: both of two in 1 of 10 orders, at least one of two in 4 of 10.
    expect(chanceAbove(2, 2, 1, 3)).toBeCloseTo(0.1, 12);
    expect(chanceAbove(1, 2, 1, 3)).toBeCloseTo(0.4, 12);
    expect(chanceAbove(0, 2, 1, 3)).toBeCloseTo(1, 12);
    expect(chanceAbove(5, 5, 6, 60)).toBeCloseTo(252 / 8259888, 12);
  });
});

describe('pictures of a line', () => {
  test('that look stranger everywhere are told after a few, good or not', () => {
    const good = pictures(60);
    const watch = new DriftWatch(card(good));
    const said = pictures(12, 1, 3).map((picture, i) => watch.add(String(i), picture));
    expect(said.slice(0, 3)).toEqual([undefined, undefined, undefined]);
    expect(said.findIndex(Boolean)).toBeLessThan(7);
    expect(said[11]).toMatchObject({ by: 'everywhere', pictures: 12, of: 12, expected: 1 });
  });

  test('like the good ones are hardly ever told, whatever share of them is defective', () => {
    for (const share of [0, 0.3, 0.5]) {
      let told = 0;
      for (let line = 0; line < 200; line++) {
        const watch = new DriftWatch(card(pictures(20)));
        const all = Array.from({ length: 30 }, (_, i) => pictures(1, 0, i % 10 < 10 * share ? 3 : 0)[0]);
        if (all.some((picture, i) => watch.add(String(i), picture))) told++;
      }
      expect(told).toBeLessThan(4);
    }
  });

  test('of which hardly one scores as good ones do are told, though they look alike elsewhere', () => {
    const said = driftOf(pictures(20, 0, 3), card(pictures(60)));
    expect(said).toMatchObject({ by: 'score', pictures: 20, of: 20 });
  });

  test('that look stranger where no score looks are not worth a word', () => {
    expect(driftOf(pictures(20, 1, 0), card(pictures(60)))).toBeUndefined();
  });

  test('say how many false alarms are to be expected', () => {
    const good = pictures(60);
    for (const [higher, least, most] of [
      [0.3, 0.2, 0.7],
      [2, 0.95, 1],
    ] as const) {
      const line = pictures(400, higher);
      const { expected = 0 } = driftOf(line.slice(0, 20), card(good)) ?? {};
      const alarms = line.filter(({ score }) => score > thresholdOf(good)).length / line.length;
      expect(expected).toBeGreaterThan(least);
      expect(expected).toBeLessThanOrEqual(most);
      expect(Math.abs(expected - alarms)).toBeLessThan(0.35);
    }
  });

  test('count once when they come again, are forgotten in time, and say nothing without held-out pictures', () => {
    const good = pictures(60);
    const watch = new DriftWatch(card(good));
    const [strange] = pictures(1, 2);
    for (let i = 0; i < 20; i++) expect(watch.add('the same', strange)).toBeUndefined();
    for (const [i, picture] of pictures(10, 2).entries()) watch.add(`strange ${i}`, picture);
    const after = pictures(20).map((picture, i) => watch.add(`usual ${i}`, picture));
    expect(after[0]).toBeDefined();
    expect(after[19]).toBeUndefined();
    for (const [i, picture] of pictures(20, 2).entries())
      expect(new DriftWatch({ thresholds: card(good).thresholds }).add(String(i), picture)).toBeUndefined();
  });
});

describe('taking pictures as good', () => {
  const limitOf = ({ good, defects }: ReturnType<typeof withGoods>) =>
    thresholdFor({ good: good.map(({ score }) => score), defects: defects.map(({ score }) => score) }, rate);
  const alarms = (of: readonly HeldOutGood[], limit: number) =>
    of.filter(({ score }) => score > limit).length / of.length;

  test('ends false alarms when the line differs', () => {
    const before = { good: pictures(60), defects: [] };
    const line = pictures(400, 1);
    expect(alarms(line, limitOf(before))).toBeGreaterThan(0.8);
    for (const taken of [6, 20, 60])
      expect(alarms(line, limitOf(withGoods(before, pictures(taken, 1))))).toBeLessThan(0.2);
  });

  test('finds defects again when the line is more alike than the training', () => {
    const before = { good: pictures(60, 1), defects: [] };
    const taken = withGoods(before, pictures(20, 0));
    expect(limitOf(taken)).toBeLessThan(limitOf(before));
    expect(alarms(pictures(400), limitOf(taken))).toBeLessThan(0.15);
  });

  test('moves hardly anything for one odd picture, or for pictures like those of before', () => {
    const before = { good: pictures(60), defects: [] };
    const limit = logOdds(limitOf(before));
    expect(logOdds(limitOf(withGoods(before, pictures(1, 3))))).toBeLessThan(limit + 0.1);
    expect(Math.abs(logOdds(limitOf(withGoods(before, pictures(20)))) - limit)).toBeLessThan(0.15);
    expect(withGoods(before, [])).toEqual(before);
  });

  test('moves defects with the good pictures, and begins with nothing', () => {
    const defects = [{ type: 'dent', area: 0.01, score: fromLogOdds(2), map: fromLogOdds(2) }];
    const taken = withGoods({ good: pictures(60), defects }, pictures(20, 1));
    expect(logOdds(taken.defects[0].score)).toBeGreaterThan(2.7);
    const line = pictures(20, 1);
    expect(withGoods({ good: [], defects: [] }, line)).toEqual({ good: line, defects: [] });
  });
});
