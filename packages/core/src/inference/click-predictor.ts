/** The click model on one token grid: takes clicks one after the other, remembers the way, so an undo costs nothing. */
import { FrozenParameters, Graph, type Held, type Runtime, type Session, sigmoid, tensor } from '@adclick/ortgrad';
import { drawDisc, normalisedColours, PixelInputs, TokenInputs, type TokenResidual } from '../clicks/encoding.ts';
import type { Click } from '../clicks/types.ts';
import type { RgbImage } from '../image/types.ts';
import { TEXT_ENCODERS } from '../language/text-encoder.ts';
import type { TextFeatures } from '../language/text-features.ts';
import { TOKENS as WORDS } from '../language/tokenizer.ts';
import {
  adclick,
  CLICK_CHANNELS,
  CLICK_PLANES,
  clickInputs,
  embedResidual,
  LIKENESS,
  languageMap,
  residualInput,
  TOKEN,
  tokenInput,
} from '../networks/adclick.ts';
import { type ClickWeights, type ClickWeightsCard, oddsAfter } from '../networks/click-weights.ts';
import { wordInputs } from '../networks/pwam.ts';

/** The click model of one grid in parts: what a picture needs once, what a prompt needs once, and what each click needs. */
interface Parts {
  /** residual -> embedded */
  readonly picture: Session;
  /** tokens, words, wordMask -> language; none where language does not guide the weights. */
  readonly prompt?: Session;
  /** embedded, language, clickPlanes, clickMap, colours, likeness -> probability */
  readonly click: Session;
}

/** The click model compiled for grids as they are met. */
export class ClickNetwork {
  private readonly parts = new Map<string, Promise<Parts>>();

  constructor(
    private readonly weights: ClickWeights,
    readonly runtime: Runtime,
  ) {}

  get card(): ClickWeightsCard {
    return this.weights.card;
  }

  /** All parts for a grid of (height, width) tokens. */
  forGrid(height: number, width: number): Promise<Parts> {
    const key = `${height}x${width}`;
    const found = this.parts.get(key) ?? this.compile(height, width);
    this.parts.set(key, found);
    return found;
  }

  private async compile(height: number, width: number): Promise<Parts> {
    const { card, settings, tensors } = this.weights;
    const picture = new Graph('adclick-picture');
    const residual = residualInput(picture, 1, height, width, settings.residualDims);
    picture.output('embedded', embedResidual(new FrozenParameters(picture, tensors), settings, residual));
    const click = new Graph('adclick-click');
    const shape = [1, height, width, settings.dim];
    const embedded = click.input('embedded', shape);
    const language = card.textEncoder && click.input('language', shape);
    const inputs = clickInputs(click, 1, height, width);
    const logits = adclick(click, new FrozenParameters(click, tensors), settings, embedded, inputs, language);
    click.output('probability', sigmoid(logits));
    return {
      picture: await this.runtime.load(picture.toModel()),
      prompt: card.textEncoder && (await this.runtime.load(promptModel(this.weights, height, width))),
      click: await this.runtime.load(click.toModel()),
    };
  }

  /** Frees all sessions. */
  async close(): Promise<void> {
    for (const parts of this.parts.values()) {
      const { picture, prompt, click } = await parts;
      for (const session of [picture, prompt, click]) await session?.release();
    }
    this.parts.clear();
  }
}

/** What a prompt adds on one grid: tokens, words, wordMask -> language. */
function promptModel({ card, settings, tensors }: ClickWeights, height: number, width: number): Uint8Array {
  const graph = new Graph('adclick-prompt');
  const words = wordInputs(graph, 1, TEXT_ENCODERS[card.textEncoder!].shape.dims);
  const tokens = tokenInput(graph, 1, height, width, settings.residualDims);
  graph.output('language', languageMap(new FrozenParameters(graph, tensors), settings, tokens, words));
  return graph.toModel();
}

/**
 * Bytes of the ONNX model for one grid of (height, width) tokens, residual and clicks in, probability out: the whole network without
 * language as one file, for other runtimes. Metadata hold the weights' card.
 */
export function clickModel({ card, settings, tensors }: ClickWeights, height: number, width: number): Uint8Array {
  const graph = new Graph('adclick');
  const parameters = new FrozenParameters(graph, tensors);
  const residual = residualInput(graph, 1, height, width, settings.residualDims);
  const inputs = clickInputs(graph, 1, height, width);
  const logits = adclick(graph, parameters, settings, embedResidual(parameters, settings, residual), inputs);
  graph.output('probability', sigmoid(logits));
  return graph.toModel({ card: JSON.stringify(card) });
}

