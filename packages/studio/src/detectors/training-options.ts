/** What the trainings of click weights and of detectors and the adapting of these are told, and what they say. */
import type { DetectorCard, DetectorThresholds } from '@adclick/core';
import type { TextEncoderName } from '@adclick/core/language';
import type { PAPER, Preset } from '@adclick/core/models';
import type { TrainingProgress } from '@adclick/core/training';
import { counted } from '../api.ts';

/** How click weights are trained. */
export interface TrainingOptions {
  /** Fine-tune on this category of the project. */
  readonly category?: string;
  readonly preset?: Preset;
  /** Encoder of the words that weights made from nothing learn with; default MiniLM. */
  readonly textEncoder?: TextEncoderName;
  /** Channels of a token of the published network, a multiple of 32; 1024 are the paper's. */
  readonly width?: number;
  readonly steps?: number;
  readonly seed?: number;
  /** Highest learning rate; default 1e-3, the published 3e-5 for that network; lower to refine weights that are good already. */
  readonly learningRate?: number;
  readonly name?: string;
  /** Categories in MVTec AD layout whose pictures and defects are trained on beside drawn products. */
  readonly folder?: readonly string[];
  /** The same, but only their good pictures, with simulated defects: for sets whose masks are loose. */
  readonly goodFolder?: readonly string[];
  /** Weights to start from. */
  readonly from?: string;
  readonly resume?: boolean;
  /** Train the words' part alone and leave the rest of `from` as it is. */
  readonly only?: 'language';
}

/** How training click weights went. */
export interface TrainingAnswer {
  readonly name: string;
  /** The weights, or those kept when the new ones were not better. */
  readonly weights: string;
  readonly steps: number;
  readonly seconds: number;
  /** Fine-tuning only: mean IoU on held-out simulated defects, before and after, and whether the new weights were kept. */
  readonly heldOut?: { readonly before: number; readonly after: number; readonly kept: boolean };
}

/** Loss and IoU of a progress line, in words. */
export const progressDetail = ({ loss, iou }: TrainingProgress): string =>
  `loss ${loss.toFixed(3)}  IoU ${iou.map((value) => value.toFixed(2)).join(' ')}`;

/** Channels of the published networks unless another number is asked for: theirs want a GPU, these learn on a computer without. */
export const PAPER_WIDTH = 128;

/** How a detector is trained. */
export interface SegTrainingOptions {
  /** `paper` makes the published network in place of ours. */
  readonly preset?: typeof PAPER;
  /** See {@link TrainingOptions.width}. */
  readonly width?: number;
  /** Default: the project's only category. */
  readonly category?: string;
  /** Only labels of these defect types. */
  readonly type?: readonly string[];
  /** Without labels, on simulated defects alone. */
  readonly unsupervised?: boolean;
  readonly steps?: number;
  readonly seed?: number;
  /** The network looks at overlapping windows of a picture. */
  readonly sliding?: boolean;
}

/** How training a detector went. */
export interface SegTrainingAnswer {
  readonly category: string;
  readonly detector: string;
  /** 'residual' when the network was left aside. */
  readonly from: 'network' | 'residual';
  readonly labels: number;
  /** How labels and good pictures that were held out were decided upon, each by a threshold set on the others; absent without labels. */
  readonly judged?: DetectorCard['judged'];
  readonly notes: readonly string[];
  readonly seconds: number;
}

/** How held-out pictures were decided upon, in a sentence. */
export function judgedText({
  missed,
  falseAlarms,
  defective,
  good,
  intervals,
}: NonNullable<DetectorCard['judged']>): string {
  const percent = (value: number) => (100 * value).toFixed(1);
  const share = (value: number, [low, high]: readonly [number, number]) =>
    `${percent(value)} % (${percent(low)} to ${percent(high)})`;
  return `On held-out pictures at its threshold: ${share(missed, intervals.missed)} of ${defective} labels missed, ${share(falseAlarms, intervals.falseAlarms)} of ${good} good pictures called defective.`;
}

/** Which pictures are good, and whose detector follows them. */
export interface AdaptRequest {
  /** Files and folders of good pictures. */
  readonly paths: readonly string[];
  /** Folder of the project; a detector file needs none. */
  readonly project?: string;
  readonly category?: string;
  /** A detector file or the name of a project's model; default: the category's. */
  readonly detector?: string;
}

/** How a detector followed. */
export interface AdaptAnswer {
  /** Its file. */
  readonly detector: string;
  /** Pictures that were taken as good. */
  readonly pictures: number;
  /** Others that a project's detector had taken before: none counts twice, and without a new one nothing is written. */
  readonly again: number;
  readonly before: DetectorThresholds;
  readonly after: DetectorThresholds;
}

/** How a detector followed, in a sentence. @param one what its pictures are called. */
export function adaptedText({ pictures, again, before, after }: AdaptAnswer, one: 'picture' | 'image'): string {
  const change = (key: 'score' | 'map') => `${key} ${before[key].toFixed(3)} → ${after[key].toFixed(3)}`;
  const taken = `${counted(pictures, one)} taken as good${again > 0 ? ` (${again.toLocaleString('en')} had been before)` : ''}`;
  return `${taken}; thresholds: ${change('score')}, ${change('map')}`;
}
