/** Training of the click model: one readable loop over episodes of clicks, with resume, seeds, EMA and progress. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { compileStep, type Graph, type ParameterSource, Runtime, type Tensor, Trainer } from '@adclick/ortgrad';
import { CLICK_THRESHOLD, randomStartClicks, simulateNextClick } from '../clicks/annotator.ts';
import { PixelInputs, TokenInputs } from '../clicks/encoding.ts';
import { Ruled } from '../clicks/rules.ts';
import type { ModelClick } from '../clicks/types.ts';
import { iou } from '../evaluation/metrics.ts';
import { BACKBONES, DEFAULT_BACKBONE, tokenDims } from '../features/backbones.ts';
import type { Mask } from '../image/types.ts';
import { DEFAULT_TEXT_ENCODER, TEXT_ENCODERS } from '../language/text-encoder.ts';
import type { TextFeatures } from '../language/text-features.ts';
import {
  type AdclickSettings,
  adclick,
  clickInputs,
  embedResidual,
  languageMap,
  type OwnPreset,
  residualInput,
  TOKEN,
  tokenInput,
} from '../networks/adclick.ts';
import { saveClickWeights, settingsOf } from '../networks/click-weights.ts';
import { wordInputs } from '../networks/pwam.ts';
import { Random } from '../random.ts';
import { clickMaps, probabilityOf, promptWords, stacked, targets } from './batch.ts';
import { BlockStore } from './block-store.ts';
import { type BlockSettings, checkFolders } from './blocks.ts';
import { varyColours } from './colours.ts';
import { CROP, readCut } from './item.ts';
import { clickLoss } from './losses.ts';
import { ProgressLog, type TrainingProgress } from './progress-log.ts';
import { ONE_PHRASE_CHANCE } from './published.ts';

/** Everything that decides a training run. */
export interface ClickTraining {
  /** Folder of the run: items, checkpoint, log and weights. */
  readonly directory: string;
  readonly preset: OwnPreset;
  /** Optimiser steps; each shows one click round of one batch. */
  readonly steps: number;
  readonly data: BlockSettings;
  readonly learningRate: number;
  /** Weights to start from instead of a seeded initialisation. */
  readonly initial?: ReadonlyMap<string, Tensor>;
  /** What is trained: everything, or the words' part alone, which leaves masks without a prompt as they were. Default `all`. */
  readonly part?: 'all' | 'language';
  /** Goes on from the run's checkpoint when there is one. */
  readonly resume?: boolean;
  /** Steps between checkpoints, a multiple of 8; default 400. */
  readonly checkpointEvery?: number;
  /** What the weights' card says they were trained on. */
  readonly trainedOn: string;
  readonly name: string;
  /** Factors on the odds that the weights start with; see ClickWeightsCard. */
  readonly odds?: readonly number[];
  /** Cores of the steps; default all. */
  readonly threads?: number;
  readonly onProgress?: (progress: TrainingProgress) => void;
  readonly signal?: AbortSignal;
  /** Asked before a checkpoint or the weights are written; what it throws ends the training. */
  readonly owned?: () => Promise<void>;
}

/** Click rounds an episode; each is a step (docs/method.md, Training the click model). */
const ROUNDS = 4;
/** Crops a batch; a whole picture of 64×64 tokens costs the same. */
const BATCH = 4;
/** Parts of a batch of crops that are worked through at the same time. */
const SHARDS = 2;
/** Two episodes alternate, so that clicks of one are simulated while the other's step runs. */
const LANES = 2;
const WHOLE_CHANCE = 0.2;
/** Pictures that are looked at for a whole one. */
const WHOLE_TRIES = 40;
const RANDOM_START_CHANCE = 0.35;
/** Episodes whose first round has no click: what the network proposes before anyone has clicked. */
const NO_CLICK_CHANCE = 0.12;
/** Episodes whose masks stand under the rules of a click, as they do for whoever labels: the network learns what they leave to it. */
const RULES_CHANCE = 0.65;
/** Samples that are shown without a prompt. */
const NO_PROMPT_CHANCE = 0.3;
/** Residual strength varies by exp(0.25·N(0,1)). */
const GAIN_SPREAD = 0.25;
const DICE = 1;
const WEIGHT_DECAY = 0.05;
const WARM_UP = 200;
/** Share of the steps over which the rate falls, and what it falls to. */
const END_SHARE = 0.35;
const FINAL_RATE = 0.02;
const EMA_DECAY = 0.999;
/** Blocks that must be there before the first step, and the newest ones that episodes draw from. */
const FIRST_BLOCKS = 6;
const POOL_BLOCKS = 160;
/** Episodes that each further block is worth: 42 episodes draw about 170 samples from its 30 items. */
const EPISODES_A_BLOCK = 42;
const REPORT_EVERY = 80;
/** Episodes of all lanes end together after so many steps: the only moments a checkpoint can stand for. */
const CYCLE = ROUNDS * LANES;
const CHECKPOINT_EVERY = 50 * CYCLE;

