import { expect, test } from 'vitest';
import { Random } from '../random.ts';
import { Calibration, residualNorm } from './calibration.ts';

test('the level is half the own mean square, half the mean of all', () => {
  const calibration = new Calibration(2);
  calibration.add(Float32Array.of(1, 3, 1, 3));
  calibration.add(Float32Array.of(2, 0));
  const own = [(1 + 1 + 4) / 3, (9 + 9) / 3];
  const mean = (own[0] + own[1]) / 2;
  expect(Array.from(calibration.level())).toEqual(
    [0.5 * own[0] + 0.5 * mean, 0.5 * own[1] + 0.5 * mean].map(Math.fround),
  );
});

test('good pictures have norm about 1, a defect more, identical good pictures no infinity', () => {
  const random = new Random(4);
  const dims = 40;
  const draw = (rows: number, scale: number) =>
    Float32Array.from({ length: rows * dims }, () => scale * random.normal());
  const calibration = new Calibration(dims);
  calibration.add(draw(500, 0.05));
  const delta = draw(6, 0.05);
  delta.set(draw(1, 0.5), 4 * dims);
  const norm = residualNorm({ height: 2, width: 3, dims, delta }, calibration.level());
  expect([norm.width, norm.height, norm.channels]).toEqual([3, 2, 1]);
  for (const [cell, value] of norm.data.entries()) {
    if (cell === 4) expect(value).toBeGreaterThan(7);
    else expect(Math.abs(value - 1)).toBeLessThan(0.4);
  }
  const same = new Calibration(dims);
  same.add(new Float32Array(dims));
  expect(residualNorm({ height: 1, width: 1, dims, delta: new Float32Array(dims) }, same.level()).data[0]).toBe(0);
});
