/** Tools that look at connected pixels: the region under a place, holes, and the magic wand. */
import { holesOf, type ImagePoint } from '@adclick/core/geometry';
import { type Box, isEmptyBox, type Size } from '../geometry.ts';
import { boxWidth, cutPatch, emptyPatch, type Patch } from './bitmap.ts';

const NOTHING = emptyPatch({ left: 0, top: 0, right: 0, bottom: 0 });

/** Pixels reached from a place over pixels that `joins`; `diagonal` also over corners. Scans by runs, so that large areas stay quick. */
export function flood(
  start: ImagePoint,
  { width, height }: Size,
  joins: (index: number) => boolean,
  diagonal: boolean,
): Patch {
  const origin = start.y * width + start.x;
  if (!joins(origin)) return NOTHING;
  const reached = new Uint8Array(width * height);
  const waiting = [origin];
  let [left, top, right, bottom] = [start.x, start.y, start.x + 1, start.y + 1];
  const reach = diagonal ? 1 : 0;
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (reached[at]) continue;
    const y = Math.floor(at / width);
    const row = y * width;
    let [from, to] = [at - row, at - row + 1];
    while (from > 0 && !reached[row + from - 1] && joins(row + from - 1)) from--;
    while (to < width && !reached[row + to] && joins(row + to)) to++;
    reached.fill(1, row + from, row + to);
    [left, right] = [Math.min(left, from), Math.max(right, to)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
    for (const other of [y - 1, y + 1]) {
      if (other < 0 || other >= height) continue;
      const end = Math.min(width, to + reach);
      for (let x = Math.max(0, from - reach), inRun = false; x < end; x++) {
        const index = other * width + x;
        const open = !reached[index] && joins(index);
        if (open && !inRun) waiting.push(index);
        inRun = open;
      }
    }
  }
  return cutPatch(reached, width, { left, top, right, bottom });
}

/** The connected region (8 neighbours) of a layer that holds a pixel; empty where the layer is not set. */
export function regionPatch(layer: Uint8Array, at: ImagePoint, picture: Size): Patch {
  return flood(at, picture, (index) => layer[index] !== 0, true);
}

/** Pixels of a layer that no path over edges joins to the border. @param box around all that is set. */
export function holesPatch(layer: Uint8Array, picture: Size, box: Box | null): Patch {
  if (!box || isEmptyBox(box)) return NOTHING;
  return { box, data: holesOf(cutPatch(layer, picture.width, box).data, boxWidth(box), box.bottom - box.top) };
}

/** Largest difference of a colour channel that the wand takes in. */
export const WAND_TOLERANCE = { least: 0, most: 128, start: 24 } as const;

/**
 * Pixels joined over edges whose colour is near that of the one clicked.
 * @param rgba the picture, four bytes a pixel; @param tolerance largest difference of any channel, 0–255.
 */
export function wandPatch(rgba: Uint8ClampedArray, at: ImagePoint, tolerance: number, picture: Size): Patch {
  const seed = (at.y * picture.width + at.x) * 4;
  const [red, green, blue] = [rgba[seed], rgba[seed + 1], rgba[seed + 2]];
  const near = (index: number) => {
    const i = index * 4;
    return (
      Math.abs(rgba[i] - red) <= tolerance &&
      Math.abs(rgba[i + 1] - green) <= tolerance &&
      Math.abs(rgba[i + 2] - blue) <= tolerance
    );
  };
  return flood(at, picture, near, false);
}
