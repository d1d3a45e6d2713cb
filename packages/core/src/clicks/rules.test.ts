import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { CLICK_THRESHOLD } from './annotator.ts';
import { applyRules, type Drawn, holdClicks, type Ruled } from './rules.ts';
import { imageClick, type ModelClick, modelClick } from './types.ts';

const SIDE = 48;
const at = (x: number, y: number) => y * SIDE + x;

/** A map with squares of a probability on a ground of almost nothing. */
function mapWith(...squares: readonly (readonly [x: number, y: number, side: number, probability: number])[]) {
  const map = new Float32Array(SIDE * SIDE).fill(0.001);
  for (const [left, top, side, probability] of squares)
    for (let y = top; y < top + side; y++) for (let x = left; x < left + side; x++) map[at(x, y)] = probability;
  return map;
}

const drawn = (map: Float32Array, clicks: readonly ModelClick[], alike = 0): Drawn => ({
  map,
  clicks,
  width: SIDE,
  height: SIDE,
  likeness: () => alike,
});

/** The map after each of some clicks, drawn anew for each. */
function played(maps: readonly Float32Array[], clicks: readonly ModelClick[], alike = 0): Ruled[] {
  const steps: Ruled[] = [];
  for (const [k, map] of maps.entries())
    steps.push(applyRules(drawn(map, clicks.slice(0, k + 1), alike), steps.at(-1)));
  return steps;
}

const isIn = ({ map }: Ruled, x: number, y: number) => map[at(x, y)] > CLICK_THRESHOLD;

describe('rules of a click', () => {
  test('hold the pixel under every click, in whatever order, on whatever map, as clicks follow', () => {
    const scene = fc.record({
      seed: fc.integer(),
      clicks: fc.array(
        fc
          .record({ x: fc.nat(SIDE - 1), y: fc.nat(SIDE - 1), positive: fc.boolean() })
          .map((c) => modelClick(c.x, c.y, c.positive)),
        { minLength: 1, maxLength: 8 },
      ),
    });
    fc.assert(
      fc.property(scene, ({ seed, clicks }) => {
        const random = new Random(seed);
        const maps = clicks.map(() => {
          const smooth = random.next() < 0.5;
          const map = Float32Array.from({ length: SIDE * SIDE }, () => random.next() ** 3);
          return smooth ? mapWith([random.int(0, 24), random.int(0, 24), random.int(4, 24), random.next()]) : map;
        });
        for (const [k, ruled] of played(maps, clicks).entries()) {
          const last = new Map(clicks.slice(0, k + 1).map(({ x, y, positive }) => [at(x, y), positive]));
          for (const [pixel, positive] of last) expect(ruled.map[pixel] > CLICK_THRESHOLD).toBe(positive);
          expect(ruled.map.every((p) => p >= 0 && p <= 1)).toBe(true);
        }
      }),
    );
  });

  test('leave a map alone that does what clicks say', () => {
    const map = mapWith([4, 4, 12, 0.995]);
    const [first] = played([map], [modelClick(8, 8, true)]);
    expect(first.map).toEqual(map);
    expect(first.candidates).toBeUndefined();
  });

  test('a negative click takes the part it lies in away for good, until a positive one lands there', () => {
    const both = mapWith([4, 4, 8, 0.99], [30, 30, 8, 0.999]);
    const clicks = [
      modelClick(8, 8, true),
      modelClick(33, 33, false),
      modelClick(6, 6, true),
      modelClick(40, 40, true),
    ];
    // The network draws it again each time, a little elsewhere.
    const moved = mapWith([4, 4, 8, 0.99], [32, 32, 9, 0.999]);
    const [first, second, third, fourth] = played([both, both, moved, moved], clicks, 1);
    expect(isIn(first, 36, 36)).toBe(true);
    expect(isIn(second, 36, 36)).toBe(false);
    expect(isIn(third, 39, 39)).toBe(false);
    expect(third.candidates).toBeUndefined();
    expect(isIn(fourth, 39, 39)).toBe(true);
  });

  test('a negative click inside the clicked part bites along the map, not to the positive click', () => {
    const map = mapWith([4, 4, 30, 0.99], [20, 4, 14, 0.8]);
    const clicks = [modelClick(8, 8, true), modelClick(27, 11, false)];
    const [, second] = played([map, map], clicks);
    // What is no surer than the clicked pixel goes, beyond the disc; the sure part stays.
    expect([isIn(second, 27, 11), isIn(second, 32, 16)]).toEqual([false, false]);
    expect([isIn(second, 8, 8), isIn(second, 17, 11)]).toEqual([true, true]);
  });

  test('a positive click outside the mask brings what is as sure around it, and its disc at least', () => {
    const likely = mapWith([20, 20, 12, 0.6 * CLICK_THRESHOLD]);
    const unlikely = mapWith();
    const click = modelClick(25, 25, true);
    const disc = (ruled: Ruled) => ruled.map.filter((p) => p > CLICK_THRESHOLD).length;
    expect(disc(played([unlikely], [click])[0])).toBe(81);
    expect(disc(played([likely], [click])[0])).toBeGreaterThanOrEqual(81);
  });

  test('a part that nobody clicked comes along when it is sure and alike, and is a candidate otherwise', () => {
    const sure = mapWith([4, 4, 8, 0.99], [30, 30, 8, 0.99]);
    const unsure = mapWith([4, 4, 8, 0.99], [30, 30, 8, 0.6]);
    const click = [modelClick(8, 8, true)];
    const [along] = played([sure], click, 0.8);
    expect(isIn(along, 33, 33)).toBe(true);
    expect(along.candidates).toBeUndefined();
    const [left] = played([unsure], click);
    expect(isIn(left, 33, 33)).toBe(false);
    expect(left.candidates?.[at(33, 33)]).toBeCloseTo(0.6);
    expect(left.candidates?.[at(8, 8)]).toBe(0);
    // Clicked away, it is offered no more; clicked, it is taken.
    const away = played([unsure, unsure], [...click, modelClick(33, 33, false)])[1];
    expect(away.candidates).toBeUndefined();
    const taken = played([unsure, unsure], [...click, modelClick(33, 33, true)])[1];
    expect(isIn(taken, 36, 36)).toBe(true);
  });

  test('far from a new click the map before it has its say', () => {
    const [before, after] = [mapWith([2, 2, 44, 0.9]), mapWith([2, 2, 44, 0.2])];
    const steps = played([before, after], [modelClick(4, 4, true), modelClick(5, 5, true)]);
    expect(steps[1].map[at(44, 44)]).toBeGreaterThan(after[at(44, 44)] + 0.01);
    expect(steps[1].map[at(4, 12)]).toBeLessThan(steps[1].map[at(44, 44)]);
  });
});

test('clicks are held in the picture as on the grid, the last of those on one pixel', () => {
  const map = { data: new Float32Array(16).fill(0.5), width: 4, height: 4, channels: 1 as const };
  holdClicks(map, [imageClick(1, 0, true), imageClick(2, 3, true), imageClick(2, 3, false), imageClick(3, 3, false)]);
  const [held, rest] = [[map.data[1], map.data[14], map.data[15]], map.data.filter((p) => p === 0.5).length];
  expect(held.map((p) => p > CLICK_THRESHOLD)).toEqual([true, false, false]);
  expect(rest).toBe(13);
});
