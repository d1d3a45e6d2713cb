/**
 * Large pictures in bands of whole rows: what is made of all of one at once takes memory with its size, what is made of one band after
 * another does not (ours). A band is looked at with as many rows around it as what is made of it depends on, so that nothing differs.
 */

/** Rows of tokens, from the first to behind the last. */
export interface Band {
  readonly from: number;
  readonly to: number;
}

/** Pixels of a grid from which on models give memory back at once (frugal) and one picture is in work at a time. */
const VAST = 3 * 2 ** 20;

/** Whether a grid is so large that memory comes before the last twentieth of time. */
export const isVast = ({ width, height }: { readonly width: number; readonly height: number }): boolean =>
  width * height > VAST;

/** Bands begin at multiples of this, as the tiles of a match and a network's own windows do. */
const STEP = 8;

/** Bands of about as many tokens that cover a grid from top to bottom; one where it has no more. */
export function bandsOf(
  { height, width }: { readonly height: number; readonly width: number },
  tokens: number,
): Band[] {
  const count = Math.max(1, Math.ceil((height * width) / tokens));
  const rows = Math.max(STEP, STEP * Math.ceil(height / count / STEP));
  return Array.from({ length: Math.ceil(height / rows) }, (_, i) => ({
    from: i * rows,
    to: Math.min((i + 1) * rows, height),
  }));
}

/** A band with the rows around it, as far as there are any. */
export const widened = ({ from, to }: Band, by: number, height: number): Band => ({
  from: Math.max(0, from - by),
  to: Math.min(height, to + by),
});

/** A band as it lies in one around it. */
export const within = ({ from, to }: Band, around: Band): Band => ({ from: from - around.from, to: to - around.from });
