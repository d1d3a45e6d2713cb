/** Progress as the services report it; the command line draws it, a server can send it on. */

/** How far a piece of work is. */
export interface ProgressEvent {
  /** What is being done, such as "indexing". */
  readonly label: string;
  readonly done: number;
  /** Undefined while it is not known. */
  readonly total?: number;
  /** A word on the current state, such as "loss 0.12". */
  readonly detail?: string;
}

export type OnProgress = (event: ProgressEvent) => void;

/** What every long-running service takes. */
export interface WorkOptions {
  readonly onProgress?: OnProgress;
  /** Aborting makes the work throw the signal's reason at the next safe point, with no half-written file. */
  readonly signal?: AbortSignal;
}

/** Work that is done under a lease, which another process may take over. */
export interface OwnedOptions extends WorkOptions {
  /** Asked right before anything takes its place; throws why it must not. */
  readonly owned?: () => Promise<void>;
}

/** Work that has something to say beside its result: one sentence each time. */
export interface NotedOptions extends WorkOptions {
  readonly note?: (text: string) => void;
}

/** Waits for work that goes on by itself, as long as it is wanted here. @throws the signal's reason, and what the work throws. */
export async function whileWanted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  let stop = () => {};
  const unwanted = new Promise<never>((_, reject) => {
    stop = () => reject(signal?.reason);
  });
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  try {
    return await Promise.race([work, unwanted]);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
