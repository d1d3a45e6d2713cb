/** SimpleClick's clicks, parts of pictures and mirror beside its own evaluation, around a stand-in network (bench/reference/simple_click_clicks.py). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  add,
  addScalar,
  averagePool,
  Graph,
  Runtime,
  reduceMean,
  resizeBilinear,
  scale,
  slice,
  sub,
  tensor,
} from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ImageClick, imageClick } from '../../src/clicks/types.ts';
import type { Plane, RgbImage } from '../../src/image/types.ts';
import { type ClickNetwork, SimpleClickMethod } from '../../src/rivals/simple-click.ts';
import { difference } from './difference.ts';
import { seeded } from './seeded.ts';

const SIDE = 448;
const BLOCK = 64;

interface Told {
  readonly step: number;
  readonly pictures: readonly {
    readonly width: number;
    readonly height: number;
    readonly ways: readonly {
      readonly flip: boolean;
      readonly steps: readonly {
        readonly x: number;
        readonly y: number;
        readonly positive: boolean;
        /** First and last row, first and last column. */
        readonly crop: readonly number[];
        readonly values: readonly number[];
      }[];
    }[];
  }[];
}

let runtime: Runtime;
let told: Told;
beforeAll(async () => {
  runtime = await Runtime.start();
  told = JSON.parse(await readFile(join(import.meta.dirname, 'fixtures', 'simple-click-clicks.json'), 'utf8')) as Told;
});
afterAll(() => runtime.close());

/** `Stand` of the Python. */
async function standIn(batch: number): Promise<ClickNetwork> {
  const graph = new Graph('stand-in');
  const sides = [batch, 3, SIDE, SIDE];
  const [pictures, clickMaps] = [graph.input('pictures', sides), graph.input('clickMaps', sides)];
  const blocks = averagePool(clickMaps, BLOCK, BLOCK); // (B, 3, 7, 7)
  const [before, positive, negative] = [0, 1, 2].map((channel) => slice(blocks, 1, channel, channel + 1));
  const grey = reduceMean(averagePool(pictures, BLOCK, BLOCK), [1], true); // (B, 1, 7, 7)
  const count = SIDE / BLOCK;
  const slope = graph.constant(
    Float32Array.from({ length: count }, (_, x) => x / 4),
    [1, 1, 1, count],
  );
  const clicked = scale(sub(positive, negative), 300);
  const logits = add(add(add(clicked, scale(before, 3)), addScalar(scale(grey, 4), -5)), slope); // (B, 1, 7, 7)
  graph.output('logits', resizeBilinear(logits, [SIDE, SIDE]));
  const session = await runtime.load(graph.toModel());
  return {
    side: SIDE,
    run: async (pictures, clickMaps) => {
      const answer = await session.run({ pictures: tensor(pictures, sides), clickMaps: tensor(clickMaps, sides) });
      return answer.logits.data as Float32Array;
    },
    close: () => session.release(),
  };
}

const picture = (width: number, height: number): RgbImage => {
  const { data } = seeded(`picture ${height}x${width}`, [height, width, 3], 127.5, 127.5);
  return { data: Uint8Array.from(data, Number), width, height, channels: 3 };
};

/** First and last row and column of what is not 0: beyond the part that it looks at the map is 0, and inside nowhere. */
function lookedAt({ data, width }: Plane): number[] {
  const rows: number[] = [];
  const columns: number[] = [];
  for (const [at, value] of data.entries())
    if (value > 0) {
      rows.push(Math.floor(at / width));
      columns.push(at % width);
    }
  const ends = (places: readonly number[]) => [
    places.reduce((least, place) => Math.min(least, place)),
    places.reduce((most, place) => Math.max(most, place)),
  ];
  return [...ends(rows), ...ends(columns)];
}

describe.each([0, 1])('picture %i', (number) => {
  test.each([0, 1])('way %i', async (way) => {
    const { step, pictures } = told;
    const { width, height, ways } = pictures[number];
    const { flip, steps } = ways[way];
    const method = new SimpleClickMethod(await standIn(flip ? 2 : 1), { flip });
    const open = await method.open({ image: picture(width, height), path: '', type: '' });
    const clicks: ImageClick[] = [];
    for (const { x, y, positive, crop, values } of steps) {
      clicks.push(imageClick(x, y, positive));
      const map = await open.predict([...clicks]);
      const columns = Math.ceil(width / step);
      const seen = values.map((_, i) => map.data[Math.floor(i / columns) * step * width + (i % columns) * step]);
      const [found, wanted] = [seen, values].map((all) => tensor(Float32Array.from(all), [all.length]));
      expect(difference(found, wanted), `click ${clicks.length}`).toBeLessThan(2e-5);
      expect(lookedAt(map)).toEqual(crop);
    }
    // Clicks that are asked for again, and others after them, do not depend on what was asked before.
    const whole = await open.predict(clicks);
    await open.predict(clicks.slice(1, 3));
    expect((await open.predict(clicks)).data).toEqual(whole.data);
    await method.close();
  });
});
