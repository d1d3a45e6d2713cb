/**
 * Typed calls between threads and processes: one side has a {@link Remote}, the other one serves with {@link serveCalls}.
 *
 * The table of calls is a type that both sides import; everything in it is copied, so it holds plain values, typed arrays included.
 *
 * ```ts
 * interface Calls {
 *   count: { request: { path: string }; answer: number; progress: { done: number } };
 * }
 *
 * // one side: starts the other (start.ts), calls, and ends it
 * const remote = new Remote<Calls>(startThread(new URL('./counting.js', import.meta.url)), (what) => fail('ADC_RUNTIME', { provider: 'counting', what }));
 * const lines = await remote.call('count', { path }, { signal, onProgress });
 * await remote.close();
 *
 * // other side, the file that is started
 * serveCalls<Calls>(parentWire(), {
 *   count: async ({ path }, { signal, progress }) => …,
 * });
 * ```
 *
 * What a call throws arrives with its code. Aborting a call's signal aborts that of its handler, and the call throws the signal's reason
 * once the handler has ended. When the other side dies, everything that waits is rejected.
 */
import { CodedError, type ErrorDetails, type Passing } from './errors.ts';

/** What one call takes and gives. */
export interface CallShape {
  readonly request: unknown;
  readonly answer: unknown;
  /** Said any number of times before the answer. */
  readonly progress?: unknown;
}

/** A table of calls by name. */
export type CallTable<Table> = { readonly [Name in keyof Table]: CallShape };

type ProgressOf<Shape> = Shape extends { readonly progress: infer Progress } ? Progress : never;

/** How the calling side reaches the other one; {@link startThread} and {@link startProcess} give one. */
export interface RemoteWire {
  post(message: unknown, transfer: readonly ArrayBuffer[]): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Tells once why the other side is gone. */
  onEnd(listener: (what: string) => void): void;
  /** Whether the other side keeps this process alive. */
  hold(alive: boolean): void;
  /** Says, where the other side's loop may be blocked, that nothing is to be begun any more. */
  halt(): void;
  /** Ends the other side, which works on nothing, and waits until it has. */
  end(): Promise<void>;
  /** Ends the other side whatever it works on; undefined where that would take this process with it. */
  readonly kill?: () => void;
}

/** How the serving side reaches the one that started it; {@link parentWire} gives it. */
export interface ServingWire {
  post(message: unknown, transfer: readonly ArrayBuffer[]): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Tells once that nobody listens any more. */
  onEnd(listener: () => void): void;
  /** Whether nothing is to be begun any more, in the words of {@link RemoteWire.halt}. */
  halted(): boolean;
}

// ---------------------------------------------------------------------------------------------- errors on the wire

/** A coded error, or another one of which only message and stack are known. */
interface WireError {
  readonly message: string;
  readonly stack?: string;
  readonly coded?: {
    readonly code: string;
    readonly next: string;
    readonly exit: 1 | 2;
    readonly status: number;
    readonly passing: Passing | undefined;
    readonly details: ErrorDetails;
  };
}

function toWire(error: unknown): WireError {
  if (!(error instanceof Error)) return { message: String(error) };
  const { message, stack } = error;
  if (!(error instanceof CodedError)) return { message, stack };
  const { code, next, exit, status, passing, details } = error;
  return { message, stack, coded: { code, next, exit, status, passing, details } };
}

/** The same error on this side; the other side's stack is that of its cause, or its own where it has no code. */
function fromWire({ message, stack, coded }: WireError): Error {
  const cause = new Error(message);
  if (stack) cause.stack = stack;
  if (!coded) return cause;
  const { code, next, exit, status, passing, details } = coded;
  return new CodedError(code, message, next, exit, status, details, { cause, passing });
}

// ---------------------------------------------------------------------------------------------- messages

type ToServing =
  | { readonly rpc: 'call'; readonly id: number; readonly name: string; readonly request: unknown }
  | { readonly rpc: 'cancel'; readonly id: number }
  | { readonly rpc: 'close'; readonly id: number };

type ToCalling =
  | { readonly rpc: 'value'; readonly id: number; readonly value: unknown }
  | { readonly rpc: 'error'; readonly id: number; readonly error: WireError }
  | { readonly rpc: 'progress'; readonly id: number; readonly progress: unknown };

