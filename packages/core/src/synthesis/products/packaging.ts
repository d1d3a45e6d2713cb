/** Pharmacy and packaging: tablet, capsule, blister pack, glass part. */
import { drawText, textStrokes, textWidth } from '../drawing/font.ts';
import { fractalNoise, normalPlane, spotNoise } from '../drawing/noise.ts';
import { soften } from '../drawing/planes.ts';
import {
  type Colour,
  cloneCanvas,
  coverLine,
  createCanvas,
  ellipse,
  fill,
  hsv,
  type Point,
  poseCanvas,
  ring,
  roundedBox,
  type Shape,
  scaleColour,
} from '../drawing/raster.ts';
import { anyColour, backdrop, backdropColour, field, type Maker, multiply, word } from './kit.ts';

/** A pressed tablet with embossing, a score line and speckles. */
export const tablet: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const ground = backdrop(p, frame, backdropColour(p));
    const colour = p.chance(0.6) ? hsv(p.next(), p.uniform(0, 0.15), p.uniform(0.75, 1)) : anyColour(p, 0.4, 1);
    const oblong = p.chance(0.5);
    const side = Math.min(width, height);
    const rx = (oblong ? p.uniform(0.38, 0.45) : p.uniform(0.32, 0.43)) * side;
    const ry = oblong ? rx * p.uniform(0.42, 0.6) : rx;
    const free = p.chance(0.3);
    const dome = p.uniform(0.15, 0.5);
    const bevel = p.uniform(5, 14) * unit;
    const speckles = p.chance(0.6) ? p.int(40, 500) : 0;
    const speckColour = anyColour(p, 0.2, 0.8);
    const text = word(p, p.int(2, 5));
    const size = Math.min(ry * 0.5, (rx * 1.2) / text.length);
    const score = p.chance(0.4);
    const emboss = new Float32Array(width * height);
    for (const stroke of textStrokes(text, width / 2 - textWidth(text, size) / 2, height / 2 - size / 2, size))
      coverLine(emboss, width, height, stroke, size / 6, 1, 1.5 * unit);
    if (score)
      coverLine(
        emboss,
        width,
        height,
        [
          [width / 2, height / 2 - ry],
          [width / 2, height / 2 - size * 0.8],
        ],
        6 * unit,
        1,
        2 * unit,
      );
    const printed = p.chance(0.3);
    const print = anyColour(p, 0.05, 0.5);
    const azimuth = p.uniform(0, 6.28);
    const engraved = soften(emboss, width, height, 1.2 * unit);
    const shape: Shape = oblong
      ? roundedBox(width / 2, height / 2, rx * 2, ry * 2, ry)
      : ellipse(width / 2, height / 2, rx, ry);
    const depth = field(frame, (x, y) => -shape.distance(x, y));
    return (r) => {
      const grain = fractalNoise(r, width, height, { cell: 5, octaves: 3, gain: 0.8 });
      const spots = spotNoise(r, width, height, { count: speckles, low: 1 * unit, high: 4.5 * unit, positive: true });
      const canvas = createCanvas(width, height);
      const { data } = canvas;
      const lx = Math.cos(azimuth);
      const ly = Math.sin(azimuth);
      for (let y = 0, i = 0; y < height; y++) {
        for (let x = 0; x < width; x++, i++) {
          const d = depth[i];
          const cover = Math.max(0, Math.min(1, d / 1.6 + 0.5));
          const shadow = d < 0 ? 1 - 0.45 * Math.exp(d / (10 * unit)) : 1;
          if (cover === 0) {
            for (let c = 0; c < 3; c++) data[i * 3 + c] = ground.data[i * 3 + c] * shadow;
            continue;
          }
          const ux = (x - width / 2) / rx;
          const uy = (y - height / 2) / ry;
          let v = 0.95 - dome * 0.35 * (ux * lx + uy * ly) - dome * 0.2 * (ux * ux + uy * uy) + grain[i] * 0.022;
          if (d < bevel) v -= 0.22 * (1 - d / bevel) * (0.6 + ux * lx + uy * ly);
          const slope =
            (engraved[i] - (engraved[i - 2] ?? 0)) * lx + (engraved[i] - (engraved[i - 2 * width] ?? 0)) * ly;
          v += printed ? 0 : slope * 0.9 - engraved[i] * 0.1;
          const speck = Math.min(1, spots[i] * 1.5);
          for (let c = 0; c < 3; c++) {
            let body = colour[c] + (speckColour[c] - colour[c]) * speck * 0.7;
            if (printed) body += (print[c] - body) * emboss[i] * (0.9 + grain[i] * 0.1);
            const g = ground.data[i * 3 + c] * 0.6;
            data[i * 3 + c] = g + (body * v - g) * cover;
          }
        }
      }
      return free
        ? poseCanvas(canvas, {
            dx: r.uniform(-15, 15) * unit,
            dy: r.uniform(-15, 15) * unit,
            angle: r.uniform(-3.14, 3.14),
            scale: 0.93,
          })
        : canvas;
    };
  },
};

