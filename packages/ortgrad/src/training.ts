/** Training: steps run one after another on parameters, moments and moving average that stay in the runtime. */
import { type LookProgram, type StepProgram, stateInput } from './compile-step.ts';
import { fail } from './errors.ts';
import { HYPER, HYPER_SIZE, STATE } from './optim.ts';
import { initialVector, type ParameterLayout, sameLayout, splitVector } from './parameters.ts';
import { type LoadedStep, loadStep, type StepState, shardRuntimes } from './run-step.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import { type Provider, Runtime, type Session } from './session.ts';
import { type Tensor, tensor } from './tensor.ts';

/** What a {@link Trainer} is made of. */
export interface TrainerOptions {
  /** Programs over the same parameters: the same layout, other inputs. */
  readonly programs: Readonly<Record<string, StepProgram>>;
  /** Forward passes over the same parameters; see {@link Trainer.look}. */
  readonly looks?: Readonly<Record<string, LookProgram>>;
  /** Seed of the initial values; default 0. */
  readonly seed?: number;
  /** Values to begin with; parameters it lacks are initialised. */
  readonly weights?: ReadonlyMap<string, Tensor>;
  /** A runtime to use and leave running; by default the trainer starts and closes its own. */
  readonly runtime?: Runtime;
  /** Where an own runtime runs; default 'cpu'. */
  readonly provider?: Provider;
}

/** Settings of one step. */
export interface StepSettings {
  readonly learningRate: number;
  /** Default 0. */
  readonly weightDecay?: number;
  /** Default 0: the average is the live weights. */
  readonly emaDecay?: number;
}

/** What one step tells. */
export interface StepResult {
  readonly loss: number;
  /** Euclidean norm of the whole gradient, before clipping. */
  readonly gradNorm: number;
  readonly outputs: Record<string, Tensor>;
}

/** Marks a file as a training checkpoint. */
const CHECKPOINT_KIND = 'ortgrad-checkpoint/1';

