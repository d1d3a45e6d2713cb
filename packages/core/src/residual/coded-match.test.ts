import { Graph, Runtime, tensor, toFloat16, toFloat32 } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { bankOn, type CodedBank } from './coded-bank.ts';
import { codedMatchOn } from './coded-match.ts';
import { type CodedBand, meantBy } from './codes.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start();
});
afterAll(() => runtime.close());

const [height, width] = [16, 16];
const cells = height * width;
/** As in detector files; the axes are the channels, so that coordinates can be read off. */
const AXES = 176;
const spread = (i: number) => 0.4 / (1 + i / 8);
const bands: readonly CodedBand[] = [
  { levels: 16, steps: Float32Array.from({ length: 48 }, (_, i) => 0.335 * spread(i)) },
  { levels: 4, steps: Float32Array.from({ length: 128 }, (_, i) => spread(48 + i)) },
];

/** Codes of a picture, (cells, AXES), and their bytes. */
function picture(random: Random, code: (levels: number) => number = (levels) => random.int(0, levels)) {
  const values = new Float32Array(cells * AXES);
  const bytes = new Uint8Array(cells * 56);
  const halves = new Float32Array(cells);
  for (let cell = 0; cell < cells; cell++) {
    let [axis, at] = [0, 0];
    for (const { levels, steps } of bands) {
      const b = (steps.length * Math.log2(levels)) / 8;
      for (let i = 0; i < steps.length; i++) {
        const own = code(levels);
        const value = meantBy(own, steps[i], levels);
        bytes[cell * 56 + at + (i % b)] += own * levels ** Math.floor(i / b);
        values[cell * AXES + axis + i] = value;
        halves[cell] -= value ** 2 / 2;
      }
      axis += steps.length;
      at += b;
    }
  }
  return { values, bytes, halves };
}

type Picture = ReturnType<typeof picture>;

async function matched(pictures: readonly Picture[], query: Float32Array, radius: number): Promise<Float32Array> {
  const directions = new Float32Array(AXES * AXES);
  for (let i = 0; i < AXES; i++) directions[i * AXES + i] = 1;
  const none = new Float32Array(AXES);
  const bank: CodedBank = {
    parts: [{ mean: none, directions, bands, errors: none }],
    pictures: pictures.length,
    bytes: Uint8Array.from(pictures.flatMap(({ bytes }) => [...bytes])),
    halves: toFloat16(Float32Array.from(pictures.flatMap(({ halves }) => [...halves]))),
  };
  const graph = new Graph('coded-match');
  const values = graph.input('query', [cells, AXES]);
  const numbers = graph.int64(pictures.map((_, i) => i));
  const all = bankOn(graph, bank, 1, height)(numbers, { from: 0, to: height });
  graph.output('delta', codedMatchOn(values, all, bank.parts, { height, width, radius }));
  const session = await runtime.load(graph.toModel());
  const { delta } = await session.run({ query: tensor(query, [cells, AXES]) });
  await session.release();
  return (delta.data as Float32Array).map((r, i) => r + query[i]);
}

/** The nearest candidate of each token by a search through all of them. */
function searched(pictures: readonly Picture[], query: Float32Array, radius: number) {
  // -|z|² / 2 is kept in float16.
  const halves = pictures.map((each) => toFloat32(tensor(toFloat16(each.halves), [cells])));
  const scoreOf = (q: number, k: number, cell: number) => {
    let score = halves[k][cell];
    for (let i = 0; i < AXES; i++) score += query[q * AXES + i] * pictures[k].values[cell * AXES + i];
    return score;
  };
  return Array.from({ length: cells }, (_, q) => {
    const scores: { readonly k: number; readonly cell: number; readonly score: number }[] = [];
    for (let cell = 0; cell < cells; cell++)
      for (const k of pictures.keys())
        if (Math.hypot(Math.floor(cell / width) - Math.floor(q / width), (cell % width) - (q % width)) <= radius)
          scores.push({ k, cell, score: scoreOf(q, k, cell) });
    return scores.reduce((best, each) => (each.score > best.score ? each : best));
  });
}

const row = (values: Float32Array, cell: number) => values.subarray(cell * AXES, (cell + 1) * AXES);

