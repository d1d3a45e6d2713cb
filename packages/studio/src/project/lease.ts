/**
 * A lease on a project, or on something in it: who may write that, among all processes that have the project's folder.
 *
 * It is a file in `.adclick/locks/` that only one process can make, with a number that its owner counts up while it lives. Its death is
 * known at once on the same computer; elsewhere by a number that stands still, watched and never compared by clocks, which differ.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail as failCore } from '@adclick/core/errors';
import { describeIoError, isMissing } from '@adclick/core/files';
import {
  type CodedError,
  isGone,
  isOfThisMachine,
  removeIfPossible,
  temporaryFor,
  thisProcess,
} from '@adclick/ortgrad';
import { z } from 'zod';
import { CACHE_FOLDER } from '../cache-folder.ts';
import { fail } from '../errors.ts';
import { log, passOver } from '../log.ts';

/** Milliseconds between two signs of life. */
const BEAT_MS = 2_000;
/** Milliseconds without a sign of life after which an owner that nobody here can ask after counts as dead. */
export const SILENT_MS = 10_000;
/** The same for a process that is there: it may be busy, or stopped by somebody. */
const HUNG_MS = 60_000;
/** Milliseconds for which such a one is watched all the same, more than two signs of life: it may have slept with the whole computer. */
const WATCHED_MS = 5_000;
/** Milliseconds between two looks at a lease that somebody else has: short at first, since most leases are. */
const LOOK_MS = { first: 20, most: 500 };
/** Milliseconds for which the system may refuse to make the file without a reason that lasts, as Windows does while it is removed. */
const REFUSED_MS = 1_500;
/** Looks at the own file after which it counts as one that cannot be read. */
const LOOKS = 4;
/** Bytes of the file: always the same, so that each sign of life is one write over what stands there. */
const BYTES = 2_048;
/** Characters of a text in it. */
const LONGEST = 100;

const ownerSchema = z.object({
  /** Of this lease, among all that ever were. */
  id: z.string().regex(/^[0-9a-f-]{36}$/),
  /** What it is for, in words. */
  what: z.string(),
  host: z.string(),
  machine: z.string(),
  pid: z.int(),
  started: z.string(),
  /** ISO 8601, by the owner's clock; to be shown alone. */
  since: z.string(),
  /** Where it serves; null for one that does not. */
  address: z.string().nullable(),
  /** Milliseconds that the owner's computer had been on at its last sign of life. */
  alive: z.number(),
});

/** Who has a lease. */
export type Owner = z.infer<typeof ownerSchema>;

/** What somebody who wants a lease does about one that is taken. */
export interface Wish {
  /** Milliseconds to wait for its end; default 0. */
  readonly wait?: number;
  /** Milliseconds of silence after which it is taken from an owner of whom nobody knows that it is gone; undefined never. No owner: the file cannot be read. */
  readonly silence?: (owner: Owner | undefined) => number | undefined;
  /** What is thrown when it cannot be had. Default: ADC_IN_USE. */
  readonly refusal?: (owner: Owner) => CodedError;
  /** Told once, when it has to be waited for. */
  readonly onWait?: (owner: Owner) => void;
  readonly signal?: AbortSignal;
}

/** What everybody does about leases on something in a project: one who is silent for long is taken for dead. */
const usual = (owner: Owner | undefined): number => (owner && isOfThisMachine(owner) ? HUNG_MS : SILENT_MS);

/** "process 4711 on bench-3, since 2026-03-01T10:00:00.000Z". */
export const ownerText = ({ pid, host, since }: Owner): string => `process ${pid} on ${host}, since ${since}`;

const inUse = (owner: Owner) => fail('ADC_IN_USE', { what: owner.what, owner: ownerText(owner) });

/** Folder of a project's leases. */
export const leaseFolder = (root: string): string => join(root, CACHE_FOLDER, 'locks');

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? '';
/** Milliseconds that this computer has been on, on some systems without its sleep: the same in all of its processes, whatever happens to clocks. */
const uptime = () => Number(process.hrtime.bigint() / 1_000_000n);

const bytesOf = (owner: Owner) => Buffer.from(`${JSON.stringify(owner)}\n`.padEnd(BYTES));