/** A two-coloured gelatine capsule with highlights and print. */
export const capsule: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const ground = backdrop(p, frame, backdropColour(p));
    const [a, b] = [anyColour(p, 0.3, 1), anyColour(p, 0.3, 1)];
    const length = p.uniform(0.74, 0.88) * width;
    const girth = Math.min(length * p.uniform(0.34, 0.44), height * 0.8);
    const joint = width * p.uniform(0.44, 0.56);
    const text = word(p, p.int(2, 5));
    const ink: Colour = p.chance(0.6) ? [30, 30, 40] : [235, 235, 235];
    const gloss = p.uniform(60, 170);
    const shape = roundedBox(width / 2, height / 2, length, girth, girth / 2);
    return (r) => {
      const canvas = cloneCanvas(ground);
      const grain = fractalNoise(r, width, height, { cell: 60 * unit, octaves: 4 });
      const at = joint + r.normal() * 2.5 * unit;
      fill(canvas, roundedBox(width / 2 + 5 * unit, height / 2 + 12 * unit, length, girth, girth / 2), [0, 0, 0], {
        opacity: 0.35,
        softness: 14 * unit,
      });
      const body = (x: number, y: number, d: number): number => {
        const q = (y - height / 2) / (girth / 2);
        return (
          0.5 +
          0.5 * Math.sqrt(Math.max(0, 1 - q * q)) -
          0.12 * q +
          0.02 * (grain[Math.round(y) * width + Math.round(x)] ?? 0) -
          (d > -3 * unit ? 0.15 : 0)
        );
      };
      fill(canvas, shape, a, { shade: body });
      fill(
        canvas,
        {
          ...shape,
          box: [at, shape.box[1], shape.box[2], shape.box[3]],
          distance: (x, y) => Math.max(shape.distance(x, y) - 2 * unit, at - x),
        },
        b,
        { shade: (x, y, d) => body(x, y, d) * (x - at < 5 * unit ? 0.82 : 1) },
      );
      const size = girth * 0.2;
      drawText(
        canvas,
        text,
        at + 20 * unit + r.normal() * 3,
        height / 2 - size / 2 + r.normal() * 3,
        size,
        ink,
        size / 6,
      );
      const light = height / 2 - girth * 0.25;
      fill(canvas, roundedBox(width / 2, light, length * 0.72, girth * 0.06, girth * 0.03), [255, 255, 255], {
        opacity: gloss / 255,
        softness: girth * 0.04,
      });
      return canvas;
    };
  },
};

/** Rows of pills in a foil or plastic sheet. */
export const blisterPack: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const foil = p.chance(0.6) ? hsv(p.next(), p.uniform(0, 0.08), p.uniform(0.55, 0.85)) : anyColour(p, 0.3, 0.9);
    const pill = anyColour(p, 0.4, 1);
    const second = p.chance(0.3) ? anyColour(p, 0.4, 1) : pill;
    const columns = p.int(2, 6);
    const rows = Math.max(2, Math.round((columns * height) / width) + p.int(-1, 2));
    const knurl = p.uniform(2.5, 6) * unit;
    const oblong = p.uniform(0.7, 1.3);
    const scored = p.chance(0.5);
    const clear = p.chance(0.5);
    const radius = Math.min(width / columns / oblong, (height / rows) * oblong) * p.uniform(0.3, 0.38);
    return (r) => {
      const canvas = createCanvas(width, height, foil);
      const crinkle = fractalNoise(r, width, height, { cell: 26 * unit, octaves: 3 });
      multiply(
        canvas,
        field(
          frame,
          (x, y, i) =>
            Math.sin(((x + y) / knurl) * 3.14) * Math.sin(((x - y) / knurl) * 3.14) * 0.06 + crinkle[i] * 0.05,
        ),
        1,
      );
      for (let a = 0; a < rows; a++) {
        for (let b = 0; b < columns; b++) {
          const x = ((b + 0.5) / columns) * width;
          const y = ((a + 0.5) / rows) * height;
          const px = x + r.normal() * 2 * unit;
          const py = y + r.normal() * 2 * unit;
          const turn = r.uniform(0, 3.14);
          fill(
            canvas,
            ellipse(x, y, radius * oblong * 1.25, (radius / oblong) * 1.25),
            scaleColour(foil, clear ? 0.8 : 0.9),
            { shade: (_u, v, d) => (d > -5 * unit ? 0.7 + (0.5 * (v - y)) / radius : 1) },
          );
          fill(canvas, ellipse(px + 3 * unit, py + 4 * unit, radius * oblong, radius / oblong), [0, 0, 0], {
            opacity: 0.4,
            softness: 4 * unit,
          });
          fill(canvas, ellipse(px, py, radius * oblong, radius / oblong), (a + b) % 2 ? pill : second, {
            shade: (u, v, d) => 0.95 - ((u - px + v - py) / radius) * 0.14 - (d > -4 * unit ? 0.15 : 0),
          });
          if (scored) {
            const end: Point = [px + Math.cos(turn) * radius * 0.7, py + Math.sin(turn) * radius * 0.6];
            const start: Point = [2 * px - end[0], 2 * py - end[1]];
            fill(
              canvas,
              {
                box: [px - radius, py - radius, px + radius, py + radius],
                distance: (u, v) =>
                  Math.max(
                    Math.abs((v - py) * (end[0] - start[0]) - (u - px) * (end[1] - start[1])) /
                      Math.hypot(end[0] - start[0], end[1] - start[1]) -
                      1.6 * unit,
                    Math.hypot(u - px, v - py) - radius * 0.7,
                  ),
              },
              scaleColour(pill, 0.7),
            );
          }
          if (clear)
            fill(
              canvas,
              ellipse(x - radius * 0.35 * oblong, y - radius * 0.4, radius * 0.34, radius * 0.12, -0.6),
              [255, 255, 255],
              { opacity: 0.55, softness: 3 * unit },
            );
        }
      }
      return canvas;
    };
  },
};

