/** SimpleClick as its own evaluation runs it (isegm/inference/predictors/base.py): it looks at a part of the picture, there and in the mirror. */
import { FrozenParameters, Graph, type Runtime, readSafetensors, type Session, tensor } from '@adclick/ortgrad';
import { CLICK_THRESHOLD } from '../clicks/annotator.ts';
import { DISC_RADIUS, overDisc } from '../clicks/disc.ts';
import { type ImageClick, modelClick } from '../clicks/types.ts';
import type { Windows } from '../image/samples.ts';
import type { Plane, RgbImage } from '../image/types.ts';
import { fromLogOdds } from '../log-odds.ts';
import { networkPath } from '../models.ts';
import { CLICK_CHANNELS } from '../networks/adclick.ts';
import { SIMPLE_CLICK, SIMPLE_CLICK_VIT_B, simpleClick } from '../networks/simple-click.ts';
import {
  type ClickMethod,
  type ClickPicture,
  type OpenPicture,
  replayed,
  type Stepwise,
  UNKNOWN,
} from './click-method.ts';
import { alignedCrop, type Crop, nextCrop, wholeOf, ZOOM } from './zoom.ts';

/** Path of the imported network's weights. @throws ADC_NETWORK_MISSING when it has not been imported. */
export const simpleClickPath = (): string =>
  networkPath({ name: SIMPLE_CLICK, file: `${SIMPLE_CLICK}/model.safetensors`, ships: false });

/** How it is evaluated; both are on by default, as they are there. */
export interface SimpleClickOptions {
  /** Looks at the part of the picture around the mask so far; else always at all of it. */
  readonly zoom?: boolean;
  /** Means of the logits here and in the mirror. */
  readonly flip?: boolean;
  readonly windows?: Windows;
}

/**
 * What it asks of a network: logits (B, side, side) of pictures (B, 3, side, side) in [0,1] and their click maps (B, 3, side, side), both
 * planar.
 */
export interface ClickNetwork {
  readonly side: number;
  run(pictures: Float32Array, clickMaps: Float32Array): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Swaps left and right of each row, from one stretch of planes to another. */
function mirrored(from: Float32Array, side: number, to: Float32Array): void {
  for (let row = 0; row < from.length; row += side)
    for (let x = 0; x < side; x++) to[row + x] = from[row + side - 1 - x];
}

/** A click in the network's own pixels. */
interface SeenClick {
  readonly x: number;
  readonly y: number;
  readonly positive: boolean;
}

const seenClicks = (clicks: readonly ImageClick[], { top, bottom, left, right }: Crop, side: number): SeenClick[] =>
  clicks.map(({ x, y, positive }) => ({
    x: (side * (x - left)) / (right - left + 1),
    y: (side * (y - top)) / (bottom - top + 1),
    positive,
  }));

/** Draws the discs of both kinds into a click map. A click beside the part may reach into it; one above and left of it counts as none. */
function drawClicks(clicks: readonly SeenClick[], side: number, map: Float32Array): void {
  for (const { x, y, positive } of clicks) {
    if (Math.max(x, y) < 0) continue;
    const plane = (positive ? 1 : 2) * side * side;
    overDisc(modelClick(x, y, positive), DISC_RADIUS, { width: side, height: side }, (pixel) => {
      map[plane + pixel] = 1;
    });
  }
}

/** One picture under its clicks. */
class Look implements Stepwise {
  private crop: Crop | undefined;
  private map: Plane | undefined;

  constructor(
    private readonly network: ClickNetwork,
    private readonly image: RgbImage,
    private readonly zoom: boolean,
    private readonly flip: boolean,
  ) {}

  begin(): void {
    this.crop = undefined;
    this.map = undefined;
  }

  async step(clicks: readonly ImageClick[]): Promise<Plane> {
    const { image, network } = this;
    const { width, height } = image;
    const whole = wholeOf(image);
    const crop = this.zoom ? nextCrop(this.crop, this.map, clicks, whole, ZOOM) : whole;
    const { side } = network;
    const probability = await this.ask(clicks, crop);
    const seen: Plane = { data: probability, width: side, height: side, channels: 1 };
    const size = { width: crop.right - crop.left + 1, height: crop.bottom - crop.top + 1 };
    const part = new Float32Array(size.width * size.height);
    alignedCrop(seen, 0, wholeOf(seen), size, part);
    const data = new Float32Array(width * height);
    for (let y = 0; y < size.height; y++)
      data.set(part.subarray(y * size.width, (y + 1) * size.width), (crop.top + y) * width + crop.left);
    this.crop = crop;
    this.map = { data, width, height, channels: 1 };
    return this.map;
  }

