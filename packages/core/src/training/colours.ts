/** Variation of a picture's colours in training, so that edges are learnt and not the looks of drawn products (ours). */
import { gaussianBlur } from '../image/blur.ts';
import type { Random } from '../random.ts';

/** Chances of each change. */
const INVERT = 0.25;
const GREY = 0.25;
const BLUR = 0.5;
const NOISE = 0.5;
/** Largest sigma of the blur in pixels, and of the noise in units of the picture's spread. */
const MOST_BLUR = 1.3;
const MOST_NOISE = 0.15;
/** Spread of contrast, exp(0.25·N(0,1)), and of each channel's level. */
const CONTRAST = 0.25;
const LEVEL = 0.2;

/**
 * Changes colours as cameras, lamps and lenses would: channels in another order, grey, inverted, of other contrast and level,
 * blurred, noisy.
 * @param colours normalised, (3, height, width); a changed copy is returned.
 */
export function varyColours(colours: Float32Array, width: number, height: number, random: Random): Float32Array {
  const area = width * height;
  const order = random.shuffle([0, 1, 2]);
  const grey = random.chance(GREY);
  const contrast = Math.exp(CONTRAST * random.normal()) * (random.chance(INVERT) ? -1 : 1);
  const blur = random.chance(BLUR) ? random.uniform(0, MOST_BLUR) : 0;
  const noise = random.chance(NOISE) ? random.uniform(0, MOST_NOISE) : 0;
  const channel = (c: number): Float32Array => {
    const level = LEVEL * random.normal();
    const plane = blurred(colours.subarray(c * area, (c + 1) * area));
    for (let i = 0; i < area; i++) plane[i] = contrast * plane[i] + level + (noise && noise * random.normal());
    return plane;
  };
  const blurred = (plane: Float32Array) => (blur > 0.3 ? gaussianBlur(plane, width, height, blur) : plane.slice());
  const out = new Float32Array(3 * area);
  if (grey) {
    const plane = channel(random.int(0, 3));
    for (let c = 0; c < 3; c++) out.set(plane, c * area);
  } else {
    order.forEach((from, c) => {
      out.set(channel(from), c * area);
    });
  }
  return out;
}
