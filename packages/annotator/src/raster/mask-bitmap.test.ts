/** Layers, index, pyramid and dirty rectangle agree with each other. */
import { encodeRle, imagePoint } from '@adclick/core/geometry';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { strokePatch } from './brush.ts';
import { MaskBitmap } from './mask-bitmap.ts';
import { boxPatch } from './shapes.ts';

const rows = (mask: MaskBitmap, level = 0) => {
  const { data, width } = mask.levels[level];
  return Array.from({ length: data.length / width }, (_, y) => [...data.subarray(y * width, (y + 1) * width)].join(''));
};

describe('MaskBitmap', () => {
  it('shows the later type on top and the lower one again when that goes', () => {
    const mask = new MaskBitmap({ width: 4, height: 1 });
    mask.paint(7, boxPatch(imagePoint(0, 0), imagePoint(2, 0), mask), 1);
    mask.paint(3, boxPatch(imagePoint(2, 0), imagePoint(3, 0), mask), 1);
    expect(rows(mask)).toEqual(['1122']);
    expect(mask.typeAt(2, 0)).toBe(3);
    mask.setLayer(3, { width: 4, height: 1, counts: [] });
    expect(rows(mask)).toEqual(['1110']);
    expect(mask.types()).toEqual([7]);
  });

  it('marks what changed and nothing more', () => {
    const mask = new MaskBitmap({ width: 50, height: 40 });
    mask.takeDirty();
    mask.paint(1, boxPatch(imagePoint(10, 5), imagePoint(19, 8), mask), 1);
    expect(mask.takeDirty()).toEqual({ left: 10, top: 5, right: 20, bottom: 9 });
    expect(mask.takeDirty()).toBeNull();
    const wanted = new Uint8Array(2000);
    wanted.fill(1, 6 * 50 + 12, 6 * 50 + 14);
    mask.setLayer(1, encodeRle(wanted, 50, 40));
    expect(mask.takeDirty()).toEqual({ left: 10, top: 5, right: 20, bottom: 9 });
    mask.setLayer(1, encodeRle(wanted, 50, 40));
    expect(mask.takeDirty()).toBeNull();
  });

  it('counts what a stroke really changed', () => {
    const mask = new MaskBitmap({ width: 20, height: 20 });
    const stroke = strokePatch([imagePoint(10, 10)], 4, mask);
    expect(mask.paint(1, stroke, 1)).toBe(mask.area(1));
    expect(mask.paint(1, stroke, 1)).toBe(0);
    expect(mask.paint(2, stroke, 0)).toBe(0);
    expect(mask.paint(1, stroke, 0)).toBeGreaterThan(0);
    expect(mask.area(1)).toBe(0);
  });

  it('keeps a single pixel in sight on every level, at odd sizes too', () => {
    const mask = new MaskBitmap({ width: 1501, height: 1203 });
    expect(mask.levels.length).toBe(3);
    mask.paint(4, boxPatch(imagePoint(1500, 1202), imagePoint(1500, 1202), mask), 1);
    for (const level of mask.levels) expect(level.data.at(-1)).toBe(1);
  });

  it('gives the same index whether layers come whole or stroke by stroke', () => {
    const bits = fc.uint8Array({ minLength: 60, maxLength: 60, max: 1 });
    fc.assert(
      fc.property(bits, bits, bits, (a, b, c) => {
        const [slow, quick] = [new MaskBitmap({ width: 10, height: 6 }), new MaskBitmap({ width: 10, height: 6 })];
        for (const mask of [slow, quick]) {
          mask.setLayer(1, encodeRle(a, 10, 6));
          mask.setLayer(2, encodeRle(b, 10, 6));
        }
        slow.setLayer(1, encodeRle(c, 10, 6));
        quick.paint(1, { box: { left: 0, top: 0, right: 10, bottom: 6 }, data: a }, 0);
        quick.paintRle(1, encodeRle(c, 10, 6), 1);
        expect(rows(quick)).toEqual(rows(slow));
        const area = c.reduce((sum, set) => sum + set, 0);
        expect([slow.area(1), quick.area(1)]).toEqual([area, area]);
        expect(slow.types().includes(1)).toBe(area > 0);
        const expected = Array.from(c, (set, i) => (b[i] ? 2 : set ? 1 : 0)).join('');
        expect(rows(slow).join('')).toBe(expected);
      }),
    );
  });
});
