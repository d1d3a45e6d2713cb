/** Exported pairs of Segment Anything: pairs that show what they were fed prove every number that goes in and every mask that comes out. */
import { join } from 'node:path';
import { Runtime } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ImageClick, imageClick } from '../clicks/types.ts';
import type { RgbImage } from '../image/types.ts';
import { chosenMask, SamMethod } from './sam.ts';

/** As bench/reference/sam_pairs.py makes them. */
const fixture = (name: string) => join(import.meta.dirname, 'fixtures', `${name}.onnx`);

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start();
});
afterAll(() => runtime.close());

const COLOUR = [200, 100, 50];

/** A picture of one colour. */
const plain = (width: number, height: number): RgbImage => ({
  data: Uint8Array.from({ length: 3 * width * height }, (_, i) => COLOUR[i % 3]),
  width,
  height,
  channels: 3,
});

const normal = COLOUR.map((value, c) => (value - [123.675, 116.28, 103.53][c]) / [58.395, 57.12, 57.375][c]);

const load = (encoder: string, decoder: string) => SamMethod.load(runtime, fixture(encoder), fixture(decoder));

/** What a pair of these says that it was fed, after some clicks; and the size of its map. */
async function shown(encoder: string, decoder: string, size: readonly [number, number], clicks: readonly ImageClick[]) {
  const method = await load(encoder, decoder);
  const [width, height] = size;
  const open = await method.open({ image: plain(width, height), path: '', type: '' });
  const map = await open.predict(clicks);
  await open.close();
  await method.close();
  expect([map.width, map.height, map.data.length]).toEqual([width, height, width * height]);
  const logit = (x: number) => {
    const p = map.data[x];
    return Math.log(p / (1 - p));
  };
  const told = Array.from({ length: 16 }, (_, x) => 256 * logit(x));
  return {
    positive: told.slice(0, 3),
    negative: told.slice(3, 6),
    padding: told.slice(6, 9),
    before: told[9],
    hasBefore: told[10],
    embedding: told.slice(11),
    map,
  };
}

const close = (found: readonly number[], wanted: readonly number[], within = 0.05) =>
  expect(found.map((value, i) => Math.abs(value - wanted[i]) < within)).toEqual(wanted.map(() => true));

const CLICKS = [imageClick(10, 20, true), imageClick(30, 5, false), imageClick(50, 40, true)];

describe('what is fed', () => {
  test('clicks in pixels of the longer side of 1024, their labels, one padding point, and no mask before the first', async () => {
    const first = await shown('encoder', 'decoder', [128, 64], CLICKS.slice(0, 1));
    close(first.positive, [80, 160, 1]);
    close(first.negative, [0, 0, 0]);
    close(first.padding, [0, 0, 1]);
    close([first.before, first.hasBefore], [0, 0]);
  });

  test('all clicks again, and the low mask of the click before', async () => {
    const third = await shown('encoder', 'decoder', [128, 64], CLICKS);
    close(third.positive, [480, 480, 2]);
    close(third.negative, [240, 40, 1]);
    close(third.padding, [0, 0, 1]);
    close([third.before, third.hasBefore], [2, 1]);
  });

  test('sides that do not divide: rounded as the picture is, clicks by what came of it', async () => {
    // 300 x 199 becomes 1024 x 679.25, that is 679.
    const { positive } = await shown('encoder', 'decoder', [300, 199], [imageClick(299, 198, true)]);
    close(positive, [299 * (1024 / 300), 198 * (679 / 199), 1]);
  });

  test('pictures with channels first are normalised, then padded with zeros', async () => {
    const { embedding } = await shown('encoder', 'decoder', [128, 64], CLICKS.slice(0, 1));
    close(embedding, [...normal.map((value) => value / 2), normal[0], 0], 0.01);
  });

  test('pictures with channels last are scaled as they are, and padded where the encoder has a size', async () => {
    const free = await shown('encoder-rows', 'decoder', [128, 64], CLICKS.slice(0, 1));
    close(free.embedding, [...COLOUR, COLOUR[0], COLOUR[0]]);
    const framed = await shown('encoder-frame', 'decoder', [128, 64], CLICKS.slice(0, 1));
    const filled = 512 / 684;
    close(framed.embedding, [...COLOUR.map((value) => value * filled), COLOUR[0], 0]);
    close(framed.positive, [80, 160, 1]);
  });

  test('a picture that does not fill the longer side of the frame is cut out of the frame again', async () => {
    const { positive, embedding, map } = await shown('encoder-frame', 'decoder', [171, 684], CLICKS.slice(0, 1));
    close(positive, [10, 20, 1]);
    close(embedding, [...COLOUR.map((value) => value / (1024 / 171)), COLOUR[0], 0]);
    // All columns of the frame show 16 numbers; the picture has 171 of them.
    expect(map.data[160]).toBeCloseTo(map.data[0], 5);
  });
});

