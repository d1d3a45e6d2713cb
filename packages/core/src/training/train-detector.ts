/** From a few labels to a detector's network: items, folds that decide how far to trust what is learnt, and the residual to fall back on. */
import type { ParameterSource, Runtime, Tensor } from '@adclick/ortgrad';
import type { LabelledDefect } from '../clicks/labelled-defect.ts';
import { fail } from '../errors.ts';
import { mean } from '../evaluation/metrics.ts';
import type { SegBuilder } from '../inference/anomaly-map.ts';
import type { HeldOutNetwork } from '../inference/held-out.ts';
import { DEFAULT_WEIGHTS } from '../inference/labeler.ts';
import type { PromptsOf } from '../language/prompts.ts';
import { TextModel } from '../language/text-encoder.ts';
import { type TextFeatures, textFeatures } from '../language/text-features.ts';
import { modelPath } from '../models.ts';
import type { SegHead, SegSettings } from '../networks/adclick-seg.ts';
import {
  type ClickWeightsCard,
  checkBackbone,
  loadOwnWeights,
  type OwnClickWeights,
} from '../networks/click-weights.ts';
import type { SlidingWindow } from '../networks/sliding-window.ts';
import { type TypeWords, trusted, unasked } from '../networks/unasked.ts';
import { Random } from '../random.ts';
import { REFERENCE_PICTURES } from '../residual/reference.ts';
import { spread } from '../spread.ts';
import type { DetectorTraining, TrainedDetector } from './detector-training.ts';
import { type SegCounts, type SegItem, type SegSources, segItems } from './seg-items.ts';
import { JUDGING, precisionOf } from './seg-judge.ts';
import { BATCH, SEG_TRAINING, type SegTrainingSettings, trainSeg } from './train-seg.ts';
import { COPIES } from './weak-set.ts';

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
  /** Steps of a fold's training, a share of the loop's. */
  readonly foldSteps: number;
  /**
   * Factors on what is learnt that the folds choose from; 0 is the residual alone. By default they say whether it helps, not how
   * much: half of it keeps the order that the residual gives (mvtec_bottle AP 93.3, PRO 98.3 beside 93.0, 98.1 for all of it).
   */
  readonly trust: readonly number[];
  /** AP on held-out labels and good pictures that a network must gain over the residual alone to be used. */
  readonly margin: number;
  /** Looks at overlapping windows and averages what it says of them (the paper's "with sliding"); default at the whole picture, once. */
  readonly window?: SlidingWindow;
  readonly loop: SegTrainingSettings;
}

/**
 * The published 20 copies a label (mvtec_bottle, ten labels, AP / PRO: 93.3 / 98.3 beside 92.6 / 97.8 for 30 good pictures, 40 simulated
 * defects and 8 copies), and folds of half the steps, so that training ends while somebody waits.
 */
export const DETECTOR_TRAINING: DetectorTrainingSettings = {
  head: 'pyramid',
  pretrained: true,
  language: true,
  counts: { goods: 60, simulated: 100, copies: COPIES },
  heldOut: 10,
  folds: 2,
  foldSteps: 0.5,
  trust: [0, 0.5],
  margin: 0.005,
  loop: SEG_TRAINING,
};

/** Fewest labels that folds can be made of. */
const LEAST_LABELS = 2;
/** Good pictures that no item was made of, from which on thresholds are set on them alone. */
const ENOUGH_UNSEEN = 30;
/** Share of a good picture's tokens whose residual lies below the path's logit 0. */
const USUAL = 0.999;
/** Gain of the residual's path: twice the usual residual is a logit of 2. */
const GAIN = 3;

/** The network as a detector's graph builds it. */
export const builderOf =
  (settings: SegSettings, words: TypeWords, trust: number, window?: SlidingWindow): SegBuilder =>
  (p: ParameterSource, { residual, tokens, norm, colours }) =>
    trusted(unasked(p, settings, { residual, tokens, norm }, colours, words, window), trust);

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

/** Defect types of labels, each once. */
const typesOf = (labels: readonly LabelledDefect[]): string[] => [...new Set(labels.map(({ type }) => type))].sort();

/** Labels of one type lie behind one another, so dealing them out spreads types over the folds. */
function foldsOf(labels: readonly LabelledDefect[], folds: number): number[] {
  const order = labels
    .map((_, i) => i)
    .sort((a, b) => (labels[a].type < labels[b].type ? -1 : labels[a].type > labels[b].type ? 1 : a - b));
  const fold: number[] = [];
  for (const [place, label] of order.entries()) fold[label] = place % folds;
  return fold;
}

