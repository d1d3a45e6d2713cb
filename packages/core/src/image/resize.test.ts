import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { float32Of, golden, largestDifference } from './fixtures/golden.ts';
import { resizeMask, resizePlane, resizeRgb } from './resize.ts';
import { IGNORE, type Plane } from './types.ts';

/** Weight of source `j` in target `i` of one axis, from the definitions. */
function weight(i: number, j: number, from: number, to: number): number {
  if (to < from) {
    const scale = from / to;
    return Math.max(0, Math.min((i + 1) * scale, j + 1) - Math.max(i * scale, j)) / scale;
  }
  const centre = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
  return Math.max(0, 1 - Math.abs(centre - j));
}

function naive({ data, width, height }: Plane, toWidth: number, toHeight: number): number[] {
  return Array.from({ length: toWidth * toHeight }, (_, at) => {
    const [x, y] = [at % toWidth, Math.floor(at / toWidth)];
    let sum = 0;
    for (let v = 0; v < height; v++)
      for (let u = 0; u < width; u++)
        sum += weight(x, u, width, toWidth) * weight(y, v, height, toHeight) * data[v * width + u];
    return sum;
  });
}

const side = fc.integer({ min: 1, max: 17 });
const planes = fc
  .tuple(side, side)
  .chain(([width, height]) =>
    fc
      .array(fc.integer({ min: 0, max: 255 }), { minLength: width * height, maxLength: width * height })
      .map((values): Plane => ({ data: Float32Array.from(values), width, height, channels: 1 })),
  );

test('resizePlane equals the sum over all pixels, axes shrinking and growing in any mix', () => {
  fc.assert(
    fc.property(planes, side, side, (plane, width, height) => {
      expect(largestDifference(resizePlane(plane, width, height).data, naive(plane, width, height))).toBeLessThan(1e-3);
    }),
    { numRuns: 300 },
  );
});

test('resizeRgb is the same on each channel, rounded', () => {
  fc.assert(
    fc.property(planes, side, side, (plane, width, height) => {
      const channels = [plane.data, plane.data.map((v) => 255 - v), plane.data.map((v) => v / 2)];
      const data = Uint8Array.from({ length: plane.data.length * 3 }, (_, i) => channels[i % 3]?.[Math.floor(i / 3)]);
      const got = resizeRgb({ data, width: plane.width, height: plane.height, channels: 3 }, width, height);
      for (let c = 0; c < 3; c++) {
        const one = { ...plane, data: Float32Array.from(plane.data, (_, i) => data[i * 3 + c]) };
        const part = got.data.filter((_, i) => i % 3 === c);
        expect(largestDifference(part, naive(one, width, height))).toBeLessThan(0.5 + 1e-3);
      }
    }),
    { numRuns: 100 },
  );
});

test.each(Object.entries(golden.resize))('36x24 to %s equals OpenCV', (size, want) => {
  const [width, height] = size.split('x').map(Number) as [number, number];
  const [rows, columns] = golden.wide.shape as [number, number];
  const plane: Plane = { data: float32Of(golden.wide), width: columns, height: rows, channels: 1 };
  expect(largestDifference(resizePlane(plane, width, height).data, float32Of(want))).toBeLessThan(2e-6);
});

test('a flat picture stays flat to the bit', () => {
  for (const value of [0, 1, 127, 254, 255]) {
    const image = { data: new Uint8Array(97 * 53 * 3).fill(value), width: 97, height: 53, channels: 3 as const };
    for (const [width, height] of [
      [31, 17],
      [200, 111],
      [64, 64],
      [97, 20],
    ] as const)
      expect(new Set(resizeRgb(image, width, height).data)).toEqual(new Set([value]));
  }
});

test('the same size gives the same object', () => {
  const image = { data: new Uint8Array(12), width: 2, height: 2, channels: 3 as const };
  expect(resizeRgb(image, 2, 2)).toBe(image);
  expect(() => resizeRgb(image, 0, 2)).toThrow('0 x 2');
});

describe('resizeMask', () => {
  const mask = (rows: number[][]) => ({
    data: Uint8Array.from(rows.flat()),
    width: rows[0].length,
    height: rows.length,
    channels: 1 as const,
  });

  test('half or more is defect', () => {
    expect([
      ...resizeMask(
        mask([
          [1, 0, 1, 1, 0, 0],
          [1, 0, 1, 0, 0, 1],
        ]),
        3,
        1,
      ).data,
    ]).toEqual([1, 1, 0]);
  });

  test('enlarging by whole factors and shrinking back changes nothing', () => {
    const sides = fc.integer({ min: 1, max: 8 });
    fc.assert(
      fc.property(
        sides,
        sides,
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(fc.boolean()),
        (width, height, factor, bits) => {
          const data = Uint8Array.from({ length: width * height }, () => Number(bits.next().value));
          const large = {
            data: Uint8Array.from({ length: data.length * factor * factor }, (_, i) => {
              const x = Math.floor((i % (width * factor)) / factor);
              const y = Math.floor(i / (width * factor) / factor);
              return data[y * width + x];
            }),
            width: width * factor,
            height: height * factor,
            channels: 1 as const,
          };
          expect([...resizeMask(large, width, height).data]).toEqual([...data]);
        },
      ),
    );
  });

  test('ignored pixels stay ignored where they cover half and count for nobody elsewhere', () => {
    const source = mask([
      [IGNORE, IGNORE, 1, 1, IGNORE, 1],
      [0, 1, 0, IGNORE, 0, 0],
    ]);
    expect([...resizeMask(source, 3, 1).data]).toEqual([IGNORE, 1, 0]);
  });
});