/** A process may be sent other messages too, such as a process manager's. */
const isOurs = <Message extends { readonly rpc: string }>(message: unknown): message is Message =>
  typeof message === 'object' && message !== null && 'rpc' in message;

/** What work meets that comes too late. */
const CLOSED = 'it was closed';

// ---------------------------------------------------------------------------------------------- the calling side

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  onProgress?(progress: unknown): void;
}

export interface CallOptions<Progress = never> {
  readonly onProgress?: (progress: Progress) => void;
  /** Aborting stops the work at its next safe point. */
  readonly signal?: AbortSignal;
  /** Memory of the request that is handed over in place of being copied; a process copies it all the same. */
  readonly transfer?: readonly ArrayBuffer[];
}

export interface CloseOptions {
  /** Let calls that were made before be answered first; else what has not begun is refused, and what runs is aborted. */
  readonly finish?: boolean;
  /** Milliseconds after which a process is killed that has found no safe point; a thread is always waited for. */
  readonly patience?: number;
}

/** The other side of a wire. It lets this process end while no call waits. */
export class Remote<Table extends CallTable<Table>> {
  private readonly waiting = new Map<number, Waiting>();
  private ids = 0;
  /** Why it takes no more calls. */
  private ended: string | undefined;
  /** Whether nobody is there to answer. */
  private dead = false;
  private closing: Promise<void> | undefined;

  /**
   * @param lost makes the error of calls that the other side can no longer answer, from the reason.
   * @param onEnd called once when it died without having been closed.
   */
  constructor(
    private readonly wire: RemoteWire,
    private readonly lost: (what: string) => Error,
    onEnd: () => void = () => undefined,
  ) {
    wire.onMessage((message) => {
      if (isOurs<ToCalling>(message)) this.hear(message);
    });
    wire.onEnd((what) => {
      const unasked = this.ended === undefined;
      this.ended ??= what;
      this.dead = true;
      for (const id of [...this.waiting.keys()]) this.settle(id)?.reject(this.lost(what));
      if (unasked) onEnd();
    });
    wire.hold(false);
  }

  /** Whether it takes calls: not once it is being closed or has died. */
  get alive(): boolean {
    return this.ended === undefined;
  }

  /** Whether any call waits for its answer. */
  get busy(): boolean {
    return this.waiting.size > 0;
  }

