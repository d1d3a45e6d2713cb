/** Contrast and heat colours. */
import { describe, expect, it } from 'vitest';
import { greyWindow } from './auto-window.ts';
import { colourHeat, residualColour } from './heat.ts';

const greys = (...values: number[]) => Uint8ClampedArray.from(values.flatMap((v) => [v, v, v, 255]));

describe('greyWindow', () => {
  it('spans the greys of the picture, on the scale of 65535', () => {
    const values = Array.from({ length: 1000 }, (_, i) => 100 + (i % 51));
    const { low, high } = greyWindow(greys(...values));
    expect(low).toBeGreaterThanOrEqual(100 * 257);
    expect(low).toBeLessThan(103 * 257);
    expect(high).toBeLessThanOrEqual(150 * 257);
    expect(high).toBeGreaterThan(147 * 257);
  });

  it('is never empty, even for one grey', () => {
    for (const value of [0, 128, 255]) {
      const { low, high } = greyWindow(greys(...Array.from({ length: 50 }, () => value)));
      expect(high).toBeGreaterThan(low);
    }
  });
});

describe('heat', () => {
  it('is black up to what good pictures show and grows brighter with the residual', () => {
    expect(residualColour(0)).toEqual([0, 0, 4]);
    expect(residualColour(89)).toEqual([0, 0, 4]);
    expect(residualColour(205)).toEqual([252, 255, 164]);
    expect(residualColour(255)).toEqual([252, 255, 164]);
    const brightness = Array.from({ length: 114 }, (_, i) => residualColour(90 + i).reduce((sum, v) => sum + v, 0));
    for (let i = 16; i < brightness.length; i += 16) expect(brightness[i]).toBeGreaterThan(brightness[i - 16]);
  });

  it('colours every pixel and keeps alpha', () => {
    const rgba = greys(0, 205);
    colourHeat(rgba);
    expect([...rgba]).toEqual([0, 0, 4, 255, 252, 255, 164, 255]);
  });
});
