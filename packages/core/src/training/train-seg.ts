/** Training of ADClick-Seg on a few labels: one readable loop, folds that decide how far to trust it, and the residual to fall back on. */
import {
  add,
  compileStep,
  type Graph,
  type ParameterSource,
  type Runtime,
  type StepProgram,
  type Tensor,
  Trainer,
  tensor,
} from '@adclick/ortgrad';
import { simulateNextClick } from '../clicks/annotator.ts';
import { drawDisc, PixelInputs } from '../clicks/encoding.ts';
import type { Click } from '../clicks/types.ts';
import { IGNORE, type Mask } from '../image/types.ts';
import { CLICK_CHANNELS, CLICK_PLANES, clickInputs, LIKENESS, residualInput, TOKEN } from '../networks/adclick.ts';
import { adclickSeg, type SegSettings } from '../networks/adclick-seg.ts';
import { Random } from '../random.ts';
import { clickLoss } from './losses.ts';
import { drawPerturbation, PSEUDO_LABELS, type PseudoLabelSettings, triValued } from './pseudo-labels.ts';
import { cutItem, type SegCut, type SegItem, type SegKind } from './seg-items.ts';

/** Everything that decides a run; the defaults are {@link SEG_TRAINING}. */
export interface SegTrainingSettings {
  readonly steps: number;
  readonly learningRate: number;
  /** Slots for good, simulated and weak pictures that crops are drawn from, whole numbers (spec 04 §6: "332"). */
  readonly mix: Readonly<Record<SegKind, number>>;
  /** Most clicks of an episode ("IIS manner"; the paper's number is lost). Every episode begins without one. */
  readonly clicks: number;
  readonly pseudo: PseudoLabelSettings;
  /** Weight of the Dice loss beside the focal one; the paper has 0. */
  readonly dice: number;
  readonly emaDecay: number;
  readonly weightDecay: number;
}

export const SEG_TRAINING: SegTrainingSettings = {
  steps: 240,
  learningRate: 3e-4,
  mix: { good: 3, simulated: 3, weak: 2 },
  clicks: 3,
  pseudo: PSEUDO_LABELS,
  dice: 0,
  emaDecay: 0.98,
  weightDecay: 0.05,
};

/** Crops a batch. */
const BATCH = 4;
/** Parts of a batch that are worked through at the same time. */
const SHARDS = 2;
/** Residual strength varies by exp(0.25·N(0,1)). */
const GAIN_SPREAD = 0.25;
const CLIP = 1;

/** Steps over which the rate rises, and the share of it that is left at the end. */
const WARM_UP = 20;
const FINAL_RATE = 0.05;

/** Warm-up, then half a cosine. */
const learningRateAt = (step: number, steps: number, peak: number): number => {
  const left = (1 + Math.cos((Math.PI * step) / steps)) / 2;
  return peak * Math.min(1, (step + 1) / WARM_UP) * (FINAL_RATE + (1 - FINAL_RATE) * left);
};

/** Forward pass and loss of a part of a batch of squares of so many tokens a side. */
function lossGraph(settings: SegSettings, batch: number, size: number, dice: number) {
  return (graph: Graph, parameters: ParameterSource) => {
    const side = TOKEN * size;
    const residual = residualInput(graph, batch, size, size, settings.residualDims);
    const norm = graph.input('norm', [batch, size, size]);
    const clicks = clickInputs(graph, batch, size, size);
    const target = graph.input('target', [batch, side, side]);
    const weight = graph.input('weight', [batch, side, side]);
    const { path, correction } = adclickSeg(graph, parameters, settings, { residual, tokens: residual, norm }, clicks);
    const logits = add(path, correction);
    return { loss: clickLoss(logits, target, weight, dice), outputs: { logits } };
  };
}

/** A crop with the clicks given so far. */
interface Sample {
  readonly cut: SegCut;
  readonly pixels: PixelInputs;
  readonly clicks: Click[];
  probability: Float32Array;
}

/** Draws a crop of the mix; kinds of which there is no picture are left out. */
function draw(
  byKind: ReadonlyMap<SegKind, readonly SegItem[]>,
  mix: SegTrainingSettings['mix'],
  random: Random,
): Sample {
  const slots = [...byKind.keys()].flatMap((each) => new Array<SegKind>(mix[each]).fill(each));
  const kind = random.pick(slots);
  const cut = cutItem(random.pick(byKind.get(kind) as SegItem[]), random, Math.exp(GAIN_SPREAD * random.normal()));
  const pixels = new PixelInputs(cut.colours, cut.columns, cut.rows);
  return { cut, pixels, clicks: [], probability: new Float32Array(cut.rows * cut.columns) };
}

function stack(parts: readonly Float32Array[], shape: readonly number[]): Tensor {
  const length = (parts[0] as Float32Array).length;
  const data = new Float32Array(parts.length * length);
  for (const [b, part] of parts.entries()) data.set(part, b * length);
  return tensor(data, [parts.length, ...shape]);
}

