/** Food and goods that are strewn: biscuit, nut kernel, many small parts on a ground. */
import { fractalNoise, valueNoise } from '../drawing/noise.ts';
import {
  cloneCanvas,
  createCanvas,
  disc,
  ellipse,
  fill,
  hsv,
  mixColour,
  roundedBox,
  scaleColour,
} from '../drawing/raster.ts';
import { anyColour, backdrop, backdropColour, type Maker } from './kit.ts';

/** A baked biscuit: browned, crumbly, with holes or chips. */
export const biscuit: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const ground = backdrop(p, frame, backdropColour(p));
    const dough = hsv(p.uniform(0.06, 0.12), p.uniform(0.3, 0.65), p.uniform(0.5, 0.9));
    const brown = mixColour(dough, [90, 50, 20], p.uniform(0.35, 0.8));
    const radius = p.uniform(0.34, 0.44) * Math.min(width, height);
    const square = p.chance(0.35);
    const scallops = p.chance(0.4) ? p.int(16, 40) : 0;
    const holes = p.chance(0.6) ? p.int(2, 5) : 0;
    const chips = p.chance(0.5) ? p.int(6, 30) : 0;
    const rough = p.uniform(0.8, 2.2);
    const azimuth = p.uniform(0, 6.28);
    return (r) => {
      const canvas = createCanvas(width, height);
      const turn = square ? r.normal() * 0.03 : r.uniform(0, 6.28);
      const heights = fractalNoise(r, width, height, { cell: 20 * unit, octaves: 5, gain: 0.65 });
      const outline = fractalNoise(r, width, height, { cell: 60 * unit, octaves: 3 });
      const box = roundedBox(width / 2, height / 2, radius * 1.8, radius * 1.8, 18 * unit, turn);
      const [lx, ly] = [Math.cos(azimuth), Math.sin(azimuth)];
      const { data } = canvas;
      for (let y = 0, i = 0; y < height; y++) {
        for (let x = 0; x < width; x++, i++) {
          const dx = x - width / 2;
          const dy = y - height / 2;
          let d = square ? -box.distance(x, y) : radius - Math.hypot(dx, dy);
          if (scallops) d += 3 * unit * Math.sin(scallops * (Math.atan2(dy, dx) - turn));
          d += outline[i] * 2 * unit;
          const cover = Math.max(0, Math.min(1, d / 1.8 + 0.5));
          const baked = Math.max(0, Math.min(1, Math.exp(-d / (28 * unit)) * 0.9 + heights[i] * 0.14 + 0.12));
          const gx = heights[i] - (heights[i - 1] ?? heights[i]);
          const gy = heights[i] - (heights[i - width] ?? heights[i]);
          let v = 1 - (gx * lx + gy * ly) * rough;
          if (d < 10 * unit) v -= 0.25 * (1 - Math.max(0, d) / (10 * unit));
          const shadow = d < 0 ? 1 - 0.4 * Math.exp(d / (12 * unit)) : 0.6;
          for (let c = 0; c < 3; c++) {
            const g = ground.data[i * 3 + c] * shadow;
            const body = (dough[c] + (brown[c] - dough[c]) * baked) * Math.max(0.3, v);
            data[i * 3 + c] = g + (body - g) * cover;
          }
        }
      }
      for (let a = 0; a < holes; a++) {
        for (let b = 0; b < holes; b++) {
          const u = ((a + 0.5) / holes - 0.5) * radius * 1.2;
          const v = ((b + 0.5) / holes - 0.5) * radius * 1.2;
          fill(
            canvas,
            disc(
              width / 2 + u * Math.cos(turn) - v * Math.sin(turn),
              height / 2 + u * Math.sin(turn) + v * Math.cos(turn),
              5 * unit,
            ),
            scaleColour(brown, 0.4),
            { softness: 2 * unit, opacity: 0.85 },
          );
        }
      }
      for (let n = 0; n < chips; n++) {
        const q = Math.sqrt(r.next()) * radius * 0.85;
        const t = r.uniform(0, 6.28);
        const size = r.uniform(5, 14) * unit;
        const [cx, cy] = [width / 2 + q * Math.cos(t), height / 2 + q * Math.sin(t)];
        fill(canvas, ellipse(cx, cy, size, size * r.uniform(0.6, 1), t), [60, 34, 22], {
          shade: (x, y) => 1 - ((x - cx) * lx + (y - cy) * ly) / size / 2,
        });
      }
      return canvas;
    };
  },
};

