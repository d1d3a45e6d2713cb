/** Training of ADClick-Seg as published on a few labels, or on simulated defects alone: one readable loop over batches of pictures. */
import {
  compileLook,
  compileStep,
  type Graph,
  type ParameterSource,
  type Tensor,
  Trainer,
  tensor,
  toFloat32,
} from '@adclick/ortgrad';
import { simulateNextClick } from '../clicks/annotator.ts';
import { PUBLISHED_RADII } from '../clicks/disc.ts';
import type { ModelClick } from '../clicks/types.ts';
import { fail } from '../errors.ts';
import type { Mask } from '../image/types.ts';
import { TOKEN } from '../networks/adclick.ts';
import {
  clickMapInput,
  deltaInput,
  embedDelta,
  type PublishedSettings,
  publishedSizes,
} from '../networks/published-adclick.ts';
import { publishedSeg, publishedUnasked } from '../networks/published-seg.ts';
import type { SlidingWindow } from '../networks/sliding-window.ts';
import { Random } from '../random.ts';
import { REFERENCE_PICTURES } from '../residual/reference.ts';
import { spread } from '../spread.ts';
import { clickMaps, probabilityOf, stacked, targets } from './batch.ts';
import type { DetectorTraining, TrainedDetector } from './detector-training.ts';
import { droppedPaths } from './dropped.ts';
import { type Cut, cutRaster, pixelsOf } from './item.ts';
import { normalisedFocalLoss } from './losses.ts';
import { drawPerturbation, triValued } from './pseudo-labels.ts';
import {
  everyWeightDecays,
  PUBLISHED_KINDS,
  PUBLISHED_LEAST,
  PUBLISHED_SEG,
  type PublishedSegRecipe,
} from './published.ts';
import { type SegItem, type SegKind, segItems } from './seg-items.ts';

/** Settings of a published detector's training beside {@link DetectorTraining}. */
export interface PublishedDetectorTraining {
  /** Channels of a token, see publishedSizes. */
  readonly width: number;
  /** Default: {@link PUBLISHED_SEG}. */
  readonly recipe?: PublishedSegRecipe;
  /** Trains on windows of its side, and looks at overlapping ones (the paper's "with sliding"); default at whole pictures. */
  readonly window?: SlidingWindow;
  /** Weights to begin with, as pretraining on other categories gives them. */
  readonly initial?: ReadonlyMap<string, Tensor>;
}

/** Good pictures that items are made of; each is shown with two simulated defects, as the code does (ours: no more than so many). */
const GOODS = 60;

/** The network on a batch of (height, width) tokens. */
function logitsOn(
  graph: Graph,
  p: ParameterSource,
  settings: PublishedSettings,
  shape: readonly [number, number, number],
  training: boolean,
) {
  const delta = deltaInput(graph, ...shape, settings.residualDims);
  const paths = training ? graph.input('paths', [shape[0], 2 * settings.depth]) : undefined;
  return publishedSeg(p, settings, embedDelta(p, settings, delta), clickMapInput(graph, ...shape), { paths });
}

/** A picture, or a window of one, and the pseudo clicks given so far. */
interface Sample {
  readonly delta: Float32Array;
  /** This iteration's label (Eq. 9). */
  readonly mask: Mask;
  readonly clicks: ModelClick[];
  probability: Float32Array;
}

/** A picture of `height` by `width` tokens as the network sees it, somewhere in an item. */
function sampleOf(item: SegItem, height: number, width: number, perturbation: number, random: Random): Sample {
  const { dims } = item;
  const [top, left] = [random.int(0, item.height - height + 1), random.int(0, item.width - width + 1)];
  const cells: Cut = { top, left, height, width, turn: 0 };
  const bits = cutRaster(item.delta, item.width, dims, cells, new Uint16Array(height * width * dims));
  const [columns, rows] = [TOKEN * width, TOKEN * height];
  const pixels = pixelsOf(cells);
  const label = cutRaster(item.probability, TOKEN * item.width, 1, pixels, new Float32Array(rows * columns));
  return {
    delta: toFloat32(tensor(bits, [bits.length], 'float16')),
    mask: { data: triValued(label, perturbation), width: columns, height: rows, channels: 1 },
    clicks: [],
    probability: new Float32Array(label.length),
  };
}

