/**
 * Running models: onnxruntime lives in one worker thread, so that a run never blocks the event loop, and tensors can stay there between runs.
 *
 * This file is both halves. Imported normally it offers {@link Runtime}; started as a worker it serves one.
 * The test is on `workerData`, not on a file name, so it also holds when the file is part of a bundle.
 */
import { availableParallelism } from 'node:os';
import {
  isMainThread,
  MessageChannel,
  type MessagePort,
  parentPort,
  type Worker,
  workerData,
} from 'node:worker_threads';
import type { InferenceSession, Tensor as OrtTensor, TypedTensor } from 'onnxruntime-node';
import { fail } from './errors.ts';
import { Graph } from './graph.ts';
import { telemetryOff } from './telemetry.ts';
import { type DType, elementCount, type Tensor, type TensorData } from './tensor.ts';
import { startWorker } from './worker.ts';

/** Where graphs run. 'wasm' needs the package `onnxruntime-web` beside this one; the others come with onnxruntime-node. */
export type Provider = 'cpu' | 'webgpu' | 'cuda' | 'directml' | 'coreml' | 'wasm';

/** Settings of a {@link Runtime}. */
export interface RuntimeOptions {
  /** Threads of one operator; default: all the process may use. */
  readonly threads?: number;
  /** Default 'cpu'. */
  readonly provider?: Provider;
  /** Reserve one block for all activations; default false, which halves peak memory at equal speed. */
  readonly memoryPattern?: boolean;
  /** Write a Chrome trace of every session to files beginning with this path; for measurements. */
  readonly profile?: string;
}

/** Settings of {@link Runtime.load}. */
export interface LoadOptions {
  /** Outputs that runs will keep: on a GPU they then never leave it. */
  readonly keep?: readonly string[];
  /** Threads of one operator of this model; default: the runtime's. */
  readonly threads?: number;
  /** Its threads sleep as soon as a run ends, and take nothing from models that run next; default false. */
  readonly yields?: boolean;
}

/** Settings of {@link Session.run}. */
export interface RunOptions {
  /** Outputs that stay in the worker and come back as {@link Held}. */
  readonly keep?: readonly string[];
  /**
   * Outputs that replace the content of held tensors. On the CPU they are written into the tensors' memory, so a training loop
   * allocates nothing; a tensor may be fed to the same run when the output depends on everything that reads it.
   */
  readonly into?: Readonly<Record<string, Held>>;
  /** Outputs to compute and send back; default: all that are not kept. */
  readonly fetch?: readonly string[];
  /** Hand the feeds' memory to the worker instead of copying it: the arrays are empty afterwards. */
  readonly transfer?: boolean;
}

/** A tensor that lives in the worker (or on its device). */
export interface Held {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** A copy of its elements. */
  read(): Promise<Tensor>;
  /** Frees it; reading or feeding it afterwards is an error. */
  release(): Promise<void>;
}

interface HeldReference {
  readonly held: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

type Wire = Tensor | HeldReference;

type Request =
  | (LoadOptions & { readonly kind: 'load'; readonly model: Uint8Array })
  | {
      readonly kind: 'run';
      readonly session: number;
      readonly feeds: Record<string, Wire>;
      readonly keep: readonly string[];
      readonly into: Record<string, number>;
      readonly fetch: readonly string[] | undefined;
    }
  | { readonly kind: 'release'; readonly session: number }
  | { readonly kind: 'hold'; readonly value: Tensor }
  | { readonly kind: 'read'; readonly held: number }
  | { readonly kind: 'drop'; readonly held: number }
  | { readonly kind: 'close' };

type Reply =
  | { readonly call: number; readonly value: unknown }
  | { readonly call: number; readonly error: string; readonly stack?: string };

interface WorkerSettings {
  readonly provider: Provider;
  readonly threads: number;
  readonly memoryPattern: boolean;
  readonly profile?: string;
  /** One element, set to 1 by the caller to have everything but the run under way refused. */
  readonly stopped: Int32Array<SharedArrayBuffer>;
}

const isReference = (value: Wire): value is HeldReference => 'held' in value;

/** Buffers that a message may take along; arrays that see only part of their buffer are copied first. */
function packed(value: Tensor, mayTake: boolean): Tensor {
  const { data, shape, dtype } = value;
  const whole = data.byteLength === data.buffer.byteLength && data.buffer instanceof ArrayBuffer;
  return { data: whole && mayTake ? data : data.slice(), shape: [...shape], dtype };
}

// ---------------------------------------------------------------------------------------------- the caller's half

/** One worker thread that owns onnxruntime, its sessions and the tensors held between runs. */
export class Runtime {
  private readonly waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>();
  private calls = 0;
  private ended: string | undefined;
  private closing: Promise<void> | undefined;
  /** A handle that was forgotten frees its tensor too, once it is collected. */
  private readonly forgotten = new FinalizationRegistry<number>((held) => {
    if (this.ended === undefined) this.call({ kind: 'drop', held }).catch(() => undefined);
  });

