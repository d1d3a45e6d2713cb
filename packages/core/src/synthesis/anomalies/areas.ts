/** Defects of an area's look: stains, burns, wrong colour, faded print, blur, uneven light, rust. */
import { fractalNoise, spotNoise } from '../drawing/noise.ts';
import { close, fillGaps, soften } from '../drawing/planes.ts';
import { type Colour, hsv, mixColour } from '../drawing/raster.ts';
import { makePatch } from './parts.ts';
import {
  addGrain,
  boxAbout,
  clip,
  colourAbout,
  type DefectMaker,
  defectColour,
  eachPixel,
  findPart,
  isGrey,
  lift,
  makeBlob,
  placeOnObject,
  raiseRegion,
  tint,
} from './work.ts';

/** Oil, water or dirt: a soft translucent patch. */
export const stain: DefectMaker = (work) => {
  const { random } = work;
  const [x, y] = placeOnObject(work);
  const radius = Math.sqrt(work.area / Math.PI);
  const blob = makeBlob(work, x, y, { softness: Math.max(0.8, radius * random.uniform(0.05, 0.6)) });
  const colour = defectColour(work, x, y);
  const opacity = random.uniform(0.15, 0.85);
  const mottle = fractalNoise(random, blob.box.width, blob.box.height, { cell: Math.max(3, radius * 0.6), octaves: 4 });
  const amount = random.uniform(0, 0.35);
  const multiplied = random.chance(0.4);
  eachPixel(work, blob.box, (p, i) => {
    const a = blob.alpha[p];
    if (a === 0) return;
    const k = Math.max(0, Math.min(1, a * opacity * (1 + mottle[p] * amount)));
    if (multiplied) {
      const { data } = work.canvas;
      for (let c = 0; c < 3; c++) data[i * 3 + c] *= 1 + k * (colour[c] / 160 - 1);
    } else tint(work, i, colour, k, 1 + mottle[p] * amount * 0.3);
  });
  raiseRegion(work, blob.box, blob.alpha);
  return 'whole';
};

/** A dried drop: faint inside, a darker or lighter rim. */
export const driedStain: DefectMaker = (work) => {
  const { random, unit } = work;
  const [x, y] = placeOnObject(work);
  const radius = Math.sqrt(work.area / Math.PI);
  const blob = makeBlob(work, x, y, { softness: random.uniform(0.7, 2), rough: random.uniform(0, 0.12) });
  const colour = defectColour(work, x, y);
  const inner = random.uniform(0, 0.25);
  const rim = random.uniform(0.25, 0.9);
  const rimWidth = Math.max(1.2, random.uniform(1.5, 6) * unit) / Math.max(2, radius);
  const noise = fractalNoise(random, blob.box.width, blob.box.height, { cell: Math.max(4, radius * 0.5), octaves: 3 });
  eachPixel(work, blob.box, (p, i) => {
    if (blob.alpha[p] === 0) return;
    const d = blob.depth[p] / rimWidth;
    const edge = d > 0 ? Math.exp(-d * d * 0.6) : 1;
    const k = (inner + (rim - inner) * edge) * (1 + 0.25 * noise[p]);
    tint(work, i, colour, Math.max(0, Math.min(1, k)) * blob.alpha[p]);
  });
  raiseRegion(work, blob.box, blob.alpha);
  return 'whole';
};

/** Heat or chemical marks: a gradient of brown to black with coloured fringes. */
export const burn: DefectMaker = (work) => {
  const { random } = work;
  const [x, y] = placeOnObject(work);
  const radius = Math.sqrt(work.area / Math.PI);
  const blob = makeBlob(work, x, y, {
    softness: Math.max(1, radius * random.uniform(0.2, 0.7)),
    rough: random.uniform(0.05, 0.3),
  });
  const grey = isGrey(work.good);
  const core: Colour = grey
    ? [25, 25, 25]
    : hsv(random.uniform(0.02, 0.1), random.uniform(0.2, 0.7), random.uniform(0.03, 0.25));
  const fringe: Colour = grey
    ? [90, 90, 90]
    : hsv(random.pick([0.08, 0.1, 0.6, 0.75]), random.uniform(0.3, 0.8), random.uniform(0.3, 0.7));
  const strength = random.uniform(0.35, 0.95);
  eachPixel(work, blob.box, (p, i) => {
    const a = blob.alpha[p];
    if (a === 0) return;
    const t = Math.max(0, Math.min(1, blob.depth[p] * 1.8));
    tint(work, i, mixColour(fringe, core, t), a * strength * (0.35 + 0.65 * t));
    work.region[i] = Math.min(1, a * (0.35 + 0.65 * t) * 1.25);
  });
  return 'whole';
};

