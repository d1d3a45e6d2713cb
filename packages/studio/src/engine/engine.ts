/** The server's half of the engine: a worker thread in which pictures are decoded, compared and labelled. */
import { Remote, startThread } from '@adclick/ortgrad';
import { fail } from '../errors.ts';
import type { OnProgress } from '../jobs/progress.ts';
import { log } from '../log.ts';
import { entryUrl } from './entries.ts';
import { type CallName, type Calls, closedEngine, type EngineSettings } from './protocol.ts';

export interface CallOptions {
  readonly onProgress?: OnProgress;
  /** Aborting stops work at its next safe point. */
  readonly signal?: AbortSignal;
}

/** A thread that starts with the first call, and again with the next call after it has died. */
export class Engine {
  private remote: Remote<Calls> | undefined;
  private closed = false;

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
    if (this.closed) throw closedEngine();
    return this.start().call(name, request, { onProgress, signal });
  }

  /** Whether anything is being worked on. */
  get busy(): boolean {
    return this.remote?.busy ?? false;
  }

  /**
   * Stops the thread as soon as it can be: what it has not begun is refused, what it works on ends at its next safe point. It is never
   * ended inside a model, which would take the process with it.
   */
  async close(): Promise<void> {
    this.closed = true;
    await this.remote?.close();
  }

  private start(): Remote<Calls> {
    if (this.remote?.alive) return this.remote;
    const lost = (what: string) => fail('ADC_RUNTIME', { provider: 'the engine', what });
    this.remote = new Remote(startThread(entryUrl('engine-worker'), this.settings), lost, () => {
      log.warn('the engine thread died');
      this.onDeath();
    });
    return this.remote;
  }
}
