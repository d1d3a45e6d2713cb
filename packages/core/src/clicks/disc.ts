/** The disc around a click, the same in the network's click map and in labels. */
import type { ModelPoint } from '../image/points.ts';

/** Radius of a click's disc in pixels of the model grid, as in SimpleClick. */
export const DISC_RADIUS = 5;

/** Radii of the discs of positive and of negative clicks in a network's click map, in pixels of the model grid. */
export interface DiscRadii {
  readonly positive: number;
  readonly negative: number;
}

/** Those of the published network, as its code draws them at 512 pixels. */
export const PUBLISHED_RADII: DiscRadii = { positive: 10, negative: 5 };

/** Visits each pixel of a raster of the model grid's size whose centre lies within `radius` pixels of a click, by its row-major index. */
export function overDisc(
  { x: cx, y: cy }: ModelPoint,
  radius: number,
  { width, height }: { readonly width: number; readonly height: number },
  visit: (pixel: number) => void,
): void {
  for (let y = Math.max(0, Math.ceil(cy - radius)); y <= Math.min(height - 1, cy + radius); y++)
    for (let x = Math.max(0, Math.ceil(cx - radius)); x <= Math.min(width - 1, cx + radius); x++)
      if ((x - cx) ** 2 + (y - cy) ** 2 <= radius * radius) visit(y * width + x);
}
