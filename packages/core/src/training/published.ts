/**
 * The paper's recipe: every setting of training as published by its name, in one place, with where it is said. "Code" is the paper's published
 * code, which the paper's text does not contradict; what neither says is ours, and says so.
 */
import type { ParameterSource } from '@adclick/ortgrad';
import { type ClickSampling, SIMPLECLICK_SAMPLING } from '../clicks/sampled-clicks.ts';
import type { AnomalyKind } from '../synthesis/anomalies/index.ts';
import type { ItemKind } from './item.ts';
import { PSEUDO_LABELS, type PseudoLabelSettings } from './pseudo-labels.ts';
import { COPIES } from './weak-set.ts';

/** The optimiser, one for ADClick and ADClick-Seg. */
export interface PublishedOptimiser {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly clipNorm: number;
  readonly emaDecay: number;
}

/** AdamW at one rate throughout; the paper says AdamW and its decay, its code the others (names of its experiments: lr 3e-5, ema). */
export const PUBLISHED_OPTIMISER: PublishedOptimiser = {
  learningRate: 3e-5,
  weightDecay: 0.05,
  clipNorm: 1,
  emaDecay: 0.999,
};

/** Kinds of defect that are simulated (the paper). */
export const PUBLISHED_KINDS: readonly AnomalyKind[] = ['perlinTexture', 'perlinShuffle'];

/** Fewest pixels of a defect that is simulated on a good picture. */
export const PUBLISHED_LEAST = 250;

/** Share of samples that are told one phrase in place of the mean of all (the paper, and its code). */
export const ONE_PHRASE_CHANCE = 0.5;

/** Stochastic depth of the last block, rising from nothing at the first, and the share of the head's channels that is left out (code, SimpleClick). */
export const PUBLISHED_DROPS = { path: 0.1, channels: 0.1 } as const;

/** Pictures of each kind a batch; whole numbers. */
export type Mix = Readonly<Record<ItemKind, number>>;

/**
 * Batches as the code's experiments name them: "112" pretrains on other categories, "240" fine-tunes on the simulated defects of one,
 * "332" trains ADClick-Seg on a few labels.
 */
export const PUBLISHED_MIXES = {
  pretraining: { good: 1, simulated: 1, real: 2 },
  fineTuning: { good: 2, simulated: 4, real: 0 },
  labels: { good: 3, simulated: 3, real: 2 },
} as const satisfies Record<string, Mix>;

/** Everything that decides a training of the click model as published. */
export interface PublishedClickRecipe extends PublishedOptimiser {
  readonly steps: number;
  readonly mix: Mix;
  /** How a sample's first clicks are drawn. */
  readonly clicks: ClickSampling;
  /** Most clicks that are added where the network is wrong before it is trained on a sample; each number up to it is as likely. */
  readonly corrections: number;
}

/** Steps of the one training script that was published; others show names up to 6,600. */
const STEPS = 2000;

/** SimpleClick's: at most three corrections (isegm/engine/trainer.py). */
export const PUBLISHED_CLICKS: PublishedClickRecipe = {
  ...PUBLISHED_OPTIMISER,
  steps: STEPS,
  mix: PUBLISHED_MIXES.pretraining,
  clicks: SIMPLECLICK_SAMPLING,
  corrections: 3,
};

/** Everything that decides a training of ADClick-Seg as published. */
export interface PublishedSegRecipe extends PublishedOptimiser {
  readonly steps: number;
  readonly mix: Mix;
  /**
   * "IIS manner": clicks where the network is wrong, each number up to this as likely; 0 trains without clicks, the row of Table 8 without
   * IIS. The paper's number is lost, it calls it small; three is SimpleClick's (ours).
   */
  readonly corrections: number;
  /** Eq. 8 and 9; a perturbation of [0, 0] is the row of Table 8 without label abandon. */
  readonly pseudo: PseudoLabelSettings;
  /** Copies a label, each with a simulated defect on top, or its own on a good picture (code). */
  readonly copies: number;
}

export const PUBLISHED_SEG: PublishedSegRecipe = {
  ...PUBLISHED_OPTIMISER,
  steps: STEPS,
  mix: PUBLISHED_MIXES.labels,
  corrections: 3,
  pseudo: PSEUDO_LABELS,
  copies: COPIES,
};

/** PyTorch's AdamW decays every parameter, norms and biases too; ours spares vectors. */
export const everyWeightDecays = (source: ParameterSource): ParameterSource => ({
  get: (name, shape, init, options) => source.get(name, shape, init, { ...options, decay: true }),
});
