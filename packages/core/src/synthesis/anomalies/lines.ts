/** Line-like defects: scratches, hairline cracks, cuts, scrapes, fibres and threads. */
import { fractalNoise, valueNoise } from '../drawing/noise.ts';
import { type Colour, coverLine, hsv, type Point, sample, scaleColour } from '../drawing/raster.ts';
import {
  type Box,
  boxAbout,
  colourAbout,
  type DefectMaker,
  isGrey,
  lift,
  placeOnObject,
  raiseRegion,
  tint,
  type Work,
  wander,
} from './work.ts';

/** The box of a set of points, grown by a margin. */
function boxOf(work: Work, points: readonly Point[], margin: number): Box {
  const xs = points.map((q) => q[0]);
  const ys = points.map((q) => q[1]);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const left = Math.max(0, Math.floor(x0 - margin));
  const top = Math.max(0, Math.floor(y0 - margin));
  const width = Math.max(0, Math.min(work.width, Math.ceil(x1 + margin) + 1) - left);
  const height = Math.max(0, Math.min(work.height, Math.ceil(y1 + margin) + 1) - top);
  return width && height ? { left, top, width, height } : { left: 0, top: 0, width: 0, height: 0 };
}

const local = (points: readonly Point[], box: Box): Point[] =>
  points.map(([x, y]): Point => [x - box.left, y - box.top]);

/** A line's own opacities in its box, the ends thinned out. */
function lineIn(
  work: Work,
  points: readonly Point[],
  thickness: number,
  softness: number,
  options: { broken?: number; ragged?: number } = {},
): { box: Box; alpha: Float32Array } {
  const box = boxOf(work, points, thickness + softness + 3);
  const alpha = new Float32Array(box.width * box.height);
  if (box.width === 0) return { box, alpha };
  const { random } = work;
  const phase = random.uniform(0, 6);
  const rate = random.uniform(6, 25);
  const ragged = options.ragged ?? 0.2;
  const taper = (t: number): number =>
    Math.min(1, 0.35 + 5 * Math.min(t, 1 - t)) * (1 + ragged * Math.sin(t * rate + phase));
  const gaps = options.broken ?? 0;
  const strength = (t: number): number => (gaps && Math.sin(t * rate * 1.7 + phase * 3) < gaps - 1 ? 0 : 1);
  coverLine(alpha, box.width, box.height, local(points, box), (t) => thickness * taper(t), strength, softness);
  return { box, alpha };
}

/** One to a few thin scratches: bright or dark, sometimes with a bright and a dark edge, straight or curved, broken or not. */
export const scratch: DefectMaker = (work) => {
  const { random, unit } = work;
  const count = random.chance(0.65) ? 1 : random.int(2, 4);
  const heading = random.uniform(0, 6.28);
  const [x, y] = placeOnObject(work);
  const amount = random.uniform(14, 110) * (random.chance(0.55) ? 1 : -1);
  const grey = isGrey(work.good);
  const cast = grey ? 0 : random.uniform(0, 14);
  const colour: Colour = [random.normal() * cast, random.normal() * cast, random.normal() * cast];
  for (let n = 0; n < count; n++) {
    const thickness = Math.max(0.8, random.uniform(0.9, 1.4) * random.uniform(1, 3.2) * Math.sqrt(unit));
    const length = Math.min(420 * unit, Math.max(8, work.area / count / (thickness + 0.6)));
    const px = x + random.normal() * 14 * unit * Math.min(n, 1);
    const py = y + random.normal() * 14 * unit * Math.min(n, 1);
    const turn = random.chance(0.5) ? random.uniform(0, 0.015) : random.uniform(0.02, 0.22);
    const points = wander(random, px, py, length, turn, 4, heading + random.normal() * 0.3);
    const { box, alpha } = lineIn(work, points, thickness, random.uniform(0.5, 0.9), {
      broken: random.chance(0.25) ? random.uniform(0.2, 0.6) : 0,
    });
    if (box.width === 0) continue;
    const wear = valueNoise(random, box.width, box.height, 9 * unit);
    const doubled = random.chance(0.4);
    const shiftX = random.pick([-1, 0, 1]);
    const shift = (shiftX || 1) * 1 + random.pick([-1, 0, 1]) * box.width;
    const { data } = work.canvas;
    for (let v = 0, p = 0; v < box.height; v++) {
      for (let u = 0; u < box.width; u++, p++) {
        const index = (box.top + v) * work.width + box.left + u;
        const a = alpha[p] * (0.8 + 0.2 * wear[p]);
        const b = doubled ? (alpha[p + shift] ?? 0) * (1 - alpha[p]) : 0;
        if (a === 0 && b === 0) continue;
        for (let c = 0; c < 3; c++) data[index * 3 + c] += a * (amount + colour[c]) - b * amount * 0.7;
        const r = Math.max(alpha[p], b);
        if (r > work.region[index]) work.region[index] = r;
      }
    }
  }
  return 'whole';
};

