/** The labelling face of the library: an image and clicks in, the defect's probability map out. */
import { keptPromise, Once, Runtime } from '@adclick/ortgrad';
import { CLICK_THRESHOLD } from '../clicks/annotator.ts';
import { holdClicks } from '../clicks/rules.ts';
import { type Click, type ImageClick, imageClicks } from '../clicks/types.ts';
import { fail } from '../errors.ts';
import { onGrid } from '../image/on-grid.ts';
import { resizePlane } from '../image/resize.ts';
import type { Picture, Windows } from '../image/samples.ts';
import type { Plane, RgbImage } from '../image/types.ts';
import { offlinePrompts, type PromptsOf } from '../language/prompts.ts';
import { TextModel } from '../language/text-encoder.ts';
import { type TextFeatures, textFeatures } from '../language/text-features.ts';
import { modelPath } from '../models.ts';
import { type ClickWeightsCard, checkBackbone, loadClickWeights } from '../networks/click-weights.ts';
import { residualNorm } from '../residual/norm.ts';
import type { ReferenceIndex, Residual } from '../residual/reference-index.ts';
import { ClickNetwork, ClickPredictor, type GridQuestion } from './click-predictor.ts';
import { Lanes } from './lanes.ts';

/** Name of the weights that ship. */
export const DEFAULT_WEIGHTS = 'adclick-small';

/** What {@link Labeler.load} takes. */
export interface LabelerOptions {
  /** Good pictures of the product. */
  readonly index: ReferenceIndex;
  /** A weights file, or the name of shipped weights. */
  readonly weights?: string;
  /** Shared runtime; the labeler starts and closes its own when none is given. */
  readonly runtime?: Runtime;
  /** Where clicks on several pictures at once are spread; shared by labelers, the caller's to close. Without it they wait in line. */
  readonly lanes?: Lanes;
  /**
   * Phrases that describe a defect type, of which the mean guides the network (Eq. 6); by default those of {@link offlinePrompts}
   * for `object`. Without either, a defect's name is ignored.
   */
  readonly prompts?: PromptsOf;
  /** What the product is called, such as "metal nut". */
  readonly object?: string;
}

/** What {@link View.predict} takes. */
export interface PredictOptions {
  /** Clicks in pixels of the upright original, in the order they were made. */
  readonly clicks: readonly Click[];
  /** Name of the defect type, whose prompts guide the network; without one it goes by residual and clicks alone. */
  readonly defect?: string;
  /**
   * Whether the rules of a click hold (clicks/rules.ts), as they should for whoever labels. Without them the map is what the network
   * gives, which is how papers measure. Default true.
   */
  readonly rules?: boolean;
  /** Probability above which a pixel will be taken into the mask: the rules go by it, and another one runs no network. Default {@link CLICK_THRESHOLD}. */
  readonly threshold?: number;
}

/** Labels the defects of one product. */
export class Labeler {
  /** Text features of the phrases met so far. */
  private readonly words = new Map<string, Promise<TextFeatures>>();
  private readonly language = new Once(() => {
    const { textEncoder: encoder } = this.weights;
    return TextModel.load({ runtime: this.network.lanes.main, encoder });
  });

  private constructor(
    private readonly index: ReferenceIndex,
    private readonly network: ClickNetwork,
    /** What the weights say of themselves. */
    readonly weights: ClickWeightsCard,
    private readonly prompts: PromptsOf | undefined,
    private readonly ownRuntime: Runtime | undefined,
  ) {}

  /**
   * Loads the click model for a product.
   * @throws ADC_WEIGHTS_DAMAGED, ADC_WEIGHTS_KIND when the weights are not click weights for this index's backbone.
   */
  static async load(options: LabelerOptions): Promise<Labeler> {
    const { index, weights = DEFAULT_WEIGHTS, runtime, lanes, object } = options;
    const path = weights.endsWith('.safetensors') ? weights : modelPath(`${weights}/weights.safetensors`);
    const loaded = await loadClickWeights(path);
    checkBackbone(loaded.card, index.backbone, path);
    const given = lanes?.main ?? runtime;
    const own = given ? undefined : await Runtime.start();
    // One thread for lanes is none: everything runs on the one runtime.
    const network = new ClickNetwork(loaded, lanes ?? new Lanes((given ?? own)!, 1));
    const offline = object === undefined ? undefined : (defect: string) => offlinePrompts(defect, object);
    return new Labeler(index, network, loaded.card, options.prompts ?? offline, own);
  }

