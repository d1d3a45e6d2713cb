/** The detecting face of the library: a picture in, its anomaly map, score and defective regions out, without clicks. */
import { readFile } from 'node:fs/promises';
import { Runtime, type Session, tensor } from '@adclick/ortgrad';
import type { LabelledDefect } from '../clicks/labelled-defect.ts';
import { fail } from '../errors.ts';
import { isVast } from '../features/bands.ts';
import { describeIoError, writeFileAtomic } from '../files.ts';
import { resizePlane, resizeRgb } from '../image/resize.ts';
import type { Picture } from '../image/samples.ts';
import type { Plane, RgbImage } from '../image/types.ts';
import { throughWindows } from '../image/window.ts';
import { REFERENCE_PICTURES } from '../residual/reference.ts';
import type { ReferenceIndex } from '../residual/reference-index.ts';
import { VERSION } from '../version.ts';
import { DEFAULT_MAP, type MapSettings } from './anomaly-map.ts';
import {
  cardMetadata,
  type DetectorCard,
  type DetectorThresholds,
  type HeldOutGood,
  readCard,
  sealed,
  withCard,
} from './detector-card.ts';
import { checkAnswer, checkModel } from './detector-check.ts';
import { detectorModel } from './detector-model.ts';
import { withGoods } from './drift.ts';
import { goodValues, type JudgedNetwork, judgedOf, limitsOf, lookAtHeldOut, typicalValue } from './held-out.ts';
import { type DetectedRegion, regionsOf } from './regions.ts';

/** What {@link Detector.build} takes; everything has a default. */
export interface DetectorOptions {
  readonly name?: string;
  /** Share of good pictures that may be called defective, above 0; default 0.05. With labelled defects see thresholdFor. */
  readonly falseAlarmRate?: number;
  /** Least area of a region in pixels of the model grid; default 16, a quarter of a token. */
  readonly minArea?: number;
  /** Default 'score'. */
  readonly decision?: DetectorThresholds['decision'];
  /** Good pictures that the file holds, at most; default 60. Each takes 0.24 MB at 512 px, 0.29 MB with a network. */
  readonly normals?: number;
  /** Good pictures that thresholds are set on, at most; default 60, spread evenly. */
  readonly heldOut?: number;
  readonly map?: Partial<MapSettings>;
  /**
   * A trained network, the record of its training, and networks trained without some of its pictures, on which thresholds are set then.
   * Without one the residual itself is the map.
   */
  readonly network?: JudgedNetwork & { readonly record?: Readonly<Record<string, unknown>> };
  /** Labelled defects that thresholds are set on beside good pictures. Not looked at with a network: it has seen them, its folds have their own. */
  readonly labels?: readonly LabelledDefect[];
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

/** What a detector says of one picture. */
export interface Detection {
  /** In [0,1]; above the card's threshold for a defective picture where the score decides. */
  readonly score: number;
  readonly isDefect: boolean;
  /** In [0,1] at the picture's own size. */
  readonly map: Plane;
  /** Largest area first. */
  readonly regions: readonly DetectedRegion[];
  /** Median of the map on the model grid; tells whether pictures differ from the good ones, see driftOf. */
  readonly typical: number;
}

/** Held-out pictures by default. */
const HELD_OUT = 60;
const FALSE_ALARMS = 0.05;
const MIN_AREA = 16;

const PREPROCESSING =
  'upright by EXIF, 8-bit RGB (samples of more than 8 bits through the one of `windows` for their type), resized to the input by area ' +
  'averages where an axis shrinks and bilinearly where it grows';

/** Finds the defects of one product. */
export class Detector {
  private constructor(
    private said: DetectorCard,
    private bytes: Uint8Array,
    private readonly session: Session,
    private readonly ownRuntime: Runtime | undefined,
    /** Named in errors: its file, or its name where it was not read from one. */
    private readonly file: string,
  ) {}

  /** What the file says of itself. */
  get card(): DetectorCard {
    return this.said;
  }

  /** The file's bytes. */
  get model(): Uint8Array {
    return this.bytes;
  }