describe('which mask', () => {
  test('one click: the best of three; more: the one for clear clicks, whose low mask goes on', async () => {
    const first = await shown('encoder', 'decoder-four', [128, 64], CLICKS.slice(0, 1));
    // The third mask adds 2 to every logit.
    close(first.padding, [512, 512, 513]);
    const third = await shown('encoder', 'decoder-four', [128, 64], CLICKS);
    close(third.padding, [0, 0, 1]);
    // 201 of the third mask, then 202 of the first.
    close([third.before], [202]);
  });

  test.each([
    [4, [0.9, 0.1, 0.3, 0.2], 1, 2],
    [4, [0.1, 0.2, 0.3, 0.9], 2, 0],
    [3, [0.1, 0.2, 0.3], 1, 2],
    [3, [0.5, 0.2, 0.3], 5, 0],
    [1, [0.1], 1, 0],
  ])('of %i masks with %j after %i clicks', (count, quality, clicks, wanted) => {
    expect(chosenMask(count, quality, clicks)).toBe(wanted);
  });

  test('masks that come as the decoder draws them are enlarged to the square and cut', async () => {
    const method = await load('encoder', 'decoder-small');
    const open = await method.open({ image: plain(512, 256), path: '', type: '' });
    const { data } = await open.predict([imageClick(1, 1, true)]);
    const logit = (x: number, y: number) => Math.log(data[y * 512 + x] / (1 - data[y * 512 + x]));
    // A pixel of the picture is half a pixel of the mask.
    const wanted = (x: number, y: number) => 0.01 * ((x + 0.5) / 2 - 0.5) + 0.1 * ((y + 0.5) / 2 - 0.5) - 5;
    for (const [x, y] of [
      [5, 7],
      [100, 40],
      [400, 128],
      [300, 250],
    ])
      expect(logit(x, y)).toBeCloseTo(wanted(x, y), 2);
    // Marked is what has a logit above 0.
    const marked = (x: number, y: number) => data[y * 512 + x] > method.threshold;
    expect([marked(0, 99), marked(0, 103)]).toEqual([false, true]);
    await open.close();
    await method.close();
  });
});

describe('what does not fit', () => {
  const rival = (what: RegExp) => ({ code: 'ADC_RIVAL', message: expect.stringMatching(what) });
  test.each([
    ['a file that is not there', 'nothing', 'decoder', /nothing\.onnx .*cannot be read/],
    ['a decoder as an encoder', 'decoder', 'decoder', /takes one picture, this file takes image_embeddings/],
    ['an encoder as a decoder', 'encoder', 'encoder', /no input point_coords; it has image/],
    [
      'a decoder that wants more of its encoder',
      'encoder',
      'decoder-more',
      /feed its input high_res_feats_0; the encoder gives image_embeddings/,
    ],
  ])('%s', async (_, encoder, decoder, what) => {
    await expect(load(encoder, decoder)).rejects.toMatchObject(rival(what));
  });

  test('a file of something else', async () => {
    await expect(SamMethod.load(runtime, import.meta.filename, fixture('decoder'))).rejects.toMatchObject(
      rival(/is no ONNX file/),
    );
  });
});
