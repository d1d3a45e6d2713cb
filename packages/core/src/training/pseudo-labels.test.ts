import { describe, expect, it } from 'vitest';
import { modelClick } from '../clicks/types.ts';
import { IGNORE, type Plane } from '../image/types.ts';
import { Random } from '../random.ts';
import { drawPerturbation, PSEUDO_LABELS, strengthen, triValued } from './pseudo-labels.ts';

const flat = (value: number, side = 16): Plane => ({
  data: new Float32Array(side * side).fill(value),
  width: side,
  height: side,
  channels: 1,
});

describe('strengthen (Eq. 8)', () => {
  it('is sure within discs of the radius and changes nothing else', () => {
    const map = flat(0.4);
    const { data } = strengthen(map, [modelClick(8, 8, true)], 3);
    for (let y = 0; y < 16; y++)
      for (let x = 0; x < 16; x++) expect(data[y * 16 + x]).toBe(Math.hypot(x - 8, y - 8) <= 3 ? 1 : Math.fround(0.4));
    expect(map.data.every((p) => p === Math.fround(0.4))).toBe(true);
  });

  it('lets the later click win where discs overlap, and cuts discs at the border', () => {
    const clicks = [modelClick(0, 0, true), modelClick(2, 0, false)];
    const { data } = strengthen(flat(0.4), clicks, 2);
    expect([data[0], data[1], data[4]]).toEqual([0, 0, 0]);
    expect(data[2 * 16]).toBe(1);
    expect(strengthen(flat(0.4), [...clicks].reverse(), 2).data[1]).toBe(1);
  });
});

describe('triValued (Eq. 9)', () => {
  it('abandons what lies between 0.5 - κ and 0.5 + κ, both ends labelled', () => {
    const map = Float32Array.of(0, 0.25, 0.26, 0.5, 0.74, 0.75, 1);
    expect([...triValued(map, 0.25)]).toEqual([0, 0, IGNORE, IGNORE, IGNORE, 1, 1]);
    expect([...triValued(map, 0)]).toEqual([0, 0, 0, 1, 1, 1, 1]);
  });

  it('leaves binary labels alone at every κ, and refuses a κ beyond 0.5', () => {
    for (const kappa of [0, 0.2, 0.5]) expect([...triValued(Float32Array.of(0, 1), kappa)]).toEqual([0, 1]);
    expect(() => triValued(Float32Array.of(0), 0.51)).toThrow(RangeError);
  });

  it('draws κ over the whole of its range', () => {
    const random = new Random(1);
    const draws = Array.from({ length: 400 }, () => drawPerturbation(random));
    const [low, high] = PSEUDO_LABELS.perturbation;
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(low);
    expect(Math.max(...draws)).toBeLessThan(high);
    expect(Math.max(...draws) - Math.min(...draws)).toBeGreaterThan(0.9 * (high - low));
  });
});
