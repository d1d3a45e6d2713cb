/** Defects with a third dimension: pits, dents, bumps, chips, holes, foreign particles, drops, fray. */
import { fractalNoise } from '../drawing/noise.ts';
import { type Colour, hsv, sample, scaleColour } from '../drawing/raster.ts';
import {
  addGrain,
  type Blob,
  boxAbout,
  colourAbout,
  type DefectMaker,
  defectColour,
  eachPixel,
  isGrey,
  lift,
  makeBlob,
  placeOnObject,
  placeOnOutline,
  raiseRegion,
  tint,
  type Work,
} from './work.ts';

/** The slope of a blob's depth towards the light, scaled by its radius. */
function slopeOf(blob: Blob, p: number, azimuth: number, scale: number): number {
  const { width } = blob.box;
  const gx = (blob.depth[p + 1] ?? blob.depth[p]) - (blob.depth[p - 1] ?? blob.depth[p]);
  const gy = (blob.depth[p + width] ?? blob.depth[p]) - (blob.depth[p - width] ?? blob.depth[p]);
  return (gx * Math.cos(azimuth) + gy * Math.sin(azimuth)) * scale * 0.5;
}

/** Blowholes and pits: dark holes with a shaded rim, round to ragged, single or a few. */
export const pits: DefectMaker = (work) => {
  const { random } = work;
  const count = random.chance(0.6) ? 1 : random.int(2, 7);
  const azimuth = random.uniform(0, 6.28);
  const [x, y] = placeOnObject(work);
  const depth = random.uniform(0.25, 0.95);
  const rim = random.uniform(0, 70);
  const bright = random.chance(0.12);
  for (let n = 0; n < count; n++) {
    const [px, py] =
      n === 0
        ? [x, y]
        : random.chance(0.5)
          ? placeOnObject(work)
          : [x + random.normal() * 30 * work.unit, y + random.normal() * 30 * work.unit];
    if (px < 0 || py < 0 || px >= work.width || py >= work.height) continue;
    const area = Math.max(8, (work.area / count) * random.uniform(0.4, 1.4));
    const radius = Math.sqrt(area / Math.PI);
    const blob = makeBlob(work, px, py, {
      area,
      softness: Math.max(0.6, Math.min(3, radius * random.uniform(0.05, 0.25))),
    });
    const here = colourAbout(work, px, py);
    const floor: Colour = bright ? [230, 230, 230] : scaleColour(here, 1 - depth);
    eachPixel(work, blob.box, (p, i) => {
      const a = blob.alpha[p];
      if (a === 0) return;
      const s = slopeOf(blob, p, azimuth, radius);
      tint(work, i, floor, a * (0.55 + 0.45 * Math.min(1, Math.max(0, blob.depth[p] * 2.5))));
      lift(work, i, a * (s > 0 ? s * rim * 0.4 : s * rim) * (1 - Math.max(0, Math.min(1, blob.depth[p]))));
    });
    addGrain(work, blob.box, blob.alpha, 0.7);
    raiseRegion(work, blob.box, blob.alpha);
  }
  return 'whole';
};