/** Everything that training sees, made once: several networks may be trained on it. */
export interface PreparedTraining {
  readonly training: DetectorTraining;
  /** Labels with at least one pixel that is surely defect. */
  readonly labels: readonly LabelledDefect[];
  readonly items: readonly SegItem[];
  /** How many pictures of each kind were to be made. */
  readonly counts: SegCounts;
  /** Good pictures that judge. */
  readonly judges: readonly SegItem[];
  /** The names of the good pictures among the items, in their order, and of all that no item was made of. */
  readonly names: { readonly trained: readonly string[]; readonly unseen: readonly string[] };
  /** What the phrases of the labels' types say; empty where language has no part. */
  readonly words: TypeWords;
  readonly click: OwnClickWeights;
}

const stepsOf = ({ steps }: DetectorTraining, { loop, folds, foldSteps, trust }: DetectorTrainingSettings) => {
  const whole = steps ?? loop.steps;
  const fold = Math.max(1, Math.round(whole * foldSteps));
  return { whole, fold, total: whole + (trust.length > 1 ? folds * fold : 0) };
};

/** No more pictures of a kind than crops are drawn: a short training does not wait for what it will not see. */
function countsFor(steps: number, labels: number, { goods, simulated, copies }: SegCounts): SegCounts {
  const crops = BATCH * steps;
  return {
    goods: Math.min(goods, crops),
    simulated: Math.min(simulated, crops),
    copies: Math.min(copies, Math.ceil(crops / Math.max(1, labels))),
  };
}

/**
 * Makes the pictures that networks are trained on, and those that judge.
 * @throws ADC_LABELS for a single label, or when none has a pixel that is surely defect; ADC_WEIGHTS_KIND for click weights of another
 * backbone than the index's; the signal's reason.
 */
export async function prepareTraining(
  training: DetectorTraining,
  settings: DetectorTrainingSettings = DETECTOR_TRAINING,
  given?: OwnClickWeights,
): Promise<PreparedTraining> {
  const { index, runtime, labels: all, prompts, normals, seed, onProgress, signal } = training;
  const labels = all.filter(hasDefect).map((label) => ({ ...label, image: index.rgb(label.image) }));
  if (all.length > 0 && labels.length < LEAST_LABELS)
    throw fail('ADC_LABELS', {
      what:
        labels.length === 0
          ? `none of ${all.length} labels has a pixel that is surely defect`
          : `only ${labels.length} label with a defect`,
    });
  const click = given ?? (await loadOwnWeights(modelPath(`${DEFAULT_WEIGHTS}/weights.safetensors`)));
  checkBackbone(click.card, index.backbone, click.card.name);
  const { textEncoder } = click.card;
  const words: TypeWords =
    prompts && textEncoder ? await wordsOf(typesOf(labels), prompts, textEncoder, runtime) : new Map();

  const { heldOut } = settings;
  const { discRadius } = settings.loop.pseudo;
  const steps = stepsOf(training, settings);
  const counts = countsFor(steps.whole, labels.length, settings.counts);
  const kept = new Set(await index.referenceNames(normals ?? REFERENCE_PICTURES));
  const left = index.names.filter((name) => !kept.has(name));
  const chosen = spread(index.names, counts.goods + heldOut);
  const every = Math.max(2, Math.ceil(chosen.length / Math.max(1, Math.min(heldOut, chosen.length / 3))));
  const isJudge = (i: number) => i % every === every - 1;
  const random = new Random(`detector/${seed}`);
  const [names, judging] = [chosen.filter((_, i) => !isJudge(i)), chosen.filter((_, i) => isJudge(i))];
  // Pictures are counted as steps are.
  const pictures = Math.min(counts.goods, names.length) + counts.simulated + labels.length * (counts.copies + 1);
  const total = pictures + judging.length + steps.total;
  const make = async (of: Pick<SegSources, 'names' | 'labels' | 'counts'>, done: number) => {
    const items: SegItem[] = [];
    for await (const item of segItems({ index, left, discRadius, ...of }, random)) {
      signal?.throwIfAborted();
      items.push(item);
      onProgress?.({ done: done + items.length, total, detail: 'preparing pictures' });
    }
    return items;
  };
  const items = await make({ names, labels, counts }, 0);
  const alone = { goods: judging.length, simulated: 0, copies: 0 };
  const judges = await make({ names: judging, labels: [], counts: alone }, items.length);
  const drawnOn = new Set(names);
  const unseen = index.names.filter((name) => !drawnOn.has(name));
  return {
    ...{ training, labels, items, counts, judges, words, click },
    names: { trained: names.slice(0, counts.goods), unseen },
  };
}

/** The network's settings; logit 0 of its path is where hardly a good picture's residual gets. */
function networkOf({ items, click }: PreparedTraining, { head }: DetectorTrainingSettings): SegSettings {
  const usual = Float32Array.from(items.filter(({ kind }) => kind === 'good').flatMap(({ norm }) => [...norm])).sort();
  const limit = usual[Math.floor(USUAL * (usual.length - 1))];
  return { ...click.settings, seg: head, path: { gain: GAIN, offset: -GAIN * Math.log(limit) } };
}