/** Runs compiled steps; parameters, both moments and the moving average stay in the runtime between steps. */
export class Trainer {
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly runtime: Runtime,
    private readonly ownRuntime: boolean,
    private readonly layout: ParameterLayout,
    /** Runtimes beside the first one that work on shards of a batch. */
    private readonly helpers: readonly Runtime[],
    private readonly loaded: ReadonlyMap<string, LoadedStep>,
    private readonly looks: ReadonlyMap<string, Session>,
    private readonly state: StepState,
    private count: number,
  ) {}

  /** Steps done, over all programs and resumed runs. */
  get steps(): number {
    return this.count;
  }

  /**
   * Starts from initial or given weights.
   * @throws ADC_GRAPH_SHAPE when the programs' layouts differ, ADC_RUNTIME when a program does not load.
   */
  static async create(options: TrainerOptions): Promise<Trainer> {
    const layout = commonLayout(options);
    const p = initialVector(layout, options.seed ?? 0, options.weights);
    const zeros = () => new Float32Array(layout.size);
    return Trainer.start(options, layout, { p, m: zeros(), v: zeros(), ema: p }, 0);
  }

  /**
   * Goes on from a checkpoint: the following steps are the same, bit for bit, as if there had been no pause.
   * @throws ADC_WEIGHTS_DAMAGED when the file is damaged or belongs to another network.
   */
  static async resume(
    path: string,
    options: TrainerOptions,
  ): Promise<{ trainer: Trainer; extra: Record<string, string> }> {
    const { tensors, metadata } = await readSafetensors(path);
    const damaged = (what: string) => fail('ADC_WEIGHTS_DAMAGED', { path, what });
    const layout = commonLayout(options);
    if (metadata.kind !== CHECKPOINT_KIND) throw damaged('it is no training checkpoint');
    if (metadata.layout !== layoutText(layout)) throw damaged('it holds the parameters of another network');
    const vector = (name: string): Float32Array => {
      const data = tensors.get(name)?.data;
      if (!(data instanceof Float32Array) || data.length !== layout.size)
        throw damaged(`${name} is missing or cut off`);
      return data;
    };
    const steps = Number(metadata.steps);
    if (!Number.isSafeInteger(steps) || steps < 0) throw damaged(`its step count is ${metadata.steps}`);
    const values = { p: vector('p'), m: vector('m'), v: vector('v'), ema: vector('ema') };
    const trainer = await Trainer.start(options, layout, values, steps);
    return { trainer, extra: JSON.parse(metadata.extra ?? '{}') as Record<string, string> };
  }

  private static async start(
    options: TrainerOptions,
    layout: ParameterLayout,
    values: Readonly<Record<(typeof STATE)[number], Float32Array>>,
    steps: number,
  ): Promise<Trainer> {
    const runtime = options.runtime ?? (await Runtime.start({ provider: options.provider }));
    const helpers: Runtime[] = [];
    try {
      const shards = Math.max(...Object.values(options.programs).map((program) => program.shards));
      helpers.push(...(await shardRuntimes(runtime, shards)));
      const loaded = new Map<string, LoadedStep>();
      for (const [name, program] of Object.entries(options.programs))
        loaded.set(name, await loadStep(program, runtime, helpers));
      const looks = new Map<string, Session>();
      for (const [name, { model }] of Object.entries(options.looks ?? {})) looks.set(name, await runtime.load(model));
      const hold = async (from: Readonly<Record<string, Float32Array>>): Promise<StepState> => {
        const held = await Promise.all(STATE.map((name) => runtime.hold(tensor(from[name], [layout.size]))));
        return { p: held[0], m: held[1], v: held[2], ema: held[3] };
      };
      const own = options.runtime === undefined;
      return new Trainer(runtime, own, layout, helpers, loaded, looks, await hold(values), steps);
    } catch (error) {
      for (const each of options.runtime ? helpers : [runtime, ...helpers]) await each.close();
      throw error;
    }
  }

  /**
   * Does one training step.
   * @param program name of one of the programs. @param inputs what the program's loss function declared.
   * @throws ADC_RUNTIME when an input is missing or wrong; the state is then as before.
   */
  async step(program: string, inputs: Readonly<Record<string, Tensor>>, settings: StepSettings): Promise<StepResult> {
    return this.inOrder(async () => {
      const loaded = this.loaded.get(program);
      if (!loaded)
        throw fail('ADC_RUNTIME', { provider: this.runtime.provider, what: `no program is named ${program}` });
      const hyper = hyperVector(settings, this.count + 1, loaded.program.betas);
      const { loss, gradNorm, ...outputs } = await loaded.run(inputs, hyper, this.state, this.count);
      this.count++;
      return { loss: Number(loss.data[0]), gradNorm: Number(gradNorm.data[0]), outputs };
    });
  }

  /**
   * Asks a forward pass, with the parameters as the last step left them.
   * @param look name of one of the looks. @throws ADC_RUNTIME when an input is missing or wrong.
   */
  async look(look: string, inputs: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>> {
    return this.inOrder(async () => {
      const session = this.looks.get(look);
      if (!session) throw fail('ADC_RUNTIME', { provider: this.runtime.provider, what: `no look is named ${look}` });
      return session.run({ ...inputs, [stateInput('p')]: this.state.p });
    });
  }

  /** Copies of the parameters by name: as trained, or their moving average. */
  async weights(which: 'live' | 'ema' = 'live'): Promise<Map<string, Tensor>> {
    return this.inOrder(async () => {
      const flat = await this.state[which === 'ema' ? 'ema' : 'p'].read();
      return splitVector(this.layout, flat.data as Float32Array);
    });
  }

  /** Writes a checkpoint atomically. @param extra the caller's own state, handed back by {@link Trainer.resume}. */
  async save(path: string, extra: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.inOrder(async () => {
      const tensors = new Map<string, Tensor>();
      for (const name of STATE) tensors.set(name, await this.state[name].read());
      await writeSafetensors(path, tensors, {
        kind: CHECKPOINT_KIND,
        steps: String(this.count),
        layout: layoutText(this.layout),
        extra: JSON.stringify(extra),
      });
    });
  }

  /** Frees the state and the sessions, and stops the runtime when it is the trainer's own. */
  async close(): Promise<void> {
    await this.inOrder(async () => {
      for (const helper of this.helpers) await helper.close();
      if (this.ownRuntime) return this.runtime.close();
      for (const held of Object.values(this.state)) await held.release();
      for (const each of [...this.loaded.values(), ...this.looks.values()]) await each.release();
    });
  }

  /** Calls happen one after another, also when the caller does not wait. */
  private inOrder<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.last.then(work);
    // Who called hears of it; whoever is next only waits.
    this.last = done.catch(() => {});
    return done;
  }
}

function hyperVector(settings: StepSettings, step: number, [beta1, beta2]: readonly [number, number]): Tensor {
  const hyper = new Float32Array(HYPER_SIZE);
  hyper[HYPER.learningRate] = settings.learningRate;
  hyper[HYPER.weightDecay] = settings.weightDecay ?? 0;
  hyper[HYPER.momentCorrection] = 1 / (1 - beta1 ** step);
  hyper[HYPER.varianceCorrection] = 1 / Math.sqrt(1 - beta2 ** step);
  hyper[HYPER.emaDecay] = settings.emaDecay ?? 0;
  return tensor(hyper, [HYPER_SIZE]);
}

const layoutText = (layout: ParameterLayout): string =>
  JSON.stringify(layout.entries.map(({ name, shape }) => [name, shape]));

function commonLayout({ programs, looks }: Pick<TrainerOptions, 'programs' | 'looks'>): ParameterLayout {
  const [first, ...others] = [...Object.entries(programs), ...Object.entries(looks ?? {})];
  if (!first) throw fail('ADC_GRAPH_SHAPE', { op: 'Trainer', what: 'needs at least one program', got: 'none' });
  for (const [name, program] of others) {
    if (!sameLayout(first[1].layout, program.layout)) {
      const what = 'all programs must use the same parameters in the same order';
      throw fail('ADC_GRAPH_SHAPE', { op: 'Trainer', what, got: `${first[0]} and ${name}` });
    }
  }
  return first[1].layout;
}
