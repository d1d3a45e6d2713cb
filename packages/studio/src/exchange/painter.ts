/** Puts an image's layers together from the regions that a file holds: bitmaps, runs, polygons, boxes. */
import { decodeRle, encodeRle, fillRings, type Rle } from '@adclick/core/geometry';
import { fail } from '../errors.ts';
import type { Budget } from './budget.ts';
import { type Place, wrong } from './place.ts';
import type { LabelledImage, TypedLayer } from './types.ts';

/** Pixels that a picture may have; core decodes none that has more. */
const MOST_PIXELS = 100_000_000 - 1;
/** Pixels of all layers of an image together. */
const MOST_PAINTED = 1_000_000_000;

/** Checks the size of an image. @throws ADC_EXCHANGE_FILE, ADC_EXCHANGE_LIMIT. */
export function checkSize(width: number, height: number, place: Place): void {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1)
    throw wrong(place, `${width} x ${height} is no size of an image`);
  if (width * height > MOST_PIXELS || width > 100_000 || height > 100_000)
    throw fail('ADC_EXCHANGE_LIMIT', { path: place.file, what: `${place.field} is ${width} x ${height} pixels` });
}

/** Layers in the making. Regions of one type are united. */
export class Painter {
  private readonly layers = new Map<string, Uint8Array>();

  /** @throws ADC_EXCHANGE_FILE, ADC_EXCHANGE_LIMIT for a size that is none. */
  constructor(
    readonly width: number,
    readonly height: number,
    private readonly place: Place,
    private readonly budget?: Budget,
  ) {
    checkSize(width, height, place);
  }

  /** Takes pixels from the budget before they are touched. @throws ADC_EXCHANGE_BUDGET. */
  spend(pixels: number): void {
    this.budget?.spend(pixels);
  }

  /** The bitmap of a type, to set pixels in: 1 is set. */
  bitmap(type: string): Uint8Array {
    if (type.trim() === '') throw wrong(this.place, 'the name of a type is empty');
    let found = this.layers.get(type);
    if (!found) {
      if (this.layers.size >= 1000 || (this.layers.size + 1) * this.width * this.height > MOST_PAINTED)
        throw fail('ADC_EXCHANGE_LIMIT', {
          path: this.place.file,
          what: `${this.place.field} has masks of ${this.layers.size + 1} types on ${this.width} x ${this.height} pixels`,
        });
      // Once to make it, once to find its runs.
      this.spend(2 * this.width * this.height);
      found = new Uint8Array(this.width * this.height);
      this.layers.set(type, found);
    }
    return found;
  }

  /**
   * Sets the inside of rings.
   * @returns how many pixels are inside. @throws ADC_EXCHANGE_FILE when the coordinates are no numbers or too many.
   */
  fill(type: string, rings: readonly (readonly number[])[], place: Place): number {
    for (const ring of rings) {
      if (ring.length % 2 === 1 || ring.length < 6)
        throw wrong(place, `${ring.length} numbers are no polygon; it has at least 3 points of x and y`);
      if (!ring.every(Number.isFinite)) throw wrong(place, 'a coordinate is no number');
      this.spend(this.costOf(ring));
    }
    try {
      return fillRings(rings, this.bitmap(type), this.width, this.height);
    } catch (error) {
      if (error instanceof RangeError) throw wrong(place, error.message, error);
      throw error;
    }
  }

  /** Pixels in the box around a ring, and rows that its edges cross, all inside the image. */
  private costOf(ring: readonly number[]): number {
    const inside = (value: number, side: number) => Math.min(side, Math.max(0, value));
    let [left, top, right, bottom, rows] = [this.width, this.height, 0, 0, 0];
    let last = inside(ring[ring.length - 1], this.height);
    for (let i = 0; i < ring.length; i += 2) {
      const [x, y] = [inside(ring[i], this.width), inside(ring[i + 1], this.height)];
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
      rows += Math.abs(y - last);
      last = y;
    }
    return (right - left) * (bottom - top) + rows + ring.length;
  }

  /**
   * Sets the ones of a bitmap whose upper left pixel lies at `left`, `top`. What lies outside of the image is cut off.
   * @returns how many lie inside.
   */
  patch(type: string, data: ArrayLike<number>, width: number, height: number, left: number, top: number): number {
    const into = this.bitmap(type);
    const [firstRow, endRow] = [Math.max(0, -top), Math.min(height, this.height - top)];
    const [firstColumn, endColumn] = [Math.max(0, -left), Math.min(width, this.width - left)];
    this.spend(Math.max(0, endRow - firstRow) * Math.max(0, endColumn - firstColumn));
    let covered = 0;
    for (let row = firstRow; row < endRow; row++)
      for (let column = firstColumn; column < endColumn; column++) {
        if (!data[row * width + column]) continue;
        into[(top + row) * this.width + left + column] = 1;
        covered++;
      }
    return covered;
  }

