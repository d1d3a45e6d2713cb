/** Run lengths column by column, as COCO and Datumaro keep masks, and COCO's way to write them as text. */
import { decodeRle, type Rle } from '@adclick/core/geometry';
import { boundsOf, type Painter } from './painter.ts';
import { type Place, within, wrong } from './place.ts';

/** Run lengths of a bitmap column by column: zeros and ones in turn, zeros first, up to the last pixel. */
export function columnCounts(rle: Rle): number[] {
  const { width, height } = rle;
  const box = boundsOf(rle);
  if (!box) return [width * height];
  const data = decodeRle(rle);
  const counts: number[] = [];
  let [start, current] = [0, 0];
  const change = (at: number, value: number) => {
    counts.push(at - start);
    [start, current] = [at, value];
  };
  for (let x = box.x; x < box.x + box.width; x++) {
    // Above and below the box there are zeros: ones at the lower end of a column end there, or go on at the upper end of the next.
    if (current === 1 && box.y > 0) change(x * height, 0);
    for (let y = box.y; y <= Math.min(height - 1, box.y + box.height); y++) {
      const value = data[y * width + x];
      if (value !== current) change(x * height + y, value);
    }
  }
  if (current === 1 && box.x + box.width < width) change((box.x + box.width) * height, 0);
  counts.push(width * height - start);
  return counts;
}

/**
 * Sets the pixels of column run lengths; all of them are checked before the first is set.
 * @param spend is told how many before any is set.
 * @returns how many pixels they cover. @throws ADC_EXCHANGE_FILE when they are not as long as the bitmap.
 */
export function paintColumns(
  counts: readonly number[],
  into: Uint8Array,
  width: number,
  height: number,
  place: Place,
  spend: (pixels: number) => void = () => undefined,
): number {
  let [end, covered] = [0, 0];
  for (const [i, count] of counts.entries()) {
    if (!Number.isInteger(count) || count < 0 || end + count > width * height)
      throw wrong(within(place, i), `a run of ${count} does not fit into ${width} x ${height} pixels`);
    end += count;
    if (i % 2 === 1) covered += count;
  }
  if (end !== width * height) throw wrong(place, `the runs end after ${end} of ${width * height} pixels`);
  spend(covered + counts.length);
  let at = 0;
  for (const [i, count] of counts.entries()) {
    if (i % 2 === 1)
      for (let pixel = at; pixel < at + count; pixel++) into[(pixel % height) * width + Math.floor(pixel / height)] = 1;
    at += count;
  }
  return covered;
}

/** A mask as COCO and Datumaro keep it: height and width, and run lengths as text or as numbers. */
export interface ColumnMask {
  readonly size: readonly [height: number, width: number];
  readonly counts: string | readonly number[];
}

/**
 * Sets the pixels of a mask.
 * @returns how many pixels it covers. @throws ADC_EXCHANGE_FILE when it has another size than the image, or runs that do not fit it.
 */
export function paintColumnMask(painter: Painter, type: string, mask: ColumnMask, place: Place): number {
  const { width, height } = painter;
  const [rows, columns] = mask.size;
  if (rows !== height || columns !== width)
    throw wrong(within(place, 'size'), `${columns} x ${rows} is not the image's ${width} x ${height}`);
  const at = within(place, 'counts');
  const runs = typeof mask.counts === 'string' ? textToCounts(mask.counts, at) : mask.counts;
  return paintColumns(runs, painter.bitmap(type), width, height, at, (pixels) => painter.spend(pixels));
}

/** First character of COCO's text, and the bits that each character carries beside the one that says "more". */
const ZERO = 48;
const BITS = 5;
/** Runs that a mask may have. */
const MOST_RUNS = 20_000_000;

/**
 * Run lengths as COCO writes them in text: from the fourth on, each as the difference to the one two before; then in groups of 5 bits,
 * lowest first, with a sixth bit for "more follows"; then as characters from `0` on.
 */
export function countsToText(counts: readonly number[]): string {
  const codes: number[] = [];
  counts.forEach((count, i) => {
    let rest = i > 2 ? count - counts[i - 2] : count;
    for (;;) {
      const group = rest & 31;
      rest >>= BITS;
      // The highest bit of the last group is the sign of all above it.
      const last = rest === (group & 16 ? -1 : 0);
      codes.push(ZERO + group + (last ? 0 : 32));
      if (last) break;
    }
  });
  let text = '';
  for (let i = 0; i < codes.length; i += 4096) text += String.fromCharCode(...codes.slice(i, i + 4096));
  return text;
}

/** Run lengths from COCO's text. @throws ADC_EXCHANGE_FILE for characters and values that it cannot hold. */
export function textToCounts(text: string, place: Place): number[] {
  const counts: number[] = [];
  let [value, shift] = [0, 0];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i) - ZERO;
    if (code < 0 || code > 63) throw wrong(place, `character ${i + 1} is none of run lengths`);
    if (shift > 30) throw wrong(place, `the run length before character ${i + 1} is too large`);
    value += (code & 31) * 2 ** shift;
    shift += BITS;
    if (code & 32) continue;
    if (code & 16) value -= 2 ** shift;
    const n = counts.length;
    if (n === MOST_RUNS) throw wrong(place, `it has more than ${MOST_RUNS} runs`);
    counts.push(n > 2 ? value + counts[n - 2] : value);
    [value, shift] = [0, 0];
  }
  if (shift > 0) throw wrong(place, 'the text ends in the middle of a run length');
  return counts;
}
