/** The coreset chooses what the plain search over all distances chooses, row by row. */
import { Runtime } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { greedyCoreset } from './greedy-coreset.ts';
import { Nearest } from './nearest.ts';

const DIMS = 16;

let runtime: Runtime;
let nearest: Nearest;
beforeAll(async () => {
  runtime = await Runtime.start();
  nearest = await Nearest.create(runtime, DIMS);
});
afterAll(() => runtime.close());

function distance(rows: Float32Array, a: number, b: number): number {
  let sum = 0;
  for (let d = 0; d < DIMS; d++) sum += (rows[a * DIMS + d] - rows[b * DIMS + d]) ** 2;
  return Math.sqrt(sum);
}

/** Distances of every row to every chosen one, as they stand in the paper. */
function plainly(rows: Float32Array, count: number, starts: number, random: Random): number[] {
  const all = Array.from({ length: rows.length / DIMS }, (_, i) => i);
  const begin = random.shuffle(all).slice(0, starts);
  const far = all.map((row) => begin.reduce((sum, start) => sum + distance(rows, row, start), 0) / begin.length);
  const chosen: number[] = [];
  while (chosen.length < count) {
    const next = far.indexOf(far.reduce((most, value) => Math.max(most, value)));
    chosen.push(next);
    for (const row of all) far[row] = Math.min(far[row], distance(rows, row, next));
    far[next] = -1;
  }
  return chosen;
}

const evenly = (random: Random) => random.uniform(-1, 1);
/** A few heaps, as the patches of aligned pictures make them. */
function heaped(random: Random, rows: number): Float32Array {
  const heaps = Array.from({ length: 40 * DIMS }, () => random.uniform(-1, 1));
  return Float32Array.from({ length: rows * DIMS }, (_, i) => {
    const heap = Math.floor(i / DIMS) % 40;
    return heaps[heap * DIMS + (i % DIMS)] + 0.05 * random.uniform(-1, 1);
  });
}

describe('the rows of the plain search, in its order', () => {
  test.each([
    ['all among the candidates', 300, 60, evenly],
    ['many times as many as the candidates', 12_000, 1200, evenly],
  ])('%s', async (_, rows, count, draw) => {
    const random = new Random(rows);
    const vectors = Float32Array.from({ length: rows * DIMS }, () => draw(random));
    const chosen = await greedyCoreset(nearest, vectors, { count, starts: 10, random: new Random('start') });
    expect([...chosen]).toEqual(plainly(vectors, count, 10, new Random('start')));
  });

  test('of heaps, where most rows are near to another', async () => {
    const vectors = heaped(new Random(5), 9000);
    const chosen = await greedyCoreset(nearest, vectors, { count: 900, starts: 10, random: new Random('start') });
    expect([...chosen]).toEqual(plainly(vectors, 900, 10, new Random('start')));
  });

  test('copies are chosen last', async () => {
    const random = new Random(3);
    const once = Float32Array.from({ length: 50 * DIMS }, () => evenly(random));
    const twice = new Float32Array(2 * once.length);
    twice.set(once);
    twice.set(once, once.length);
    const chosen = await greedyCoreset(nearest, twice, { count: 60, starts: 10, random: new Random(1) });
    expect(new Set([...chosen.subarray(0, 50)].map((row) => row % 50)).size).toBe(50);
    expect(new Set(chosen).size).toBe(60);
  });
});

test('distances to the nearest of rows, of any number of both', async () => {
  const random = new Random(9);
  const rows = Float32Array.from({ length: 5000 * DIMS }, () => evenly(random));
  const queries = Float32Array.from({ length: 2100 * DIMS }, () => evenly(random));
  const held = await nearest.hold(rows);
  const squares = await nearest.squares(queries, held);
  expect(squares).toHaveLength(2100);
  const joined = new Float32Array(rows.length + queries.length);
  joined.set(rows);
  joined.set(queries, rows.length);
  for (const query of [0, 1, 2047, 2048, 2099]) {
    const wanted = Math.min(...Array.from({ length: 5000 }, (_, row) => distance(joined, 5000 + query, row)));
    expect(Math.sqrt(squares[query])).toBeCloseTo(wanted, 4);
  }
  await held.release();
});
