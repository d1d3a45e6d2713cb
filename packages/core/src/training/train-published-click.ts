/** Training of the click model as published: one readable loop over batches of pictures, with resume, seeds, EMA and progress. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  compileLook,
  compileStep,
  type Graph,
  type ParameterSource,
  Runtime,
  type Tensor,
  Trainer,
} from '@adclick/ortgrad';
import { simulateNextClick } from '../clicks/annotator.ts';
import { PUBLISHED_RADII } from '../clicks/disc.ts';
import { sampledClicks } from '../clicks/sampled-clicks.ts';
import type { ModelClick } from '../clicks/types.ts';
import { fail } from '../errors.ts';
import { iou } from '../evaluation/metrics.ts';
import { BACKBONES, DEFAULT_BACKBONE, tokenDims } from '../features/backbones.ts';
import { TOKEN } from '../networks/adclick.ts';
import { PAPER, type PublishedClickWeights, saveClickWeights } from '../networks/click-weights.ts';
import {
  clickMapInput,
  deltaInput,
  droppedInputs,
  embedDelta,
  type PublishedSettings,
  publishedAdclick,
  publishedSizes,
} from '../networks/published-adclick.ts';
import { Random } from '../random.ts';
import { clickMaps, probabilityOf, stacked, targets } from './batch.ts';
import { BlockStore } from './block-store.ts';
import { type BlockSettings, checkFolders } from './blocks.ts';
import { droppedChannels, droppedPaths } from './dropped.ts';
import { CROP, type ItemKind, readCut, type TrainingCut } from './item.ts';
import { normalisedFocalLoss } from './losses.ts';
import { ProgressLog, type TrainingProgress } from './progress-log.ts';
import { everyWeightDecays, PUBLISHED_CLICKS, type PublishedClickRecipe } from './published.ts';

/** Everything that decides a training run. */
export interface PublishedClickTraining {
  /** Folder of the run: items, checkpoint, log and weights. */
  readonly directory: string;
  /** Channels of a token, see publishedSizes; those of the initial weights where there are some. */
  readonly width: number;
  /** Default: {@link PUBLISHED_CLICKS}. */
  readonly recipe?: PublishedClickRecipe;
  readonly data: Omit<BlockSettings, 'published'>;
  /** Weights to start from instead of a seeded initialisation: fine-tuning. */
  readonly initial?: PublishedClickWeights;
  /** Goes on from the run's checkpoint when there is one. */
  readonly resume?: boolean;
  /** Steps between checkpoints; default 100. */
  readonly checkpointEvery?: number;
  /** What the weights' card says they were trained on. */
  readonly trainedOn: string;
  readonly name: string;
  /** Cores of the steps; default all. */
  readonly threads?: number;
  readonly onProgress?: (progress: TrainingProgress) => void;
  readonly signal?: AbortSignal;
  /** Asked before a checkpoint or the weights are written; what it throws ends the training. */
  readonly owned?: () => Promise<void>;
}

/** Blocks that must be there before the first step, the newest ones that batches draw from, and steps that each further block is worth. */
const FIRST_BLOCKS = 2;
const POOL_BLOCKS = 160;
const STEPS_A_BLOCK = 20;
/** Pictures that are looked at for one of a kind that is square at full size. */
const TRIES = 40;
const REPORT_EVERY = 20;
const CHECKPOINT_EVERY = 100;

/** A whole picture of 64 × 64 tokens as published; crops of half the side where the pool holds none that is square. */
const SIDES = { whole: 2 * CROP, crop: CROP } as const;
type Program = keyof typeof SIDES;

/** The network on a batch of squares of so many tokens a side. */
function logitsOn(
  graph: Graph,
  p: ParameterSource,
  settings: PublishedSettings,
  batch: number,
  side: number,
  training: boolean,
) {
  const delta = deltaInput(graph, batch, side, side, settings.residualDims);
  const dropped = training ? droppedInputs(graph, batch, settings) : undefined;
  const clickMap = clickMapInput(graph, batch, side, side);
  return publishedAdclick(p, settings, embedDelta(p, settings, delta), clickMap, { dropped });
}

/** Forward pass and loss; NFL alone. */
const stepOf =
  (settings: PublishedSettings, batch: number, side: number) => (graph: Graph, source: ParameterSource) => {
    const logits = logitsOn(graph, everyWeightDecays(source), settings, batch, side, true);
    const [target, weight] = ['target', 'weight'].map((name) => graph.input(name, logits.shape));
    return { loss: normalisedFocalLoss(logits, target, weight), outputs: { logits } };
  };

/** A picture and the clicks given so far. */
interface Sample {
  readonly cut: TrainingCut;
  readonly clicks: ModelClick[];
  /** What the network saw last; nothing at first. */
  probability: Float32Array;
}

/** Draws the pictures of a step, a pure function of seed and step; none when all are too small. */
async function drawCuts(
  store: BlockStore,
  { mix }: PublishedClickRecipe,
  available: number,
  random: Random,
): Promise<{ readonly program: Program; readonly cuts: readonly TrainingCut[] } | undefined> {
  const slots = (Object.keys(mix) as ItemKind[]).flatMap((kind) => new Array<ItemKind>(mix[kind]).fill(kind));
  const cutOf = async (kind: ItemKind | undefined, whole: boolean) => {
    for (let tries = 0; tries < TRIES; tries++) {
      const block = random.int(Math.max(0, available - POOL_BLOCKS), available);
      const paths = await store.items(block, kind);
      const cut = paths.length > 0 ? await readCut(random.pick(paths), random, whole, false) : undefined;
      if (cut) return cut;
    }
    return undefined;
  };
  for (const program of ['whole', 'crop'] as const) {
    const cuts: TrainingCut[] = [];
    for (const kind of slots) {
      // Where there are no real defects, pictures of any kind take their place.
      const cut = (await cutOf(kind, program === 'whole')) ?? (await cutOf(undefined, program === 'whole'));
      if (cut) cuts.push(cut);
    }
    if (cuts.length === slots.length) return { program, cuts };
  }
  return undefined;
}