/** A crack as a branching random walk one to three pixels wide, of low contrast. */
export const hairlineCrack: DefectMaker = (work) => {
  const { random, unit } = work;
  const [x, y] = placeOnObject(work);
  const thickness = Math.max(0.8, random.uniform(0.8, 2.4) * Math.sqrt(unit));
  const length = Math.min(480 * unit, Math.max(12, work.area / (thickness + 0.8)));
  const amount = random.uniform(10, 85) * (random.chance(0.85) ? -1 : 1);
  const jag = random.uniform(0.15, 0.6);
  const step = random.uniform(2, 7) * unit;
  const main = wander(random, x, y, length * 0.75, jag * 0.35, step).map(
    ([a, b]): Point => [a + random.normal() * jag * step * 0.5, b + random.normal() * jag * step * 0.5],
  );
  const paths = [main];
  const branches = random.chance(0.55) ? 0 : random.int(1, 5);
  for (let n = 0; n < branches; n++) {
    const from = random.pick(main);
    const branch = wander(random, from[0], from[1], length * random.uniform(0.1, 0.35) * 2, jag * 0.5, step);
    paths.push(branch.slice(branch.length >> 1));
  }
  paths.forEach((points, n) => {
    const { box, alpha } = lineIn(work, points, n ? thickness * 0.75 : thickness, 0.65, {
      ragged: 0.35,
      broken: random.chance(0.2) ? 0.35 : 0,
    });
    if (box.width === 0) return;
    const wear = valueNoise(random, box.width, box.height, 7 * unit);
    const halo = random.chance(0.3) ? random.uniform(0.1, 0.4) : 0;
    for (let v = 0, p = 0; v < box.height; v++) {
      for (let u = 0; u < box.width; u++, p++) {
        const index = (box.top + v) * work.width + box.left + u;
        if (alpha[p] > 0) {
          lift(work, index, alpha[p] * amount * (0.75 + 0.3 * wear[p]));
          if (alpha[p] > work.region[index]) work.region[index] = alpha[p];
        } else if (halo && alpha[p - 1 - box.width] > 0.4) lift(work, index, -amount * halo);
      }
    }
  });
  return 'whole';
};

/** A cut: a dark slit whose two sides have slipped along it. */
export const cut: DefectMaker = (work) => {
  const { random, unit } = work;
  const [x, y] = placeOnObject(work);
  const angle = random.uniform(0, Math.PI);
  const width = random.uniform(1.6, 6) * unit;
  const half = Math.min(150 * unit, Math.max(5, work.area / (2 * width + 2) / 2));
  const bend = random.normal() * 0.12;
  const slip = random.uniform(1, 6) * unit * (random.chance(0.6) ? 1 : 0);
  const gape = random.uniform(0.3, 1);
  const dark = scaleColour(colourAbout(work, x, y), random.uniform(0.05, 0.6));
  const lightEdge = random.uniform(0, 60);
  const box = boxAbout(work, x, y, half + 4 * width + slip);
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  const before = { ...work.canvas, data: work.canvas.data.slice() };
  const colour = new Float32Array(3);
  const { data } = work.canvas;
  for (let v = box.top; v < box.top + box.height; v++) {
    for (let u = box.left; u < box.left + box.width; u++) {
      const along = ((u - x) * c + (v - y) * s) / half;
      if (along < -1 || along > 1) continue;
      const across = (v - y) * c - (u - x) * s - bend * half * (1 - along * along);
      const open = Math.sqrt(1 - along * along) * width * gape;
      const index = v * work.width + u;
      const lip = open + 1.5 * unit + slip;
      const d = Math.abs(across);
      if (d > lip) continue;
      if (slip && d > open / 2) {
        const k = (slip * (1 - (d - open / 2) / (lip - open / 2 + 0.01)) * Math.sign(across) * (1 - along * along)) / 1;
        sample(before, u - c * k, v - s * k, colour);
        data.set(colour, index * 3);
      }
      const slit = Math.max(0, Math.min(1, open / 2 - d + 0.6));
      tint(work, index, dark, slit * 0.95);
      if (across > 0 && d > open / 2) lift(work, index, lightEdge * Math.max(0, 1 - (d - open / 2) / (1.6 * unit)));
      const part = d < open / 2 + 1.6 * unit ? 1 : slip ? 0.6 : 0;
      if (part > work.region[index]) work.region[index] = part;
    }
  }
  return slip ? 'changed' : 'whole';
};