  private constructor(
    private readonly worker: Worker,
    /** Where this runtime's graphs run. */
    readonly provider: Provider,
    /** Threads of one operator. */
    readonly threads: number,
    private readonly stopped: Int32Array<SharedArrayBuffer>,
  ) {
    worker.on('message', (reply: Reply) => {
      const call = this.waiting.get(reply.call);
      if (!call) return;
      this.settle(reply.call);
      if ('error' in reply) call.reject(fail('ADC_RUNTIME', { provider, what: reply.error }, new Error(reply.stack)));
      else call.resolve(reply.value);
    });
    worker.on('error', (error) => this.lose(`its worker failed: ${error instanceof Error ? error.message : error}`));
    worker.on('exit', (code) => this.lose(`its worker ended with code ${code}`));
    worker.unref();
  }

  /**
   * Starts the worker and loads onnxruntime in it.
   * @throws ADC_RUNTIME when onnxruntime cannot be loaded, ADC_TELEMETRY when it would send telemetry.
   */
  static async start(options: RuntimeOptions = {}): Promise<Runtime> {
    await telemetryOff;
    const provider = options.provider ?? 'cpu';
    const settings: WorkerSettings = {
      provider,
      threads: options.threads ?? availableParallelism(),
      memoryPattern: options.memoryPattern ?? false,
      profile: options.profile,
      stopped: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)),
    };
    const worker = startWorker(import.meta.url, { ortgrad: settings });
    const runtime = new Runtime(worker, provider, settings.threads, settings.stopped);
    // Call 0 is answered by the worker itself once onnxruntime is loaded.
    await runtime.expect(runtime.calls++);
    return runtime;
  }

  /**
   * Loads a model.
   * @param model bytes of an ONNX file; they are copied, the caller keeps them.
   * @throws ADC_RUNTIME when onnxruntime refuses it.
   */
  async load(model: Uint8Array, options: LoadOptions = {}): Promise<Session> {
    // Not slice: that of a Buffer, which readFile gives, is a view, and the caller's bytes would go with it.
    const copy = new Uint8Array(model);
    const answer = await this.call({ ...options, kind: 'load', model: copy }, [copy.buffer]);
    const { id, inputs, outputs } = answer as { id: number; inputs: string[]; outputs: string[] };
    return new Session(this, id, inputs, outputs);
  }

  /** Copies a tensor into the worker, to be fed to several runs. */
  async hold(value: Tensor): Promise<Held> {
    const copy = packed(value, false);
    const reference = await this.call({ kind: 'hold', value: copy }, [copy.data.buffer as ArrayBuffer]);
    return this.adopt(reference as HeldReference);
  }

  /** Whether its worker still works: not once it is being closed or has failed. */
  get alive(): boolean {
    return this.ended === undefined;
  }

  /** Releases everything and stops the worker; calls that were made before are finished first, later ones refused. */
  async close(): Promise<void> {
    if (this.ended === undefined) this.closing = this.end('it was closed');
    await this.closing;
  }

  /**
   * As {@link close}, but of the calls that were made before only the one that runs is finished. That one has to be: a thread that is
   * ended inside onnxruntime takes the process with it.
   */
  async stop(): Promise<void> {
    Atomics.store(this.stopped, 0, 1);
    await this.close();
  }

  private async end(what: string): Promise<void> {
    const released = this.send({ kind: 'close' });
    this.ended = what;
    // A worker that fails meanwhile has nothing to release.
    await released.catch(() => undefined);
    await this.worker.terminate();
  }

  /** @internal Sends one request and waits for its answer. */
  async call(request: Request, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    if (this.ended !== undefined) throw fail('ADC_RUNTIME', { provider: this.provider, what: this.ended });
    return this.send(request, transfer);
  }

  private async send(request: Request, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    const call = this.calls++;
    const answer = this.expect(call);
    try {
      this.worker.postMessage({ call, request }, transfer);
    } catch (error) {
      this.settle(call);
      throw error;
    }
    return answer;
  }

  /** @internal A handle for a tensor of the worker. */
  adopt(reference: HeldReference): Held {
    const { held, shape, dtype } = reference;
    const handle: Held = {
      id: held,
      shape,
      dtype,
      read: async () => (await this.call({ kind: 'read', held })) as Tensor,
      release: async () => {
        this.forgotten.unregister(handle);
        await this.call({ kind: 'drop', held });
      },
    };
    this.forgotten.register(handle, held, handle);
    return handle;
  }

  private expect(call: number): Promise<unknown> {
    this.worker.ref();
    return new Promise((resolve, reject) => this.waiting.set(call, { resolve, reject }));
  }

  /** An idle worker does not keep the process alive: a script that forgets `close` still ends. */
  private settle(call: number): void {
    this.waiting.delete(call);
    if (this.waiting.size === 0) this.worker.unref();
  }

  private lose(what: string): void {
    this.ended ??= what;
    for (const { reject } of this.waiting.values()) reject(fail('ADC_RUNTIME', { provider: this.provider, what }));
    this.waiting.clear();
  }
}

