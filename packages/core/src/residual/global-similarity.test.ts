import { Runtime, toFloat16 } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { blockHistograms, distances } from './global-similarity.ts';
import { type Codebook, kMeans } from './k-means.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start();
});
afterAll(() => runtime.close());

/** A codebook of one channel with centres 0, 1, … and a map that holds such numbers. */
const book: Codebook = { centres: Float32Array.from({ length: 12 }, (_, k) => k), channels: 1 };
const histogramsOf = (height: number, width: number, code: (y: number, x: number) => number) => {
  const low = Float32Array.from({ length: height * width }, (_, i) => code(Math.floor(i / width), i % width));
  return blockHistograms(runtime, low, { height, width }, book);
};

describe('blockHistograms', () => {
  test('counts codes a block on a map that is not square', async () => {
    const histograms = await histogramsOf(16, 40, (y, x) => (y < 8 ? 2 : x % 5 === 0 ? 7 : 5));
    expect(histograms.length).toBe(64 * 12);
    for (let block = 0; block < 64; block++) {
      const row = histograms.subarray(block * 12, block * 12 + 12);
      expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      expect(row[block < 32 ? 2 : 5]).toBeCloseTo(block < 32 ? 1 : 0.8, 5);
      expect(row[7]).toBeCloseTo(block < 32 ? 0 : 0.2, 5);
    }
  });

  test('gives each cell the code of its nearest centre, from float16 as from float32', async () => {
    const random = new Random(8);
    const [height, width, channels] = [16, 24, 6];
    const cells = height * width;
    const low = Float32Array.from({ length: channels * cells }, () => Math.fround(random.int(-40, 40) / 16));
    const learnt = kMeans(low.slice(0, 60 * channels), channels, new Random(1), { count: 5 });
    const wanted = new Float32Array(64 * 5);
    for (let cell = 0; cell < cells; cell++) {
      const distance = (k: number) => {
        let sum = 0;
        for (let c = 0; c < channels; c++) sum += (low[c * cells + cell] - learnt.centres[k * channels + c]) ** 2;
        return sum;
      };
      const nearest = [0, 1, 2, 3, 4].reduce((a, b) => (distance(b) < distance(a) ? b : a));
      const block = Math.floor(Math.floor(cell / width) / 2) * 8 + Math.floor((cell % width) / 3);
      wanted[block * 5 + nearest] += 1 / 6;
    }
    const got = await blockHistograms(runtime, low, { height, width }, learnt);
    for (const [i, share] of got.entries()) expect(share).toBeCloseTo(wanted[i], 5);
    expect(await blockHistograms(runtime, toFloat16(low), { height, width }, learnt)).toEqual(got);
  });
});

describe('distances', () => {
  /** Straight from the text, in float64. */
  function formula(query: Float32Array, reference: Float32Array): number {
    const codes = query.length / 64;
    const divergences = Array.from({ length: 64 }, (_, block) => {
      let sum = 0;
      for (let at = block * codes; at < (block + 1) * codes; at++)
        sum += query[at] * (Math.log(query[at] + 1e-8) - Math.log(reference[at] + 1e-8));
      return sum;
    });
    const kept = divergences.sort((a, b) => a - b).slice(0, 51);
    return kept.reduce((a, b) => a + b);
  }

  const random = new Random(9);
  const drawn = () => histogramsOf(32, 32, (y, x) => (Math.floor(y / 4) + Math.floor(x / 4) + random.int(0, 3)) % 12);

  test('are the formula of the text, to each reference and from each query', async () => {
    const [query, ...others] = [await drawn(), await drawn(), await drawn(), await drawn()];
    const [to, from] = [await distances(runtime, [query], others), await distances(runtime, others, [query])];
    for (const [i, other] of others.entries()) {
      expect(to[i] / formula(query, other)).toBeCloseTo(1, 5);
      expect(from[i] / formula(other, query)).toBeCloseTo(1, 5);
    }
  });

  test('are 0 to itself and where a defect fills a few blocks only', async () => {
    const reference = await drawn();
    const damaged = reference.slice();
    for (let block = 10; block < 22; block++) damaged.fill(0, block * 12, block * 12 + 12)[block * 12 + 11] = 1;
    expect([...(await distances(runtime, [reference], [reference, reference]))]).toEqual([0, 0]);
    expect([...(await distances(runtime, [damaged], [reference]))]).toEqual([0]);
  });
});
