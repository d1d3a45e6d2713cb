/** An image's state as the API says it. */
import type { Rle } from '@adclick/core/geometry';
import type { Layer } from '../api.ts';
import { type LabelState, REGION } from '../history/history.ts';

/** A layer; the API's runs are mutable arrays. */
export const layerOf = (type: number, { width, height, counts }: Rle): Layer => ({
  type,
  rle: { width, height, counts: [...counts] },
});

/** The small part of a state, as the API says it. */
export function faceOf({ face, done, undone }: LabelState) {
  const { clicks, activeType, threshold, state, review } = face;
  return {
    clicks: clicks.map((click) => ({ ...click })),
    activeType,
    threshold,
    state,
    review,
    canUndo: done.length > 0,
    canRedo: undone.length > 0,
  };
}

/** All layers of a state, as the API says them. */
export const layersOf = ({ layers }: LabelState): Layer[] =>
  [...layers]
    .filter(([type]) => type !== REGION)
    .sort(([a], [b]) => a - b)
    .map(([type, rle]) => layerOf(type, rle));
