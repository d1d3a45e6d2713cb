/** Printed matter: label and name plate. */
import { drawText, textWidth } from '../drawing/font.ts';
import { fractalNoise, spotNoise } from '../drawing/noise.ts';
import {
  type Colour,
  cloneCanvas,
  createCanvas,
  disc,
  fill,
  hsv,
  mixColour,
  poseCanvas,
  ring,
  roundedBox,
  scaleColour,
} from '../drawing/raster.ts';
import { anyColour, backdrop, backdropColour, field, type Maker, metalColour, multiply, word } from './kit.ts';

/** A printed label: words, rules, a logo and a bar code. */
export const printedLabel: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const ground = backdrop(p, frame, backdropColour(p));
    const paper = p.chance(0.7) ? hsv(p.next(), p.uniform(0, 0.12), p.uniform(0.85, 1)) : anyColour(p, 0.2, 0.9);
    const light = paper[0] + paper[1] + paper[2] > 380;
    const ink: Colour = light ? scaleColour(anyColour(p, 0.1, 0.5), p.uniform(0.1, 0.9)) : [240, 240, 235];
    const accent = anyColour(p, 0.3, 0.9);
    const base = createCanvas(width, height);
    base.data.set(ground.data);
    const [x0, y0] = [width * p.uniform(0.05, 0.14), height * p.uniform(0.05, 0.16)];
    fill(base, roundedBox(width / 2, height / 2, width - 2 * x0, height - 2 * y0, p.uniform(0, 16) * unit), paper);
    if (p.chance(0.6)) fill(base, roundedBox(width / 2, y0 + height * 0.09, width - 2 * x0, height * 0.16), accent);
    let y = y0 + 14 * unit;
    const bottom = height - y0 - height * 0.2;
    while (y < bottom) {
      const size = p.pick([10, 13, 18, 28, 38]) * unit * p.uniform(0.8, 1.2);
      const letters = Math.max(2, Math.floor(((width - 2 * x0 - 30 * unit) / size) * p.uniform(0.4, 0.95)));
      drawText(base, word(p, letters), x0 + 15 * unit, y, size, p.chance(0.85) ? ink : accent, size / p.uniform(5, 9));
      y += size * 1.6;
      if (p.chance(0.2)) {
        fill(base, roundedBox(width / 2, y, width - 2 * x0 - 30 * unit, 2 * unit), ink);
        y += 8 * unit;
      }
    }
    let x = x0 + 18 * unit;
    const end = width - x0 - (p.chance(0.5) ? 0.3 * width : 20 * unit);
    while (x < end) {
      const bar = p.int(1, 5) * 1.7 * unit;
      fill(
        base,
        roundedBox(x + bar / 2, height - y0 - height * 0.1, bar, height * 0.13),
        light ? [15, 15, 18] : [240, 240, 240],
        { softness: 0.5 },
      );
      x += bar + p.int(1, 4) * 1.7 * unit;
    }
    const logo = p.uniform(20, 46) * unit;
    const [lx, ly] = [width - x0 - logo * 1.4, height - y0 - logo * 1.4];
    fill(base, disc(lx, ly, logo), accent);
    fill(base, ring(lx, ly, logo * 0.62, logo * 0.2), paper);
    const jitter = p.uniform(0.3, 2) * unit;
    return (r) => {
      const canvas = poseCanvas(base, {
        dx: r.normal() * jitter,
        dy: r.normal() * jitter,
        angle: r.normal() * 0.003,
        scale: 1,
      });
      multiply(canvas, fractalNoise(r, width, height, { cell: 5, octaves: 2 }), 0.012);
      multiply(canvas, fractalNoise(r, width, height, { cell: 160 * unit, octaves: 2 }), 0.02);
      return canvas;
    };
  },
};

/** An engraved or printed name plate of metal with screws in its corners. */
export const namePlate: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const ground = backdrop(p, frame, backdropColour(p));
    const plate = p.chance(0.7) ? metalColour(p, 0.55, 0.9) : anyColour(p, 0.2, 0.9);
    const w = width * p.uniform(0.74, 0.9);
    const h = height * p.uniform(0.5, 0.85);
    const ink = p.chance(0.5) ? scaleColour(plate, 0.3) : anyColour(p, 0, 0.5);
    const lines = Array.from({ length: p.int(2, 6) }, () => ({
      text: word(p, p.int(4, 12)),
      share: p.uniform(0.5, 1),
    }));
    const brushed = p.chance(0.7);
    const base = cloneCanvas(ground);
    fill(base, roundedBox(width / 2 + 6 * unit, height / 2 + 8 * unit, w, h, 14 * unit), [0, 0, 0], {
      opacity: 0.45,
      softness: 9 * unit,
    });
    const face = roundedBox(width / 2, height / 2, w, h, 14 * unit);
    fill(base, face, plate, {
      shade: (x, y, d) => (d > -4 * unit ? 0.8 + (0.5 * (height / 2 - y)) / h : 1) + (0.05 * (x - width / 2)) / w,
    });
    lines.forEach(({ text, share }, n) => {
      const size = Math.min((h * 0.72) / lines.length / 1.45, (w * 0.84 * share) / (text.length - 0.3)) * 0.98;
      const x = width / 2 - textWidth(text, size) / 2;
      const y = height / 2 - h * 0.36 + (n * h * 0.74) / lines.length;
      drawText(base, text, x + unit, y + unit, size, mixColour(plate, [255, 255, 255], 0.5), size / 7);
      drawText(base, text, x, y, size, ink, size / 7);
    });
    for (const u of [-1, 1])
      for (const v of [-1, 1]) {
        const [x, y] = [width / 2 + u * (w / 2 - 20 * unit), height / 2 + v * (h / 2 - 20 * unit)];
        fill(base, disc(x, y, 9 * unit), scaleColour(plate, 0.85), {
          shade: (a, b) => 1 - ((a - x + b - y) / 9 / unit) * 0.3,
        });
        fill(base, roundedBox(x, y, 14 * unit, 2.5 * unit, 0, u * v), scaleColour(plate, 0.25));
      }
    return (r) => {
      const canvas = cloneCanvas(base);
      const marks = brushed
        ? fractalNoise(r, width, height, { cell: 3, octaves: 2, gain: 1, stretch: 25 })
        : fractalNoise(r, width, height, { cell: 6, octaves: 3 });
      const spots = spotNoise(r, width, height, { count: 30, low: unit, high: 2 * unit });
      multiply(
        canvas,
        field(frame, (x, y, i) => (face.distance(x, y) < 0 ? marks[i] * 0.035 + spots[i] * 0.04 : 0)),
        1,
      );
      return canvas;
    };
  },
};