/** The largest difference of two lists. */
const gapOf = (a: Float32Array, b: Float32Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

/** A token near one of the pictures', with noise along all axes. */
function near(random: Random, pictures: readonly Picture[], noise: number): Float32Array {
  return Float32Array.from({ length: cells * AXES }, (_, at) => {
    const from = pictures[Math.floor(at / AXES) % pictures.length].values;
    return from[at] + noise * spread(at % AXES) * random.normal();
  });
}

describe('the match in codes', () => {
  test.each([
    { name: 'queries that are near a good token', radius: 4, count: 10, noise: 1 },
    { name: 'queries that are near none', radius: 4, count: 10, noise: 4 },
    { name: 'one picture', radius: 3, count: 1, noise: 2 },
    { name: 'fewer candidates than are compared', radius: 0, count: 3, noise: 2 },
    { name: 'few candidates at the edges', radius: 1, count: 2, noise: 2 },
  ])('finds what a search through all candidates finds: $name', async ({ radius, count, noise }) => {
    const random = new Random(`match ${radius} ${count} ${noise}`);
    const pictures = Array.from({ length: count }, () => picture(random));
    const query = near(random, pictures, noise);
    const got = await matched(pictures, query, radius);
    const gaps = searched(pictures, query, radius).map(({ k, cell }, q) =>
      gapOf(row(got, q), row(pictures[k].values, cell)),
    );
    expect(Math.max(...gaps)).toBeLessThan(1e-5);
  });

  test('one odd token leaves the others what they are', async () => {
    const random = new Random('odd');
    const pictures = Array.from({ length: 4 }, () => picture(random));
    const query = near(random, pictures, 1);
    const before = await matched(pictures, query, 4);
    const odd = query.slice();
    for (let i = 0; i < AXES; i++) odd[i] *= 3;
    const after = await matched(pictures, odd, 4);
    expect(gapOf(after.subarray(AXES), before.subarray(AXES))).toBeLessThan(1e-5);
  });

  test('of tokens that are alike along all axes the first place counts, then the first picture', async () => {
    const random = new Random('alike');
    const flat = picture(random, (levels) => levels / 2);
    const graph = new Graph('places');
    const fine: CodedBand = { levels: 16, steps: Float32Array.of(1, 1) };
    // A second part, which is not compared, says which token was taken: picture and cell as its two codes.
    const marked = [0, 1].map((k) => {
      const bytes = new Uint8Array(cells * 57);
      for (let cell = 0; cell < cells; cell++) {
        bytes.set(flat.bytes.subarray(cell * 56, (cell + 1) * 56), cell * 57);
        bytes[cell * 57 + 56] = k + 16 * (cell % width);
      }
      return bytes;
    });
    const directions = new Float32Array(AXES * AXES);
    for (let i = 0; i < AXES; i++) directions[i * AXES + i] = 1;
    const none = new Float32Array(AXES);
    const two = { mean: new Float32Array(2), directions: Float32Array.of(1, 0, 0, 1), errors: new Float32Array(2) };
    const bank: CodedBank = {
      parts: [
        { mean: none, directions, bands, errors: none },
        { ...two, bands: [fine] },
      ],
      pictures: 2,
      bytes: Uint8Array.from(marked.flatMap((bytes) => [...bytes])),
      halves: toFloat16(Float32Array.from([...flat.halves, ...flat.halves])),
    };
    const values = graph.input('query', [cells, AXES + 2]);
    const all = bankOn(graph, bank, 2, height)(graph.int64([0, 1]), { from: 0, to: height });
    graph.output('delta', codedMatchOn(values, all, bank.parts, { height, width, radius: 2 }));
    const session = await runtime.load(graph.toModel());
    const query = Float32Array.from({ length: cells * (AXES + 2) }, (_, at) =>
      at % (AXES + 2) < AXES ? 0.1 * random.normal() : 0,
    );
    const { delta } = await session.run({ query: tensor(query, [cells, AXES + 2]) });
    await session.release();
    const code = (q: number, i: number) => Number(delta.data[q * (AXES + 2) + AXES + i]) + 7.5;
    for (let q = 0; q < cells; q++) {
      expect(code(q, 0)).toBeCloseTo(0, 5);
      const [y, x] = [Math.floor(q / width), q % width];
      // The topmost row within the radius, and in it the leftmost cell.
      const top = Math.max(0, y - 2);
      const reach = Math.floor(Math.sqrt(4 - (y - top) ** 2));
      expect(code(q, 1)).toBeCloseTo(Math.max(0, x - reach), 5);
    }
  });
});
