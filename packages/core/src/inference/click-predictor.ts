/** The click model on one token grid: takes clicks one after the other, remembers the way, so an undo costs nothing. */
import { FrozenParameters, Graph, type Runtime, type Session, sigmoid, tensor } from '@adclick/ortgrad';
import {
  CLICK_CHANNELS,
  drawDisc,
  normalisedColours,
  PixelInputs,
  TokenInputs,
  type TokenResidual,
} from '../clicks/encoding.ts';
import type { Click } from '../clicks/types.ts';
import type { RgbImage } from '../image/types.ts';
import { adclick, CLICK_PLANES, SHADES, TOKEN } from '../networks/adclick.ts';
import { type ClickWeights, type ClickWeightsCard, oddsAfter } from '../networks/click-weights.ts';

/** The click model compiled for grids as they are met. */
export class ClickNetwork {
  private readonly sessions = new Map<string, Promise<Session>>();

  constructor(
    private readonly weights: ClickWeights,
    private readonly runtime: Runtime,
  ) {}

  get card(): ClickWeightsCard {
    return this.weights.card;
  }

  /** The session of a grid of (height, width) tokens: planes, clickMap, shades -> probability. */
  session(height: number, width: number): Promise<Session> {
    const key = `${height}x${width}`;
    let session = this.sessions.get(key);
    if (!session) {
      session = this.runtime.load(clickModel(this.weights, height, width));
      this.sessions.set(key, session);
    }
    return session;
  }

  /** Frees all sessions. */
  async close(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).release();
    this.sessions.clear();
  }
}

/** Bytes of the ONNX model for one grid of (height, width) tokens; metadata hold the weights' card. */
export function clickModel({ card, settings, tensors }: ClickWeights, height: number, width: number): Uint8Array {
  const graph = new Graph('adclick');
  const planes = graph.input('planes', [1, height, width, settings.residualDims + CLICK_PLANES]);
  const clickMap = graph.input('clickMap', [1, TOKEN * height, TOKEN * width, CLICK_CHANNELS]);
  const shades = graph.input('shades', [1, SHADES, TOKEN * height, TOKEN * width]);
  const logits = adclick(graph, new FrozenParameters(graph, tensors), settings, planes, clickMap, shades);
  graph.output('probability', sigmoid(logits));
  return graph.toModel({ card: JSON.stringify(card) });
}

interface Stop {
  readonly click: Click;
  /** What the network gave after this click, on the model grid. */
  readonly probability: Float32Array;
}

/** Multiplies the odds p / (1 - p) of every pixel. */
const surer = (probability: Float32Array, factor: number): Float32Array =>
  factor === 1 ? probability : probability.map((p) => (p * factor) / (1 + p * (factor - 1)));

const sameClick = (a: Click, b: Click) => a.x === b.x && a.y === b.y && a.positive === b.positive;

/** Predictions for one picture on the model grid. */
export class ClickPredictor {
  private readonly inputs: TokenInputs;
  private readonly pixels: PixelInputs;
  private trail: Stop[] = [];

  private constructor(
    private readonly card: ClickWeightsCard,
    private readonly session: Session,
    private readonly residual: TokenResidual,
    image: RgbImage,
  ) {
    this.inputs = new TokenInputs(residual);
    this.pixels = new PixelInputs(normalisedColours(image), this.width, this.height);
  }

  /** @param image the picture at the size of the model grid. */
  static async create(network: ClickNetwork, residual: TokenResidual, image: RgbImage): Promise<ClickPredictor> {
    const session = await network.session(residual.height, residual.width);
    return new ClickPredictor(network.card, session, residual, image);
  }

  /** Pixels of the model grid. */
  get width(): number {
    return TOKEN * this.residual.width;
  }

  get height(): number {
    return TOKEN * this.residual.height;
  }

  /**
   * Probability (height × width) after the given clicks, each fed with the prediction before it as in training.
   * @param clicks pixels of the model grid, in the order they were made; none gives what the model sees unasked.
   */
  async predict(clicks: readonly Click[]): Promise<Float32Array> {
    let kept = 0;
    while (kept < this.trail.length && kept < clicks.length && sameClick(this.trail[kept]!.click, clicks[kept]!))
      kept++;
    if (kept < this.trail.length) this.rewind(kept);
    if (clicks.length === 0) return this.run([]);
    for (const click of clicks.slice(kept)) {
      this.add(click);
      const soFar = [...this.trail.map((stop) => stop.click), click];
      this.trail.push({ click, probability: await this.run(soFar) });
    }
    return surer(this.trail[this.trail.length - 1]!.probability, oddsAfter(this.card, clicks.length));
  }

  private rewind(count: number): void {
    this.trail = this.trail.slice(0, count);
    this.inputs.clear();
    this.pixels.clear();
    for (const { click } of this.trail) this.add(click);
  }

  private add(click: Click): void {
    this.inputs.add(click);
    this.pixels.add(click);
  }

  private async run(clicks: readonly Click[]): Promise<Float32Array> {
    const { height, width } = this.residual;
    const [rows, columns] = [this.height, this.width];
    const clickMap = new Float32Array(rows * columns * CLICK_CHANNELS);
    const previous = this.trail[this.trail.length - 1]?.probability;
    if (previous) for (let i = 0; i < previous.length; i++) clickMap[i * CLICK_CHANNELS] = previous[i] as number;
    for (const click of clicks) drawDisc(clickMap, columns, rows, click);
    const { probability } = await this.session.run({
      planes: tensor(this.inputs.planes, [1, height, width, this.inputs.stride]),
      clickMap: tensor(clickMap, [1, rows, columns, CLICK_CHANNELS]),
      shades: tensor(this.pixels.shades, [1, SHADES, rows, columns]),
    });
    return (probability as { data: unknown }).data as Float32Array;
  }
}
