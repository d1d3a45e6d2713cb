import { expect, test } from 'vitest';
import { Random } from '../random.ts';
import { principalAxes } from './principal-axes.ts';

/** Rows that differ by 3, 2 and 1 along three given directions, and hardly along others. */
function drawn(directions: readonly (readonly number[])[], rows: number): Float32Array {
  const random = new Random(7);
  const channels = directions[0].length;
  const values = Array.from({ length: rows }, () => {
    const row = Array.from({ length: channels }, (_, c) => c + 0.01 * random.normal());
    for (const [i, direction] of directions.entries()) {
      const far = (3 - i) * random.normal();
      for (const [c, share] of direction.entries()) row[c] = (row[c] as number) + far * share;
    }
    return row;
  });
  return Float32Array.from(values.flat());
}

test('finds the directions that rows were drawn along, the longest first, at right angles', () => {
  const half = Math.SQRT1_2;
  const directions = [
    [half, half, 0, 0, 0],
    [0, 0, half, 0, -half],
    [half, -half, 0, 0, 0],
  ];
  const { mean, directions: found, variances } = principalAxes(drawn(directions, 4000), 5, 4);
  const axis = (i: number) => Array.from({ length: 5 }, (_, c) => found[c * 4 + i]);
  const product = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, c) => sum + value * b[c], 0);
  for (const [i, direction] of directions.entries())
    expect(Math.abs(product(axis(i), direction))).toBeGreaterThan(0.99);
  for (let i = 0; i < 4; i++)
    for (let j = 0; j < 4; j++) expect(product(axis(i), axis(j))).toBeCloseTo(i === j ? 1 : 0, 6);
  for (const [i, wanted] of [9, 4, 1].entries()) expect(variances[i] / wanted).toBeCloseTo(1, 0);
  for (const [c, value] of mean.entries()) expect(Math.abs(value - c)).toBeLessThan(0.2);
});

test('rows that do not differ have a mean and no variance', () => {
  const { mean, variances } = principalAxes(new Float32Array(30).fill(2), 3, 3);
  expect([...mean]).toEqual([2, 2, 2]);
  for (const variance of variances) expect(variance).toBeCloseTo(0, 12);
});