/** A scrape: many near-parallel scratches in a patch. */
export const scrape: DefectMaker = (work) => {
  const { random, unit } = work;
  const [x, y] = placeOnObject(work);
  const angle = random.uniform(0, Math.PI);
  const radius = Math.max(5, Math.sqrt(work.area / Math.PI));
  const stretch = random.uniform(1, 3);
  const half = radius * Math.sqrt(stretch);
  const side = radius / Math.sqrt(stretch);
  const box = boxAbout(work, x, y, half * 1.3 + 3);
  const alpha = new Float32Array(box.width * box.height);
  const hull = new Float32Array(alpha.length);
  const count = Math.max(4, Math.round((side * 2) / random.uniform(1.8, 5)));
  const both = random.chance(0.5);
  for (let n = 0; n < count; n++) {
    const offset = random.uniform(-1, 1) * side;
    const reach = half * Math.sqrt(1 - (offset / side) ** 2) * random.uniform(0.5, 1.1);
    const shift = random.normal() * half * 0.1;
    const lean = angle + random.normal() * 0.05;
    const at = (t: number): Point => [
      x - box.left + Math.cos(lean) * (t + shift) - Math.sin(angle) * offset,
      y - box.top + Math.sin(lean) * (t + shift) + Math.cos(angle) * offset,
    ];
    const points = [at(-reach), at(-reach / 3), at(reach / 3), at(reach)];
    const sign = both && random.chance(0.4) ? -1 : 1;
    const layer = sign > 0 ? alpha : hull;
    coverLine(
      layer,
      box.width,
      box.height,
      points,
      random.uniform(0.8, 2.4) * Math.sqrt(unit),
      random.uniform(0.4, 1),
      0.7,
    );
  }
  const amount = random.uniform(18, 95) * (random.chance(0.6) ? 1 : -1);
  for (let v = 0, p = 0; v < box.height; v++) {
    for (let u = 0; u < box.width; u++, p++) {
      if (alpha[p] === 0 && hull[p] === 0) continue;
      const index = (box.top + v) * work.width + box.left + u;
      lift(work, index, alpha[p] * amount - hull[p] * amount * 0.6);
    }
  }
  const covered = Float32Array.from(alpha, (a, i) => Math.max(a, hull[i]));
  raiseRegion(work, box, covered);
  return 'whole';
};

/** A hair, fibre or thread lying on the part, with a faint shadow. */
export const fibre: DefectMaker = (work) => {
  const { random, unit } = work;
  const [x, y] = placeOnObject(work);
  const thickness = Math.max(1, random.uniform(1.1, 5) * Math.sqrt(unit));
  const length = Math.min(460 * unit, Math.max(14, work.area / thickness));
  const points = wander(random, x, y, length, random.uniform(0.08, 0.4), 3);
  const here = colourAbout(work, x, y);
  const light = (here[0] + here[1] + here[2]) / 3;
  const grey = isGrey(work.good);
  const value = light > 140 ? random.uniform(0, 0.55) : random.uniform(0.4, 1);
  const colour = hsv(random.next(), grey ? 0 : random.next() ** 2, value);
  const { box, alpha } = lineIn(work, points, thickness, random.uniform(0.6, 1), { ragged: 0.1 });
  if (box.width === 0) return 'none';
  const opacity = random.uniform(0.45, 1);
  const twist = fractalNoise(random, box.width, box.height, { cell: 5, octaves: 2 });
  const shadow = random.uniform(0, 0.35);
  const fall = 1 + Math.round(thickness * 0.6);
  for (let v = 0, p = 0; v < box.height; v++) {
    for (let u = 0; u < box.width; u++, p++) {
      const index = (box.top + v) * work.width + box.left + u;
      const under = u >= fall && v >= fall ? alpha[p - fall * box.width - fall] : 0;
      if (under > 0 && alpha[p] < 1) tint(work, index, [0, 0, 0], under * shadow * (1 - alpha[p]));
      if (alpha[p] > 0) tint(work, index, colour, alpha[p] * opacity, 1 + twist[p] * 0.08);
    }
  }
  raiseRegion(work, box, alpha);
  return 'whole';
};
