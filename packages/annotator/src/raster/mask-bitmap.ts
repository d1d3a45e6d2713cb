/**
 * The mask of an image as the page holds it: one layer a defect type, and ONE indexed bitmap of what is on top, with a pyramid of halved
 * copies for zooming out and a dirty rectangle for those who draw it.
 */
import { encodeRle, type Rle } from '@adclick/core/geometry';
import { type Box, clipBox, type Size, uniteBoxes, wholeBox } from '../geometry.ts';
import { applyPatch, type Patch, rleBox } from './bitmap.ts';

/** A level of the pyramid: `data[i]` is 0 or the slot of the topmost type. */
export interface IndexLevel extends Size {
  readonly data: Uint8Array;
}

/** Levels are halved until the longer side has at most this many pixels. */
const SMALLEST = 512;

/** Slots of the index bitmap; slot 0 means nothing. */
const MOST_SLOTS = 255;

/** Calls back with first pixel and pixel after the last of every run of set pixels. */
function forEachSetRun({ counts }: Rle, visit: (start: number, end: number) => void): void {
  let at = 0;
  for (let i = 0; i < counts.length; i++) {
    if (i % 2 === 1 && counts[i] > 0) visit(at, at + counts[i]);
    at += counts[i];
  }
}

const setRuns = ({ counts }: Rle): number => counts.reduce((sum, count, i) => sum + (i % 2 === 1 ? count : 0), 0);

function makeLevels({ width, height }: Size): IndexLevel[] {
  const levels: IndexLevel[] = [];
  for (let [w, h] = [width, height]; ; w = Math.ceil(w / 2), h = Math.ceil(h / 2)) {
    levels.push({ width: w, height: h, data: new Uint8Array(w * h) });
    if (Math.max(w, h) <= SMALLEST) return levels;
  }
}

/** Layers and index of one image. */
export class MaskBitmap {
  readonly width: number;
  readonly height: number;
  /** From full size down. A coarse pixel shows a type as soon as one of its pixels does, so that thin defects stay in sight. */
  readonly levels: readonly IndexLevel[];
  private readonly layers = new Map<number, Uint8Array>();
  /** Type of slot i + 1, in the order in which types came; a later one lies on top. */
  private readonly slots: number[] = [];
  private changed: Box | null = null;
  /** Set pixels of each layer, kept up to date so that asking is free. */
  private readonly areas = new Map<number, number>();
  /** A box around all set pixels of each layer; it may be larger than needed. */
  private readonly extents = new Map<number, Box | null>();

  constructor(size: Size) {
    this.width = size.width;
    this.height = size.height;
    this.levels = makeLevels(size);
  }

  /** Types that have a layer with at least one pixel. */
  types(): number[] {
    return [...this.areas].filter(([, area]) => area > 0).map(([type]) => type);
  }

  /** Type of a slot of the index bitmap. */
  typeOfSlot(slot: number): number | undefined {
    return this.slots[slot - 1];
  }

  slotTypes(): readonly number[] {
    return this.slots;
  }

  /** A type's pixels, 0 or 1 each; undefined when there are none. Callers do not write into it. */
  layer(type: number): Uint8Array | undefined {
    return this.layers.get(type);
  }

  /** Topmost type at a pixel. */
  typeAt(x: number, y: number): number | undefined {
    return this.typeOfSlot(this.levels[0].data[y * this.width + x]);
  }

  area(type: number): number {
    return this.areas.get(type) ?? 0;
  }

  rle(type: number): Rle {
    const data = this.layers.get(type);
    return data ? encodeRle(data, this.width, this.height) : { width: this.width, height: this.height, counts: [] };
  }

  /** Replaces a type's layer; an empty one removes it. */
  setLayer(type: number, rle: Rle): void {
    if (rle.width !== this.width || rle.height !== this.height)
      throw new RangeError(`mask of ${rle.width} x ${rle.height} for a picture of ${this.width} x ${this.height}`);
    const layer = this.own(type);
    const extent = rleBox(rle);
    const around = uniteBoxes(this.extents.get(type) ?? null, extent);
    this.extents.set(type, extent);
    this.areas.set(type, setRuns(rle));
    if (!around) return;
    const [from, to] = [around.top * this.width, around.bottom * this.width];
    const before = layer.slice(from, to);
    layer.fill(0, from, to);
    forEachSetRun(rle, (start, end) => layer.fill(1, start, end));
    const box = this.differenceBox(before, layer.subarray(from, to), around.top);
    if (box) this.refresh(box, this.slots.indexOf(type) + 1);
  }