/** Good pictures, those with simulated defects, and labels with their copies (paper and code). */
async function itemsOf(
  { index, labels: all, normals, seed, signal, onProgress }: DetectorTraining,
  { copies, pseudo }: PublishedSegRecipe,
  steps: number,
): Promise<SegItem[]> {
  const labels = all.map((label) => ({ ...label, image: index.rgb(label.image) }));
  const kept = new Set(await index.referenceNames(normals ?? REFERENCE_PICTURES));
  const left = index.names.filter((name) => !kept.has(name));
  const names = spread(index.names, GOODS);
  const counts = { goods: names.length, simulated: 2 * names.length, copies };
  const total = counts.goods + counts.simulated + labels.length * (copies + 1) + steps;
  const random = new Random(`detector/${seed}`);
  const items: SegItem[] = [];
  const simulated = { kinds: PUBLISHED_KINDS, minArea: PUBLISHED_LEAST };
  const sources = { index, left, discRadius: pseudo.discRadius, names, labels, counts, ...simulated };
  for await (const item of segItems(sources, random)) {
    signal?.throwIfAborted();
    items.push(item);
    onProgress?.({ done: items.length, total, detail: 'preparing pictures' });
  }
  return items;
}

/**
 * Trains a detector's network as published; the weights kept are the exponential moving average. There is no residual to fall back on, and
 * nothing is held out.
 * @throws ADC_LABELS when a kind of the mix has no picture and none other has one, the signal's reason.
 */
export async function trainPublishedDetector(
  training: DetectorTraining,
  { width: channels, recipe = PUBLISHED_SEG, window, initial }: PublishedDetectorTraining,
): Promise<TrainedDetector> {
  const { runtime, labels, seed, signal, onProgress } = training;
  const { learningRate, weightDecay, clipNorm, emaDecay, mix, pseudo } = recipe;
  const steps = training.steps ?? recipe.steps;
  const items = await itemsOf(training, recipe, steps);
  const [first] = items;
  if (!first) throw fail('ADC_LABELS', { what: 'there is no picture to train on' });
  const settings = publishedSizes(channels, first.dims);
  const height = Math.min(first.height, window?.side ?? first.height);
  const width = Math.min(first.width, window?.side ?? first.width);
  const wanted: Record<SegKind, number> = { good: mix.good, simulated: mix.simulated, weak: mix.real };
  // Without labels their slots are left out.
  const slots = (Object.keys(wanted) as SegKind[]).flatMap((kind) => {
    const own = items.filter((item) => item.kind === kind);
    return own.length > 0 ? new Array<readonly SegItem[]>(wanted[kind]).fill(own) : [];
  });
  const batch = slots.length;
  const shape = [batch, height, width] as const;
  const program = compileStep(
    (graph, source) => {
      const logits = logitsOn(graph, everyWeightDecays(source), settings, shape, true);
      const [target, weight] = ['target', 'weight'].map((name) => graph.input(name, logits.shape));
      return { loss: normalisedFocalLoss(logits, target, weight) };
    },
    { clipNorm },
  );
  const look = compileLook((graph, p) => ({ logits: logitsOn(graph, p, settings, shape, false) }));
  const trainer = await Trainer.create({
    programs: { step: program },
    looks: { look },
    seed,
    runtime,
    weights: initial,
  });
  try {
    for (let step = 0; step < steps; step++) {
      signal?.throwIfAborted();
      const random = new Random(`published-seg/${seed}/${step}`);
      const kappa = drawPerturbation(random, pseudo);
      const samples = slots.map((own) => sampleOf(random.pick(own), height, width, kappa, random));
      const feeds = () => ({
        delta: stacked(
          samples.map(({ delta }) => delta),
          [height, width, -1],
        ),
        ...clickMaps(samples, TOKEN * width, TOKEN * height, PUBLISHED_RADII),
      });
      for (let n = random.int(0, recipe.corrections + 1); n > 0; n--) {
        const { logits } = await trainer.look('look', feeds());
        for (const [b, sample] of samples.entries()) {
          sample.probability = probabilityOf(logits.data as Float32Array, b, batch);
          const click = simulateNextClick(sample.probability, sample.mask, [], random);
          if (click) sample.clicks.push(click);
        }
      }
      const { loss } = await trainer.step(
        'step',
        { ...feeds(), ...targets(samples.map(({ mask }) => ({ mask }))), paths: droppedPaths(random, batch, settings) },
        { learningRate, weightDecay, emaDecay },
      );
      const total = items.length + steps;
      onProgress?.({ done: items.length + step + 1, total, detail: `loss ${loss.toFixed(3)}` });
    }
    const weights = await trainer.weights('ema');
    const count = (kind: SegKind) => items.filter((item) => item.kind === kind).length;
    const record = {
      ...{ preset: 'paper', sizes: settings, steps, seed, learningRate, mix, corrections: recipe.corrections, pseudo },
      ...{ labels: labels.length, goods: count('good'), simulated: count('simulated'), copies: recipe.copies },
      ...(window && { window }),
    };
    return {
      network: {
        build: (p, { residual }) => publishedUnasked(p, settings, residual, window),
        ...{ uncalibrated: true, weights, record },
      },
      notes: [],
    };
  } finally {
    await trainer.close();
  }
}
