/** The small part of an image's state, and what an event changes in it: stored as differences, so that a history grows with what was done. */
import type { ImageState, Review } from '../api.ts';

export interface LabelClick {
  readonly x: number;
  readonly y: number;
  readonly positive: boolean;
}

/** Everything of an image's state but bitmaps. */
export interface Face {
  readonly clicks: readonly LabelClick[];
  readonly activeType: number | null;
  readonly threshold: number;
  readonly state: ImageState;
  readonly review: Review;
}

type Step<T> = readonly [before: T, after: T];

/** What differs between two faces. A field that is the same is left out. */
export interface FaceChange {
  /** The clicks from number `at` on that were replaced, and by which. */
  readonly clicks?: {
    readonly at: number;
    readonly before: readonly LabelClick[];
    readonly after: readonly LabelClick[];
  };
  readonly activeType?: Step<Face['activeType']>;
  readonly threshold?: Step<number>;
  readonly state?: Step<ImageState>;
  readonly review?: Step<Review>;
}

const sameClick = (a: LabelClick | undefined, b: LabelClick | undefined): boolean =>
  a === b || (a?.x === b?.x && a?.y === b?.y && a?.positive === b?.positive);

function clicksChange(before: readonly LabelClick[], after: readonly LabelClick[]): FaceChange['clicks'] {
  const shorter = Math.min(before.length, after.length);
  let at = 0;
  while (at < shorter && sameClick(before[at], after[at])) at++;
  let end = 0;
  while (end < shorter - at && sameClick(before[before.length - 1 - end], after[after.length - 1 - end])) end++;
  const changed = { at, before: before.slice(at, before.length - end), after: after.slice(at, after.length - end) };
  return changed.before.length + changed.after.length === 0 ? undefined : changed;
}

/** What turns one face into another. */
export function changeBetween(before: Face, after: Face): FaceChange {
  const clicks = clicksChange(before.clicks, after.clicks);
  return {
    ...(clicks && { clicks }),
    ...(before.activeType !== after.activeType && { activeType: [before.activeType, after.activeType] }),
    ...(before.threshold !== after.threshold && { threshold: [before.threshold, after.threshold] }),
    ...(before.state !== after.state && { state: [before.state, after.state] }),
    ...(before.review !== after.review && { review: [before.review, after.review] }),
  };
}

/**
 * What the first event of an image changes: it says the threshold even where that stays, since the settings may be others when the
 * history is read.
 */
export const firstChange = (before: Face, after: Face): FaceChange => ({
  ...changeBetween(before, after),
  threshold: [before.threshold, after.threshold],
});

/** What takes a change back. */
export function inverse({ clicks, activeType, threshold, state, review }: FaceChange): FaceChange {
  return {
    ...(clicks && { clicks: { at: clicks.at, before: clicks.after, after: clicks.before } }),
    ...(activeType && { activeType: [activeType[1], activeType[0]] }),
    ...(threshold && { threshold: [threshold[1], threshold[0]] }),
    ...(state && { state: [state[1], state[0]] }),
    ...(review && { review: [review[1], review[0]] }),
  };
}

/** The face after a change. */
export function changed(face: Face, { clicks, activeType, threshold, state, review }: FaceChange): Face {
  return {
    clicks: clicks ? face.clicks.toSpliced(clicks.at, clicks.before.length, ...clicks.after) : face.clicks,
    activeType: activeType ? activeType[1] : face.activeType,
    threshold: threshold ? threshold[1] : face.threshold,
    state: state ? state[1] : face.state,
    review: review ? review[1] : face.review,
  };
}
