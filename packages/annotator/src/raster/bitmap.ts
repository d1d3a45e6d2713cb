/** Bitmaps that drawing tools make: a patch of 0 and 1 with its place in the picture, and what painting it changes. */
import { encodeRle } from '@adclick/core/geometry';
import type { Rle } from 'adclick/api';
import type { Box, Size } from '../geometry.ts';
import { isEmptyBox } from '../geometry.ts';

/** 0 or 1 a pixel over a box of the picture, row by row. Small tools make small patches, however large the picture. */
export interface Patch {
  readonly box: Box;
  readonly data: Uint8Array;
}

export const boxWidth = (box: Box): number => box.right - box.left;

export const emptyPatch = (box: Box): Patch => ({
  box,
  data: new Uint8Array(Math.max(0, box.right - box.left) * Math.max(0, box.bottom - box.top)),
});

/** Calls back with every run of set pixels of a patch: picture row, first column, column after the last. */
export function forEachRun(patch: Patch, visit: (y: number, from: number, to: number) => void): void {
  const { box, data } = patch;
  const width = boxWidth(box);
  for (let y = box.top, start = 0; y < box.bottom; y++, start += width) {
    for (let x = 0; x < width; x++) {
      if (!data[start + x]) continue;
      const from = x;
      while (x < width && data[start + x]) x++;
      visit(y, box.left + from, box.left + x);
    }
  }
}

/** Sets or clears a layer's pixels under a patch. @returns the number of pixels that changed. */
export function applyPatch(layer: Uint8Array, width: number, patch: Patch, value: 0 | 1): number {
  let changed = 0;
  forEachRun(patch, (y, from, to) => {
    for (let i = y * width + from; i < y * width + to; i++) {
      if (layer[i] === value) continue;
      layer[i] = value;
      changed++;
    }
  });
  return changed;
}

/** A patch at the size of the picture as run lengths, without making the whole bitmap; null when it is empty. */
export function patchRle(patch: Patch, { width, height }: Size): Rle | null {
  const counts: number[] = [];
  let at = 0;
  forEachRun(patch, (y, from, to) => {
    const start = y * width + from;
    if (start === at && counts.length > 0) counts[counts.length - 1] += to - from;
    else counts.push(start - at, to - from);
    at = y * width + to;
  });
  return counts.length > 0 ? { width, height, counts } : null;
}

/** Set pixels of a whole-picture bitmap inside a box, as a patch. */
export function cutPatch(layer: Uint8Array, width: number, box: Box): Patch {
  if (isEmptyBox(box)) return emptyPatch(box);
  const patch = emptyPatch(box);
  const across = boxWidth(box);
  for (let y = box.top; y < box.bottom; y++)
    patch.data.set(layer.subarray(y * width + box.left, y * width + box.right), (y - box.top) * across);
  return patch;
}

/** Pixels that are set in `a` but not in `b`, as run lengths; null when there are none. */
export function minusRle(a: Uint8Array, b: Uint8Array, { width, height }: Size): Rle | null {
  const rest = new Uint8Array(a.length);
  let any = false;
  for (let i = 0; i < a.length; i++)
    if (a[i] && !b[i]) {
      rest[i] = 1;
      any = true;
    }
  return any ? { width, height, counts: [...encodeRle(rest, width, height).counts] } : null;
}

/** Number of set pixels. */
export function countSet(data: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < data.length; i++) if (data[i]) sum++;
  return sum;
}

/** Smallest box around all set runs of run lengths; null for an empty bitmap. */
export function rleBox({ width, counts }: { readonly width: number; readonly counts: readonly number[] }): Box | null {
  let [left, top, right, bottom] = [width, -1, 0, 0];
  let at = 0;
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i];
    if (i % 2 === 1 && count > 0) {
      const [first, last] = [at, at + count - 1];
      const [y0, y1] = [Math.floor(first / width), Math.floor(last / width)];
      if (top < 0) top = y0;
      bottom = y1 + 1;
      left = y1 > y0 ? 0 : Math.min(left, first - y0 * width);
      right = y1 > y0 ? width : Math.max(right, last - y0 * width + 1);
    }
    at += count;
  }
  return top < 0 ? null : { left, top, right, bottom };
}
