/** The click model on one token grid: takes clicks one after the other, remembers the way, so an undo costs nothing. */
import { type Graph, giveBack, keptPromise, type Runtime, type Session, type Tensor, tensor } from '@adclick/ortgrad';
import { CLICK_THRESHOLD } from '../clicks/annotator.ts';
import { type DiscRadii, PUBLISHED_RADII } from '../clicks/disc.ts';
import { drawDisc, PixelInputs, TokenInputs, type TokenResidual } from '../clicks/encoding.ts';
import { Ruled } from '../clicks/rules.ts';
import { type ModelClick, sameClick } from '../clicks/types.ts';
import { normalisedColours } from '../features/normalised-colours.ts';
import type { Box } from '../image/components.ts';
import { modelPoint } from '../image/points.ts';
import { Scratch } from '../image/scratch.ts';
import type { RgbImage } from '../image/types.ts';
import { TEXT_ENCODERS } from '../language/text-encoder.ts';
import type { TextFeatures } from '../language/text-features.ts';
import { TOKENS as WORDS } from '../language/tokenizer.ts';
import { CLICK_CHANNELS, CLICK_PLANES, LIKENESS, TOKEN } from '../networks/adclick.ts';
import { type ClickWeights, type ClickWeightsCard, oddsAfter } from '../networks/click-weights.ts';
import { type ClickGraphs, clickGraphs } from './click-graphs.ts';
import {
  allWindows,
  cutBox,
  joined,
  type Look,
  MOST_WINDOWS,
  windowAround,
  windowSize,
  windowsBeside,
} from './click-windows.ts';
import type { Lanes } from './lanes.ts';
import { PictureInputs } from './picture-inputs.ts';

/** The click model, compiled for grids as they are met. */
export class ClickNetwork {
  private readonly sessions = new Map<Runtime, Map<string, Promise<Session>>>();
  private readonly graphs: ClickGraphs;

  constructor(
    private readonly weights: ClickWeights,
    /** Where it runs. */
    readonly lanes: Lanes,
  ) {
    this.graphs = clickGraphs(weights);
  }

  get card(): ClickWeightsCard {
    return this.weights.card;
  }

  /** Whether it is the published network, which sees the squared residual and the click map alone. */
  get published(): boolean {
    return this.weights.network === 'published';
  }

  /** What a picture needs once, for a grid of (height, width) tokens. */
  forPicture(height: number, width: number): Promise<Session> {
    return this.session(this.lanes.main, `picture ${height}x${width}`, () => this.graphs.picture(height, width));
  }

  /** What a prompt needs once. None where language does not guide the weights. */
  forPrompt(height: number, width: number): Promise<Session> | undefined {
    const { prompt } = this.graphs;
    return prompt && this.session(this.lanes.main, `prompt ${height}x${width}`, () => prompt(height, width));
  }

  /** What each click needs. */
  forClick(runtime: Runtime, height: number, width: number): Promise<Session> {
    return this.session(runtime, `click ${height}x${width}`, () => this.graphs.click(height, width));
  }

  private session(runtime: Runtime, key: string, build: () => Graph): Promise<Session> {
    const known = this.sessions.get(runtime) ?? new Map<string, Promise<Session>>();
    this.sessions.set(runtime, known);
    // Between two clicks its threads would keep cores busy that answer the click, and draw it.
    return keptPromise(known, key, async () => runtime.load(build().toModel(), { yields: true }));
  }

  /** Frees all sessions. */
  async close(): Promise<void> {
    for (const sessions of this.sessions.values())
      for (const session of sessions.values()) await (await session).release();
    this.sessions.clear();
  }
}

interface Stop {
  readonly click: ModelClick;
  /** What the network gave after this click, on the model grid. */
  readonly probability: Float32Array;
  /** Where it looked first. */
  readonly box: Box;
}

/** What the rules make of a trail, stop by stop, by one threshold. */
interface RuledTrail {
  readonly threshold: number;
  readonly stops: Ruled[];
}

