import { Graph, Runtime, tensor, toFloat16, toFloat32 } from '@adclick/ortgrad';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { bankOn, type CodedAxes, type CodedBank, codedBank } from './coded-bank.ts';
import { codedMatchOn } from './coded-match.ts';
import { Matcher } from './match.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start();
});
afterAll(() => runtime.close());

const [height, width, dims, matched, radius] = [8, 16, 20, 12, 2];
const cells = height * width;
const shape = { height, width, radius };
const AXES: CodedAxes = {
  compared: [
    { levels: 16, axes: 8 },
    { levels: 4, axes: 4 },
  ],
  fine: [
    { levels: 16, axes: 4 },
    { levels: 4, axes: 4 },
  ],
};

/** Tokens of a picture: a surface that differs from place to place, and a little from picture to picture. */
function drawn(seed: string, noise = 0.05): Float32Array {
  const [surface, own] = [new Random('surface'), new Random(seed)];
  return Float32Array.from(
    { length: cells * dims },
    (_, i) => surface.normal() / (1 + (i % dims)) + noise * own.normal(),
  );
}

/** r of a query against coded pictures. */
async function deltaOf(bank: CodedBank, query: Float32Array, parts = bank.parts.length): Promise<Float32Array> {
  const graph = new Graph('coded-match');
  const values = graph.input('query', [cells, dims]);
  graph.output('delta', codedMatchOn(values, bankOn(graph, bank, parts), bank.parts.slice(0, parts), shape));
  const session = await runtime.load(graph.toModel());
  const { delta } = await session.run({ query: tensor(query, [cells, dims]) });
  await session.release();
  return delta.data as Float32Array;
}

/** What codes stand for: r of a query of zeros at radius 0 is the token of the only picture itself. */
async function restored({ parts, pictures, halves }: CodedBank, picture: number): Promise<Float32Array> {
  const graph = new Graph('restored');
  const one = { parts, pictures: [pictures[picture]], halves: [halves[picture]] };
  const bank = bankOn(graph, one, parts.length);
  graph.output('tokens', codedMatchOn(graph.input('query', [cells, dims]), bank, parts, { ...shape, radius: 0 }));
  const session = await runtime.load(graph.toModel());
  const { tokens } = await session.run({ query: tensor(new Float32Array(cells * dims), [cells, dims]) });
  await session.release();
  return tokens.data as Float32Array;
}

const tokens16 = ['a', 'b', 'c'].map((seed) => toFloat16(drawn(seed)));

test('two codes of four bits are a byte, and four of two; tokens come back but for half a step along each axis', async () => {
  const bank = await codedBank(runtime, tokens16, dims, matched, AXES);
  expect(bank.pictures.map(({ length }) => length)).toEqual([8, 8, 8].map((bytes) => bytes * cells));
  const tokens = toFloat32(tensor(tokens16[1], [cells * dims]));
  const back = await restored(bank, 1);
  let [error, spread] = [0, 0];
  for (const [i, value] of tokens.entries()) {
    const { mean } = i % dims < matched ? bank.parts[0] : bank.parts[1];
    error += (back[i] - value) ** 2;
    spread += (value - mean[(i % dims) - (i % dims < matched ? 0 : matched)]) ** 2;
  }
  // Four bits a value of a normal distribution: 1.2 % of its variance.
  expect(error / spread).toBeLessThan(0.02);
  expect(error / spread).toBeGreaterThan(0.001);
});

test('the match against codes is the match against what they stand for', async () => {
  const bank = await codedBank(runtime, tokens16, dims, matched, {
    compared: [
      { levels: 16, axes: 4 },
      { levels: 4, axes: 4 },
    ],
    fine: [{ levels: 16, axes: 4 }],
  });
  const query = drawn('query', 0.3);
  const tokens = await Promise.all(tokens16.map((_, n) => restored(bank, n)));
  const got = await deltaOf(bank, query);
  let changed = 0;
  for (let q = 0; q < cells; q++) {
    const [y, x] = [Math.floor(q / width), q % width];
    const distance = (delta: (d: number) => number) => {
      let sum = 0;
      for (let d = 0; d < matched; d++) sum += delta(d) ** 2;
      return sum;
    };
    const all = tokens.flatMap((picture) =>
      Array.from({ length: cells }, (_, c) => c)
        .filter((c) => (Math.floor(c / width) - y) ** 2 + ((c % width) - x) ** 2 <= radius * radius)
        .map((c) => distance((d) => picture[c * dims + d] - query[q * dims + d])),
    );
    // -|z|² / 2 is kept in float16.
    expect(distance((d) => got[q * dims + d])).toBeCloseTo(Math.min(...all), 2);
    if (all.indexOf(Math.min(...all)) > 0) changed++;
  }
  expect(changed).toBeGreaterThan(cells / 2);
});

test('with all axes residuals are those of the float16 descriptors but for the codes', async () => {
  const bank = await codedBank(runtime, tokens16, dims, matched, AXES);
  const query = drawn('query', 0.3);
  const { delta } = await Matcher.of(runtime).match(query, tokens16, { height, width, dims, matched, radius });
  const coded = await deltaOf(bank, query);
  let [gap, size] = [0, 0];
  for (const [i, value] of delta.entries()) {
    gap += (coded[i] - value) ** 2;
    size += value ** 2;
  }
  expect(gap / size).toBeLessThan(0.1);
});

test('a detector without a network leaves the fine channels out', async () => {
  const bank = await codedBank(runtime, tokens16, dims, matched, AXES);
  const query = drawn('query', 0.3);
  const [all, front] = [await deltaOf(bank, query), await deltaOf(bank, query, 1)];
  expect(front).toHaveLength(cells * matched);
  for (let q = 0; q < cells; q++)
    for (let d = 0; d < matched; d++) expect(front[q * matched + d]).toBeCloseTo(all[q * dims + d], 6);
});

test('the same descriptors give the same codes, and pictures that do not differ are no obstacle', async () => {
  const again = () => codedBank(runtime, tokens16, dims, matched, AXES);
  expect(await again()).toEqual(await again());
  const flat = toFloat16(new Float32Array(cells * dims).fill(0.5));
  const bank = await codedBank(runtime, [flat], dims, matched, AXES);
  for (const value of await restored(bank, 0)) expect(value).toBeCloseTo(0.5, 4);
});
