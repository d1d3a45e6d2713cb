import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fillRings, MOST_CROSSINGS, type Ring, simplifyRing, traceBridged, traceContours } from './contours.ts';

/** Random bitmaps of every density, so that holes, parts and corners that touch are all there. */
const bitmap = fc
  .tuple(fc.integer({ min: 1, max: 14 }), fc.integer({ min: 1, max: 14 }), fc.integer({ min: 1, max: 9 }))
  .chain(([width, height, density]) =>
    fc
      .array(fc.integer({ min: 0, max: 9 }), { minLength: width * height, maxLength: width * height })
      .map((values) => ({ width, height, data: Uint8Array.from(values, (value) => (value < density ? 1 : 0)) })),
  );

/** "#" is a set pixel. */
function picture(...rows: string[]) {
  const data = Uint8Array.from(rows.join(''), (pixel) => (pixel === '#' ? 1 : 0));
  return { data, width: rows[0]?.length ?? 0, height: rows.length };
}

/** Area of a ring, negative when it goes counter-clockwise. */
function area(ring: Ring): number {
  let sum = 0;
  for (let i = 0; i < ring.length; i += 2) {
    const [x0, y0, x1, y1] = [ring[i], ring[i + 1], ring[(i + 2) % ring.length], ring[(i + 3) % ring.length]];
    sum += x0 * y1 - x1 * y0;
  }
  return sum / 2;
}

describe('contours', () => {
  test('of one pixel are its four corners, clockwise', () => {
    const { data, width, height } = picture('...', '.#.');
    expect(traceContours(data, width, height)).toEqual([[1, 1, 2, 1, 2, 2, 1, 2]]);
  });

  test('have a ring the other way round for each hole, and one for a part inside a hole', () => {
    const { data, width, height } = picture('#######', '#.....#', '#.#.#.#', '#.....#', '#######');
    expect(traceContours(data, width, height).map(area)).toEqual([35, -15, 1, 1]);
  });

  test('join corners that touch for 8 and keep them apart for 4', () => {
    const { data, width, height } = picture('#.', '.#');
    expect(traceContours(data, width, height)).toHaveLength(2);
    expect(traceContours(data, width, height, { connectivity: 8 })).toHaveLength(1);
  });

  test('end after the ring with which there are too many corners', () => {
    const { data, width, height } = picture('#.#.#');
    expect(traceContours(data, width, height, { most: 7 })).toHaveLength(2);
    expect(traceContours(data, width, height, { most: 12 })).toHaveLength(3);
  });

  test.each([4, 8] as const)(
    'filled again give the same bitmap, and turn at every corner, %i-connected',
    (connectivity) => {
      fc.assert(
        fc.property(bitmap, ({ width, height, data }) => {
          const rings = traceContours(data, width, height, { connectivity });
          const filled = new Uint8Array(data.length);
          const set = fillRings(rings, filled, width, height);
          expect([...filled]).toEqual([...data]);
          expect(set).toBe(data.reduce((sum, value) => sum + value, 0));
          expect(rings.reduce((sum, ring) => sum + area(ring), 0)).toBe(set);
          for (const ring of rings)
            for (let i = 0, n = ring.length; i < n; i += 2) {
              const across = ring[i + 1] === ring[(i + 3) % n];
              expect(ring[(across ? i + 2 : i + 3) % n]).toBe(ring[(across ? i + 4 : i + 5) % n]);
            }
        }),
        { numRuns: 500 },
      );
    },
  );

  test.each([4, 8] as const)(
    'with bridges, each ring filled alone, give the same bitmap, %i-connected',
    (connectivity) => {
      fc.assert(
        fc.property(bitmap, ({ width, height, data }) => {
          const filled = new Uint8Array(data.length);
          let sum = 0;
          for (const ring of traceBridged(data, width, height, connectivity)) {
            const alone = new Uint8Array(data.length);
            sum += fillRings([ring], alone, width, height);
            fillRings([ring], filled, width, height);
          }
          expect([...filled]).toEqual([...data]);
          // No pixel is in two rings.
          expect(sum).toBe(data.reduce((total, value) => total + value, 0));
        }),
        { numRuns: 500 },
      );
    },
  );

  test('with bridges go along pixel edges only, the bridge both ways', () => {
    const { data, width, height } = picture('####', '#..#', '####');
    const [ring = []] = traceBridged(data, width, height);
    for (let i = 0; i < ring.length; i += 2) {
      const [dx, dy] = [ring[(i + 2) % ring.length] - ring[i], ring[(i + 3) % ring.length] - ring[i + 1]];
      expect(dx === 0 || dy === 0).toBe(true);
    }
    expect(ring.join(' ')).toContain('0 1 1 1');
    expect(ring.join(' ')).toContain('1 1 0 1');
  });

  test('of a large checkerboard take linear time', () => {
    const side = 1024;
    const data = Uint8Array.from({ length: side * side }, (_, i) => ((i % side) + Math.floor(i / side)) % 2);
    expect(traceBridged(data, side, side, 8).length).toBeGreaterThan(0);
    expect(traceBridged(data, side, side, 4)).toHaveLength((side * side) / 2);
  }, 20_000);
});

describe('filling', () => {
  test('sets the pixels whose centres are inside', () => {
    const mask = new Uint8Array(16);
    expect(fillRings([[0.6, 0.6, 2.5, 0.6, 2.5, 2.4, 0.6, 2.4]], mask, 4, 4)).toBe(1);
    expect(mask[5]).toBe(1);
  });

  test('takes a centre on a left edge in and leaves one on a right edge out, on slopes too', () => {
    // From the first corner to the last the line passes through the centre of pixel 4, 4.
    const [left, right] = [new Uint8Array(100), new Uint8Array(100)];
    fillRings([[-9, 0, 12, 7, 30, 7]], left, 10, 10);
    fillRings([[-9, 0, 0, 7, 12, 7]], right, 10, 10);
    expect([left[44], right[44]]).toEqual([1, 0]);
  });

  test('clips what lies outside', () => {
    const mask = new Uint8Array(16);
    expect(fillRings([[-1e9, -1e9, 1e9, -1e9, 1e9, 1e9, -1e9, 1e9]], mask, 4, 4)).toBe(16);
    expect(fillRings([[5, 5, 9, 5, 9, 9]], new Uint8Array(16), 4, 4)).toBe(0);
  });

  test('refuses polygons that nobody draws', () => {
    const [height, points] = [10_000, MOST_CROSSINGS / 10_000 + 2];
    const ring = Array.from({ length: 2 * points }, (_, i) => (i % 2 === 0 ? i / points : i % 4 === 1 ? 0 : height));
    expect(() => fillRings([ring], new Uint8Array(height), 1, height)).toThrow('too many corners');
  });
});

describe('simplifying', () => {
  test('drops corners within the tolerance and keeps the shape', () => {
    const staircase: number[] = [];
    for (let i = 0; i < 20; i++) staircase.push(i, i, i + 1, i);
    staircase.push(20, 20, 0, 20);
    const simple = simplifyRing(staircase, 1);
    expect(simple.length).toBeLessThan(12);
    const [a, b] = [new Uint8Array(400), new Uint8Array(400)];
    fillRings([staircase], a, 20, 20);
    fillRings([simple], b, 20, 20);
    expect(a.reduce((sum, value, i) => sum + (value ^ b[i]), 0)).toBeLessThan(40);
    expect(simplifyRing(staircase, 0)).toBe(staircase);
  });
});
