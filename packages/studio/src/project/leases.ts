/** The leases of a project, each named once: who serves it, and who writes a part of it for a while. */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { isOfThisMachine } from '@adclick/ortgrad';
import { fail } from '../errors.ts';
import { distinctFileName } from '../file-name.ts';
import { databasePath } from '../store/database-path.ts';
import { Lease, type Owner, ownerText, SILENT_MS, withLease } from './lease.ts';

/** Milliseconds that work waits for others who write the same: what is short is waited for, what is long is said. */
const WAIT_MS = { file: 10_000, import: 30_000, index: 600_000 };

/** What waiting may be told and stopped by. */
export interface Waiting {
  readonly signal?: AbortSignal;
  /** Told once, in a sentence, when somebody else has to be waited for. */
  readonly note?: (text: string) => void;
}

/**
 * Takes the lease of whoever serves the project. One whose owner has ended for sure on this computer is taken without a word.
 * @param takeover whether it is also taken from an owner that gives no sign of life, such as one on a computer that is gone.
 * @throws ADC_SERVED naming the owner, ADC_DISK.
 */
export function leaseToServe(root: string, takeover = false, signal?: AbortSignal): Promise<Lease> {
  return Lease.take(root, 'serve', 'this project', {
    signal,
    silence: (owner) => {
      if (takeover || !owner) return SILENT_MS;
      // A computer of that name that has been started anew has no processes from before.
      return !isOfThisMachine(owner) && owner.host === hostname() ? SILENT_MS : undefined;
    },
    refusal: (owner) =>
      fail('ADC_SERVED', {
        where: owner.address === null ? '' : ` at ${owner.address}`,
        owner: ownerText(owner),
        mend: takeover
          ? 'It is alive: end that process first.'
          : 'Open that address, or end that process; `--takeover` takes the project from one that gives no sign of life.',
      }),
  });
}

/** What work under a lease is told of it: another process may take it over from one that was silent for long. */
export interface Hold {
  /** Whether somebody else had it before. */
  readonly waited: boolean;
  /** Aborts with the caller's; and with ADC_LEASE_LOST as soon as it turns out that another process has taken over. */
  readonly signal: AbortSignal;
  /** Makes sure of it from the disk, right before anything takes its place. @throws ADC_LEASE_LOST, ADC_DISK. */
  readonly owned: () => Promise<void>;
}

const shortly = <T>(
  root: string,
  name: string,
  what: string,
  wait: number,
  { signal, note }: Waiting,
  work: (hold: Hold) => Promise<T>,
): Promise<T> => {
  const onWait = note && ((owner: Owner) => note(`Waiting: ${ownerText(owner)}, is writing ${what}.`));
  return withLease(root, name, what, { wait, signal, onWait }, (lease) => {
    const lost = new AbortController();
    lease.onLost((error) => lost.abort(error));
    return work({
      waited: lease.waited,
      signal: signal ? AbortSignal.any([signal, lost.signal]) : lost.signal,
      owned: () => lease.check(),
    });
  });
};

/**
 * Builds the index of a category while nobody else does.
 * @param folder of the index. @throws ADC_IN_USE after ten minutes.
 */
export const whileIndexing = <T>(
  root: string,
  folder: string,
  category: string,
  waiting: Waiting,
  work: (hold: Hold) => Promise<T>,
): Promise<T> => shortly(root, `index-${basename(folder)}`, `the index of ${category}`, WAIT_MS.index, waiting, work);

/** Reads, changes and writes the prompts while nobody else does. @throws ADC_IN_USE. */
export const whileWritingPrompts = <T>(root: string, work: (hold: Hold) => Promise<T>): Promise<T> =>
  shortly(root, 'prompts', 'the prompts', WAIT_MS.file, {}, work);

/** Changes the detectors of a category and their records while nobody else does. @throws ADC_IN_USE. */
export const whileChangingDetectors = <T>(
  root: string,
  category: string,
  work: (hold: Hold) => Promise<T>,
): Promise<T> =>
  shortly(root, `detector-${distinctFileName(category)}`, `the detectors of ${category}`, WAIT_MS.file, {}, work);

/** Imports labels while nobody else does: another import is waited for, and this one refused as a whole. @throws ADC_IN_USE. */
export const whileImporting = <T>(root: string, waiting: Waiting, work: (hold: Hold) => Promise<T>): Promise<T> =>
  shortly(root, 'import', 'labels by an import', WAIT_MS.import, waiting, work);

/** Opens the database of a project. From the first one on mask files do not count, so an import that still writes some comes to its end before. */
export const withFirstDatabase = <T>(root: string, open: () => Promise<T>): Promise<T> =>
  existsSync(databasePath(root)) ? open() : whileImporting(root, {}, open);

/** Trains the detector of a category unless somebody else does. @throws ADC_IN_USE at once: it may take hours. */
export const whileTrainingDetector = <T>(
  root: string,
  category: string,
  waiting: Waiting,
  work: (hold: Hold) => Promise<T>,
): Promise<T> => shortly(root, `train-${distinctFileName(category)}`, `the detector of ${category}`, 0, waiting, work);

/** Writes the weights of a name unless somebody else does. @throws ADC_IN_USE at once: it may take days. */
export const whileWritingWeights = <T>(
  root: string,
  name: string,
  waiting: Waiting,
  work: (hold: Hold) => Promise<T>,
): Promise<T> => shortly(root, `weights-${name}`, `the weights ${name}`, 0, waiting, work);

/** Fetches the checkpoint of a network into a folder of models unless somebody else does. @throws ADC_IN_USE at once: it may take an hour. */
export const whilePulling = <T>(
  models: string,
  network: string,
  waiting: Waiting,
  work: (hold: Hold) => Promise<T>,
): Promise<T> => shortly(models, `pull-${network}`, `the checkpoint of ${network}`, 0, waiting, work);

/** Makes a cell of a table, with the store in place of a project, unless somebody else does. @throws ADC_IN_USE at once: others are to be made meanwhile. */
export const whileMakingCell = <T>(
  store: string,
  name: string,
  waiting: Waiting,
  work: (hold: Hold) => Promise<T>,
): Promise<T> => shortly(store, name, `the result ${name}`, 0, waiting, work);
