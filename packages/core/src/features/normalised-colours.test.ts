import { Graph, Runtime, tensor } from '@adclick/ortgrad';
import { expect, test } from 'vitest';
import type { RgbImage } from '../image/types.ts';
import { Random } from '../random.ts';
import { colourNorm, normalisedColours, normalisedColoursOn } from './normalised-colours.ts';

const [width, height] = [24, 16];
const area = width * height;

/** Noise around another level a channel, of so many grey values. */
function picture(spread: number): RgbImage {
  const random = new Random(4);
  const data = Uint8Array.from({ length: 3 * area }, (_, i) => [200, 90, 120][i % 3] + random.int(-spread, spread + 1));
  return { data, width, height, channels: 3 };
}

test('colours have mean 0 a channel and spread 1 over all', () => {
  const image = picture(40);
  const colours = normalisedColours(image);
  let squares = 0;
  for (let c = 0; c < 3; c++) {
    const channel = colours.subarray(c * area, (c + 1) * area);
    expect(channel.reduce((sum, value) => sum + value, 0) / area).toBeCloseTo(0, 5);
    squares += channel.reduce((sum, value) => sum + value * value, 0);
  }
  expect(squares / area / 3).toBeCloseTo(1, 5);
  // Channels are not stretched one by one: two pixels differ in all channels by the same factor.
  const step = (c: number) => (colours[c * area + 1] - colours[c * area]) / (image.data[3 + c] - image.data[c]);
  expect(step(1)).toBeCloseTo(step(0), 5);
});

test('the noise of an even picture is not blown up', () => {
  for (const value of normalisedColours(picture(1))) expect(Math.abs(value)).toBeLessThan(0.2);
});

test('a crop has the colours that it has in its picture', () => {
  const image = picture(40);
  const top: RgbImage = { ...image, data: image.data.slice(0, 3 * width * 4), height: 4 };
  const [whole, crop] = [normalisedColours(image), normalisedColours(top, colourNorm(image))];
  for (let c = 0; c < 3; c++)
    expect(crop.subarray(4 * width * c, 4 * width * (c + 1))).toEqual(whole.subarray(area * c, area * c + 4 * width));
});

test('a detector file sees the colours that training and labelling see', async () => {
  const graph = new Graph('colours');
  graph.output('colours', normalisedColoursOn(graph.input('image', [1, height, width, 3], 'uint8')));
  const runtime = await Runtime.start({ threads: 1 });
  const session = await runtime.load(graph.toModel());
  for (const spread of [40, 1]) {
    const image = picture(spread);
    const { colours } = await session.run({ image: tensor(image.data, [1, height, width, 3]) });
    for (const [at, value] of normalisedColours(image).entries()) expect(colours.data[at]).toBeCloseTo(value, 5);
  }
  await runtime.close();
});
