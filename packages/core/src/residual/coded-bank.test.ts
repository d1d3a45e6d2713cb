import { Graph, Runtime, tensor, toFloat16, toFloat32 } from '@adclick/ortgrad';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { bankOn, type CodedAxes, type CodedBank, type CodedSource, type CodedValues, codedBank } from './coded-bank.ts';
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

/** Descriptors of pictures as they are put in codes. */
const source = (tokens: readonly Uint16Array[]): CodedSource => ({
  pictures: tokens.length,
  cells,
  dims,
  matched,
  read: async (picture, from, to) => tokens[picture].subarray(from, to),
});

/** Pictures of a bank, by their numbers. */
const valuesOn = (graph: Graph, bank: CodedBank, parts: number, numbers: readonly number[]): CodedValues =>
  bankOn(graph, bank, parts, height)(graph.int64(numbers), { from: 0, to: height });

const gapOf = (a: Float32Array, b: Float32Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

/** r of a query against coded pictures. */
async function deltaOf(bank: CodedBank, query: Float32Array, parts = bank.parts.length): Promise<Float32Array> {
  const graph = new Graph('coded-match');
  const values = graph.input('query', [cells, dims]);
  graph.output(
    'delta',
    codedMatchOn(values, valuesOn(graph, bank, parts, [0, 1, 2]), bank.parts.slice(0, parts), shape),
  );
  const session = await runtime.load(graph.toModel());
  const { delta } = await session.run({ query: tensor(query, [cells, dims]) });
  await session.release();
  return delta.data as Float32Array;
}

/** What codes stand for: r of a query of zeros at radius 0 is the token of the only picture itself. */
async function restored(bank: CodedBank, picture: number): Promise<Float32Array> {
  const graph = new Graph('restored');
  const own = valuesOn(graph, bank, bank.parts.length, [picture]);
  graph.output('tokens', codedMatchOn(graph.input('query', [cells, dims]), own, bank.parts, { ...shape, radius: 0 }));
  const session = await runtime.load(graph.toModel());
  const { tokens } = await session.run({ query: tensor(new Float32Array(cells * dims), [cells, dims]) });
  await session.release();
  return tokens.data as Float32Array;
}

const tokens16 = ['a', 'b', 'c'].map((seed) => toFloat16(drawn(seed)));

test('two codes of four bits are a byte, and four of two; tokens come back but for half a step along each axis', async () => {
  const bank = await codedBank(runtime, source(tokens16), { axes: AXES });
  expect([bank.pictures, bank.bytes.length]).toEqual([3, 3 * 8 * cells]);
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
  const bank = await codedBank(runtime, source(tokens16), {
    axes: {
      compared: [
        { levels: 16, axes: 4 },
        { levels: 4, axes: 4 },
      ],
      fine: [{ levels: 16, axes: 4 }],
    },
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
  const bank = await codedBank(runtime, source(tokens16), { axes: AXES });
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
  const bank = await codedBank(runtime, source(tokens16), { axes: AXES });
  const query = drawn('query', 0.3);
  const [all, front] = [await deltaOf(bank, query), await deltaOf(bank, query, 1)];
  expect(front).toHaveLength(cells * matched);
  for (let q = 0; q < cells; q++)
    for (let d = 0; d < matched; d++) expect(front[q * matched + d]).toBeCloseTo(all[q * dims + d], 6);
  const without = await codedBank(runtime, source(tokens16), { axes: AXES, fine: false });
  expect(await deltaOf(without, query)).toEqual(front);
});

test('rows of a picture ask alone, with the rows within reach as candidates', async () => {
  const bank = await codedBank(runtime, source(tokens16), { axes: AXES });
  const query = drawn('query', 0.3);
  const whole = await deltaOf(bank, query);
  const graph = new Graph('rows');
  const own = bankOn(graph, bank, 2, height)(graph.int64([0, 1, 2]), { from: 1, to: 7 });
  const rows = { height: 6, width, radius, asked: { from: 2, to: 4 } };
  graph.output('delta', codedMatchOn(graph.input('query', [2 * width, dims]), own, bank.parts, rows));
  const session = await runtime.load(graph.toModel());
  const [from, to] = [3 * width * dims, 5 * width * dims];
  const { delta } = await session.run({ query: tensor(query.slice(from, to), [2 * width, dims]) });
  await session.release();
  expect(gapOf(delta.data as Float32Array, whole.subarray(from, to))).toBeLessThan(1e-6);
});

test('the same descriptors give the same codes, and pictures that do not differ are no obstacle', async () => {
  const again = () => codedBank(runtime, source(tokens16), { axes: AXES });
  expect(await again()).toEqual(await again());
  const flat = toFloat16(new Float32Array(cells * dims).fill(0.5));
  const bank = await codedBank(runtime, source([flat]), { axes: AXES });
  for (const value of await restored(bank, 0)) expect(value).toBeCloseTo(0.5, 4);
});
