/** Two people have changed one image: what each has, in pixels, and the actions that keep theirs, mine or both. */
import { decodeRle, type Rle } from '@adclick/core/geometry';
import type { Action, ImageDetail } from 'adclick/api';
import type { Size } from '../geometry.ts';
import { countSet, minusRle } from '../raster/bitmap.ts';

/** One defect type in the merge view; counts of pixels. */
export interface MergeRow {
  readonly type: number;
  readonly theirs: number;
  readonly mine: number;
  readonly union: number;
}

export interface Merge {
  readonly image: number;
  readonly theirs: ImageDetail;
  readonly mine: ReadonlyMap<number, Uint8Array>;
  readonly waiting: readonly Action[];
  readonly rows: readonly MergeRow[];
}

export type MergeChoice = 'theirs' | 'mine' | 'union';

const blank = ({ width, height }: Size) => new Uint8Array(width * height);

/** Layers by type from what the server says. */
export function layersOf(detail: Pick<ImageDetail, 'layers'>): Map<number, Uint8Array> {
  return new Map(detail.layers.map(({ type, rle }) => [type, decodeRle(rle)]));
}

/** Paints waiting strokes over layers; other actions change no pixels here. */
export function paintWaiting(layers: Map<number, Uint8Array>, waiting: readonly Action[], size: Size): void {
  const fill = (type: number, rle: Rle | null, value: 0 | 1) => {
    if (!rle) return;
    const layer = layers.get(type) ?? blank(size);
    layers.set(type, layer);
    let at = 0;
    for (const [i, count] of rle.counts.entries()) {
      if (i % 2 === 1) layer.fill(value, at, at + count);
      at += count;
    }
  };
  for (const action of waiting) {
    if (action.kind === 'clear') for (const layer of layers.values()) layer.fill(0);
    if (action.kind !== 'paint') continue;
    fill(action.type, action.remove, 0);
    fill(action.type, action.add, 1);
  }
}

/** Compares. @param mine layers as this page shows them. */
export function compare(theirs: ImageDetail, mine: ReadonlyMap<number, Uint8Array>, waiting: readonly Action[]): Merge {
  const other = layersOf(theirs);
  const none = blank(theirs);
  const types = [...new Set([...other.keys(), ...mine.keys()])].sort((a, b) => a - b);
  const rows = types.map((type) => {
    const [a, b] = [other.get(type) ?? none, mine.get(type) ?? none];
    let union = 0;
    for (let i = 0; i < a.length; i++) if (a[i] || b[i]) union++;
    return { type, theirs: countSet(a), mine: countSet(b), union };
  });
  return { image: theirs.id, theirs, mine, waiting, rows: rows.filter((row) => row.union > 0) };
}

/** True when nobody has to be asked: what the other person did touches nothing that waits here. */
export function agrees(before: Pick<ImageDetail, 'layers' | 'clicks' | 'state'>, theirs: ImageDetail): boolean {
  const canonical = (detail: Pick<ImageDetail, 'layers' | 'clicks' | 'state'>) =>
    JSON.stringify([
      [...detail.layers].sort((a, b) => a.type - b.type).map(({ type, rle }) => [type, rle.counts]),
      detail.clicks.map(({ x, y, positive }) => [x, y, positive]),
      detail.state,
    ]);
  return canonical(before) === canonical(theirs);
}

/** The actions, on top of theirs, that a choice asks for. Nothing that waits is lost but by choosing `theirs`. */
export function mergeActions({ theirs, mine, waiting }: Merge, choice: MergeChoice): Action[] {
  if (choice === 'theirs') return [];
  const other = layersOf(theirs);
  const none = blank(theirs);
  const actions: Action[] = [];
  for (const type of [...new Set([...other.keys(), ...mine.keys()])].sort((a, b) => a - b)) {
    const [a, b] = [other.get(type) ?? none, mine.get(type) ?? none];
    const add = minusRle(b, a, theirs);
    const remove = choice === 'mine' ? minusRle(a, b, theirs) : null;
    if (add || remove) actions.push({ kind: 'paint', tool: 'brush', type, add, remove });
  }
  // Strokes are in the pixels already; clicks, states and the like are said again.
  return [...actions, ...waiting.filter(({ kind }) => kind !== 'paint' && kind !== 'clear')];
}