/**
 * Trains a click model as published; the weights kept are the exponential moving average. A resumed run repeats the run bit for bit.
 * @returns path of the weights. Throws ADC_DATASET or ADC_NO_NORMALS for the first folder that does not hold what it should, the signal's
 * reason when aborted, with the last checkpoint on disk.
 */
export async function trainPublishedClickModel(options: PublishedClickTraining): Promise<string> {
  const { directory, recipe = PUBLISHED_CLICKS, initial, checkpointEvery = CHECKPOINT_EVERY, signal } = options;
  const { steps, learningRate, weightDecay, clipNorm, emaDecay } = recipe;
  const data: BlockSettings = { ...options.data, published: true };
  await checkFolders(data.folders);
  await mkdir(directory, { recursive: true });
  const checkpoint = join(directory, 'checkpoint.safetensors');
  const settings =
    initial?.settings ?? publishedSizes(options.width, tokenDims(BACKBONES[data.backbone ?? DEFAULT_BACKBONE]));
  const batch = Object.values(recipe.mix).reduce((sum, slots) => sum + slots);
  const store = await BlockStore.start(join(directory, 'items'), data);
  const runtime = await Runtime.start({ threads: options.threads });
  let trainer: Trainer | undefined;
  try {
    const each = <Made>(make: (side: number) => Made) => ({ whole: make(SIDES.whole), crop: make(SIDES.crop) });
    const setup = {
      programs: each((side) => compileStep(stepOf(settings, batch, side), { clipNorm })),
      looks: each((side) => compileLook((graph, p) => ({ logits: logitsOn(graph, p, settings, batch, side, false) }))),
      ...{ seed: data.seed, runtime, weights: initial?.tensors },
    };
    trainer =
      options.resume && existsSync(checkpoint)
        ? (await Trainer.resume(checkpoint, setup)).trainer
        : await Trainer.create(setup);

    const log = join(directory, 'log.jsonl');
    const progress = new ProgressLog(log, recipe.corrections + 1, REPORT_EVERY, options.onProgress);
    for (let step = trainer.steps; step < steps; step++) {
      signal?.throwIfAborted();
      const random = new Random(`${data.seed}/step/${step}`);
      const available = FIRST_BLOCKS + Math.floor(step / STEPS_A_BLOCK);
      await store.ready(available, signal);
      const drawn = await drawCuts(store, recipe, available, random);
      if (!drawn)
        throw fail('ADC_DATASET', {
          path: directory,
          what: `no picture has ${TOKEN * CROP} pixels a side at the model's size`,
        });
      const { program, cuts } = drawn;
      const samples = cuts.map((cut): Sample => {
        const clicks = sampledClicks(cut.mask, random, recipe.clicks);
        return { cut, clicks, probability: new Float32Array(cut.mask.data.length) };
      });
      const corrections = random.int(0, recipe.corrections + 1);
      for (let n = 0; n < corrections; n++) {
        const { logits } = await trainer.look(program, feedsOf(samples));
        for (const [b, sample] of samples.entries()) {
          sample.probability = probabilityOf(logits.data as Float32Array, b, batch);
          const click = simulateNextClick(sample.probability, sample.cut.mask, [], random);
          if (click) sample.clicks.push(click);
        }
      }
      const { loss, outputs } = await trainer.step(
        program,
        {
          ...feedsOf(samples),
          ...targets(samples.map(({ cut: { mask } }) => ({ mask }))),
          paths: droppedPaths(random, batch, settings),
          channels: droppedChannels(random, batch, settings),
        },
        { learningRate, weightDecay, emaDecay },
      );
      for (const [b, { cut }] of samples.entries()) {
        if (!cut.mask.data.includes(1)) continue;
        const drawn = probabilityOf(outputs.logits.data as Float32Array, b, batch);
        progress.drawn(corrections, iou({ ...cut.mask, data: drawn }, cut.mask));
      }
      await progress.stepped(loss, { step: step + 1, steps, learningRate, blocks: available });
      if ((step + 1) % checkpointEvery === 0) {
        await options.owned?.();
        await trainer.save(checkpoint, {});
      }
    }
    const path = join(directory, 'weights.safetensors');
    const weights = await trainer.weights('ema');
    await options.owned?.();
    const { residualDims, ...sizes } = settings;
    const { name, trainedOn } = options;
    await saveClickWeights(path, weights, {
      name,
      preset: PAPER,
      residualDims,
      sizes,
      trainedOn,
      steps,
      seed: data.seed,
    });
    return path;
  } finally {
    await store.close();
    await trainer?.close();
    await runtime.close();
  }
}

/** What the network sees of a batch. */
function feedsOf(samples: readonly Sample[]): Record<string, Tensor> {
  const { width, height } = samples[0].cut.mask;
  const [rows, columns] = [height / TOKEN, width / TOKEN];
  return {
    delta: stacked(
      samples.map(({ cut }) => cut.residual.delta),
      [rows, columns, -1],
    ),
    ...clickMaps(samples, width, height, PUBLISHED_RADII),
  };
}