interface Stop {
  readonly click: Click;
  /** What the network gave after this click, on the model grid. */
  readonly probability: Float32Array;
}

/** Multiplies the odds p / (1 - p) of every pixel. */
export function surer(probability: Float32Array, factor: number): Float32Array {
  if (factor === 1) return probability;
  const out = new Float32Array(probability.length);
  for (let i = 0; i < out.length; i++) {
    const p = probability[i] as number;
    out[i] = (p * factor) / (1 + p * (factor - 1));
  }
  return out;
}

const sameClick = (a: Click, b: Click) => a.x === b.x && a.y === b.y && a.positive === b.positive;

/** What a picture's predictions have in common, held where the network runs. */
interface HeldPicture {
  readonly embedded: Held;
  readonly colours: Held;
  /** What the prompt says; zeros without one, and none where language does not guide the weights. */
  language?: Held;
}

/** Predictions for one picture on the model grid. */
export class ClickPredictor {
  private trail: Stop[] = [];
  private said: TextFeatures | undefined;

  private constructor(
    private readonly network: ClickNetwork,
    private readonly parts: Parts,
    private readonly inputs: TokenInputs,
    private readonly pixels: PixelInputs,
    private readonly held: HeldPicture,
    private readonly residual: TokenResidual,
  ) {}

  /** @param image the picture at the size of the model grid. */
  static async create(network: ClickNetwork, residual: TokenResidual, image: RgbImage): Promise<ClickPredictor> {
    const { height, width, dims } = residual;
    const parts = await network.forGrid(height, width);
    const inputs = new TokenInputs(residual);
    const pixels = new PixelInputs(normalisedColours(image), image.width, image.height);
    const feed = { residual: tensor(inputs.residual, [1, height, width, dims]) };
    const { embedded } = await parts.picture.run(feed, { keep: ['embedded'] });
    const colours = await network.runtime.hold(tensor(pixels.colours, [1, 3, image.height, image.width]));
    const silence = new Float32Array(embedded.shape.reduce((count, side) => count * side));
    const language = parts.prompt && (await network.runtime.hold(tensor(silence, embedded.shape)));
    return new ClickPredictor(network, parts, inputs, pixels, { embedded, colours, language }, residual);
  }

  /** Frees what is held of the picture; no prediction is possible afterwards. */
  async close(): Promise<void> {
    const { embedded, colours, language } = this.held;
    for (const held of [embedded, colours, language]) await held?.release();
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
   * @param words features of the defect's prompt; ignored where language does not guide the weights.
   */
  async predict(clicks: readonly Click[], words?: TextFeatures): Promise<Float32Array> {
    await this.listen(words);
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
    return surer(this.trail[this.trail.length - 1]!.probability, oddsAfter(this.network.card, clicks.length));
  }

  /** Takes in another prompt; what was predicted under the one before is forgotten. */
  private async listen(words: TextFeatures | undefined): Promise<void> {
    const { prompt } = this.parts;
    if (!prompt || words === this.said) return;
    const { height, width, dims } = this.residual;
    const count = words?.tokens ?? WORDS;
    const wide = words?.dims ?? TEXT_ENCODERS[this.network.card.textEncoder!].shape.dims;
    const feeds = {
      tokens: tensor(this.inputs.descriptors, [1, height, width, dims]),
      words: tensor(words?.features ?? new Float32Array(count * wide), [1, count, wide]),
      wordMask: tensor(Float32Array.from(words?.mask ?? new Uint8Array(count)), [1, count]),
    };
    const { language } = await prompt.run(feeds, { keep: ['language'] });
    await this.held.language?.release();
    this.held.language = language;
    this.said = words;
    this.rewind(0);
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
    const feeds = {
      embedded: this.held.embedded,
      colours: this.held.colours,
      ...(this.held.language && { language: this.held.language }),
      clickPlanes: tensor(this.inputs.clickPlanes.slice(), [1, height, width, CLICK_PLANES]),
      clickMap: tensor(clickMap, [1, rows, columns, CLICK_CHANNELS]),
      likeness: tensor(this.pixels.likeness.slice(), [1, LIKENESS, rows, columns]),
    };
    const { probability } = await this.parts.click.run(feeds, { transfer: true });
    return (probability as { data: unknown }).data as Float32Array;
  }
}
