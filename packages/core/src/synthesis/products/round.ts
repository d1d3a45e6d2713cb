/** Round parts seen along their axis: machined ring, bottle mouth, bearing, gear, closure cap, seal. */
import { fractalNoise, normalPlane, valueNoise } from '../drawing/noise.ts';
import { type Colour, cloneCanvas, createCanvas, disc, ellipse, fill, hsv, scaleColour } from '../drawing/raster.ts';
import { anyColour, backdrop, backdropColour, type Frame, field, type Maker, metalColour, type Scene } from './kit.ts';

/** Radius and angle of every pixel about a centre, made once for a product. */
function polar(frame: Frame, cx = (frame.width - 1) / 2, cy = (frame.height - 1) / 2) {
  return {
    cx,
    cy,
    radius: field(frame, (x, y) => Math.hypot(x - cx, y - cy)),
    angle: field(frame, (x, y) => Math.atan2(y - cy, x - cx)),
  };
}

/** A profile of steps, bevels and grooves over the radius, as brightness for each quarter pixel. */
function turnedProfile(
  p: { uniform(a: number, b: number): number; int(a: number, b: number): number; chance(q: number): boolean },
  length: number,
): Float32Array {
  const profile = new Float32Array(length);
  let at = 0;
  let level = p.uniform(0.5, 0.9);
  while (at < length) {
    const run = Math.round(length * p.uniform(0.03, 0.22));
    const tilt = p.uniform(-0.12, 0.12);
    for (let i = 0; i < run && at < length; i++, at++) profile[at] = level + (tilt * i) / run;
    const edge = Math.round(p.uniform(4, 20));
    const edgeLevel = p.chance(0.5) ? p.uniform(0.12, 0.4) : p.uniform(0.95, 1.3);
    for (let i = 0; i < edge && at < length; i++, at++) profile[at] = edgeLevel;
    level = p.uniform(0.35, 1);
  }
  for (let pass = 0; pass < 3; pass++)
    for (let i = 1; i < length; i++) profile[i] += (profile[i - 1] - profile[i]) * 0.45;
  return profile;
}

/** A turned metal disc with steps, tool marks, a bore and a fan-shaped highlight; a ring of holes on some. */
export const machinedRing: Maker = {
  category: 'object',
  build(p, frame): Scene {
    const { unit } = frame;
    const metal = metalColour(p, 0.5, 0.95);
    const ground = backdrop(
      p,
      frame,
      p.chance(0.7) ? hsv(p.next(), p.uniform(0, 0.3), p.uniform(0.02, 0.2)) : backdropColour(p),
    );
    const { radius, angle, cx, cy } = polar(frame);
    const outer = p.uniform(0.34, 0.47) * Math.min(frame.width, frame.height);
    const bore = outer * p.uniform(0.18, 0.6);
    const profile = turnedProfile(p, Math.ceil(outer * 4) + 8);
    const marks = p.uniform(0.4, 2.2) / unit;
    const markDepth = p.uniform(0.01, 0.07);
    const fan = p.uniform(0.08, 0.4);
    const fanAngle = p.uniform(0, 6.28);
    const holes = p.chance(0.55) ? p.int(3, 9) : 0;
    const holeRadius = (outer - bore) * p.uniform(0.08, 0.2);
    const holePlace = bore + (outer - bore) * p.uniform(0.4, 0.6);
    const through = p.chance(0.5);
    const chamfer = p.uniform(2, 5) * unit;
    const spin = p.chance(0.5);
    const groundAt = (i: number, c: number): number => ground.data[i * 3 + c];
    return (r) => {
      const canvas = createCanvas(frame.width, frame.height);
      const stain = fractalNoise(r, frame.width, frame.height, { cell: 60 * unit, octaves: 3 });
      const streak = normalPlane(r, 4096);
      const turn = (spin ? r.uniform(0, 6.28) : r.normal() * 0.02) + fanAngle;
      const phase = r.uniform(0, 6);
      const { data } = canvas;
      for (let i = 0; i < radius.length; i++) {
        const d = radius[i];
        const edge = Math.min(outer - d, d - bore);
        if (edge < -1) {
          const shadow = d > outer ? 1 - 0.35 * Math.exp((outer - d) / (9 * unit)) : through ? 1 : 0.25;
          for (let c = 0; c < 3; c++) data[i * 3 + c] = groundAt(i, c) * shadow;
          continue;
        }
        const a = angle[i];
        const at = Math.max(0, d) * 4;
        const k = at | 0;
        const glow = Math.cos(2 * (a - turn)) ** 8 + 0.5 * Math.cos(2 * (a - turn) + 1.1) ** 14;
        const tool = Math.sin(d * marks * 4 + phase) * markDepth + streak[(d * 3.1 * 4) & 4095] * markDepth * 0.8;
        let v = profile[k] * (0.75 + fan * glow) + tool + stain[i] * 0.015;
        if (edge < chamfer)
          v = v * 0.4 + (d > (outer + bore) / 2 ? 0.5 + 0.4 * Math.cos(a + 2.3) : 0.5 - 0.4 * Math.cos(a + 2.3)) * 0.7;
        const cover = edge >= 1 ? 1 : (edge + 1) / 2;
        for (let c = 0; c < 3; c++) {
          const g = groundAt(i, c) * 0.6;
          data[i * 3 + c] = g + (metal[c] * v - g) * cover;
        }
      }
      for (let n = 0; n < holes; n++) {
        const a = ((n + 0.5) / holes) * 2 * Math.PI + (spin ? turn : 0.3);
        const hx = cx + holePlace * Math.cos(a);
        const hy = cy + holePlace * Math.sin(a);
        fill(canvas, disc(hx, hy, holeRadius * 1.18), scaleColour(metal, 0.9), {
          shade: (x, y) => 0.75 + (0.45 * (x - hx + y - hy)) / holeRadius / 2,
        });
        fill(canvas, disc(hx, hy, holeRadius), scaleColour(metal, 0.1));
      }
      return canvas;
    };
  },
};

