/** Long work that people watch and may stop: indexing, preparing, import, export, training. */
import { randomUUID } from 'node:crypto';
import type { Job } from '../api.ts';
import { errorLine, toCoded } from '../errors.ts';
import type { WorkOptions } from '../progress.ts';
import type { Bus } from './bus.ts';

/** Ended jobs that are still shown. */
const KEPT = 50;
/** Least milliseconds between two reports of progress. */
const REPORT_MS = 200;

interface Entry {
  job: Job;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

/** Does the work. @returns a sentence on what came of it. */
export type JobWork = (options: Required<WorkOptions>) => Promise<string>;

export class Jobs {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly bus: Bus) {}

  /** Starts work at once. */
  start(kind: Job['kind'], label: string, work: JobWork): Job {
    const id = randomUUID();
    const controller = new AbortController();
    const job: Job = { id, kind, label, state: 'running', done: 0, total: null, detail: null, result: null };
    const ended = Promise.resolve().then(() => this.run(id, controller, work));
    this.entries.set(id, { job, controller, ended });
    this.bus.emit({ kind: 'job', job });
    const old = [...this.entries.values()].filter((entry) => entry.job.state !== 'running');
    for (const entry of old.slice(0, Math.max(0, old.length - KEPT))) this.entries.delete(entry.job.id);
    return job;
  }

  private async run(id: string, controller: AbortController, work: JobWork): Promise<void> {
    let reported = 0;
    const { signal } = controller;
    const onProgress: Required<WorkOptions>['onProgress'] = ({ done, total, detail }) => {
      const now = Date.now();
      const last = total !== undefined && done >= total;
      if (now - reported < REPORT_MS && !last) return;
      reported = now;
      this.change(id, { done, total: total ?? null, detail: detail ?? null });
    };
    const end = (state: Job['state'], result: string) => this.change(id, { state, detail: null, result });
    try {
      const result = await work({ signal, onProgress });
      end(signal.aborted ? 'cancelled' : 'done', result);
    } catch (error) {
      if (signal.aborted) end('cancelled', 'Stopped; nothing half-written was left.');
      else end('failed', errorLine(toCoded(error)));
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
    for (const { controller } of this.entries.values()) controller.abort(new Error('closing'));
    await Promise.allSettled([...this.entries.values()].map(({ ended }) => ended));
  }
}