  /** @throws what the handler throws, the signal's reason when it was aborted, and what `lost` makes when there is no other side (any more). */
  async call<Name extends keyof Table & string>(
    name: Name,
    request: Table[Name]['request'],
    options: CallOptions<ProgressOf<Table[Name]>> = {},
  ): Promise<Table[Name]['answer']> {
    const { signal, onProgress, transfer = [] } = options;
    signal?.throwIfAborted();
    if (this.ended !== undefined) throw this.lost(this.ended);
    const id = this.ids++;
    const cancel = () => this.post({ rpc: 'cancel', id });
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      return await this.ask({ rpc: 'call', id, name, request }, transfer, onProgress);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  /**
   * Ends the other side as soon as it can be: never inside a call, which in a thread would take the process along. Calls are refused from
   * now on. Never throws.
   */
  async close({ finish = false, patience }: CloseOptions = {}): Promise<void> {
    this.ended ??= CLOSED;
    // Also when it is being closed already, but patiently.
    if (!finish) this.wire.halt();
    const { kill } = this.wire;
    const timer = kill && patience !== undefined ? setTimeout(kill, patience) : undefined;
    this.closing ??= this.finish(finish);
    await this.closing;
    clearTimeout(timer);
  }

  private async finish(patient: boolean): Promise<void> {
    if (patient) await this.idle();
    // One that dies meanwhile has ended as well.
    if (!this.dead) await this.ask({ rpc: 'close', id: this.ids++ }, []).catch(() => undefined);
    await this.wire.end();
  }

  /** Waits until no call waits. */
  private async idle(): Promise<void> {
    while (this.waiting.size > 0) await new Promise<void>((resolve) => (this.wake = resolve));
  }

  private wake = () => {};

  private post(message: ToServing, transfer: readonly ArrayBuffer[] = []): void {
    this.wire.post(message, transfer);
  }

  private ask(
    message: ToServing,
    transfer: readonly ArrayBuffer[],
    onProgress?: (progress: never) => void,
  ): Promise<unknown> {
    const { id } = message;
    return new Promise((resolve, reject) => {
      this.wire.hold(true);
      this.waiting.set(id, { resolve, reject, onProgress: onProgress as Waiting['onProgress'] });
      try {
        this.post(message, transfer);
      } catch (error) {
        // It cannot be copied.
        this.settle(id);
        reject(error);
      }
    });
  }

  private hear(message: ToCalling): void {
    if (message.rpc === 'progress') this.waiting.get(message.id)?.onProgress?.(message.progress);
    else if (message.rpc === 'error') this.settle(message.id)?.reject(fromWire(message.error));
    else this.settle(message.id)?.resolve(message.value);
  }

  private settle(id: number): Waiting | undefined {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (waiting && this.waiting.size === 0) {
      this.wire.hold(false);
      this.wake();
    }
    return waiting;
  }
}

// ---------------------------------------------------------------------------------------------- the serving side

/** What a handler is given beside the request. */
export interface Serving<Progress = never> {
  /** Aborted when nobody wants the answer any more. */
  readonly signal: AbortSignal;
  /** Memory of the answer that is handed over in place of being copied: push it here. */
  readonly transfer: ArrayBuffer[];
  progress(progress: Progress): void;
}

/** A function for each call of a table. */
export type Handlers<Table extends CallTable<Table>> = {
  readonly [Name in keyof Table]: (
    request: Table[Name]['request'],
    serving: Serving<ProgressOf<Table[Name]>>,
  ) => Table[Name]['answer'] | Promise<Table[Name]['answer']>;
};

/** One call with its name, for those who decide when it runs. */
export type CallOf<Table extends CallTable<Table>> = {
  [Name in keyof Table]: { readonly name: Name; readonly request: Table[Name]['request'] };
}[keyof Table];

export interface ServeOptions<Table extends CallTable<Table>> {
  /** Runs a call now or later; default: at once. */
  readonly schedule?: (call: CallOf<Table>, run: () => Promise<void>) => void;
  /** What calls meet that come too late. */
  readonly closed?: () => Error;
  /** Called when everything is to end, after what runs was aborted: helps it to its end. */
  readonly onClose?: () => void | Promise<void>;
}

/** Answers calls until it is asked to close, or nobody listens any more. */
export function serveCalls<Table extends CallTable<Table>>(
  wire: ServingWire,
  handlers: Handlers<Table>,
  options: ServeOptions<Table> = {},
): void {
  const { schedule = (_call, run) => void run(), closed = () => new Error(CLOSED), onClose } = options;
  const running = new Map<number, AbortController>();
  /** Called whenever nothing is worked on. */
  let idle = () => {};
  const post = (message: ToCalling, transfer: readonly ArrayBuffer[] = []) => wire.post(message, transfer);

  const answer = async (id: number, { name, request }: CallOf<Table>, signal: AbortSignal): Promise<void> => {
    const transfer: ArrayBuffer[] = [];
    try {
      signal.throwIfAborted();
      if (wire.halted()) throw closed();
      const progress = (said: unknown) => post({ rpc: 'progress', id, progress: said });
      const value: unknown = await handlers[name](request, { signal, transfer, progress });
      post({ rpc: 'value', id, value }, transfer);
    } catch (error) {
      post({ rpc: 'error', id, error: toWire(error) });
    } finally {
      running.delete(id);
      if (running.size === 0) idle();
    }
  };

  /** Aborts everything and waits until it has ended. */
  const close = async (): Promise<void> => {
    const ended = new Promise<void>((resolve) => {
      idle = resolve;
    });
    if (running.size === 0) idle();
    for (const controller of running.values()) controller.abort(closed());
    await onClose?.();
    await ended;
  };

  wire.onEnd(() => void close());
  wire.onMessage((message) => {
    if (!isOurs<ToServing>(message)) return;
    const { id } = message;
    if (message.rpc === 'cancel') {
      running.get(id)?.abort();
      return;
    }
    if (message.rpc === 'close') {
      close().then(
        () => post({ rpc: 'value', id, value: undefined }),
        (error: unknown) => post({ rpc: 'error', id, error: toWire(error) }),
      );
      return;
    }
    const controller = new AbortController();
    running.set(id, controller);
    const call = { name: message.name, request: message.request } as CallOf<Table>;
    schedule(call, () => answer(id, call, controller.signal));
  });
}
