import { describe, expect, test } from 'vitest';
import { normalisedColours } from '../features/normalised-colours.ts';
import { CLICK_CHANNELS } from '../networks/adclick.ts';
import { Random } from '../random.ts';
import { drawDisc, PixelInputs, TokenInputs } from './encoding.ts';
import { modelClick } from './types.ts';

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
    const [x, y] = [rows[a * DIMS + d] * scale(d), rows[b * DIMS + d] * scale(d)];
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
        expect(inputs.residual[cell * DIMS + d]).toBeCloseTo(
          Math.log(1 + (1.5 * r.delta[cell * DIMS + d] ** 2) / r.calibration[d]),
          5,
        );
      for (let plane = 0; plane < 8; plane++) expect(inputs.clickPlanes[8 * cell + plane]).toBe(0);
    }
  });

  test('take the nearest and the most similar click of each sign', () => {
    const r = residual(2);
    const inputs = new TokenInputs(r);
    const positives = [modelClick(12, 20, true), modelClick(47, 1, true)];
    for (const click of positives) inputs.add(click);
    inputs.add(modelClick(3, 31, false));
    const cells = [2 * 6 + 1, 5];
    for (let cell = 0; cell < 24; cell++) {
      const near = Math.min(
        ...cells.map((c) => ((c % 6) - (cell % 6)) ** 2 + (Math.floor(c / 6) - Math.floor(cell / 6)) ** 2),
      );
      const at = 8 * cell;
      expect(inputs.clickPlanes[at]).toBeCloseTo(Math.exp(-near / 18), 5);
      expect(inputs.clickPlanes[at + 2]).toBeCloseTo(Math.exp(-near / 200), 5);
      const like = Math.max(0, ...cells.map((c) => cosine(r.delta, cell, c, (d) => 1 / Math.sqrt(r.calibration[d]))));
      expect(inputs.clickPlanes[at + 4]).toBeCloseTo(like, 4);
      expect(inputs.clickPlanes[at + 7]).toBeCloseTo(
        Math.max(
          0,
          cosine(r.tokens, cell, 18, () => 1),
        ),
        4,
      );
    }
  });

  test('compare every cell to the last bit, also where the cells are no multiple of four', () => {
    const [height, width] = [3, 5];
    const random = new Random(6);
    const fill = (n: number) => Float32Array.from({ length: n }, () => random.normal());
    const [delta, tokens] = [fill(height * width * DIMS), fill(height * width * DIMS)];
    const calibration = Float32Array.from({ length: DIMS }, () => 1);
    const inputs = new TokenInputs({ height, width, dims: DIMS, delta, tokens, calibration });
    inputs.add(modelClick(9, 12, true));
    const clicked = width + 1;
    for (const [plane, rows] of [
      [4, inputs.prepare()],
      [6, inputs.descriptors],
    ] as const)
      for (let cell = 0; cell < height * width; cell++) {
        let sum = 0;
        for (let d = 0; d < DIMS; d++) sum += rows[cell * DIMS + d] * rows[clicked * DIMS + d];
        expect(inputs.clickPlanes[8 * cell + plane]).toBe(Math.fround(Math.max(0, sum)));
      }
  });

  test('tell distances to the last bit, and say at a pixel what its cell says', () => {
    const r = residual(7);
    const inputs = new TokenInputs(r);
    inputs.add(modelClick(33, 12, false));
    inputs.add(modelClick(13, 30, true));
    for (let y = 0; y < 32; y++)
      for (let x = 0; x < 48; x++) {
        const [u, v] = [Math.floor(x / 8), Math.floor(y / 8)];
        const at = 8 * (v * 6 + u);
        for (const [plane, sigma, row, column] of [
          [0, 3, 3, 1],
          [2, 10, 3, 1],
          [1, 3, 1, 4],
          [3, 10, 1, 4],
        ]) {
          const distance2 = (u - column) ** 2 + (v - row) ** 2;
          expect(inputs.clickPlanes[at + plane]).toBe(Math.fround(Math.exp(-distance2 / (2 * sigma ** 2))));
        }
        expect(inputs.likenessOf(y * 48 + x)).toBe(inputs.clickPlanes[at + 4]);
      }
  });

  test('forget clicks', () => {
    const inputs = new TokenInputs(residual(3));
    const before = inputs.clickPlanes.slice();
    inputs.add(modelClick(9, 9, false));
    expect(inputs.clickPlanes).not.toEqual(before);
    inputs.clear();
    expect(inputs.clickPlanes).toEqual(before);
  });
});

