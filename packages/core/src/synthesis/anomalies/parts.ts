/** Defects of arrangement: missing, moved, turned, doubled, exchanged parts, bent or broken structures. */
import { fillGaps, grow, soften } from '../drawing/planes.ts';
import { type Point, polygon, rasterize, roundedBox, type Shape, sample } from '../drawing/raster.ts';
import {
  addGrain,
  type Blob,
  boxAbout,
  type DefectMaker,
  eachPixel,
  findPart,
  makeBlob,
  placeOnObject,
  raiseRegion,
  tint,
  type Work,
} from './work.ts';

/** A patch of any outline: blob, box or polygon, in a box of its own. */
export function makePatch(work: Work, x: number, y: number): Pick<Blob, 'box' | 'alpha'> {
  const { random } = work;
  const pick = random.next();
  if (pick < 0.4) return makeBlob(work, x, y, { softness: random.uniform(0.6, 1.4) });
  const side = Math.sqrt(work.area);
  const stretch = Math.sqrt(random.uniform(1, 3));
  let shape: Shape;
  if (pick < 0.75) {
    const angle = random.chance(0.6) ? 0 : random.uniform(0, Math.PI);
    shape = roundedBox(
      x,
      y,
      side * stretch,
      side / stretch,
      random.uniform(0, 0.3) * (side / stretch),
      random.chance(0.5) ? angle : angle + Math.PI / 2,
    );
  } else {
    const corners = random.int(3, 8);
    const angles = Array.from({ length: corners }, () => random.uniform(0, 6.28)).sort((a, b) => a - b);
    shape = polygon(
      angles.map((a): Point => [x + Math.cos(a) * side * 0.75 * stretch, y + (Math.sin(a) * side * 0.75) / stretch]),
    );
  }
  const reach = Math.max(x - shape.box[0], shape.box[2] - x, y - shape.box[1], shape.box[3] - y) + 2;
  const box = boxAbout(work, x, y, reach);
  const alpha = new Float32Array(box.width * box.height);
  const moved: Shape = {
    box: [shape.box[0] - box.left, shape.box[1] - box.top, shape.box[2] - box.left, shape.box[3] - box.top],
    distance: (u, v) => shape.distance(u + box.left, v + box.top),
  };
  rasterize(box.width, box.height, moved, 0.9, (index, coverage) => {
    alpha[index] = coverage;
  });
  return { box, alpha };
}

/** Blends source colours, given by a look-up at shifted coordinates, through a patch. */
function paste(
  work: Work,
  patch: Pick<Blob, 'box' | 'alpha'>,
  from: { width: number; height: number; data: Float32Array },
  map: (x: number, y: number) => Point,
  opacity: number,
): void {
  const colour = new Float32Array(3);
  eachPixel(work, patch.box, (p, i, x, y) => {
    if (patch.alpha[p] === 0) return;
    const [u, v] = map(x, y);
    sample(from, u, v, colour);
    tint(work, i, [colour[0], colour[1], colour[2]], patch.alpha[p] * opacity);
  });
  raiseRegion(work, patch.box, patch.alpha);
}

const copyOf = (work: Work) => ({ ...work.canvas, data: work.canvas.data.slice() });

