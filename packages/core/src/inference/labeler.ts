/** The labelling face of the library: an image and clicks in, the defect's probability map out. */
import { Runtime } from '@adclick/ortgrad';
import type { Click } from '../clicks/types.ts';
import { fail } from '../errors.ts';
import { resizePlane } from '../image/resize.ts';
import type { Plane, RgbImage } from '../image/types.ts';
import { modelPath } from '../models.ts';
import { TOKEN } from '../networks/adclick.ts';
import { residualNorm } from '../residual/calibration.ts';
import type { ReferenceIndex, Residual } from '../residual/reference-index.ts';
import { type ClickWeightsCard, loadClickWeights } from '../training/weights.ts';
import { ClickNetwork, ClickPredictor } from './click-predictor.ts';

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
}

/** What {@link View.predict} takes. */
export interface PredictOptions {
  /** Clicks in pixels of the upright original, in the order they were made. */
  readonly clicks: readonly Click[];
}

/** Labels the defects of one product. */
export class Labeler {
  private constructor(
    private readonly index: ReferenceIndex,
    private readonly network: ClickNetwork,
    /** What the weights say of themselves. */
    readonly card: ClickWeightsCard,
    private readonly ownRuntime: Runtime | undefined,
  ) {}

  /**
   * Loads the click model for a product.
   * @throws ADC_WEIGHTS_DAMAGED, ADC_WEIGHTS_KIND when the weights are not click weights for this index's backbone.
   */
  static async load({ index, weights = DEFAULT_WEIGHTS, runtime }: LabelerOptions): Promise<Labeler> {
    const path = weights.endsWith('.safetensors') ? weights : modelPath(`${weights}/weights.safetensors`);
    const loaded = await loadClickWeights(path);
    if (loaded.settings.residualDims !== index.dims)
      throw fail('ADC_WEIGHTS_KIND', {
        path,
        got: `${loaded.settings.residualDims} residual channels`,
        want: `the index's ${index.dims}`,
      });
    const own = runtime ? undefined : await Runtime.start();
    return new Labeler(index, new ClickNetwork(loaded, (runtime ?? own)!), loaded.card, own);
  }

  /**
   * Prepares an image for clicks: features, nearest good pictures, residual. Once an image.
   * @param exclude names of good pictures that must not be compared with, such as the image itself.
   */
  async open(image: RgbImage, { exclude = [] }: { exclude?: readonly string[] } = {}): Promise<View> {
    const residual = await this.index.residual(await this.index.describe(image), { exclude });
    return new View(image, residual, await ClickPredictor.create(this.network, residual));
  }

  /** Frees the sessions, and the runtime if the labeler started it. */
  async close(): Promise<void> {
    await this.network.close();
    await this.ownRuntime?.close();
  }
}

/** One image, ready for clicks. */
export class View {
  /** @internal */
  constructor(
    private readonly image: RgbImage,
    /** Residual against the nearest good pictures, which `residual.neighbours` names. */
    readonly residual: Residual,
    private readonly predictor: ClickPredictor,
  ) {}

  /**
   * Probability of defect for every pixel of the image after the given clicks.
   * @returns values in [0,1] at the image's own size; a mask is where they exceed 0.49.
   * @throws ADC_CLICK_OUTSIDE for a click outside the image.
   */
  async predict({ clicks }: PredictOptions): Promise<Plane> {
    const { width, height } = this.image;
    for (const { x, y } of clicks)
      if (!(x >= 0 && y >= 0 && x <= width - 1 && y <= height - 1))
        throw fail('ADC_CLICK_OUTSIDE', { x, y, width, height });
    const grid = { width: TOKEN * this.residual.width, height: TOKEN * this.residual.height };
    const onGrid = clicks.map((click) => scaleClick(click, this.image, grid));
    const data = await this.predictor.predict(onGrid);
    return resizePlane({ data, ...grid, channels: 1 }, width, height);
  }

  /** The calibrated length of the residual at the image's size: about 1 where the picture is as good ones are, larger at defects. */
  residualNorm(): Plane {
    return resizePlane(residualNorm(this.residual, this.residual.calibration), this.image.width, this.image.height);
  }
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** A click on one raster, on the pixel of another that holds its centre. */
export function scaleClick(click: Click, from: Size, to: Size): Click {
  const place = (value: number, size: number, target: number) =>
    Math.min(target - 1, Math.floor(((value + 0.5) * target) / size));
  return {
    x: place(click.x, from.width, to.width),
    y: place(click.y, from.height, to.height),
    positive: click.positive,
  };
}
