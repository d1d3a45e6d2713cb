/** A defect with its label, as training takes it and evaluation makes it. */
import type { Plane, RgbImage } from '../image/types.ts';
import type { Click } from './types.ts';

/** A defect that somebody has labelled. */
export interface LabelledDefect {
  readonly name: string;
  /** Defect type. */
  readonly type: string;
  readonly image: RgbImage;
  /** Probability of defect in [0,1] at the image's size: ADClick's map after the clicks, or a mask as 0 and 1. */
  readonly probability: Plane;
  /** In pixels of the image, in the order they were made; none for masks. */
  readonly clicks: readonly Click[];
}
