/** The project's own texture bank: procedural families in random colours, the foreign matter of simulated anomalies. */
import type { RgbImage } from '../../image/types.ts';
import type { Random } from '../../random.ts';
import { drawText } from './font.ts';
import { brushedNoise, cellNoise, fractalNoise, normalPlane, spotNoise, valueNoise } from './noise.ts';
import { soften } from './planes.ts';
import {
  type Colour,
  createCanvas,
  disc,
  fill,
  hsv,
  mixColour,
  type Point,
  polygon,
  segment,
  toImage,
} from './raster.ts';

/** A family: values of about [0, 1] that run through a palette, and a relief that lights them. */
type Family = (random: Random, width: number, height: number) => { tone: Float32Array; relief?: Float32Array };

const each = (width: number, height: number, value: (x: number, y: number, i: number) => number): Float32Array => {
  const out = new Float32Array(width * height);
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) out[i] = value(x, y, i);
  return out;
};

/** Coordinates turned by a random angle, scaled so that one unit is `pitch` pixels. */
function turned(random: Random, pitch: number): (x: number, y: number) => Point {
  const angle = random.uniform(0, Math.PI);
  const c = Math.cos(angle) / pitch;
  const s = Math.sin(angle) / pitch;
  const dx = random.uniform(0, 50);
  const dy = random.uniform(0, 50);
  return (x, y) => [x * c + y * s + dx, y * c - x * s + dy];
}

const frac = (v: number): number => v - Math.floor(v);

