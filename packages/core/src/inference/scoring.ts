/** Scoring pictures through an index as a detector file does, good ones compared with the others only. */
import { type Session, tensor } from '@adclick/ortgrad';
import { isVast } from '../features/bands.ts';
import { resizeRgb } from '../image/resize.ts';
import type { Picture } from '../image/samples.ts';
import type { Plane } from '../image/types.ts';
import type { Reference } from '../residual/reference.ts';
import type { ReferenceIndex } from '../residual/reference-index.ts';
import type { MapOptions, MapSettings, SegNetwork } from './anomaly-map.ts';
import { comparedWith, scoringModel } from './detector-model.ts';

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
  private readonly numbers: ReadonlyMap<string, number>;
  /** Good pictures that are not compared with. */
  private readonly left: readonly string[];

  private constructor(
    private readonly index: ReferenceIndex,
    private readonly session: Session,
    private readonly reference: Reference,
  ) {
    this.numbers = new Map(reference.names.map((name, i) => [name, i]));
    this.left = index.names.filter((name) => !this.numbers.has(name));
  }

  static async create(
    index: ReferenceIndex,
    { reference, settings, network, level = { score: 1, map: 1 } }: ScorerOptions,
  ): Promise<IndexScorer> {
    const { extractor, runtime } = index;
    const { backbone, weights, matched } = extractor;
    const map = { settings, calibration: reference.calibration, matched, network, level };
    const model = scoringModel({ reference, backbone, weights, map });
    return new IndexScorer(index, await runtime.load(model, { frugal: isVast(index.grid), transfer: true }), reference);
  }

  /**
   * Map and score of a picture of any size.
   * @param exclude names of good pictures that must not be compared with, such as the picture itself.
   */
  async score(image: Picture, exclude: readonly string[] = []): Promise<Scored> {
    const { width, height } = this.index.grid;
    const onGrid = resizeRgb(this.index.rgb(image), width, height);
    const neighbours = await this.index.nearest(onGrid, { exclude: [...exclude, ...this.left] });
    // Where fewer are left than the graph takes, the nearest stands again in the places behind: it changes no match.
    const nearest = BigInt64Array.from({ length: comparedWith(this.reference) }, (_, k) =>
      BigInt(this.numbers.get((neighbours[k] ?? neighbours[0]).name) as number),
    );
    const { map, score } = await this.session.run({
      image: tensor(onGrid.data, [1, height, width, 3]),
      nearest: tensor(nearest, [nearest.length]),
    });
    return {
      score: score.data[0] as number,
      map: { data: map.data as Float32Array, width, height, channels: 1 },
    };
  }

  /** Frees the model. */
  async close(): Promise<void> {
    await this.session.release();
  }
}