/** The outline of a whole part with a seam of what surrounds it, as a patch. */
function partPatch(work: Work): Pick<Blob, 'box' | 'alpha'> | null {
  const part = findPart(work, 3);
  if (!part) return null;
  const { width } = work;
  const solid = new Uint8Array(width * work.height);
  let [left, top, right, bottom] = [width, work.height, 0, 0];
  for (const p of part.pixels) {
    solid[p] = 1;
    const x = p % width;
    const y = (p - x) / width;
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  const seam = Math.max(3, Math.round(work.random.uniform(2, 6) * work.unit));
  const grown = fillGaps(grow(solid, width, work.height, seam), width, work.height, part.pixels.length);
  const box = boxAbout(
    work,
    (left + right) / 2,
    (top + bottom) / 2,
    Math.max(right - left, bottom - top) / 2 + seam + 2,
  );
  const alpha = new Float32Array(box.width * box.height);
  eachPixel(work, box, (p, i) => {
    alpha[p] = grown[i];
  });
  return { box, alpha: soften(alpha, box.width, box.height, 0.8) };
}

/** Fills a patch from the rim of its own outline: each pixel takes the nearest outside colours in eight directions. */
function fillFromRim(work: Work, patch: Pick<Blob, 'box' | 'alpha'>, level: number): void {
  const { box, alpha } = patch;
  const { width, height } = work;
  const before = work.canvas.data.slice();
  const coarse = 3;
  const columns = Math.ceil(box.width / coarse) + 1;
  const rows = Math.ceil(box.height / coarse) + 1;
  const colours = new Float32Array(columns * rows * 3);
  const outside = (x: number, y: number): boolean => {
    const u = x - box.left;
    const v = y - box.top;
    return u < 0 || v < 0 || u >= box.width || v >= box.height || alpha[v * box.width + u] < 0.02;
  };
  for (let r = 0; r < rows; r++) {
    for (let q = 0; q < columns; q++) {
      const x0 = Math.min(width - 1, box.left + q * coarse);
      const y0 = Math.min(height - 1, box.top + r * coarse);
      let total = 0;
      const sum = [0, 0, 0];
      for (let k = 0; k < 8; k++) {
        const dx = [1, 1, 0, -1, -1, -1, 0, 1][k];
        const dy = [0, 1, 1, 1, 0, -1, -1, -1][k];
        let [x, y, n] = [x0, y0, 1];
        while (!outside(x, y) && x + 2 * dx >= 0 && y + 2 * dy >= 0 && x + 2 * dx < width && y + 2 * dy < height) {
          x += 2 * dx;
          y += 2 * dy;
          n++;
        }
        if (!outside(x, y)) continue;
        const weight = 1 / (n * n);
        for (let c = 0; c < 3; c++) sum[c] += before[(y * width + x) * 3 + c] * weight;
        total += weight;
      }
      for (let c = 0; c < 3; c++)
        colours[(r * columns + q) * 3 + c] = total ? sum[c] / total : work.foreground.background[c];
    }
  }
  const source = { width: columns, height: rows, data: soften(colours, columns, rows, 1, 3) };
  const colour = new Float32Array(3);
  eachPixel(work, box, (p, i, x, y) => {
    if (alpha[p] === 0) return;
    sample(source, (x - box.left) / coarse, (y - box.top) / coarse, colour);
    tint(work, i, [colour[0], colour[1], colour[2]], alpha[p], level);
  });
}

/** A part that is not there: a whole region of one colour, or a patch of any outline, filled from round about or with the background. */
export const missingPart: DefectMaker = (work) => {
  const { random, foreground } = work;
  const [x, y] = placeOnObject(work);
  const patch = (random.chance(0.5) ? partPatch(work) : null) ?? makePatch(work, x, y);
  const { box, alpha } = patch;
  if (!foreground.everywhere && random.chance(0.35))
    eachPixel(work, box, (p, i) => tint(work, i, foreground.background, alpha[p]));
  else fillFromRim(work, patch, random.chance(0.6) ? 1 : random.uniform(0.6, 1.3));
  addGrain(work, box, alpha);
  raiseRegion(work, box, alpha);
  return 'changed';
};

/** Content from elsewhere on the part, shifted, mirrored or turned by half. */
export const movedPart: DefectMaker = (work) => {
  const { random, unit } = work;
  const [x, y] = placeOnObject(work);
  const patch = makePatch(work, x, y);
  const side = Math.sqrt(work.area);
  const far = random.chance(0.5);
  const [tx, ty] = far
    ? placeOnObject(work)
    : [x + random.normal() * (side * 0.5 + 8 * unit), y + random.normal() * (side * 0.5 + 8 * unit)];
  const flipX = random.chance(0.3) ? -1 : 1;
  const flipY = random.chance(0.3) ? -1 : 1;
  paste(
    work,
    patch,
    copyOf(work),
    (u, v) => [tx + (u - x) * flipX, ty + (v - y) * flipY],
    random.chance(0.8) ? 1 : random.uniform(0.5, 1),
  );
  return 'rearranged';
};

/** A patch turned where it stands. */
export const turnedPart: DefectMaker = (work) => {
  const { random } = work;
  const [x, y] = placeOnObject(work);
  const patch = makePatch(work, x, y);
  const angle = random.chance(0.4)
    ? (random.int(1, 4) * Math.PI) / 2
    : random.uniform(0.12, 1.2) * (random.chance(0.5) ? 1 : -1);
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  paste(work, patch, copyOf(work), (u, v) => [x + (u - x) * c - (v - y) * s, y + (u - x) * s + (v - y) * c], 1);
  return 'rearranged';
};

/** Print or structure seen twice, a little apart. */
export const doubled: DefectMaker = (work) => {
  const { random, unit } = work;
  const [x, y] = placeOnObject(work);
  const patch = makePatch(work, x, y);
  const angle = random.uniform(0, 6.28);
  const shift = random.uniform(3, 14) * unit;
  paste(
    work,
    patch,
    copyOf(work),
    (u, v) => [u + Math.cos(angle) * shift, v + Math.sin(angle) * shift],
    random.uniform(0.35, 0.65),
  );
  return 'rearranged';
};

/** A patch of another good picture, from another place of it, as cut and paste does. */
export const swappedPart: DefectMaker = (work) => {
  const { random, donor } = work;
  const [x, y] = placeOnObject(work);
  const patch = makePatch(work, x, y);
  const from = { width: donor.width, height: donor.height, data: new Float32Array(donor.data) };
  const tx = random.uniform(0.1, 0.9) * donor.width;
  const ty = random.uniform(0.1, 0.9) * donor.height;
  const angle = random.chance(0.5) ? 0 : random.uniform(0, 6.28);
  const scale = random.uniform(0.6, 1.5);
  const c = Math.cos(angle) * scale;
  const s = Math.sin(angle) * scale;
  paste(
    work,
    patch,
    from,
    (u, v) => [tx + (u - x) * c - (v - y) * s, ty + (u - x) * s + (v - y) * c],
    random.uniform(0.55, 1),
  );
  return 'rearranged';
};

/** Structures bent out of place: a smooth local displacement. */
export const bend: DefectMaker = (work) => {
  const { random } = work;
  const [x, y] = placeOnObject(work);
  const radius = Math.max(6, Math.sqrt(work.area / Math.PI) * 1.4);
  const angle = random.uniform(0, 6.28);
  const amount = radius * random.uniform(0.2, 0.55);
  const swirl = random.chance(0.35) ? random.uniform(0.4, 1.8) * (random.chance(0.5) ? 1 : -1) : 0;
  const box = boxAbout(work, x, y, radius);
  const before = copyOf(work);
  const colour = new Float32Array(3);
  const alpha = new Float32Array(box.width * box.height);
  eachPixel(work, box, (p, i, u, v) => {
    const q = Math.hypot(u - x, v - y) / radius;
    if (q >= 1) return;
    const k = (1 - q * q) ** 2;
    if (swirl) {
      const c = Math.cos(swirl * k);
      const s = Math.sin(swirl * k);
      sample(before, x + (u - x) * c - (v - y) * s, y + (u - x) * s + (v - y) * c, colour);
    } else sample(before, u - Math.cos(angle) * amount * k, v - Math.sin(angle) * amount * k, colour);
    work.canvas.data.set(colour, i * 3);
    alpha[p] = k > 0.02 ? 1 : 0;
  });
  raiseRegion(work, box, alpha);
  return 'rearranged';
};

/** A gap in a wire, trace or line: the light or dark side of a local threshold is erased within a short stretch. */
export const brokenStructure: DefectMaker = (work) => {
  const { random } = work;
  const [x, y] = placeOnObject(work);
  const blob = makeBlob(work, x, y, {
    area: Math.max(30, work.area),
    lobes: 0.1,
    rough: 0,
    softness: 0.8,
    stretch: random.uniform(1, 2),
  });
  const { box } = blob;
  let sum = 0;
  let count = 0;
  const level = (i: number): number =>
    (work.canvas.data[i * 3] + work.canvas.data[i * 3 + 1] + work.canvas.data[i * 3 + 2]) / 3;
  eachPixel(work, box, (_p, i) => {
    sum += level(i);
    count++;
  });
  const mean = sum / count;
  const bright = random.chance(0.5);
  const fill = [0, 0, 0];
  let kept = 0;
  let variance = 0;
  eachPixel(work, box, (_p, i) => {
    const l = level(i);
    variance += (l - mean) ** 2;
    if (l > mean === bright) return;
    for (let c = 0; c < 3; c++) fill[c] += work.canvas.data[i * 3 + c];
    kept++;
  });
  if (kept < 10 || variance / count < 150) return 'none';
  const alpha = new Float32Array(blob.alpha.length);
  const margin = Math.sqrt(variance / count) * 0.35;
  eachPixel(work, box, (p, i) => {
    if (level(i) - mean > margin === bright || Math.abs(level(i) - mean) < margin) alpha[p] = blob.alpha[p];
  });
  const soft = soften(alpha, box.width, box.height, 0.7);
  for (let p = 0; p < soft.length; p++) soft[p] = Math.min(1, soft[p] * 1.3) * blob.alpha[p];
  eachPixel(work, box, (p, i) => tint(work, i, [fill[0] / kept, fill[1] / kept, fill[2] / kept], soft[p]));
  addGrain(work, box, soft);
  raiseRegion(work, box, blob.alpha);
  return 'changed';
};