/** The mouth of a glass bottle from above: dark centre, rings of refraction, small lights along the lip. */
export const bottleMouth: Maker = {
  category: 'object',
  build(p, frame): Scene {
    const { unit } = frame;
    const glass: Colour = hsv(
      p.chance(0.6) ? p.uniform(0.05, 0.4) : p.next(),
      p.uniform(0.05, 0.6),
      p.uniform(0.12, 0.5),
    );
    const light = p.chance(0.75);
    const ground = backdrop(p, frame, light ? hsv(0, 0, p.uniform(0.85, 1)) : hsv(p.next(), 0.2, p.uniform(0.05, 0.2)));
    const { radius, angle } = polar(frame);
    const outer = p.uniform(0.38, 0.47) * Math.min(frame.width, frame.height);
    const inner = outer * p.uniform(0.4, 0.62);
    const core = hsv(p.next(), p.uniform(0, 0.35), p.uniform(0.02, 0.22));
    const rings = Array.from({ length: p.int(5, 12) }, () => ({
      at: p.uniform(inner, outer),
      width: p.uniform(1, 9) * unit,
      amount: p.uniform(-0.7, 1.3),
      lobes: p.int(1, 4),
      warm: p.uniform(0, 0.5),
    }));
    const glint = p.uniform(0.2, 1);
    return (r) => {
      const phase = r.uniform(0, 6.28);
      const swirl = valueNoise(r, frame.width, frame.height, 26 * unit);
      const broad = fractalNoise(r, frame.width, frame.height, { cell: 90 * unit, octaves: 2 });
      const offsets = rings.map((ring) => ({
        ...ring,
        phase: r.uniform(-0.5, 0.5) + phase * ring.lobes,
        shift: r.normal() * 0.6 * unit,
      }));
      const canvas = createCanvas(frame.width, frame.height);
      const steps = Math.ceil(outer) + 4;
      const { data } = canvas;
      const dots = normalPlane(r, 2048);
      for (let i = 0; i < radius.length; i++) {
        const d = radius[i] + swirl[i] * 0.5 * unit;
        if (d > steps) {
          const shadow = 1 - 0.12 * Math.exp((outer - d) / (14 * unit));
          for (let c = 0; c < 3; c++) data[i * 3 + c] = ground.data[i * 3 + c] * shadow;
          continue;
        }
        const a = angle[i];
        let v = 0.75 + broad[i] * 0.03;
        let warm = 0;
        for (const ring of offsets) {
          const q = (d - ring.at - ring.shift) / ring.width;
          if (q > -3 && q < 3) {
            const w = Math.exp(-q * q) * (0.6 + 0.4 * Math.cos(ring.lobes * a + ring.phase));
            v += ring.amount * w;
            warm += ring.warm * w;
          }
        }
        const lip = Math.exp(-(((d - (inner * 0.35 + outer * 0.65)) / (4 * unit)) ** 2));
        const sparkle = dots[((a + 3.15) * 300) & 2047];
        v += lip * glint * Math.max(0, sparkle) * 0.9;
        const hole = Math.min(1, Math.max(0, (inner - d) / (5 * unit) + 0.5));
        const cover = Math.min(1, Math.max(0, (outer - d) / 2.4 + 0.5));
        const rim = 1 - 0.5 * Math.exp(-((outer - d) / (5 * unit)));
        const tint = [1 + warm * 0.8, 1 + warm * 0.2, 1 - warm * 0.3];
        for (let c = 0; c < 3; c++) {
          const body = Math.max(0, glass[c] * v * rim * tint[c]);
          const inside = core[c] * (1 + 0.15 * broad[i] - (0.3 * d) / inner);
          const g = ground.data[i * 3 + c];
          data[i * 3 + c] = g + (body + (inside - body) * hole - g) * cover;
        }
      }
      return canvas;
    };
  },
};

