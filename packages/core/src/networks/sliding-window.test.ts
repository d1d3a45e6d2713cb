import { Graph, Runtime, reshape, tensor, type Value } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { TOKEN } from './adclick.ts';
import { type SlidingWindow, slideOver, windowStarts } from './sliding-window.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start();
});
afterAll(() => runtime.close());

describe('overlapping windows', () => {
  it('begin a stride apart, and the last one ends where the picture does', () => {
    expect(windowStarts(64, { side: 32, stride: 8 })).toEqual([0, 8, 16, 24, 32]);
    expect(windowStarts(45, { side: 32, stride: 8 })).toEqual([0, 8, 13]);
    expect(windowStarts(32, { side: 32, stride: 8 })).toEqual([0]);
    expect(windowStarts(20, { side: 32, stride: 8 })).toEqual([0]);
  });

  /** What comes of a picture of 5 × 7 tokens when `said` is said of every window of pixels, (windows, rows, columns). */
  async function slid(window: SlidingWindow, said: (pixels: Value, graph: Graph) => Value) {
    const [height, width] = [5, 7];
    const graph = new Graph('slide');
    const picture = graph.input('picture', [1, 1, TOKEN * height, TOKEN * width]);
    const out = slideOver(graph, [height, width], window, (cut) => {
      const pixels = cut(picture, { axis: 2, perToken: TOKEN });
      const [count, , rows, columns] = pixels.shape as [number, number, number, number];
      return said(reshape(pixels, [count, rows, columns]), graph);
    });
    graph.output('out', out);
    const random = new Random(3);
    const data = Float32Array.from({ length: TOKEN * TOKEN * height * width }, () => random.next());
    const session = await runtime.load(graph.toModel());
    const result = await session.run({ picture: tensor(data, [1, 1, TOKEN * height, TOKEN * width]) });
    await session.release();
    return { data, out: result.out.data as Float32Array };
  }

  it.each([
    { side: 3, stride: 2 },
    { side: 4, stride: 1 },
    { side: 9, stride: 4 },
  ])('put back together what they cut out: $side, $stride', async (window) => {
    const { data, out } = await slid(window, (pixels) => pixels);
    for (const [i, value] of data.entries()) expect(out[i]).toBeCloseTo(value, 5);
  });

  it('are averaged where they overlap', async () => {
    // Two windows side by side that share a column of tokens, at each of two heights; each says its number.
    const { out } = await slid({ side: 4, stride: 3 }, ({ shape }, graph) => {
      const [count, rows, columns] = shape as [number, number, number];
      const numbers = Float32Array.from({ length: count * rows * columns }, (_, i) => Math.floor(i / (rows * columns)));
      return graph.constant(numbers, [count, rows, columns]);
    });
    const at = (token: readonly [number, number]) => out[TOKEN * token[0] * 7 * TOKEN + TOKEN * token[1]];
    expect(at([0, 0])).toBe(0);
    expect(at([0, 3])).toBe(0.5);
    expect(at([0, 6])).toBe(1);
    expect(at([2, 3])).toBe(1.5);
    expect(at([4, 6])).toBe(3);
  });
});
