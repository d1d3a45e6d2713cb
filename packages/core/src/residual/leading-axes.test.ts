import { Runtime } from '@adclick/ortgrad';
import { expect, test } from 'vitest';
import { Random } from '../random.ts';
import { leadingAxes } from './leading-axes.ts';
import { principalAxes } from './principal-axes.ts';

const [channels, rows, leading] = [160, 600, 24];

/** Rows that differ less and less along directions that mix all channels. */
function drawn(): Float32Array {
  const random = new Random(3);
  const mixing = Float64Array.from({ length: channels * channels }, () => random.normal());
  const data = Float32Array.from({ length: rows * channels }, (_, at) => at % channels);
  for (let r = 0; r < rows; r++)
    for (let k = 0; k < channels; k++) {
      const far = 0.94 ** k * random.normal();
      for (let c = 0; c < channels; c++) data[r * channels + c] += far * mixing[k * channels + c];
    }
  return data;
}

test('the leading ones are the principal axes, and all are at right angles and share out what differs', async () => {
  const runtime = await Runtime.start({ threads: 1 });
  const data = drawn();
  const { mean, directions, variances } = await leadingAxes(runtime, data, channels, leading);
  await runtime.close();
  const all = principalAxes(data, channels, channels);
  for (let c = 0; c < channels; c++) expect(mean[c]).toBeCloseTo(all.mean[c], 3);
  for (let n = 0; n < leading; n++) {
    expect(variances[n] / all.variances[n]).toBeCloseTo(1, 3);
    expect(variances[n]).toBeGreaterThan(Math.max(...variances.subarray(leading)));
  }
  const total = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0);
  expect(total(variances) / total(all.variances)).toBeCloseTo(1, 4);
  for (let a = 0; a < channels; a++)
    for (let b = 0; b <= a; b++) {
      let product = 0;
      for (let c = 0; c < channels; c++) product += directions[c * channels + a] * directions[c * channels + b];
      expect(Math.abs(product - (a === b ? 1 : 0))).toBeLessThan(1e-5);
    }
});

test('rows that do not differ have a mean and no variance', async () => {
  const runtime = await Runtime.start({ threads: 1 });
  const { mean, variances } = await leadingAxes(runtime, new Float32Array(60).fill(2), 6, 3);
  await runtime.close();
  expect([...mean]).toEqual([2, 2, 2, 2, 2, 2]);
  for (const variance of variances) expect(variance).toBe(0);
});
