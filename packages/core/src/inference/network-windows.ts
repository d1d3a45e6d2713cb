/**
 * A trained network on a grid that is larger than those it was trained on (ours): it looks at windows of the size of such a grid, which
 * fade into each other. It sees residuals, descriptors and colours of the whole picture.
 */
import { add, concat, mul, slice, type Value } from '@adclick/ortgrad';
import { TOKEN_STRIDE } from '../features/grid.ts';
import { colourNormOn, normalisedColoursOn } from '../features/normalised-colours.ts';
import { windowSize } from './click-windows.ts';

/** What a trained network sees; values of one graph. */
export interface SegInputs {
  /** log(1 + r²/c), or r where the network asks for that, (1, h, w, D). */
  readonly residual: Value;
  /** The picture's own descriptors, each of length 1, (1, h, w, D). */
  readonly tokens: Value;
  /** See normOn; the map of a detector without a network, (1, h, w). */
  readonly norm: Value;
  /** The picture's normalised colours, of a part of it by the norm of the whole, (1, 3, 8h, 8w). */
  readonly colours: Value;
}

/** Windows begin at multiples of this, as the network's own windows do. */
const STEP = 8;
/** Tokens that neighbouring windows share, at least. */
const OVERLAP = 16;
/** Pixels over which one window fades into the next, in the middle of what they share. */
const FADE = 64;

/** Where windows of `size` tokens begin that cover a side. */
export function startsOf(side: number, size: number): number[] {
  if (size >= side) return [0];
  const count = Math.ceil((side - OVERLAP) / (size - OVERLAP));
  return Array.from({ length: count }, (_, i) =>
    i === count - 1 ? side - size : STEP * Math.floor((i * (side - size)) / (count - 1) / STEP),
  );
}

/** Rows of tokens that a network sees; colours are cut from the picture. */
type SeenRows = Omit<SegInputs, 'colours'>;

/**
 * What the network draws, logits (1, H, W).
 * @param image uint8 (1, H, W, 3). @param bands what it sees, from top to bottom, sides as its own windows.
 * @param draw builds the network on what it is shown.
 */
export function drawnOn(image: Value, bands: readonly SeenRows[], draw: (inputs: SegInputs) => Value): Value {
  const [, rows, columns] = image.shape as [number, number, number, number];
  const grid = { height: rows / TOKEN_STRIDE, width: columns / TOKEN_STRIDE };
  const size = windowSize(grid);
  const norm = colourNormOn(image);
  const tops = startsOf(grid.height, size.height);
  const lefts = startsOf(grid.width, size.width);
  const strips = tops.map((top) => {
    const seen = rowsOf(bands, top, top + size.height);
    const strip = cut(image, 1, TOKEN_STRIDE * top, TOKEN_STRIDE * size.height);
    const drawn = lefts.map((left) =>
      draw({
        residual: cut(seen.residual, 2, left, size.width),
        tokens: cut(seen.tokens, 2, left, size.width),
        norm: cut(seen.norm, 2, left, size.width),
        colours: normalisedColoursOn(cut(strip, 2, TOKEN_STRIDE * left, TOKEN_STRIDE * size.width), norm),
      }),
    ); // (1, 8 * side, 8 * side) each
    return fadedOn(drawn, lefts, 2); // (1, 8 * side, W)
  });
  return fadedOn(strips, tops, 1); // (1, H, W)
}

const cut = (x: Value, axis: number, from: number, count: number): Value => slice(x, axis, from, from + count);

/** Rows [from, to) of bands. */
function rowsOf(bands: readonly SeenRows[], from: number, to: number): SeenRows {
  let first = 0;
  const touched = bands.flatMap((band) => {
    const [start, end] = [first, first + band.norm.shape[1]];
    first = end;
    return start < to && end > from
      ? [{ band, from: Math.max(from, start) - start, to: Math.min(to, end) - start }]
      : [];
  });
  const joined = (of: (band: SeenRows) => Value) => {
    const parts = touched.map((each) => cut(of(each.band), 1, each.from, each.to - each.from));
    return concat(parts, 1);
  };
  return { residual: joined((b) => b.residual), tokens: joined((b) => b.tokens), norm: joined((b) => b.norm) };
}

/** Joins windows along an axis; each gives way to the next over {@link FADE} pixels in the middle of what they share. @param starts in tokens. */
export function fadedOn(windows: readonly Value[], starts: readonly number[], axis: number): Value {
  const { graph, shape } = windows[0];
  const length = shape[axis];
  const begin = starts.map((start) => TOKEN_STRIDE * start);
  const pieces: Value[] = [];
  let at = 0;
  for (const [i, window] of windows.entries()) {
    const next = windows[i + 1];
    if (!next) {
      pieces.push(slice(window, axis, at - begin[i], length));
      break;
    }
    const middle = (begin[i] + length + begin[i + 1]) / 2;
    const [from, to] = [middle - FADE / 2, middle + FADE / 2];
    pieces.push(slice(window, axis, at - begin[i], from - begin[i]));
    const share = Float32Array.from({ length: FADE }, (_, k) => (k + 0.5) / FADE);
    const along = [1, 1, 1].map((_, k) => (k === axis ? FADE : 1));
    pieces.push(
      add(
        mul(
          slice(window, axis, from - begin[i], to - begin[i]),
          graph.constant(
            share.map((s) => 1 - s),
            along,
          ),
        ),
        mul(slice(next, axis, from - begin[i + 1], to - begin[i + 1]), graph.constant(share, along)),
      ),
    );
    at = to;
  }
  return concat(pieces, axis);
}