/** A ball bearing: two races, a cage gap with shiny balls or a shield. */
export const bearing: Maker = {
  category: 'object',
  build(p, frame): Scene {
    const { unit } = frame;
    const metal = metalColour(p, 0.5, 0.9);
    const ground = backdrop(p, frame, backdropColour(p));
    const { radius, angle, cx, cy } = polar(frame);
    const outer = p.uniform(0.36, 0.46) * Math.min(frame.width, frame.height);
    const bore = outer * p.uniform(0.3, 0.5);
    const gapIn = bore + (outer - bore) * p.uniform(0.25, 0.35);
    const gapOut = bore + (outer - bore) * p.uniform(0.65, 0.78);
    const balls = p.int(7, 15);
    const shielded = p.chance(0.35);
    const shieldColour = p.chance(0.5) ? anyColour(p, 0.2, 0.7) : scaleColour(metal, 0.75);
    const text = Array.from({ length: 10 }, () => p.int(0, 10));
    return (r) => {
      const canvas = createCanvas(frame.width, frame.height);
      const turn = r.uniform(0, 6.28);
      const spread = r.normal() * 0.1;
      const streak = normalPlane(r, 2048);
      const stain = fractalNoise(r, frame.width, frame.height, { cell: 50 * unit, octaves: 3 });
      const { data } = canvas;
      for (let i = 0; i < radius.length; i++) {
        const d = radius[i];
        const a = angle[i];
        const edge = Math.min(outer - d, d - bore);
        const cover = Math.min(1, Math.max(0, edge / 1.6 + 0.5));
        let v = 0.72 + 0.22 * Math.cos(2 * (a - 0.8)) ** 6 + streak[(d * 8) & 2047] * 0.03 + stain[i] * 0.02;
        const bevel =
          Math.min(Math.abs(d - outer), Math.abs(d - bore), Math.abs(d - gapIn), Math.abs(d - gapOut)) / unit;
        if (bevel < 4) v *= 0.6 + 0.35 * Math.cos(a + (d > gapOut ? 2.4 : -0.7));
        let colour: Colour = metal;
        if (d > gapIn && d < gapOut) {
          if (shielded) {
            colour = shieldColour;
            v = 0.8 + 0.2 * Math.cos(a - 2) + stain[i] * 0.03;
          } else v = 0.12;
        }
        for (let c = 0; c < 3; c++) {
          const g = ground.data[i * 3 + c] * (1 - 0.3 * Math.exp(-Math.max(0, d - outer) / (8 * unit)));
          data[i * 3 + c] = g + (colour[c] * v - g) * cover;
        }
      }
      const middle = (gapIn + gapOut) / 2;
      const size = (gapOut - gapIn) * 0.5;
      if (!shielded) {
        for (let n = 0; n < balls; n++) {
          const a = turn + ((n + spread * Math.sin(n * 3)) / balls) * 2 * Math.PI;
          const bx = cx + middle * Math.cos(a);
          const by = cy + middle * Math.sin(a);
          fill(canvas, disc(bx, by, size), metal, {
            shade: (x, y) =>
              0.35 + 0.9 * Math.exp(-(((x - bx + size * 0.3) / size) ** 2 + ((y - by + size * 0.3) / size) ** 2) * 2.2),
          });
        }
      } else {
        text.forEach((_, n) => {
          const a = n * 0.11 + 2;
          fill(
            canvas,
            disc(cx + middle * Math.cos(a), cy + middle * Math.sin(a), size * 0.16),
            scaleColour(shieldColour, 0.5),
          );
        });
      }
      return canvas;
    };
  },
};

