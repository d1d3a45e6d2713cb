/** Soft goods and natural surfaces: woven fabric, knit, carpet, leather, wood. */
import { cellNoise, fractalNoise, normalPlane, valueNoise } from '../drawing/noise.ts';
import { soften } from '../drawing/planes.ts';
import { mixColour, scaleColour } from '../drawing/raster.ts';
import { anyColour, field, type Maker, multiply, ramp, relief } from './kit.ts';

/** Warp and weft that pass over and under each other by a small pattern of floats. */
export const wovenFabric: Maker = {
  category: 'texture',
  build(p, frame) {
    const pitchX = p.uniform(5, 15) * frame.unit;
    const pitchY = pitchX * p.uniform(0.7, 1.4);
    const warpColour = anyColour(p, 0.2, 0.95);
    const weftColour = p.chance(0.6) ? scaleColour(warpColour, p.uniform(0.75, 1.15)) : anyColour(p, 0.2, 0.95);
    const period = p.int(2, 6);
    const step = p.int(1, Math.max(2, period - 1));
    const turn = p.chance(0.4) ? p.uniform(-0.8, 0.8) : p.uniform(-0.05, 0.05);
    const wobble = p.uniform(0.3, 1.2);
    const stripes = p.chance(0.35) ? p.uniform(8, 30) : 0;
    const stripeColour = anyColour(p);
    const depth = p.uniform(0.35, 0.8);
    return (r) => {
      const { width, height, unit } = frame;
      const bendX = valueNoise(r, width, height, 70 * unit);
      const bendY = valueNoise(r, width, height, 70 * unit);
      const phaseX = r.uniform(0, 1000);
      const phaseY = r.uniform(0, 1000);
      const grain = fractalNoise(r, width, height, { cell: 4, octaves: 2, gain: 0.9 });
      const slub = valueNoise(r, width, height, 60 * unit, pitchY);
      const c = Math.cos(turn);
      const s = Math.sin(turn);
      const shade = new Float32Array(width * height);
      const isWarp = field(frame, (x, y, i) => {
        const u = (x * c + y * s + bendX[i] * wobble) / pitchX + phaseX;
        const v = (y * c - x * s + bendY[i] * wobble) / pitchY + phaseY;
        const iu = Math.floor(u);
        const iv = Math.floor(v);
        const over = (iu * step + iv) % period === 0 ? 0 : 1;
        const du = u - iu - 0.5;
        const dv = v - iv - 0.5;
        const across = over ? du : dv;
        const along = over ? dv : du;
        shade[i] = depth * (0.35 - across * across * 3.2 - along * along * 1.1) + grain[i] * 0.07 + slub[i] * 0.03;
        return stripes && over && Math.floor(u / stripes) % 2 ? 2 : over;
      });
      const canvas = ramp(frame, isWarp, weftColour, warpColour);
      if (stripes) {
        for (let i = 0; i < isWarp.length; i++) if (isWarp[i] === 2) canvas.data.set(stripeColour, i * 3);
      }
      multiply(canvas, shade, 1);
      return canvas;
    };
  },
};

/** Columns of V-shaped loops. */
export const knit: Maker = {
  category: 'texture',
  build(p, frame) {
    const pitchX = p.uniform(14, 34) * frame.unit;
    const pitchY = pitchX * p.uniform(0.6, 0.9);
    const colour = anyColour(p, 0.3, 0.95);
    const second = anyColour(p, 0.2, 0.95);
    const bands = p.chance(0.5) ? p.int(2, 9) : 0;
    const fuzz = p.uniform(0.06, 0.16);
    return (r) => {
      const { width, height, unit } = frame;
      const bendX = valueNoise(r, width, height, 80 * unit);
      const bendY = valueNoise(r, width, height, 80 * unit);
      const fibres = fractalNoise(r, width, height, { cell: 5, octaves: 3, gain: 0.9 });
      const phaseX = r.uniform(0, 100);
      const phaseY = r.uniform(0, 100);
      const shade = new Float32Array(width * height);
      const which = field(frame, (x, y, i) => {
        const u = (x + bendX[i] * 1.5) / pitchX + phaseX;
        const lu = u - Math.floor(u) - 0.5;
        const v = (y + bendY[i] * 1.5) / pitchY + phaseY - Math.abs(lu) * 1.3;
        const row = Math.floor(v);
        const lv = v - row - 0.5;
        const arm = Math.abs(Math.abs(lu) - 0.25) * 4;
        const body = 1 - arm * arm * 0.75 - lv * lv * 2.4;
        const twist = Math.sin((lv * 3 + lu * Math.sign(lu) * 4) * 6) * 0.06;
        shade[i] = Math.max(body, -0.4) * 0.55 - 0.28 + twist + fibres[i] * fuzz;
        return bands && Math.floor(row / bands) % 2 ? 1 : 0;
      });
      const canvas = ramp(frame, which, colour, second);
      multiply(canvas, shade, 1);
      return canvas;
    };
  },
};

