/** Strokes of a round brush or eraser, from a single pixel up. */
import { edgePoint, fromEdges, type ImagePoint, pixelOf, toEdges } from '@adclick/core/geometry';
import { type Box, clamp, clipBox, isEmptyBox, type Size } from '../geometry.ts';
import { boxWidth, emptyPatch, type Patch } from './bitmap.ts';

/** Diameters in picture pixels. */
export const BRUSH_SIZE = { least: 1, most: 400, start: 12 } as const;

/** The next larger or smaller diameter: by one while small, then by an eighth. */
export function stepBrush(size: number, direction: 1 | -1): number {
  const step = Math.max(1, Math.round(size / 8));
  return clamp(size + direction * step, BRUSH_SIZE.least, BRUSH_SIZE.most);
}

/**
 * Centre of the disc for a pointer place: an odd diameter stands on a pixel's centre and an even one on a corner, so that a brush of
 * `size` pixels is `size` pixels wide wherever it is put.
 */
export function brushCentre(point: ImagePoint, size: number): ImagePoint {
  if (size % 2 === 1) return pixelOf(point);
  const { x, y } = toEdges(point);
  return fromEdges(edgePoint(Math.round(x), Math.round(y)));
}

/** Marks pixels whose centre is at most half a diameter from the segment a–b. */
function markSegment(patch: Patch, a: ImagePoint, b: ImagePoint, size: number): void {
  const radius = size / 2;
  // A brush of 1 pixel marks exactly the pixel it stands on; the small addition keeps rounding from eating rims.
  const reach = radius * radius + 1e-6;
  const { box, data } = patch;
  const width = boxWidth(box);
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  const top = Math.max(box.top, Math.floor(Math.min(a.y, b.y) - radius));
  const bottom = Math.min(box.bottom, Math.floor(Math.max(a.y, b.y) + radius) + 1);
  const left = Math.max(box.left, Math.floor(Math.min(a.x, b.x) - radius));
  const right = Math.min(box.right, Math.floor(Math.max(a.x, b.x) + radius) + 1);
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++) {
      const [px, py] = [x - a.x, y - a.y];
      const along = length > 0 ? clamp((px * dx + py * dy) / length, 0, 1) : 0;
      const [ox, oy] = [px - along * dx, py - along * dy];
      if (ox * ox + oy * oy <= reach) data[(y - box.top) * width + (x - box.left)] = 1;
    }
}

/**
 * The pixels that a stroke through `points` covers, inside the picture. @param size diameter in pixels.
 * A 1-pixel stroke has no gaps: neighbouring pixels touch at edges or corners.
 */
export function strokePatch(points: readonly ImagePoint[], size: number, picture: Size): Patch {
  const centres = points.map((point) => brushCentre(point, size));
  const radius = size / 2 + 1;
  const around: Box = {
    left: Math.floor(Math.min(...centres.map(({ x }) => x)) - radius),
    top: Math.floor(Math.min(...centres.map(({ y }) => y)) - radius),
    right: Math.ceil(Math.max(...centres.map(({ x }) => x)) + radius),
    bottom: Math.ceil(Math.max(...centres.map(({ y }) => y)) + radius),
  };
  const box = clipBox(around, picture);
  if (centres.length === 0 || isEmptyBox(box)) return emptyPatch({ left: 0, top: 0, right: 0, bottom: 0 });
  const patch = emptyPatch(box);
  markSegment(patch, centres[0], centres[0], size);
  for (let i = 1; i < centres.length; i++) {
    if (size === 1) markThinLine(patch, centres[i - 1], centres[i]);
    else markSegment(patch, centres[i - 1], centres[i], size);
  }
  return patch;
}

/** One pixel wide from a pixel's centre to another's (Bresenham). */
function markThinLine(patch: Patch, a: ImagePoint, b: ImagePoint): void {
  const { box, data } = patch;
  const width = boxWidth(box);
  let { x, y } = a;
  const { x: toX, y: toY } = b;
  const [dx, dy] = [Math.abs(toX - x), -Math.abs(toY - y)];
  const [stepX, stepY] = [x < toX ? 1 : -1, y < toY ? 1 : -1];
  let error = dx + dy;
  for (;;) {
    if (x >= box.left && x < box.right && y >= box.top && y < box.bottom)
      data[(y - box.top) * width + (x - box.left)] = 1;
    if (x === toX && y === toY) return;
    const twice = 2 * error;
    if (twice >= dy) {
      error += dy;
      x += stepX;
    }
    if (twice <= dx) {
      error += dx;
      y += stepY;
    }
  }
}
