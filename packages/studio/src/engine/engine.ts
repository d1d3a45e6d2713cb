/** The server's half of the engine: a worker thread in which pictures are decoded, compared and labelled. */
import type { Worker } from 'node:worker_threads';
import { startWorker } from '@adclick/ortgrad';
import { fail } from '../errors.ts';
import type { OnProgress } from '../jobs/progress.ts';
import {
  type AnyRequest,
  type CallName,
  type Calls,
  closedEngine,
  type EngineSettings,
  type FromEngine,
  type ToEngine,
} from './protocol.ts';
import { fromWire } from './wire-error.ts';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  readonly onProgress?: OnProgress;
}

export interface CallOptions {
  readonly onProgress?: OnProgress;
  /** Aborting stops work at its next safe point. */
  readonly signal?: AbortSignal;
}

function startThread(settings: EngineSettings): Worker {
  const file = import.meta.url.endsWith('.ts') ? '../engine-worker.ts' : './engine-worker.js';
  return startWorker(new URL(file, import.meta.url).href, { engine: settings });
}

/** A thread that starts with the first call, and again with the next call after it has died. */
export class Engine {
  private worker: Worker | undefined;
  private readonly waiting = new Map<number, Waiting>();
  private calls = 0;
  private closing: Promise<void> | undefined;

  constructor(
    private readonly settings: EngineSettings,
    /** Called when the thread has died: what it had open is gone. */
    private readonly onDeath: () => void = () => undefined,
  ) {}

  /** @throws what the work throws; ADC_RUNTIME when the thread died meanwhile. */
  async call<Name extends CallName>(
    name: Name,
    request: Calls[Name]['request'],
    { onProgress, signal }: CallOptions = {},
  ): Promise<Calls[Name]['answer']> {
    signal?.throwIfAborted();
    if (this.closing) throw closedEngine();
    const worker = this.start();
    const call = this.calls++;
    const answer = new Promise<unknown>((resolve, reject) =>
      this.waiting.set(call, { resolve, reject, ...(onProgress ? { onProgress } : {}) }),
    );
    const cancel = () => worker.postMessage({ cancel: call } satisfies ToEngine);
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      worker.postMessage({ call, request: { name, ...request } as AnyRequest } satisfies ToEngine);
      return (await answer) as Calls[Name]['answer'];
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      this.waiting.delete(call);
      signal?.removeEventListener('abort', cancel);
    }
  }

  /** Whether anything is being worked on. */
  get busy(): boolean {
    return this.waiting.size > 0;
  }

  /**
   * Stops the thread as soon as it can be: what it has not begun is refused, what it works on ends at its next safe point. It is never
   * ended inside a model, which would take the process with it.
   */
  async close(): Promise<void> {
    this.closing ??= this.stop();
    await this.closing;
  }

  private async stop(): Promise<void> {
    const { worker } = this;
    if (!worker) return;
    const call = this.calls++;
    await new Promise<void>((resolve) => {
      const done = () => resolve();
      this.waiting.set(call, { resolve: done, reject: done });
      worker.postMessage({ close: call } satisfies ToEngine);
    });
    this.end('it was closed');
    await worker.terminate();
  }

  private start(): Worker {
    if (this.worker) return this.worker;
    const worker = startThread(this.settings);
    this.worker = worker;
    worker.on('message', (message: FromEngine) => {
      const waiting = this.waiting.get(message.call);
      if (!waiting) return;
      if ('progress' in message) waiting.onProgress?.(message.progress);
      else if ('error' in message) waiting.reject(fromWire(message.error));
      else waiting.resolve(message.value);
    });
    worker.on('error', (error) => this.end(error instanceof Error ? error.message : String(error), worker));
    worker.on('exit', (code) => this.end(`it ended with code ${code}`, worker));
    return worker;
  }

  private end(what: string, worker = this.worker): void {
    if (worker !== this.worker) return;
    this.worker = undefined;
    const error = fail('ADC_RUNTIME', { provider: 'the engine', what });
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
    if (!this.closing) this.onDeath();
  }
}