  /** Sets or clears pixels of a type. @returns how many changed. */
  paint(type: number, patch: Patch, value: 0 | 1): number {
    if (value === 0 && !this.layers.has(type)) return 0;
    const count = applyPatch(this.own(type), this.width, patch, value);
    if (count > 0) this.took(type, clipBox(patch.box, this), value === 1 ? count : -count);
    return count;
  }

  /** Sets or clears pixels given as run lengths of the whole picture. */
  paintRle(type: number, rle: Rle, value: 0 | 1): void {
    const box = rleBox(rle);
    if (!box || (value === 0 && !this.layers.has(type))) return;
    const layer = this.own(type);
    let before = 0;
    forEachSetRun(rle, (start, end) => {
      for (let i = start; i < end; i++) before += layer[i];
      layer.fill(value, start, end);
    });
    this.took(type, box, value === 1 ? setRuns(rle) - before : -before);
  }

  clear(): void {
    this.layers.clear();
    this.areas.clear();
    this.extents.clear();
    for (const { data } of this.levels) data.fill(0);
    this.changed = wholeBox(this);
  }

  /** What has to be drawn again since the last call, in pixels of the full size. */
  takeDirty(): Box | null {
    const box = this.changed;
    this.changed = null;
    return box;
  }

  private own(type: number): Uint8Array {
    let layer = this.layers.get(type);
    if (!layer) {
      layer = new Uint8Array(this.width * this.height);
      this.layers.set(type, layer);
    }
    if (!this.slots.includes(type)) {
      if (this.slots.length >= MOST_SLOTS) throw new RangeError(`more than ${MOST_SLOTS} defect types in one image`);
      this.slots.push(type);
    }
    return layer;
  }

  /** Notes that pixels inside a box have changed and by how many the area has. */
  private took(type: number, box: Box, difference: number): void {
    this.areas.set(type, this.area(type) + difference);
    this.extents.set(type, uniteBoxes(this.extents.get(type) ?? null, box));
    this.refresh(box, this.slots.indexOf(type) + 1);
  }

  /** Where two stretches of whole rows differ; the first row is `above`. */
  private differenceBox(a: Uint8Array, b: Uint8Array, above: number): Box | null {
    const { width } = this;
    let [first, last] = [0, a.length - 1];
    while (first <= last && a[first] === b[first]) first++;
    if (first > last) return null;
    while (a[last] === b[last]) last--;
    const [top, bottom] = [Math.floor(first / width), Math.floor(last / width) + 1];
    let [left, right] = [width, 0];
    for (let y = top; y < bottom; y++) {
      const row = y * width;
      let x = 0;
      while (x < left && a[row + x] === b[row + x]) x++;
      left = Math.min(left, x);
      x = width - 1;
      while (x >= right && a[row + x] === b[row + x]) x--;
      right = Math.max(right, x + 1);
    }
    return { left, top: top + above, right, bottom: bottom + above };
  }

  /** Brings index and pyramid up to date inside a box after the layer of `slot` changed there. */
  private refresh(box: Box, slot: number): void {
    const index = this.levels[0].data;
    const own = this.layers.get(this.slots[slot - 1]);
    const others = this.slots
      .map((type, i) => ({ slot: i + 1, data: this.layers.get(type) }))
      .filter((other) => other.slot !== slot && other.data)
      .reverse();
    for (let y = box.top; y < box.bottom; y++)
      for (let i = y * this.width + box.left; i < y * this.width + box.right; i++) {
        let top = own?.[i] ? slot : 0;
        for (const other of others)
          if (other.slot > top && other.data?.[i]) {
            top = other.slot;
            break;
          }
        index[i] = top;
      }
    let fine = box;
    for (let level = 1; level < this.levels.length; level++) fine = this.halve(level, fine);
    this.changed = uniteBoxes(this.changed, box);
  }

  /** Recomputes a level from the one above inside a box of the level above. @returns the box in the level's own pixels. */
  private halve(level: number, box: Box): Box {
    const [from, to] = [this.levels[level - 1], this.levels[level]];
    const half = {
      left: box.left >> 1,
      top: box.top >> 1,
      right: Math.min(to.width, (box.right + 1) >> 1),
      bottom: Math.min(to.height, (box.bottom + 1) >> 1),
    };
    for (let y = half.top; y < half.bottom; y++)
      for (let x = half.left; x < half.right; x++) {
        const at = 2 * y * from.width + 2 * x;
        const right = 2 * x + 1 < from.width ? 1 : 0;
        const below = 2 * y + 1 < from.height ? from.width : 0;
        const { data } = from;
        to.data[y * to.width + x] = Math.max(data[at], data[at + right], data[at + below], data[at + below + right]);
      }
    return half;
  }
}