/**
 * Learning rate of a step: warm-up, a long plateau, a linear end.
 * The plateau does not depend on `steps`, so a run can be resumed with more or fewer steps and is still one run.
 */
export function learningRateAt(step: number, steps: number, peak: number): number {
  const warm = Math.min(1, (step + 1) / WARM_UP);
  const end = Math.min(1, (steps - step) / (steps * END_SHARE));
  return peak * warm * Math.max(end, FINAL_RATE);
}

/** Forward pass and loss for a batch of squares of so many tokens a side. */
function lossGraph(
  settings: AdclickSettings,
  wordDims: number,
  batch: number,
  tokensASide: number,
  part: 'all' | 'language',
) {
  return (graph: Graph, source: ParameterSource) => {
    const parameters = part === 'all' ? source : onlyLanguage(source);
    const side = TOKEN * tokensASide;
    const residual = residualInput(graph, batch, tokensASide, tokensASide, settings.residualDims);
    const inputs = clickInputs(graph, batch, tokensASide, tokensASide);
    const target = graph.input('target', [batch, side, side]);
    const weight = graph.input('weight', [batch, side, side]);
    const embedded = embedResidual(parameters, settings, residual);
    const tokens = tokenInput(graph, batch, tokensASide, tokensASide, settings.residualDims);
    const language = languageMap(parameters, settings, tokens, wordInputs(graph, batch, wordDims));
    const logits = adclick(graph, parameters, settings, embedded, inputs, language);
    return { loss: clickLoss(logits, target, weight, DICE), outputs: { logits } };
  };
}

/** The same parameters, of which only those of {@link languageMap} are moved. */
const onlyLanguage = (source: ParameterSource): ParameterSource => ({
  get: (name, shape, init, options) =>
    source.get(name, shape, init, { ...options, rate: name.startsWith('language.') ? options?.rate : 0 }),
});

/** One sample of an episode: a picture and the clicks given so far. */
class Sample {
  readonly clicks: ModelClick[] = [];
  /** The mask so far, which the next round sees and the next click corrects. */
  probability: Float32Array;
  private ruled: Ruled | undefined;

  constructor(
    readonly inputs: TokenInputs,
    readonly pixels: PixelInputs,
    readonly mask: Mask,
    /** None for a sample without a prompt. */
    readonly text: TextFeatures | undefined,
  ) {
    this.probability = new Float32Array(mask.data.length);
  }

  add(click: ModelClick | undefined): void {
    if (!click) return;
    this.clicks.push(click);
    this.inputs.add(click);
    this.pixels.add(click);
  }

  /** Takes in what the network drew, by the rules of a click where they hold. */
  take(drawn: Float32Array, rules: boolean): void {
    this.probability = drawn;
    if (!rules || this.clicks.length === 0) return;
    const { width, height } = this.mask;
    const likeness = (pixel: number) => this.inputs.likenessOf(pixel);
    const { clicks } = this;
    this.ruled = new Ruled({ map: drawn, width, height, clicks, threshold: CLICK_THRESHOLD, likeness }, this.ruled);
    this.probability = this.ruled.map();
  }
}

/** A batch of samples on their way through the click rounds. */
class Episode {
  private round = 0;

