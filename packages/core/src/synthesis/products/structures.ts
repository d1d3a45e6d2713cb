/** Open structures: wire mesh, expanded metal, zipper, bristles, tube bundle. */
import { fractalNoise, normalPlane, valueNoise } from '../drawing/noise.ts';
import { createCanvas, disc, fill, ring, roundedBox, scaleColour, segment } from '../drawing/raster.ts';
import { anyColour, backdrop, backdropColour, field, type Maker, metalColour, multiply, ramp } from './kit.ts';

/** Round wires in two directions, woven or as diamonds, over a plain ground. */
export const wireMesh: Maker = {
  category: 'texture',
  build(p, frame) {
    const { width, height, unit } = frame;
    const pitch = p.uniform(18, 56) * unit;
    const aspect = p.chance(0.5) ? 1 : p.uniform(0.5, 1.6);
    const wire = p.uniform(0.13, 0.36);
    const metal = p.chance(0.8) ? metalColour(p, 0.25, 0.85) : anyColour(p);
    const dark = p.chance(0.5);
    const ground = dark ? scaleColour(backdropColour(p), 0.3) : metalColour(p, 0.45, 0.9);
    const lean = p.chance(0.5) ? 0 : p.uniform(0.2, 0.7);
    const woven = p.chance(0.6);
    const turn = p.chance(0.4) ? p.uniform(-0.8, 0.8) : 0;
    const turnJitter = p.chance(0.3) ? 0.5 : 0.02;
    const bright = p.uniform(0.3, 0.9);
    return (r) => {
      const bendX = valueNoise(r, width, height, 90 * unit);
      const bendY = valueNoise(r, width, height, 90 * unit);
      const grain = fractalNoise(r, width, height, { cell: 5, octaves: 2 });
      const broad = fractalNoise(r, width, height, { cell: 130 * unit, octaves: 2 });
      const phaseX = r.next();
      const phaseY = r.next();
      const angle = turn + r.uniform(-1, 1) * turnJitter;
      const c = Math.cos(angle);
      const s = Math.sin(angle);
      const canvas = createCanvas(width, height, ground);
      const { data } = canvas;
      multiply(canvas, grain, 0.03);
      for (let y = 0, i = 0; y < height; y++) {
        for (let x = 0; x < width; x++, i++) {
          const px = x * c + y * s + bendX[i] * 0.9 * unit;
          const py = y * c - x * s + bendY[i] * 0.9 * unit;
          const u = (px + lean * py) / pitch + phaseX + 50;
          const v = (py - lean * px) / (pitch * aspect) + phaseY + 50;
          const iu = Math.round(u);
          const iv = Math.round(v);
          const du = Math.abs(u - iu) / wire;
          const dv = Math.abs(v - iv) / wire;
          const side = (iu + iv) & 1 ? 1 : -1;
          const wave = woven ? Math.cos((v - iv) * Math.PI) * 0.5 * side : 0.2;
          const liftU = du < 0.5 ? Math.sqrt(1 - du * du * 4) + wave : -9;
          const liftV =
            dv < 0.5 ? Math.sqrt(1 - dv * dv * 4) - (woven ? Math.cos((u - iu) * Math.PI) * 0.5 * side : -0.2) : -9;
          const k = i * 3;
          if (liftU < -5 && liftV < -5) {
            const near = Math.min(du, dv);
            if (near < 0.8) {
              const shadow = 1 - (0.8 - near) * 0.9;
              data[k] *= shadow;
              data[k + 1] *= shadow;
              data[k + 2] *= shadow;
            }
            continue;
          }
          const top = liftU > liftV;
          const q = top ? (u - iu) / wire : (v - iv) / wire;
          const round = Math.sqrt(Math.max(0, 1 - q * q * 4));
          const edge = Math.min(1, (0.5 - Math.abs(q)) * 4);
          const crown = Math.exp(-((q + 0.13) ** 2) * 30) * bright;
          const level = 0.35 + 0.45 * round + crown + (top ? wave : -wave) * 0.18 + grain[i] * 0.05 + broad[i] * 0.03;
          for (let n = 0; n < 3; n++) data[k + n] += (metal[n] * level - data[k + n]) * edge;
        }
      }
      return canvas;
    };
  },
};

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

