import { Graph, Runtime, tensor } from '@adclick/ortgrad';
import { expect, test } from 'vitest';
import { Random } from '../random.ts';
import { Calibration, calibrated, calibratedOn } from './calibration.ts';

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

test('identical good pictures give no infinity', () => {
  const same = new Calibration(4);
  same.add(new Float32Array(4));
  expect(Array.from(calibrated(new Float32Array(4), same.level()))).toEqual([0, 0, 0, 0]);
  expect(calibrated(Float32Array.of(1, 1, 1, 1), same.level()).every(Number.isFinite)).toBe(true);
});

test('plain numbers and the graph give log(1 + r²/c)', async () => {
  const random = new Random(6);
  const dims = 5;
  const level = Float32Array.from({ length: dims }, () => random.uniform(1e-4, 1e-2));
  const delta = Float32Array.from({ length: 40 * dims }, () => 0.1 * random.normal());
  const runtime = await Runtime.start({ threads: 1 });
  const graph = new Graph();
  graph.output('planes', calibratedOn(graph.input('delta', [40, dims]), level));
  const session = await runtime.load(graph.toModel());
  const { planes } = await session.run({ delta: tensor(delta, [40, dims]) });
  const plain = calibrated(delta, level);
  const stronger = calibrated(delta, level, 1.5);
  for (const [i, r] of delta.entries()) {
    const ratio = r ** 2 / level[i % dims];
    expect(plain[i]).toBeCloseTo(Math.log(1 + ratio), 6);
    expect(stronger[i]).toBeCloseTo(Math.log(1 + 1.5 * ratio), 6);
    expect(planes.data[i]).toBeCloseTo(plain[i], 6);
  }
  await runtime.close();
});