  constructor(
    readonly program: 'crop' | 'whole',
    private readonly samples: readonly Sample[],
    private readonly random: Random,
    /** Whether the first round has no click. */
    private readonly unasked: boolean,
    /** Whether the rules of a click hold. */
    private readonly rules: boolean,
    /** Channels of a word. */
    private readonly wordDims: number,
  ) {}

  get finished(): boolean {
    return this.round === ROUNDS;
  }

  /** Simulates the next click of every sample and lays out the batch. */
  prepare(): Record<string, Tensor> {
    const clicked = this.round > 0 || !this.unasked;
    for (const sample of clicked ? this.samples : []) {
      sample.add(simulateNextClick(sample.probability, sample.mask, sample.clicks, this.random));
      if (this.round === 0 && this.random.chance(RANDOM_START_CHANCE))
        for (const click of randomStartClicks(sample.mask, this.random)) sample.add(click);
    }
    const { width, height } = this.samples[0].mask;
    const [rows, columns] = [height / TOKEN, width / TOKEN];
    const each = (part: (sample: Sample) => Float32Array, shape: readonly number[]) =>
      stacked(this.samples.map(part), shape);
    return {
      residual: each(({ inputs }) => inputs.residual, [rows, columns, -1]),
      tokens: each(({ inputs }) => inputs.descriptors, [rows, columns, -1]),
      clickPlanes: each(({ inputs }) => inputs.clickPlanes, [rows, columns, -1]),
      colours: each(({ pixels }) => pixels.colours, [-1, height, width]),
      likeness: each(({ pixels }) => pixels.likeness, [-1, height, width]),
      ...clickMaps(this.samples, width, height),
      ...targets(this.samples),
      ...promptWords(
        this.samples.map(({ text }) => text),
        this.wordDims,
      ),
    };
  }

  /** Takes the step's logits as the next round's previous prediction. @returns round just ended and mean IoU. */
  receive(logits: Float32Array): { round: number; iou: number } {
    let sum = 0;
    for (const [b, sample] of this.samples.entries()) {
      sample.take(probabilityOf(logits, b, this.samples.length), this.rules);
      sum += iou({ ...sample.mask, data: sample.probability }, sample.mask);
    }
    return { round: this.round++, iou: sum / this.samples.length };
  }
}

