/** Bitmaps as run lengths, the form in which masks are stored and sent. Pure: the page uses it too. */

/**
 * A bitmap of `width` x `height`, row by row: lengths of runs of 0 and 1 in turn, beginning with 0 (a first run may be 0 long).
 * A run at the end of zeros is left out; an empty list is an empty bitmap.
 */
export interface Rle {
  readonly width: number;
  readonly height: number;
  readonly counts: readonly number[];
}

/** Encodes a bitmap, or a map: every value above `threshold` counts as 1. */
export function encodeRle(data: ArrayLike<number>, width: number, height: number, threshold = 0): Rle {
  if (data.length !== width * height)
    throw new RangeError(`encodeRle: ${data.length} values are not ${width} x ${height}`);
  const counts: number[] = [];
  let start = 0;
  let current = false;
  for (let i = 0; i < data.length; i++) {
    const set = data[i] > threshold;
    if (set === current) continue;
    counts.push(i - start);
    start = i;
    current = set;
  }
  if (current) counts.push(data.length - start);
  return { width, height, counts };
}

/** The bitmap of run lengths, 0 or 1 a pixel. @throws RangeError when the runs are longer than the bitmap or no whole numbers. */
export function decodeRle({ width, height, counts }: Rle): Uint8Array {
  const out = new Uint8Array(width * height);
  let at = 0;
  for (const [i, count] of counts.entries()) {
    if (!Number.isInteger(count) || count < 0 || at + count > out.length)
      throw new RangeError(`decodeRle: run ${i} of ${count} does not fit ${width} x ${height}`);
    if (i % 2 === 1) out.fill(1, at, at + count);
    at += count;
  }
  return out;
}

/** Number of set pixels. */
export const rleArea = ({ counts }: Rle): number =>
  counts.reduce((sum, count, i) => sum + (i % 2 === 1 ? count : 0), 0);

/** Places where the value changes, in order; the end of the bitmap is one where its last run is of ones. */
function edges({ counts }: Rle): number[] {
  let at = 0;
  const ends: number[] = [];
  for (const count of counts) {
    at += count;
    // Two changes at one place cancel.
    if (count === 0 && ends.length > 0) ends.pop();
    else ends.push(at);
  }
  return ends;
}

/** Pixels that are set in exactly one of two bitmaps of the same size: what has to change to get from one to the other. */
export function xorRle(a: Rle, b: Rle): Rle {
  const { width, height } = a;
  if (b.width !== width || b.height !== height)
    throw new RangeError(`xorRle: ${width} x ${height} and ${b.width} x ${b.height} are two sizes`);
  // The result changes its value wherever exactly one of the two does.
  const [left, right] = [edges(a), edges(b)];
  const changes: number[] = [];
  for (let i = 0, j = 0; i < left.length || j < right.length; ) {
    const [one, other] = [left[i] ?? Number.POSITIVE_INFINITY, right[j] ?? Number.POSITIVE_INFINITY];
    if (one !== other) changes.push(Math.min(one, other));
    if (one <= other) i++;
    if (other <= one) j++;
  }
  const counts = changes.map((at, i) => at - (changes[i - 1] ?? 0));
  return { width, height, counts };
}
