/** The model grid: the size at which the pictures of one product are seen, whatever their own size. */
import { type GridPoint, gridPoint, type ModelPoint } from '../image/points.ts';

/** Sides of a model grid are multiples of this, so that every stride up to 32 and blocks of 8 x 8 tokens divide them. */
export const GRID_STEP = 64;

/** Pixels of the model grid a token covers, along each axis. */
export const TOKEN_STRIDE = 8;

/** Default area of a model grid in pixels. */
export const DEFAULT_PIXELS = 512 * 512;

/** Area of the largest grid that {@link fittingPixels} takes by itself, and of the largest one where a least defect is named. */
const MOST_PIXELS = { unasked: 1024 * 1024, asked: 2048 * 2048 };

/** Pixels of the grid across the least defect that matters. */
const ACROSS = 2;

/** Pictures longer than this are squeezed to it: beyond, one side would have fewer tokens than a match needs. */
const MAX_ASPECT = 8;

/** A size in pixels. */
export interface GridSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Area of a grid for pictures of `width` x `height`: their own, at least {@link DEFAULT_PIXELS} and at most a megapixel; with a least
 * defect, as much as shows it two pixels wide, at most four megapixels and no more than the pictures have (ours). Time, memory and disk grow with it.
 * @param smallest narrow side, in pixels of the pictures, of the least defect that matters.
 */
export function fittingPixels({ width, height }: GridSize, smallest?: number): number {
  const own = width * height;
  const wanted = smallest === undefined ? own : own * (ACROSS / smallest) ** 2;
  const most = smallest === undefined ? MOST_PIXELS.unasked : Math.min(own, MOST_PIXELS.asked);
  return Math.max(DEFAULT_PIXELS, Math.min(wanted, most));
}

/**
 * Size of the model grid for pictures of `width` x `height`: the same aspect (up to 8:1), an area near the budget, whether
 * that shrinks or enlarges, and each side the nearest multiple of 64, at least 64.
 * @param options.pixels the area to aim at; 512 x 512 by default.
 * @example chooseGrid(306, 768) // { width: 320, height: 832 }
 */
export function chooseGrid(width: number, height: number, options: { readonly pixels?: number } = {}): GridSize {
  const { pixels = DEFAULT_PIXELS } = options;
  const aspect = Math.min(Math.max(width / height, 1 / MAX_ASPECT), MAX_ASPECT);
  const side = (length: number) => Math.max(GRID_STEP, Math.round(length / GRID_STEP) * GRID_STEP);
  return { width: side(Math.sqrt(pixels * aspect)), height: side(Math.sqrt(pixels / aspect)) };
}

/** The token cell that a pixel of the model grid lies in. */
export const cellOf = ({ x, y }: ModelPoint): GridPoint =>
  gridPoint(Math.floor(x / TOKEN_STRIDE), Math.floor(y / TOKEN_STRIDE));
