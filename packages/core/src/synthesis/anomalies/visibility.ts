/** Tests whether a simulated defect is one that a person would mark: solid, and not good material in another order. */
import type { RgbImage } from '../../image/types.ts';
import { grow, shrink, soften } from '../drawing/planes.ts';

/** Whether a mask is a net of thin threads and crumbs where it ought to be a patch. */
export function isSpeckled(mask: Uint8Array, width: number, height: number): boolean {
  const opened = grow(shrink(mask, width, height, 1), width, height, 1);
  let area = 0;
  let solid = 0;
  for (let p = 0; p < mask.length; p++) {
    area += mask[p];
    solid += mask[p] & opened[p];
  }
  return area > 120 && solid < 0.6 * area;
}

/** Brightness of every `step`-th pixel. */
function brightness(image: RgbImage, step: number): { plane: Float32Array; width: number; height: number } {
  const width = Math.floor(image.width / step);
  const height = Math.floor(image.height / step);
  const plane = new Float32Array(width * height);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      let sum = 0;
      for (let v = 0; v < step; v++) {
        const i = ((y * step + v) * image.width + x * step) * 3;
        for (let c = 0; c < 3 * step; c++) sum += image.data[i + c];
      }
      plane[p] = sum / (3 * step * step);
    }
  }
  return { plane, width, height };
}

/**
 * How well the picture repeats itself: the largest correlation of its brightness with itself at any shift of 4 to 24 cells
 * of two pixels, about 1 for a wire mesh, near 0 for leather.
 */
export function regularity(image: RgbImage): number {
  const { plane, width, height } = brightness(image, 2);
  const smooth = soften(plane, width, height, 9);
  for (let i = 0; i < plane.length; i++) plane[i] -= smooth[i];
  const reach = 24;
  const step = Math.max(1, Math.floor(Math.sqrt(((width - 2 * reach) * (height - 2 * reach)) / 2500)));
  let best = 0;
  for (let dy = 0; dy <= reach; dy++) {
    for (let dx = dy === 0 ? 0 : -reach; dx <= reach; dx++) {
      if (dx * dx + dy * dy < 16) continue;
      let [ab, aa, bb] = [0, 0, 0];
      for (let y = reach; y < height - reach; y += step) {
        for (let x = reach; x < width - reach; x += step) {
          const a = plane[y * width + x];
          const b = plane[(y + dy) * width + x + dx];
          ab += a * b;
          aa += a * a;
          bb += b * b;
        }
      }
      best = Math.max(best, ab / Math.sqrt(aa * bb + 1e-6));
    }
  }
  return best;
}

/** Whether the change under a mask is clearly larger than what another good picture differs by at the same place. */
export function changesMore(good: RgbImage, changed: RgbImage, donor: RgbImage, mask: Uint8Array): boolean {
  const step = 2;
  const a = brightness(good, step);
  const b = brightness(changed, step);
  const { width, height } = a;
  const by = new Float32Array(a.plane.length);
  for (let i = 0; i < by.length; i++) by[i] = b.plane[i] - a.plane[i];
  const varies = new Float32Array(by.length);
  if (donor !== good && donor.width === good.width && donor.height === good.height) {
    const d = brightness(donor, step);
    for (let i = 0; i < varies.length; i++) varies[i] = d.plane[i] - a.plane[i];
  }
  const change = soften(by, width, height, 0.8);
  const usual = soften(varies, width, height, 0.8);
  let [changes, differs] = [0, 0];
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      if (!mask[y * step * good.width + x * step]) continue;
      changes += Math.abs(change[p]);
      differs += Math.abs(usual[p]);
    }
  }
  return changes > 1.4 * differs;
}