test('a disc has radius 5, its own channel, and stops at the border', () => {
  const map = new Float32Array(20 * 12 * CLICK_CHANNELS);
  drawDisc(map, 20, 12, modelClick(1, 6, true));
  drawDisc(map, 20, 12, modelClick(19, 11, false));
  for (let y = 0; y < 12; y++)
    for (let x = 0; x < 20; x++) {
      const at = (y * 20 + x) * CLICK_CHANNELS;
      expect(map[at]).toBe(0);
      expect(map[at + 1]).toBe((x - 1) ** 2 + (y - 6) ** 2 <= 25 ? 1 : 0);
      expect(map[at + 2]).toBe((x - 19) ** 2 + (y - 11) ** 2 <= 25 ? 1 : 0);
    }
});

describe('pixel inputs', () => {
  const [width, height] = [7, 5];
  const random = new Random(4);
  const image = {
    data: Uint8Array.from({ length: 3 * width * height }, (_, i) => (i % 3 === 0 ? 200 : 90) + random.int(-40, 40)),
    width,
    height,
    channels: 3,
  } as const;
  const area = width * height;

  test('say how alike pixels are to the mean colour around clicks, the most alike click counting', () => {
    const colours = normalisedColours(image);
    const inputs = new PixelInputs(colours, width, height);
    expect(inputs.likeness.every((value) => value === 0)).toBe(true);
    inputs.add(modelClick(0, 2, true));
    inputs.add(modelClick(5, 4, true));
    inputs.add(modelClick(3, 1, false));
    const around = (x: number, y: number, c: number) => {
      const values: number[] = [];
      for (let v = y - 1; v <= y + 1; v++)
        for (let u = x - 1; u <= x + 1; u++)
          if (u >= 0 && v >= 0 && u < width && v < height) values.push(colours[c * area + v * width + u]);
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };
    const alike = (at: number, x: number, y: number) => {
      const distance = [0, 1, 2].reduce((sum, c) => sum + (colours[c * area + at] - around(x, y, c)) ** 2, 0) / 3;
      return 1 / (1 + distance / 0.1);
    };
    for (let at = 0; at < area; at++) {
      expect(inputs.likeness[at]).toBeCloseTo(Math.max(alike(at, 0, 2), alike(at, 5, 4)), 5);
      expect(inputs.likeness[area + at]).toBeCloseTo(alike(at, 3, 1), 5);
    }
    inputs.clear();
    expect(inputs.likeness.every((value) => value === 0)).toBe(true);
  });

  test('keep the larger likeness to the last bit', () => {
    const colours = normalisedColours(image);
    const inputs = new PixelInputs(colours, width, height);
    const expected = new Float32Array(area);
    for (const [x, y] of [
      [1, 1],
      [5, 3],
      [3, 2],
    ]) {
      inputs.add(modelClick(x, y, false));
      const [r, g, b] = [0, 1, 2].map((c) => {
        let sum = 0;
        for (let v = y - 1; v <= y + 1; v++)
          for (let u = x - 1; u <= x + 1; u++) sum += colours[c * area + v * width + u];
        return sum / 9;
      });
      for (let at = 0; at < area; at++) {
        const [dr, dg, db] = [colours[at] - r, colours[area + at] - g, colours[2 * area + at] - b];
        const alike = 0.1 / (0.1 + (dr * dr + dg * dg + db * db) / 3);
        if (alike > expected[at]) expected[at] = alike;
      }
    }
    expect(inputs.likeness.subarray(area)).toEqual(expected);
    expect(inputs.likeness.subarray(0, area)).toEqual(new Float32Array(area));
  });
});