/** A spur gear lying flat. */
export const gear: Maker = {
  category: 'object',
  build(p, frame): Scene {
    const { unit } = frame;
    const colour = p.chance(0.65) ? metalColour(p, 0.4, 0.85) : anyColour(p, 0.25, 0.95);
    const ground = backdrop(p, frame, backdropColour(p));
    const { radius, angle } = polar(frame);
    const tip = p.uniform(0.36, 0.46) * Math.min(frame.width, frame.height);
    const teeth = p.int(12, 40);
    const root = tip * (1 - Math.min(0.2, 4.2 / teeth));
    const bore = tip * p.uniform(0.12, 0.3);
    const hub = bore + tip * p.uniform(0.08, 0.16);
    const spokes = p.chance(0.5) ? p.int(3, 7) : 0;
    const flank = p.uniform(1.2, 3);
    const spin = p.chance(0.5);
    return (r) => {
      const turn = r.uniform(-0.2, 0.2) + (spin ? r.uniform(0, 6.28) : 0);
      const grain = fractalNoise(r, frame.width, frame.height, { cell: 9 * unit, octaves: 3 });
      const canvas = createCanvas(frame.width, frame.height);
      const { data } = canvas;
      for (let i = 0; i < radius.length; i++) {
        const d = radius[i];
        const a = angle[i] - turn;
        const wave = Math.max(-1, Math.min(1, flank * Math.sin(a * teeth)));
        const border = (root + tip) / 2 + ((tip - root) / 2) * wave;
        let edge = Math.min(border - d, d - bore);
        if (spokes && d > hub && d < root * 0.8) {
          const side = Math.abs(Math.sin((a * spokes) / 2)) * d * (2 / spokes);
          const window = Math.min(side - tip * 0.07, d - hub, root * 0.8 - d);
          edge = Math.min(edge, -window);
        }
        const cover = Math.min(1, Math.max(0, edge / 1.6 + 0.5));
        let v = 0.8 + grain[i] * 0.035 + 0.12 * Math.cos(angle[i] - 2.2) * (d / tip);
        if (Math.abs(d - hub) < 3 * unit || Math.abs(d - root * 0.86) < 2.5 * unit)
          v *= 0.72 + 0.2 * Math.cos(angle[i] + 2.4);
        if (edge < 3 * unit) v *= 0.8 + 0.35 * Math.cos(angle[i] + 2.4);
        for (let c = 0; c < 3; c++) {
          const g = ground.data[i * 3 + c];
          data[i * 3 + c] = g + (colour[c] * v - g) * cover;
        }
      }
      return canvas;
    };
  },
};

/** A moulded cap with knurled skirt and concentric steps. */
export const closureCap: Maker = {
  category: 'object',
  build(p, frame): Scene {
    const { unit } = frame;
    const colours = [anyColour(p, 0.3, 1), anyColour(p, 0.3, 1), anyColour(p, 0.2, 1)];
    if (p.chance(0.6)) colours[1] = scaleColour(colours[0], p.uniform(0.85, 1.1));
    if (p.chance(0.5)) colours[2] = scaleColour(colours[0], p.uniform(0.8, 1.1));
    const ground = backdrop(p, frame, backdropColour(p));
    const { radius, angle } = polar(frame);
    const outer = p.uniform(0.34, 0.46) * Math.min(frame.width, frame.height);
    const ribs = p.int(20, 90);
    const steps = [1, p.uniform(0.7, 0.88), p.uniform(0.3, 0.6)];
    const spin = p.chance(0.6);
    return (r) => {
      const turn = spin ? r.uniform(0, 6.28) : r.normal() * 0.02;
      const canvas = createCanvas(frame.width, frame.height);
      const grain = fractalNoise(r, frame.width, frame.height, { cell: 30 * unit, octaves: 4 });
      const { data } = canvas;
      for (let i = 0; i < radius.length; i++) {
        const a = angle[i];
        const knurl = Math.sin(ribs * (a - turn));
        const d = radius[i] + knurl * 1.6 * unit;
        const q = d / outer;
        const cover = Math.min(1, Math.max(0, (outer - d) / 1.6 + 0.5));
        const zone = q > steps[1] ? 0 : q > steps[2] ? 1 : 2;
        let v = 0.86 + grain[i] * 0.015 + 0.1 * Math.cos(a - 4) * q;
        if (zone === 0) v *= 0.75 + 0.22 * knurl * Math.min(1, (q - steps[1]) * 12);
        for (const step of steps) {
          const e = ((q - step) * outer) / (4 * unit);
          v += 0.28 * Math.exp(-e * e) * Math.cos(a + 2.3);
        }
        for (let c = 0; c < 3; c++) {
          const g = ground.data[i * 3 + c] * (1 - 0.35 * Math.exp(-Math.max(0, d - outer) / (10 * unit)));
          data[i * 3 + c] = g + (colours[zone][c] * v - g) * cover;
        }
      }
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