/** What a prediction on the model grid is asked by. */
export interface GridQuestion {
  /** Features of the defect's prompt; ignored where language does not guide the weights. */
  readonly words?: TextFeatures;
  /** Probability above which a pixel is in the mask, by which the rules of a click go; without it they do not hold. */
  readonly threshold?: number;
}

/** A prediction on the model grid: the caller's own arrays. */
export interface GridPrediction {
  readonly map: Float32Array;
  /** Made when it is asked for; none without the rules of a click. */
  candidates(): Float32Array | undefined;
}

/** Multiplies the odds p / (1 - p) of every pixel. @param out where they are written. */
export function surer(probability: Float32Array, factor: number, out: Float32Array): Float32Array {
  for (let i = 0; i < out.length; i++) {
    const p = probability[i];
    out[i] = (p * factor) / (1 + p * (factor - 1));
  }
  return out;
}

const scratch = new Scratch((length) => new Float32Array(length));

/** The last probability of a pixel of the grid. */
type Previous = (pixel: number) => number;

/** Predictions for one picture on the model grid. */
export class ClickPredictor {
  private readonly trail: Stop[] = [];
  /** Whether the network was fed what the rules made of its answers. */
  private obeyed = false;
  /** What the rules make of each stop by {@link CLICK_THRESHOLD}, and by the last other threshold, as far as somebody asked. */
  private ruled: RuledTrail = { threshold: CLICK_THRESHOLD, stops: [] };
  private ruledOtherwise: RuledTrail | undefined;
  private said: TextFeatures | undefined;
  /** Ends once everything asked so far is answered: one question goes on where the last one has come to. */
  private answered: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly network: ClickNetwork,
    private readonly inputs: TokenInputs,
    /** None where the network does not see them. */
    private readonly pixels: PixelInputs | undefined,
    private readonly picture: PictureInputs,
    private readonly residual: TokenResidual,
  ) {}

  /** @param image the picture at the size of the model grid. */
  static async create(network: ClickNetwork, residual: TokenResidual, image: RgbImage): Promise<ClickPredictor> {
    const { height, width, dims } = residual;
    const { main } = network.lanes;
    const picture = await network.forPicture(height, width);
    const size = windowSize(residual);
    await network.forClick(main, size.height, size.width);
    const inputs = new TokenInputs(residual);
    inputs.prepare();
    const pixels = network.published ? undefined : new PixelInputs(normalisedColours(image), image.width, image.height);
    const shape = [1, height, width, dims];
    const feed: Record<string, Tensor> = network.published
      ? { delta: tensor(residual.delta, shape) }
      : { residual: tensor(inputs.residual, shape) };
    const { embedded } = await picture.run(feed);
    const silence = network.card.textEncoder && tensor(new Float32Array(embedded.data.length), embedded.shape);
    const seen = new PictureInputs(embedded, pixels?.colours, silence);
    return new ClickPredictor(network, inputs, pixels, seen, residual);
  }

  /** Frees what is held of the picture. */
  close(): Promise<void> {
    return this.picture.close();
  }

  /** Pixels of the model grid. */
  get width(): number {
    return TOKEN * this.residual.width;
  }

  get height(): number {
    return TOKEN * this.residual.height;
  }

  /**
   * Probability (height × width) after the given clicks, each fed with what came of those before it, as in training.
   * @param clicks in the order they were made; none gives what the model sees unasked.
   */
  predict(clicks: readonly ModelClick[], question: GridQuestion = {}): Promise<GridPrediction> {
    return this.inTurn(() => this.answer(clicks, question));
  }

  private async answer(clicks: readonly ModelClick[], { words, threshold }: GridQuestion): Promise<GridPrediction> {
    await this.hear(words);
    const obeyed = threshold !== undefined && this.network.card.rules === true;
    if (obeyed !== this.obeyed) this.rewind(0);
    this.obeyed = obeyed;
    let kept = 0;
    while (kept < this.trail.length && kept < clicks.length && sameClick(this.trail[kept].click, clicks[kept])) kept++;
    if (kept < this.trail.length) this.rewind(kept);
    for (const click of clicks.slice(kept)) {
      this.add(click);
      const box = windowAround(click, this.residual, this.trail.at(-1)?.box);
      this.trail.push({ click, box, probability: await this.look(box, click) });
      if (obeyed) this.rule(CLICK_THRESHOLD);
      if (threshold !== undefined) this.rule(threshold);
    }
    if (clicks.length === 0) return { map: await this.unasked(), candidates: () => undefined };
    if (threshold === undefined) {
      const map = this.drawn(clicks.length, new Float32Array(this.width * this.height));
      return { map, candidates: () => undefined };
    }
    const ruled = this.rule(threshold);
    return { map: ruled.map(), candidates: () => ruled.candidates() };
  }

  /** What the network draws after so many clicks, at least one. @param out where it is written. */
  private drawn(clicks: number, out: Float32Array): Float32Array {
    return surer(this.trail[clicks - 1].probability, oddsAfter(this.network.card, clicks), out);
  }

  /** The rules over the trail, which has a stop at least; what is known by this threshold is not worked out again. */
  private rule(threshold: number): Ruled {
    const { trail, inputs, width, height } = this;
    const { stops } = this.ruledBy(threshold);
    // Likeness grows click by click: it is told again where more than the last one is missing.
    const anew = trail.length - stops.length > 1;
    if (anew) {
      inputs.clear();
      for (const { click } of trail.slice(0, stops.length)) inputs.add(click);
    }
    const likeness = (pixel: number) => inputs.likenessOf(pixel);
    for (let k = stops.length; k < trail.length; k++) {
      if (anew) inputs.add(trail[k].click);
      const clicks = trail.slice(0, k + 1).map(({ click }) => click);
      const map = this.drawn(k + 1, scratch.take(width * height));
      stops.push(new Ruled({ map, width, height, clicks, threshold, likeness }, stops.at(-1)));
    }
    return stops[trail.length - 1];
  }

  private ruledBy(threshold: number): RuledTrail {
    if (threshold === CLICK_THRESHOLD) return this.ruled;
    if (threshold !== this.ruledOtherwise?.threshold) this.ruledOtherwise = { threshold, stops: [] };
    return this.ruledOtherwise;
  }

  /** Takes in a prompt ahead of the first click; nothing once clicks have been predicted, which another one would make needless. */
  listen(words: TextFeatures | undefined): Promise<void> {
    return this.inTurn(async () => {
      if (this.trail.length === 0) await this.hear(words);
    });
  }

  private inTurn<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    const answer = this.answered.then(work);
    this.answered = answer.catch(() => undefined);
    return answer;
  }

  /** Takes in another prompt; what was predicted under the one before is forgotten. */
  private async hear(words: TextFeatures | undefined): Promise<void> {
    if (words === this.said) return;
    const { height, width, dims } = this.residual;
    const prompt = await this.network.forPrompt(height, width);
    if (!prompt) return;
    const count = words?.tokens ?? WORDS;
    const wide = words?.dims ?? TEXT_ENCODERS[this.network.card.textEncoder!].shape.dims;
    const feeds = {
      tokens: tensor(this.inputs.descriptors, [1, height, width, dims]),
      words: tensor(words?.features ?? new Float32Array(count * wide), [1, count, wide]),
      wordMask: tensor(Float32Array.from(words?.mask ?? new Uint8Array(count)), [1, count]),
    };
    const { language } = await prompt.run(feeds);
    await this.picture.say(language);
    this.said = words;
    this.rewind(0);
  }

  private rewind(count: number): void {
    for (const { probability } of this.trail.splice(count)) giveBack(probability);
    this.ruled.stops.length = Math.min(this.ruled.stops.length, count);
    if (this.ruledOtherwise) this.ruledOtherwise.stops.length = Math.min(this.ruledOtherwise.stops.length, count);
    this.inputs.clear();
    this.pixels?.clear();
    for (const { click } of this.trail) this.add(click);
  }

  private add(click: ModelClick): void {
    this.inputs.add(click);
    this.pixels?.add(click);
  }

  /** What the network sees before anyone has clicked. */
  private async unasked(): Promise<Float32Array> {
    const looks: Look[] = [];
    for (const box of allWindows(this.residual)) looks.push({ box, drawn: await this.run(box, [], undefined) });
    return joined(looks, this.residual);
  }

  /** What the network draws after one more click than the trail has: in a window, and in those beside it that the defect reaches. */
  private async look(first: Box, click: ModelClick): Promise<Float32Array> {
    const { trail } = this;
    const before = trail.at(-1)?.probability;
    const ruled = this.obeyed ? this.ruled.stops.at(-1) : undefined;
    const previous = ruled ? (pixel: number) => ruled.at(pixel) : before && ((pixel: number) => before[pixel]);
    const clicks = [...trail.map((stop) => stop.click), click];
    const looks: Look[] = [];
    const boxes = [first];
    for (let box = boxes.shift(); box && looks.length < MOST_WINDOWS; box = boxes.shift()) {
      const { x, y } = box;
      if (looks.some((look) => look.box.x === x && look.box.y === y)) continue;
      const drawn = await this.run(box, clicks, previous);
      looks.push({ box, drawn });
      boxes.push(...windowsBeside(box, drawn, this.residual));
    }
    return joined(looks, this.residual, before);
  }

  /** Runs the network on a window, in tokens. @param previous the last probability of a pixel of the grid, if there is one. */
  private async run(box: Box, clicks: readonly ModelClick[], previous: Previous | undefined): Promise<Float32Array> {
    const { height, width } = box;
    const pixels: Box = { x: TOKEN * box.x, y: TOKEN * box.y, width: TOKEN * width, height: TOKEN * height };
    const shape = [1, pixels.height, pixels.width];
    const radii = this.network.published ? PUBLISHED_RADII : undefined;
    const clickMap = tensor(clickMapIn(pixels, this.width, clicks, previous, radii), [...shape, CLICK_CHANNELS]);
    const feeds = { clickMap, ...this.ownFeeds(box, pixels) };
    const { probability } = await this.network.lanes.run(async (runtime) => {
      const session = await this.network.forClick(runtime, height, width);
      return session.run({ ...(await this.picture.of(runtime, box)), ...feeds }, { transfer: true });
    });
    return probability.data as Float32Array;
  }

  /** What our own network sees beside the click map. @param box in tokens. @param pixels the same in pixels. */
  private ownFeeds(box: Box, pixels: Box): Record<string, Tensor> {
    if (!this.pixels) return {};
    const { height, width } = box;
    const clickPlanes = cutBox(this.inputs.clickPlanes, this.residual.width, CLICK_PLANES, box);
    const likeness = cutBox(this.pixels.likeness, this.width, 1, pixels, LIKENESS);
    return {
      clickPlanes: tensor(clickPlanes, [1, height, width, CLICK_PLANES]),
      likeness: tensor(likeness, [1, LIKENESS, pixels.height, pixels.width]),
    };
  }
}

/** Previous probability and discs of clicks in a part of the grid, interleaved. @param width of the whole grid in pixels. */
function clickMapIn(
  { x, y, width: columns, height: rows }: Box,
  width: number,
  clicks: readonly ModelClick[],
  previous: Previous | undefined,
  radii: DiscRadii | undefined,
): Float32Array {
  const map = new Float32Array(rows * columns * CLICK_CHANNELS);
  if (previous)
    for (let v = 0, to = 0; v < rows; v++)
      for (let u = 0, at = (y + v) * width + x; u < columns; u++, at++, to += CLICK_CHANNELS) map[to] = previous(at);
  for (const click of clicks)
    drawDisc(map, columns, rows, { ...click, ...modelPoint(click.x - x, click.y - y) }, radii);
  return map;
}
