/**
 * Running models: onnxruntime lives in one worker thread, so that a run never blocks the event loop, and tensors can stay there between runs.
 *
 * This file is both halves. Imported normally it offers {@link Runtime}; started as a worker it serves one.
 * The test is on what the thread is given, not on a file name, so it also holds when the file is part of a bundle.
 */
import { availableParallelism } from 'node:os';
import type { InferenceSession, Tensor as OrtTensor, TypedTensor } from 'onnxruntime-node';
import { CodedError, fail } from './errors.ts';
import { giveBack } from './give-back.ts';
import { Graph } from './graph.ts';
import { Remote, type RemoteWire, serveCalls } from './rpc.ts';
import { parentWire, startThread, threadData } from './start.ts';
import { telemetryOff } from './telemetry.ts';
import { type DType, elementCount, type Tensor, type TensorData } from './tensor.ts';

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
  /**
   * Gives memory back as soon as an operator's result is not needed any more, in place of keeping it for the next run: for models that take
   * hundreds of megabytes. A run takes some 5 % longer; default false.
   */
  readonly frugal?: boolean;
  /** Hand the model's memory to the worker instead of copying it: the array is empty afterwards. */
  readonly transfer?: boolean;
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

/** What the two halves say to each other; calls are answered one after another, in their order. */
interface RuntimeCalls {
  /** Answered once onnxruntime is loaded. */
  start: { request: undefined; answer: undefined };
  load: {
    request: LoadOptions & { readonly model: Uint8Array };
    answer: { readonly id: number; readonly inputs: string[]; readonly outputs: string[] };
  };
  run: {
    request: {
      readonly session: number;
      readonly feeds: Record<string, Wire>;
      readonly keep: readonly string[];
      readonly into: Record<string, number>;
      readonly fetch: readonly string[] | undefined;
    };
    answer: Record<string, Wire>;
  };
  release: { request: { readonly session: number }; answer: undefined };
  hold: { request: Tensor; answer: HeldReference };
  read: { request: { readonly held: number }; answer: Tensor };
  drop: { request: { readonly held: number }; answer: undefined };
}

interface WorkerSettings {
  readonly provider: Provider;
  readonly threads: number;
  readonly memoryPattern: boolean;
  readonly profile?: string;
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
  private readonly remote: Remote<RuntimeCalls>;
  /** A handle that was forgotten frees its tensor too, once it is collected. */
  private readonly forgotten = new FinalizationRegistry<number>((held) => {
    // A worker that has ended holds nothing.
    if (this.alive) this.call('drop', { held }).catch(() => undefined);
  });