function ownerIn(bytes: Buffer): Owner | undefined {
  try {
    return ownerSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch {
    // Half written by somebody who died, or about to be written.
    return undefined;
  }
}

/** What stands in the file of a lease. */
interface Found {
  readonly bytes: Buffer;
  /** Undefined where it is not whole. */
  readonly owner: Owner | undefined;
}

/** What stands in a file; undefined where there is none. @throws what the system says. */
async function look(path: string): Promise<Found | undefined> {
  try {
    const bytes = await readFile(path);
    return { bytes, owner: ownerIn(bytes) };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Makes the file where a disk has no links: others may see it before its content, which counts as a lease that is taken. */
async function makePlain(path: string, owner: Owner): Promise<boolean> {
  const file = await open(path, 'wx').catch((error) => {
    if (codeOf(error) === 'EEXIST') return undefined;
    throw error;
  });
  if (!file) return false;
  try {
    await file.writeFile(bytesOf(owner));
    return true;
  } catch (error) {
    await removeIfPossible(path);
    throw error;
  } finally {
    await file.close();
  }
}

/** Makes the file, whole, unless there is one. @returns whether it was made. @throws what the system says. */
async function make(path: string, owner: Owner): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = temporaryFor(path);
  try {
    await writeFile(temporary, bytesOf(owner), { flag: 'wx' });
    const refused = await link(temporary, path).then(() => undefined, codeOf);
    if (refused === undefined) return true;
    // A network may lose the answer that it was made.
    if (refused === 'EEXIST') return (await look(path))?.owner?.id === owner.id;
  } finally {
    await removeIfPossible(temporary);
  }
  return makePlain(path, owner);
}

/**
 * Removes the file of a dead owner, unless that has shown a sign of life meanwhile. Two who do that at once might remove the file of the next
 * owner, so it needs a lease of its own, which only those can have who speak of the same dead one.
 */
async function clear(path: string, dead: Found, wish: Pick<Wish, 'wait' | 'signal'>): Promise<void> {
  const id = dead.owner?.id ?? 'unreadable';
  const guard = await Lease.takeFile(`${path}.${id}`, 'a lease whose owner is dead', wish);
  try {
    if ((await look(path))?.bytes.equals(dead.bytes)) await rm(path, { force: true });
  } finally {
    await guard.release();
  }
}

/** How long a file has not changed, as far as it was watched: sleep of the computer counts as one look. */
class Silence {
  private before: Buffer | undefined;
  private last = 0;
  private silent = 0;
  /** Signs of life that were seen. */
  beats = 0;

  /** @returns milliseconds without a change. @param bytes what stands in the file now. */
  seen(bytes: Buffer): number {
    const now = performance.now();
    if (this.before?.equals(bytes)) this.silent += Math.min(now - this.last, 2 * LOOK_MS.most);
    else {
      if (this.before) this.beats++;
      this.silent = 0;
    }
    this.before = bytes;
    this.last = now;
    return this.silent;
  }
}

/**
 * Milliseconds for which a file has to be seen without a change until it is taken; undefined where that is not yet a question.
 * @param limit of silence, as the wish says.
 */
function patienceWith(owner: Owner | undefined, limit: number | undefined): number | undefined {
  if (limit === undefined || !owner || !isOfThisMachine(owner)) return limit;
  // What runs here tells by its computer's own count how long it has been silent, but that may have been the sleep of the computer, from
  // which it wakes with whoever asks. A count that is ahead is from before a restart that the system does not tell of.
  const age = uptime() - owner.alive;
  return age >= limit || age < 0 ? Math.min(limit, WATCHED_MS) : undefined;
}

export class Lease {
  private readonly timer: NodeJS.Timeout;
  private readonly listeners: ((error: CodedError) => void)[] = [];
  /** Kinds of failures of signs of life that were said. */
  private readonly failures = new Set<string>();
  private lost: CodedError | undefined;
  private released = false;

  private constructor(
    private readonly path: string,
    private owner: Owner,
    /** Whether somebody else had it when it was asked for. */
    readonly waited: boolean,
  ) {
    this.timer = setInterval(() => void this.beat().catch((err) => this.missed(err)), BEAT_MS);
    this.timer.unref();
  }

  /**
   * Takes a lease. One whose owner has ended for sure is taken at once.
   * @param name of the lease, a name of a file. @param what it is for, in words that follow "somebody writes".
   * @throws ADC_IN_USE or what the wish says while somebody else has it, ADC_DISK where the folder cannot be written, the signal's reason.
   */
  static take(root: string, name: string, what: string, wish: Wish = {}): Promise<Lease> {
    return Lease.takeFile(join(leaseFolder(root), `${name}.lock`), what, wish);
  }

  static async takeFile(path: string, what: string, wish: Wish): Promise<Lease> {
    const { wait = 0, silence = usual, refusal = inUse, signal } = wish;
    const owner: Owner = {
      id: randomUUID(),
      what: what.slice(0, LONGEST),
      host: hostname().slice(0, LONGEST),
      ...thisProcess(),
      since: new Date().toISOString(),
      address: null,
      alive: uptime(),
    };
    const begun = performance.now();
    const watch = new Silence();
    let waited = false;
    for (let pause = LOOK_MS.first; ; pause = Math.min(LOOK_MS.most, 2 * pause)) {
      signal?.throwIfAborted();
      let there: Found | undefined;
      try {
        if (await make(path, { ...owner, alive: uptime() })) return new Lease(path, owner, waited);
        there = await look(path);
      } catch (error) {
        const passing = ['EPERM', 'EACCES', 'EBUSY'].includes(codeOf(error));
        if (!passing || performance.now() - begun > REFUSED_MS)
          throw failCore('ADC_DISK', { path, what: describeIoError(error) }, error);
      }
      if (there) {
        const silent = watch.seen(there.bytes);
        const found = there.owner;
        const patience = patienceWith(found, silence(found));
        if ((found && isGone(found)) || (patience !== undefined && silent >= patience)) {
          await clear(path, there, { wait: 2 * SILENT_MS, signal });
          continue;
        }
        const hopeless = patience === undefined || watch.beats > 0;
        if (found && hopeless && performance.now() - begun >= wait) throw refusal(found);
        if (found && !waited) wish.onWait?.(found);
        waited ||= found !== undefined;
      }
      // Only the signal ends it early, whose reason is thrown next.
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Shows a sign of life. @throws what the system says, which may pass. */
  private async beat(): Promise<void> {
    if (this.released || this.lost) return;
    try {
      // The file that was looked into is the one that is written to, whoever has put another one in its place meanwhile.
      const file = await open(this.path, 'r+');
      try {
        const bytes = Buffer.alloc(BYTES);
        const { bytesRead } = await file.read(bytes, 0, BYTES, 0);
        if (!this.isOwn(ownerIn(bytes.subarray(0, bytesRead)))) return;
        this.owner = { ...this.owner, alive: uptime() };
        await file.write(bytesOf(this.owner), 0, BYTES, 0);
      } finally {
        await file.close();
      }
    } catch (error) {
      if (!isMissing(error)) throw error;
      this.lose('its lock file is gone');
    }
  }

  /** Says once for each kind of failure that no sign of life can be written; the next one may come through. */
  private missed(err: unknown): void {
    if (this.failures.has(codeOf(err))) return;
    this.failures.add(codeOf(err));
    log.warn({ err, path: this.path }, 'no sign of life written');
  }

  private isOwn(found: Owner | undefined): boolean {
    if (this.released || found?.id === this.owner.id) return true;
    if (found) this.lose(`${ownerText(found)}, has taken it over`);
    return false;
  }

  private lose(what: string): void {
    if (this.lost || this.released) return;
    clearInterval(this.timer);
    this.lost = fail('ADC_LEASE_LOST', { what: this.owner.what, why: what });
    for (const listener of this.listeners) listener(this.lost);
  }

  /** Called once with the reason when somebody else turns out to have taken the lease. */
  onLost(listener: (error: CodedError) => void): void {
    this.listeners.push(listener);
  }

  /**
   * Makes sure that the lease still is this owner's, from the disk.
   * @throws ADC_LEASE_LOST when it is not; ADC_DISK when nobody can tell.
   */
  async check(): Promise<void> {
    if (this.lost) throw this.lost;
    // A sign of life that is being written may be read half, and some systems refuse for a moment: the next look tells.
    for (let looks = 1; !this.released; looks++) {
      let refused: unknown;
      const there = await look(this.path).catch((error) => {
        refused = error;
        return null;
      });
      if (there === undefined) this.lose('its lock file is gone');
      else if (there && this.isOwn(there.owner)) return;
      if (this.lost) throw this.lost;
      if (looks === LOOKS) {
        const what = refused === undefined ? 'its content is not what was written' : describeIoError(refused);
        throw failCore('ADC_DISK', { path: this.path, what }, refused);
      }
      await sleep(LOOK_MS.first);
    }
  }

  /** Says where the owner serves. */
  async serveAt(address: string): Promise<void> {
    this.owner = { ...this.owner, address };
    await this.beat();
  }

  /** Gives it back; one that is lost already is left to whoever has it. */
  async release(): Promise<void> {
    if (this.released) return;
    clearInterval(this.timer);
    const there = this.lost
      ? undefined
      : await look(this.path).catch(passOver('lease not given back', { path: this.path }));
    const own = there?.owner?.id === this.owner.id;
    this.released = true;
    if (own) await removeIfPossible(this.path);
  }
}

/**
 * Removes a lease file whose owner is gone, as whoever wants that lease would; with `silent` also one of whom nobody here can tell.
 * @throws what the system says, ADC_IN_USE while somebody else does that.
 */
export async function removeDead(path: string, silent: boolean): Promise<void> {
  const there = await look(path);
  if (!there) return;
  const { owner } = there;
  if (owner && isOfThisMachine(owner) ? isGone(owner) : silent) await clear(path, there, {});
}

/** Does something under a lease; see {@link Lease.take}. */
export async function withLease<T>(
  root: string,
  name: string,
  what: string,
  wish: Wish,
  work: (lease: Lease) => Promise<T>,
): Promise<T> {
  const lease = await Lease.take(root, name, what, wish);
  try {
    return await work(lease);
  } finally {
    await lease.release();
  }
}
