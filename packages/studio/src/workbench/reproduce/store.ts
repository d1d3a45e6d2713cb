/** Cells on disk: a folder each, which takes its name when everything is in it; what a training keeps to go on from lies beside them. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { fail as failCore } from '@adclick/core/errors';
import { describeIoError, writeFileAtomic } from '@adclick/core/files';
import { moveTo, removeIfPossible, removeLeftovers, temporaryFor } from '@adclick/ortgrad';
import { z } from 'zod';
import { fail } from '../../errors.ts';
import { tidyProject } from '../../project/leftovers.ts';

/** File of a cell that says what it is and holds its figures; written last. */
const CELL_FILE = 'cell.json';

const storedSchema = z.object({ seconds: z.number(), machine: z.string(), answer: z.unknown() });

/** What a cell came to. */
export interface StoredCell {
  readonly answer: unknown;
  readonly seconds: number;
  /** What computed it. */
  readonly machine: string;
}

const machine = () =>
  `${availableParallelism()} threads of ${cpus()[0]?.model.replace(/\s+/g, ' ').trim() ?? 'an unknown processor'}, Node ${process.versions.node}`;

export class CellStore {
  constructor(
    /** Also the folder of the leases. */
    readonly root: string,
  ) {}

  /** A folder of a cell that is made. */
  folder(name: string): string {
    return join(this.root, 'cells', name);
  }

  /** A folder that stays when a process is killed, for checkpoints of a cell that is being made. */
  making(name: string): string {
    return join(this.root, 'making', name);
  }

  has(name: string): boolean {
    return existsSync(join(this.folder(name), CELL_FILE));
  }

  /** What is thrown of a cell that is not as it was written. */
  damaged(name: string, what: string, cause?: unknown): Error {
    return fail('ADC_CELL', { path: this.folder(name), what }, cause);
  }

  /** @throws ADC_CELL for one that cannot be read. */
  async read(name: string): Promise<StoredCell> {
    try {
      const text = await readFile(join(this.folder(name), CELL_FILE), 'utf8');
      return storedSchema.parse(JSON.parse(text));
    } catch (error) {
      const what = error instanceof z.ZodError ? 'it has no answer' : describeIoError(error);
      throw this.damaged(name, `${CELL_FILE}: ${what}`, error);
    }
  }

  /** What a cell answers, by its kind. @throws ADC_CELL. */
  async answer<T>(name: string, schema: z.ZodType<T>): Promise<T> {
    const { answer } = await this.read(name);
    const { data, error } = schema.safeParse(answer);
    if (error)
      throw this.damaged(name, `${CELL_FILE}, ${error.issues[0]?.path.join('.')}: ${error.issues[0]?.message}`, error);
    return data;
  }

  /**
   * Makes a cell and puts it in its place by one rename.
   * @param cell kept beside the answer, for people. @param work writes files into the folder that it is given.
   * @param owned asked right before the cell takes its place; throws why it must not.
   * @throws what `work` and `owned` throw, with nothing in its place; ADC_DISK.
   */
  async publish(
    name: string,
    cell: object,
    work: (folder: string) => Promise<object>,
    owned: () => Promise<void>,
  ): Promise<void> {
    const target = this.folder(name);
    const folder = temporaryFor(target);
    const started = performance.now();
    try {
      await this.guard(mkdir(folder, { recursive: true }));
      const answer = await work(folder);
      const seconds = Math.round((performance.now() - started) / 100) / 10;
      const text = `${JSON.stringify({ cell, seconds, machine: machine(), answer }, undefined, 1)}\n`;
      await writeFileAtomic(join(folder, CELL_FILE), new TextEncoder().encode(text));
      await owned();
      // What stands there without its file is no cell, and would be in the way.
      if (!this.has(name)) await removeIfPossible(target);
      await this.guard(moveTo(folder, target));
    } finally {
      await removeIfPossible(folder);
    }
    await removeIfPossible(this.making(name));
  }

  /** Removes what killed processes have left half made; what running ones are making stays. */
  async tidy(): Promise<void> {
    await tidyProject(this.root);
    await removeLeftovers(join(this.root, 'cells'));
    // Training that came to its end just before it was killed keeps nothing to go on from.
    for (const name of await readdir(join(this.root, 'making')).catch((): string[] => []))
      if (this.has(name)) await removeIfPossible(this.making(name));
  }

  private async guard(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      throw failCore('ADC_DISK', { path: this.root, what: describeIoError(error) }, error);
    }
  }
}
