/** Starting the other side of a {@link Remote}: threads and processes, from TypeScript source and from a bundle alike. */
import { type ForkOptions, fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import type { RemoteWire, ServingWire } from './rpc.ts';

/** What every thread is started with, beside its own data. */
interface ThreadStart {
  /** One element, set to 1 to have everything but the work under way refused. */
  readonly halted: Int32Array<SharedArrayBuffer>;
  readonly data: unknown;
}

/** Characters of what a process wrote to stderr that its death shows. */
const LAST_WORDS = 300;
/** Milliseconds that they may be late, where something that it started holds its stderr. */
const LISTEN_MS = 1_000;

/** Calls the listener with the first reason, now where there is one already. */
class Ending {
  private what: string | undefined;
  private listener: ((what: string) => void) | undefined;

  tell(what: string): void {
    if (this.what !== undefined) return;
    this.what = what;
    this.listener?.(what);
  }

  listen(listener: (what: string) => void): void {
    this.listener = listener;
    if (this.what !== undefined) listener(this.what);
  }
}

/** Where packages of ours lead to their source. */
const SOURCE_CONDITION = '--conditions=@adclick/source';

/** From TypeScript source the loader must be registered in the thread first. */
function openWorker(url: string, start: ThreadStart): Worker {
  if (!url.endsWith('.ts')) return new Worker(new URL(url), { workerData: start, execArgv: [] });
  // The loader's own face, which knows how each version of Node.js wants to be asked.
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const code = `import(${loader}).then(({ register }) => { register(); return import(${JSON.stringify(url)}); });`;
  return new Worker(code, { eval: true, workerData: start, execArgv: [SOURCE_CONDITION] });
}

/**
 * Starts a module as a thread, where {@link parentWire} and {@link threadData} reach back.
 * @param url of the module, `.ts` or `.js`; a module may be both sides and start its own `import.meta.url`.
 * @param data copied to it.
 */
export function startThread(url: URL | string, data?: unknown): RemoteWire {
  const halted = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const worker = openWorker(String(url), { halted, data });
  const ending = new Ending();
  worker.on('error', (error) => ending.tell(`it failed: ${error instanceof Error ? error.message : error}`));
  worker.on('messageerror', (error) => ending.tell(`its answer cannot be read: ${error.message}`));
  worker.on('exit', (code) => ending.tell(`it ended with code ${code}`));
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    onMessage: (listener) => void worker.on('message', listener),
    onEnd: (listener) => ending.listen(listener),
    hold: (alive) => (alive ? worker.ref() : worker.unref()),
    halt: () => void Atomics.store(halted, 0, 1),
    end: async () => void (await worker.terminate()),
  };
}

/**
 * Starts a module as a process, where {@link parentWire} reaches back. What it writes is not shown; its last words on stderr are told
 * with its death.
 * @param url of the module, `.ts` or `.js`. @param env in place of this process's.
 */
export function startProcess(url: URL, { env }: Pick<ForkOptions, 'env'> = {}): RemoteWire {
  const source = url.href.endsWith('.ts');
  const child = fork(url, [], {
    execArgv: source ? [SOURCE_CONDITION, '--import', import.meta.resolve('tsx')] : [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    serialization: 'advanced',
    ...(env === undefined ? {} : { env }),
  });
  const ending = new Ending();
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-LAST_WORDS);
  });
  const spoken = new Promise((resolve) => child.stderr?.once('close', resolve));
  child.on('error', (error) => ending.tell(error.message));
  // Not 'close', which never comes after a disconnect from this side.
  const ended = new Promise<void>((resolve) => {
    child.on('error', () => resolve());
    child.on('exit', async (code, signal) => {
      await Promise.race([spoken, sleep(LISTEN_MS, undefined, { ref: false })]);
      ending.tell(`it ended with ${signal ?? `code ${code}`}${words.trim() ? `: ${words.trim()}` : ''}`);
      resolve();
    });
  });
  return {
    post: (message) => {
      // What cannot be sent any more is answered by its end.
      if (child.connected) child.send(message as object, () => undefined);
    },
    onMessage: (listener) => void child.on('message', listener),
    onEnd: (listener) => ending.listen(listener),
    // A process outlives the one that started it, unless that one waits for it.
    hold: () => undefined,
    halt: () => undefined,
    end: async () => {
      if (child.connected) child.disconnect();
      await ended;
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

/** What {@link startThread} was given; undefined in the main thread and in threads that others started. */
export function threadData(): unknown {
  return started()?.data;
}

const started = (): ThreadStart | undefined => {
  const start = workerData as Partial<ThreadStart> | null | undefined;
  return parentPort && start?.halted instanceof Int32Array ? (start as ThreadStart) : undefined;
};

/** The way back to whoever started this thread or process; without one nothing is ever heard. */
export function parentWire(): ServingWire {
  const start = started();
  if (start && parentPort) {
    const port = parentPort;
    return {
      post: (message, transfer) => port.postMessage(message, transfer),
      onMessage: (listener) => void port.on('message', listener),
      onEnd: () => undefined,
      halted: () => Atomics.load(start.halted, 0) === 1,
    };
  }
  return {
    post: (message) => {
      if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
    },
    onMessage: (listener) => void process.on('message', listener),
    onEnd: (listener) => void process.once('disconnect', listener),
    halted: () => false,
  };
}
