/** The rows of the tables that are measured here, and how the networks of each are made. */
import type { TableName } from '@adclick/core/evaluation';
import { type BackboneName, PUBLISHED_WIDTH } from '@adclick/core/models';
import {
  DETECTOR_TRAINING,
  FINE_TUNING,
  PUBLISHED_CLICKS,
  PUBLISHED_SEG,
  type PublishedClickRecipe,
} from '@adclick/core/training';
import { FROM_NOTHING } from '../click-training.ts';
import { TUNING } from '../click-tuning.ts';
import type { ClickTrainingSettings, SegParts } from './cells.ts';

/** A row of masks from clicks. */
export interface ClickRow {
  /** As {@link PublishedRow.of} names it. */
  readonly id: string;
  readonly method: string;
  readonly tuned: boolean;
  readonly language: boolean;
  /** Whether the rules of a click hold; papers measure without. */
  readonly ruled: boolean;
  /** Whether it says nothing in a preset without language; other rows do without it, as the departures say. */
  readonly exact: boolean;
}

/** A row of a detector. */
export interface SegRow {
  readonly id: string;
  readonly method: string;
  /** What it is trained on beside good pictures and simulated defects. */
  readonly labels: 'clicks' | 'masks' | 'none';
  /** None for the residual alone. */
  readonly parts: SegParts | undefined;
  readonly sliding: boolean;
  /** Whether it says nothing when a part cannot be had; other rows do without that part, and say so. */
  readonly exact: boolean;
}

const clickRow = (id: string, method: string, more: Partial<ClickRow> = {}): ClickRow => ({
  ...{ id, method, tuned: false, language: true, ruled: false, exact: false },
  ...more,
});

const CLICK_ROWS: Readonly<Record<'table1' | 'table7', readonly ClickRow[]>> = {
  table1: [
    clickRow('pre-trained', 'ADClick, pre-trained'),
    clickRow('pre-trained-ruled', 'ADClick, pre-trained, rules of a click', { ruled: true }),
    clickRow('fine-tuned', 'ADClick, fine-tuned', { tuned: true }),
    clickRow('fine-tuned-ruled', 'ADClick, fine-tuned, rules of a click', { tuned: true, ruled: true }),
  ],
  table7: [
    clickRow('plain', 'neither', { language: false }),
    clickRow('pre-trained', 'language', { exact: true }),
    clickRow('tuned-plain', 'fine-tuning', { tuned: true, language: false }),
    clickRow('fine-tuned', 'language, fine-tuning', { tuned: true, exact: true }),
  ],
};

const NOTHING: SegParts = { pretrained: false, clicked: false, language: false, abandon: false };
const segRow = (id: string, method: string, more: Partial<SegRow> = {}): SegRow => ({
  ...{ id, method, labels: 'none', parts: NOTHING, sliding: false, exact: false },
  ...more,
});
const RESIDUAL = segRow('residual', 'residual alone', { parts: undefined });

/** Ten labels and everything that helps, with the clicks where a recipe has them. */
const WEAK_PARTS: SegParts = { pretrained: true, clicked: true, language: true, abandon: true };

const UNLABELLED = [
  RESIDUAL,
  segRow('unsupervised', 'ADClick-Seg, unsupervised'),
  segRow('sliding', 'ADClick-Seg, unsupervised, with sliding', { sliding: true }),
];
const LABELLED = [
  RESIDUAL,
  segRow('weak', 'ADClick-Seg, ten labels of five clicks', { labels: 'clicks', parts: WEAK_PARTS }),
  segRow('masks', 'ADClick-Seg, ten true masks', { labels: 'masks', parts: { ...WEAK_PARTS, abandon: false } }),
];

/** A row of the ablation. @param id a letter for each part. */
const ablated = (id: string, method: string): SegRow =>
  segRow(id, method, {
    labels: 'clicks',
    exact: true,
    parts: {
      pretrained: id.includes('p'),
      clicked: id.includes('i'),
      language: id.includes('l'),
      abandon: id.includes('a'),
    },
  });

