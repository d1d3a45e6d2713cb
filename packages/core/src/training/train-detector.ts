/** From a few labels to a detector's network: items, folds that decide how far to trust what is learnt, and the residual to fall back on. */
import {
  cast,
  div,
  maximum,
  type ParameterSource,
  type Runtime,
  reduceMean,
  sqrt,
  square,
  sub,
  transpose,
  type Value,
} from '@adclick/ortgrad';
import { LEAST_SPREAD } from '../clicks/encoding.ts';
import { fail } from '../errors.ts';
import { mean } from '../evaluation/metrics.ts';
import type { SegBuilder } from '../inference/anomaly-map.ts';
import { DEFAULT_WEIGHTS } from '../inference/labeler.ts';
import type { PromptsOf } from '../language/prompts.ts';
import { TextModel } from '../language/text-encoder.ts';
import { type TextFeatures, textFeatures } from '../language/text-features.ts';
import { modelPath } from '../models.ts';
import type { SegHead, SegSettings } from '../networks/adclick-seg.ts';
import { type ClickWeights, type ClickWeightsCard, loadClickWeights } from '../networks/click-weights.ts';
import { Random } from '../random.ts';
import { REFERENCE_PICTURES } from '../residual/reference.ts';
import type { DetectorTraining, LabelledDefect, TrainedDetector } from './detector-training.ts';
import { type SegCounts, type SegItem, segItems } from './seg-items.ts';
import { JUDGING, precisionOf, trusted, unaskedOn } from './seg-judge.ts';
import { SEG_TRAINING, type SegTrainingSettings, type TypeWords, trainSeg } from './train-seg.ts';

/** Settings of a detector's training beside those of its loop. */
export interface DetectorTrainingSettings {
  readonly head: SegHead;
  /** Whether it begins with what the click model has learnt on other products. */
  readonly pretrained: boolean;
  /** Whether the prompts of defect types guide it, where there are some. */
  readonly language: boolean;
  readonly counts: SegCounts;
  /** Good pictures that judge. */
  readonly heldOut: number;
  /** Parts that the labels are split into; each judges a network trained on the others. */
  readonly folds: number;
  /** Factors on what is learnt that the folds choose from; 0 is the residual alone. */
  readonly trust: readonly number[];
  /** AP on held-out labels and good pictures that a network must gain over the residual alone to be used. */
  readonly margin: number;
  readonly loop: SegTrainingSettings;
}

/** First values, not tuned: fewer copies a label than the published 20, so that training ends while somebody waits. */
export const DETECTOR_TRAINING: DetectorTrainingSettings = {
  head: 'pyramid',
  pretrained: true,
  language: true,
  counts: { goods: 30, simulated: 30, copies: 5 },
  heldOut: 10,
  folds: 2,
  trust: [0, 0.25, 0.5, 0.75, 1],
  margin: 0.005,
  loop: SEG_TRAINING,
};

/** Fewest labels that folds can be made of. */
const LEAST_LABELS = 2;
/** Share of a good picture's tokens whose residual lies below the path's logit 0. */
const USUAL = 0.999;
/** Gain of the residual's path: twice the usual residual is a logit of 2. */
const GAIN = 3;
/** {@link normalisedColours} as nodes. image uint8 (1, H, W, 3) -> (1, 3, H, W). */
function coloursOn(image: Value): Value {
  const planes = transpose(cast(image, 'float32'), [0, 3, 1, 2]);
  const centred = sub(planes, reduceMean(planes, [2, 3], true));
  const spread = maximum(sqrt(reduceMean(square(centred), [1, 2, 3], true)), image.graph.scalar(LEAST_SPREAD));
  return div(centred, spread);
}

/** The network as a detector's graph builds it. */
export const builderOf =
  (settings: SegSettings, words: TypeWords, trust: number): SegBuilder =>
  (p: ParameterSource, { residual, tokens, norm, image }) =>
    trusted(unaskedOn(p, settings, { residual, tokens, norm }, coloursOn(image), words), trust);

/** What the phrases of each defect type say (Eq. 6); nothing for types without. */
async function wordsOf(
  types: readonly string[],
  prompts: PromptsOf,
  encoder: NonNullable<ClickWeightsCard['textEncoder']>,
  runtime: Runtime,
): Promise<TypeWords> {
  const words = new Map<string, TextFeatures>();
  const model = await TextModel.load({ runtime, encoder });
  for (const type of types) {
    const phrases = await prompts(type);
    if (phrases.length > 0) words.set(type, textFeatures(await model.encode(phrases)));
  }
  await model.close();
  return words;
}

/** Labels with at least one pixel that is surely defect at some perturbation. */
const hasDefect = ({ probability }: LabelledDefect): boolean => probability.data.some((p) => p >= 0.5 + JUDGING);

/** Labels of one type lie behind one another, so dealing them out spreads types over the folds. */
function foldsOf(labels: readonly LabelledDefect[], folds: number): number[] {
  const order = labels
    .map((_, i) => i)
    .sort((a, b) => (labels[a]!.type < labels[b]!.type ? -1 : labels[a]!.type > labels[b]!.type ? 1 : a - b));
  const fold: number[] = [];
  for (const [place, label] of order.entries()) fold[label] = place % folds;
  return fold;
}

/** Names spread evenly over a list. */
const spread = (names: readonly string[], count: number): string[] =>
  names.length <= count
    ? [...names]
    : Array.from({ length: count }, (_, i) => names[Math.floor((i * names.length) / count)] as string);

