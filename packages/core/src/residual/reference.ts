/** What a detector file takes along of an index: descriptors of a bounded number of good pictures and the tables to find them by. */
import type { Runtime } from '@adclick/ortgrad';
import type { CodedBank } from './coded-bank.ts';
import type { ForegroundModel } from './foreground.ts';
import { distances } from './global-similarity.ts';
import type { IndexSettings } from './index-file.ts';
import type { Codebook } from './k-means.ts';

/** Good pictures taken out of an index. */
export interface Reference {
  /** Names of the good pictures, in the index's order. */
  readonly names: readonly string[];
  /** Good pictures in the index. */
  readonly of: number;
  /** Their descriptors in few bytes. */
  readonly bank: CodedBank;
  /** One a picture; see histogramsOn. */
  readonly histograms: readonly Float32Array[];
  readonly codebook: Codebook;
  readonly settings: IndexSettings;
  /** Normal level c of each channel: the index's, and, of those that are in codes, what these add to squared residuals. */
  readonly calibration: Float32Array;
  /** Where the product lies; absent for textures. */
  readonly foreground?: { readonly model: ForegroundModel; readonly maps: readonly Float32Array[] };
}

/** Good pictures that a detector takes along by default. */
export const REFERENCE_PICTURES = 60;

/**
 * Pictures that stand for all: the first, then always the one farthest from those taken, by the symmetric global distance (ours;
 * a greedy coreset as in PatchCore, of whole pictures).
 * @returns numbers of the chosen ones, ascending; all of them when there are no more than `count`.
 */
export async function coreset(runtime: Runtime, histograms: readonly Float32Array[], count: number): Promise<number[]> {
  if (histograms.length <= count) return histograms.map((_, i) => i);
  const nearest = new Float64Array(histograms.length).fill(Number.POSITIVE_INFINITY);
  const chosen: number[] = [];
  for (let next = 0; chosen.length < count; ) {
    chosen.push(next);
    const taken = [histograms[next]];
    const [to, from] = [await distances(runtime, histograms, taken), await distances(runtime, taken, histograms)];
    nearest[next] = -1;
    let farthest = -1;
    for (const i of histograms.keys()) {
      if (nearest[i] < 0) continue;
      nearest[i] = Math.min(nearest[i], to[i] + from[i]);
      if (farthest < 0 || nearest[i] > nearest[farthest]) farthest = i;
    }
    if (farthest < 0) break;
    next = farthest;
  }
  return chosen.sort((a, b) => a - b);
}
