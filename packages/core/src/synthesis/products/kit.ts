/** What the product makers share: palettes, height fields under a raking light, whole-picture painting. */
import type { Random } from '../../random.ts';
import { fractalNoise } from '../drawing/noise.ts';
import { type Canvas, type Colour, createCanvas, hsv } from '../drawing/raster.ts';

/** The size a product is drawn at; `unit` is its shorter side over 512, so that details keep their share. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly unit: number;
}

/** Draws one good scene (before the camera). */
export type Scene = (random: Random) => Canvas;

/** A kind of product: how it is held and how a seed becomes its scene. */
export interface Maker {
  readonly category: 'object' | 'texture';
  readonly build: (p: Random, frame: Frame) => Scene;
}

/** Any colour of the given brightness range, mostly muted. */
export const anyColour = (p: Random, low = 0.15, high = 0.95): Colour =>
  hsv(p.next(), p.next() ** 1.5 * 0.9, p.uniform(low, high));

/** A grey with a slight tint. */
export const metalColour = (p: Random, low = 0.35, high = 0.85): Colour =>
  p.chance(0.25)
    ? hsv(p.uniform(0.07, 0.14), p.uniform(0.2, 0.55), p.uniform(low, high))
    : hsv(p.next(), p.uniform(0, 0.09), p.uniform(low, high));

/** A backdrop: dark, light or middle. */
export function backdropColour(p: Random): Colour {
  const pick = p.next();
  if (pick < 0.4) return hsv(p.next(), p.uniform(0, 0.3), p.uniform(0.01, 0.16));
  if (pick < 0.8) return hsv(p.next(), p.uniform(0, 0.1), p.uniform(0.78, 1));
  return hsv(p.next(), p.uniform(0, 0.7), p.uniform(0.2, 0.7));
}

/** Multiplies the whole canvas pixel by pixel: value 1 leaves it. */
export function multiply(canvas: Canvas, plane: Float32Array, amount: number, add = 0): void {
  const { data } = canvas;
  for (let p = 0, i = 0; p < plane.length; p++, i += 3) {
    const k = 1 + plane[p] * amount;
    const a = plane[p] * add;
    data[i] = data[i] * k + a;
    data[i + 1] = data[i + 1] * k + a;
    data[i + 2] = data[i + 2] * k + a;
  }
}

/** A picture that goes from colour `a` (plane 0) to `b` (plane 1), clipped. */
export function ramp(frame: Frame, plane: Float32Array, a: Colour, b: Colour): Canvas {
  const canvas = createCanvas(frame.width, frame.height);
  const { data } = canvas;
  for (let p = 0, i = 0; p < plane.length; p++, i += 3) {
    const t = plane[p] < 0 ? 0 : Math.min(plane[p], 1);
    data[i] = a[0] + (b[0] - a[0]) * t;
    data[i + 1] = a[1] + (b[1] - a[1]) * t;
    data[i + 2] = a[2] + (b[2] - a[2]) * t;
  }
  return canvas;
}

/**
 * Lights a height field (pixels) from `azimuth`: slopes towards the light brighten, slopes away darken, steep ones glint.
 * `depth` is the relative change for a slope of one, `gloss` the added grey values of the glints.
 */
export function relief(
  canvas: Canvas,
  height: Float32Array,
  options: { azimuth: number; depth: number; gloss?: number },
): void {
  const { width, height: rows, data } = canvas;
  const lx = Math.cos(options.azimuth) * 0.5;
  const ly = Math.sin(options.azimuth) * 0.5;
  const { depth, gloss = 0 } = options;
  for (let y = 0, p = 0; y < rows; y++) {
    const up = y > 0 ? width : 0;
    const down = y < rows - 1 ? width : 0;
    for (let x = 0; x < width; x++, p++) {
      const gx = height[x < width - 1 ? p + 1 : p] - height[x > 0 ? p - 1 : p];
      const gy = height[p + down] - height[p - up];
      const slope = gx * lx + gy * ly;
      const s = slope / (1 + Math.abs(slope) * 0.6);
      const k = 1 + depth * s;
      const g = gloss && slope > 0.15 ? gloss * Math.min(1, (slope - 0.15) * 2) ** 2 : 0;
      const i = p * 3;
      data[i] = data[i] * Math.max(k, 0.08) + g;
      data[i + 1] = data[i + 1] * Math.max(k, 0.08) + g;
      data[i + 2] = data[i + 2] * Math.max(k, 0.08) + g;
    }
  }
}

/** Evaluates a function at every pixel. */
export function field(frame: Frame, value: (x: number, y: number, index: number) => number): Float32Array {
  const out = new Float32Array(frame.width * frame.height);
  for (let y = 0, p = 0; y < frame.height; y++) for (let x = 0; x < frame.width; x++, p++) out[p] = value(x, y, p);
  return out;
}

/** A backdrop canvas: plain with a soft gradient, sometimes a matt grain. */
export function backdrop(p: Random, frame: Frame, colour: Colour): Canvas {
  const canvas = createCanvas(frame.width, frame.height, colour);
  const clouds = fractalNoise(p, frame.width, frame.height, { cell: 300 * frame.unit, octaves: 2 });
  multiply(canvas, clouds, p.uniform(0.005, 0.05), p.uniform(0, 2));
  if (p.chance(0.3)) {
    multiply(
      canvas,
      fractalNoise(p, frame.width, frame.height, { cell: 6, octaves: 3, gain: 0.8 }),
      p.uniform(0.01, 0.06),
      1,
    );
  }
  return canvas;
}

/** Short printed words. */
export function word(p: Random, letters: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
  return Array.from({ length: letters }, () => alphabet[p.int(0, alphabet.length)]).join('');
}