const SEG_ROWS: Readonly<Record<Exclude<TableName, 'table1' | 'table7'>, readonly SegRow[]>> = {
  table2: UNLABELLED,
  table3: UNLABELLED,
  table4: LABELLED,
  table5: LABELLED,
  table6: LABELLED,
  table8: [
    ablated('p', 'pretraining'),
    ablated('i', 'clicks'),
    ablated('l', 'language'),
    ablated('pi', 'pretraining, clicks'),
    ablated('pl', 'pretraining, language'),
    ablated('il', 'clicks, language'),
    ablated('pil', 'pretraining, clicks, language'),
    ablated('pla', 'pretraining, language, label abandon'),
    ablated('pila', 'pretraining, clicks, language, label abandon'),
  ],
};

/** The rows of a table, of clicks or of detectors. */
export type TableRows =
  | { readonly of: 'clicks'; readonly rows: readonly ClickRow[] }
  | { readonly of: 'detection'; readonly rows: readonly SegRow[] };

export const rowsOf = (table: TableName): TableRows =>
  table === 'table1' || table === 'table7'
    ? { of: 'clicks', rows: CLICK_ROWS[table] }
    : { of: 'detection', rows: SEG_ROWS[table] };

/** The networks of a preset, and how they are trained. */
export interface Recipe {
  /** What its networks are on a backbone, beside those of the paper. */
  readonly network: (backbone: BackboneName) => string;
  /** Whether prompts have a part in them. */
  readonly language: boolean;
  /** Whether detectors begin with click weights, which have learnt on other categories. */
  readonly handsOn: boolean;
  /** Whether the weights that ship serve as pretrained ones. */
  readonly ships: boolean;
  readonly pretraining: ClickTrainingSettings;
  readonly tuning: ClickTrainingSettings;
  readonly segSteps: number;
  /** How much of a detector's map is the network's: 1 for all of it. */
  readonly trust: number;
  /** Whether detectors are shown simulated clicks while they are trained. */
  readonly clicked: boolean;
}

/** The published recipe of click weights: from nothing, or for weights that go on with one category. */
export const publishedClicks = (tuned: boolean): PublishedClickRecipe => (tuned ? FINE_TUNING : PUBLISHED_CLICKS);

const recipeOf = ({ steps, learningRate }: PublishedClickRecipe): ClickTrainingSettings => ({
  ...{ steps, learningRate, folderShare: 1, seed: 1 },
});

/** Backbones as papers call them. */
export const BACKBONE_TITLES: Readonly<Record<BackboneName, string>> = {
  'efficientnet-lite0': 'EfficientNet-Lite0',
  'wide-resnet-50-2': 'WideResNet-50',
};

/** Whose descriptors the paper compares. */
export const PAPER_BACKBONE: BackboneName = 'wide-resnet-50-2';

/** Presets that tables are made with. */
export const RECIPES: Readonly<Record<'small' | 'paper', Recipe>> = {
  small: {
    network: (backbone) =>
      `preset small: our own, on ${BACKBONE_TITLES[backbone]} and MiniLM; the paper has ${BACKBONE_TITLES[PAPER_BACKBONE]} and BERT, and a Swin block of width ${PUBLISHED_WIDTH}.`,
    ...{ ships: true, language: true, handsOn: true },
    pretraining: { ...FROM_NOTHING, seed: 1 },
    tuning: { ...TUNING, seed: 1 },
    segSteps: DETECTOR_TRAINING.loop.steps,
    trust: DETECTOR_TRAINING.trust[DETECTOR_TRAINING.trust.length - 1],
    clicked: false,
  },
  paper: {
    network: (backbone) =>
      `preset paper: ADClick and ADClick-Seg as published, on ${BACKBONE_TITLES[backbone]}; LAVT, and so language, has no part in them here.`,
    ...{ ships: false, language: false, handsOn: false },
    pretraining: recipeOf(PUBLISHED_CLICKS),
    tuning: recipeOf(FINE_TUNING),
    segSteps: PUBLISHED_SEG.steps,
    trust: 1,
    clicked: true,
  },
};
export type RecipeName = keyof typeof RECIPES;