  /**
   * Prepares an image for clicks: features, nearest good pictures, residual. Once an image.
   * @param picture 8-bit, or samples of any type: the index's windows bring them to 8 bits.
   * @param exclude names of good pictures that must not be compared with, such as the image itself.
   * @throws ADC_IMAGE_RANGE for samples of a type that no good picture has.
   */
  async open(picture: Picture, { exclude = [] }: { exclude?: readonly string[] } = {}): Promise<View> {
    const image = this.index.rgb(picture);
    const described = await this.index.describe(image);
    const residual = await this.index.residual(described, { exclude });
    const predictor = await ClickPredictor.create(this.network, residual, described.image);
    return new View(image, residual, predictor, (defect) => this.wordsOf(defect));
  }

  /** One window for each type of sample among the good pictures; undefined with an index of version 0.1.0. */
  get windows(): Windows | undefined {
    return this.index.windows;
  }

  /** What the prompts of a defect type say; nothing where there are none, or language does not guide the weights. */
  private async wordsOf(defect: string | undefined): Promise<TextFeatures | undefined> {
    if (defect === undefined || !this.prompts || !this.weights.textEncoder) return undefined;
    const phrases = await this.prompts(defect);
    if (phrases.length === 0) return undefined;
    return keptPromise(this.words, phrases.join('\n'), async () => {
      const model = await this.language.get();
      return textFeatures(await model.encode(phrases));
    });
  }

  /** Frees the sessions, and the runtime if the labeler started it. */
  async close(): Promise<void> {
    await (await this.language.ifMade())?.close();
    await this.network.close();
    await this.ownRuntime?.close();
  }
}

/** A probability map: `probability` and `data` are the same array. */
export interface Prediction extends Plane {
  readonly probability: Float32Array;
  /**
   * Probability of the parts that might belong to the defect but were left out, since no click asks for them, at the map's size and 0
   * elsewhere; none where nothing was left out. A positive click into one of them takes it. Made by each call: a large image's plane takes
   * as long as its map, and no click has to wait for it.
   */
  candidates(): Plane | undefined;
}

/** One image, ready for clicks. */
export class View {
  /** @internal */
  constructor(
    private readonly image: RgbImage,
    /** Residual against the nearest good pictures, which `residual.neighbours` names. */
    readonly residual: Residual,
    private readonly predictor: ClickPredictor,
    private readonly wordsOf: (defect: string | undefined) => Promise<TextFeatures | undefined>,
  ) {}

  /** Takes in what a defect type is called, so that its first click need not; nothing once clicks have been predicted. */
  async listen(defect: string): Promise<void> {
    await this.predictor.listen(await this.wordsOf(defect));
  }

  /**
   * Probability of defect for every pixel of the image after the given clicks.
   * @returns values in [0,1] at the image's own size; a mask is where they exceed the threshold.
   * @throws ADC_CLICK_OUTSIDE for a click outside the image, ADC_PROMPT_NAME for a defect's name that no prompt can be made of.
   */
  async predict({
    clicks: given,
    defect,
    rules = true,
    threshold = CLICK_THRESHOLD,
  }: PredictOptions): Promise<Prediction> {
    const { width, height } = this.image;
    for (const { x, y } of given)
      if (!(x >= 0 && y >= 0 && x <= width - 1 && y <= height - 1))
        throw fail('ADC_CLICK_OUTSIDE', { x, y, width, height });
    const words = await this.wordsOf(defect);
    const clicks = imageClicks(given);
    const asked = { clicks, words, ...(rules && { threshold }) };
    const { map, candidates } = await predictOn(this.predictor, this.image, asked);
    if (rules) holdClicks(map, clicks);
    return { ...map, probability: map.data, candidates };
  }

  /** Frees what is held for the image. Views that are forgotten are freed with the labeler at the latest. */
  async close(): Promise<void> {
    await this.predictor.close();
  }

  /** {@link residualNorm} at the image's size: the map of a detector without a network, neither weighed nor smoothed. */
  residualNorm(): Plane {
    const norm = residualNorm(this.residual, this.residual.calibration);
    return resizePlane(norm, this.image.width, this.image.height);
  }
}

/** Predicts on the model grid; maps have the image's size. */
async function predictOn(
  predictor: ClickPredictor,
  image: RgbImage,
  { clicks, ...question }: GridQuestion & { readonly clicks: readonly ImageClick[] },
): Promise<{ readonly map: Plane; candidates(): Plane | undefined }> {
  const { map, candidates } = await predictor.predict(onGrid(clicks, image, predictor), question);
  const { width, height } = predictor;
  const sized = (data: Float32Array) => resizePlane({ data, width, height, channels: 1 }, image.width, image.height);
  return {
    map: sized(map),
    candidates: () => {
      const parts = candidates();
      return parts && sized(parts);
    },
  };
}
