/** Cables: a cross-section of insulated strands, a flat ribbon. */
import { fractalNoise, normalPlane, valueNoise } from '../drawing/noise.ts';
import { cloneCanvas, disc, ellipse, fill, hsv, ring, scaleColour } from '../drawing/raster.ts';
import { anyColour, backdrop, backdropColour, type Maker, multiply, ramp } from './kit.ts';

/** A cable cut across: three to five insulated strands, each a bundle of bright wires, in a sheath. */
export const cableSection: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const ground = backdrop(p, frame, backdropColour(p));
    const sheath = anyColour(p, 0.25, 0.95);
    const strands = p.int(3, 6);
    const colours = Array.from({ length: strands }, (_, n) =>
      n === 0 ? hsv(0.33, 0.7, 0.6) : n === 1 ? hsv(0.6, 0.6, 0.65) : n === 2 ? hsv(0.08, 0.5, 0.4) : anyColour(p),
    );
    const palette = p.chance(0.5) ? colours : colours.map(() => anyColour(p, 0.25, 0.9));
    const outer = p.uniform(0.38, 0.46) * Math.min(width, height);
    const inner = outer * p.uniform(0.8, 0.88);
    const wire = p.chance(0.7) ? hsv(0.06, p.uniform(0.3, 0.6), 0.9) : hsv(0, 0, 0.85);
    const small = (inner * Math.sin(Math.PI / strands)) / (1 + Math.sin(Math.PI / strands));
    const fillIn = scaleColour(sheath, p.uniform(0.3, 0.8));
    return (r) => {
      const canvas = cloneCanvas(ground);
      const cx = width / 2 + r.normal() * 4 * unit;
      const cy = height / 2 + r.normal() * 4 * unit;
      const turn = r.normal() * 0.12;
      const grain = fractalNoise(r, width, height, { cell: 8 * unit, octaves: 3 });
      const mottled = (x: number, y: number): number =>
        0.95 + 0.05 * (grain[Math.round(y) * width + Math.round(x)] ?? 0);
      fill(canvas, disc(cx, cy, outer), sheath, { shade: mottled });
      fill(canvas, disc(cx, cy, inner), fillIn, { shade: mottled });
      for (let n = 0; n < strands; n++) {
        const a = turn + (n / strands) * 2 * Math.PI;
        const reach = inner - small;
        const x = cx + reach * Math.cos(a) + r.normal() * unit;
        const y = cy + reach * Math.sin(a) + r.normal() * unit;
        const rim = small * 0.97;
        const core = small * 0.68;
        fill(canvas, ellipse(x, y, rim, rim * (1 + r.normal() * 0.01), r.uniform(0, 3)), palette[n], {
          shade: (u, v, d) => mottled(u, v) * (d > -3 * unit ? 0.8 : 1),
        });
        fill(canvas, disc(x, y, core), scaleColour(wire, 0.25));
        const count = 37;
        for (let k = 0; k < count; k++) {
          const q = core * 0.93 * Math.sqrt((k + 0.4) / count);
          const t = k * 2.39996 + turn * 3 + n;
          const wx = x + q * Math.cos(t) + r.normal() * 0.9 * unit;
          const wy = y + q * Math.sin(t) + r.normal() * 0.9 * unit;
          const size = core * 0.145;
          const bright = r.uniform(0.6, 1.1);
          fill(canvas, disc(wx, wy, size), wire, {
            shade: (u, v) => bright * (0.85 + (0.35 * (wx - u + wy - v)) / size / 2),
          });
        }
      }
      fill(canvas, ring(cx, cy, outer, 3 * unit), scaleColour(sheath, 0.6), { opacity: 0.5 });
      multiply(canvas, normalPlane(r, width * height), 0.008);
      return canvas;
    };
  },
};

/** A flat ribbon of parallel coloured wires. */
export const ribbonCable: Maker = {
  category: 'texture',
  build(p, frame) {
    const { width, height, unit } = frame;
    const wires = p.int(8, 26);
    const rainbow = p.chance(0.5);
    const base = anyColour(p, 0.3, 0.95);
    const colours = Array.from({ length: wires }, (_, n) =>
      rainbow ? hsv(n / 10, 0.65, 0.85) : n === 0 ? hsv(0, 0.75, 0.8) : base,
    );
    const pitch = width / wires;
    return (r) => {
      const drift = valueNoise(r, 1, height, 1, 200 * unit);
      const grain = fractalNoise(r, width, height, { cell: 4, octaves: 2, gain: 0.8 });
      const canvas = ramp(frame, new Float32Array(width * height), [0, 0, 0], [0, 0, 0]);
      const shift = r.uniform(-4, 4) * unit;
      for (let y = 0, i = 0; y < height; y++) {
        for (let x = 0; x < width; x++, i++) {
          const u = (x + shift + drift[y] * 2 * unit) / pitch;
          const n = Math.max(0, Math.min(wires - 1, Math.floor(u)));
          const q = (u - Math.floor(u) - 0.5) * 2;
          const v =
            0.25 + 0.7 * Math.sqrt(Math.max(0, 1 - q * q)) + 0.4 * Math.exp(-((q + 0.3) ** 2) * 20) + grain[i] * 0.03;
          for (let c = 0; c < 3; c++) canvas.data[i * 3 + c] = colours[n][c] * v;
        }
      }
      return canvas;
    };
  },
};