/** A single nut, seed or fruit: a brown round thing that lies differently each time. */
export const kernel: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const ground = backdrop(p, frame, p.chance(0.7) ? hsv(0, 0, p.uniform(0, 0.1)) : backdropColour(p));
    const shell = p.chance(0.7)
      ? hsv(p.uniform(0.03, 0.11), p.uniform(0.35, 0.75), p.uniform(0.4, 0.75))
      : anyColour(p, 0.35, 0.9);
    const cap = mixColour(shell, [225, 205, 170], p.uniform(0.3, 0.8));
    const radius = p.uniform(0.26, 0.4) * Math.min(width, height);
    const squash = p.uniform(0.78, 1);
    const stripes = p.int(6, 26);
    const streaky = p.uniform(0.03, 0.16);
    const rough = p.uniform(0.1, 0.8);
    return (r) => {
      const canvas = cloneCanvas(ground);
      const turn = r.uniform(0, 6.28);
      const [tilt, toward] = [r.uniform(0.1, 0.9), r.uniform(0, 6.28)];
      const skin = fractalNoise(r, width, height, { cell: 30 * unit, octaves: 5, gain: 0.6 });
      const outline = valueNoise(r, width, height, 130 * unit);
      const cx = width / 2 + r.uniform(-18, 18) * unit;
      const cy = height / 2 + r.uniform(-18, 18) * unit;
      const shape = ellipse(cx, cy, radius, radius * squash * r.uniform(0.96, 1.04), turn);
      const capX = cx + Math.cos(toward) * radius * tilt;
      const capY = cy + Math.sin(toward) * radius * tilt;
      const size = radius * r.uniform(0.4, 0.55);
      fill(canvas, ellipse(cx + 9 * unit, cy + 12 * unit, radius, radius * squash, turn), [0, 0, 0], {
        opacity: 0.4,
        softness: 16 * unit,
      });
      fill(
        canvas,
        {
          box: [cx - radius * 1.1, cy - radius * 1.1, cx + radius * 1.1, cy + radius * 1.1],
          distance: (x, y) => shape.distance(x, y) + (outline[Math.round(y) * width + Math.round(x)] ?? 0) * 2.5 * unit,
        },
        shell,
        {
          shade: (x, y) => {
            const i = Math.max(0, Math.min(skin.length - 1, Math.round(y) * width + Math.round(x)));
            const q = Math.min(1, Math.hypot(x - cx, y - cy) / radius);
            const slope = (skin[i] - skin[Math.max(0, i - width - 1)]) * rough;
            const line = Math.sin(stripes * Math.atan2(y - capY, x - capX) + skin[i] * 1.2) * streaky;
            return (
              0.45 +
              0.6 * Math.sqrt(1 - q * q * 0.9) -
              ((x - cx + y - cy) / radius) * 0.14 +
              slope +
              line +
              skin[i] * 0.05
            );
          },
        },
      );
      fill(
        canvas,
        {
          box: [capX - size, capY - size, capX + size, capY + size],
          distance: (x, y) =>
            Math.max(
              Math.hypot(x - capX, y - capY) -
                size * (1 - 0.35 * tilt) +
                (skin[Math.round(y) * width + Math.round(x)] ?? 0) * 2 * unit,
              shape.distance(x, y) + 2 * unit,
            ),
        },
        cap,
        {
          softness: 2 * unit,
          shade: (x, y) => 0.85 + (skin[Math.max(0, Math.round(y) * width + Math.round(x))] ?? 0) * 0.12,
        },
      );
      return canvas;
    };
  },
};

/** Many equal small parts strewn on a ground: capsules, beans, pasta, pins. */
export const strewnParts: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const ground = backdrop(p, frame, backdropColour(p));
    const colour = anyColour(p, 0.35, 1);
    const tail = p.chance(0.5) ? anyColour(p, 0.3, 1) : colour;
    const length = p.uniform(50, 120) * unit;
    const girth = length * p.uniform(0.25, 0.7);
    const count = Math.round(((width * height) / (length * girth)) * p.uniform(0.25, 0.5));
    const rows = p.chance(0.35);
    const gloss = p.uniform(0, 0.7);
    return (r) => {
      const canvas = cloneCanvas(ground);
      const columns = Math.max(2, Math.floor(width / (length * 1.15)));
      const lines = Math.max(2, Math.floor(height / (girth * 1.5)));
      const total = rows ? columns * lines : count;
      const placed: number[][] = [];
      for (let n = 0; n < total; n++) {
        let [x, y, t] = [0, 0, 0];
        if (rows) {
          x = (((n % columns) + 0.5) / columns) * width + r.normal() * 1.5 * unit;
          y = ((Math.floor(n / columns) + 0.5) / lines) * height + r.normal() * 1.5 * unit;
          t = r.normal() * 0.04;
        } else {
          let free = false;
          for (let tries = 0; tries < 12 && !free; tries++) {
            [x, y, t] = [r.uniform(0.06, 0.94) * width, r.uniform(0.06, 0.94) * height, r.uniform(0, 6.28)];
            free = placed.every(([px, py]) => Math.hypot(x - px, y - py) > (length + girth) * 0.5);
          }
          if (!free) continue;
          placed.push([x, y]);
        }
        const long = length * (1 + r.normal() * 0.015);
        const shape = roundedBox(x, y, long, girth, girth / 2, t);
        const [c, s] = [Math.cos(t), Math.sin(t)];
        fill(canvas, roundedBox(x + 4 * unit, y + 6 * unit, long, girth, girth / 2, t), [0, 0, 0], {
          opacity: 0.35,
          softness: 5 * unit,
        });
        const tone = r.uniform(0.95, 1.05);
        const shade = (u: number, v: number): number => {
          const q = ((v - y) * c - (u - x) * s) / (girth / 2);
          const lit = ((v - y) * 0.8 + (u - x) * 0.5) / (girth / 2);
          return (
            tone *
            (0.55 + 0.45 * Math.sqrt(Math.max(0, 1 - q * q)) - 0.15 * lit + gloss * Math.exp(-((lit + 0.45) ** 2) * 25))
          );
        };
        fill(canvas, shape, colour, { shade });
        if (tail !== colour)
          fill(
            canvas,
            { box: shape.box, distance: (u, v) => Math.max(shape.distance(u, v), -((u - x) * c + (v - y) * s)) },
            tail,
            { shade },
          );
      }
      return canvas;
    };
  },
};
