/** Running a compiled step: on one runtime, or its shards on several at the same time. */
import { gradientInput, type StepProgram, stateInput, stateOutput } from './compile-step.ts';
import { STATE } from './optim.ts';
import { type Held, Runtime, type Session } from './session.ts';
import { elementCount, type Tensor, tensor } from './tensor.ts';

/** Parameters, moments and moving average, held in the trainer's runtime. */
export type StepState = Readonly<Record<(typeof STATE)[number], Held>>;

const NEXT = STATE.map(stateOutput);

/** Threads of each of `shards` equal parts. */
const threadsOfShard = (runtime: Runtime, shards: number) => Math.max(1, Math.floor(runtime.threads / shards));

/**
 * The runtimes beside `first` that shards need; the caller closes them.
 * A GPU works through shards one after another on the runtime that is there.
 */
export async function shardRuntimes(first: Runtime, shards: number): Promise<Runtime[]> {
  if (first.provider !== 'cpu') return [];
  const threads = threadsOfShard(first, shards);
  return Promise.all(Array.from({ length: shards - 1 }, () => Runtime.start({ threads })));
}

/** A compiled step with its models loaded. */
export interface LoadedStep {
  readonly program: StepProgram;
  /**
   * Does the step with this number, in place of the state. A run that fails before the update leaves the state as it was.
   * @returns `loss`, `gradNorm` and the program's outputs. @throws ADC_RUNTIME when an input is missing or wrong.
   */
  run(
    inputs: Readonly<Record<string, Tensor>>,
    hyper: Tensor,
    state: StepState,
    step: number,
  ): Promise<Record<string, Tensor>>;
  /** Frees what lives in the trainer's runtime; helpers take theirs along when they are closed. */
  release(): Promise<void>;
}

/** @param helpers of {@link shardRuntimes}. @throws ADC_RUNTIME when a model does not load. */
export async function loadStep(program: StepProgram, first: Runtime, helpers: readonly Runtime[]): Promise<LoadedStep> {
  if (program.shards > 1) return ShardedStep.load(program, first, helpers);
  const session = await first.load(program.model, { keep: NEXT });
  return {
    program,
    run: (inputs, hyper, state) => session.run({ ...inputs, ...stateFeeds(state), hyper }, { into: next(state) }),
    release: () => session.release(),
  };
}

const stateFeeds = (state: StepState) => Object.fromEntries(STATE.map((name) => [stateInput(name), state[name]]));
const next = (state: StepState) => Object.fromEntries(STATE.map((name) => [stateOutput(name), state[name]]));

/** One part of a batch and where it is worked on. */
interface Shard {
  readonly session: Session;
  /** Where its gradient stays, in the first runtime; other runtimes are sent the parameters and send the gradient back. */
  readonly gradient?: Held;
}

/** A step whose shards run at the same time; their gradients meet in the first runtime, which does the update. */
class ShardedStep implements LoadedStep {
  /** The parameters as the last update left them, for the step that comes next. */
  private ahead?: { readonly step: number; readonly p: Tensor };

  private constructor(
    readonly program: StepProgram,
    private readonly shards: readonly Shard[],
    private readonly update: Session,
  ) {}

  static async load(program: StepProgram, first: Runtime, helpers: readonly Runtime[]): Promise<ShardedStep> {
    const { shards: count, model, layout } = program;
    const threads = threadsOfShard(first, count);
    const sessions = new Map<Runtime, Session>();
    const zeros = tensor(new Float32Array(layout.size), [layout.size]);
    const shards: Shard[] = [];
    for (const runtime of Array.from({ length: count }, (_, shard) => [first, ...helpers][shard] ?? first)) {
      const session = sessions.get(runtime) ?? (await runtime.load(model, { threads }));
      sessions.set(runtime, session);
      shards.push({ session, gradient: runtime === first ? await first.hold(zeros) : undefined });
    }
    // Threads that went on spinning would slow the next step's shards down by 4 % (measured).
    const update = await first.load(program.update as Uint8Array, { keep: NEXT, yields: true });
    return new ShardedStep(program, shards, update);
  }

  async run(
    inputs: Readonly<Record<string, Tensor>>,
    hyper: Tensor,
    state: StepState,
    step: number,
  ): Promise<Record<string, Tensor>> {
    const parameters = await this.parameters(state.p, step);
    const ended = await Promise.allSettled(
      this.shards.map((shard, n) =>
        this.runShard(shard, { ...this.partOf(inputs, n), [stateInput('p')]: parameters[n] }),
      ),
    );
    const results = ended.map((each) => {
      if (each.status === 'rejected') throw each.reason;
      return each.value;
    });
    const gradients = this.shards.map(({ gradient }, n) => [gradientInput(n), gradient ?? results[n].gradient]);
    const feeds = { ...Object.fromEntries(gradients), ...stateFeeds(state), hyper };
    const sent = stateOutput('p');
    const fetch = this.shards.every(({ gradient }) => gradient) ? ['gradNorm'] : ['gradNorm', sent];
    const { gradNorm, [sent]: p } = await this.update.run(feeds, { into: next(state), fetch, transfer: true });
    this.ahead = p && { step: step + 1, p };
    const loss = results.reduce((sum, each) => sum + Number(each.loss.data[0]), 0) / results.length;
    return { ...this.joined(results), loss: tensor(Float32Array.of(loss), []), gradNorm };
  }

  async release(): Promise<void> {
    for (const { session, gradient } of this.shards) {
      if (!gradient) continue;
      await gradient.release();
      await session.release();
    }
    await this.update.release();
  }

  /** What every shard is fed: copies for other runtimes are made before the first is busy with its own shard. */
  private async parameters(p: Held, step: number): Promise<(Tensor | Held)[]> {
    let copy = this.ahead?.step === step ? this.ahead.p : undefined;
    this.ahead = undefined;
    return Promise.all(
      this.shards.map(({ gradient }) => {
        if (gradient) return p;
        const own = copy ?? p.read();
        copy = undefined;
        return own;
      }),
    );
  }

  private runShard({ session, gradient }: Shard, feeds: Record<string, Tensor | Held>) {
    const results = ['loss', ...this.program.outputs.map(({ name }) => name)];
    return gradient
      ? session.run(feeds, { into: { gradient }, fetch: results })
      : session.run(feeds, { fetch: [...results, 'gradient'], transfer: true });
  }

  /** One shard's part of every input, along the first axis. */
  private partOf(inputs: Readonly<Record<string, Tensor>>, shard: number): Record<string, Tensor> {
    const count = this.shards.length;
    return Object.fromEntries(
      Object.entries(inputs).map(([name, { data, shape, dtype }]) => {
        const size = data.length / count;
        const part = data.subarray(shard * size, (shard + 1) * size);
        return [name, { data: part, shape: [shape[0] / count, ...shape.slice(1)], dtype }];
      }),
    );
  }

  /** The shards' outputs behind one another along the first axis. */
  private joined(results: readonly Record<string, Tensor>[]): Record<string, Tensor> {
    return Object.fromEntries(
      this.program.outputs.map(({ name, shape }) => {
        const data = new Float32Array(elementCount(shape));
        for (const [shard, result] of results.entries())
          data.set(result[name].data as Float32Array, (shard * data.length) / results.length);
        return [name, tensor(data, shape)];
      }),
    );
  }
}
