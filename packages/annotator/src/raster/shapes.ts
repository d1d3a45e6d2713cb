/** Filled polygons and boxes. */
import { fillRings, type ImagePoint, pixelOf, toEdges } from '@adclick/core/geometry';
import { clipBox, isEmptyBox, type Size } from '../geometry.ts';
import { boxWidth, emptyPatch, type Patch } from './bitmap.ts';

const NOTHING = emptyPatch({ left: 0, top: 0, right: 0, bottom: 0 });

/** Pixels between two corners, both corners' pixels included. */
export function boxPatch(a: ImagePoint, b: ImagePoint, picture: Size): Patch {
  const [one, other] = [pixelOf(a), pixelOf(b)];
  const box = clipBox(
    {
      left: Math.min(one.x, other.x),
      top: Math.min(one.y, other.y),
      right: Math.max(one.x, other.x) + 1,
      bottom: Math.max(one.y, other.y) + 1,
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
  const edges = corners.map(toEdges);
  const box = clipBox(
    {
      left: Math.floor(Math.min(...edges.map(({ x }) => x))),
      top: Math.floor(Math.min(...edges.map(({ y }) => y))),
      right: Math.ceil(Math.max(...edges.map(({ x }) => x))),
      bottom: Math.ceil(Math.max(...edges.map(({ y }) => y))),
    },
    picture,
  );
  if (isEmptyBox(box)) return NOTHING;
  const patch = emptyPatch(box);
  const ring = edges.flatMap(({ x, y }) => [x - box.left, y - box.top]);
  fillRings([ring], patch.data, boxWidth(box), box.bottom - box.top);
  return patch;
}
