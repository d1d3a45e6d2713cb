/** Why an image stands where it stands in the queue, in words. */
import type { ImageQuery } from '../api.ts';
import type { ImageRecord } from '../store/images.ts';

/** Score above which a residual is worth a look, and where 1.4 times as strange: hardly any good picture is. */
const NOTABLE = 2;
const STRONG = 3;
/** Score at a detector's threshold, and from where on it is sure: e² times the odds. */
const DETECTED = 2;
const SURE = 4;

/** What of an image makes its place. */
export type Placed = Pick<ImageRecord, 'score' | 'scale' | 'uncertainty' | 'diversity'>;

/** Why an image stands where it stands. */
export function reasonOf(image: Placed, order: ImageQuery['order']): string {
  const { score, scale, uncertainty, diversity } = image;
  if (order === 'name') return 'in the order of names';
  if (score === null) return 'not looked at yet';
  if (order === 'uncertainty') {
    const percent = Math.round(100 * (uncertainty ?? 0));
    if (percent === 0) return 'the model sees nothing to be unsure of';
    return `the model is ${percent} % unsure of what it sees`;
  }
  if (order === 'diversity') {
    if (diversity === null) return 'not compared with the others yet';
    return diversity === 0
      ? 'looks most unlike the labelled ones'
      : `place ${diversity + 1} of those that look least alike`;
  }
  if (scale === 'detector') {
    if (score >= SURE) return 'the detector is sure of a defect';
    // As the detector decides. There is no "almost": the threshold is set by the highest scores of good parts, and most good parts lie
    // just below it (on drawn leather 19 of 20 at 0.91 to 0.99 of its odds), where one word would stand at nearly all of them.
    return score > DETECTED ? 'the detector sees a defect' : 'the detector sees no defect';
  }
  const residual = `residual ${score.toFixed(1)}`;
  if (score >= STRONG) return `${residual}, far above good pictures`;
  if (score >= NOTABLE) return `${residual}, above good pictures`;
  return `${residual}, about as good pictures are`;
}
