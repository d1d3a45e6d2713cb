/** What the model says of the region in work: its mask, and what might belong to it too. */
import type { Rle } from '@adclick/core/geometry';
import type { Candidates, DefectType } from '../api.ts';
import type { CandidateParts } from '../engine/candidates.ts';
import { fail } from '../errors.ts';
import { emptyRle, uniteRle } from '../history/bitmaps.ts';
import type { Face, LabelClick } from '../history/face.ts';
import type { LabelState, WaitingEvent } from '../history/history.ts';
import type { ImageRecord } from '../store/images.ts';
import type { TypeRepository } from '../store/types.ts';
import { layersOf } from './shown.ts';

/** What a mask is made of. */
export interface AskedMask {
  readonly clicks: readonly LabelClick[];
  readonly threshold: number;
  /** Name of the defect type. */
  readonly defect: string | undefined;
  /** When the last click was made, in milliseconds. */
  readonly since: number;
}

/** The model as labelling needs it. */
export interface Predictor {
  /** @throws why there can be no mask, when that is known: the click is then refused instead of stored. */
  check?(image: ImageRecord): void;
  /** @throws coded errors when there can be no mask, such as ADC_IMAGE_MISSING. */
  predict(image: ImageRecord, asked: AskedMask): Promise<Rle>;
  /** What might belong to that mask too. @param marked what the layers of all types hold. */
  candidates(image: ImageRecord, asked: AskedMask, marked: Rle): Promise<CandidateParts>;
  /** What the model sees unasked. */
  proposal(image: ImageRecord): Promise<Rle>;
}

export class Masks {
  constructor(
    private readonly types: TypeRepository,
    private readonly predictor: Predictor,
  ) {}

  /**
   * The mask after the clicks of an event. @throws ADC_MASK_SIZE, and what the model throws.
   * @param types where they were read just now: the model is asked before this returns then.
   */
  async mask(image: ImageRecord, { event, face }: WaitingEvent, types?: readonly DefectType[]): Promise<Rle> {
    if (face.clicks.length === 0) return emptyRle(image.width, image.height);
    const asked = askedOf(face, Date.parse(event.time), types ?? (await this.types.list()));
    const mask = await this.predictor.predict(image, asked);
    if (mask.width === image.width && mask.height === image.height) return mask;
    const size = ({ width, height }: { width: number; height: number }) => `${width} x ${height}`;
    throw fail('ADC_MASK_SIZE', { path: image.path, got: size(mask), want: size(image) });
  }

  /** What the model would add to the region in work after its clicks. @throws what the model throws. */
  async candidates(image: ImageRecord, state: LabelState): Promise<Candidates> {
    const { version, completed, face } = state;
    // Where a mask is missing its click is to be answered first; whoever waits for it asks again.
    if (completed < version || face.activeType === null) return { version, rle: null, points: [] };
    const marked = layersOf(state).reduce((all, { rle }) => uniteRle(all, rle), emptyRle(image.width, image.height));
    const asked = askedOf(face, Date.now(), await this.types.list());
    return { version, ...(await this.predictor.candidates(image, asked, marked)) };
  }
}

function askedOf({ clicks, threshold, activeType }: Face, since: number, types: readonly DefectType[]): AskedMask {
  return { clicks, threshold, defect: types.find(({ id }) => id === activeType)?.name, since };
}
