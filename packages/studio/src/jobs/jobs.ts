/** Long work that people watch and may stop: indexing, preparing, import, export, training. */
import { randomUUID } from 'node:crypto';
import type { CodedError } from '@adclick/ortgrad';
import type { Job } from '../api.ts';
import { toCoded } from '../errors.ts';
import { inContext, log } from '../log.ts';
import type { Bus } from './bus.ts';
import type { WorkOptions } from './progress.ts';

/** Ended jobs that are still shown. */
const KEPT = 50;
/** Least milliseconds between two reports of progress. */
const REPORT_MS = 200;

interface Entry {
  job: Job;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

/** What came of work. */
export interface Outcome {
  readonly text: string;
  /** Labels, images or the like that it had to leave out: it was no plain success then. */
  readonly leftOut: number;
}

/** Does the work. @returns a sentence on what came of it. */
export type JobWork = (options: Required<WorkOptions>) => Promise<string | Outcome>;

/** How failures are told. */
export interface Telling {
  /** One line for people at the page. */
  line(error: CodedError): string;
  /** Told of failures of our own, which whoever runs the server has to see. */
  note(error: CodedError): void;
}

export class Jobs {
  private readonly entries = new Map<string, Entry>();
  private closed = false;

  constructor(
    private readonly bus: Bus,
    private readonly tell: Telling,
  ) {}

  /** Starts work at once. */
  start(kind: Job['kind'], label: string, work: JobWork): Job {
    const id = randomUUID();
    const controller = new AbortController();
    // Asked for while everything ends: it is over before it begins.
    if (this.closed) controller.abort(new Error('closing'));
    const job: Job = { id, kind, label, state: 'running', done: 0, total: null, detail: null, result: null };
    const ended = Promise.resolve().then(() => inContext({ job: id }, () => this.run(id, controller, work)));
    this.entries.set(id, { job, controller, ended });
    this.bus.emit({ kind: 'job', job });
    const old = [...this.entries.values()].filter((entry) => entry.job.state !== 'running');
    for (const entry of old.slice(0, Math.max(0, old.length - KEPT))) this.entries.delete(entry.job.id);
    return job;
  }

  private async run(id: string, controller: AbortController, work: JobWork): Promise<void> {
    let reported = 0;
    const started = performance.now();
    const { signal } = controller;
    log.info({ kind: this.find(id)?.kind }, 'job begins');
    const onProgress: Required<WorkOptions>['onProgress'] = ({ done, total, detail }) => {
      const now = Date.now();
      const last = total !== undefined && done >= total;
      if (now - reported < REPORT_MS && !last) return;
      reported = now;
      this.change(id, { done, total: total ?? null, detail: detail ?? null });
    };
    const end = (state: Job['state'], result: string) => this.change(id, { state, detail: null, result });
    const note = (state: Job['state']) => log.info({ state, ms: Math.round(performance.now() - started) }, 'job ends');
    try {
      const outcome = await work({ signal, onProgress });
      // Work that was at its end when somebody stopped it is done all the same.
      if (typeof outcome === 'string') end('done', outcome);
      else this.change(id, { state: 'done', detail: null, result: outcome.text, leftOut: outcome.leftOut });
      note('done');
    } catch (error) {
      note(signal.aborted ? 'cancelled' : 'failed');
      if (signal.aborted)
        return end('cancelled', 'Stopped. What was finished before stays; nothing half-written was left.');
      const coded = toCoded(error);
      log.warn({ err: coded }, 'job failed');
      if (coded.status >= 500) this.tell.note(coded);
      end('failed', this.tell.line(coded));
    }
  }

  private change(id: string, change: Partial<Job>): void {
    const entry = this.entries.get(id);
    if (!entry) return;
    entry.job = { ...entry.job, ...change };
    this.bus.emit({ kind: 'job', job: entry.job });
  }

  /** Newest first. */
  list(): Job[] {
    return [...this.entries.values()].map(({ job }) => job).reverse();
  }

  find(id: string): Job | undefined {
    return this.entries.get(id)?.job;
  }

  /** Asks a job to stop. @returns the job, undefined when there is none of that name. */
  cancel(id: string): Job | undefined {
    const entry = this.entries.get(id);
    if (entry?.job.state === 'running') entry.controller.abort(new Error('cancelled'));
    return entry?.job;
  }

  /** Stops everything and waits until it has cleaned up behind itself. */
  async close(): Promise<void> {
    this.closed = true;
    for (const { controller } of this.entries.values()) controller.abort(new Error('closing'));
    await Promise.allSettled([...this.entries.values()].map(({ ended }) => ended));
  }
}