/** A loaded model. */
export class Session {
  /** @internal Use {@link Runtime.load}. */
  constructor(
    private readonly runtime: Runtime,
    private readonly id: number,
    readonly inputs: readonly string[],
    readonly outputs: readonly string[],
  ) {}

  /**
   * Runs the model once. Runs of one {@link Runtime} happen one after another, in the order of the calls.
   * @returns the outputs: {@link Tensor}s, and {@link Held} ones for the names in `keep`.
   * @throws ADC_RUNTIME when an input is missing or wrong, or the worker has ended.
   */
  async run<Kept extends string = never>(
    feeds: Readonly<Record<string, Tensor | Held>>,
    options: RunOptions & { readonly keep?: readonly Kept[] } = {},
  ): Promise<Record<string, Tensor> & Record<Kept, Held>> {
    const transfer = new Set<ArrayBuffer>();
    const sent: Record<string, Wire> = {};
    for (const [name, value] of Object.entries(feeds)) {
      if ('read' in value) {
        sent[name] = { held: value.id, shape: value.shape, dtype: value.dtype };
      } else {
        const part = packed(value, options.transfer ?? false);
        transfer.add(part.data.buffer as ArrayBuffer);
        sent[name] = part;
      }
    }
    const into = Object.fromEntries(Object.entries(options.into ?? {}).map(([name, held]) => [name, held.id]));
    const answer = (await this.runtime.call(
      { kind: 'run', session: this.id, feeds: sent, keep: options.keep ?? [], into, fetch: options.fetch },
      [...transfer],
    )) as Record<string, Wire>;
    const results: Record<string, Tensor | Held> = {};
    for (const [name, value] of Object.entries(answer)) {
      results[name] = isReference(value) ? this.runtime.adopt(value) : value;
    }
    return results as Record<string, Tensor> & Record<Kept, Held>;
  }

  /** Frees the session. */
  async release(): Promise<void> {
    await this.runtime.call({ kind: 'release', session: this.id });
  }
}

// ---------------------------------------------------------------------------------------------- the worker's half

type Ort = Pick<typeof import('onnxruntime-node'), 'InferenceSession' | 'Tensor'>;

const EXECUTION_PROVIDER: Readonly<Record<Provider, string>> = {
  cpu: 'cpu',
  webgpu: 'webgpu',
  cuda: 'cuda',
  directml: 'dml',
  coreml: 'coreml',
  wasm: 'wasm',
};

