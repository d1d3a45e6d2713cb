/**
 * Places in rasters, and the one convention of all of them: pixel (x, y) has its centre at (x, y) and reaches half a pixel around it.
 * A place knows which raster it is a place of, so that those of two rasters cannot be mixed up. Pure: the page uses it too.
 */
import type { Box } from './components.ts';

/** Which raster a place belongs to; there for the compiler alone. */
declare const raster: unique symbol;

/** A place of one raster, made by that raster's own function or by a conversion. */
export interface PointIn<Raster extends string> {
  readonly x: number;
  readonly y: number;
  readonly [raster]: Raster;
}

/** A plain place as users, files and answers of a server give it: it may be one of this raster, never one of another. */
export interface GivenPoint<Raster extends string> {
  readonly x: number;
  readonly y: number;
  readonly [raster]?: Raster;
}

/** In pixels of the upright original. */
export type ImagePoint = PointIn<'image'>;

/** In pixels of the model grid. */
export type ModelPoint = PointIn<'model'>;

/** In cells of the token grid. */
export type GridPoint = PointIn<'grid'>;

/**
 * Between pixels of the upright original, as contours, SVG and canvases count: pixel (x, y) reaches from (x, y) to (x + 1, y + 1), and
 * (0, 0) is the picture's top left corner.
 */
export type EdgePoint = PointIn<'edge'>;

/** A rectangle of whole pixels of the upright original. */
export type ImageBox = Box & { readonly [raster]: 'image' };

/** The one place where a brand is put on. */
export const pointIn = <Raster extends string>(x: number, y: number) => ({ x, y }) as PointIn<Raster>;

export const imagePoint = (x: number, y: number): ImagePoint => pointIn(x, y);
export const modelPoint = (x: number, y: number): ModelPoint => pointIn(x, y);
export const gridPoint = (x: number, y: number): GridPoint => pointIn(x, y);
export const edgePoint = (x: number, y: number): EdgePoint => pointIn(x, y);

/** @param box in pixels of the upright original. */
export const imageBox = (box: Box) => box as ImageBox;

/** Half a pixel: from a pixel's left or upper edge to its centre. */
const HALF = 0.5;

/** The pixel that a place lies in. Its own left and upper edges belong to a pixel. */
export const pixelOf = ({ x, y }: ImagePoint): ImagePoint => imagePoint(Math.floor(x + HALF), Math.floor(y + HALF));

export const toEdges = ({ x, y }: ImagePoint): EdgePoint => edgePoint(x + HALF, y + HALF);
export const fromEdges = ({ x, y }: EdgePoint): ImagePoint => imagePoint(x - HALF, y - HALF);