  /** Probability (side, side) of a part. */
  private async ask(clicks: readonly ImageClick[], crop: Crop): Promise<Float32Array> {
    const { side } = this.network;
    const [area, count] = [side * side, this.flip ? 2 : 1];
    const size = { width: side, height: side };
    const pictures = new Float32Array(count * 3 * area);
    for (let channel = 0; channel < 3; channel++)
      alignedCrop(this.image, channel, crop, size, pictures, { at: channel * area, factor: 1 / 255 });
    const clickMaps = new Float32Array(count * CLICK_CHANNELS * area);
    if (this.map) alignedCrop(this.map, 0, crop, size, clickMaps);
    const seen = seenClicks(clicks, crop, side);
    drawClicks(seen, side, clickMaps.subarray(0, 3 * area));
    if (this.flip) {
      const [before, beside] = [clickMaps.subarray(0, area), clickMaps.subarray(3 * area)];
      mirrored(pictures.subarray(0, 3 * area), side, pictures.subarray(3 * area));
      mirrored(before, side, beside);
      drawClicks(
        seen.map((click) => ({ ...click, x: side - click.x - 1 })),
        side,
        beside,
      );
    }
    const logits = await this.network.run(pictures, clickMaps);
    const out = new Float32Array(area);
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        const at = y * side + x;
        const logit = this.flip ? 0.5 * (logits[at] + logits[area + y * side + side - 1 - x]) : logits[at];
        out[at] = fromLogOdds(logit);
      }
    return out;
  }
}

/** SimpleClick under the evaluation. */
export class SimpleClickMethod implements ClickMethod {
  readonly name: string;
  readonly trainedOn = UNKNOWN;
  readonly threshold = CLICK_THRESHOLD;
  readonly windows: Windows | undefined;
  private readonly zoom: boolean;
  private readonly flip: boolean;

  constructor(
    private readonly network: ClickNetwork,
    { zoom = true, flip = true, windows }: SimpleClickOptions = {},
  ) {
    const without = [...(zoom ? [] : ['no zoom']), ...(flip ? [] : ['no mirror'])];
    this.name = without.length > 0 ? `${SIMPLE_CLICK} (${without.join(', ')})` : SIMPLE_CLICK;
    [this.zoom, this.flip, this.windows] = [zoom, flip, windows];
  }

  /**
   * Loads the imported network.
   * @throws ADC_NETWORK_MISSING when it has not been imported, ADC_WEIGHTS_DAMAGED when its file is not what was written.
   */
  static async load(runtime: Runtime, options: SimpleClickOptions = {}): Promise<SimpleClickMethod> {
    const { tensors } = await readSafetensors(simpleClickPath());
    const shape = SIMPLE_CLICK_VIT_B;
    const { side } = shape;
    const sides = [options.flip === false ? 1 : 2, 3, side, side];
    const graph = new Graph(SIMPLE_CLICK);
    const pictures = graph.input('pictures', sides);
    const clickMaps = graph.input('clickMaps', sides);
    graph.output('logits', simpleClick(graph, new FrozenParameters(graph, tensors), shape, pictures, clickMaps));
    const session = await runtime.load(graph.toModel(), { transfer: true, frugal: true });
    return new SimpleClickMethod(networkOf(session, side, sides), options);
  }

  async open({ image }: ClickPicture): Promise<OpenPicture> {
    const look = new Look(this.network, image, this.zoom, this.flip);
    return { predict: replayed(look), close: async () => look.begin() };
  }

  async close(): Promise<void> {
    await this.network.close();
  }
}

const networkOf = (session: Session, side: number, sides: readonly number[]): ClickNetwork => ({
  side,
  run: async (pictures, clickMaps) => {
    const feeds = { pictures: tensor(pictures, sides), clickMaps: tensor(clickMaps, sides) };
    return (await session.run(feeds, { transfer: true })).logits.data as Float32Array;
  },
  close: () => session.release(),
});
