import { describe, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { CLICK_CHANNELS, drawDisc, TokenInputs } from './encoding.ts';

const DIMS = 5;

function residual(seed: number) {
  const random = new Random(seed);
  const fill = (n: number) => Float32Array.from({ length: n }, () => random.normal());
  return {
    height: 4,
    width: 6,
    dims: DIMS,
    delta: fill(24 * DIMS),
    tokens: fill(24 * DIMS),
    calibration: Float32Array.from({ length: DIMS }, () => random.uniform(0.5, 2)),
  };
}

const cosine = (rows: Float32Array, a: number, b: number, scale: (d: number) => number) => {
  let [ab, aa, bb] = [0, 0, 0];
  for (let d = 0; d < DIMS; d++) {
    const [x, y] = [rows[a * DIMS + d]! * scale(d), rows[b * DIMS + d]! * scale(d)];
    [ab, aa, bb] = [ab + x * y, aa + x * x, bb + y * y];
  }
  return ab / Math.sqrt(aa * bb);
};

describe('token inputs', () => {
  test('hold log(1 + r²/c) and, without clicks, empty click planes', () => {
    const r = residual(1);
    const inputs = new TokenInputs(r, 1.5);
    for (let cell = 0; cell < 24; cell++) {
      for (let d = 0; d < DIMS; d++)
        expect(inputs.planes[cell * inputs.stride + d]).toBeCloseTo(
          Math.log(1 + (1.5 * r.delta[cell * DIMS + d]! ** 2) / r.calibration[d]!),
          5,
        );
      for (let plane = 0; plane < 8; plane++) expect(inputs.planes[cell * inputs.stride + DIMS + plane]).toBe(0);
    }
  });

  test('take the nearest and the most similar click of each sign', () => {
    const r = residual(2);
    const inputs = new TokenInputs(r);
    const positives = [
      { x: 12, y: 20, positive: true },
      { x: 47, y: 1, positive: true },
    ];
    for (const click of positives) inputs.add(click);
    inputs.add({ x: 3, y: 31, positive: false });
    const cells = [2 * 6 + 1, 5];
    for (let cell = 0; cell < 24; cell++) {
      const near = Math.min(
        ...cells.map((c) => ((c % 6) - (cell % 6)) ** 2 + (Math.floor(c / 6) - Math.floor(cell / 6)) ** 2),
      );
      const at = cell * inputs.stride + DIMS;
      expect(inputs.planes[at]).toBeCloseTo(Math.exp(-near / 18), 5);
      expect(inputs.planes[at + 2]).toBeCloseTo(Math.exp(-near / 200), 5);
      const like = Math.max(0, ...cells.map((c) => cosine(r.delta, cell, c, (d) => 1 / Math.sqrt(r.calibration[d]!))));
      expect(inputs.planes[at + 4]).toBeCloseTo(like, 4);
      expect(inputs.planes[at + 7]).toBeCloseTo(
        Math.max(
          0,
          cosine(r.tokens, cell, 18, () => 1),
        ),
        4,
      );
    }
  });

  test('forget clicks', () => {
    const inputs = new TokenInputs(residual(3));
    const before = inputs.planes.slice();
    inputs.add({ x: 9, y: 9, positive: false });
    expect(inputs.planes).not.toEqual(before);
    inputs.clear();
    expect(inputs.planes).toEqual(before);
  });
});

test('a disc has radius 5, its own channel, and stops at the border', () => {
  const map = new Float32Array(20 * 12 * CLICK_CHANNELS);
  drawDisc(map, 20, 12, { x: 1, y: 6, positive: true });
  drawDisc(map, 20, 12, { x: 19, y: 11, positive: false });
  for (let y = 0; y < 12; y++)
    for (let x = 0; x < 20; x++) {
      const at = (y * 20 + x) * CLICK_CHANNELS;
      expect(map[at]).toBe(0);
      expect(map[at + 1]).toBe((x - 1) ** 2 + (y - 6) ** 2 <= 25 ? 1 : 0);
      expect(map[at + 2]).toBe((x - 19) ** 2 + (y - 11) ** 2 <= 25 ? 1 : 0);
    }
});