/** A smooth hill or hollow: the surface seen shifted, shaded on one side and lit on the other. */
function press(work: Work, sign: 1 | -1): void {
  const { random } = work;
  const [x, y] = placeOnObject(work);
  const radius = Math.max(4, Math.sqrt(work.area / Math.PI));
  const stretch = 1 + random.next() * 1.6;
  const angle = random.uniform(0, Math.PI);
  const azimuth = random.uniform(0, 6.28);
  const shading = 10 * 8 ** random.next() * sign;
  const pull = random.uniform(0.05, 0.45) * radius * sign;
  const sharp = random.uniform(1, 2.5);
  const box = boxAbout(work, x, y, radius * Math.sqrt(stretch) + 2);
  const before = { ...work.canvas, data: work.canvas.data.slice() };
  const wobble = fractalNoise(random, box.width, box.height, { cell: Math.max(4, radius * 0.8), octaves: 2 });
  const rough = random.uniform(0, 0.18);
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  const root = Math.sqrt(stretch);
  const colour = new Float32Array(3);
  const alpha = new Float32Array(box.width * box.height);
  eachPixel(work, box, (p, i, px, py) => {
    const a = ((px - x) * c + (py - y) * s) / root / radius;
    const b = (((py - y) * c - (px - x) * s) * root) / radius;
    const q = Math.hypot(a, b) * (1 + wobble[p] * rough);
    if (q >= 1) return;
    const bump = (1 - q * q) ** sharp;
    const slope = 4 * q * (1 - q * q);
    const direction = Math.atan2(py - y, px - x);
    sample(
      before,
      px - Math.cos(direction) * pull * slope * 0.5,
      py - Math.sin(direction) * pull * slope * 0.5,
      colour,
    );
    work.canvas.data.set(colour, i * 3);
    const light = -Math.cos(direction - azimuth) * slope * shading;
    lift(work, i, light * (0.5 + colour[1] / 300));
    alpha[p] = q < 0.9 ? 1 : (1 - q) * 10;
    if (bump < 0) alpha[p] = 0;
  });
  raiseRegion(work, box, alpha);
}

export const dent: DefectMaker = (work) => {
  press(work, -1);
  return 'whole';
};

export const bump: DefectMaker = (work) => {
  press(work, 1);
  return 'whole';
};

/** A piece broken off the outline: background or a rough fracture face where the object was. */
export const chippedEdge: DefectMaker = (work) => {
  const { random, foreground } = work;
  const { x, y, outward } = placeOnOutline(work);
  const radius = Math.sqrt(work.area / Math.PI);
  const inset = random.uniform(-0.1, 0.5) * radius;
  const cx = x - Math.cos(outward) * inset;
  const cy = y - Math.sin(outward) * inset;
  const blob = makeBlob(work, cx, cy, {
    lobes: random.uniform(0.15, 0.5),
    rough: random.uniform(0.05, 0.35),
    softness: 0.8,
    angle: outward + Math.PI / 2,
    stretch: random.uniform(1, 2.5),
  });
  const { box } = blob;
  const inside = new Float32Array(blob.alpha.length);
  let count = 0;
  eachPixel(work, box, (p, i) => {
    inside[p] = foreground.mask[i] ? blob.alpha[p] : 0;
    if (inside[p] > 0.5) count++;
  });
  if (count < 8) return 'none';
  const toBackground = !foreground.everywhere && random.chance(0.45);
  const here = colourAbout(work, x - Math.cos(outward) * radius * 0.5, y - Math.sin(outward) * radius * 0.5);
  const level = random.uniform(0.25, 1.7);
  const colour: Colour = toBackground
    ? foreground.background
    : scaleColour(here, level > 0.85 && level < 1.15 ? 0.6 : level);
  const facets = fractalNoise(random, box.width, box.height, {
    cell: Math.max(3, radius * random.uniform(0.3, 0.9)),
    octaves: 4,
    gain: 0.6,
  });
  const glitter = toBackground ? 0 : random.uniform(0.05, 0.45);
  const sparkle = random.chance(0.35) ? random.uniform(60, 200) : 0;
  eachPixel(work, box, (p, i) => {
    if (inside[p] === 0) return;
    tint(work, i, colour, inside[p], 1 + facets[p] * glitter);
    if (sparkle && facets[p] > 1.2) lift(work, i, sparkle * inside[p] * Math.min(1, (facets[p] - 1.2) * 2));
    const lip = Math.exp(-((blob.depth[p] * 6) ** 2));
    lift(work, i, (toBackground ? -20 : 35) * lip * inside[p] * glitter * 3);
  });
  addGrain(work, box, inside);
  raiseRegion(work, box, inside);
  return 'changed';
};