  private constructor(
    wire: RemoteWire,
    /** Where this runtime's graphs run. */
    readonly provider: Provider,
    /** Threads of one operator. */
    readonly threads: number,
  ) {
    this.remote = new Remote(wire, (what) => fail('ADC_RUNTIME', { provider, what }));
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
    };
    const wire = startThread(import.meta.url, { ortgrad: settings });
    const runtime = new Runtime(wire, provider, settings.threads);
    try {
      await runtime.call('start', undefined);
    } catch (error) {
      await runtime.close();
      throw error;
    }
    return runtime;
  }

  /**
   * Loads a model.
   * @param model bytes of an ONNX file; they are copied, the caller keeps them, unless `transfer` is set.
   * @throws ADC_RUNTIME when onnxruntime refuses it.
   */
  async load(model: Uint8Array, options: LoadOptions = {}): Promise<Session> {
    // Not slice: that of a Buffer, which readFile gives, is a view, and the caller's bytes would go with it.
    const copy = options.transfer ? model : new Uint8Array(model);
    const { id, inputs, outputs } = await this.call('load', { ...options, model: copy }, [copy.buffer as ArrayBuffer]);
    return new Session(this, id, inputs, outputs);
  }

  /** Copies a tensor into the worker, to be fed to several runs. */
  async hold(value: Tensor): Promise<Held> {
    const copy = packed(value, false);
    return this.adopt(await this.call('hold', copy, [copy.data.buffer as ArrayBuffer]));
  }

  /** Whether its worker still works: not once it is being closed or has failed. */
  get alive(): boolean {
    return this.remote.alive;
  }

  /** Releases everything and stops the worker; calls that were made before are finished first, later ones refused. */
  async close(): Promise<void> {
    await this.remote.close({ finish: true });
  }

  /**
   * As {@link close}, but of the calls that were made before only the one that runs is finished. That one has to be: a thread that is
   * ended inside onnxruntime takes the process with it.
   */
  async stop(): Promise<void> {
    await this.remote.close();
  }

  /** @internal One call to the worker; failures of onnxruntime get our code. */
  async call<Name extends keyof RuntimeCalls>(
    name: Name,
    request: RuntimeCalls[Name]['request'],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<RuntimeCalls[Name]['answer']> {
    try {
      return await this.remote.call(name, request, { transfer });
    } catch (error) {
      if (error instanceof CodedError) throw error;
      const what = error instanceof Error ? error.message : String(error);
      throw fail('ADC_RUNTIME', { provider: this.provider, what }, error);
    }
  }

  /** @internal A handle for a tensor of the worker. */
  adopt(reference: HeldReference): Held {
    const { held, shape, dtype } = reference;
    const handle: Held = {
      id: held,
      shape,
      dtype,
      read: () => this.call('read', { held }),
      release: async () => {
        this.forgotten.unregister(handle);
        await this.call('drop', { held });
      },
    };
    this.forgotten.register(handle, held, handle);
    return handle;
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
    const request = { session: this.id, feeds: sent, keep: options.keep ?? [], into, fetch: options.fetch };
    const answer = await this.runtime.call('run', request, [...transfer]);
    const results: Record<string, Tensor | Held> = {};
    for (const [name, value] of Object.entries(answer)) {
      results[name] = isReference(value) ? this.runtime.adopt(value) : value;
    }
    return results as Record<string, Tensor> & Record<Kept, Held>;
  }

  /** Frees the session. */
  async release(): Promise<void> {
    await this.runtime.call('release', { session: this.id });
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
class OrtServer {
  private readonly sessions = new Map<number, InferenceSession>();
  private readonly held = new Map<number, OrtTensor>();
  private readonly readers = new Map<string, InferenceSession>();
  private numbers = 0;

  private constructor(
    private readonly ort: Ort,
    private readonly settings: WorkerSettings,
  ) {}

  static async start(settings: WorkerSettings): Promise<OrtServer> {
    return new OrtServer(await loadOrt(settings), settings);
  }

  async load({ model, ...options }: RuntimeCalls['load']['request']): Promise<RuntimeCalls['load']['answer']> {
    const session = await this.open(model, options);
    // onnxruntime has its own copy.
    giveBack(model);
    const id = this.numbers++;
    this.sessions.set(id, session);
    return { id, inputs: [...session.inputNames], outputs: [...session.outputNames] };
  }

  hold(value: Tensor): HeldReference {
    return this.keep(this.toOrt(value));
  }

  async read(held: number): Promise<Tensor> {
    const value = await this.download(this.find(held));
    return { ...value, data: value.data.slice() };
  }

  drop(held: number): undefined {
    this.find(held).dispose();
    this.held.delete(held);
  }

  async release(session: number): Promise<undefined> {
    await this.sessions.get(session)?.release();
    this.sessions.delete(session);
  }

  async close(): Promise<void> {
    for (const value of this.held.values()) value.dispose();
    this.held.clear();
    for (const session of [...this.sessions.values(), ...this.readers.values()]) await session.release();
  }

  private open(model: Uint8Array, loading: LoadOptions): Promise<InferenceSession> {
    const { keep = [], threads = this.settings.threads, yields = false, frugal = false } = loading;
    const { provider, memoryPattern, profile } = this.settings;
    const options: InferenceSession.SessionOptions = {
      executionProviders: [EXECUTION_PROVIDER[provider]],
      // Some of the higher optimisations replace operators by ones that WebGPU lacks.
      graphOptimizationLevel: provider === 'webgpu' ? 'basic' : 'all',
      enableMemPattern: memoryPattern,
      enableCpuMemArena: !frugal,
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

  /** @param transfer gets the memory of what is sent back. */
  async run(request: RuntimeCalls['run']['request'], transfer: ArrayBuffer[]): Promise<Record<string, Wire>> {
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
    for (const [name, value] of Object.entries(results)) {
      const target = request.into[name];
      if (target !== undefined) {
        const place = places[name];
        if (!place) {
          this.find(target).dispose();
          this.held.set(target, value);
          continue;
        }
        // onnxruntime-node answers with a copy also where it has written in place (1.30). Without giving those back a training step
        // would leave five vectors of all parameters behind.
        const copied = value.data !== place.data;
        if (!copied || !request.fetch?.includes(name)) {
          if (copied) giveBack(value.data as TensorData);
          continue;
        }
      }
      if (request.keep.includes(name)) {
        answer[name] = this.keep(value);
      } else {
        const { data, shape, dtype } = await this.download(value);
        const whole = data.byteLength === data.buffer.byteLength && data.buffer instanceof ArrayBuffer;
        const own = whole ? data : data.slice();
        transfer.push(own.buffer as ArrayBuffer);
        answer[name] = { data: own, shape, dtype };
      }
    }
    return answer;
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

/** Answers a runtime's calls one after another. */
function serve(settings: WorkerSettings): void {
  const opening = OrtServer.start(settings);
  // Each call meets the failure of loading.
  opening.catch(() => undefined);
  let last: Promise<void> = opening.then(
    () => undefined,
    () => undefined,
  );
  serveCalls<RuntimeCalls>(
    parentWire(),
    {
      start: async () => {
        await opening;
        return undefined;
      },
      load: async (request) => (await opening).load(request),
      run: async (request, { transfer }) => (await opening).run(request, transfer),
      release: async ({ session }) => (await opening).release(session),
      hold: async (value) => (await opening).hold(value),
      read: async ({ held }, { transfer }) => {
        const value = await (await opening).read(held);
        transfer.push(value.data.buffer as ArrayBuffer);
        return value;
      },
      drop: async ({ held }) => (await opening).drop(held),
    },
    {
      schedule: (_call, run) => {
        last = last.then(run);
      },
      onClose: async () => {
        await last;
        // Where it was never loaded there is nothing to release.
        await opening.then(
          (server) => server.close(),
          () => undefined,
        );
      },
    },
  );
}

const { ortgrad } = (threadData() ?? {}) as { readonly ortgrad?: WorkerSettings };
if (ortgrad) serve(ortgrad);
