/** From a picture to the model grid that covers it: which pixel of the grid a pixel of the picture is. */
import { type ImagePoint, type ModelPoint, modelPoint } from './points.ts';

/** A size in pixels. */
interface Size {
  readonly width: number;
  readonly height: number;
}

/** The pixel of an axis of `to` pixels in which the centre of pixel `at` of an axis of `from` lies. */
const along = (at: number, from: number, to: number): number => Math.min(to - 1, Math.floor(((at + 0.5) * to) / from));

/** Points of a picture, in pixels of its model grid. @param points whatever else they carry stays with them. */
export const onGrid = <Point extends ImagePoint>(
  points: readonly Point[],
  image: Size,
  grid: Size,
): (Omit<Point, keyof ImagePoint> & ModelPoint)[] =>
  points.map((point) => ({
    ...point,
    ...modelPoint(along(point.x, image.width, grid.width), along(point.y, image.height, grid.height)),
  }));