  /**
   * Sets the ones of run lengths, zeros and ones in turn, row by row in a box whose upper left pixel lies at `left`, `top`. What lies
   * outside of the image is cut off. It takes no memory for the box.
   * @returns how many lie inside.
   */
  runs(type: string, counts: readonly number[], width: number, left: number, top: number): number {
    const into = this.bitmap(type);
    let [at, covered] = [0, 0];
    for (const [i, count] of counts.entries()) {
      for (let from = at; i % 2 === 1 && from < at + count; ) {
        const [column, y] = [from % width, top + Math.floor(from / width)];
        const length = Math.min(width - column, at + count - from);
        const [first, end] = [Math.max(0, left + column), Math.min(this.width, left + column + length)];
        if (y >= 0 && y < this.height && first < end) {
          this.spend(end - first);
          into.fill(1, y * this.width + first, y * this.width + end);
          covered += end - first;
        }
        from += length;
      }
      at += count;
    }
    return covered;
  }

  /** Sets a rectangle, turned clockwise around its centre by `degrees`. @returns how many pixels are inside. */
  box(type: string, x: number, y: number, width: number, height: number, place: Place, degrees = 0): number {
    if (width < 0 || height < 0) throw wrong(place, `${width} x ${height} is no size of a rectangle`);
    const corners = [x, y, x + width, y, x + width, y + height, x, y + height];
    return this.fill(type, [turn(corners, x + width / 2, y + height / 2, degrees)], place);
  }

  /** Sets an ellipse, turned clockwise around its centre by `degrees`. @returns how many pixels are inside. */
  ellipse(type: string, cx: number, cy: number, rx: number, ry: number, place: Place, degrees = 0): number {
    // A corner at least every half pixel of the way round, so that no centre is missed.
    const count = Math.min(20_000, Math.max(32, Math.ceil(4 * Math.PI * Math.max(rx, ry)) || 0));
    const ring: number[] = [];
    for (let i = 0; i < count; i++) {
      const angle = (2 * Math.PI * i) / count;
      ring.push(cx + rx * Math.cos(angle), cy + ry * Math.sin(angle));
    }
    return this.fill(type, [turn(ring, cx, cy, degrees)], place);
  }

  /** What was painted. Types without a pixel are left out; an image without any is good. */
  finish(path: string): LabelledImage {
    const layers: TypedLayer[] = [];
    for (const [type, data] of this.layers) {
      const rle = encodeRle(data, this.width, this.height);
      if (rle.counts.length > 0) layers.push({ type, rle });
    }
    return { path, width: this.width, height: this.height, state: layers.length > 0 ? 'defect' : 'good', layers };
  }
}

function turn(ring: number[], cx: number, cy: number, degrees: number): number[] {
  if (degrees === 0) return ring;
  const [sin, cos] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)];
  return ring.map((value, i) => {
    const [x, y] = i % 2 === 0 ? [value - cx, ring[i + 1] - cy] : [ring[i - 1] - cx, value - cy];
    return i % 2 === 0 ? cx + x * cos - y * sin : cy + x * sin + y * cos;
  });
}

/** Smallest rectangle that holds a bitmap's ones; undefined when there are none. */
export function boundsOf({ width, counts }: Rle): { x: number; y: number; width: number; height: number } | undefined {
  let [at, left, right, top, bottom] = [0, width, -1, -1, -1];
  counts.forEach((count, i) => {
    if (i % 2 === 1 && count > 0) {
      const last = at + count - 1;
      const rows = Math.floor(last / width) - Math.floor(at / width);
      if (top < 0) top = Math.floor(at / width);
      bottom = Math.floor(last / width);
      left = Math.min(left, rows > 0 ? 0 : at % width);
      right = Math.max(right, rows > 0 ? width - 1 : last % width);
    }
    at += count;
  });
  return right < 0 ? undefined : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** The part of a bitmap inside a rectangle, 0 or 1 a pixel. */
export function cropRle(rle: Rle, box: { x: number; y: number; width: number; height: number }): Uint8Array {
  const whole = decodeRle(rle);
  const out = new Uint8Array(box.width * box.height);
  for (let row = 0; row < box.height; row++) {
    const from = (box.y + row) * rle.width + box.x;
    out.set(whole.subarray(from, from + box.width), row * box.width);
  }
  return out;
}