  /**
   * Makes a detector of an index: takes good pictures along, and sets the thresholds on good pictures, each compared with the
   * others only. The same index and options give the same file, byte for byte.
   * @throws ADC_NO_NORMALS, ADC_IMAGE_... when a good picture cannot be read again, ADC_INDEX_DAMAGED, the signal's reason.
   */
  static async build(index: ReferenceIndex, options: DetectorOptions = {}): Promise<Detector> {
    const { model, card } = await exportDetector(index, options);
    return new Detector(card, model, await index.runtime.load(model, loadingOf(card)), undefined, card.name);
  }

  /**
   * Loads a detector file.
   * @throws ADC_DETECTOR_MISSING, ADC_DETECTOR_DAMAGED, ADC_DETECTOR_KIND, ADC_DETECTOR_UNSAFE, ADC_RUNTIME.
   */
  static async load(file: string, options: { readonly runtime?: Runtime } = {}): Promise<Detector> {
    const model = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') throw fail('ADC_DETECTOR_MISSING', { path: file }, cause);
      throw fail('ADC_DETECTOR_DAMAGED', { path: file, what: describeIoError(cause) }, cause);
    });
    const card = readCard(model, file);
    checkModel(model, card, file);
    const own = options.runtime ? undefined : await Runtime.start();
    try {
      return new Detector(card, model, await (options.runtime ?? own)!.load(model, loadingOf(card)), own, file);
    } catch (error) {
      await own?.close();
      throw error;
    }
  }

  /** Writes the file; what was there before stays until it is whole. @throws ADC_DISK. */
  async save(file: string): Promise<void> {
    await writeFileAtomic(file, this.model);
  }

  /** A picture as the model sees it: through the window of the good pictures. @throws ADC_IMAGE_RANGE. */
  rgb(picture: Picture): RgbImage {
    return throughWindows(picture, this.card.windows);
  }

  /**
   * Looks at one picture of any size, 8-bit or samples of any type.
   * @returns map and regions in pixels of the picture. @throws ADC_IMAGE_RANGE for samples of a type that no good picture has,
   *   ADC_DETECTOR_ANSWER for a map or score that is none.
   */
  async detect(image: Picture): Promise<Detection> {
    const { score, map: onGrid } = await this.run(image);
    const map = resizePlane(onGrid, image.width, image.height);
    const { thresholds } = this.card;
    const pixels = (image.width * image.height) / (onGrid.width * onGrid.height);
    const regions = regionsOf(map, thresholds.map, thresholds.minArea * pixels);
    const isDefect = thresholds.decision === 'score' ? score > thresholds.score : regions.length > 0;
    return { score, isDefect, map, regions, typical: typicalValue(onGrid) };
  }

  /** Score and map as the model gives them, the map on the model grid. @throws ADC_IMAGE_RANGE, ADC_DETECTOR_ANSWER. */
  async run(image: Picture): Promise<{ readonly score: number; readonly map: Plane }> {
    const { width, height } = this.card.input;
    const { data } = resizeRgb(this.rgb(image), width, height);
    const answer = await this.session.run({ image: tensor(data, [1, height, width, 3]) });
    const { map, score } = checkAnswer({ map: answer.map, score: answer.score }, this.card, this.file);
    return { score, map: { data: map, width, height, channels: 1 } };
  }

  /**
   * Takes pictures of the line as good: sets the thresholds anew on what the detector says of them and of the good pictures and defects
   * that it was made with, see withGoods. Give pictures as they come: only false alarms would say that all good ones look like them.
   * What it looks for stays as it is. {@link save} writes it.
   * @throws what {@link run} throws, the signal's reason; the thresholds then stay as they are.
   */
  async adapt(
    pictures: AsyncIterable<Picture> | Iterable<Picture>,
    options: Pick<DetectorOptions, 'signal'> & { readonly onPicture?: (done: number) => void } = {},
  ): Promise<void> {
    const taken: HeldOutGood[] = [];
    for await (const picture of pictures) {
      options.signal?.throwIfAborted();
      taken.push(goodValues(await this.run(picture)));
      options.onPicture?.(taken.length);
    }
    if (taken.length === 0) return;
    const { thresholds, heldOut: before = { good: [], defects: [] }, judged: _, ...card } = this.said;
    const heldOut = withGoods(before, taken);
    const judged = judgedOf(heldOut, thresholds.falseAlarmRate);
    this.said = {
      ...card,
      thresholds: {
        ...{ ...thresholds, ...limitsOf(heldOut, thresholds.falseAlarmRate) },
        ...{ heldOut: heldOut.good.length, adapted: (thresholds.adapted ?? 0) + taken.length },
      },
      heldOut,
      ...(judged && { judged }),
    };
    this.bytes = withCard(this.bytes, this.said);
  }

  /** Frees the model, and the runtime if the detector started it. */
  async close(): Promise<void> {
    await this.session.release();
    await this.ownRuntime?.close();
  }
}

