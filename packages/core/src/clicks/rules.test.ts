import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { CLICK_THRESHOLD } from './annotator.ts';
import { type Drawn, holdClicks, Ruled } from './rules.ts';
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

const drawn = (map: Float32Array, clicks: readonly ModelClick[], alike: number, threshold: number): Drawn => ({
  map,
  clicks,
  threshold,
  width: SIDE,
  height: SIDE,
  likeness: () => alike,
});

/** What the rules make of each of some clicks, for which the network draws these maps. */
function played(
  maps: readonly Float32Array[],
  clicks: readonly ModelClick[],
  { alike = 0, threshold = CLICK_THRESHOLD } = {},
): Ruled[] {
  const steps: Ruled[] = [];
  for (const [k, map] of maps.entries())
    steps.push(new Ruled(drawn(map, clicks.slice(0, k + 1), alike, threshold), steps.at(-1)));
  return steps;
}

const isIn = (ruled: Ruled, x: number, y: number, threshold = CLICK_THRESHOLD) => ruled.map()[at(x, y)] > threshold;
const area = (ruled: Ruled, threshold = CLICK_THRESHOLD) => ruled.map().filter((p) => p > threshold).length;

describe('rules of a click', () => {
  test('hold the pixel under every click, in whatever order, on whatever map, by any threshold, as clicks follow', () => {
    const scene = fc.record({
      seed: fc.integer(),
      threshold: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      clicks: fc.array(
        fc
          .record({ x: fc.nat(SIDE - 1), y: fc.nat(SIDE - 1), positive: fc.boolean() })
          .map((c) => modelClick(c.x, c.y, c.positive)),
        { minLength: 1, maxLength: 8 },
      ),
    });
    fc.assert(
      fc.property(scene, ({ seed, clicks, threshold }) => {
        const random = new Random(seed);
        const maps = clicks.map(() => {
          const noise = Float32Array.from({ length: SIDE * SIDE }, () => random.next() ** 3);
          const square = [random.int(0, 24), random.int(0, 24), random.int(4, 24), random.next()] as const;
          return random.next() < 0.5 ? mapWith(square) : noise;
        });
        for (const [k, ruled] of played(maps, clicks, { threshold }).entries()) {
          const map = ruled.map();
          const last = new Map(clicks.slice(0, k + 1).map(({ x, y, positive }) => [at(x, y), positive]));
          for (const [pixel, positive] of last) {
            expect(map[pixel] > threshold).toBe(positive);
            expect(ruled.shows(pixel)).toBe(positive);
          }
          expect(map.every((p) => p >= 0 && p <= 1)).toBe(true);
          expect(maps[k].every((p) => p <= 1)).toBe(true);
        }
      }),
    );
  });

  test('leave a map alone that does what clicks say', () => {
    const map = mapWith([4, 4, 12, 0.995]);
    const [first] = played([map], [modelClick(8, 8, true)]);
    const expected = map.slice();
    expected[at(8, 8)] = 1;
    expect(first.map()).toEqual(expected);
    expect(first.candidates()).toBeUndefined();
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
    const [first, second, third, fourth] = played([both, both, moved, moved], clicks, { alike: 1 });
    expect(isIn(first, 36, 36)).toBe(true);
    expect(isIn(second, 36, 36)).toBe(false);
    expect(isIn(third, 39, 39)).toBe(false);
    expect(third.candidates()).toBeUndefined();
    expect(isIn(fourth, 39, 39)).toBe(true);
  });

  test('a bridge that the network draws to a banned part does not bring it back', () => {
    const apart = mapWith([4, 4, 8, 0.99], [30, 4, 8, 0.99]);
    const bridged = mapWith([4, 4, 8, 0.99], [30, 4, 8, 0.99], [10, 6, 8, 0.9], [18, 6, 8, 0.9], [24, 6, 8, 0.9]);
    const clicks = [
      modelClick(8, 8, true),
      modelClick(33, 8, false),
      modelClick(40, 40, false),
      modelClick(6, 6, true),
    ];
    const [, , third, fourth] = played([apart, apart, bridged, bridged], clicks, { alike: 1 });
    for (const step of [third, fourth]) {
      expect([isIn(step, 8, 8), isIn(step, 20, 8), isIn(step, 36, 5)]).toEqual([true, true, false]);
    }
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
    const click = modelClick(25, 25, true);
    expect(area(played([mapWith()], [click])[0])).toBe(81);
    expect(area(played([likely], [click])[0])).toBe(144);
  });

  test('go by the threshold that the mask is made with', () => {
    const map = mapWith([4, 4, 8, 0.99], [30, 30, 10, 0.35]);
    const clicks = [modelClick(8, 8, true), modelClick(34, 34, false)];
    const [first, second] = played([map, map], clicks, { threshold: 0.3, alike: 1 });
    expect([isIn(first, 34, 34, 0.3), isIn(first, 39, 39, 0.3)]).toEqual([true, true]);
    expect([isIn(second, 34, 34, 0.3), isIn(second, 39, 39, 0.3)]).toEqual([false, false]);
    // What was left out is out by the same threshold.
    const [left] = played([map], clicks, { threshold: 0.3 });
    expect([isIn(left, 39, 39, 0.3), left.candidates()?.[at(39, 39)]]).toEqual([false, expect.closeTo(0.35)]);
    const strict = played([mapWith([20, 20, 8, 0.6])], [modelClick(24, 24, true)], { threshold: 0.8 });
    expect(area(strict[0], 0.8)).toBeGreaterThan(60);
  });

  test('a part that nobody clicked comes along when it is sure and alike, and is a candidate otherwise', () => {
    const sure = mapWith([4, 4, 8, 0.99], [30, 30, 8, 0.99]);
    const unsure = mapWith([4, 4, 8, 0.99], [30, 30, 8, 0.6]);
    const click = [modelClick(8, 8, true)];
    const [along] = played([sure], click, { alike: 0.8 });
    expect(isIn(along, 33, 33)).toBe(true);
    expect(along.candidates()).toBeUndefined();
    const [left] = played([unsure], click);
    expect(isIn(left, 33, 33)).toBe(false);
    expect(left.candidates()?.[at(33, 33)]).toBeCloseTo(0.6);
    expect(left.candidates()?.[at(8, 8)]).toBe(0);
    // Clicked away, it is offered no more.
    const away = played([unsure, unsure], [...click, modelClick(33, 33, false)])[1];
    expect(away.candidates()).toBeUndefined();
  });

  test('a candidate that is clicked comes whole, however far its end is', () => {
    const band = mapWith([2, 2, 6, 0.99]);
    for (let y = 30; y < 36; y++) for (let x = 2; x < 46; x++) band[at(x, y)] = 0.6;
    const [first, second] = played([band, band], [modelClick(4, 4, true), modelClick(4, 33, true)]);
    expect(first.candidates()?.filter((p) => p > 0)).toHaveLength(6 * 44);
    expect(area(second) - area(first)).toBe(6 * 44);
  });

  test('far from a new click the map before it has its say', () => {
    const [before, after] = [mapWith([2, 2, 44, 0.9]), mapWith([2, 2, 44, 0.2])];
    const steps = played([before, after], [modelClick(4, 4, true), modelClick(5, 5, true)]);
    const map = steps[1].map();
    expect(map[at(44, 44)]).toBeGreaterThan(after[at(44, 44)] + 0.01);
    expect(map[at(4, 14)]).toBeLessThan(map[at(44, 44)]);
  });
});

test('clicks are held in the picture as on the grid, the last of those on one pixel', () => {
  const map = { data: new Float32Array(16).fill(0.5), width: 4, height: 4, channels: 1 as const };
  holdClicks(map, [imageClick(1, 0, true), imageClick(2, 3, true), imageClick(2, 3, false), imageClick(3, 3, false)]);
  expect([map.data[1], map.data[14], map.data[15]]).toEqual([1, 0, 0]);
  expect(map.data.filter((p) => p === 0.5)).toHaveLength(13);
});