/** Turns hue and brightness of one connected region of like colour, or of a blob of it where the region is boundless. */
export const wrongColour: DefectMaker = (work) => {
  const { random, width, height, canvas } = work;
  const part = random.chance(0.75) ? findPart(work, 3) : null;
  const [x, y] = part ? [part.x, part.y] : placeOnObject(work);
  const base = colourAbout(work, x, y, 3);
  const plane = new Float32Array(width * height);
  if (part) {
    const solid = new Uint8Array(plane.length);
    for (const p of part.pixels) solid[p] = 1;
    const whole = fillGaps(close(solid, width, height, 2), width, height, part.pixels.length * 0.5);
    for (let p = 0; p < plane.length; p++) plane[p] = whole[p];
  } else {
    const blob = makeBlob(work, x, y, { softness: 1, rough: 0.05 });
    eachPixel(work, blob.box, (p, i) => {
      plane[i] = blob.alpha[p];
    });
  }
  const alpha = soften(plane, width, height, 0.8);
  const grey = isGrey(work.good);
  const target = hsv(random.next(), random.uniform(0.3, 1), random.uniform(0.3, 1));
  const gain =
    grey || random.chance(0.4) ? (random.chance(0.5) ? random.uniform(0.45, 0.85) : random.uniform(1.15, 1.7)) : 1;
  const level = Math.max(30, (base[0] + base[1] + base[2]) / 3);
  const { data } = canvas;
  for (let p = 0; p < alpha.length; p++) {
    const a = alpha[p];
    if (a < 0.02) continue;
    const light = (data[p * 3] + data[p * 3 + 1] + data[p * 3 + 2]) / 3 / level;
    for (let c = 0; c < 3; c++) {
      const v = data[p * 3 + c];
      data[p * 3 + c] = v + (clip(gain === 1 ? target[c] * light : v * gain) - v) * a;
    }
    if (a > work.region[p]) work.region[p] = a;
  }
  return 'changed';
};

/** Print or relief that is missing or faded: content drawn towards the colour round about it. */
export const fadedPrint: DefectMaker = (work) => {
  const { random, width } = work;
  const [x, y] = placeOnObject(work);
  const blob = makeBlob(work, x, y, { softness: random.uniform(0.8, 5) });
  const { box } = blob;
  const sigma = Math.max(4, Math.sqrt(work.area) * 0.5);
  const around = boxAbout(work, x, y, box.width / 2 + sigma * 2);
  const cut = new Float32Array(around.width * around.height * 3);
  eachPixel(work, around, (p, i) => {
    for (let c = 0; c < 3; c++) cut[p * 3 + c] = work.canvas.data[i * 3 + c];
  });
  const flat = soften(cut, around.width, around.height, sigma, 3);
  const strength = random.uniform(0.35, 1);
  eachPixel(work, box, (p, i) => {
    const a = blob.alpha[p] * strength;
    const u = (i % width) - around.left;
    const v = Math.floor(i / width) - around.top;
    if (u < 0 || v < 0 || u >= around.width || v >= around.height || a === 0) return;
    const q = (v * around.width + u) * 3;
    tint(work, i, [flat[q], flat[q + 1], flat[q + 2]], a);
  });
  addGrain(work, box, blob.alpha, strength);
  raiseRegion(work, box, blob.alpha);
  return 'changed';
};

/** A smear: content dragged in one direction, or out of focus. */
export const smear: DefectMaker = (work) => {
  const { random, width, height } = work;
  const [x, y] = placeOnObject(work);
  const blob = makeBlob(work, x, y, { softness: random.uniform(1, 4) });
  const { box } = blob;
  const angle = random.uniform(0, Math.PI);
  const reach = Math.max(3, Math.min(26 * work.unit, Math.sqrt(work.area) * random.uniform(0.2, 0.6)));
  const before = work.canvas.data.slice();
  const taps = 9;
  const out = [0, 0, 0];
  eachPixel(work, box, (p, i, px, py) => {
    const a = blob.alpha[p];
    if (a === 0) return;
    out[0] = out[1] = out[2] = 0;
    for (let n = 0; n < taps; n++) {
      const t = (n / (taps - 1) - 0.5) * 2 * reach;
      const u = Math.max(0, Math.min(width - 1, Math.round(px + Math.cos(angle) * t)));
      const v = Math.max(0, Math.min(height - 1, Math.round(py + Math.sin(angle) * t)));
      const q = (v * width + u) * 3;
      for (let c = 0; c < 3; c++) out[c] += before[q + c] / taps;
    }
    tint(work, i, [out[0], out[1], out[2]], a);
  });
  raiseRegion(work, box, blob.alpha);
  return 'changed';
};

/** Broad uneven brightness or haze of a surface. */
export const unevenness: DefectMaker = (work) => {
  const { random } = work;
  const [x, y] = placeOnObject(work);
  const area = Math.max(work.area, 300 * work.unit * work.unit);
  const radius = Math.sqrt(area / Math.PI);
  const blob = makeBlob(work, x, y, {
    area,
    softness: radius * random.uniform(0.1, 0.4),
    stretch: random.uniform(1, 5),
  });
  const amount = random.uniform(0.12, 0.55) * (random.chance(0.5) ? 1 : -1);
  const offset = amount > 0 ? random.uniform(3, 25) : 0;
  const noise = fractalNoise(random, blob.box.width, blob.box.height, { cell: Math.max(3, radius * 0.4), octaves: 4 });
  eachPixel(work, blob.box, (p, i) => {
    const a = blob.alpha[p] * (1 + 0.3 * noise[p]);
    if (a <= 0) return;
    const { data } = work.canvas;
    for (let c = 0; c < 3; c++) data[i * 3 + c] = data[i * 3 + c] * (1 + amount * a) + offset * a;
  });
  raiseRegion(work, blob.box, blob.alpha);
  return 'whole';
};