async function loadOrt(settings: WorkerSettings): Promise<Ort> {
  // Where the engine has it (Node 24 and later), onnxruntime-common makes a Float16Array of our bits, both ways, and the native binding
  // takes none (1.30). It goes by the global of this thread, which is ours alone; without it float16 is a Uint16Array everywhere.
  Reflect.deleteProperty(globalThis, 'Float16Array');
  if (settings.provider !== 'wasm') return import('onnxruntime-node');
  // The name is computed so that bundlers and type checkers do not require the optional package.
  const name = 'onnxruntime-web';
  const web = (await import(name)) as Ort & { env: { wasm: { numThreads?: number } } };
  web.env.wasm.numThreads = 1;
  return web;
}

/** Serves one {@link Runtime}: sessions and held tensors by number. */
class Server {
  private readonly sessions = new Map<number, InferenceSession>();
  private readonly held = new Map<number, OrtTensor>();
  private readonly readers = new Map<string, InferenceSession>();
  /** A port that is closed: whatever is sent through it is given up. */
  private readonly nowhere = new MessageChannel().port1;
  private numbers = 0;

  constructor(
    private readonly ort: Ort,
    private readonly settings: WorkerSettings,
  ) {
    this.nowhere.close();
  }

  /** Answers one request; the second part of the answer lists buffers that go along. */
  async answer(request: Request): Promise<[value: unknown, transfer: ArrayBuffer[]]> {
    switch (request.kind) {
      case 'load': {
        const session = await this.open(request.model, request);
        const id = this.numbers++;
        this.sessions.set(id, session);
        return [{ id, inputs: [...session.inputNames], outputs: [...session.outputNames] }, []];
      }
      case 'run':
        return this.run(request);
      case 'hold':
        return [this.keep(this.toOrt(request.value)), []];
      case 'read': {
        const value = await this.download(this.find(request.held));
        const copy = { ...value, data: value.data.slice() };
        return [copy, [copy.data.buffer]];
      }
      case 'drop':
        this.find(request.held).dispose();
        this.held.delete(request.held);
        return [undefined, []];
      case 'release':
        await this.sessions.get(request.session)?.release();
        this.sessions.delete(request.session);
        return [undefined, []];
      case 'close':
        for (const value of this.held.values()) value.dispose();
        this.held.clear();
        for (const session of [...this.sessions.values(), ...this.readers.values()]) await session.release();
        return [undefined, []];
    }
  }

  private open(model: Uint8Array, loading: LoadOptions): Promise<InferenceSession> {
    const { keep = [], threads = this.settings.threads, yields = false } = loading;
    const { provider, memoryPattern, profile } = this.settings;
    const options: InferenceSession.SessionOptions = {
      executionProviders: [EXECUTION_PROVIDER[provider]],
      // Some of the higher optimisations replace operators by ones that WebGPU lacks.
      graphOptimizationLevel: provider === 'webgpu' ? 'basic' : 'all',
      enableMemPattern: memoryPattern,
      intraOpNumThreads: threads,
      logSeverityLevel: 3,
      // Masked attention leaves denormal numbers behind, with which products are many times slower.
      extra: { session: { set_denormal_as_zero: '1', ...(yields && { force_spinning_stop: '1' }) } },
    };
    if (profile) Object.assign(options, { enableProfiling: true, profileFilePrefix: profile });
    if (provider === 'webgpu' && keep.length > 0) {
      options.preferredOutputLocation = Object.fromEntries(keep.map((name) => [name, 'gpu-buffer' as const]));
    }
    return this.ort.InferenceSession.create(model, options);
  }

