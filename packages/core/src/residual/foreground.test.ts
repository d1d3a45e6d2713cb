import { Runtime, tensor, toFloat16, toFloat32 } from '@adclick/ortgrad';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { type ForegroundModel, foregroundMap } from './foreground.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start({ threads: 1 });
});
afterAll(() => runtime.close());

const size = { height: 3, width: 5 };
const dims = 6;
/** Four of six channels count. */
const model: ForegroundModel = { weights: Float64Array.of(1, -0.5, 2, 0.25), offset: 0.3, low: -2, high: 3 };
const random = new Random(7);
const draw = () => Float32Array.from({ length: 15 * dims }, () => random.normal());

function formula(tokens: Float32Array): number[] {
  return Array.from({ length: 15 }, (_, cell) => {
    const decision = model.weights.reduce((sum, weight, d) => sum + weight * tokens[cell * dims + d], model.offset);
    return Math.min(1, Math.max(0, (decision - model.low) / (model.high - model.low)));
  });
}

test('a map is the decision value between the ends of its range', async () => {
  const tokens = draw();
  const map = await foregroundMap(runtime, model, tokens, [], size);
  expect([map.width, map.height, map.channels]).toEqual([5, 3, 1]);
  for (const [cell, value] of formula(tokens).entries()) expect(map.data[cell]).toBeCloseTo(value, 5);
  expect(Math.min(...map.data)).toBe(0);
  expect(Math.max(...map.data)).toBe(1);
});

test('of a picture and its neighbours the larger counts', async () => {
  const own = draw();
  const near = [toFloat16(draw()), toFloat16(draw())];
  const map = await foregroundMap(runtime, model, own, near, size);
  const all = [own, ...near.map((bits) => toFloat32(tensor(bits, [bits.length])))].map(formula);
  for (const [cell, value] of map.data.entries())
    expect(value).toBeCloseTo(Math.max(...all.map((each) => each[cell])), 5);
});
