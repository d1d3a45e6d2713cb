/** Reading files of others in a thread of its own, which is ended at once when nobody wants it any more or when it takes too long. */
import { Remote, type RemoteWire, startThread } from '@adclick/ortgrad';
import { entryUrl } from '../engine/entries.ts';
import { fail } from '../errors.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { READING_LIMITS, type ReadingLimits, timeOfFile } from './budget.ts';
import type { Picture } from './label-store.ts';
import type { ReadingCalls, ReadingStart } from './reading-calls.ts';
import type { LabelReader, Survey, SurveyRequest } from './survey.ts';
import type { LabelledImage } from './types.ts';

/** Files that are read in a thread. It runs no model, so that it may be ended wherever it is. */
export class ThreadReader implements LabelReader {
  private readonly wire: RemoteWire;
  private readonly remote: Remote<ReadingCalls>;
  /** Why the thread was ended. */
  private reason: Error | undefined;

  /** Starts the thread; {@link close} ends it. @param path folder, file or archive. */
  constructor(
    readonly path: string,
    private readonly limits: ReadingLimits = READING_LIMITS,
  ) {
    const start: ReadingStart = { path, limits };
    this.wire = startThread(entryUrl('reading-thread'), start);
    this.remote = new Remote(this.wire, (what) => this.reason ?? this.lost(what));
  }

  private lost(what: string): Error {
    if (/memory/i.test(what)) return fail('ADC_EXCHANGE_BUDGET', { path: this.path, budget: 'its memory' });
    return fail('ADC_RUNTIME', { provider: 'the reader', what });
  }

  async survey(
    pictures: readonly Picture[],
    how: SurveyRequest,
    { onProgress, signal }: WorkOptions = {},
  ): Promise<Survey> {
    return this.watched(signal, (alive) =>
      this.remote.call(
        'survey',
        { pictures, how },
        {
          onProgress: (progress) => {
            alive();
            onProgress?.(progress);
          },
        },
      ),
    );
  }

  async *matched({ signal }: WorkOptions = {}): AsyncIterable<LabelledImage> {
    let last = false;
    while (!last) {
      // Each answer is a sign of life, so that a look of hours is not taken for one that hangs.
      const { images, done } = await this.watched(signal, () => this.remote.call('next', null));
      yield* images;
      last = done;
    }
  }

  /** Waits for the thread as long as it is allowed to take. @param work is given what to call when it shows signs of life. */
  private async watched<T>(signal: AbortSignal | undefined, work: (alive: () => void) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    const { fileSeconds, graceSeconds } = this.limits;
    const late = () => this.end(fail('ADC_EXCHANGE_BUDGET', { path: this.path, budget: timeOfFile(fileSeconds) }));
    const timer = setTimeout(late, (fileSeconds + graceSeconds) * 1000);
    const cancel = () => this.end(signal?.reason);
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      return await work(() => timer.refresh());
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
    }
  }

  private end(reason: Error): void {
    this.reason ??= reason;
    void this.wire.end();
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    await this.wire.end();
  }
}
