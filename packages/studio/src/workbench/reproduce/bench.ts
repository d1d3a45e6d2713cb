/** What makers of cells are given: where pictures, other cells and files are, and where what they make goes. */
import { join } from 'node:path';
import { type Dataset, openCategory, withDefects } from '@adclick/core/datasets';
import type { CellStore } from './store.ts';

/** Where cells are made from and to; the same for all cells of a run, and never part of what they are. */
export interface Bench {
  /** Folder of the categories. */
  readonly data: string;
  /** Folder of the store. */
  readonly store: string;
  /** Files and folders by the SHA-256 of their content. */
  readonly files: Readonly<Record<string, string>>;
  /** Cores that a cell may use; default all. */
  readonly threads?: number;
}

/** How far a cell is, as a share of 1, and with what. */
export type Report = (share: number, detail: string) => void;

export interface Making extends Omit<Bench, 'store'> {
  readonly store: CellStore;
  /** Takes what the cell holds; it takes its place as a whole. */
  readonly folder: string;
  /** Stays when the process is killed. */
  readonly kept: string;
  readonly report: Report;
  readonly signal: AbortSignal;
  /** Asked before anything takes its place. */
  readonly owned: () => Promise<void>;
}

/** The category of a cell. @throws ADC_DATASET, ADC_NO_NORMALS. */
export const datasetOf = async ({ data }: Pick<Making, 'data'>, category: string): Promise<Dataset> =>
  withDefects(await openCategory(data, category), data);

/** A file of a cell that is made. */
export const fileOf = ({ store }: Pick<Making, 'store'>, name: string, file: string): string =>
  join(store.folder(name), file);
