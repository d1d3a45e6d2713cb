/** Scoring pictures through an index, and thresholds from good pictures that are each compared with the others only. */
import { type Session, tensor } from '@adclick/ortgrad';
import type { Picture } from '../image/samples.ts';
import type { Plane } from '../image/types.ts';
import type { Reference } from '../residual/reference.ts';
import type { ReferenceIndex } from '../residual/reference-index.ts';
import type { MapOptions, MapSettings, SegNetwork } from './anomaly-map.ts';
import { scoringModel } from './detector-model.ts';

/** A map on the model grid and the picture's score, both in [0,1]. */
export interface Scored {
  readonly map: Plane;
  readonly score: number;
}

/** What {@link IndexScorer.create} takes. */
export interface ScorerOptions {
  readonly reference: Reference;
  readonly settings: MapSettings;
  readonly network?: SegNetwork;
  readonly level?: MapOptions['level'];
}

/** Does with an index what a detector file does alone, and can leave good pictures out of the comparison. */
export class IndexScorer {
  private constructor(
    private readonly index: ReferenceIndex,
    private readonly session: Session,
    private readonly weighs: boolean,
    /** Good pictures that are not compared with. */
    private readonly left: readonly string[],
  ) {}

  static async create(
    index: ReferenceIndex,
    { reference, settings, network, level = { score: 1, map: 1 } }: ScorerOptions,
  ): Promise<IndexScorer> {
    const { calibration } = reference;
    const map = { settings, calibration, matched: index.extractor.matched, network, level };
    const session = await index.runtime.load(scoringModel(reference, map));
    const taken = new Set(reference.names);
    const left = index.names.filter((name) => !taken.has(name));
    return new IndexScorer(index, session, settings.foreground > 0 && reference.foreground !== undefined, left);
  }

  /**
   * Map and score of a picture of any size.
   * @param exclude names of good pictures that must not be compared with, such as the picture itself.
   */
  async score(image: Picture, exclude: readonly string[] = []): Promise<Scored> {
    const described = await this.index.describe(image);
    const residual = await this.index.residual(described, { exclude: [...exclude, ...this.left] });
    const { height, width, dims } = residual;
    const rows = [height * width, dims];
    const foreground = this.weighs ? await this.index.foregroundOf(residual) : undefined;
    const { data, width: columns, height: lines } = described.image;
    const { map, score } = await this.session.run({
      image: tensor(data, [1, lines, columns, 3]),
      tokens: tensor(residual.tokens, rows),
      delta: tensor(residual.delta, rows),
      ...(foreground && { foreground: tensor(foreground.data, [height, width]) }),
    });
    return {
      score: score.data[0] as number,
      map: { data: map.data as Float32Array, width: columns, height: lines, channels: 1 },
    };
  }

  /** Scores and highest map values of up to `limit` good pictures, spread evenly, each compared with the others only. */
  async heldOut(
    limit: number,
    options: {
      readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<{ readonly scores: number[]; readonly peaks: number[] }> {
    const { names } = this.index;
    const total = Math.min(limit, names.length);
    const [scores, peaks]: [number[], number[]] = [[], []];
    for (let done = 0; done < total; done++) {
      options.signal?.throwIfAborted();
      const name = names[Math.floor((done * names.length) / total)];
      const { score, map } = await this.score(await this.index.picture(name), this.index.copiesOf(name));
      scores.push(score);
      peaks.push(map.data.reduce((a, b) => Math.max(a, b), 0));
      options.onProgress?.({ done: done + 1, total });
    }
    return { scores, peaks };
  }

  /** Frees the model. */
  async close(): Promise<void> {
    await this.session.release();
  }
}

/**
 * The smallest of the values that at most `rate` of further ones from the same source exceed, in expectation: the
 * ceil((n + 1)(1 - rate))-th smallest, or the largest where there are too few to tell (split conformal prediction).
 */
export function quantileForRate(values: readonly number[], rate: number): number {
  if (values.length === 0 || !(rate >= 0 && rate <= 1))
    throw new RangeError(`no quantile of ${values.length} values for a rate of ${rate}`);
  const sorted = [...values].sort((a, b) => a - b);
  const place = Math.ceil((sorted.length + 1) * (1 - rate));
  return sorted[Math.min(Math.max(place, 1), sorted.length) - 1];
}
