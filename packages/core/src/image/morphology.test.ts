import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { golden, uint8Of } from './fixtures/golden.ts';
import { close, dilate, erode, fillHoles, open, type Shape } from './morphology.ts';
import type { Mask } from './types.ts';

const maskOf = (data: Uint8Array, width: number, height: number): Mask => ({ data, width, height, channels: 1 });

/** Any (dilate) or every (erode) pixel of the neighbourhood inside the raster. */
function naive(mask: Mask, radius: number, shape: Shape, every: boolean): number[] {
  const { data, width, height } = mask;
  const r = Math.floor(radius);
  return Array.from(data, (_, i) => {
    let hit = every;
    for (let dy = -r; dy <= r; dy++)
      for (let dx = -r; dx <= r; dx++) {
        const [x, y] = [(i % width) + dx, Math.floor(i / width) + dy];
        if (x < 0 || y < 0 || x >= width || y >= height) continue;
        if (shape === 'disc' && dx * dx + dy * dy > radius * radius) continue;
        const set = data[y * width + x] !== 0;
        hit = every ? hit && set : hit || set;
      }
    return Number(hit);
  });
}

const masks = fc
  .tuple(fc.integer({ min: 1, max: 18 }), fc.integer({ min: 1, max: 18 }), fc.integer({ min: 0, max: 20 }))
  .chain(([width, height, share]) =>
    fc.array(fc.integer({ min: 0, max: 19 }), { minLength: width * height, maxLength: width * height }).map((values) =>
      maskOf(
        Uint8Array.from(values, (value) => Number(value < share)),
        width,
        height,
      ),
    ),
  );
const radii = fc.constantFrom(0, 1, 1.5, 2, 2.9, 3, 5, 30);

describe.each(['square', 'disc'] as const)('%s', (shape) => {
  test('dilate and erode equal the definition', () => {
    fc.assert(
      fc.property(masks, radii, (mask, radius) => {
        expect([...dilate(mask, radius, shape).data]).toEqual(naive(mask, radius, shape, false));
        expect([...erode(mask, radius, shape).data]).toEqual(naive(mask, radius, shape, true));
      }),
      { numRuns: 200 },
    );
  });

  test('opening lies inside, closing outside, both change nothing twice', () => {
    fc.assert(
      fc.property(masks, radii, (mask, radius) => {
        const opened = open(mask, radius, shape);
        const closed = close(mask, radius, shape);
        expect(mask.data.every((value, i) => opened.data[i] <= value && value <= closed.data[i])).toBe(true);
        expect([...open(opened, radius, shape).data]).toEqual([...opened.data]);
        expect([...close(closed, radius, shape).data]).toEqual([...closed.data]);
      }),
      { numRuns: 100 },
    );
  });

  const operations = { dilation: dilate, erosion: erode, opening: open, closing: close };
  const [height, width] = golden.blobs.shape as [number, number];
  const cases = Object.entries(golden[shape]).flatMap(([name, byRadius]) =>
    Object.entries(byRadius).map(([radius, want]) => ({
      name: name as keyof typeof operations,
      radius: Number(radius),
      want,
    })),
  );
  test.each(cases)('$name of radius $radius equals scikit-image', ({ name, radius, want }) => {
    const got = operations[name](maskOf(uint8Of(golden.blobs), width, height), radius, shape);
    expect([...got.data]).toEqual([...uint8Of(want)]);
  });
});

test('fillHoles equals SciPy', () => {
  const [height, width] = golden.speckle.shape as [number, number];
  expect([...fillHoles(maskOf(uint8Of(golden.speckle), width, height)).data]).toEqual([...uint8Of(golden.filled)]);
});

test('fillHoles: a diagonal gap is closed to the outside, an open bay stays', () => {
  const draw = (rows: string[]) =>
    maskOf(
      Uint8Array.from(rows.join(''), (c) => Number(c === '#')),
      rows[0].length,
      rows.length,
    );
  expect([...fillHoles(draw(['.#.', '#.#', '.#.'])).data]).toEqual([...draw(['.#.', '###', '.#.']).data]);
  expect([...fillHoles(draw(['###', '#.#', '#.#'])).data]).toEqual([...draw(['###', '#.#', '#.#']).data]);
});

test('a negative radius is refused', () => {
  expect(() => dilate(maskOf(new Uint8Array(4), 2, 2), -1)).toThrow('radius -1');
});
