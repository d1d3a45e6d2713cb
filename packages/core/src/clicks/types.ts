/** What a user gives: clicks on the upright original; and the same clicks where it is known what they are counted in. */
import { type GivenPoint, type ImagePoint, imagePoint, type ModelPoint, modelPoint, pixelOf } from '../image/points.ts';

/**
 * One click at a pixel of the upright original, as users and files give it: positive marks defect, negative marks good. A click of the
 * model grid is none.
 */
export interface Click extends GivenPoint<'image'> {
  readonly positive: boolean;
}

/** A click at a pixel of the upright original. */
export interface ImageClick extends ImagePoint {
  readonly positive: boolean;
}

/** A click at a pixel of the model grid, as the networks see it. */
export interface ModelClick extends ModelPoint {
  readonly positive: boolean;
}

export const imageClick = (x: number, y: number, positive: boolean): ImageClick => ({ ...imagePoint(x, y), positive });
export const modelClick = (x: number, y: number, positive: boolean): ModelClick => ({ ...modelPoint(x, y), positive });

/** Takes clicks for what they are given as: clicks on the upright original, each on the pixel that it lies in. */
export const imageClicks = (clicks: readonly Click[]): ImageClick[] =>
  clicks.map(({ x, y, positive }) => ({ ...pixelOf(imagePoint(x, y)), positive }));

/** Whether two clicks of one raster are at one place and say the same. */
export const sameClick = <One extends ImageClick | ModelClick>(a: One, b: One): boolean =>
  a.x === b.x && a.y === b.y && a.positive === b.positive;