/** Lays a batch out; labels are made tri-valued with the iteration's perturbation. */
function feedsOf(samples: readonly Sample[], labels: readonly Uint8Array[], dims: number): Record<string, Tensor> {
  const { rows, columns } = (samples[0] as Sample).cut;
  const [h, w] = [rows / TOKEN, columns / TOKEN];
  const maps = samples.map(({ probability, clicks }) => {
    const map = new Float32Array(rows * columns * CLICK_CHANNELS);
    for (let i = 0; i < probability.length; i++) map[i * CLICK_CHANNELS] = probability[i] as number;
    for (const click of clicks) drawDisc(map, columns, rows, click);
    return map;
  });
  return {
    residual: stack(
      samples.map(({ cut }) => cut.inputs.residual),
      [h, w, dims],
    ),
    norm: stack(
      samples.map(({ cut }) => cut.norm),
      [h, w],
    ),
    clickPlanes: stack(
      samples.map(({ cut }) => cut.inputs.clickPlanes),
      [h, w, CLICK_PLANES],
    ),
    clickMap: stack(maps, [rows, columns, CLICK_CHANNELS]),
    colours: stack(
      samples.map(({ cut }) => cut.colours),
      [3, rows, columns],
    ),
    likeness: stack(
      samples.map(({ pixels }) => pixels.likeness),
      [LIKENESS, rows, columns],
    ),
    target: stack(
      labels.map((label) => Float32Array.from(label, (y) => (y === 1 ? 1 : 0))),
      [rows, columns],
    ),
    weight: stack(
      labels.map((label) => Float32Array.from(label, (y) => (y === IGNORE ? 0 : 1))),
      [rows, columns],
    ),
  };
}

/** What {@link trainSeg} reports. */
export interface SegProgress {
  readonly step: number;
  readonly loss: number;
}

/**
 * Trains one network on items that were prepared before.
 * @param initial weights to begin with, by the click model's names. @returns the moving average of the weights.
 */
export async function trainSeg(
  items: readonly SegItem[],
  network: SegSettings,
  settings: SegTrainingSettings,
  options: {
    readonly runtime: Runtime;
    readonly seed: string;
    readonly initial: ReadonlyMap<string, Tensor>;
    readonly onProgress?: (progress: SegProgress) => void;
    readonly signal?: AbortSignal;
  },
): Promise<Map<string, Tensor>> {
  const byKind = new Map<SegKind, SegItem[]>();
  for (const item of items) byKind.set(item.kind, [...(byKind.get(item.kind) ?? []), item]);
  const [first] = items as readonly [SegItem];
  const size = Math.min(32, first.height, first.width);
  const program: StepProgram = compileStep(lossGraph(network, BATCH / SHARDS, size, settings.dice), {
    shards: SHARDS,
    clipNorm: CLIP,
  });
  const random = new Random(`seg/${options.seed}`);
  const { runtime, initial: weights, signal } = options;
  const trainer = await Trainer.create({ programs: { crop: program }, runtime, weights });
  try {
    for (let step = 0; step < settings.steps; ) {
      const samples = Array.from({ length: BATCH }, () => draw(byKind, settings.mix, random));
      const rounds = 1 + random.int(0, settings.clicks + 1);
      for (let round = 0; round < rounds && step < settings.steps; round++, step++) {
        signal?.throwIfAborted();
        const kappa = drawPerturbation(random, settings.pseudo);
        const labels = samples.map(({ cut }) => triValued(cut.probability, kappa));
        if (round > 0) for (const [b, sample] of samples.entries()) click(sample, labels[b] as Uint8Array, random);
        const { loss, outputs } = await trainer.step('crop', feedsOf(samples, labels, first.dims), {
          learningRate: learningRateAt(step, settings.steps, settings.learningRate),
          weightDecay: settings.weightDecay,
          emaDecay: Math.min(settings.emaDecay, (1 + step) / (10 + step)),
        });
        receive(samples, (outputs.logits as Tensor).data as Float32Array);
        options.onProgress?.({ step: step + 1, loss });
      }
    }
    return await trainer.weights('ema');
  } finally {
    await trainer.close();
  }
}

/** Simulates the next click; ignored pixels count as neither missed nor spurious. */
function click({ cut, pixels, clicks, probability }: Sample, label: Uint8Array, random: Random): void {
  const mask: Mask = { data: label, width: cut.columns, height: cut.rows, channels: 1 };
  const next = simulateNextClick(probability, mask, clicks, random);
  if (!next) return;
  clicks.push(next);
  cut.inputs.add(next);
  pixels.add(next);
}

function receive(samples: readonly Sample[], logits: Float32Array): void {
  const pixels = logits.length / samples.length;
  samples.forEach((sample, b) => {
    sample.probability = new Float32Array(pixels);
    for (let i = 0; i < pixels; i++) sample.probability[i] = 1 / (1 + Math.exp(-(logits[b * pixels + i] as number)));
  });
}
