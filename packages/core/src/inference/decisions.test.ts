import { describe, expect, test } from 'vitest';
import { type Decided, decisionsOf, shareInterval } from './decisions.ts';

/** Good pictures and defects of a type, by score; called defective above the threshold. */
const decided = (
  threshold: number,
  scores: Readonly<Record<string, readonly (readonly [number, number])[]>>,
): Decided[] =>
  Object.entries(scores).flatMap(([type, each]) =>
    each.map(([score, area]) => ({ type, defective: type !== 'good', score, area, isDefect: score > threshold })),
  );

const goods = [0.1, 0.2, 0.3, 0.5].map((score) => [score, 0] as const);
const pictures = decided(0.45, {
  good: goods,
  scratch: [
    [0.4, 0.0005],
    [0.6, 0.005],
  ],
  dent: [
    [0.15, 0.2],
    [0.7, 0.5],
    [0.9, 1],
  ],
});

describe('decisions', () => {
  test('count escapes and overkill at the threshold, and know the best one', () => {
    const all = decisionsOf(pictures);
    expect(all).toMatchObject({ falseAlarms: 0.25, missed: 0.4, good: 4, defective: 5 });
    expect(all.balancedError).toBeCloseTo(0.325, 12);
    // Above 0.5 no good picture and three of five defects; above 0.3 one of four and four of five.
    expect(all.best.balancedError).toBeCloseTo(0.2, 12);
    expect(all.best).toMatchObject({ falseAlarms: 0, missed: 0.4 });
    expect(all.best.score).toBeCloseTo(0.55, 12);
    // Of 20 pairs: 0.15 wins 1, 0.4 wins 3, the others 4 each.
    expect(all.auroc).toBe(16 / 20);
  });

  test('are split by type and by size, each against all good pictures', () => {
    const { types, sizes } = decisionsOf(pictures);
    expect(types).toMatchObject([
      { type: 'dent', pictures: 3, missed: 1 / 3, auroc: 9 / 12 },
      { type: 'scratch', pictures: 2, missed: 0.5, auroc: 7 / 8 },
    ]);
    expect(sizes).toMatchObject([
      { from: 0, to: 0.001, pictures: 1, missed: 1 },
      { from: 0.001, to: 0.01, pictures: 1, missed: 0 },
      { from: 0.1, to: 1, pictures: 3, missed: 1 / 3 },
    ]);
  });

  test('need good pictures and defects', () => {
    expect(() => decisionsOf(decided(0.5, { good: goods }))).toThrow(
      expect.objectContaining({ code: 'ADC_NO_REGION' }),
    );
    expect(() => decisionsOf(decided(0.5, { dent: goods }))).toThrow(
      expect.objectContaining({ code: 'ADC_NO_REGION' }),
    );
  });

  test('find that nothing or everything is best called defective', () => {
    expect(decisionsOf(decided(0.5, { good: [[0.9, 0]], dent: [[0.1, 1]] })).best).toMatchObject({
      balancedError: 0.5,
    });
    expect(decisionsOf(decided(0.5, { good: [[0, 0]], dent: [[1, 1]] })).best).toMatchObject({
      score: 0.5,
      balancedError: 0,
    });
    expect(decisionsOf(decided(0.5, { good: [[1, 0]], dent: [[1, 1]] })).best).toMatchObject({ balancedError: 0.5 });
  });
});

test('the interval of a share is as wide as so few pictures make it', () => {
  // Wilson's interval as R's binom.confint(method = 'wilson') gives it.
  const [low, high] = shareInterval(1, 10);
  expect(low).toBeCloseTo(0.01787621, 6);
  expect(high).toBeCloseTo(0.40415, 6);
  expect(shareInterval(0, 20)[0]).toBe(0);
  expect(shareInterval(0, 20)[1]).toBeCloseTo(0.1611252, 6);
  expect(shareInterval(20, 20)[1]).toBe(1);
  expect(shareInterval(0, 0)).toEqual([0, 1]);
});