  private async run(request: Request & { kind: 'run' }): Promise<[unknown, ArrayBuffer[]]> {
    const session = this.sessions.get(request.session);
    if (!session) throw new Error('the session was released');
    const feeds: Record<string, OrtTensor> = {};
    for (const [name, value] of Object.entries(request.feeds)) {
      if (!session.inputNames.includes(name)) {
        throw new Error(`the model has no input ${name}, it has ${session.inputNames.join(', ')}`);
      }
      feeds[name] = isReference(value) ? this.find(value.held) : this.toOrt(value);
    }
    const names = request.fetch
      ? [...new Set([...request.fetch, ...request.keep, ...Object.keys(request.into)])]
      : session.outputNames;
    // A name with a tensor is written in place, a name with null is allocated by onnxruntime.
    const places: Record<string, OrtTensor | null> = {};
    for (const name of names) {
      const target = request.into[name] === undefined ? undefined : this.find(request.into[name]);
      places[name] = target && this.settings.provider === 'cpu' ? target : null;
    }
    const results = await session.run(feeds, places);
    const answer: Record<string, Wire> = {};
    const transfer = new Set<ArrayBuffer>();
    for (const [name, value] of Object.entries(results)) {
      const target = request.into[name];
      if (target !== undefined) {
        const place = places[name];
        if (!place) {
          this.find(target).dispose();
          this.held.set(target, value);
          continue;
        }
        // onnxruntime-node answers with a copy also where it has written in place (1.30).
        const copied = value.data !== place.data;
        if (!copied || !request.fetch?.includes(name)) {
          if (copied) this.discard(value);
          continue;
        }
      }
      if (request.keep.includes(name)) {
        answer[name] = this.keep(value);
      } else {
        const { data, shape, dtype } = await this.download(value);
        const whole = data.byteLength === data.buffer.byteLength && data.buffer instanceof ArrayBuffer;
        const own = whole ? data : data.slice();
        transfer.add(own.buffer as ArrayBuffer);
        answer[name] = { data: own, shape, dtype };
      }
    }
    return [answer, [...transfer]];
  }

  /**
   * Gives the memory of a result back now, not at some garbage collection. onnxruntime-node copies every output into a new tensor, also
   * one that it has written where it was told to; without this a training step would leave five vectors of all parameters behind.
   */
  private discard({ data }: OrtTensor): void {
    this.nowhere.postMessage(null, [(data as Float32Array).buffer as ArrayBuffer]);
  }

  private keep(value: OrtTensor): HeldReference {
    const held = this.numbers++;
    this.held.set(held, value);
    return { held, shape: [...value.dims], dtype: value.type as DType };
  }

  private find(id: number): OrtTensor {
    const value = this.held.get(id);
    if (!value) throw new Error('a held tensor was used after its release');
    return value;
  }

  private toOrt(value: Tensor): OrtTensor {
    return new this.ort.Tensor(value.dtype, value.data as Float32Array, value.shape) as TypedTensor<'float32'>;
  }

  private async download(value: OrtTensor): Promise<Tensor> {
    const shape = [...value.dims];
    const dtype = value.type as DType;
    if (value.location === 'cpu') return { data: value.data as TensorData, shape, dtype };
    // Asking a GPU tensor for its data aborts the process (onnxruntime-node 1.30), so it goes through a model that copies it.
    const flat = [elementCount(shape)];
    const key = `${dtype}${shape}`;
    let reader = this.readers.get(key);
    if (!reader) {
      const graph = new Graph('read');
      const source = graph.input('source', shape, dtype);
      const same = graph.node('Reshape', [source, graph.int64(flat)], [{ shape: flat, dtype }])[0];
      graph.output('copy', graph.node('Mul', [same, graph.scalar(1)], [{ shape: flat, dtype }])[0]);
      reader = await this.open(graph.toModel(), {});
      this.readers.set(key, reader);
    }
    const { copy } = await reader.run({ source: value });
    return { data: copy.data as TensorData, shape, dtype };
  }
}

async function serve(port: MessagePort, settings: WorkerSettings): Promise<void> {
  const report = (call: number, error: unknown) => {
    const reply: Reply =
      error instanceof Error ? { call, error: error.message, stack: error.stack } : { call, error: String(error) };
    port.postMessage(reply);
  };
  let server: Server;
  try {
    server = new Server(await loadOrt(settings), settings);
  } catch (error) {
    report(0, error);
    return;
  }
  let last: Promise<void> = Promise.resolve();
  port.on('message', ({ call, request }: { call: number; request: Request }) => {
    last = last.then(async () => {
      try {
        if (request.kind !== 'close' && Atomics.load(settings.stopped, 0) === 1) throw new Error('it was closed');
        const [value, transfer] = await server.answer(request);
        port.postMessage({ call, value }, transfer);
      } catch (error) {
        report(call, error);
      }
    });
  });
  port.postMessage({ call: 0, value: undefined });
}

const settings = !isMainThread && (workerData as { ortgrad?: WorkerSettings } | null)?.ortgrad;
if (settings && parentPort) void serve(parentPort, settings);
