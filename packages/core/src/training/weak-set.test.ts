import { describe, expect, it } from 'vitest';
import type { RgbImage } from '../image/types.ts';
import { Random } from '../random.ts';
import { makeProduct } from '../synthesis/products/index.ts';
import { simulateOnTop, transplant, type WeakPicture, weakCopies } from './weak-set.ts';

const SIDE = 128;
const product = makeProduct('stoneTile', 2, { width: SIDE, height: SIDE });
const goods = [0, 1, 2].map((n) => product.good(new Random(`good/${n}`)));

/** A red square of 20 pixels a side on a good picture, with its label. */
function labelled(left: number, top: number): WeakPicture {
  const image: RgbImage = { ...goods[0], data: goods[0].data.slice() };
  const data = new Float32Array(SIDE * SIDE);
  for (let y = top; y < top + 20; y++)
    for (let x = left; x < left + 20; x++) {
      data[y * SIDE + x] = 0.9;
      image.data.set([255, 0, 0], 3 * (y * SIDE + x));
    }
  return { image, probability: { data, width: SIDE, height: SIDE, channels: 1 } };
}

describe('transplant', () => {
  it('pastes the turned and scaled defect hard onto the good picture, labels exactly what it pasted', () => {
    for (let seed = 0; seed < 8; seed++) {
      const moved = transplant(labelled(50, 50), goods[1], 1, new Random(seed))!;
      expect(moved.onto).toBe(1);
      let [area, x, y, wrong] = [0, 0, 0, 0];
      for (let i = 0; i < SIDE * SIDE; i++) {
        const [was, is] = [goods[1].data, moved.image.data].map((data) => data.subarray(3 * i, 3 * i + 3));
        if (moved.probability.data[i] === 1) {
          area++;
          x += i % SIDE;
          y += Math.floor(i / SIDE);
          if (is[0] <= 120) wrong++;
        } else if (is.some((value, c) => value !== was[c])) wrong++;
      }
      expect(wrong).toBe(0);
      expect(area).toBeGreaterThan(0.75 * 400 * 0.64);
      expect(area).toBeLessThan(1.2 * 400 * 1.44);
      // About its own centroid.
      expect(Math.hypot(x / area - 59.5, y / area - 59.5)).toBeLessThan(1);
    }
  });

  it('has nothing to paste without a defect', () => {
    const empty = labelled(50, 50);
    empty.probability.data.fill(0.4);
    expect(transplant(empty, goods[1], 1, new Random(0))).toBeUndefined();
  });
});

describe('weakCopies', () => {
  it('adds simulated defects to the label without taking anything from it', () => {
    const picture = labelled(10, 10);
    const { probability, image } = simulateOnTop(picture, goods[2], new Random(3));
    const added = probability.data.filter((p) => p === 1).length;
    expect(probability.data.every((p, i) => p === 1 || p === picture.probability.data[i])).toBe(true);
    expect(added).toBeGreaterThanOrEqual(50);
    expect(image.data).not.toEqual(picture.image.data);
  });

  it('gives the same copies for the same seed, of both kinds', () => {
    const make = (seed: number) => [...weakCopies(labelled(50, 50), goods, new Random(seed), { count: 8 })];
    const [first, again, other] = [make(5), make(5), make(6)];
    expect(first.length).toBe(8);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    const moved = first.filter(({ onto }) => onto !== undefined).length;
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThan(8);
  });
});
