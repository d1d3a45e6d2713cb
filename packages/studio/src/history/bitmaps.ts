/** Set operations on run-length bitmaps, straight on the runs: a 12-megapixel mask of a few regions costs as much as its outline. */
import type { Rle } from '@adclick/core/geometry';

/** A bitmap without a set pixel. */
export const emptyRle = (width: number, height: number): Rle => ({ width, height, counts: [] });

/** Whether no pixel is set. */
export const isEmptyRle = ({ counts }: Rle): boolean => counts.every((count, i) => i % 2 === 0 || count === 0);

/** Whether the runs lie inside the bitmap. */
export const fitsRle = ({ width, height, counts }: Rle): boolean =>
  counts.reduce((sum, count) => sum + count, 0) <= width * height;

/** Walks the runs of a bitmap; behind the last run all is 0. */
class Runs {
  on = false;
  end: number;
  private at = 0;

  constructor(private readonly counts: readonly number[]) {
    this.end = counts.length > 0 ? counts[0] : Number.POSITIVE_INFINITY;
  }

  /** Goes on to the run that holds a pixel. */
  seek(pixel: number): void {
    while (this.end <= pixel) {
      this.at++;
      if (this.at >= this.counts.length) {
        this.on = false;
        this.end = Number.POSITIVE_INFINITY;
      } else {
        this.on = this.at % 2 === 1;
        this.end += this.counts[this.at];
      }
    }
  }
}

/** Combines two bitmaps of one size pixel by pixel; `keep(false, false)` must be false. The result is in canonical form. */
export function combineRle(a: Rle, b: Rle, keep: (a: boolean, b: boolean) => boolean): Rle {
  const { width, height } = a;
  if (b.width !== width || b.height !== height)
    throw new RangeError(`combineRle: ${width} x ${height} and ${b.width} x ${b.height} are two sizes`);
  const size = width * height;
  const [left, right] = [new Runs(a.counts), new Runs(b.counts)];
  const counts: number[] = [];
  let start = 0;
  let current = false;
  for (let at = 0; at < size; at = Math.min(left.end, right.end, size)) {
    left.seek(at);
    right.seek(at);
    const value = keep(left.on, right.on);
    if (value === current) continue;
    counts.push(at - start);
    start = at;
    current = value;
  }
  if (current) counts.push(size - start);
  return { width, height, counts };
}

/** Pixels of either. */
export const uniteRle = (a: Rle, b: Rle): Rle => combineRle(a, b, (x, y) => x || y);

/** Pixels of the first that are not in the second. */
export const subtractRle = (a: Rle, b: Rle): Rle => combineRle(a, b, (x, y) => x && !y);

/** Number of 8-connected regions, found by joining the runs of neighbouring rows. */
export function countRegions({ width, height, counts }: Rle): number {
  const parents: number[] = [];
  const find = (run: number): number => {
    let root = run;
    while (parents[root] !== root) root = parents[root] = parents[parents[root]];
    return root;
  };
  let regions = 0;
  let above: [from: number, to: number, id: number][] = [];
  let row: [from: number, to: number, id: number][] = [];
  let y = 0;
  const nextRow = () => {
    above = row;
    row = [];
    y++;
  };
  const place = (from: number, to: number) => {
    const id = parents.push(parents.length) - 1;
    regions++;
    for (const [left, right, other] of above) {
      if (left > to || right < from) continue;
      const [a, b] = [find(id), find(other)];
      if (a === b) continue;
      parents[a] = b;
      regions--;
    }
    row.push([from, to, id]);
  };
  let at = 0;
  for (const [i, count] of counts.entries()) {
    if (i % 2 === 1)
      for (let from = at; from < at + count; ) {
        const line = Math.floor(from / width);
        if (line >= height) break;
        while (y < line) nextRow();
        const to = Math.min(at + count, (line + 1) * width);
        place(from - line * width, to - line * width);
        from = to;
      }
    at += count;
  }
  return regions;
}
