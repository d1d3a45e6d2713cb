/** Parts that hang before a cloth which nobody smooths: the ground differs in every picture, and so does the pose. */

import type { Random } from '../../random.ts';
import { fractalNoise, valueNoise } from '../drawing/noise.ts';
import {
  type Canvas,
  type Colour,
  createCanvas,
  disc,
  fill,
  hsv,
  type Point,
  polygon,
  scaleColour,
  segment,
} from '../drawing/raster.ts';
import { type Frame, field, type Maker, multiply, relief } from './kit.ts';

/** A crumpled cloth, other folds each time. */
function cloth(r: Random, frame: Frame, colour: Colour, look: { fold: number; depth: number; weave: number }): Canvas {
  const { width, height, unit } = frame;
  const canvas = createCanvas(width, height, colour);
  const bend = valueNoise(r, width, height, 140 * unit);
  const waves = fractalNoise(r, width, height, { cell: look.fold * unit, octaves: 3, gain: 0.45 });
  const ridges = field(frame, (_x, _y, i) => look.fold * unit * 0.16 * (1 - Math.abs(waves[i] + 0.4 * bend[i])));
  relief(canvas, ridges, { azimuth: r.uniform(0, 6.28), depth: look.depth });
  const grain = fractalNoise(r, width, height, { cell: 3, octaves: 2, gain: 0.9 });
  multiply(canvas, grain, look.weave);
  return canvas;
}

/** A painted sheet part, bent up at one side, with holes, on a hook before a cloth. */
export const hungPart: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const clothColour = hsv(p.next(), p.uniform(0.1, 0.8), p.uniform(0.2, 0.75));
    const look = { fold: p.uniform(45, 150), depth: p.uniform(0.5, 1.6), weave: p.uniform(0.01, 0.07) };
    const paint = p.chance(0.5)
      ? hsv(p.next(), p.uniform(0, 0.08), p.chance(0.6) ? p.uniform(0.75, 0.98) : p.uniform(0.08, 0.3))
      : hsv(p.next(), p.uniform(0.2, 0.9), p.uniform(0.3, 0.95));
    const side = Math.min(width, height);
    const long = side * p.uniform(0.45, 0.75);
    const wide = long * p.uniform(0.2, 0.6);
    const flange = p.chance(0.7) ? wide * p.uniform(0.15, 0.4) : 0;
    const notch = p.chance(0.5) ? p.uniform(0.1, 0.3) : 0;
    const holes = Array.from({ length: p.int(1, 6) }, () => ({
      u: p.uniform(-0.4, 0.4) * long,
      v: p.uniform(-0.3, 0.3) * wide,
      radius: Math.min(p.uniform(0.04, 0.14) * wide, 22 * unit),
    }));
    const lean = p.uniform(0, 6.28);
    const swing = p.uniform(0.05, 0.5);
    const slack = p.uniform(10, 60) * unit;
    const peel = p.uniform(0.003, 0.025);
    return (r) => {
      const canvas = cloth(r, frame, clothColour, look);
      const angle = lean + r.uniform(-1, 1) * swing;
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      const squeeze = r.uniform(0.85, 1);
      const cx = width / 2 + r.uniform(-1, 1) * slack;
      const cy = height / 2 + r.uniform(-1, 1) * slack;
      const at = (u: number, v: number): Point => [cx + u * c - v * squeeze * s, cy + u * s + v * squeeze * c];
      const [l, w] = [long / 2, wide / 2];
      const outline = notch
        ? [at(-l, -w), at(l * (1 - notch), -w), at(l, -w * (1 - notch)), at(l, w), at(-l, w)]
        : [at(-l, -w), at(l, -w), at(l, w), at(-l, w)];
      const shape = polygon(outline);
      const away = 14 * unit;
      const cast = {
        box: [shape.box[0] + away, shape.box[1] + away, shape.box[2] + away, shape.box[3] + away] as const,
        distance: (x: number, y: number) => shape.distance(x - away, y - away),
      };
      fill(canvas, cast, [0, 0, 0], { opacity: 0.3, softness: 22 * unit });
      const ground = { ...canvas, data: canvas.data.slice() };
      const skin = fractalNoise(r, width, height, { cell: 6 * unit, octaves: 3 });
      const broad = fractalNoise(r, width, height, { cell: 170 * unit, octaves: 2 });
      const [slopeX, slopeY] = [r.uniform(-0.3, 0.3), r.uniform(-0.3, 0.3)];
      const shade = (tone: number) => (x: number, y: number, d: number) => {
        const i = Math.max(0, Math.min(skin.length - 1, Math.round(y) * width + Math.round(x)));
        const light = (slopeX * (x - cx) + slopeY * (y - cy)) / side;
        return tone + light + skin[i] * peel + broad[i] * 0.03 + (d > -2 * unit ? 0.14 : 0);
      };
      fill(canvas, shape, paint, { shade: shade(0.92) });
      if (flange) {
        const bent = polygon([
          at(-l, -w),
          at(l * (1 - notch), -w),
          at(l * (1 - notch), -w + flange),
          at(-l, -w + flange),
        ]);
        fill(canvas, bent, paint, { shade: shade(r.uniform(0.62, 0.8)) });
      }
      for (const { u, v, radius } of holes) {
        const [x, y] = at(u, v);
        fill(canvas, disc(x, y, radius + 1.5 * unit), scaleColour(paint, 0.6));
        showThrough(canvas, ground, x, y, radius);
      }
      const [hx, hy] = at(-l * 0.9, 0);
      fill(canvas, segment([hx, hy], [hx + r.uniform(-20, 20) * unit, -5], 4 * unit), hsv(0, 0, 0.4));
      return canvas;
    };
  },
};

/** The ground within a hole. */
function showThrough(canvas: Canvas, ground: Canvas, cx: number, cy: number, radius: number): void {
  const { width, height, data } = canvas;
  for (let y = Math.max(0, Math.ceil(cy - radius)); y <= Math.min(height - 1, cy + radius); y++)
    for (let x = Math.max(0, Math.ceil(cx - radius)); x <= Math.min(width - 1, cx + radius); x++) {
      if ((x - cx) ** 2 + (y - cy) ** 2 > radius * radius) continue;
      for (let i = (y * width + x) * 3, end = i + 3; i < end; i++) data[i] = ground.data[i] * 0.8;
    }
}
