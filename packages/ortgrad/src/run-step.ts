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
   * Does the step and writes the next state into `spare`.
   * @returns `loss`, `gradNorm` and the program's outputs. @throws ADC_RUNTIME when an input is missing or wrong.
   */
  run(
    inputs: Readonly<Record<string, Tensor>>,
    hyper: Tensor,
    state: StepState,
    spare: StepState,
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
    run: (inputs, hyper, state, spare) =>
      session.run({ ...inputs, ...stateFeeds(state), hyper }, { into: next(spare) }),
    release: () => session.release(),
  };
}

const stateFeeds = (state: StepState) => Object.fromEntries(STATE.map((name) => [stateInput(name), state[name]]));
const next = (spare: StepState) => Object.fromEntries(STATE.map((name) => [stateOutput(name), spare[name]]));

/** One part of a batch: where it is worked on, and where its gradient is left. */
interface Shard {
  readonly session: Session;
  readonly gradient: Held;
  /** What a runtime other than the first holds, and the memory that carries it there and back. */
  readonly remote?: { readonly p: Held; readonly gradient: Held; carrier: Float32Array<ArrayBuffer> };
}

/** A step whose shards run at the same time; their gradients meet in the first runtime, which does the update. */
class ShardedStep implements LoadedStep {
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
      const gradient = await first.hold(zeros);
      const remote =
        runtime === first
          ? undefined
          : {
              p: await runtime.hold(zeros),
              gradient: await runtime.hold(zeros),
              carrier: new Float32Array(layout.size),
            };
      shards.push({ session, gradient, remote });
    }
    // Threads that went on spinning would slow the next step's shards down by 4 % (measured).
    const update = await first.load(program.update as Uint8Array, { keep: NEXT, yields: true });
    return new ShardedStep(program, shards, update);
  }

  async run(
    inputs: Readonly<Record<string, Tensor>>,
    hyper: Tensor,
    state: StepState,
    spare: StepState,
  ): Promise<Record<string, Tensor>> {
    // All copies are made before the first runtime is busy with its own shard.
    for (const { remote } of this.shards) if (remote) remote.carrier = await state.p.copyTo(remote.carrier);
    const ended = await Promise.allSettled(
      this.shards.map((shard, index) => this.runShard(shard, this.partOf(inputs, index), state.p)),
    );
    const results = ended.map((each) => {
      if (each.status === 'rejected') throw each.reason;
      return each.value;
    });
    const gradients = this.shards.map(({ gradient }, shard) => [gradientInput(shard), gradient]);
    const feeds = { ...Object.fromEntries(gradients), ...stateFeeds(state), hyper };
    const { gradNorm } = await this.update.run(feeds, { into: next(spare) });
    const loss = results.reduce((sum, each) => sum + Number(each.loss.data[0]), 0) / results.length;
    return { ...this.joined(results), loss: tensor(Float32Array.of(loss), []), gradNorm };
  }

  async release(): Promise<void> {
    for (const { session, gradient, remote } of this.shards) {
      await gradient.release();
      if (!remote) await session.release();
    }
    await this.update.release();
  }

  private async runShard({ session, gradient, remote }: Shard, inputs: Record<string, Tensor>, p: Held) {
    const fetch = ['loss', ...this.program.outputs.map(({ name }) => name)];
    if (!remote) return session.run({ ...inputs, [stateInput('p')]: p }, { into: { gradient }, fetch });
    remote.carrier = await remote.p.copyFrom(remote.carrier);
    const feeds = { ...inputs, [stateInput('p')]: remote.p };
    const result = await session.run(feeds, { into: { gradient: remote.gradient }, fetch });
    remote.carrier = await gradient.copyFrom(await remote.gradient.copyTo(remote.carrier));
    return result;
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
