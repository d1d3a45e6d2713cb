/** Overlapping windows of a picture: what the network says of each, averaged where they overlap (the paper's "with sliding"). */
import { add, concat, type Graph, mul, pad, slice, type Value } from '@adclick/ortgrad';
import { TOKEN } from './adclick.ts';

/** In tokens. */
export interface SlidingWindow {
  readonly side: number;
  readonly stride: number;
}

/** The published one; training crops have the same side. */
export const SLIDING_WINDOW: SlidingWindow = { side: 32, stride: 8 };

/** Where windows begin along an axis of so many tokens; the last one ends where the axis does. */
export function windowStarts(tokens: number, { side, stride }: SlidingWindow): number[] {
  const room = Math.max(0, tokens - side);
  return Array.from({ length: Math.ceil(room / stride) + 1 }, (_, n) => Math.min(n * stride, room));
}

/** Cuts every window out of a value of one picture, one behind the other: (1, …, rows, columns, …) -> (windows, …). */
export type CutWindows = (x: Value, rows: { readonly axis: number; readonly perToken: number }) => Value;

/**
 * @param look builds what is said of the windows, (windows, 8·side, 8·side), from what it cuts out of the picture.
 * @returns the mean of what is said of each pixel, (1, 8·height, 8·width).
 */
export function slideOver(
  graph: Graph,
  [height, width]: readonly [number, number],
  window: SlidingWindow,
  look: (cut: CutWindows) => Value,
): Value {
  const [h, w] = [Math.min(window.side, height), Math.min(window.side, width)];
  const places = windowStarts(height, window).flatMap((top) =>
    windowStarts(width, window).map((left) => [top, left] as const),
  );
  const said = look((x, { axis, perToken }) =>
    concat(
      places.map(([top, left]) => {
        const band = slice(x, axis, top * perToken, (top + h) * perToken);
        return slice(band, axis + 1, left * perToken, (left + w) * perToken); // (1, …, side, side, …)
      }),
      0,
    ),
  ); // (windows, 8·side, 8·side)
  const [rows, columns] = [TOKEN * height, TOKEN * width];
  const share = new Float32Array(rows * columns);
  const placed = places.map(([top, left], n) => {
    for (let y = TOKEN * top; y < TOKEN * (top + h); y++)
      for (let x = TOKEN * left; x < TOKEN * (left + w); x++) share[y * columns + x] += 1;
    const one = pad(slice(said, 0, n, n + 1), 1, TOKEN * top, rows - TOKEN * (top + h)); // (1, 8·height, 8·side)
    return pad(one, 2, TOKEN * left, columns - TOKEN * (left + w)); // (1, 8·height, 8·width)
  });
  for (let i = 0; i < share.length; i++) share[i] = 1 / share[i];
  return mul(placed.reduce(add), graph.constant(share, [1, rows, columns]));
}
