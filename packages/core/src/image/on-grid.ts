/** From a picture, or a part of it, to the model grid that covers it: which pixel of the grid a pixel of the picture is. */
import { type ImageBox, type ImagePoint, type ModelPoint, modelPoint } from './points.ts';

/** The pixel of an axis of `to` pixels in which the centre of pixel `at` of an axis of `from` lies. */
const along = (at: number, from: number, to: number): number => Math.min(to - 1, Math.floor(((at + 0.5) * to) / from));

/**
 * Points inside a part of a picture, in pixels of a model grid that covers that part; points outside are left out.
 * @param points whatever else they carry stays with them. @param grid its size in pixels.
 */
export function onGrid<Point extends ImagePoint>(
  points: readonly Point[],
  part: ImageBox,
  grid: { readonly width: number; readonly height: number },
): (Omit<Point, keyof ImagePoint> & ModelPoint)[] {
  return points
    .filter(({ x, y }) => x >= part.x && y >= part.y && x < part.x + part.width && y < part.y + part.height)
    .map((point) => ({
      ...point,
      ...modelPoint(along(point.x - part.x, part.width, grid.width), along(point.y - part.y, part.height, grid.height)),
    }));
}
