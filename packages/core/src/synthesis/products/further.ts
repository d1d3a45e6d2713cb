/** Further kinds: expanded metal, nut kernels, strewn parts, solar cell, tube bundle, rolled steel, asphalt, seal, engraved plate. */
import { cellNoise, fractalNoise, valueNoise } from '../drawing/noise.ts';
import { soften } from '../drawing/planes.ts';
import {
  cloneCanvas,
  createCanvas,
  disc,
  ellipse,
  fill,
  hsv,
  mixColour,
  ring,
  roundedBox,
  scaleColour,
} from '../drawing/raster.ts';
import { anyColour, backdrop, backdropColour, field, type Maker, metalColour, multiply, ramp, relief } from './kit.ts';

/** Expanded metal: wavy strands that meet at knots and leave diamonds open. */
export const expandedMetal: Maker = {
  category: 'texture',
  build(p, frame) {
    const { width, height, unit } = frame;
    const long = p.uniform(34, 80) * unit;
    const short = long * p.uniform(0.35, 0.7);
    const strand = short * p.uniform(0.12, 0.26);
    const metal = p.chance(0.7) ? metalColour(p, 0.1, 0.5) : metalColour(p, 0.5, 0.9);
    const ground = p.chance(0.6) ? metalColour(p, 0.45, 0.9) : backdropColour(p);
    const turn = p.uniform(-0.5, 0.5);
    const jitter = p.chance(0.5) ? 0.6 : 0.05;
    const shadow = p.uniform(2, 6) * unit;
    return (r) => {
      const angle = turn + r.uniform(-1, 1) * jitter;
      const c = Math.cos(angle);
      const s = Math.sin(angle);
      const bendX = valueNoise(r, width, height, 100 * unit);
      const bendY = valueNoise(r, width, height, 100 * unit);
      const grain = fractalNoise(r, width, height, { cell: 4, octaves: 2 });
      const [px, py] = [r.uniform(0, long), r.uniform(0, short)];
      const distance = field(frame, (x, y, i) => {
        const u = ((x * c + y * s + bendX[i] * unit + px) / long) * 6.2832;
        const v = (y * c - x * s + bendY[i] * unit + py) / short;
        let best = 9;
        for (let k = Math.floor(v) - 1; k <= Math.floor(v) + 2; k++) {
          const wave = Math.sin(u + (k & 1) * Math.PI);
          best = Math.min(best, Math.abs(v - k - 0.47 * (wave / (0.55 + 0.45 * Math.abs(wave)))));
        }
        return best * short;
      });
      const canvas = createCanvas(width, height, ground);
      multiply(canvas, grain, 0.02);
      const { data } = canvas;
      const lag = Math.round(shadow) * (width + 1);
      for (let i = 0; i < distance.length; i++) {
        const cast = distance[Math.max(0, i - lag)];
        if (cast < strand * 1.6) for (let k = i * 3; k < i * 3 + 3; k++) data[k] *= 0.55 + (0.45 * cast) / strand / 1.6;
        const cover = Math.max(0, Math.min(1, strand - distance[i] + 0.5));
        if (cover === 0) continue;
        const q = distance[i] / strand;
        const level = 0.5 + 0.5 * Math.sqrt(Math.max(0, 1 - q * q)) + 0.5 * Math.exp(-q * q * 12) + grain[i] * 0.06;
        for (let k = 0; k < 3; k++) data[i * 3 + k] += (metal[k] * level - data[i * 3 + k]) * cover;
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

/** A crystalline solar cell with fingers and bus bars. */
export const solarCell: Maker = {
  category: 'texture',
  build(p, frame) {
    const { width, height, unit } = frame;
    const grey = p.chance(0.5);
    const base = grey
      ? hsv(0, 0, p.uniform(0.25, 0.6))
      : hsv(p.uniform(0.58, 0.68), p.uniform(0.4, 0.8), p.uniform(0.2, 0.5));
    const poly = p.chance(0.6);
    const finger = p.uniform(7, 16) * unit;
    const bars = p.int(2, 5);
    const metal = hsv(0, 0, grey ? p.uniform(0.05, 0.3) : 0.8);
    const crystal = p.uniform(24, 70) * unit;
    return (r) => {
      const cells = cellNoise(r, width, height, crystal, crystal);
      const cloud = fractalNoise(r, width, height, { cell: 120 * unit, octaves: 3 });
      const shade = field(frame, (_x, _y, i) => (poly ? (cells.value[i] - 0.5) * 0.35 : 0) + cloud[i] * 0.05);
      const canvas = createCanvas(width, height, base);
      multiply(canvas, shade, 1);
      const [dx, dy] = [r.uniform(-2, 2) * unit, r.uniform(-2, 2) * unit];
      const lines = field(frame, (x, y) => {
        const f = Math.abs((((y + dy) / finger) % 1) - 0.5) * finger;
        const u = Math.abs(((((x + dx) / width) * bars) % 1) - 0.5) * (width / bars);
        return u < 4 * unit ? 1 : f < 0.8 * unit ? 0.6 : 0;
      });
      const { data } = canvas;
      for (let i = 0; i < lines.length; i++)
        if (lines[i]) for (let c = 0; c < 3; c++) data[i * 3 + c] += (metal[c] - data[i * 3 + c]) * lines[i] * 0.85;
      return canvas;
    };
  },
};

/** The ends of a bundle of tubes, or rods, packed close. */
export const tubeBundle: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const metal = p.chance(0.75) ? metalColour(p, 0.4, 0.9) : anyColour(p, 0.3, 0.9);
    const radius = p.uniform(26, 62) * unit;
    const wall = p.uniform(0.12, 0.4);
    const ground = scaleColour(backdropColour(p), 0.3);
    const hollow = p.chance(0.7);
    return (r) => {
      const canvas = createCanvas(width, height, ground);
      const pitch = radius * 2.06;
      const [dx, dy] = [r.uniform(-0.15, 0.15) * pitch, r.uniform(-0.15, 0.15) * pitch];
      const grain = fractalNoise(r, width, height, { cell: 5, octaves: 3 });
      const mottled = (x: number, y: number): number =>
        0.06 * (grain[Math.max(0, Math.min(grain.length - 1, Math.round(y) * width + Math.round(x)))] ?? 0);
      for (let row = -1; row * pitch * 0.87 < height + pitch; row++) {
        for (let k = -1; k * pitch < width + pitch; k++) {
          const x = (k + (row & 1) * 0.5) * pitch + dx + r.normal() * 0.8 * unit;
          const y = row * pitch * 0.87 + dy + r.normal() * 0.8 * unit;
          const tone = r.uniform(0.88, 1.08);
          const sheen = r.uniform(0, 6.28);
          fill(canvas, disc(x, y, radius), metal, {
            shade: (u, v, d) =>
              tone * (0.85 + 0.12 * Math.cos(2 * (Math.atan2(v - y, u - x) - sheen)) - (d > -2 * unit ? 0.25 : 0)) +
              mottled(u, v),
          });
          if (!hollow) continue;
          fill(canvas, disc(x, y, radius * (1 - wall)), scaleColour(metal, 0.16), {
            shade: (u, v) => 1 + (u - x + v - y) / radius,
          });
          fill(canvas, ring(x, y, radius * (1 - wall), 2 * unit), scaleColour(metal, 1.1), { opacity: 0.5 });
        }
      }
      return canvas;
    };
  },
};

/** Rolled or pickled steel strip: low contrast bands, scale, faint roll marks. */
export const rolledSteel: Maker = {
  category: 'texture',
  build(p, frame) {
    const level = p.uniform(0.3, 0.75);
    const colour = hsv(p.next(), p.chance(0.7) ? 0 : 0.08, level);
    const bands = p.uniform(0.01, 0.06);
    const scale = p.uniform(0, 0.12);
    const grainSize = p.uniform(2, 5);
    const grain = p.uniform(0.02, 0.09);
    const lines = p.chance(0.5) ? p.uniform(20, 70) * frame.unit : 0;
    return (r) => {
      const { width, height, unit } = frame;
      const broad = valueNoise(r, width, height, 30 * unit, 900 * unit);
      const cloud = fractalNoise(r, width, height, { cell: 50 * unit, octaves: 4, stretch: 0.6 });
      const fine = fractalNoise(r, width, height, { cell: grainSize, octaves: 2, gain: 0.8 });
      const phase = r.uniform(0, 100);
      const canvas = createCanvas(width, height, colour);
      multiply(
        canvas,
        field(
          frame,
          (_x, y, i) =>
            broad[i] * bands +
            Math.min(0, cloud[i] + 0.4) * scale +
            fine[i] * grain +
            (lines ? Math.sin(((y + phase) / lines) * 6.28) * 0.012 : 0),
        ),
        1,
      );
      return canvas;
    };
  },
};

/** Crushed aggregate in a binder: asphalt, terrazzo, grinding wheel, sponge. */
export const aggregate: Maker = {
  category: 'texture',
  build(p, frame) {
    const { unit } = frame;
    const binder = anyColour(p, 0.08, 0.85);
    const chip = p.chance(0.5) ? scaleColour(binder, p.uniform(1.2, 1.9)) : anyColour(p, 0.2, 0.95);
    const size = p.uniform(6, 40) * unit;
    const fillRate = p.uniform(0.25, 0.9);
    const bumpy = p.chance(0.6) ? p.uniform(0.1, 0.5) : 0;
    return (r) => {
      const { width, height } = frame;
      const cells = cellNoise(r, width, height, size);
      const fine = fractalNoise(r, width, height, { cell: 6, octaves: 3 });
      const gap = field(frame, (_x, _y, i) => (cells.second[i] - cells.nearest[i]) * 3 + fine[i] * 0.12 - 0.35);
      const tone = field(
        frame,
        (_x, _y, i) =>
          (cells.value[i] < fillRate ? Math.max(0, Math.min(1, gap[i] * 3)) * (0.45 + 0.55 * cells.value[i]) : 0) +
          fine[i] * 0.05,
      );
      const canvas = ramp(frame, tone, binder, chip);
      if (bumpy)
        relief(
          canvas,
          soften(gap, width, height, 1).map((v) => Math.min(1, v) * 4),
          { azimuth: 0.8, depth: bumpy },
        );
      multiply(canvas, fine, 0.04);
      return canvas;
    };
  },
};

/** A rubber seal or O-ring, thin and dark or coloured, on a plain ground. */
export const sealRing: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const ground = backdrop(p, frame, backdropColour(p));
    const rubber = p.chance(0.6) ? hsv(p.next(), 0.1, p.uniform(0.06, 0.25)) : anyColour(p, 0.25, 0.9);
    const side = Math.min(width, height);
    const [rx, ry] = [p.uniform(0.28, 0.42) * side, p.chance(0.6) ? 0 : p.uniform(0.22, 0.36) * side];
    const thick = p.uniform(0.02, 0.09) * side;
    const gloss = p.uniform(0.2, 1.1);
    const lips = p.int(1, 4);
    return (r) => {
      const canvas = cloneCanvas(ground);
      const [cx, cy] = [width / 2 + r.uniform(-10, 10) * unit, height / 2 + r.uniform(-10, 10) * unit];
      const turn = r.uniform(0, 6.28);
      const grain = fractalNoise(r, width, height, { cell: 5, octaves: 3 });
      const shape = ry ? ellipse(cx, cy, rx, ry, turn) : disc(cx, cy, rx);
      const wobble = valueNoise(r, width, height, 90 * unit);
      const at = (x: number, y: number): number =>
        shape.distance(x, y) +
        (wobble[Math.max(0, Math.min(wobble.length - 1, Math.round(y) * width + Math.round(x)))] ?? 0) * unit;
      const box = [shape.box[0] - thick, shape.box[1] - thick, shape.box[2] + thick, shape.box[3] + thick] as const;
      fill(canvas, { box, distance: (x, y) => Math.abs(at(x - 4 * unit, y - 6 * unit)) - thick / 2 }, [0, 0, 0], {
        opacity: 0.35,
        softness: 6 * unit,
      });
      fill(canvas, { box, distance: (x, y) => Math.abs(at(x, y)) - thick / 2 }, rubber, {
        shade: (x, y) => {
          const q = (at(x, y) / thick) * 2;
          const facing = Math.cos(Math.atan2(y - cy, x - cx) + 2.3) * q;
          const g = grain[Math.max(0, Math.min(grain.length - 1, Math.round(y) * width + Math.round(x)))] ?? 0;
          return (
            0.55 +
            0.45 * Math.sqrt(Math.max(0, 1 - q * q)) +
            gloss * Math.exp(-((facing - 0.4) ** 2) * 10) * 0.7 +
            0.1 * Math.cos(q * lips * 3) +
            g * 0.06
          );
        },
      });
      return canvas;
    };
  },
};