/** How a detector's model is loaded. */
const loadingOf = ({ input }: DetectorCard) => ({ frugal: isVast(input) });

const oddsOf = (value: number) => value / (1 - value);

/** A value with the level 1 as it is with another one. */
const atLevel = (value: number, level: number) => value / (value + level * (1 - value));

/**
 * The bytes and the card of a detector file; see {@link Detector.build}.
 * @throws what {@link Detector.build} throws.
 */
export async function exportDetector(
  index: ReferenceIndex,
  options: DetectorOptions = {},
): Promise<{ readonly model: Uint8Array; readonly card: DetectorCard }> {
  const { falseAlarmRate = FALSE_ALARMS, minArea = MIN_AREA, decision = 'score', network } = options;
  const settings = { ...DEFAULT_MAP, ...options.map };
  const reference = await index.reference(options.normals ?? REFERENCE_PICTURES, { fine: network !== undefined });
  const looked = await lookAtHeldOut(index, {
    ...{ reference, settings, network, labels: options.labels ?? [], limit: options.heldOut ?? HELD_OUT },
    ...{ onProgress: options.onProgress, signal: options.signal },
  });
  const limits = limitsOf(looked, falseAlarmRate);
  // A residual's map is scaled so that its thresholds are 0.5, whatever the product.
  const level = network ? { score: 1, map: 1 } : { score: oddsOf(limits.score), map: oddsOf(limits.map) };
  const thresholds = network ? limits : { score: 0.5, map: 0.5 };
  const heldOut = {
    good: looked.good.map(({ score, map, typical }) => ({
      score: atLevel(score, level.score),
      map: atLevel(map, level.map),
      typical: atLevel(typical, level.map),
    })),
    defects: looked.defects.map((defect) => ({
      ...defect,
      score: atLevel(defect.score, level.score),
      map: atLevel(defect.map, level.map),
    })),
  };
  const judged = judgedOf(heldOut, falseAlarmRate);
  const { grid, neighbours, radius, backbone, weights, windows } = index.settings;
  const card: DetectorCard = {
    name: options.name ?? 'detector',
    version: VERSION,
    input: { width: grid.width, height: grid.height },
    ...(windows && { windows }),
    preprocessing: PREPROCESSING,
    aspect: grid.width / grid.height,
    backbone: { name: backbone, weights },
    reference: { pictures: reference.names.length, of: reference.of, neighbours, radius },
    map: { from: network ? 'network' : 'residual', ...settings },
    thresholds: {
      ...{ ...thresholds, minArea, decision, falseAlarmRate },
      ...{ heldOut: heldOut.good.length, defects: heldOut.defects.length },
    },
    heldOut,
    ...(judged && { judged }),
    training: network ? { ...network.record } : null,
  };
  const { extractor } = index;
  const parts = {
    reference,
    backbone: extractor.backbone,
    weights: extractor.weights,
    map: { settings, calibration: reference.calibration, matched: extractor.matched, network, level },
  };
  return { model: sealed(detectorModel(parts, cardMetadata(card))), card };
}