/** Rust or worn paint: rough patches of brown to orange, or bare metal, with crumbling edges. */
export const rust: DefectMaker = (work) => {
  const { random, unit } = work;
  const [x, y] = placeOnObject(work);
  const radius = Math.sqrt(work.area / Math.PI);
  // Paint that failed or was masked off ends along straight lines as well.
  const blob = random.chance(0.25)
    ? makePatch(work, x, y)
    : makeBlob(work, x, y, { rough: random.uniform(0.15, 0.5), softness: random.uniform(0.6, 1.2) });
  const { box } = blob;
  const grey = isGrey(work.good);
  const a = grey
    ? hsv(0, 0, random.uniform(0.1, 0.5))
    : hsv(random.uniform(0.03, 0.08), random.uniform(0.5, 0.9), random.uniform(0.2, 0.45));
  const b = grey
    ? hsv(0, 0, random.uniform(0.3, 0.8))
    : hsv(random.uniform(0.06, 0.12), random.uniform(0.3, 0.8), random.uniform(0.45, 0.75));
  const bare = hsv(0.6, 0.03, random.uniform(0.5, 0.8));
  const patch = fractalNoise(random, box.width, box.height, {
    cell: Math.max(4, Math.min(radius, 40 * unit)),
    octaves: 6,
    gain: 0.65,
  });
  const speck = spotNoise(random, box.width, box.height, {
    count: Math.min(400, Math.round(work.area / 40)),
    low: 1,
    high: 3 * unit + 1,
  });
  const withBare = random.chance(0.4);
  const opacity = random.uniform(0.55, 1);
  eachPixel(work, box, (p, i) => {
    if (blob.alpha[p] === 0) return;
    const t = Math.max(0, Math.min(1, 0.5 + patch[p] * 0.4));
    let colour = mixColour(a, b, t);
    if (withBare && patch[p] > 0.5) colour = bare;
    tint(work, i, colour, blob.alpha[p] * opacity, 1 + speck[p] * 0.3);
  });
  addGrain(work, box, blob.alpha);
  raiseRegion(work, box, blob.alpha);
  return 'whole';
};

/** A cluster of specks: dust, splashes, pinholes. The mask holds the specks, joined where they are close. */
export const specks: DefectMaker = (work) => {
  const { random, unit } = work;
  const [x, y] = placeOnObject(work);
  const count = random.int(4, 40);
  const each = Math.max(4, work.area / count);
  const reach = Math.sqrt(work.area) * random.uniform(0.8, 3) + 6 * unit;
  const colour = defectColour(work, x, y);
  const opacity = random.uniform(0.45, 1);
  for (let n = 0; n < count; n++) {
    const px = x + random.normal() * reach * 0.5;
    const py = y + random.normal() * reach * 0.5;
    if (px < 1 || py < 1 || px > work.width - 2 || py > work.height - 2) continue;
    const blob = makeBlob(work, px, py, { area: each * random.uniform(0.3, 1.8), softness: 0.7, rough: 0 });
    const shade = random.uniform(0.8, 1.2);
    eachPixel(work, blob.box, (p, i) => {
      if (blob.alpha[p] > 0) tint(work, i, colour, blob.alpha[p] * opacity, shade);
    });
    raiseRegion(work, blob.box, blob.alpha);
  }
  return 'whole';
};

/** A film or sheet of something else lying on the part: crumpled, glossy, with sharp outline. */
export const film: DefectMaker = (work) => {
  const { random } = work;
  const [x, y] = placeOnObject(work);
  const radius = Math.sqrt(work.area / Math.PI);
  const blob = makeBlob(work, x, y, {
    lobes: random.uniform(0.15, 0.5),
    rough: random.uniform(0, 0.08),
    softness: 0.8,
  });
  const { box } = blob;
  const colour = defectColour(work, x, y);
  const folds = fractalNoise(random, box.width, box.height, { cell: Math.max(4, radius * 0.7), octaves: 3 });
  const opacity = random.uniform(0.25, 0.9);
  const gloss = random.uniform(10, 120);
  eachPixel(work, box, (p, i) => {
    if (blob.alpha[p] === 0) return;
    const slope = (folds[p] - (folds[p + 1 + box.width] ?? folds[p])) * Math.sqrt(radius);
    tint(work, i, colour, blob.alpha[p] * opacity, 1 + folds[p] * 0.12);
    lift(work, i, blob.alpha[p] * (slope > 0.4 ? Math.min(1, slope - 0.4) * gloss : slope * 8));
  });
  raiseRegion(work, box, blob.alpha);
  return 'whole';
};