/** Draws episodes from the store: episode e is a pure function of seed and e. */
class EpisodeSource {
  constructor(
    private readonly store: BlockStore,
    private readonly seed: number,
    private readonly wordDims: number,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** Blocks that episode `e` may draw from. */
  static blocksAt(e: number): number {
    return FIRST_BLOCKS + Math.floor(e / EPISODES_A_BLOCK);
  }

  async episode(e: number): Promise<Episode> {
    const random = new Random(`${this.seed}/episode/${e}`);
    const available = EpisodeSource.blocksAt(e);
    await this.store.ready(available, this.signal);
    let whole = random.chance(WHOLE_CHANCE);
    const samples: Sample[] = [];
    for (let tries = 0; samples.length < (whole ? 1 : BATCH); tries++) {
      // Where the pool holds no picture that is square at full size, crops do.
      if (whole && tries === WHOLE_TRIES) whole = false;
      const block = random.int(Math.max(0, available - POOL_BLOCKS), available);
      const items = await this.store.items(block);
      if (items.length === 0) continue;
      const cut = await readCut(random.pick(items), random, whole);
      if (!cut) continue;
      const gain = Math.exp(GAIN_SPREAD * random.normal());
      const { width, height } = cut.mask;
      const pixels = new PixelInputs(varyColours(cut.colours, width, height, random), width, height);
      const text = cut.text?.[random.chance(ONE_PHRASE_CHANCE) ? 'one' : 'mean'];
      const prompt = random.chance(NO_PROMPT_CHANCE) ? undefined : text;
      samples.push(new Sample(new TokenInputs(cut.residual, gain), pixels, cut.mask, prompt));
    }
    const unasked = random.chance(NO_CLICK_CHANCE);
    const rules = random.chance(RULES_CHANCE);
    return new Episode(whole ? 'whole' : 'crop', samples, random, unasked, rules, this.wordDims);
  }
}

/**
 * Trains a click model; the weights kept are the exponential moving average.
 * Checkpoints are taken where all episodes end, so that a resumed run repeats the run bit for bit.
 * @returns path of the weights. Throws ADC_DATASET or ADC_NO_NORMALS for the first folder that does not hold what it should, ADC_NETWORK_MISSING for a text encoder that
 * has not been imported, the signal's reason when aborted, with the last checkpoint on disk.
 */
export async function trainClickModel(options: ClickTraining): Promise<string> {
  const { directory, preset, steps, data, part = 'all', checkpointEvery = CHECKPOINT_EVERY } = options;
  if (checkpointEvery % CYCLE !== 0)
    throw new RangeError(`checkpointEvery: ${checkpointEvery} is no multiple of ${CYCLE}`);
  await checkFolders(data.folders);
  await mkdir(directory, { recursive: true });
  const checkpoint = join(directory, 'checkpoint.safetensors');
  const { textEncoder = DEFAULT_TEXT_ENCODER } = data;
  const wordDims = TEXT_ENCODERS[textEncoder].shape.dims;
  // Items hold the words as their encoder gives them.
  const items = textEncoder === DEFAULT_TEXT_ENCODER ? 'items' : `items-${textEncoder}`;
  const store = await BlockStore.start(join(directory, items), data);
  const runtime = await Runtime.start({ threads: options.threads });
  let trainer: Trainer | undefined;
  try {
    const residualDims = tokenDims(BACKBONES[data.backbone ?? DEFAULT_BACKBONE]);
    const settings = settingsOf({ preset, residualDims }, options.initial);
    const programs = {
      crop: compileStep(lossGraph(settings, wordDims, BATCH / SHARDS, CROP, part), { shards: SHARDS }),
      whole: compileStep(lossGraph(settings, wordDims, 1, 2 * CROP, part)),
    };
    const setup = { programs, seed: data.seed, runtime, weights: options.initial };
    trainer =
      options.resume && existsSync(checkpoint)
        ? (await Trainer.resume(checkpoint, setup)).trainer
        : await Trainer.create(setup);
    const source = new EpisodeSource(store, data.seed, wordDims, options.signal);
    let episodes = (trainer.steps / CYCLE) * LANES;
    const lanes: Episode[] = [];
    for (let lane = 0; lane < LANES; lane++) lanes.push(await source.episode(episodes++));

    const progress = new ProgressLog(join(directory, 'log.jsonl'), ROUNDS, REPORT_EVERY, options.onProgress);
    let batch = lanes[0].prepare();
    for (let step = trainer.steps; step < steps; step++) {
      options.signal?.throwIfAborted();
      const here = step % LANES;
      const current = lanes[here];
      const learningRate = learningRateAt(step, steps, options.learningRate);
      const running = trainer.step(current.program, batch, {
        learningRate,
        weightDecay: WEIGHT_DECAY,
        emaDecay: Math.min(EMA_DECAY, (1 + step) / (10 + step)),
      });
      // The other lane's clicks are simulated while this lane's step runs.
      const next = (step + 1) % LANES;
      if (lanes[next].finished) lanes[next] = await source.episode(episodes++);
      batch = lanes[next].prepare();
      const { loss, outputs } = await running;
      const ended = current.receive(outputs.logits.data as Float32Array);
      progress.drawn(ended.round, ended.iou);
      const blocks = EpisodeSource.blocksAt(episodes);
      await progress.stepped(loss, { step: step + 1, steps, learningRate, blocks });
      if ((step + 1) % checkpointEvery === 0) {
        await options.owned?.();
        await trainer.save(checkpoint, {});
      }
    }
    const path = join(directory, 'weights.safetensors');
    const weights = await trainer.weights('ema');
    await options.owned?.();
    await saveClickWeights(path, weights, {
      name: options.name,
      preset,
      residualDims,
      textEncoder,
      trainedOn: options.trainedOn,
      steps,
      seed: data.seed,
      odds: options.odds,
      rules: true,
    });
    return path;
  } finally {
    await store.close();
    await trainer?.close();
    await runtime.close();
  }
}
