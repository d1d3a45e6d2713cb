/** The parts of a probability map: connected pixels above a level. */
import { type Box, connectedComponents } from '../image/components.ts';
import type { ModelPoint } from '../image/points.ts';
import { Scratch } from '../image/scratch.ts';

/** What becomes of a pixel above the threshold that the mask does not get: it might belong, or it does not. */
export const [CANDIDATE, AWAY] = [1, 2];

/** Probabilities of a map are told apart this near to 0 and 1, and no nearer. */
export const LEAST = 1e-6;

const maskScratch = new Scratch((length) => new Uint8Array(length));
const labelScratch = new Scratch((length) => new Int32Array(length));

/** The parts of a map: connected pixels above a level, numbered from 1. Of use until others are looked for. */
export class Parts {
  readonly count: number;
  private readonly labels: Int32Array;
  private readonly box: Box;
  private readonly width: number;

  /** @param level probability above which a pixel belongs to a part. @param out what is {@link AWAY} in it belongs to none. */
  constructor(
    map: Float32Array,
    { width, height }: { readonly width: number; readonly height: number },
    level: number,
    out?: Uint8Array,
  ) {
    this.width = width;
    let [left, right, top, bottom] = [width, -1, height, -1];
    for (let y = 0, i = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        if (!(map[i] > level) || out?.[i] === AWAY) continue;
        if (x < left) left = x;
        if (x > right) right = x;
        if (y < top) top = y;
        bottom = y;
      }
    // Most of a picture is good: only the rectangle that has everything is looked at.
    this.box = { x: left, y: top, width: Math.max(0, right - left + 1), height: Math.max(0, bottom - top + 1) };
    const area = this.box.width * this.box.height;
    const mask = maskScratch.take(area);
    for (let y = top, j = 0; y <= bottom; y++)
      for (let x = left, i = y * width + left; x <= right; x++, i++, j++)
        mask[j] = map[i] > level && out?.[i] !== AWAY ? 1 : 0;
    const { labels, count } = connectedComponents(mask, this.box.width, this.box.height, 8, labelScratch.take(area));
    this.labels = labels;
    this.count = count;
  }

  /** The part at a place, 0 where there is none. */
  at({ x, y }: ModelPoint): number {
    const { box } = this;
    const [u, v] = [x - box.x, y - box.y];
    return u >= 0 && v >= 0 && u < box.width && v < box.height ? this.labels[v * box.width + u] : 0;
  }

  /** Visits each pixel of each part. */
  each(visit: (pixel: number, part: number) => void): void {
    const { box, labels, width } = this;
    for (let v = 0, j = 0; v < box.height; v++)
      for (let u = 0, pixel = (box.y + v) * width + box.x; u < box.width; u++, pixel++, j++)
        if (labels[j] > 0) visit(pixel, labels[j]);
  }
}
