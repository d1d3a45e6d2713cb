/** The cells that tables are made of: what each is made from, and its name, which says all of that. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { BackboneName } from '@adclick/core/models';
import { fileName } from '../../file-name.ts';
import { VERSION } from '../../version.ts';

/** Click weights: of a file, known by its content, or those that another cell makes. */
export type WeightsFrom =
  | { readonly file: string; readonly name: string }
  | { readonly cell: string; readonly name: string };

/** The pictures of a category: its name, and the SHA-256 of every picture and mask with what it is for. */
export interface Pictures {
  readonly category: string;
  readonly content: string;
}

/** How pictures are seen: pixels of the models' grid, and whose descriptors. */
export interface Seen {
  /** Side of the square with as many pixels as the models see. */
  readonly pixels: number;
  /** Default: the default one. */
  readonly backbone?: BackboneName;
}

/** A network that is trained. */
export type Network = { readonly preset: 'small' } | { readonly preset: 'paper'; readonly width: number };

/** Settings of a training of click weights. */
export interface ClickTrainingSettings {
  readonly backbone?: BackboneName;
  readonly steps: number;
  readonly learningRate: number;
  readonly folderShare: number;
  readonly seed: number;
}

/** Click weights trained on the defects of other categories. */
export interface PretrainCell {
  readonly kind: 'pretrain';
  /** The category that is left out. */
  readonly category: string;
  readonly on: readonly Pictures[];
  readonly network: Network;
  readonly training: ClickTrainingSettings;
}

/** Click weights that go on with simulated defects on the good pictures of a category. */
export interface TuneCell {
  readonly kind: 'tune';
  readonly category: string;
  readonly on: Pictures;
  readonly from: WeightsFrom;
  readonly network: Network;
  readonly training: ClickTrainingSettings;
}

/** Figures of masks from simulated clicks. */
export interface ClicksCell {
  readonly kind: 'clicks';
  readonly category: string;
  readonly on: Pictures;
  readonly by: ClicksBy;
  readonly clicks: number;
  readonly limit?: number;
}

/** What draws masks from clicks. */
export type ClicksBy =
  /** ADClick. @param language whether prompts of each picture's type guide it. */
  | ({ readonly weights: WeightsFrom; readonly language: boolean } & Seen)
  /** Another method: its name, and the SHA-256 of its files in their order. */
  | { readonly rival: string; readonly files: readonly string[] };

/** Labels of a few defects by simulated clicks. */
export interface LabelsCell extends Seen {
  readonly kind: 'labels';
  readonly category: string;
  readonly on: Pictures;
  readonly weights: WeightsFrom;
  readonly count: number;
  readonly clicks: number;
  readonly seed: number;
}

/** Parts of a detector's training that the ablation switches. */
export interface SegParts {
  /** Begins with weights that have learnt on other categories. */
  readonly pretrained: boolean;
  /** Sees simulated clicks while it is trained, as interactive methods do. */
  readonly clicked: boolean;
  readonly language: boolean;
  /** Pixels that labels are unsure of are left out (Eq. 9). */
  readonly abandon: boolean;
}

/** How a detector's network is trained. */
export interface SegPlan extends SegParts {
  readonly network: Network;
  /** What it begins with; undefined where it is not pretrained. */
  readonly weights: WeightsFrom | undefined;
  /** The cell of the labels, the true masks of as many defects, or none. */
  readonly labels: { readonly cell: string } | { readonly masks: number } | undefined;
  readonly sliding: boolean;
  readonly steps: number;
  readonly trust: number;
}

/** A detector file. */
export interface DetectorCell extends Seen {
  readonly kind: 'detector';
  readonly category: string;
  readonly on: Pictures;
  /** None for the residual alone. */
  readonly network: SegPlan | undefined;
  readonly seed: number;
}

/** Figures of a detector. */
export interface DetectionCell {
  readonly kind: 'detection';
  readonly category: string;
  readonly on: Pictures;
  readonly detector: string;
  /** Defects that leave the test set. */
  readonly leaveOut: number;
  readonly seed: number;
  readonly limit?: number;
}

/** Figures of maps that another method made. */
export interface MapsCell {
  readonly kind: 'maps';
  readonly category: string;
  readonly on: Pictures;
  readonly method: string;
  /** SHA-256 of the files of the folder. */
  readonly content: string;
  readonly leaveOut: number;
  readonly seed: number;
  readonly limit?: number;
}

export type Cell = PretrainCell | TuneCell | ClicksCell | LabelsCell | DetectorCell | DetectionCell | MapsCell;

/** Counted up when the same settings give something else. */
const FORMAT = 1;

/** Digits of the hash in a name: enough that no two cells ever share one. */
const DIGITS = 20;

/** JSON in which the order of keys does not matter and what is undefined is not there. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(',')}}`;
}

/** SHA-256 in hexadecimal digits. */
export const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** {@link sha256} of a file, however large. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** What a cell is called: kind and category for people, and a hash of all that it is made from, this version of the program included. */
export const nameOf = (cell: Cell): string =>
  `${cell.kind}-${fileName(cell.category)}-${sha256(canonical({ format: FORMAT, version: VERSION, cell })).slice(0, DIGITS)}`;

const cellOf = (weights: WeightsFrom | undefined): string[] => (weights && 'cell' in weights ? [weights.cell] : []);

/** Names of the cells that have to be made before. */
export function needsOf(cell: Cell): readonly string[] {
  switch (cell.kind) {
    case 'tune':
      return cellOf(cell.from);
    case 'clicks':
      return 'weights' in cell.by ? cellOf(cell.by.weights) : [];
    case 'labels':
      return cellOf(cell.weights);
    case 'detector': {
      const { weights, labels } = cell.network ?? {};
      return [...cellOf(weights), ...(labels && 'cell' in labels ? [labels.cell] : [])];
    }
    case 'detection':
      return [cell.detector];
    default:
      return [];
  }
}

/** What a cell is, in a few words. */
export const cellText = ({ kind, category }: Cell): string =>
  ({
    pretrain: `training without ${category}`,
    tune: `tuning for ${category}`,
    clicks: `clicks on ${category}`,
    labels: `labels of ${category}`,
    detector: `detector of ${category}`,
    detection: `detecting in ${category}`,
    maps: `maps of ${category}`,
  })[kind];
