/** From a picture, or a part of it, to the model grid that covers it: which pixel of the grid a pixel of the picture is. */
import type { Box } from './components.ts';

/** The pixel of an axis of `to` pixels in which the centre of pixel `at` of an axis of `from` lies. */
const along = (at: number, from: number, to: number): number => Math.min(to - 1, Math.floor(((at + 0.5) * to) / from));

/**
 * Points inside a part of a picture, in pixels of a grid that covers that part; points outside are left out. As in resizing, pixel x
 * is centred at x + 0.5 from the border.
 * @param points in pixels of the picture; whatever else they carry stays with them.
 * @param part pixels of the picture. @param grid its size in pixels.
 */
export function onGrid<P extends { readonly x: number; readonly y: number }>(
  points: readonly P[],
  part: Box,
  grid: { readonly width: number; readonly height: number },
): P[] {
  return points
    .filter(({ x, y }) => x >= part.x && y >= part.y && x < part.x + part.width && y < part.y + part.height)
    .map((point) => ({
      ...point,
      x: along(point.x - part.x, part.width, grid.width),
      y: along(point.y - part.y, part.height, grid.height),
    }));
}
