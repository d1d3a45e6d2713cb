/** Filled polygons and boxes. */
import { clipBox, type ImagePoint, isEmptyBox, type Size } from '../geometry.ts';
import { boxWidth, emptyPatch, type Patch } from './bitmap.ts';

const NOTHING = emptyPatch({ left: 0, top: 0, right: 0, bottom: 0 });

/** Pixels between two corners, both corners' pixels included. */
export function boxPatch(a: ImagePoint, b: ImagePoint, picture: Size): Patch {
  const box = clipBox(
    {
      left: Math.floor(Math.min(a.x, b.x)),
      top: Math.floor(Math.min(a.y, b.y)),
      right: Math.floor(Math.max(a.x, b.x)) + 1,
      bottom: Math.floor(Math.max(a.y, b.y)) + 1,
    },
    picture,
  );
  if (isEmptyBox(box)) return NOTHING;
  const patch = emptyPatch(box);
  patch.data.fill(1);
  return patch;
}

/** Pixels whose centre lies inside a closed polygon, even-odd rule. Fewer than three corners give nothing. */
export function polygonPatch(corners: readonly ImagePoint[], picture: Size): Patch {
  if (corners.length < 3) return NOTHING;
  const box = clipBox(
    {
      left: Math.floor(Math.min(...corners.map(({ x }) => x))),
      top: Math.floor(Math.min(...corners.map(({ y }) => y))),
      right: Math.ceil(Math.max(...corners.map(({ x }) => x))),
      bottom: Math.ceil(Math.max(...corners.map(({ y }) => y))),
    },
    picture,
  );
  if (isEmptyBox(box)) return NOTHING;
  const patch = emptyPatch(box);
  const width = boxWidth(box);
  for (let y = box.top; y < box.bottom; y++) {
    const crossings: number[] = [];
    for (let i = 0; i < corners.length; i++) {
      const [a, b] = [corners[i], corners[(i + 1) % corners.length]];
      const middle = y + 0.5;
      // Half-open in y, so that a corner on the line is counted once.
      if (a.y <= middle === b.y <= middle) continue;
      crossings.push(a.x + ((middle - a.y) / (b.y - a.y)) * (b.x - a.x));
    }
    crossings.sort((one, other) => one - other);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const from = Math.max(box.left, Math.ceil(crossings[i] - 0.5));
      const to = Math.min(box.right, Math.ceil(crossings[i + 1] - 0.5));
      if (to > from) patch.data.fill(1, (y - box.top) * width + from - box.left, (y - box.top) * width + to - box.left);
    }
  }
  return patch;
}