/**
 * Trains the network of a detector. Labels are split into folds; networks trained on the others and on good pictures say how much
 * of what is learnt is to be trusted, and when that is nothing the residual alone remains. Without labels the folds are of
 * simulated defects.
 * @throws ADC_LABELS for a single label, or when none has a pixel that is surely defect; the signal's reason.
 */
export async function trainDetector(
  { index, runtime, labels, prompts, normals, seed, steps, onProgress, signal }: DetectorTraining,
  settings: DetectorTrainingSettings = DETECTOR_TRAINING,
  click?: ClickWeights,
): Promise<TrainedDetector> {
  const usable = labels.filter(hasDefect);
  if (labels.length > 0 && usable.length < LEAST_LABELS)
    throw fail('ADC_LABELS', {
      what:
        usable.length === 0
          ? `none of ${labels.length} labels has a pixel that is surely defect`
          : `only ${usable.length} label with a defect`,
    });
  const {
    card,
    tensors,
    settings: sizes,
  } = click ?? (await loadClickWeights(modelPath(`${DEFAULT_WEIGHTS}/weights.safetensors`)));
  const { counts, heldOut, folds, trust, margin } = settings;
  const loop = { ...settings.loop, ...(steps !== undefined && { steps }) };
  const total = loop.steps * folds + loop.steps;
  const types = [...new Set(usable.map(({ type }) => type))].sort();
  const { textEncoder } = card;
  const words =
    settings.language && prompts && textEncoder ? await wordsOf(types, prompts, textEncoder, runtime) : new Map();
  const kept = new Set((await index.reference(normals ?? REFERENCE_PICTURES)).names);
  const left = index.names.filter((name) => !kept.has(name));
  const chosen = spread(index.names, counts.goods + heldOut);
  const every = Math.max(2, Math.ceil(chosen.length / Math.max(1, Math.min(heldOut, chosen.length / 3))));
  const judging = chosen.filter((_, i) => i % every === every - 1);
  const training = chosen.filter((_, i) => i % every !== every - 1);
  const random = new Random(`detector/${seed}`);

  const items: SegItem[] = [];
  const expected =
    Math.min(counts.goods, training.length) + counts.simulated + usable.length * (counts.copies + 1) + judging.length;
  const note = (done: number, detail: string) => onProgress?.({ done, total: total + expected, detail });
  for await (const item of segItems({ index, names: training, labels: usable, counts, left }, random)) {
    signal?.throwIfAborted();
    items.push(item);
    note(items.length, 'preparing pictures');
  }
  const judges: SegItem[] = [];
  const alone = { goods: judging.length, simulated: 0, copies: 0 };
  for await (const item of segItems({ index, names: judging, labels: [], counts: alone, left }, random))
    judges.push(item);

  const usual = Float32Array.from(items.filter(({ kind }) => kind === 'good').flatMap(({ norm }) => [...norm])).sort();
  const limit = usual[Math.floor(USUAL * (usual.length - 1))] as number;
  const network: SegSettings = { ...sizes, seg: settings.head, path: { gain: GAIN, offset: -GAIN * Math.log(limit) } };

  const labelFold = foldsOf(usable, folds);
  const simulated = items.filter(({ kind }) => kind === 'simulated');
  const foldOf = (item: SegItem) =>
    item.label !== undefined
      ? labelFold[item.label]
      : usable.length === 0 && item.kind === 'simulated'
        ? simulated.indexOf(item) % folds
        : undefined;
  let done = expected;
  const train = (of: readonly SegItem[], name: string) =>
    trainSeg(of, network, loop, {
      runtime,
      seed: `${seed}/${name}`,
      initial: settings.pretrained ? tensors : new Map(),
      words,
      signal,
      onProgress: ({ loss }) => note(++done, `${name}, loss ${loss.toFixed(3)}`),
    });
  const precisions: number[][] = [];
  for (let fold = 0; fold < folds; fold++) {
    const weights = await train(
      items.filter((item) => foldOf(item) !== fold),
      `fold ${fold + 1} of ${folds}`,
    );
    const originals = items.filter((item, i) => foldOf(item) === fold && item.label !== items[i - 1]?.label);
    const held = usable.length > 0 ? originals : items.filter((item) => foldOf(item) === fold);
    precisions.push(await precisionOf({ runtime, settings: network, weights, words, trust }, [...held, ...judges]));
  }
  const gains = trust.map((_, t) => mean(precisions.map((each) => each[t] as number)));
  const plain = gains[trust.indexOf(0)] as number;
  const best = gains.indexOf(Math.max(...gains));
  const percent = (value: number) => (100 * value).toFixed(1);
  if ((gains[best] as number) < plain + margin)
    return {
      notes: [
        `The network was left aside: on held-out labels and good pictures its AP was ${percent(gains[best] as number)} %, the residual's ${percent(plain)} %.`,
      ],
    };
  const weights = await train(items, 'all labels');
  const record = {
    labels: usable.length,
    types,
    words: [...words.keys()],
    ...counts,
    goods: Math.min(counts.goods, training.length),
    steps: loop.steps,
    seed,
    trust: trust[best],
    heldOut: { ap: gains[best], residual: plain, pictures: judges.length + usable.length },
  };
  return {
    network: { build: builderOf(network, words, trust[best] as number), weights, record },
    notes: [
      `On held-out labels and good pictures AP is ${percent(gains[best] as number)} %, the residual's ${percent(plain)} %.`,
    ],
  };
}
