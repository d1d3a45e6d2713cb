/**
 * Where the network looks on a grid that is larger than those it was trained on (ours): at a window around each click, and at more of
 * them as far as the defect reaches. What it does not look at stays as it was.
 */
import { CLICK_THRESHOLD } from '../clicks/annotator.ts';
import { cellOf } from '../features/grid.ts';
import type { Box } from '../image/components.ts';
import type { ModelPoint } from '../image/points.ts';
import { TOKEN } from '../networks/adclick.ts';

// Boxes are in tokens unless they are called pixels.

/** A size in tokens. */
interface Tokens {
  readonly height: number;
  readonly width: number;
}

/** Tokens of the largest grid that is looked at whole: one of 512 × 512 pixels, whatever its aspect and rounding. */
const WHOLE = 1.15 * 64 * 64;
/** Longest side of a window of such a grid's shape. */
const SIDE = 64;
/** Windows begin at multiples of this, as the network's own windows do. */
const STEP = 8;
/** A click nearer than this to the border of the last window, inside the picture, gets a window of its own. */
const MARGIN = 12;
/** Windows a click, at most. */
export const MOST_WINDOWS = 4;
/** Pixels over which a window fades into what was there before. */
const FADE = 32;

/** The size of a window; the grid's own where that is looked at whole. */
export function windowSize({ height, width }: Tokens): Tokens {
  if (height * width <= WHOLE) return { height, width };
  const along = (side: number, other: number) =>
    other <= SIDE ? Math.min(side, STEP * Math.floor((SIDE * SIDE) / other / STEP)) : Math.min(side, SIDE);
  return { height: along(height, width), width: along(width, height) };
}

const within = (start: number, size: number, side: number) =>
  Math.min(Math.max(STEP * Math.round(start / STEP), 0), side - size);

/** The window for a click: the last one while the click lies well inside it, else one around the click. */
export function windowAround(click: ModelPoint, grid: Tokens, last: Box | undefined): Box {
  const { x, y } = cellOf(click);
  const inside = (at: number, start: number, size: number, side: number) =>
    (start === 0 || at >= start + MARGIN) && (start + size === side || at < start + size - MARGIN);
  if (last && inside(x, last.x, last.width, grid.width) && inside(y, last.y, last.height, grid.height)) return last;
  const { height, width } = windowSize(grid);
  return {
    x: within(x - width / 2, width, grid.width),
    y: within(y - height / 2, height, grid.height),
    width,
    height,
  };
}

/** Windows that cover a grid side by side. */
export function allWindows(grid: Tokens): Box[] {
  const { height, width } = windowSize(grid);
  const starts = (size: number, side: number) => {
    const count = Math.ceil(side / size);
    return Array.from({ length: count }, (_, i) =>
      count === 1 ? 0 : within((i * (side - size)) / (count - 1), size, side),
    );
  };
  return starts(height, grid.height).flatMap((y) => starts(width, grid.width).map((x) => ({ x, y, width, height })));
}

/** Windows beside one, half a window further, wherever its mask reaches its border inside the picture. @param drawn probability, of the window's pixels. */
export function windowsBeside(box: Box, drawn: Float32Array, grid: Tokens): Box[] {
  const [columns, rows] = [TOKEN * box.width, TOKEN * box.height];
  const reaches = (left: number, top: number, right: number, bottom: number) => {
    for (let y = top; y < bottom; y++)
      for (let x = left; x < right; x++) if (drawn[y * columns + x] > CLICK_THRESHOLD) return true;
    return false;
  };
  const beside: Box[] = [];
  const add = (x: number, y: number) =>
    beside.push({ ...box, x: within(x, box.width, grid.width), y: within(y, box.height, grid.height) });
  const rim = FADE / 2;
  if (box.x > 0 && reaches(0, 0, rim, rows)) add(box.x - box.width / 2, box.y);
  if (box.x + box.width < grid.width && reaches(columns - rim, 0, columns, rows)) add(box.x + box.width / 2, box.y);
  if (box.y > 0 && reaches(0, 0, columns, rim)) add(box.x, box.y - box.height / 2);
  if (box.y + box.height < grid.height && reaches(0, rows - rim, columns, rows)) add(box.x, box.y + box.height / 2);
  return beside;
}

/** Cuts cells of `channels` values out of a raster that is `width` cells wide. @param planes such rasters behind one another. */
export function cutBox(from: Float32Array, width: number, channels: number, box: Box, planes = 1): Float32Array {
  const [area, row] = [from.length / planes, box.width * channels];
  if (area === box.height * row) return from.slice();
  const out = new Float32Array(planes * box.height * row);
  for (let plane = 0, to = 0; plane < planes; plane++)
    for (let y = 0; y < box.height; y++, to += row) {
      const at = plane * area + ((box.y + y) * width + box.x) * channels;
      out.set(from.subarray(at, at + row), to);
    }
  return out;
}

/** What the network drew in a window. */
export interface Look {
  readonly box: Box;
  /** Probability, of the window's pixels. */
  readonly drawn: Float32Array;
}

/**
 * One map of all windows: their mean where they overlap, each counting less towards its border inside the picture; beyond them, and
 * fading into it, the map before; nothing where there was none.
 */
export function joined(looks: readonly Look[], grid: Tokens, before?: Float32Array): Float32Array {
  const [width, height] = [TOKEN * grid.width, TOKEN * grid.height];
  const [first] = looks;
  if (first.box.width === grid.width && first.box.height === grid.height) return first.drawn;
  const boxes = looks.map(({ box }) => box);
  const [left, top] = [Math.min(...boxes.map(({ x }) => x)), Math.min(...boxes.map(({ y }) => y))].map(inPixels);
  const right = inPixels(Math.max(...boxes.map((box) => box.x + box.width)));
  const bottom = inPixels(Math.max(...boxes.map((box) => box.y + box.height)));
  const columns = right - left;
  const sum = new Float32Array(columns * (bottom - top));
  const counted = new Float32Array(sum.length);
  for (const { box, drawn } of looks) {
    const across = ramp(inPixels(box.x), inPixels(box.width), width);
    const down = ramp(inPixels(box.y), inPixels(box.height), height);
    for (let y = 0, i = 0; y < down.length; y++)
      for (
        let x = 0, at = (inPixels(box.y) - top + y) * columns + inPixels(box.x) - left;
        x < across.length;
        x++, i++, at++
      ) {
        const share = across[x] * down[y];
        sum[at] += share * drawn[i];
        counted[at] += share;
      }
  }
  const map = before?.slice() ?? new Float32Array(width * height);
  for (let y = top, i = 0; y < bottom; y++)
    for (let at = y * width + left, end = at + columns; at < end; at++, i++) {
      if (counted[i] === 0) continue;
      const share = before ? Math.min(1, counted[i]) : 1;
      map[at] = (share * sum[i]) / counted[i] + (1 - share) * map[at];
    }
  return map;
}

const inPixels = (tokens: number) => TOKEN * tokens;

/** Weights along a window's side: one, and less over {@link FADE} pixels towards an end inside the picture. */
function ramp(start: number, size: number, side: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => {
    const low = start > 0 ? (i + 0.5) / FADE : 1;
    const high = start + size < side ? (size - i - 0.5) / FADE : 1;
    return Math.min(1, low, high);
  });
}