/** The fold that judges a picture; undefined for those that every fold trains on. */
function foldsIn({ labels, items }: PreparedTraining, folds: number): (item: SegItem) => number | undefined {
  const byLabel = foldsOf(labels, folds);
  const simulated = items.filter(({ kind }) => kind === 'simulated');
  const goods = items.filter(({ kind }) => kind === 'good');
  return (item) => {
    if (item.label !== undefined) return byLabel[item.label];
    // Thresholds are set on good pictures that a network has not seen.
    if (item.kind === 'good' && goods.length >= folds) return goods.indexOf(item) % folds;
    return labels.length === 0 && item.kind === 'simulated' ? simulated.indexOf(item) % folds : undefined;
  };
}

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;

/**
 * Trains a network on what was prepared. Networks trained on all folds but one and on good pictures say how much of what is learnt is
 * to be trusted, and when that is nothing the residual alone remains. A single degree of trust is taken without asking them.
 * @throws the signal's reason.
 */
export async function fitDetector(
  prepared: PreparedTraining,
  settings: DetectorTrainingSettings = DETECTOR_TRAINING,
): Promise<TrainedDetector> {
  const { training, labels, items, counts, judges, click } = prepared;
  const { runtime, seed, signal, onProgress } = training;
  const { folds, trust, margin, window } = settings;
  const words: TypeWords = settings.language ? prepared.words : new Map();
  const network = networkOf(prepared, settings);
  const steps = stepsOf(training, settings);
  let done = items.length + judges.length;
  const total = done + steps.total;
  const train = (of: readonly SegItem[], count: number, name: string) =>
    trainSeg(
      of,
      network,
      { ...settings.loop, steps: count },
      {
        runtime,
        seed: `${seed}/${name}`,
        initial: settings.pretrained ? click.tensors : new Map(),
        words,
        signal,
        onProgress: ({ loss }) => onProgress?.({ done: ++done, total, detail: `${name}, loss ${loss.toFixed(3)}` }),
      },
    );
  const whole = async (factor: number, heldOut?: object) => {
    const weights = await train(items, steps.whole, 'all labels');
    const record = {
      labels: labels.length,
      types: typesOf(labels),
      words: [...words.keys()],
      ...counts,
      goods: items.filter(({ kind }) => kind === 'good').length,
      steps: steps.whole,
      seed,
      trust: factor,
      ...(window && { window }),
      ...(heldOut && { heldOut }),
    };
    return { build: builderOf(network, words, factor, window), weights, record };
  };
  if (trust.length === 1) return { network: await whole(trust[0]), notes: [] };

  const foldOf = foldsIn(prepared, folds);
  const precisions: number[][] = [];
  const trained: ReadonlyMap<string, Tensor>[] = [];
  for (let fold = 0; fold < folds; fold++) {
    const weights = await train(
      items.filter((item) => foldOf(item) !== fold),
      steps.fold,
      `fold ${fold + 1} of ${folds}`,
    );
    trained.push(weights);
    const own = items.filter((item) => item.kind !== 'good' && foldOf(item) === fold);
    // A label's own picture lies before its copies.
    const held = labels.length > 0 ? own.filter((item, i) => item.label !== own[i - 1]?.label) : own;
    const judging = { runtime, settings: network, weights, words, trust, window };
    precisions.push(await precisionOf(judging, [...held, ...judges]));
  }
  const gains = trust.map((_, t) => mean(precisions.map((each) => each[t])));
  const residual = gains[trust.indexOf(0)];
  const ap = Math.max(...gains);
  const seen = `on held-out ${labels.length > 0 ? 'labels' : 'simulated defects'} and good pictures`;
  if (ap < residual + margin)
    return {
      notes: [`The network was left aside: ${seen} its AP was ${percent(ap)}, the residual's ${percent(residual)}.`],
    };
  const heldOut = { ap, residual, pictures: judges.length + labels.length };
  const factor = trust[gains.indexOf(ap)];
  const { names } = prepared;
  const byLabel = foldsOf(labels, folds);
  // Those of other folds lie under simulated defects, so they are second choice.
  const normals = names.unseen.length >= ENOUGH_UNSEEN ? names.unseen : [...names.trained, ...names.unseen];
  const without = trained.map(
    (weights, fold): HeldOutNetwork => ({
      build: builderOf(network, words, factor, window),
      weights,
      normals: normals.filter((_, i) => i % folds === fold),
      labels: labels.filter((_, i) => byLabel[i] === fold),
    }),
  );
  return {
    network: { ...(await whole(factor, heldOut)), folds: without, unseen: names.unseen },
    notes: [`AP ${seen}: ${percent(ap)}, the residual's ${percent(residual)}.`],
  };
}

/** {@link prepareTraining}, then {@link fitDetector}. @throws what they throw. */
export async function trainDetector(
  training: DetectorTraining,
  settings: DetectorTrainingSettings = DETECTOR_TRAINING,
  click?: OwnClickWeights,
): Promise<TrainedDetector> {
  return fitDetector(await prepareTraining(training, settings, click), settings);
}
