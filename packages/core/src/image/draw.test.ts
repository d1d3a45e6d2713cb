import { describe, expect, test } from 'vitest';
import { drawHeat, drawOverlay } from './draw.ts';
import { heatColour } from './heat.ts';

const image = { data: new Uint8Array(40 * 30 * 3).fill(100), width: 40, height: 30, channels: 3 as const };
const at = (data: Uint8Array, x: number, y: number) => [...data.subarray((y * 40 + x) * 3, (y * 40 + x) * 3 + 3)];
const square = new Uint8Array(40 * 30).map((_, i) =>
  Number(i % 40 >= 10 && i % 40 < 20 && i >= 40 * 10 && i < 40 * 20),
);

describe('drawOverlay', () => {
  test('outside untouched, contour opaque, inside tinted', () => {
    const mask = { data: square, width: 40, height: 30, channels: 1 as const };
    const { data } = drawOverlay(image, mask, { colour: [200, 0, 0], opacity: 0.5 });
    expect(at(data, 9, 15)).toEqual([100, 100, 100]);
    expect(at(data, 10, 15)).toEqual([200, 0, 0]);
    expect(at(data, 19, 19)).toEqual([200, 0, 0]);
    expect(at(data, 15, 15)).toEqual([150, 50, 50]);
    expect(image.data.every((value) => value === 100)).toBe(true);
  });

  test('probabilities are cut at the threshold, ignored pixels of a mask are left alone', () => {
    const plane = { data: Float32Array.from(square, (v) => v * 0.6), width: 40, height: 30, channels: 1 as const };
    const marked = (threshold: number) => at(drawOverlay(image, plane, { threshold, opacity: 1 }).data, 15, 15);
    expect(marked(0.5)).not.toEqual([100, 100, 100]);
    expect(marked(0.7)).toEqual([100, 100, 100]);
    const ignored = { data: square.map((v) => v * 255), width: 40, height: 30, channels: 1 as const };
    expect(drawOverlay(image, ignored).data).toEqual(image.data);
  });

  test('clicks: green plus, red minus, also across the border', () => {
    const empty = { data: new Uint8Array(40 * 30), width: 40, height: 30, channels: 1 as const };
    const clicks = [
      { x: 12, y: 12, positive: true },
      { x: 0, y: 29, positive: false },
    ];
    const { data } = drawOverlay(image, empty, { clicks });
    expect(at(data, 12, 12)).toEqual([255, 255, 255]);
    expect(at(data, 12, 11)).toEqual([255, 255, 255]); // the upright of the plus
    const [red, green] = at(data, 14, 14);
    expect(green).toBeGreaterThan(red);
    const [redOfMinus, greenOfMinus] = at(data, 0, 28); // a minus has no upright
    expect(redOfMinus).toBeGreaterThan(greenOfMinus);
    expect(at(data, 30, 5)).toEqual([100, 100, 100]);
  });

  test('another size is refused', () => {
    const mask = { data: new Uint8Array(4), width: 2, height: 2, channels: 1 as const };
    expect(() => drawOverlay(image, mask)).toThrow('label 2 x 2, picture 40 x 30');
  });
});

describe('heat', () => {
  test('gets brighter with every step and survives what is not a number', () => {
    const brightness = Array.from({ length: 101 }, (_, i) => {
      const [red, green, blue] = heatColour(i / 100);
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    });
    for (let i = 1; i <= 100; i++) expect(brightness[i]).toBeGreaterThanOrEqual(brightness[i - 1]);
    expect(heatColour(-3)).toEqual(heatColour(0));
    expect(heatColour(9)).toEqual([252, 255, 164]);
    expect(heatColour(Number.NaN)).toEqual(heatColour(0));
  });

  test('window and underlay', () => {
    const plane = { data: new Float32Array(40 * 30).fill(7), width: 40, height: 30, channels: 1 as const };
    expect(at(drawHeat(plane, { low: 0, high: 7 }).data, 3, 3)).toEqual([252, 255, 164]);
    expect(at(drawHeat(plane, { low: 0, high: 7 }, image, 0.5).data, 3, 3)).toEqual([176, 178, 132]);
  });
});
