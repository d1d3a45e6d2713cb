/** What the page adds to core's places: the screen, boxes and clamping. */
import { type ImagePoint, type PointIn, pixelOf, pointIn } from '@adclick/core/geometry';

/** A place in CSS pixels of the canvas element, from its top left corner. */
export type ScreenPoint = PointIn<'screen'>;

export const screenPoint = (x: number, y: number): ScreenPoint => pointIn(x, y);

/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Whole pixels `left`…`right - 1`, `top`…`bottom - 1`. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export const wholeBox = ({ width, height }: Size): Box => ({ left: 0, top: 0, right: width, bottom: height });

export const isEmptyBox = (box: Box): boolean => box.right <= box.left || box.bottom <= box.top;

/** The part of a box that lies inside a raster. */
export function clipBox(box: Box, { width, height }: Size): Box {
  return {
    left: Math.max(0, box.left),
    top: Math.max(0, box.top),
    right: Math.min(width, box.right),
    bottom: Math.min(height, box.bottom),
  };
}

/** The smallest box around both; either may be missing. */
export function uniteBoxes(a: Box | null, b: Box | null): Box | null {
  if (!a || isEmptyBox(a)) return b && !isEmptyBox(b) ? b : null;
  if (!b || isEmptyBox(b)) return a;
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  };
}

/** The pixel under a point, or null outside the raster. */
export function pixelAt(point: ImagePoint, { width, height }: Size): ImagePoint | null {
  const pixel = pixelOf(point);
  return pixel.x >= 0 && pixel.y >= 0 && pixel.x < width && pixel.y < height ? pixel : null;
}

export const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);
