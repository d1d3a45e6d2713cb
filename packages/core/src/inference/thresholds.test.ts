import { describe, expect, test } from 'vitest';
import { fromLogOdds, logOdds } from '../log-odds.ts';
import { Random } from '../random.ts';
import { GoodTail, thresholdFor } from './thresholds.ts';

const random = new Random('thresholds');
const normals = (count: number, mean: number, deviation: number) =>
  Array.from({ length: count }, () => mean + deviation * random.normal());
const inUnit = (values: readonly number[]) => values.map(fromLogOdds);
const shareAbove = (values: readonly number[], threshold: number) =>
  values.filter((value) => value > threshold).length / values.length;

describe('the tail of good pictures', () => {
  test('leaves the wanted share of further ones above, from few and from many', () => {
    for (const count of [10, 20, 60, 200]) {
      const alarms = Array.from({ length: 300 }, () => {
        const limit = new GoodTail(normals(count, 0, 1)).at(0.05);
        return shareAbove(normals(200, 0, 1), limit);
      });
      const mean = alarms.reduce((a, b) => a + b, 0) / alarms.length;
      expect(mean).toBeGreaterThan(0.03);
      expect(mean).toBeLessThan(count > 20 ? 0.07 : 0.1);
    }
  });

  test('is hardly moved by one odd good picture, however odd', () => {
    const values = normals(60, 0, 1);
    const plain = new GoodTail(values).at(0.05);
    for (const odd of [6, 100]) expect(new GoodTail([...values.slice(1), odd]).at(0.05)).toBeLessThan(plain + 0.35);
    // Up to a rate at which the conformal quantile is the odd picture itself.
    expect(new GoodTail([...values.slice(1), 100]).at(0.01)).toBeLessThan(6);
  });

  test('share and value are each other’s inverse beyond its beginning, and the share never rises', () => {
    const tail = new GoodTail(normals(30, 2, 0.5));
    for (const share of [0.2, 0.05, 0.01]) expect(tail.above(tail.at(share))).toBeCloseTo(share, 10);
    let before = 1;
    for (let value = 0; value < 8; value += 0.01) {
      expect(tail.above(value)).toBeLessThanOrEqual(before);
      before = tail.above(value);
    }
  });

  test('of equal values, of two and of one lies right above them', () => {
    for (const count of [1, 2, 40]) {
      const tail = new GoodTail(Array(count).fill(1));
      expect(tail.at(0.05)).toBeCloseTo(1, 3);
      expect(tail.at(1)).toBe(1);
    }
    expect(() => new GoodTail([])).toThrow(RangeError);
  });
});

describe('a threshold', () => {
  test('of good pictures alone leaves the rate above it', () => {
    const good = normals(200, -2, 0.3);
    const threshold = thresholdFor({ good: inUnit(good), defects: [] }, 0.05);
    expect(shareAbove(good, logOdds(threshold))).toBeGreaterThan(0.01);
    expect(shareAbove(good, logOdds(threshold))).toBeLessThan(0.08);
    expect(thresholdFor({ good: inUnit(good), defects: [] }, 0.01)).toBeGreaterThan(threshold);
  });

  test('with defects far above lies between both, nearer to the good ones than to the defects’ middle', () => {
    const good = inUnit(normals(60, 0, 0.1));
    const threshold = logOdds(thresholdFor({ good, defects: inUnit(normals(10, 3, 0.4)) }, 0.05));
    expect(threshold).toBeGreaterThan(0.3);
    expect(threshold).toBeLessThan(2.2);
  });

  test('with one odd good picture above all defects, misses none of them', () => {
    const good = [...normals(59, 0, 0.1), 5];
    const defects = normals(10, 1, 0.1);
    // The 2 % of good pictures alone would be the odd one.
    expect(thresholdFor({ good: inUnit(good), defects: inUnit(defects) }, 0.02)).toBeLessThan(
      fromLogOdds(Math.min(...defects)),
    );
  });

  test('among defects that look like good pictures lets neither kind pay for the other alone', () => {
    const [good, defects] = [normals(300, 0, 1), normals(300, 2, 1)];
    const threshold = logOdds(thresholdFor({ good: inUnit(good), defects: inUnit(defects) }, 0.05));
    const [alarms, missed] = [shareAbove(good, threshold), 1 - shareAbove(defects, threshold)];
    expect(alarms).toBeLessThan(0.2);
    expect(missed).toBeLessThan(0.4);
    const stricter = logOdds(thresholdFor({ good: inUnit(good), defects: inUnit(defects) }, 0.01));
    expect(stricter).toBeGreaterThan(threshold);
  });

  test('bears values at both ends, and refuses a rate of nothing', () => {
    const threshold = thresholdFor({ good: [0, 0, 0], defects: [1, 1] }, 0.05);
    expect(threshold).toBeGreaterThan(0);
    expect(threshold).toBeLessThan(1);
    expect(() => thresholdFor({ good: [0.5], defects: [] }, 0)).toThrow(RangeError);
    expect(() => thresholdFor({ good: [], defects: [] }, 0.1)).toThrow(RangeError);
  });
});
