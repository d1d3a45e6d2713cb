import { Graph, Runtime, tensor } from '@adclick/ortgrad';
import { expect, test } from 'vitest';
import { Random } from '../random.ts';
import { Calibration, calibratedOn } from './calibration.ts';
import { normOn, residualNorm } from './norm.ts';

const random = new Random(4);
const dims = 40;
const draw = (rows: number, scale: number) => Float32Array.from({ length: rows * dims }, () => scale * random.normal());
const calibration = new Calibration(dims);
calibration.add(draw(500, 0.05));
const level = calibration.level();

test('a defect has a larger norm than good pictures, which stay below √log 2', () => {
  const delta = draw(6, 0.05);
  delta.set(draw(1, 0.5), 4 * dims);
  const norm = residualNorm({ height: 2, width: 3, dims, delta }, level);
  expect([norm.width, norm.height, norm.channels]).toEqual([3, 2, 1]);
  for (const [cell, value] of norm.data.entries()) {
    if (cell === 4) expect(value).toBeGreaterThan(1.7);
    else expect(value).toBeLessThan(Math.sqrt(Math.LN2));
  }
  expect(residualNorm({ height: 1, width: 1, dims, delta: new Float32Array(dims) }, level).data[0]).toBe(0);
});

test('plain numbers and the graph give the root of the mean of log(1 + r²/c) over the compared channels', async () => {
  const matched = 24;
  const delta = draw(12, 0.1);
  const runtime = await Runtime.start({ threads: 1 });
  const graph = new Graph();
  graph.output('norm', normOn(calibratedOn(graph.input('delta', [12, dims]), level), matched));
  const session = await runtime.load(graph.toModel());
  const { norm } = await session.run({ delta: tensor(delta, [12, dims]) });
  const plain = residualNorm({ height: 3, width: 4, dims, matched, delta }, level).data;
  for (let cell = 0; cell < 12; cell++) {
    let sum = 0;
    for (let d = 0; d < matched; d++) sum += Math.log(1 + delta[cell * dims + d] ** 2 / level[d]);
    expect(plain[cell]).toBeCloseTo(Math.sqrt(sum / matched), 6);
    expect(norm.data[cell]).toBeCloseTo(plain[cell], 6);
  }
  await runtime.close();
});