/** Tufts of pile, lit from the side, in mottled colours. */
export const carpet: Maker = {
  category: 'texture',
  build(p, frame) {
    const tuft = p.uniform(3.5, 9) * frame.unit;
    const a = anyColour(p, 0.2, 0.85);
    const b = mixColour(a, anyColour(p, 0.2, 0.9), p.uniform(0.1, 0.6));
    const rows = p.chance(0.5);
    return (r) => {
      const { width, height, unit } = frame;
      const cells = cellNoise(r, width, height, tuft, tuft * (rows ? 1.6 : 1), rows ? 0.5 : 1);
      const hair = fractalNoise(r, width, height, { cell: 2.5, octaves: 2, gain: 1 });
      const broad = fractalNoise(r, width, height, { cell: 120 * unit, octaves: 3 });
      const mix = field(frame, (_x, _y, i) => cells.value[i] * 0.9 + hair[i] * 0.12 + broad[i] * 0.06);
      const canvas = ramp(frame, mix, a, b);
      const heights = field(frame, (_x, _y, i) => (1 - cells.nearest[i]) * tuft * 0.5 + hair[i] * 0.6);
      relief(canvas, heights, { azimuth: 2.3, depth: 0.45 });
      multiply(
        canvas,
        field(frame, (_x, _y, i) => 0.25 - cells.nearest[i] * 0.6 + hair[i] * 0.1),
        1,
      );
      return canvas;
    };
  },
};

/** Grained hide: pebbles between creases, with a sheen. */
export const leather: Maker = {
  category: 'texture',
  build(p, frame) {
    const pebble = p.uniform(9, 30) * frame.unit;
    const aspect = p.uniform(0.8, 1.3);
    const colour = anyColour(p, 0.12, 0.8);
    const crease = p.uniform(0.4, 1.2);
    const gloss = p.chance(0.5) ? p.uniform(10, 50) : 0;
    const azimuth = p.uniform(0, 6.28);
    return (r) => {
      const { width, height, unit } = frame;
      const cells = cellNoise(r, width, height, pebble, pebble * aspect, 0.95);
      const fine = fractalNoise(r, width, height, { cell: 8 * unit, octaves: 3, gain: 0.7 });
      const broad = fractalNoise(r, width, height, { cell: 160 * unit, octaves: 3 });
      const heights = field(frame, (_x, _y, i) => {
        const border = cells.second[i] - cells.nearest[i];
        return Math.min(1, border * 3) * 2.2 * crease + fine[i] * 0.5;
      });
      const canvas = ramp(frame, soften(broad, width, height, 3), scaleColour(colour, 0.94), scaleColour(colour, 1.06));
      relief(canvas, soften(heights, width, height, 0.9), { azimuth, depth: 0.55, gloss });
      multiply(
        canvas,
        field(frame, (_x, _y, i) => Math.min(0, heights[i] - 0.7) * 0.25 + cells.value[i] * 0.05),
        1,
      );
      return canvas;
    };
  },
};

/** A sawn board: rings cut along, pores, sometimes lath joints. */
export const wood: Maker = {
  category: 'texture',
  build(p, frame) {
    const base = mixColour(
      [p.uniform(120, 225), p.uniform(85, 170), p.uniform(45, 120)],
      anyColour(p),
      p.uniform(0, 0.25),
    );
    const dark = scaleColour(base, p.uniform(0.5, 0.85));
    const rings = p.uniform(0.08, 0.35) / frame.unit;
    const along = p.chance(0.5);
    const sharp = p.uniform(1, 3);
    const pores = p.uniform(0.02, 0.14);
    const laths = p.chance(0.3) ? p.int(2, 5) : 0;
    return (r) => {
      const { unit } = frame;
      const [w, h] = along ? [frame.height, frame.width] : [frame.width, frame.height];
      const drift = fractalNoise(r, w, h, { cell: 110 * unit, octaves: 2, stretch: 3 });
      const wave = valueNoise(r, w, h, 90 * unit, 30 * unit);
      const pore = fractalNoise(r, w, h, { cell: 2, octaves: 1, stretch: 16 * unit });
      const fine = fractalNoise(r, w, h, { cell: 4, octaves: 2, stretch: 10 * unit });
      const phase = r.uniform(0, 50);
      const turned = (x: number, y: number): number => (along ? x * frame.height + y : y * frame.width + x);
      const plane = field(frame, (x, y) => {
        const i = turned(x, y);
        const across = along ? x : y;
        const band = laths ? Math.floor((across / h) * laths) * 17 : 0;
        const ring = (across + drift[i] * 26 * unit + wave[i] * 3 * unit) * rings + phase + band;
        const t = 0.5 + 0.5 * Math.sin(ring);
        return t ** sharp * 0.75 + fine[i] * 0.1 + (pore[i] < -1.5 ? pores * 4 : 0);
      });
      const canvas = ramp(frame, plane, base, dark);
      multiply(canvas, normalPlane(r, w * h), 0.012);
      if (laths) {
        const seam = field(frame, (x, y) => {
          const t = ((along ? x : y) / h) * laths;
          const d = (Math.abs(t - Math.round(t)) * h) / laths;
          return Math.round(t) > 0 && Math.round(t) < laths && d < 1.6 * unit ? -0.5 : 0;
        });
        multiply(canvas, seam, 1);
      }
      return canvas;
    };
  },
};