/** A clear moulded part: edges that refract, a pale body, highlights. */
export const glassPart: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const light = p.chance(0.7);
    const ground = backdrop(
      p,
      frame,
      light ? hsv(p.next(), p.uniform(0, 0.15), p.uniform(0.7, 0.95)) : hsv(p.next(), 0.2, p.uniform(0.05, 0.25)),
    );
    const tone = hsv(p.next(), p.uniform(0, 0.3), light ? 0.9 : 0.5);
    const w = p.uniform(0.5, 0.78) * width;
    const h = p.uniform(0.5, 0.78) * height;
    const radius = p.uniform(0.05, 0.5) * Math.min(w, h);
    const steps = Array.from({ length: p.int(2, 5) }, (_, n) => (n + 1) * p.uniform(0.07, 0.14));
    const bosses = Array.from({ length: p.int(0, 4) }, () => [
      p.uniform(-0.3, 0.3),
      p.uniform(-0.3, 0.3),
      p.uniform(0.05, 0.1),
    ]);
    const edge = p.uniform(3, 8) * unit;
    return (r) => {
      const canvas = cloneCanvas(ground);
      const [cx, cy] = [width / 2, height / 2];
      const flow = fractalNoise(r, width, height, { cell: 120 * unit, octaves: 3 });
      const sway = r.uniform(-0.3, 0.3);
      fill(canvas, roundedBox(cx, cy, w, h, radius), tone, { opacity: 0.25 });
      for (const step of [0, ...steps]) {
        const k = 1 - step * 2;
        const shape = roundedBox(cx, cy, w * k, h * k, radius * k);
        const line: Shape = { box: shape.box, distance: (x, y) => Math.abs(shape.distance(x, y) + edge) - edge };
        fill(canvas, line, light ? [70, 75, 80] : [220, 230, 235], {
          opacity: 0.6,
          shade: (x, y) =>
            0.7 +
            0.6 * Math.cos(Math.atan2(y - cy, x - cx) * 2 + sway + step * 9) ** 2 +
            flow[Math.min(flow.length - 1, Math.round(y) * width + Math.round(x))] * 0.06,
        });
        fill(
          canvas,
          { box: shape.box, distance: (x, y) => Math.abs(shape.distance(x, y) + edge * 2.2) - edge * 0.35 },
          [255, 255, 255],
          { opacity: 0.5 },
        );
      }
      for (const [u, v, s] of bosses) {
        fill(canvas, ring(cx + u * w, cy + v * h, s * w, 4 * unit), light ? [90, 95, 100] : [200, 210, 215], {
          opacity: 0.8,
        });
        fill(
          canvas,
          ring(cx + u * w - 1.5 * unit, cy + v * h - 1.5 * unit, s * w - 4 * unit, 2 * unit),
          [255, 255, 255],
          { opacity: 0.5 },
        );
      }
      multiply(canvas, flow, 0.02);
      multiply(canvas, normalPlane(r, width * height), 0.004);
      return canvas;
    };
  },
};
