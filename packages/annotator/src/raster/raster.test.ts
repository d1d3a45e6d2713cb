/** Drawing tools as functions over bitmaps: sizes, shapes and borders to the pixel. */
import { decodeRle, edgePoint, encodeRle, fromEdges, imagePoint } from '@adclick/core/geometry';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyPatch, countSet, minusRle, type Patch, patchRle, rleBox } from './bitmap.ts';
import { stepBrush, strokePatch } from './brush.ts';
import { holesPatch, regionPatch, wandPatch } from './regions.ts';
import { boxPatch, polygonPatch } from './shapes.ts';

const size = { width: 12, height: 9 };

/** A place counted from the picture's corner, where pixel (x, y) begins. */
const place = (x: number, y: number) => fromEdges(edgePoint(x, y));

function whole(patch: Patch, { width, height } = size): Uint8Array {
  const out = new Uint8Array(width * height);
  applyPatch(out, width, patch, 1);
  return out;
}

/** A bitmap from rows of `.` and `#`. */
function draw(...rows: string[]) {
  const data = Uint8Array.from([...rows.join('')].map((c) => (c === '#' ? 1 : 0)));
  return { data, width: rows[0].length, height: rows.length };
}

describe('brush', () => {
  it('marks exactly one pixel at size 1', () => {
    const patch = strokePatch([place(4.9, 3.1)], 1, size);
    expect(countSet(patch.data)).toBe(1);
    expect(whole(patch)[3 * 12 + 4]).toBe(1);
  });

  it('is as wide as its size says', () => {
    for (const diameter of [1, 2, 3, 4, 5, 8]) {
      const patch = strokePatch([place(50.3, 50.6)], diameter, { width: 100, height: 100 });
      const box = rleBox(patchRle(patch, { width: 100, height: 100 })!)!;
      expect([box.right - box.left, box.bottom - box.top]).toEqual([diameter, diameter]);
    }
  });

  it('leaves no gaps in a 1-pixel stroke and draws no more than one pixel a step', () => {
    const patch = strokePatch([place(0.5, 0.5), place(11.5, 4.5)], 1, size);
    const mask = whole(patch);
    expect(countSet(mask)).toBe(12);
    expect(countSet(whole(regionPatch(mask, imagePoint(0, 0), size)))).toBe(12);
  });

  it('stays inside the picture', () => {
    expect(countSet(strokePatch([place(-40, -40)], 5, size).data)).toBe(0);
    expect(countSet(whole(strokePatch([place(0, 0)], 400, size)))).toBe(12 * 9);
  });

  it('steps by one while small and never leaves its range', () => {
    expect(stepBrush(1, 1)).toBe(2);
    expect(stepBrush(1, -1)).toBe(1);
    expect(stepBrush(80, 1)).toBe(90);
    expect(stepBrush(400, 1)).toBe(400);
  });
});

describe('shapes', () => {
  it('fills a box with both corners, dragged in any direction', () => {
    const there = boxPatch(place(2.2, 1.9), place(4.1, 3.0), size);
    const back = boxPatch(place(4.1, 3.0), place(2.2, 1.9), size);
    expect(countSet(there.data)).toBe(9);
    expect(whole(there)).toEqual(whole(back));
  });

  it('fills a polygon by pixel centres, with holes where it crosses itself', () => {
    const square = [place(1, 1), place(5, 1), place(5, 5), place(1, 5)];
    expect(countSet(polygonPatch(square, size).data)).toBe(16);
    const triangle = [place(0, 0), place(4, 0), place(0, 4)];
    expect(countSet(polygonPatch(triangle, size).data)).toBe(6);
    expect(countSet(polygonPatch(square.slice(0, 2), size).data)).toBe(0);
  });

  it('cuts a polygon at the border', () => {
    const large = [place(-9, -9), place(90, -9), place(90, 90), place(-9, 90)];
    expect(countSet(whole(polygonPatch(large, size)))).toBe(12 * 9);
  });
});

describe('regions', () => {
  const mask = draw('............', '.####....##.', '.#..#...#...', '.#..#..#....', '.####.......', '............');

  it('takes the region under a pixel, joined over corners', () => {
    expect(countSet(regionPatch(mask.data, imagePoint(7, 3), mask).data)).toBe(4);
    expect(countSet(regionPatch(mask.data, imagePoint(1, 1), mask).data)).toBe(12);
    expect(countSet(regionPatch(mask.data, imagePoint(0, 0), mask).data)).toBe(0);
  });

  it('fills holes and nothing else', () => {
    const holes = holesPatch(mask.data, mask, { left: 0, top: 0, right: 12, bottom: 6 });
    expect(countSet(holes.data)).toBe(4);
    expect(whole(holes, mask)[2 * 12 + 2]).toBe(1);
  });

  it('fills the same holes when it looks at the box of the mask only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 108, maxLength: 108, max: 1 }), (data) => {
        const box = rleBox(encodeRle(data, 12, 9));
        const all = whole(holesPatch(data, size, { left: 0, top: 0, right: 12, bottom: 9 }));
        expect(whole(holesPatch(data, size, box))).toEqual(all);
      }),
    );
  });

  it('floods by colour up to the tolerance', () => {
    const rgba = new Uint8ClampedArray(4 * 5).fill(255);
    for (const [i, grey] of [10, 12, 30, 11, 10].entries()) rgba.fill(grey, i * 4, i * 4 + 3);
    const row = { width: 5, height: 1 };
    expect([...whole(wandPatch(rgba, imagePoint(0, 0), 3, row), row)]).toEqual([1, 1, 0, 0, 0]);
    expect([...whole(wandPatch(rgba, imagePoint(0, 0), 20, row), row)]).toEqual([1, 1, 1, 1, 1]);
  });
});

describe('run lengths of patches', () => {
  it('are those of the whole bitmap', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 108, maxLength: 108, max: 1 }), (data) => {
        const rle = patchRle({ box: { left: 0, top: 0, right: 12, bottom: 9 }, data }, size);
        if (!rle) expect(countSet(data)).toBe(0);
        else {
          expect(decodeRle(rle)).toEqual(data);
          const box = rleBox(rle)!;
          const rows = [...data.keys()].filter((i) => data[i]);
          expect(box.top).toBe(Math.floor(rows[0] / 12));
          expect(box.left).toBeLessThanOrEqual(Math.min(...rows.map((i) => i % 12)));
          expect(box.right).toBeGreaterThan(Math.max(...rows.map((i) => i % 12)));
        }
      }),
    );
  });

  it('subtract', () => {
    const [a, b] = [Uint8Array.from([1, 1, 0, 1]), Uint8Array.from([0, 1, 1, 0])];
    expect([...decodeRle(minusRle(a, b, { width: 4, height: 1 })!)]).toEqual([1, 0, 0, 1]);
    expect(minusRle(b, b, { width: 4, height: 1 })).toBeNull();
  });
});
