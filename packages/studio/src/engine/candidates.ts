/** What the model left out of a mask since no click asks for it, as the page offers it: its runs, and in each part the place to click. */
import type { Plane } from '@adclick/core';
import { decodeRle, encodeRle, type Rle } from '@adclick/core/geometry';
import { connectedComponents } from '@adclick/core/image';
import { type Candidates, CLICKS_AT_ONCE } from '../api.ts';

/** Parts that might belong to a mask, as the API says them. */
export type CandidateParts = Pick<Candidates, 'rle' | 'points'>;

export const NO_CANDIDATES: CandidateParts = { rle: null, points: [] };

/**
 * The parts above a threshold, 8-connected; of more than one action takes, the largest. A part of which half is marked already is nothing
 * new: what is left of it is the difference of two outlines.
 * @param plane their probability, 0 elsewhere. @param marked of the same size.
 */
export function candidateParts({ data, width, height }: Plane, threshold: number, marked: Rle): CandidateParts {
  const mask = new Uint8Array(data.length);
  let [first, end] = [data.length, 0];
  for (let i = 0; i < data.length; i++) {
    if (data[i] <= threshold) continue;
    mask[i] = 1;
    if (first > i) first = i;
    end = i + 1;
  }
  if (end === 0) return NO_CANDIDATES;
  // Of a large picture only the rows that hold any.
  const top = Math.floor(first / width);
  const rows = Math.ceil(end / width) - top;
  const { labels, areas } = connectedComponents(mask.subarray(top * width, (top + rows) * width), width, rows, 8);
  const known = decodeRle(marked);
  const parts = areas.map((area) => ({ area, free: 0, surest: 0, pixel: 0 }));
  const partAt = (pixel: number) => parts[labels[pixel - top * width] - 1];
  for (let i = first; i < end; i++) {
    if (!mask[i] || known[i]) continue;
    const part = partAt(i);
    part.free++;
    if (data[i] <= part.surest) continue;
    part.surest = data[i];
    part.pixel = i;
  }
  const isNew = ({ area, free }: (typeof parts)[number]) => 2 * free > area;
  const largest = parts.filter(isNew).sort((a, b) => b.free - a.free);
  if (largest.length === 0) return NO_CANDIDATES;
  const offered = new Set(largest.slice(0, CLICKS_AT_ONCE));
  for (let i = first; i < end; i++) if (mask[i] && (known[i] || !offered.has(partAt(i)))) mask[i] = 0;
  const { counts } = encodeRle(mask, width, height);
  return {
    rle: { width, height, counts: [...counts] },
    points: [...offered].map(({ pixel }) => ({ x: pixel % width, y: Math.floor(pixel / width) })),
  };
}
