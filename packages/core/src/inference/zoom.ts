/** Where to look closer: the region around clicked defects of a few tokens, and how its prediction joins the whole picture's. */
import { CLICK_THRESHOLD } from '../clicks/annotator.ts';
import type { ImageClick } from '../clicks/types.ts';
import { connectedComponents } from '../image/components.ts';
import { type ImageBox, imageBox } from '../image/points.ts';
import type { Plane } from '../image/types.ts';

// Lengths are in pixels of the model grid; callers scale them to the image.

/** Defects longer than this (12 tokens) are seen well enough without zoom. */
const LONGEST = 96;
/** The region's side is this many times the defect's extent; 2.25 gave lower IoU on tyres and wire mesh than 4. */
const CONTEXT = 4;
/** Shortest and longest side of a region. */
const SIDE = [160, 320] as const;
/** A predicted blob belongs to a click at most this far away. */
const REACH = 8;
/** Pixels of the image over which the zoomed prediction fades into the whole picture's. */
const FEATHER = 8;

interface Extent {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const grow = (box: Extent, left: number, top: number, right: number, bottom: number): Extent => ({
  left: Math.min(box.left, left),
  top: Math.min(box.top, top),
  right: Math.max(box.right, right),
  bottom: Math.max(box.bottom, bottom),
});

/** The box of all positive clicks and of the predicted blobs at them; undefined without a positive click. */
function clickedExtent(probability: Plane, clicks: readonly ImageClick[], reach: number): Extent | undefined {
  const positives = clicks.filter((click) => click.positive);
  if (positives.length === 0) return undefined;
  const { width, height, data } = probability;
  const predicted = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) predicted[i] = data[i] > CLICK_THRESHOLD ? 1 : 0;
  const { boxes } = connectedComponents(predicted, width, height, 8);
  let extent: Extent = { left: width, top: height, right: -1, bottom: -1 };
  for (const { x, y } of positives) extent = grow(extent, x, y, x, y);
  for (const box of boxes) {
    const [right, bottom] = [box.x + box.width - 1, box.y + box.height - 1];
    const clicked = positives.some(
      ({ x, y }) => x >= box.x - reach && x <= right + reach && y >= box.y - reach && y <= bottom + reach,
    );
    if (clicked) extent = grow(extent, box.x, box.y, right, bottom);
  }
  return extent;
}

/**
 * The square to zoom into after a prediction, or undefined when the clicked defect is large, or too large for a square in this picture.
 * @param probability at the image's size, as clicks and boxes are.
 * @param scale pixels of the image a pixel of the model grid, along each axis.
 * @param current the region in use, kept as long as it holds the defect.
 */
export function chooseRegion(
  probability: Plane,
  clicks: readonly ImageClick[],
  scale: number,
  current?: ImageBox,
): ImageBox | undefined {
  const extent = clickedExtent(probability, clicks, REACH * scale);
  if (!extent) return undefined;
  const longest = Math.max(extent.right - extent.left, extent.bottom - extent.top) + 1;
  if (longest > LONGEST * scale) return undefined;
  const holds =
    current &&
    extent.left >= current.x &&
    extent.top >= current.y &&
    extent.right < current.x + current.width &&
    extent.bottom < current.y + current.height;
  if (holds) return current;
  const { width, height } = probability;
  const side = Math.round(Math.min(Math.max(longest * CONTEXT, SIDE[0] * scale), SIDE[1] * scale, width, height));
  const place = (low: number, high: number, size: number) =>
    Math.round(Math.min(Math.max((low + high + 1 - side) / 2, 0), size - side));
  return imageBox({
    x: place(extent.left, extent.right, width),
    y: place(extent.top, extent.bottom, height),
    width: side,
    height: side,
  });
}

/** The whole picture's map with a region's prediction (at the region's size) in its place, faded at borders inside the picture. */
export function mergeRegion(whole: Plane, part: Plane, region: ImageBox): Plane {
  const { width, height } = whole;
  const data = whole.data.slice();
  const weight = (at: number, size: number, start: number, end: number) =>
    Math.min(1, start > 0 ? (at + 0.5) / FEATHER : 1, end > 0 ? (size - at - 0.5) / FEATHER : 1);
  for (let y = 0; y < region.height; y++) {
    const rowWeight = weight(y, region.height, region.y, height - region.y - region.height);
    for (let x = 0; x < region.width; x++) {
      const w = Math.min(rowWeight, weight(x, region.width, region.x, width - region.x - region.width));
      const at = (region.y + y) * width + region.x + x;
      data[at] = (1 - w) * data[at] + w * part.data[y * region.width + x];
    }
  }
  return { data, width, height, channels: 1 };
}
