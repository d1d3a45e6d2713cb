import { Runtime } from '@adclick/ortgrad';
import { expect, test } from 'vitest';
import { Random } from '../random.ts';
import { foregroundMap } from './foreground.ts';
import { fitForeground, type TokenGrid } from './foreground-fit.ts';

/** Tokens of two kinds with noise; `inside` says which cells are of the second kind. */
function grid(seed: number, inside: (y: number, x: number) => boolean, { height = 20, width = 30 } = {}): TokenGrid {
  const random = new Random(seed);
  const dims = 8;
  const tokens = new Float32Array(height * width * dims);
  for (let cell = 0; cell < height * width; cell++) {
    const kind = inside(Math.floor(cell / width), cell % width) ? 1 : 0;
    for (let d = 0; d < dims; d++) tokens[cell * dims + d] = (d % 2 === kind ? 1 : 0) + 0.25 * random.normal();
  }
  return { tokens, height, width, dims };
}

const disc = (y: number, x: number) => (y - 9.5) ** 2 + (x - 14.5) ** 2 < 7 ** 2;

test('finds an object in the middle, and keeps the last channels out when they do not count', async () => {
  const grids = Array.from({ length: 6 }, (_, i) => grid(i, disc));
  const model = fitForeground(grids, new Random(1));
  expect(model).toBeDefined();
  const runtime = await Runtime.start({ threads: 1 });
  const map = await foregroundMap(runtime, model!, grid(99, disc).tokens, [], { height: 20, width: 30 });
  await runtime.close();
  expect([map.width, map.height]).toEqual([30, 20]);
  let wrong = 0;
  for (let cell = 0; cell < 600; cell++) if (map.data[cell] > 0.5 !== disc(Math.floor(cell / 30), cell % 30)) wrong++;
  expect(wrong).toBeLessThan(12);
  const cut = fitForeground(
    grids.map((g) => ({ ...g, matched: 4 })),
    new Random(1),
  );
  expect(cut?.weights).toHaveLength(4);
  expect(fitForeground(grids, new Random(1))).toEqual(model);
});

test('a texture, a plain picture and an object that fills the picture have no foreground', () => {
  const random = new Random(5);
  const texture = Array.from({ length: 4 }, (_, i) => grid(i, () => random.chance(0.5)));
  const plain = Array.from({ length: 4 }, (_, i) => grid(i, () => true));
  const halves = Array.from({ length: 4 }, (_, i) => grid(i, (y) => y < 10));
  const flat = [{ tokens: new Float32Array(600 * 8).fill(0.3), height: 20, width: 30, dims: 8 }];
  for (const grids of [texture, plain, halves, flat, []]) expect(fitForeground(grids, new Random(1))).toBeUndefined();
});
