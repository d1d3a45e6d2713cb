/** Patches of foreign or shuffled matter: Perlin level sets as published, and contamination of the size aimed at. */
import { fractalNoise, perlinNoise } from '../drawing/noise.ts';
import { regionsOf, soften } from '../drawing/planes.ts';
import { randomTexture } from '../drawing/textures.ts';
import {
  colourAbout,
  type DefectMaker,
  eachPixel,
  makeBlob,
  placeOnObject,
  raiseRegion,
  tint,
  type Work,
} from './work.ts';

/** The 0.5 level set of Perlin noise, as in DRAEM, mostly thinned to one to three blobs and kept on the object. */
function perlinMask(work: Work): Float32Array | null {
  const { random, width, height, foreground } = work;
  const w = Math.ceil(width / 2);
  const h = Math.ceil(height / 2);
  const noise = perlinNoise(random, w, h);
  const onObject = random.chance(0.7);
  const binary = new Uint8Array(noise.length);
  for (let y = 0, p = 0; y < h; y++) {
    for (let x = 0; x < w; x++, p++)
      binary[p] = noise[p] > 0.5 && (!onObject || foreground.mask[y * 2 * width + x * 2]) ? 1 : 0;
  }
  const least = Math.max(6, 40 * work.unit * work.unit);
  let regions = regionsOf(binary, w, h).filter((r) => r.length >= least);
  if (!regions.length) return null;
  if (random.chance(0.7)) regions = random.shuffle(regions).slice(0, random.int(1, 4));
  const small = new Float32Array(noise.length);
  for (const region of regions) for (const p of region) small[p] = 1;
  const edge = soften(small, w, h, 0.7);
  const sharp = random.uniform(1.2, 3);
  const alpha = new Float32Array(width * height);
  for (let y = 0, p = 0; y < height; y++) {
    const v = Math.max(0, Math.min(h - 1.001, y / 2 - 0.25));
    const row = (v | 0) * w;
    const below = row + ((v | 0) < h - 1 ? w : 0);
    const fv = v - (v | 0);
    for (let x = 0; x < width; x++, p++) {
      const u = Math.max(0, Math.min(w - 1.001, x / 2 - 0.25));
      const i = u | 0;
      const j = i < w - 1 ? i + 1 : i;
      const fu = u - i;
      const top = edge[row + i] + (edge[row + j] - edge[row + i]) * fu;
      const low = edge[below + i] + (edge[below + j] - edge[below + i]) * fu;
      const a = (top + (low - top) * fv - 0.5) * sharp + 0.5;
      alpha[p] = a < 0.02 ? 0 : Math.min(a, 1);
    }
  }
  return alpha;
}

/** The box of all pixels that a plane of opacities covers. */
function boundsOfAlpha(work: Work, alpha: Float32Array) {
  let [l, t, r, b] = [work.width, work.height, -1, -1];
  for (let y = 0, p = 0; y < work.height; y++) {
    for (let x = 0; x < work.width; x++, p++) {
      if (alpha[p] < 0.02) continue;
      l = Math.min(l, x);
      r = Math.max(r, x);
      t = Math.min(t, y);
      b = y;
    }
  }
  return { left: l, top: t, width: r - l + 1, height: b - t + 1 };
}

/** Perlin level set filled with a foreign texture, as in DRAEM. */
export const perlinTexture: DefectMaker = (work) => {
  const alpha = perlinMask(work);
  if (!alpha) return 'none';
  const { random } = work;
  const box = boundsOfAlpha(work, alpha);
  if (box.width <= 0) return 'none';
  const texture = randomTexture(random, box.width, box.height);
  const opacity = random.uniform(0.15, 1);
  eachPixel(work, box, (p, i) =>
    tint(work, i, [texture.data[p * 3], texture.data[p * 3 + 1], texture.data[p * 3 + 2]], alpha[i] * opacity),
  );
  for (let i = 0; i < alpha.length; i++) if (alpha[i] > work.region[i]) work.region[i] = alpha[i];
  return 'whole';
};

/** Perlin level set filled with the picture's own tiles in another order and other colours, as in MemSeg. */
export const perlinShuffle: DefectMaker = (work) => {
  const alpha = perlinMask(work);
  if (!alpha) return 'none';
  const { random, width, height } = work;
  const tiles = random.pick([4, 8, 8, 16]);
  const order = random.shuffle(Array.from({ length: tiles * tiles }, (_, i) => i));
  const tw = width / tiles;
  const th = height / tiles;
  const gain = [random.chance(0.5) ? random.uniform(0.55, 0.85) : random.uniform(1.15, 1.6), 0, 0];
  gain[1] = random.chance(0.5) ? gain[0] : random.uniform(0.7, 1.35);
  gain[2] = gain[1] === gain[0] ? gain[0] : random.uniform(0.7, 1.35);
  const invert = random.chance(0.12);
  const opacity = random.uniform(0.15, 1);
  const before = work.canvas.data.slice();
  for (let y = 0, i = 0; y < height; y++) {
    const ty = Math.min(tiles - 1, Math.floor(y / th));
    for (let x = 0; x < width; x++, i++) {
      if (alpha[i] < 0.02) continue;
      const tx = Math.min(tiles - 1, Math.floor(x / tw));
      const from = order[ty * tiles + tx];
      const u = Math.min(width - 1, Math.floor(x - tx * tw + (from % tiles) * tw));
      const v = Math.min(height - 1, Math.floor(y - ty * th + Math.floor(from / tiles) * th));
      const q = (v * width + u) * 3;
      const pick = (c: number): number => (invert ? 255 - before[q + c] : before[q + c]) * gain[c];
      tint(work, i, [pick(0), pick(1), pick(2)], alpha[i] * opacity);
      if (alpha[i] > work.region[i]) work.region[i] = alpha[i];
    }
  }
  return 'whole';
};

/** An irregular blob of foreign texture on the object, of the size aimed at: contamination of any kind. */
export const contamination: DefectMaker = (work) => {
  const { random } = work;
  const [x, y] = placeOnObject(work);
  const blob = makeBlob(work, x, y, { rough: random.uniform(0.05, 0.4), softness: random.uniform(0.6, 1.5) });
  const { box } = blob;
  const texture = randomTexture(random, box.width, box.height);
  const opacity = random.uniform(0.2, 1);
  const here = colourAbout(work, x, y);
  const toward = random.chance(0.4) ? random.uniform(0.3, 0.8) : 0;
  const noise = fractalNoise(random, box.width, box.height, { cell: 30 * work.unit, octaves: 2 });
  eachPixel(work, box, (p, i) => {
    if (blob.alpha[p] === 0) return;
    const q = p * 3;
    const mixed: [number, number, number] = [0, 0, 0];
    for (let c = 0; c < 3; c++) mixed[c] = texture.data[q + c] + (here[c] * 0.7 - texture.data[q + c]) * toward;
    tint(work, i, mixed, blob.alpha[p] * opacity, 1 + 0.06 * noise[p]);
  });
  raiseRegion(work, box, blob.alpha);
  return 'whole';
};
