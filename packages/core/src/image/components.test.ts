import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { connectedComponents } from './components.ts';
import { golden, int32Of, uint8Of } from './fixtures/golden.ts';

function floodFill(mask: Uint8Array, width: number, height: number, connectivity: 4 | 8) {
  const labels = new Int32Array(mask.length);
  let count = 0;
  for (let seed = 0; seed < mask.length; seed++) {
    if (!mask[seed] || labels[seed]) continue;
    labels[seed] = ++count;
    const waiting = [seed];
    for (let i = waiting.pop(); i !== undefined; i = waiting.pop())
      for (let dy = -1; dy <= 1; dy++)
        for (let dx = -1; dx <= 1; dx++) {
          const [x, y] = [(i % width) + dx, Math.floor(i / width) + dy];
          if (connectivity === 4 && dx !== 0 && dy !== 0) continue;
          if (x < 0 || y < 0 || x >= width || y >= height || !mask[y * width + x] || labels[y * width + x]) continue;
          labels[y * width + x] = count;
          waiting.push(y * width + x);
        }
  }
  return { labels, count };
}

const raster = fc
  .tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 9 }))
  .chain(([width, height, share]) =>
    fc.record({
      width: fc.constant(width),
      height: fc.constant(height),
      mask: fc
        .array(fc.integer({ min: 0, max: 9 }), { minLength: width * height, maxLength: width * height })
        .map((values) => Uint8Array.from(values, (value) => (value < share ? 1 : 0))),
    }),
  );

describe.each([4, 8] as const)('%i-connected', (connectivity) => {
  test('labels, areas and boxes equal a flood fill', () => {
    fc.assert(
      fc.property(raster, ({ mask, width, height }) => {
        const want = floodFill(mask, width, height, connectivity);
        const got = connectedComponents(mask, width, height, connectivity);
        expect(got.count).toBe(want.count);
        expect([...got.labels]).toEqual([...want.labels]);
        for (let label = 1; label <= want.count; label++) {
          const at = [...want.labels.keys()].filter((i) => want.labels[i] === label);
          const xs = at.map((i) => i % width);
          const ys = at.map((i) => Math.floor(i / width));
          const [x, y] = [Math.min(...xs), Math.min(...ys)];
          expect(got.areas[label - 1]).toBe(at.length);
          expect(got.boxes[label - 1]).toEqual({
            x,
            y,
            width: Math.max(...xs) - x + 1,
            height: Math.max(...ys) - y + 1,
          });
        }
      }),
      { numRuns: 300 },
    );
  });

  test('equals scikit-image', () => {
    const [height, width] = golden.speckle.shape as [number, number];
    const got = connectedComponents(uint8Of(golden.speckle), width, height, connectivity);
    expect([...got.labels]).toEqual([...int32Of(golden.labels[connectivity])]);
  });
});

test('a comb, the worst case of merging, is one component', () => {
  const mask = new Uint8Array(201 * 50).map((_, i) => Number((i % 201) % 2 === 0 || i >= 201 * 49));
  expect(connectedComponents(mask, 201, 50, 4).count).toBe(1);
});

test('nothing, and a checkerboard', () => {
  expect(connectedComponents(new Uint8Array(12), 4, 3, 8)).toMatchObject({ count: 0, areas: [], boxes: [] });
  const board = new Uint8Array(25).map((_, i) => i % 2);
  expect(connectedComponents(board, 5, 5, 4).count).toBe(12);
  expect(connectedComponents(board, 5, 5, 8).count).toBe(1);
});
