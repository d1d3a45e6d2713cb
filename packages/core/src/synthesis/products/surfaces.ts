/** Hard surfaces that fill the picture: stone, ceramic and aggregate, brushed, cast and rolled metal, magnetic tile, commutator, tyre tread, moulded skin. */
import { brushedNoise, cellNoise, fractalNoise, normalPlane, spotNoise, valueNoise } from '../drawing/noise.ts';
import { soften } from '../drawing/planes.ts';
import { createCanvas, hsv, mixColour, scaleColour } from '../drawing/raster.ts';
import { anyColour, field, type Maker, metalColour, multiply, ramp, relief } from './kit.ts';

/** Polished stone or speckled ceramic, plain or laid as tiles with joints. */
export const stoneTile: Maker = {
  category: 'texture',
  build(p, frame) {
    const a = anyColour(p, 0.35, 0.95);
    const b = mixColour(a, anyColour(p, 0.1, 0.9), p.uniform(0.2, 0.9));
    const grain = p.uniform(2, 14) * frame.unit;
    const threshold = p.uniform(0.8, 2);
    const tiles = p.chance(0.35) ? p.int(2, 5) : 0;
    const joint = p.uniform(2, 5) * frame.unit;
    const vein = p.chance(0.35) ? p.uniform(0.2, 0.7) : 0;
    return (r) => {
      const { width, height, unit } = frame;
      const speckle = fractalNoise(r, width, height, { cell: grain, octaves: 3, gain: 0.6 });
      const cloud = fractalNoise(r, width, height, { cell: 140 * unit, octaves: 4 });
      const plane = field(frame, (_x, _y, i) => {
        let t = Math.max(0, Math.min(1, (speckle[i] - threshold) * 1.6)) + cloud[i] * 0.08 + speckle[i] * 0.04;
        if (vein) t += vein * Math.exp(-((cloud[i] * 14 + speckle[i] * 0.6) ** 2) * 0.6);
        return t;
      });
      const canvas = ramp(frame, plane, a, b);
      if (tiles) {
        const side = width / tiles;
        const sx = r.uniform(-3, 3) * unit;
        const sy = r.uniform(-3, 3) * unit;
        const groove = field(frame, (x, y) => {
          const u = Math.abs((((x + sx) / side) % 1) - 0.5) * side;
          const v = Math.abs((((y + sy) / side) % 1) - 0.5) * side;
          const d = side / 2 - Math.max(u, v);
          return d < joint ? -0.45 : d < joint * 2 ? 0.08 : 0;
        });
        multiply(canvas, soften(groove, width, height, 0.8), 1);
      }
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

/** Sheet metal with the marks of one direction. */
export const brushedMetal: Maker = {
  category: 'texture',
  build(p, frame) {
    const colour = metalColour(p, 0.35, 0.85);
    const angle = p.chance(0.5) ? 0 : p.uniform(-1.6, 1.6);
    const length = p.uniform(20, 120) * frame.unit;
    const depth = p.uniform(0.03, 0.14);
    const band = p.uniform(0, 0.15);
    return (r) => {
      const { width, height, unit } = frame;
      const canvas = createCanvas(width, height, colour);
      multiply(canvas, brushedNoise(r, width, height, length, angle + r.normal() * 0.01), depth);
      multiply(canvas, fractalNoise(r, width, height, { cell: 200 * unit, octaves: 3 }), band * 0.4);
      return canvas;
    };
  },
};

/** Sand-cast or die-cast skin: lumps and pits under a raking light. */
export const castMetal: Maker = {
  category: 'texture',
  build(p, frame) {
    const colour = p.chance(0.7) ? metalColour(p, 0.2, 0.75) : anyColour(p, 0.2, 0.8);
    const cell = p.uniform(5, 22) * frame.unit;
    const rough = p.uniform(0.8, 3);
    const azimuth = p.uniform(0, 6.28);
    const gloss = p.chance(0.5) ? p.uniform(10, 60) : 0;
    const pits = p.int(0, 200);
    return (r) => {
      const { width, height, unit } = frame;
      const heights = fractalNoise(r, width, height, { cell, octaves: 4, gain: 0.6 });
      const holes = spotNoise(r, width, height, { count: pits, low: 1.2 * unit, high: 3 * unit, positive: true });
      for (let i = 0; i < heights.length; i++) heights[i] = heights[i] * rough - holes[i] * 2;
      const canvas = createCanvas(width, height, colour);
      relief(canvas, heights, { azimuth, depth: 0.35, gloss });
      multiply(canvas, fractalNoise(r, width, height, { cell: 150 * unit, octaves: 2 }), 0.04);
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

/** A grey sintered tile: vertical grinding marks, broad uneven light that differs from tile to tile. */
export const magneticTile: Maker = {
  category: 'texture',
  build(p, frame) {
    const level = p.uniform(0.18, 0.55);
    const colour = hsv(p.next(), p.chance(0.75) ? 0 : 0.12, level);
    const upright = p.chance(0.7);
    const marks = p.uniform(0.03, 0.12);
    const blotch = p.uniform(0.04, 0.2);
    const arch = p.uniform(0, 0.5);
    const lines = p.int(3, 30);
    return (r) => {
      const { width, height, unit } = frame;
      const canvas = createCanvas(width, height, scaleColour(colour, r.uniform(0.8, 1.2)));
      const stripes = upright
        ? valueNoise(r, width, height, 2, 160 * unit)
        : valueNoise(r, width, height, 160 * unit, 2);
      const wide = upright
        ? valueNoise(r, width, height, 14 * unit, 500 * unit)
        : valueNoise(r, width, height, 500 * unit, 14 * unit);
      const cloud = fractalNoise(r, width, height, { cell: 150 * unit, octaves: 4 });
      const grain = fractalNoise(r, width, height, { cell: 3, octaves: 2 });
      const bright = new Float32Array(upright ? width : height);
      for (let n = 0; n < lines; n++) bright[r.int(0, bright.length)] += r.uniform(0.1, 0.4);
      const middle = r.uniform(0.3, 0.7);
      const shade = field(frame, (x, y, i) => {
        const across = upright ? x / width : y / height;
        const line = bright[upright ? x : y] * Math.max(0, wide[i] + 0.4 + cloud[i] * 0.5);
        return (
          stripes[i] * marks +
          wide[i] * marks * 0.7 +
          cloud[i] * blotch +
          grain[i] * 0.03 +
          line * 0.5 -
          arch * (across - middle) ** 2 * 2
        );
      });
      multiply(canvas, shade, 1);
      return canvas;
    };
  },
};

/** A segmented grey collector: streaky ground copper or graphite, segment borders, dark and bright flecks. */
export const commutator: Maker = {
  category: 'texture',
  build(p, frame) {
    const level = p.uniform(0.45, 0.85);
    const colour = p.chance(0.75) ? hsv(0, 0, level) : hsv(0.06, p.uniform(0.2, 0.5), level);
    const streak = p.uniform(5, 22) * frame.unit;
    const depth = p.uniform(0.05, 0.17);
    const across = p.chance(0.8);
    const segments = p.chance(0.5) ? p.int(2, 6) : 0;
    const flecks = p.int(5, 120);
    return (r) => {
      const { width, height, unit } = frame;
      const fine = across
        ? fractalNoise(r, width, height, { cell: 3, octaves: 2, gain: 1, stretch: streak / 3 })
        : valueNoise(r, width, height, 2, streak);
      const coarse = fractalNoise(r, width, height, { cell: 20 * unit, octaves: 3, stretch: 2.5 });
      const bands = across
        ? valueNoise(r, width, height, 40 * unit, 2000)
        : valueNoise(r, width, height, 2000, 40 * unit);
      const canvas = createCanvas(width, height, colour);
      const spots = spotNoise(r, width, height, { count: flecks, low: 0.8 * unit, high: 3.2 * unit });
      const shade = field(
        frame,
        (_x, _y, i) =>
          fine[i] * depth +
          coarse[i] * depth * 0.45 +
          bands[i] * 0.025 +
          (spots[i] > 0 ? spots[i] * 0.25 : spots[i] * 0.5),
      );
      if (segments) {
        const at = r.uniform(-4, 4) * unit;
        const pitch = height / segments;
        for (let y = 0, i = 0; y < height; y++) {
          const d = Math.abs((((((y + at) / pitch) % 1) + 1) % 1) - 0.5) * pitch;
          const groove = pitch / 2 - d;
          for (let x = 0; x < width; x++, i++) {
            const g = groove + coarse[i] * 1.2;
            if (g < 2.5 * unit) shade[i] -= 0.65 * (1 - g / (2.5 * unit)) ** 0.5;
          }
        }
      }
      multiply(canvas, shade, 1);
      return canvas;
    };
  },
};

/** Moulded rubber: dark blocks and grooves in low contrast, a band of light across the crown. */
export const tyreTread: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const rubber = hsv(p.next(), p.uniform(0, 0.15), p.uniform(0.1, 0.4));
    const pitch = p.uniform(26, 64) * unit;
    const rows = p.int(4, 10);
    const slant = p.uniform(-0.6, 0.6);
    const herring = p.chance(0.6);
    const groove = p.uniform(3, 8) * unit;
    const sipes = p.chance(0.6) ? p.uniform(5, 11) * unit : 0;
    const small = p.chance(0.5);
    const halfSpan = (small ? p.uniform(0.2, 0.3) : 0.52) * width;
    const edge = small ? p.uniform(0.36, 0.46) * height : height;
    const ground = hsv(p.next(), p.uniform(0, 0.4), p.uniform(0.01, 0.1));
    const cells = Array.from({ length: rows }, () => p.uniform(0.6, 1.4));
    const total = cells.reduce((sum, c) => sum + c, 0);
    const bounds = cells.map((_, i) => cells.slice(0, i + 1).reduce((sum, c) => sum + c, 0) / total);
    const offsets = cells.map(() => p.next());
    const lightAt = p.uniform(-0.3, 0.3);
    const gloss = p.uniform(0.5, 2);
    return (r) => {
      const roll = r.uniform(0, 1) * (small ? 1 : 0.25);
      const grain = fractalNoise(r, width, height, { cell: 4, octaves: 2, gain: 0.9 });
      const broad = fractalNoise(r, width, height, { cell: 70 * unit, octaves: 3 });
      const nub = normalPlane(r, 1024);
      const inside = new Float32Array(width * height);
      const heights = field(frame, (x, y, i) => {
        const u = (x - width / 2) / halfSpan / 2 + 0.5;
        const fall = small
          ? Math.asin(Math.max(-1, Math.min(1, (y - height / 2) / edge))) / 1.571
          : (y - height / 2) / height;
        inside[i] = u > 0 && u < 1 && (!small || Math.abs(y - height / 2) < edge) ? 1 : 0;
        if (!inside[i]) return 0;
        let row = 0;
        while (row < rows - 1 && u > bounds[row]) row++;
        const left = row ? bounds[row - 1] : 0;
        const du = Math.min(u - left, bounds[row] - u) * halfSpan * 2;
        const lean = herring ? Math.abs(u - 0.5) : u;
        const v = (fall * height * 0.55) / pitch + lean * slant * 6 + offsets[row] + roll * 3;
        const block = Math.floor(v);
        const dv = Math.min(v - block, 1 - (v - block)) * pitch;
        const d = Math.min(du, dv);
        let top = Math.max(0, Math.min(1, (d - groove / 2) / (2.2 * unit))) * 5;
        if (sipes && top > 4 && Math.abs((((v - block) * pitch) % sipes) - sipes / 2) < 0.7 * unit) top -= 1.5;
        return top * unit + nub[(block * 31 + row * 7) & 1023] * 0.15;
      });
      const canvas = createCanvas(width, height, ground);
      for (let i = 0; i < inside.length; i++) if (inside[i]) canvas.data.set(rubber, i * 3);
      relief(canvas, soften(heights, width, height, 0.7), { azimuth: -1.3, depth: 0.5, gloss: 18 * gloss });
      multiply(
        canvas,
        field(frame, (x, y, i) => {
          if (!inside[i]) return grain[i] * 0.15;
          const fall = (y - height / 2) / edge - lightAt;
          const round = small ? Math.sqrt(Math.max(0, 1 - ((y - height / 2) / edge) ** 2)) : 1;
          const light = 0.35 + 0.5 * Math.exp(-fall * fall * 9) * (0.7 + (0.5 * x) / width);
          return (
            (light + (heights[i] < 2 * unit ? -0.25 : 0)) * round -
            0.25 +
            grain[i] * 0.08 +
            broad[i] * 0.05 -
            (1 - round) * 0.4
          );
        }),
        1,
      );
      return canvas;
    };
  },
};

/** Granular rubber, plastic or paint: orange peel or cells, low contrast. */
export const mouldedSkin: Maker = {
  category: 'texture',
  build(p, frame) {
    const colour = anyColour(p, 0.1, 0.9);
    const cell = p.uniform(6, 20) * frame.unit;
    const regular = p.uniform(0, 1);
    const azimuth = p.uniform(0, 6.28);
    const depth = p.uniform(0.1, 0.5);
    const gloss = p.uniform(0, 30);
    return (r) => {
      const { width, height, unit } = frame;
      const cells = cellNoise(r, width, height, cell, cell, 0.25 + 0.75 * regular);
      const canvas = createCanvas(width, height, colour);
      const fine = fractalNoise(r, width, height, { cell: 3, octaves: 1 });
      const heights = field(frame, (_x, _y, i) => Math.max(0, 0.75 - cells.nearest[i]) * cell * 0.5 + fine[i] * 0.1);
      relief(canvas, soften(heights, width, height, 0.8), { azimuth, depth, gloss });
      multiply(canvas, fractalNoise(r, width, height, { cell: 200 * unit, octaves: 2 }), 0.03);
      return canvas;
    };
  },
};