/** A hole: what lies behind, or black, with a lit lip on one side. */
export const hole: DefectMaker = (work) => {
  const { random, foreground } = work;
  const [x, y] = placeOnObject(work);
  const radius = Math.sqrt(work.area / Math.PI);
  const blob = makeBlob(work, x, y, {
    rough: random.uniform(0, 0.2),
    lobes: random.uniform(0, 0.25),
    softness: 0.8,
    stretch: random.uniform(1, 1.8),
  });
  const behind: Colour =
    !foreground.everywhere && random.chance(0.5) ? foreground.background : hsv(0, 0, random.uniform(0, 0.15));
  const azimuth = random.uniform(0, 6.28);
  const lip = random.uniform(10, 90);
  eachPixel(work, blob.box, (p, i) => {
    const a = blob.alpha[p];
    if (a === 0) return;
    tint(work, i, behind, a);
    const edge = Math.exp(-((blob.depth[p] * radius) / Math.max(1.2, radius * 0.18)));
    lift(work, i, a * edge * lip * Math.max(-0.3, slopeOf(blob, p, azimuth, radius)));
  });
  addGrain(work, blob.box, blob.alpha, 0.8);
  raiseRegion(work, blob.box, blob.alpha);
  return 'whole';
};

/** A foreign lump: rounded, shaded from one side, with a cast shadow. */
export const particle: DefectMaker = (work) => {
  const { random, unit } = work;
  const count = random.chance(0.75) ? 1 : random.int(2, 5);
  const azimuth = random.uniform(0, 6.28);
  const [x, y] = placeOnObject(work);
  const colour = defectColour(work, x, y);
  for (let n = 0; n < count; n++) {
    const px = n ? x + random.normal() * 26 * unit : x;
    const py = n ? y + random.normal() * 26 * unit : y;
    if (px < 0 || py < 0 || px >= work.width || py >= work.height) continue;
    const area = Math.max(8, (work.area / count) * random.uniform(0.5, 1.3));
    const radius = Math.sqrt(area / Math.PI);
    const blob = makeBlob(work, px, py, {
      area,
      lobes: random.uniform(0.1, 0.45),
      rough: random.uniform(0, 0.15),
      softness: 0.8,
    });
    const fall = Math.max(1, radius * random.uniform(0.1, 0.3));
    const shadow = random.uniform(0, 0.5);
    const lumps = fractalNoise(random, blob.box.width, blob.box.height, {
      cell: Math.max(3, radius * 0.6),
      octaves: 3,
    });
    const gloss = random.chance(0.4) ? random.uniform(40, 150) : 0;
    eachPixel(work, blob.box, (_p, i, u, v) => {
      const su = Math.round(u - blob.box.left + Math.cos(azimuth) * fall);
      const sv = Math.round(v - blob.box.top + Math.sin(azimuth) * fall);
      if (su < 0 || sv < 0 || su >= blob.box.width || sv >= blob.box.height) return;
      tint(work, i, [0, 0, 0], blob.alpha[sv * blob.box.width + su] * shadow * 0.8);
    });
    eachPixel(work, blob.box, (p, i) => {
      const a = blob.alpha[p];
      if (a === 0) return;
      const d = Math.max(0, Math.min(1, blob.depth[p]));
      const slope = -slopeOf(blob, p, azimuth + Math.PI, radius) * (1 - d) + lumps[p] * 0.16;
      tint(work, i, colour, a, Math.max(0.25, 0.75 + 0.35 * Math.sqrt(d) + 0.4 * slope));
      if (gloss && slope > 0.45) lift(work, i, gloss * (slope - 0.45) * a);
    });
    addGrain(work, blob.box, blob.alpha, 0.6);
    raiseRegion(work, blob.box, blob.alpha);
  }
  return 'whole';
};

