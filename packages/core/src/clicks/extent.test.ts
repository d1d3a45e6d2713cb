import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { CLICK_THRESHOLD } from './annotator.ts';
import { fitExtent } from './extent.ts';
import { type ModelClick, modelClick } from './types.ts';

const SIDE = 320;
/** Pixels to a unit of length: a disc of 5 units is large enough to be moved in full. */
const UNIT = 8;

/** Discs around the middle, the inner ones last, on a ground of almost nothing. */
function discs(...rings: readonly (readonly [radius: number, probability: number])[]): Float32Array {
  return Float32Array.from({ length: SIDE * SIDE }, (_, i) => {
    const distance = Math.hypot((i % SIDE) - SIDE / 2, Math.floor(i / SIDE) - SIDE / 2) / UNIT;
    return rings.reduce((found, [radius, probability]) => (distance <= radius ? probability : found), 0.001);
  });
}

const middle = modelClick(SIDE / 2, SIDE / 2, true);
const fitted = (map: Float32Array, clicks: readonly ModelClick[] = [middle], banned?: Uint8Array) => {
  const out = map.slice();
  fitExtent(out, { clicks, width: SIDE, height: SIDE }, banned);
  return out;
};
const areaOf = (map: Float32Array, threshold = CLICK_THRESHOLD) => map.filter((p) => p > threshold).length;

describe('the extent of a clicked part', () => {
  test('takes in a wide rim that is nearly sure, and leaves a faint one out', () => {
    const core = areaOf(discs([5, 0.9]));
    const whole = areaOf(discs([12, 0.9]));
    expect(areaOf(fitted(discs([12, 0.45], [5, 0.9])))).toBe(whole);
    expect(areaOf(fitted(discs([12, 0.27], [5, 0.9])))).toBe(core);
  });

  test('gives up a rim that is hardly above the threshold where the core is small and sure', () => {
    const map = discs([6, 0.5], [5, 0.999]);
    expect(areaOf(fitted(map))).toBe(areaOf(map));
    expect(areaOf(fitted(discs([19, 0.4], [18, 0.5], [17, 0.999])))).toBe(areaOf(discs([18, 0.9])));
  });

  test('leaves small parts as they are, and moves middling ones a part of the way', () => {
    const rims = [0.8, 1.2, 3].map((radius) => discs([3 * radius, 0.42], [radius, 0.95]));
    const [small, middling, large] = rims.map((map) => {
      const p = fitted(map)[(SIDE / 2) * (SIDE + 1)];
      return Math.log((p / (1 - p)) * (0.05 / 0.95));
    });
    expect(small).toBeCloseTo(0, 5);
    expect(middling).toBeGreaterThan(0.05);
    expect(middling).toBeLessThan(0.9 * large);
  });

  test('leaves a map alone whose mask overlaps most already, and what no positive click is connected with', () => {
    const sure = discs([8, 0.97]);
    expect(fitted(sure)).toEqual(sure);
    const unsure = discs([12, 0.45], [5, 0.9]);
    expect(fitted(unsure, [modelClick(1, 1, true)])).toEqual(unsure);
    expect(fitted(unsure, [modelClick(SIDE / 2, SIDE / 2, false)])).toEqual(unsure);
    expect(fitted(unsure, [middle], new Uint8Array(SIDE * SIDE).fill(1))).toEqual(unsure);
  });

  test('keeps the order of pixels, and gives more to whoever asks by a lower threshold', () => {
    const map = discs([12, 0.45], [9, 0.6], [5, 0.9]);
    const moved = fitted(map);
    fc.assert(
      fc.property(fc.nat(map.length - 1), fc.nat(map.length - 1), (a, b) => {
        expect(Math.sign(moved[a] - moved[b])).toBe(Math.sign(map[a] - map[b]));
      }),
    );
    const areas = [0.96, 0.8, 0.49, 0.2].map((threshold) => areaOf(moved, threshold));
    expect(areas).toEqual([...areas].sort((a, b) => a - b));
    expect(new Set(areas).size).toBeGreaterThan(2);
  });

  test('is the cut of largest expected overlap of all', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = new Random(seed);
        // Round shapes only, so that everything is connected with the click; log odds a tenth apart at least.
        const odds = [17, 13, 9, 5].map((_, ring) => (random.int(ring === 3 ? 2 : 0, 5) * 4 + ring) / 10 - 0.97);
        const map = discs(...[17, 13, 9, 5].map((radius, ring) => [radius, 1 / (1 + Math.exp(-odds[ring]))] as const));
        const expected = (mask: readonly number[]) => {
          const q = (p: number) => 1 / (1 + ((1 - p) / p) ** 1.5);
          const inside = mask.reduce((sum, pixel) => sum + q(map[pixel]), 0);
          const reached = map.reduce((sum, p) => sum + (p > 0.25 ? q(p) : 0), 0);
          return inside / (mask.length + reached - inside);
        };
        const above = (of: Float32Array, level: number) => [...of.keys()].filter((i) => of[i] > level);
        const cuts = [...new Set(map)].filter((p) => p > 0.25).map((p) => expected(above(map, p - 1e-6)));
        expect(expected(above(fitted(map), CLICK_THRESHOLD))).toBeCloseTo(Math.max(...cuts), 6);
      }),
      { numRuns: 30 },
    );
  });
});
