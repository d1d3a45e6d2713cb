/** Makes the cells of a plan: what is there is taken, what others make is waited for, and one that fails leaves the others be. */
import { setTimeout as sleep } from 'node:timers/promises';
import { toCoded } from '../../errors.ts';
import type { WorkOptions } from '../../jobs/progress.ts';
import type { Report } from './bench.ts';
import { type Cell, cellText, nameOf, needsOf } from './cells.ts';
import { costOf } from './cost.ts';
import type { CellStore } from './store.ts';

/** Makes one cell, here or in a process of its own; throws as `makeCell` does. */
export type MakeOne = (cell: Cell, work: { readonly report: Report; readonly signal: AbortSignal }) => Promise<void>;

/** A cell that could not be made. */
export interface FailedCell {
  readonly cell: string;
  /** What it is, in a few words. */
  readonly text: string;
  readonly code: string;
  readonly message: string;
  readonly next: string;
}

/** Milliseconds between two looks at cells that other processes make. */
const LOOK_MS = 1_000;

/** Codes that say that somebody else makes the cell. */
const ELSEWHERE: ReadonlySet<string> = new Set(['ADC_IN_USE', 'ADC_LEASE_LOST']);

/** Kinds of cells that rows are read from; the others serve these alone. */
const FIGURES: ReadonlySet<Cell['kind']> = new Set(['clicks', 'detection', 'maps']);

/** The cells that are missing: figures, and what they need in turn. Weights of figures that are there may have been removed. */
function missing(cells: ReadonlyMap<string, Cell>, store: CellStore): Map<string, Cell> {
  const found = new Map<string, Cell>();
  const visit = (name: string) => {
    const cell = cells.get(name);
    if (!cell || found.has(name) || store.has(name)) return;
    found.set(name, cell);
    for (const need of needsOf(cell)) visit(need);
  };
  for (const [name, { kind }] of cells) if (FIGURES.has(kind)) visit(name);
  return found;
}

/** The state of a run, which all of its workers share. */
class Run {
  readonly failed = new Map<string, FailedCell>();
  private readonly open: Map<string, Cell>;
  private readonly running = new Map<string, number>();
  /** When a cell that somebody else was making is looked at again. */
  private readonly later = new Map<string, number>();
  private readonly total: number;
  private done = 0;

  constructor(
    cells: ReadonlyMap<string, Cell>,
    private readonly store: CellStore,
    private readonly make: MakeOne,
    private readonly label: string,
    private readonly signal: AbortSignal,
    private readonly onProgress: WorkOptions['onProgress'],
  ) {
    this.open = missing(cells, store);
    this.total = [...this.open.values()].reduce((sum, cell) => sum + costOf(cell), 0);
    this.settle();
  }

  /** Closes what is made, here or elsewhere, and what cannot be made any more. */
  private settle(): void {
    for (const [name, cell] of this.open) {
      if (this.running.has(name)) continue;
      const lost = needsOf(cell).find((need) => this.failed.has(need));
      if (this.store.has(name)) this.close(name);
      else if (lost !== undefined) {
        const { code, message, next, text } = this.failed.get(lost) as FailedCell;
        this.fail(cell, { code, message: `it needs ${text}: ${message}`, next });
      }
    }
  }

  private close(name: string): void {
    const cell = this.open.get(name);
    if (cell) this.done += costOf(cell);
    this.open.delete(name);
  }

  private fail(cell: Cell, { code, message, next }: Pick<FailedCell, 'code' | 'message' | 'next'>): void {
    const name = nameOf(cell);
    this.failed.set(name, { cell: name, text: cellText(cell), code, message, next });
    this.close(name);
  }

  /** A cell that can be made now. */
  private next(): Cell | undefined {
    const now = performance.now();
    for (const [name, cell] of this.open)
      if (
        !this.running.has(name) &&
        (this.later.get(name) ?? 0) <= now &&
        needsOf(cell).every((need) => this.store.has(need))
      )
        return cell;
    return undefined;
  }

  private show(detail: string): void {
    const under = [...this.running].reduce((sum, [name, share]) => {
      const cell = this.open.get(name);
      return sum + (cell ? share * costOf(cell) : 0);
    }, 0);
    this.onProgress?.({
      label: this.label,
      done: Math.round(this.done + under),
      total: Math.round(this.total),
      detail,
    });
  }

  /** Makes cells until none is left. @throws the signal's reason. */
  async work(): Promise<void> {
    for (;;) {
      this.signal.throwIfAborted();
      this.settle();
      if (this.open.size === 0) return;
      const cell = this.next();
      if (cell) await this.attempt(cell);
      else await sleep(LOOK_MS, undefined, { signal: this.signal }).catch(() => undefined);
    }
  }

  private async attempt(cell: Cell): Promise<void> {
    const name = nameOf(cell);
    this.running.set(name, 0);
    try {
      const report: Report = (share, detail) => {
        this.running.set(name, share);
        this.show(`${cellText(cell)}: ${detail}`);
      };
      report(0, 'begins');
      await this.make(cell, { report, signal: this.signal });
    } catch (error) {
      this.signal.throwIfAborted();
      const coded = toCoded(error);
      if (ELSEWHERE.has(coded.code)) this.later.set(name, performance.now() + LOOK_MS);
      else this.fail(cell, coded);
    } finally {
      this.running.delete(name);
    }
  }
}

/**
 * Makes all cells that are missing, several at once.
 * @param jobs cells made at the same time. @returns those that could not be made, in the order in which that was found out.
 * @throws the signal's reason, once nothing is made here any more.
 */
export async function runCells(
  cells: ReadonlyMap<string, Cell>,
  {
    store,
    make,
    jobs,
    label,
    signal,
    onProgress,
  }: {
    readonly store: CellStore;
    readonly make: MakeOne;
    readonly jobs: number;
    readonly label: string;
    readonly signal: AbortSignal;
    readonly onProgress?: WorkOptions['onProgress'];
  },
): Promise<FailedCell[]> {
  const run = new Run(cells, store, make, label, signal, onProgress);
  const ended = await Promise.allSettled(Array.from({ length: jobs }, () => run.work()));
  signal.throwIfAborted();
  const broken = ended.find((each) => each.status === 'rejected');
  if (broken) throw broken.reason;
  return [...run.failed.values()];
}
