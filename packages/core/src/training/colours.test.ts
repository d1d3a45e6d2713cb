import { expect, test } from 'vitest';
import { Random } from '../random.ts';
import { varyColours } from './colours.ts';

const [width, height] = [24, 16];
const area = width * height;
/** A step edge in red, a bar in green, nothing in blue. */
const colours = Float32Array.from({ length: 3 * area }, (_, i) => {
  const [c, x] = [Math.floor(i / area), i % width];
  return c === 0 ? (x < 12 ? -1 : 1) : c === 1 && x === 6 ? 2 : 0;
});
const channel = (from: Float32Array, c: number) => from.subarray(c * area, (c + 1) * area);
const range = (values: Float32Array) => Math.max(...values) - Math.min(...values);

test('colours vary by seed, and the same seed gives the same', () => {
  const once = varyColours(colours, width, height, new Random(1));
  expect(varyColours(colours, width, height, new Random(1))).toEqual(once);
  expect(varyColours(colours, width, height, new Random(2))).not.toEqual(once);
});

test('edges stay where they are: every channel is one of the three, stretched, shifted, a little blurred and noisy', () => {
  let inverted = 0;
  let grey = 0;
  for (let seed = 0; seed < 200; seed++) {
    const varied = varyColours(colours, width, height, new Random(seed));
    const [first, second, third] = [0, 1, 2].map((c) => channel(varied, c)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    if (first.every((value, i) => value === second[i] && value === third[i])) grey++;
    // The channel with the step still has it between columns 11 and 12.
    const step = [first, second, third].find((values) => range(values) > 0.9 && Math.abs(values[3] - values[20]) > 0.7);
    if (!step) continue;
    const sides = [step.subarray(0, 4), step.subarray(18, 24)].map(
      (part) => part.reduce((a, b) => a + b) / part.length,
    );
    if (sides[0] > sides[1]) inverted++;
    expect(Math.abs(sides[1] - sides[0])).toBeGreaterThan(0.7);
  }
  expect(inverted).toBeGreaterThan(15);
  expect(inverted).toBeLessThan(100);
  expect(grey).toBeGreaterThan(20);
  expect(grey).toBeLessThan(90);
});
