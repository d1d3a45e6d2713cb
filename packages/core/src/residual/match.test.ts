import { Runtime, tensor, toFloat16, toFloat32 } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { defaultRadius, Matcher } from './match.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start();
});
afterAll(() => runtime.close());

/** Squared distances of every allowed candidate, straight from Eq. 3-4. */
function bruteForce(
  query: Float32Array,
  bank: Float32Array[],
  height: number,
  width: number,
  dims: number,
  radius: number,
) {
  return Array.from({ length: height * width }, (_, q) => {
    const found: { index: number; distance: number }[] = [];
    for (const [k, tokens] of bank.entries())
      for (let c = 0; c < height * width; c++) {
        const dy = Math.floor(c / width) - Math.floor(q / width);
        const dx = (c % width) - (q % width);
        if (dy * dy + dx * dx > radius * radius) continue;
        let distance = 0;
        for (let d = 0; d < dims; d++) distance += (tokens[c * dims + d] - query[q * dims + d]) ** 2;
        found.push({ index: k * height * width + c, distance });
      }
    return found.sort((a, b) => a.distance - b.distance);
  });
}

function draw(random: Random, length: number): Float32Array {
  return Float32Array.from({ length }, () => random.normal());
}

describe('Matcher equals brute force', () => {
  test.each([
    { height: 16, width: 16, dims: 12, neighbours: 3, radius: 4 },
    { height: 8, width: 24, dims: 5, neighbours: 2, radius: 2 },
    { height: 24, width: 8, dims: 5, neighbours: 1, radius: 3.5 },
    { height: 7, width: 10, dims: 4, neighbours: 4, radius: 1 },
    { height: 8, width: 8, dims: 6, neighbours: 2, radius: 20 },
    { height: 8, width: 16, dims: 6, neighbours: 2, radius: 0 },
  ])(
    '$height x $width tokens, $neighbours pictures, radius $radius',
    async ({ height, width, dims, neighbours, radius }) => {
      const random = new Random(`${height}/${width}/${radius}`);
      const cells = height * width;
      const query = draw(random, cells * dims);
      const halves = Array.from({ length: neighbours }, () => toFloat16(draw(random, cells * dims)));
      const bank = halves.map((bits) => toFloat32(tensor(bits, [bits.length])));
      const { delta, index } = await Matcher.of(runtime).match(query, halves, { height, width, dims, radius });
      const wanted = bruteForce(query, bank, height, width, dims, radius);
      for (let q = 0; q < cells; q++) {
        const got = index[q];
        const [first] = wanted[q] as [{ index: number; distance: number }];
        const mine = wanted[q]?.find((candidate) => candidate.index === got);
        expect(mine, `token ${q} found a candidate out of reach`).toBeDefined();
        expect(mine?.distance).toBeCloseTo(first.distance, 4);
        const source = bank[Math.floor(got / cells)];
        for (let d = 0; d < dims; d++)
          expect(delta[q * dims + d]).toBeCloseTo(source[(got % cells) * dims + d] - query[q * dims + d], 5);
      }
    },
  );
});

test('at equal distance the first place wins, then the first picture', async () => {
  const [height, width, dims] = [8, 8, 2];
  const bank = [0, 1].map(() => toFloat16(new Float32Array(height * width * dims).fill(0.5)));
  const { index } = await Matcher.of(runtime).match(new Float32Array(height * width * dims), bank, {
    height,
    width,
    dims,
    radius: 2,
  });
  expect(index[0]).toBe(0);
  expect(index[3 * width + 4]).toBe(1 * width + 4);
  expect(Math.max(...index)).toBeLessThan(height * width);
});

test('a longer reference token does not win by its length', async () => {
  const [height, width, dims, radius] = [8, 8, 2, 0];
  const query = new Float32Array(height * width * dims).fill(1);
  const near = toFloat16(new Float32Array(query.length).fill(1.25));
  const long = toFloat16(new Float32Array(query.length).fill(9));
  const { index, delta } = await Matcher.of(runtime).match(query, [long, near], { height, width, dims, radius });
  expect(index[10]).toBe(height * width + 10);
  expect(delta[20]).toBeCloseTo(0.25, 6);
});

test('the default radius is a sixteenth of the longer side', () => {
  expect([defaultRadius(64, 64), defaultRadius(48, 48), defaultRadius(32, 32), defaultRadius(40, 104)]).toEqual([
    4, 3, 2, 7,
  ]);
});
