/** The loss of a running training, gathered from the words of its progress, for a small curve. */
import type { Job } from 'adclick/api';

/** A point of the curve: steps done, and the loss there, a moving average: single batches jump. */
export interface LossPoint {
  readonly done: number;
  readonly loss: number;
}

/** Share of a new loss in the moving average. */
const NEW = 0.1;

/** Points that are kept; beyond them every other one goes. */
const MOST = 400;

/** The loss that a job's detail names: "all labels, loss 0.123" gives 0.123. */
export function lossOf(detail: string | null): number | null {
  const match = /\bloss (\d+(?:\.\d+)?(?:e[+-]?\d+)?)/.exec(detail ?? '');
  return match ? Number(match[1]) : null;
}

/** The curve with what a job says now. */
export function withLoss(
  points: readonly LossPoint[],
  { detail, done }: Pick<Job, 'detail' | 'done'>,
): readonly LossPoint[] {
  const loss = lossOf(detail);
  const last = points.at(-1);
  if (loss === null || (last?.done ?? -1) >= done) return points;
  const thinned = points.length < MOST ? points : points.filter((_, i) => i % 2 === 0);
  return [...thinned, { done, loss: last ? last.loss + NEW * (loss - last.loss) : loss }];
}