/** A drop of glue or water: see-through, magnifying, with bright and dark rims and a highlight. */
export const drop: DefectMaker = (work) => {
  const { random } = work;
  const [x, y] = placeOnObject(work);
  const radius = Math.max(3, Math.sqrt(work.area / Math.PI));
  const blob = makeBlob(work, x, y, {
    rough: 0,
    lobes: random.uniform(0, 0.25),
    softness: 0.9,
    stretch: random.uniform(1, 1.8),
  });
  const before = { ...work.canvas, data: work.canvas.data.slice() };
  const azimuth = random.uniform(0, 6.28);
  const pull = random.uniform(0.05, 0.5);
  const rim = random.uniform(20, 110);
  const gloss = random.uniform(30, 190);
  const body = isGrey(work.good)
    ? hsv(0, 0, random.uniform(0.3, 0.95))
    : hsv(random.uniform(0.05, 0.2), random.uniform(0, 0.6), random.uniform(0.4, 1));
  const filled = random.uniform(0, 0.45);
  const gx = x + Math.cos(azimuth) * radius * 0.4;
  const gy = y + Math.sin(azimuth) * radius * 0.4;
  const spot = radius * random.uniform(0.08, 0.22) + 0.6;
  const colour = new Float32Array(3);
  eachPixel(work, blob.box, (p, i, u, v) => {
    const a = blob.alpha[p];
    if (a === 0) return;
    const d = Math.max(0, Math.min(1, blob.depth[p]));
    sample(before, x + (u - x) * (1 - pull * d), y + (v - y) * (1 - pull * d), colour);
    tint(work, i, [colour[0], colour[1], colour[2]], a);
    tint(work, i, body, a * filled);
    const edge = Math.exp(-((d * radius) / Math.max(1.3, radius * 0.16)));
    lift(work, i, a * edge * rim * slopeOf(blob, p, azimuth, radius));
    lift(work, i, gloss * Math.exp(-((u - gx) ** 2 + (v - gy) ** 2) / (spot * spot)) * a);
  });
  raiseRegion(work, blob.box, blob.alpha);
  return 'whole';
};

/** Fray: an outline or border worn ragged by many short nicks. */
export const fray: DefectMaker = (work) => {
  const { random, unit, foreground } = work;
  const { x, y, outward } = placeOnOutline(work);
  const reach = Math.max(6, Math.sqrt(work.area) * random.uniform(1, 2));
  const thickness = Math.max(2.5, work.area / reach / 2);
  const count = Math.max(4, Math.round(reach / (2.5 * unit)));
  const dark = random.chance(0.5);
  const here = colourAbout(work, x - Math.cos(outward) * 6, y - Math.sin(outward) * 6);
  const colour: Colour =
    !foreground.everywhere && random.chance(0.4)
      ? foreground.background
      : scaleColour(here, dark ? random.uniform(0.2, 0.65) : random.uniform(1.35, 2.2));
  const along = outward + Math.PI / 2;
  for (let n = 0; n < count; n++) {
    const t = random.uniform(-0.5, 0.5) * reach;
    const fade = 1 - Math.abs(t / reach) * 1.4;
    const deep = thickness * random.uniform(0.2, 1) * fade;
    const px = x + Math.cos(along) * t - Math.cos(outward) * deep * 0.3;
    const py = y + Math.sin(along) * t - Math.sin(outward) * deep * 0.3;
    const blob = makeBlob(work, px, py, {
      area: Math.max(5, deep * deep * 1.6),
      stretch: random.uniform(1, 2.2),
      angle: outward + random.normal() * 0.4,
      softness: 0.8,
      rough: 0.2,
    });
    const shade = random.uniform(0.75, 1.25);
    const inside = new Float32Array(blob.alpha.length);
    eachPixel(work, blob.box, (p, i) => {
      if (!foreground.mask[i] || blob.alpha[p] === 0) return;
      inside[p] = blob.alpha[p];
      tint(work, i, colour, inside[p] * 0.9, shade);
    });
    raiseRegion(work, blob.box, inside);
  }
  return 'changed';
};