const FAMILIES: Readonly<Record<string, Family>> = {
  stone: (r, w, h) => {
    const n = fractalNoise(r, w, h, { cell: r.uniform(20, 90), octaves: 6, gain: 0.65 });
    return { tone: each(w, h, (_x, _y, i) => 0.5 + n[i] * 0.25), relief: n.map((v) => v * 3) };
  },
  granite: (r, w, h) => {
    const c = cellNoise(r, w, h, r.uniform(3, 9));
    const n = fractalNoise(r, w, h, { cell: 6, octaves: 3 });
    return { tone: each(w, h, (_x, _y, i) => c.value[i] + n[i] * 0.12) };
  },
  weave: (r, w, h) => {
    const at = turned(r, r.uniform(4, 16));
    return {
      tone: each(w, h, (x, y) => {
        const [u, v] = at(x, y);
        const over = (Math.floor(u) + Math.floor(v)) & 1;
        const q = over ? frac(u) - 0.5 : frac(v) - 0.5;
        return 0.3 + 0.4 * over + 0.3 * (1 - q * q * 4);
      }),
    };
  },
  knit: (r, w, h) => {
    const at = turned(r, r.uniform(8, 24));
    return {
      tone: each(w, h, (x, y) => {
        const [u, v] = at(x, y);
        const lu = frac(u) - 0.5;
        const lv = frac(v - Math.abs(lu) * 1.4) - 0.5;
        return 0.95 - Math.abs(Math.abs(lu) - 0.25) * 1.8 - lv * lv * 2;
      }),
    };
  },
  dots: (r, w, h) => {
    const at = turned(r, r.uniform(6, 34));
    const size = r.uniform(0.2, 0.45);
    return {
      tone: each(w, h, (x, y) => {
        const [u, v] = at(x, y);
        const d = Math.hypot(frac(u + (Math.floor(v) & 1) * 0.5) - 0.5, frac(v) - 0.5);
        return Math.max(0, Math.min(1, (size - d) * 8 + 0.5));
      }),
    };
  },
  stripes: (r, w, h) => {
    const at = turned(r, r.uniform(5, 40));
    const hard = r.uniform(1, 8);
    const bend = fractalNoise(r, w, h, { cell: 60, octaves: 2 });
    const wobble = r.uniform(0, 0.5);
    return {
      tone: each(
        w,
        h,
        (x, y, i) => 0.5 + 0.5 * Math.max(-1, Math.min(1, hard * Math.sin((at(x, y)[0] + bend[i] * wobble) * 6.28))),
      ),
    };
  },
  checker: (r, w, h) => {
    const at = turned(r, r.uniform(6, 40));
    const n = fractalNoise(r, w, h, { cell: 12, octaves: 3 });
    return {
      tone: each(w, h, (x, y, i) => {
        const [u, v] = at(x, y);
        return ((Math.floor(u) + Math.floor(v)) & 1 ? 0.85 : 0.15) + n[i] * 0.08;
      }),
    };
  },
  cracks: (r, w, h) => {
    const size = r.uniform(16, 70);
    const c = cellNoise(r, w, h, size, size);
    const n = fractalNoise(r, w, h, { cell: 20, octaves: 4 });
    return {
      tone: each(w, h, (_x, _y, i) => Math.min(1, (c.second[i] - c.nearest[i]) * size * 0.35) * 0.8 + n[i] * 0.1),
    };
  },
  bark: (r, w, h) => {
    const n = fractalNoise(r, w, h, { cell: r.uniform(8, 24), octaves: 5, stretch: r.uniform(2, 7), gain: 0.65 });
    return { tone: each(w, h, (_x, _y, i) => 0.2 + Math.abs(n[i]) * 0.5), relief: n.map((v) => -Math.abs(v) * 4) };
  },
  fur: (r, w, h) => {
    const n = brushedNoise(r, w, h, r.uniform(10, 40), r.uniform(-1.5, 1.5));
    const m = fractalNoise(r, w, h, { cell: 50, octaves: 3 });
    return { tone: each(w, h, (_x, _y, i) => 0.5 + n[i] * 0.25 + m[i] * 0.15) };
  },
  bubbles: (r, w, h) => {
    const n = spotNoise(r, w, h, { count: Math.min(500, Math.ceil((w * h) / 500)), low: 4, high: 18, positive: true });
    return { tone: n.map((v) => Math.min(1, v)), relief: n.map((v) => v * 6) };
  },
  marble: (r, w, h) => {
    const n = fractalNoise(r, w, h, { cell: r.uniform(40, 130), octaves: 6, gain: 0.6 });
    const k = r.uniform(2, 6);
    return { tone: n.map((v) => Math.abs(Math.sin(v * k)) ** 0.6) };
  },
  grass: (r, w, h) => {
    const a = brushedNoise(r, w, h, 18, r.uniform(-1.5, 1.5));
    const b = brushedNoise(r, w, h, 18, r.uniform(-1.5, 1.5));
    return { tone: each(w, h, (_x, _y, i) => 0.4 + 0.3 * Math.max(a[i], b[i])) };
  },
  rust: (r, w, h) => {
    const n = fractalNoise(r, w, h, { cell: 40, octaves: 6, gain: 0.75 });
    const s = spotNoise(r, w, h, { count: Math.min(600, Math.ceil((w * h) / 300)), low: 1, high: 5 });
    return { tone: each(w, h, (_x, _y, i) => 0.45 + n[i] * 0.25 + s[i] * 0.3), relief: n.map((v) => v * 1.5) };
  },
  foam: (r, w, h) => {
    const c = cellNoise(r, w, h, r.uniform(6, 20));
    return { tone: c.nearest.map((v) => v), relief: c.nearest.map((v) => v * 5) };
  },
  scales: (r, w, h) => {
    const at = turned(r, r.uniform(10, 30));
    return {
      tone: each(w, h, (x, y) => {
        const [u, v] = at(x, y);
        let best = 0;
        for (let k = 0; k < 2; k++) {
          const row = Math.floor(v) - k;
          const d = Math.hypot(frac(u + (row & 1) * 0.5) - 0.5, (v - row) * 0.6);
          if (d < 0.62) {
            best = d / 0.62;
            break;
          }
        }
        return best;
      }),
    };
  },
  honeycomb: (r, w, h) => {
    const size = r.uniform(10, 34);
    const c = cellNoise(r, w, h, size, size * 0.87, 0.05);
    return { tone: each(w, h, (_x, _y, i) => Math.min(1, (c.second[i] - c.nearest[i]) * 4)) };
  },
  splatter: (r, w, h) => {
    const n = fractalNoise(r, w, h, { cell: r.uniform(15, 60), octaves: 5, gain: 0.6 });
    const s = spotNoise(r, w, h, { count: Math.ceil((w * h) / 2500), low: 2, high: 12, positive: true });
    return { tone: each(w, h, (_x, _y, i) => (n[i] + s[i] * 2 > 0.8 ? 0.9 : 0.1 + n[i] * 0.04)) };
  },
  gradient: (r, w, h) => {
    const at = turned(r, Math.max(w, h) * r.uniform(0.5, 1.5));
    const n = fractalNoise(r, w, h, { cell: 80, octaves: 3 });
    return { tone: each(w, h, (x, y, i) => Math.abs(frac(at(x, y)[0]) * 2 - 1) + n[i] * 0.08) };
  },
  scratches: (r, w, h) => {
    const canvas = createCanvas(w, h, [60, 60, 60]);
    const count = Math.min(150, Math.ceil((w * h) / 1200));
    for (let n = 0; n < count; n++) {
      const a = r.uniform(0, 6.28);
      const l = r.uniform(10, 80);
      const [x, y] = [r.uniform(0, w), r.uniform(0, h)];
      const v = r.uniform(0, 255);
      fill(canvas, segment([x, y], [x + Math.cos(a) * l, y + Math.sin(a) * l], r.uniform(0.8, 2.5)), [v, v, v]);
    }
    return { tone: each(w, h, (_x, _y, i) => canvas.data[i * 3] / 255) };
  },
  letters: (r, w, h) => {
    const canvas = createCanvas(w, h, [40, 40, 40]);
    const size = r.uniform(9, 30);
    for (let y = 2; y < h; y += size * 1.6) {
      let text = '';
      while (text.length < Math.min(40, w / size)) text += 'ABCDEFGHKLMNPRSTUVXYZ0123456789'[r.int(0, 31)];
      drawText(canvas, text, 2, y, size, [230, 230, 230]);
    }
    return { tone: each(w, h, (_x, _y, i) => canvas.data[i * 3] / 255) };
  },
  confetti: (r, w, h) => {
    const canvas = createCanvas(w, h, [120, 120, 120]);
    const count = Math.min(250, Math.ceil((w * h) / 500));
    for (let n = 0; n < count; n++) {
      const [x, y, s, v] = [r.uniform(0, w), r.uniform(0, h), r.uniform(4, 20), r.uniform(0, 255)];
      if (r.chance(0.5)) fill(canvas, disc(x, y, s * 0.6), [v, v, v]);
      else fill(canvas, polygon([0, 1, 2].map((): Point => [x + r.uniform(-s, s), y + r.uniform(-s, s)])), [v, v, v]);
    }
    return { tone: each(w, h, (_x, _y, i) => canvas.data[i * 3] / 255) };
  },
  mosaic: (r, w, h) => {
    const c = cellNoise(r, w, h, r.uniform(8, 40), undefined, r.uniform(0.2, 1));
    return { tone: each(w, h, (_x, _y, i) => c.value[i] * (c.second[i] - c.nearest[i] < 0.08 ? 0.2 : 1)) };
  },
  bricks: (r, w, h) => {
    const at = turned(r, r.uniform(10, 30));
    const n = fractalNoise(r, w, h, { cell: 8, octaves: 3 });
    return {
      tone: each(w, h, (x, y, i) => {
        const [u, v] = at(x, y);
        const q = frac(u / 2.2 + (Math.floor(v) & 1) * 0.5);
        const joint = Math.min(Math.min(q, 1 - q) * 2.2, frac(v), 1 - frac(v)) < 0.09;
        return joint
          ? 0.1
          : 0.65 +
              0.25 * Math.sin(Math.floor(v) * 7.3 + Math.floor(u / 2.2 + (Math.floor(v) & 1) * 0.5) * 3.1) +
              n[i] * 0.06;
      }),
    };
  },
  waves: (r, w, h) => {
    const [cx, cy] = [r.uniform(-w, 2 * w), r.uniform(-h, 2 * h)];
    const k = 6.28 / r.uniform(6, 40);
    const bend = fractalNoise(r, w, h, { cell: 50, octaves: 3 });
    const wobble = r.uniform(0, 14);
    return { tone: each(w, h, (x, y, i) => 0.5 + 0.5 * Math.sin((Math.hypot(x - cx, y - cy) + bend[i] * wobble) * k)) };
  },
  static: (r, w, h) => {
    const n = soften(normalPlane(r, w * h), w, h, r.uniform(0.3, 1.6));
    return { tone: n.map((v) => 0.5 + v * 0.35) };
  },
  crumple: (r, w, h) => {
    const a = valueNoise(r, w, h, r.uniform(20, 60));
    const b = valueNoise(r, w, h, r.uniform(10, 30));
    return {
      tone: each(w, h, (_x, _y, i) => 0.55 + a[i] * 0.05),
      relief: each(w, h, (_x, _y, i) => Math.abs(a[i]) * 12 + Math.abs(b[i]) * 6),
    };
  },
  plain: (r, w, h) => {
    const n = fractalNoise(r, w, h, { cell: 30, octaves: 4 });
    return { tone: n.map((v) => 0.5 + v * 0.05) };
  },
};

