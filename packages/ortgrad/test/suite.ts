/** The op suite: each case's forward pass and gradients against PyTorch's numbers on every provider, and against finite differences. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Graph, gradients, type Value } from '../src/graph.ts';
import { mul } from '../src/ops/elementwise.ts';
import { reduceSum } from '../src/ops/reduce.ts';
import { type Provider, Runtime, type Session } from '../src/session.ts';
import { elementCount, type Tensor, tensor } from '../src/tensor.ts';

/** One input of a case: filled with {@link pattern} over [low, high). */
export interface InputSpec {
  readonly shape: readonly number[];
  readonly low: number;
  readonly high: number;
}

/** One op with small inputs; `name` is its key in fixtures/golden.json. */
export interface OpCase {
  readonly name: string;
  readonly inputs: readonly InputSpec[];
  readonly build: (inputs: readonly Value[]) => Value;
  /** Half the distance of finite differences; small where the op has kinks. */
  readonly eps?: number;
  /** Largest error against PyTorch, as a share of the largest value; default 2e-5. */
  readonly tolerance?: number;
}

interface Golden {
  readonly inputs: readonly InputSpec[];
  readonly y: readonly number[];
  readonly gradients: readonly (readonly number[])[];
}

const fixture = JSON.parse(readFileSync(new URL('fixtures/golden.json', import.meta.url), 'utf8')) as {
  readonly cases: Readonly<Record<string, Golden>>;
  readonly swin: SwinGolden;
};

/** Losses and parameters of a small Swin stack over three steps of torch.optim.AdamW. */
export interface SwinGolden {
  readonly losses: readonly number[];
  readonly parameters: Readonly<Record<string, readonly number[]>>;
}

export const swinGolden = fixture.swin;

/** An input of a case; the default range keeps values of both signs. */
export const input = (shape: readonly number[], low = -1, high = 1): InputSpec => ({ shape, low, high });

/** Reproducible values that golden.py makes by the same formula: `stream` numbers the inputs of a case. */
export function pattern({ shape, low, high }: InputSpec, stream: number): Float32Array {
  return Float32Array.from({ length: elementCount(shape) }, (_, i) => {
    const place = (i * 7919 + ((i * i) % 613) * 31 + stream * 104729 + 12345) % 1009;
    return low + ((high - low) * place) / 1009;
  });
}

/** Stream of the weights that turn a result into a loss. */
const COTANGENT = 99;
/** Elements of an input that finite differences visit. */
const PROBES = 24;

/** Largest difference as a share of the largest expected value. */
export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  let largest = 1e-6;
  for (let i = 0; i < want.length; i++) {
    const gap = Math.abs(got[i] - want[i]);
    worst = Math.max(worst, Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap);
    largest = Math.max(largest, Math.abs(want[i]));
  }
  return worst / largest;
}

/** The case's model: inputs x0, x1, …; outputs y and g0, g1, …, the gradients of Σ y·c. */
function modelOf({ inputs, build }: OpCase): { model: Uint8Array; shape: readonly number[] } {
  const graph = new Graph('case');
  const values = inputs.map(({ shape }, i) => graph.input(`x${i}`, shape, 'float32', { needsGrad: true }));
  const y = build(values);
  const weights = graph.constant(pattern(input(y.shape), COTANGENT), y.shape);
  const loss = reduceSum(mul(y, weights));
  graph.output('y', y);
  for (const [i, gradient] of gradients(loss, values).entries()) graph.output(`g${i}`, gradient);
  return { model: graph.toModel(), shape: y.shape };
}

const feedsOf = ({ inputs }: OpCase): Record<string, Tensor> =>
  Object.fromEntries(inputs.map((spec, i) => [`x${i}`, tensor(pattern(spec, i), spec.shape)]));

/** Derivative of Σ y·c along one element, from two forward runs. */
async function slope(session: Session, feeds: Record<string, Tensor>, name: string, index: number, eps: number) {
  const weigh = async (step: number) => {
    const data = Float32Array.from(feeds[name].data as Float32Array);
    data[index] += step;
    const moved = { ...feeds, [name]: { ...feeds[name], data } };
    const y = (await session.run(moved, { fetch: ['y'] })).y;
    const weights = pattern(input(y.shape), COTANGENT);
    return { sum: weights.reduce((sum, weight, i) => sum + weight * Number(y.data[i]), 0), at: data[index] };
  };
  const above = await weigh(eps);
  const below = await weigh(-eps);
  return (above.sum - below.sum) / (above.at - below.at);
}

/** True when a graph can be run on a WebGPU adapter here. */
async function webgpuWorks(): Promise<boolean> {
  const runtime = await Runtime.start({ provider: 'webgpu' });
  const graph = new Graph('probe');
  graph.output('y', mul(graph.input('x', [1]), graph.scalar(2)));
  try {
    const session = await runtime.load(graph.toModel());
    const { y } = await session.run({ x: tensor(Float32Array.of(21), [1]) });
    return y.data[0] === 42;
  } catch {
    console.warn('ortgrad: no WebGPU adapter here, the tests on webgpu are left out');
    return false;
  } finally {
    await runtime.close();
  }
}

/** Providers to test: ADCLICK_PROVIDERS as a comma-separated list, else cpu, wasm, and webgpu where an adapter exists. */
export const PROVIDERS: readonly Provider[] = process.env.ADCLICK_PROVIDERS
  ? (process.env.ADCLICK_PROVIDERS.split(',') as Provider[])
  : ['cpu', 'wasm', ...((await webgpuWorks()) ? (['webgpu'] as const) : [])];

/** Declares the tests of a family of ops. */
export function testOps(family: string, cases: readonly OpCase[]): void {
  describe.each(PROVIDERS.map((provider) => ({ provider })))(`${family} on $provider`, ({ provider }) => {
    let runtime: Runtime;
    beforeAll(async () => {
      runtime = await Runtime.start({ provider, threads: 1 });
    });
    afterAll(() => runtime?.close());

    test.each(cases)('$name: values and gradients are PyTorch’s', async (item) => {
      const golden = fixture.cases[item.name];
      expect(golden, `test/golden.py has no case ${item.name}`).toBeDefined();
      expect(item.inputs).toEqual(golden.inputs);
      const session = await runtime.load(modelOf(item).model);
      const results = await session.run(feedsOf(item));
      const tolerance = item.tolerance ?? 2e-5;
      expect(relativeError(results.y.data as Float32Array, golden.y)).toBeLessThan(tolerance);
      for (const [i, want] of golden.gradients.entries()) {
        expect(relativeError(results[`g${i}`].data as Float32Array, want), `gradient ${i}`).toBeLessThan(tolerance);
      }
      await session.release();
    });

    if (provider !== 'cpu') return;
    test.each(cases)('$name: gradients are the slopes of the values', async (item) => {
      const session = await runtime.load(modelOf(item).model);
      const feeds = feedsOf(item);
      const results = await session.run(feeds);
      for (const [i, { shape }] of item.inputs.entries()) {
        const gradient = results[`g${i}`].data as Float32Array;
        const count = elementCount(shape);
        const stride = Math.max(1, Math.floor(count / PROBES));
        const places = Array.from({ length: Math.ceil(count / stride) }, (_, k) => k * stride);
        const slopes: number[] = [];
        for (const place of places) slopes.push(await slope(session, feeds, `x${i}`, place, item.eps ?? 1e-2));
        const error = relativeError(
          places.map((place) => gradient[place]),
          slopes,
        );
        expect(error, `input ${i}`).toBeLessThan(3e-3);
      }
      await session.release();
    });
  });
}
