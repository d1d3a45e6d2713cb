/** What differs between two good pictures of one product without being a defect: light in bands, soft folds, gain, focus, grain. */
import type { RgbImage } from '../image/types.ts';
import type { Random } from '../random.ts';
import { fractalNoise, normalPlane } from './drawing/noise.ts';
import { soften } from './drawing/planes.ts';

/** Chances of each change. */
const BANDS = 0.45;
const FOLDS = 0.25;
const GAIN = 0.5;
const FOCUS = 0.2;
const GRAIN = 0.3;
/** Most that a band, and a fold, changes the brightness by, as a share of it. */
const BAND_DEPTH = 0.16;
const FOLD_DEPTH = 0.12;

/** A straight or bent band of light or shade that crosses the picture, its flanks soft: a lamp's edge, a reflection, a roll mark. */
function band({ width, height }: RgbImage, light: Float32Array, random: Random): void {
  const side = Math.min(width, height);
  const angle = random.chance(0.5)
    ? random.pick([0, Math.PI / 2]) + 0.05 * random.normal()
    : random.uniform(0, Math.PI);
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const centre = random.uniform(-0.6, 0.6) * Math.abs(c * width) + random.uniform(-0.6, 0.6) * Math.abs(s * height);
  const half = side * random.uniform(0.02, 0.25);
  const flank = half * random.uniform(0.25, 1);
  const bend = random.uniform(-0.15, 0.15) / side;
  const depth = random.uniform(-1, 1) * BAND_DEPTH;
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const [u, v] = [x - width / 2, y - height / 2];
      const along = v * c - u * s;
      const away = Math.abs(u * c + v * s - centre - bend * along * along);
      if (away < half + flank) light[i] *= 1 + depth * smooth((half + flank - away) / (2 * flank));
    }
}

const smooth = (t: number) => {
  const x = Math.min(Math.max(t, 0), 1);
  return x * x * (3 - 2 * x);
};

/** Soft waves of a sheet that does not lie flat: ridges where a wandering phase passes through. */
function folds({ width, height }: RgbImage, light: Float32Array, random: Random): void {
  const side = Math.min(width, height);
  const waves = fractalNoise(random, width, height, { cell: side * random.uniform(0.15, 0.5), octaves: 2 });
  const depth = random.uniform(0.2, 1) * FOLD_DEPTH;
  const narrow = random.uniform(3, 14);
  for (let i = 0; i < light.length; i++) light[i] *= 1 + depth * (Math.exp(-narrow * waves[i] ** 2) - 0.4);
}

/** The same picture under other conditions; what it shows, and where, stays. */
export function varyConditions(image: RgbImage, random: Random): RgbImage {
  const { width, height, data } = image;
  const light = new Float32Array(width * height).fill(random.chance(GAIN) ? 1 + 0.06 * random.normal() : 1);
  const bands = random.chance(BANDS) ? random.int(1, 4) : 0;
  for (let n = 0; n < bands; n++) band(image, light, random);
  if (random.chance(FOLDS)) folds(image, light, random);
  const lit = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) lit[i] = data[i] * light[Math.floor(i / 3)];
  const seen = random.chance(FOCUS) ? soften(lit, width, height, random.uniform(0.4, 0.9), 3) : lit;
  const grain = random.chance(GRAIN) ? random.uniform(0.5, 3) : 0;
  const noise = grain > 0 ? normalPlane(random, width * height) : undefined;
  const out = Uint8Array.from(seen, (value, i) => {
    const level = value + (noise ? grain * noise[Math.floor(i / 3)] : 0);
    return Math.round(Math.min(Math.max(level, 0), 255));
  });
  return { ...image, data: out };
}
