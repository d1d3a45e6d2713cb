/** Makes a table of the paper again: plans it, makes what is missing, and writes what came of it. */
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import type { Reproduction } from '@adclick/core/evaluation';
import { isFolder } from '@adclick/core/files';
import { fail } from '../../errors.ts';
import type { WorkOptions } from '../../jobs/progress.ts';
import { makeApart } from './apart.ts';
import type { Bench } from './bench.ts';
import { makeCell } from './making.ts';
import { planTable, type ReproduceSettings } from './plan.ts';
import { reproductionOf, writeDocument, writeReproduction } from './report.ts';
import { type FailedCell, type MakeOne, runCells } from './run.ts';
import { CellStore } from './store.ts';

export interface ReproduceRequest extends ReproduceSettings {
  /** Folder of cells and tables; several processes may share it. */
  readonly to: string;
  /** Cells that are made at the same time, each in a process of its own where there are several. */
  readonly jobs: number;
  /** Markdown file that the table is put into as well. */
  readonly document?: string;
  /** What makes it again, as outputs say it. */
  readonly command: string;
}

export interface ReproduceAnswer extends Reproduction {
  /** Cells of the table, those that were there already among them. */
  readonly cells: number;
  readonly failed: readonly FailedCell[];
  readonly files: readonly string[];
}

/**
 * Makes a table. A run that was killed goes on where it was; runs of the same folder share cells, and work on them together.
 * @throws ADC_FOLDER_MISSING for that of the document, and what planning throws, before anything is made; ADC_CELL, ADC_DISK, the signal's reason. A cell that fails is told in the answer.
 */
export async function reproduce(request: ReproduceRequest, work: WorkOptions = {}): Promise<ReproduceAnswer> {
  const { to, jobs, document, command, data, table } = request;
  const { signal = new AbortController().signal, onProgress } = work;
  // A mistyped folder is said before hours of work, not made after them.
  if (document !== undefined && !(await isFolder(dirname(document))))
    throw fail('ADC_FOLDER_MISSING', { path: dirname(document) });
  const plan = await planTable(request, { signal });
  const store = new CellStore(to);
  await store.tidy();
  const alone: Bench = { data, store: to, files: plan.files };
  const make: MakeOne =
    jobs === 1
      ? (cell, making) => makeCell(cell, alone, making)
      : makeApart({ ...alone, threads: Math.max(1, Math.floor(availableParallelism() / jobs)) });
  const failed = await runCells(plan.cells, { store, make, jobs, label: table, signal, onProgress });
  const reproduction = await reproductionOf(plan, store, failed, command);
  const files = await writeReproduction(to, reproduction);
  if (document !== undefined) await writeDocument(document, reproduction);
  return {
    ...reproduction,
    cells: plan.cells.size,
    failed,
    files: document === undefined ? files : [...files, document],
  };
}