/** Names of the texture families. */
export const TEXTURE_FAMILIES: readonly string[] = Object.keys(FAMILIES);

/** Two to four colours that the tones run through. */
function palette(random: Random): Colour[] {
  const hue = random.next();
  const grey = random.chance(0.25);
  return Array.from({ length: random.int(2, 5) }, () =>
    hsv(
      random.chance(0.6) ? hue + random.normal() * 0.05 : random.next(),
      grey ? 0 : random.next() ** 1.3,
      random.uniform(0.03, 1),
    ),
  );
}

/**
 * A texture of a random family, scale and palette, in place of a bank of photographs.
 *
 * @param family one of {@link TEXTURE_FAMILIES}; random unless given
 */
export function randomTexture(random: Random, width: number, height: number, family?: string): RgbImage {
  const make = FAMILIES[family ?? random.pick(TEXTURE_FAMILIES)];
  const { tone, relief } = make(random, width, height);
  const colours = palette(random);
  const canvas = createCanvas(width, height);
  const azimuth = random.uniform(0, 6.28);
  const depth = relief ? random.uniform(0.1, 0.4) : 0;
  const lx = Math.cos(azimuth) * depth;
  const ly = Math.sin(azimuth) * depth;
  const last = colours.length - 1;
  const steps = Array.from({ length: 256 }, (_, i) => {
    const t = (i / 255) * last;
    const k = Math.min(last - 1, Math.floor(t));
    return mixColour(colours[k], colours[k + 1], t - k);
  });
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      const t = tone[p];
      const colour = steps[t < 0 ? 0 : t > 1 ? 255 : (t * 255) | 0];
      let k = 1;
      if (relief) {
        const gx = relief[x < width - 1 ? p + 1 : p] - relief[p];
        const gy = relief[y < height - 1 ? p + width : p] - relief[p];
        k = Math.max(0.3, 1 + gx * lx + gy * ly);
      }
      canvas.data[p * 3] = colour[0] * k;
      canvas.data[p * 3 + 1] = colour[1] * k;
      canvas.data[p * 3 + 2] = colour[2] * k;
    }
  }
  return toImage(canvas);
}