/** Two rows of teeth on tape. */
export const zipper: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const tape = anyColour(p, 0.08, 0.85);
    const tooth = p.chance(0.5) ? metalColour(p, 0.5, 0.95) : anyColour(p, 0.2, 0.9);
    const pitch = p.uniform(11, 26) * unit;
    const reach = p.uniform(26, 46) * unit;
    const weave = p.uniform(2.5, 6) * unit;
    const ground = backdropColour(p);
    const tapeWidth = p.uniform(0.3, 0.48) * width;
    return (r) => {
      const drift = valueNoise(r, width, height, 3000, 160 * unit);
      const grain = fractalNoise(r, width, height, { cell: 3, octaves: 2, gain: 1 });
      const mask = field(frame, (x, _y, i) => (Math.abs(x - width / 2 - drift[i] * 3) < tapeWidth ? 1 : 0));
      const canvas = ramp(frame, mask, ground, tape);
      multiply(
        canvas,
        field(frame, (x, y, i) => {
          if (!mask[i]) return 0;
          const rib =
            Math.sin((x / weave) * 6.28 + ((Math.floor(y / weave) & 1) * Math.PI) / 1.5) * Math.sin((y / weave) * 3.14);
          const seam = Math.exp(-(((Math.abs(x - width / 2) - reach * 1.4) / (3 * unit)) ** 2)) * -0.3;
          return rib * 0.12 + grain[i] * 0.05 + seam;
        }),
        1,
      );
      const phase = r.uniform(0, pitch * 2);
      for (let y = -pitch * 2 + phase, n = 0; y < height + pitch; y += pitch, n++) {
        const side = n & 1 ? 1 : -1;
        const cx =
          width / 2 +
          drift[Math.max(0, Math.min(height - 1, Math.round(y))) * width] * 3 +
          side * reach * 0.36 +
          r.normal() * 0.4;
        const cy = y + r.normal() * 0.3;
        fill(canvas, roundedBox(cx + 2 * unit, cy + 3 * unit, reach, pitch * 0.95, 4 * unit), [0, 0, 0], {
          opacity: 0.35,
          softness: 3 * unit,
        });
        fill(canvas, roundedBox(cx, cy, reach, pitch * 0.95, 4 * unit), tooth, {
          shade: (x, yy, d) =>
            0.7 -
            ((yy - cy) / pitch) * 0.7 +
            (d > -2 * unit ? -0.2 : 0) +
            Math.max(0, 1 - Math.abs((x - cx) / reach) * 4) * 0.2,
        });
        fill(canvas, disc(cx - side * reach * 0.28, cy, pitch * 0.22), scaleColour(tooth, 0.35));
      }
      return canvas;
    };
  },
};

/** A brush head: tufts of coloured bristles in rows. */
export const bristles: Maker = {
  category: 'object',
  build(p, frame) {
    const { width, height, unit } = frame;
    const ground = backdrop(p, frame, backdropColour(p));
    const head = anyColour(p, 0.4, 1);
    const colours = [anyColour(p, 0.4, 1), anyColour(p, 0.4, 1), anyColour(p, 0.4, 1)];
    const columns = p.int(4, 7);
    const rows = p.int(7, 13);
    const w = width * p.uniform(0.42, 0.6);
    const h = height * p.uniform(0.7, 0.85);
    const byColumn = p.chance(0.5);
    const tuft = Math.min(w / columns, h / rows) * p.uniform(0.42, 0.55);
    return (r) => {
      const canvas = { ...ground, data: ground.data.slice() };
      const cx = width / 2;
      const cy = height / 2;
      fill(canvas, roundedBox(cx + 6 * unit, cy + 8 * unit, w, h, w * 0.4), [0, 0, 0], {
        opacity: 0.4,
        softness: 10 * unit,
      });
      fill(canvas, roundedBox(cx, cy, w, h, w * 0.4), head, { shade: (_x, _y, d) => (d > -6 * unit ? 0.75 : 0.95) });
      for (let a = 0; a < rows; a++) {
        for (let b = 0; b < columns; b++) {
          const tx = cx + ((b + 0.5) / columns - 0.5) * w * 0.9;
          const ty = cy + ((a + 0.5) / rows - 0.5) * h * 0.92;
          if (Math.abs(a - (rows - 1) / 2) > rows / 2 - 1.2 && (b === 0 || b === columns - 1)) continue;
          const colour = colours[(byColumn ? b : a + b) % 3];
          fill(canvas, disc(tx + 2 * unit, ty + 3 * unit, tuft * 1.05), [0, 0, 0], {
            opacity: 0.5,
            softness: 3 * unit,
          });
          const leanX = r.normal() * 1.6 * unit;
          const leanY = r.normal() * 1.6 * unit;
          for (let n = 0; n < 34; n++) {
            const q = Math.sqrt(r.next()) * tuft;
            const t = r.uniform(0, 6.28);
            const from: [number, number] = [tx + q * Math.cos(t), ty + q * Math.sin(t)];
            const to: [number, number] = [
              from[0] + leanX + Math.cos(t) * q * 0.35,
              from[1] + leanY + Math.sin(t) * q * 0.35,
            ];
            fill(canvas, segment(from, to, 2.6 * unit), scaleColour(colour, r.uniform(0.55, 1.15)));
          }
        }
      }
      const noise = normalPlane(r, width * height);
      multiply(canvas, noise, 0.01);
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
