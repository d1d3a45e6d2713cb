/** What cells cost about, so that progress can tell how much time is left; figures do not depend on it. */
import type { Cell } from './cells.ts';

/** Seconds on two cores, roughly: of a step of a training, and of a picture. */
const CLICK_STEP = 1.2;
const SEG_STEP = 1;
const PICTURE = { indexed: 0.2, labelled: 4, detected: 0.5, prepared: 0.4, read: 0.1 };
/** Pictures of a category, and of a detector's training set, about. */
const USUAL = { normals: 200, defects: 80, tested: 110, prepared: 380 };

const most = (limit: number | undefined, usual: number) => Math.min(limit ?? usual, usual);

/** Seconds that a cell takes about. */
export function costOf(cell: Cell): number {
  const index = USUAL.normals * PICTURE.indexed;
  switch (cell.kind) {
    case 'pretrain':
    case 'tune':
      return 60 + cell.training.steps * CLICK_STEP;
    case 'clicks':
      return index + most(cell.limit, USUAL.defects) * PICTURE.labelled;
    case 'labels':
      return index + cell.count * PICTURE.labelled;
    case 'detector':
      return index + (cell.network ? USUAL.prepared * PICTURE.prepared + cell.network.steps * SEG_STEP : 0);
    case 'detection':
      return most(cell.limit && 2 * cell.limit, USUAL.tested) * PICTURE.detected;
    case 'maps':
      return USUAL.tested * PICTURE.read;
  }
}
