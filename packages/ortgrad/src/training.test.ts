/** Whole training steps: a small Swin stack against torch.optim.AdamW, resume bit for bit, and what the trainer refuses. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { input, PROVIDERS, pattern, relativeError, swinGolden } from '../test/suite.ts';
import { compileLook, compileStep } from './compile-step.ts';
import { Graph, type Value } from './graph.ts';
import { layerNormLayer, linearLayer, normLinearLayer } from './nn.ts';
import { selfAttention } from './ops/attention.ts';
import { add, gelu, sigmoid, square, sub } from './ops/elementwise.ts';
import { gather, permuteRows } from './ops/gather.ts';
import { reduceMean } from './ops/reduce.ts';
import { reshape, transpose } from './ops/shape.ts';
import { FrozenParameters, type ParameterSource } from './parameters.ts';
import { Runtime } from './session.ts';
import { elementCount, type Tensor, tensor } from './tensor.ts';
import { Trainer } from './training.ts';

// The sizes of golden.py.
const DIM = 8;
const HEADS = 2;
const SIDE = 8;
const WINDOW = 4;
const N = WINDOW * WINDOW;
const TOKENS = SIDE * SIDE;

/** Raster index of each token when the grid, rolled by `shift`, is read window by window. */
const windowOrder = (shift: number): number[] =>
  Array.from({ length: TOKENS }, (_, i) => {
    const window = Math.floor(i / N);
    const y = Math.floor(window / (SIDE / WINDOW)) * WINDOW + Math.floor((i % N) / WINDOW) + shift;
    const x = (window % (SIDE / WINDOW)) * WINDOW + (i % WINDOW) + shift;
    return (y % SIDE) * SIDE + (x % SIDE);
  });

const inverse = (order: readonly number[]): number[] => order.map((_, i) => order.indexOf(i));

const relativePlaces = Array.from({ length: N * N }, (_, k) => {
  const [i, j] = [Math.floor(k / N), k % N];
  const dy = Math.floor(i / WINDOW) - Math.floor(j / WINDOW) + WINDOW - 1;
  return dy * (2 * WINDOW - 1) + (i % WINDOW) - (j % WINDOW) + WINDOW - 1;
});

/** The network of golden.py with normalisations folded and tokens gathered into windows: (2, 64, 5) -> (2, 64, 1). */
function swin(p: ParameterSource, x: Value): Value {
  let h = linearLayer(p, 'embed', x, DIM);
  for (let i = 0; i < 2; i++) {
    const order = windowOrder(i % 2 ? WINDOW / 2 : 0);
    const windows = permuteRows(h, order);
    const qkv = normLinearLayer(p, `${i}.norm1`, `${i}.qkv`, windows, 3 * DIM);
    const table = p.get(`${i}.positions`, [(2 * WINDOW - 1) ** 2, HEADS], { kind: 'zeros' });
    const bias = transpose(reshape(gather(table, relativePlaces, 0), [N, N, HEADS]), [2, 0, 1]);
    const mixed = selfAttention(reshape(qkv, [-1, N, 3 * DIM]), HEADS, bias, { scale: (DIM / HEADS) ** -0.5 });
    const out = linearLayer(p, `${i}.out`, reshape(mixed, h.shape), DIM);
    h = permuteRows(add(windows, out), inverse(order));
    const hidden = gelu(linearLayer(p, `${i}.mlp1`, layerNormLayer(p, `${i}.norm2`, h), 2 * DIM));
    h = add(h, linearLayer(p, `${i}.mlp2`, hidden, DIM));
  }
  return sigmoid(normLinearLayer(p, 'norm', 'head', h, 1));
}

/** The batch is a free parameter so that two programs can share one state; with shards it is that of one. */
function program(batch = 2, shards = 1) {
  return compileStep(
    (graph, p) => {
      const x = graph.input('x', [batch, TOKENS, 5]);
      const y = graph.input('y', [batch, TOKENS, 1]);
      const prediction = swin(p, x);
      return { loss: reduceMean(square(sub(prediction, y))), outputs: { prediction } };
    },
    { clipNorm: 0.05, shards },
  );
}

const dataSpec = [input([2, TOKENS, 5]), input([2, TOKENS, 1], 0, 1)] as const;
const data = {
  x: tensor(pattern(dataSpec[0], 200), dataSpec[0].shape),
  y: tensor(pattern(dataSpec[1], 201), dataSpec[1].shape),
};

/** The weights golden.py begins with: parameter number i, in its order, is pattern stream i. */
function goldenWeights(): Map<string, Tensor> {
  const shapes = new Map(program().layout.entries.map(({ name, shape }) => [name, shape]));
  return new Map(
    Object.keys(swinGolden.parameters).map((name, stream) => {
      const shape = shapes.get(name)!;
      const gain = name.includes('norm') && name.endsWith('weight');
      return [name, tensor(pattern(gain ? input(shape, 0.5, 1.5) : input(shape, -0.4, 0.4), stream), shape)];
    }),
  );
}

let folder: string;
let runtime: Runtime;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ortgrad-'));
  runtime = await Runtime.start({ threads: 1 });
});
afterAll(async () => {
  await runtime.close();
  await rm(folder, { recursive: true, force: true });
});

describe.each(PROVIDERS.map((provider) => ({ provider })))('training on $provider', ({ provider }) => {
  test('three AdamW steps give PyTorch’s losses and parameters', async () => {
    const trainer = await Trainer.create({ programs: { step: program() }, weights: goldenWeights(), provider });
    const losses: number[] = [];
    for (let i = 0; i < 3; i++) {
      losses.push((await trainer.step('step', data, { learningRate: 1e-2, weightDecay: 0.05 })).loss);
    }
    const live = await trainer.weights();
    await trainer.close();
    expect(relativeError(losses, swinGolden.losses)).toBeLessThan(1e-5);
    expect([...live.keys()].sort()).toEqual(Object.keys(swinGolden.parameters).sort());
    for (const [name, want] of Object.entries(swinGolden.parameters)) {
      // AdamW divides by √v, so where a gradient is almost 0 a rounding error becomes a step of the learning rate's size.
      expect(relativeError(live.get(name)!.data as Float32Array, want), name).toBeLessThan(1e-3);
    }
  });
});

describe('Trainer', () => {
  const settings = { learningRate: 1e-2, weightDecay: 0.05, emaDecay: 0.9 };

  test('a resumed run repeats the run bit for bit', async () => {
    const options = { programs: { step: program() }, seed: 7, runtime };
    const whole = await Trainer.create(options);
    for (let i = 0; i < 6; i++) await whole.step('step', data, settings);

    const path = join(folder, 'checkpoint.safetensors');
    const first = await Trainer.create(options);
    for (let i = 0; i < 3; i++) await first.step('step', data, settings);
    await first.save(path, { episode: '12' });
    await first.close();
    const { trainer: second, extra } = await Trainer.resume(path, { ...options, seed: 8 });
    expect(extra).toEqual({ episode: '12' });
    expect(second.steps).toBe(3);
    for (let i = 0; i < 3; i++) await second.step('step', data, settings);

    expect(await second.weights('live')).toEqual(await whole.weights('live'));
    expect(await second.weights('ema')).toEqual(await whole.weights('ema'));
    expect(await second.weights('ema')).not.toEqual(await second.weights('live'));
    await whole.close();
    await second.close();
  });

  test('programs of one trainer move the same parameters', async () => {
    const trainer = await Trainer.create({ programs: { two: program(2), one: program(1) }, runtime });
    const single = {
      x: tensor((data.x.data as Float32Array).slice(0, TOKENS * 5), [1, TOKENS, 5]),
      y: tensor((data.y.data as Float32Array).slice(0, TOKENS), [1, TOKENS, 1]),
    };
    for (let i = 0; i < 2; i++) await trainer.step('one', single, settings);
    for (let i = 0; i < 2; i++) await trainer.step('two', data, settings);
    expect(trainer.steps).toBe(4);
    const still = { learningRate: 0 };
    const two = (await trainer.step('two', data, still)).outputs.prediction;
    const one = (await trainer.step('one', single, still)).outputs.prediction;
    expect(two.shape).toEqual([2, TOKENS, 1]);
    expect(relativeError(one.data as Float32Array, (two.data as Float32Array).slice(0, TOKENS))).toBeLessThan(1e-6);
    const fresh = await Trainer.create({ programs: { one: program(1) }, runtime });
    const start = (await fresh.step('one', single, still)).outputs.prediction;
    expect(relativeError(one.data as Float32Array, start.data as Float32Array)).toBeGreaterThan(1e-2);
    await fresh.close();
    await trainer.close();
  });

  test('a sharded step is the step of the whole batch, and resumes bit for bit', async () => {
    const whole = await Trainer.create({ programs: { step: program() }, seed: 7, runtime });
    const options = { programs: { step: program(1, 2), whole: program() }, seed: 7, runtime };
    const sharded = await Trainer.create(options);
    const path = join(folder, 'sharded.safetensors');
    for (let i = 0; i < 4; i++) {
      if (i === 2) await sharded.save(path);
      const [one, two] = [await whole.step('step', data, settings), await sharded.step('step', data, settings)];
      expect(two.loss).toBeCloseTo(one.loss, 6);
      expect(two.gradNorm / one.gradNorm).toBeCloseTo(1, 4);
      expect(two.outputs.prediction.shape).toEqual([2, TOKENS, 1]);
      const [a, b] = [two, one].map(({ outputs }) => outputs.prediction.data as Float32Array);
      expect(relativeError(a, b)).toBeLessThan(1e-5);
    }
    const { trainer: resumed } = await Trainer.resume(path, options);
    for (let i = 0; i < 2; i++) await resumed.step('step', data, settings);
    expect(await resumed.weights()).toEqual(await sharded.weights());
    await expect(sharded.step('step', { x: data.x }, settings)).rejects.toMatchObject({ code: 'ADC_RUNTIME' });
    expect(await sharded.weights()).toEqual(await resumed.weights());
    // The programs of a trainer share one state, whole or in shards: none goes on from parameters that another has moved since.
    for (const name of ['whole', 'step', 'whole', 'step']) {
      const [a, b] = [await sharded.step(name, data, settings), await resumed.step('step', data, settings)];
      expect(a.loss).toBeCloseTo(b.loss, 6);
    }
    for (const trainer of [whole, sharded, resumed]) await trainer.close();
  });

  test('a sharded step needs inputs with a first axis', () => {
    const build = () =>
      compileStep(
        (graph, p) => ({ loss: reduceMean(square(sub(p.get('w', [4], { kind: 'ones' }), graph.input('x', [])))) }),
        {
          shards: 2,
        },
      );
    expect(build).toThrow(expect.objectContaining({ code: 'ADC_GRAPH_SHAPE' }));
  });

  test('the exported model gives what training saw', async () => {
    const trainer = await Trainer.create({ programs: { step: program() }, weights: goldenWeights(), runtime });
    const { outputs } = await trainer.step('step', data, settings);
    await trainer.close();
    const graph = new Graph('export');
    graph.output('prediction', swin(new FrozenParameters(graph, goldenWeights()), graph.input('x', [2, TOKENS, 5])));
    const session = await runtime.load(graph.toModel({ kind: 'test' }));
    const { prediction } = await session.run({ x: data.x });
    expect(relativeError(prediction.data as Float32Array, outputs.prediction.data as Float32Array)).toBeLessThan(1e-6);
    await session.release();
  });

  test('a look has the parameters that the last step left, and moves none', async () => {
    const seen = compileLook((graph, p) => ({ seen: swin(p, graph.input('x', [2, TOKENS, 5])) }));
    const trainer = await Trainer.create({ programs: { step: program() }, looks: { seen }, runtime });
    const before = (await trainer.look('seen', { x: data.x })).seen;
    await trainer.step('step', data, settings);
    const after = (await trainer.look('seen', { x: data.x })).seen;
    const { outputs } = await trainer.step('step', data, settings);
    expect(relativeError(after.data as Float32Array, outputs.prediction.data as Float32Array)).toBeLessThan(1e-6);
    expect(relativeError(after.data as Float32Array, before.data as Float32Array)).toBeGreaterThan(1e-3);
    await expect(trainer.look('other', { x: data.x })).rejects.toMatchObject({ code: 'ADC_RUNTIME' });
    await trainer.close();
    const tiny = compileLook((_, p) => ({ w: p.get('w', [4], { kind: 'ones' }) }));
    const options = { programs: { step: program() }, looks: { tiny }, runtime };
    await expect(Trainer.create(options)).rejects.toMatchObject({ code: 'ADC_GRAPH_SHAPE' });
  });

  test('a rate of 0 freezes a parameter and decay spares vectors unless told otherwise', async () => {
    const frozen = compileStep((graph, p) => {
      const x = graph.input('x', [4]);
      const parts = [
        p.get('frozen', [4], { kind: 'ones' }, { rate: 0, decay: true }),
        p.get('plain', [4], { kind: 'ones' }),
        p.get('decayed', [4], { kind: 'ones' }, { decay: true }),
      ];
      return { loss: reduceMean(square(add(add(add(x, parts[0]), parts[1]), parts[2]))) };
    });
    const trainer = await Trainer.create({ programs: { frozen }, runtime });
    await trainer.step('frozen', { x: tensor(new Float32Array(4), [4]) }, { learningRate: 0.1, weightDecay: 0.5 });
    const weights = await trainer.weights();
    await trainer.close();
    // The first AdamW step moves every element by the learning rate against its gradient's sign.
    expect(weights.get('frozen')!.data[0]).toBe(1);
    expect(weights.get('plain')!.data[0]).toBeCloseTo(0.9, 5);
    expect(weights.get('decayed')!.data[0]).toBeCloseTo(0.85, 5);
  });

  test('a failed step leaves the state as it was', async () => {
    const trainer = await Trainer.create({ programs: { step: program() }, runtime });
    const before = await trainer.weights();
    await expect(trainer.step('step', { x: data.x }, settings)).rejects.toMatchObject({ code: 'ADC_RUNTIME' });
    await expect(trainer.step('other', data, settings)).rejects.toMatchObject({ code: 'ADC_RUNTIME' });
    expect(await trainer.weights()).toEqual(before);
    expect(trainer.steps).toBe(0);
    await trainer.close();
  });

  test('a checkpoint of another network, a cut one and a plain weights file are refused', async () => {
    const tiny = compileStep((_, p) => ({ loss: reduceMean(square(p.get('w', [4], { kind: 'ones' }))) }));
    const path = join(folder, 'tiny.safetensors');
    const trainer = await Trainer.create({ programs: { tiny }, runtime });
    await trainer.save(path);
    await trainer.close();
    const damaged = { code: 'ADC_WEIGHTS_DAMAGED' };
    await expect(Trainer.resume(path, { programs: { step: program() }, runtime })).rejects.toMatchObject(damaged);
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, bytes.length - 5));
    await expect(Trainer.resume(path, { programs: { tiny }, runtime })).rejects.toMatchObject(damaged);
  });

  test('programs over different parameters are refused', async () => {
    const tiny = compileStep((_, p) => ({ loss: reduceMean(square(p.get('w', [4], { kind: 'ones' }))) }));
    const programs = { step: program(), tiny };
    await expect(Trainer.create({ programs, runtime })).rejects.toMatchObject({ code: 'ADC_GRAPH_SHAPE' });
  });

  test('the same seed gives the same start, another seed another', async () => {
    const start = async (seed: number) => {
      const trainer = await Trainer.create({ programs: { step: program() }, seed, runtime });
      const weights = await trainer.weights();
      await trainer.close();
      return weights;
    };
    const first = await start(1);
    expect(await start(1)).toEqual(first);
    expect(await start(2)).not.toEqual(first);
    const draws = first.get('0.mlp1.weight')!;
    const spread = Math.sqrt((draws.data as Float32Array).reduce((s, v) => s + v * v, 0) / elementCount(draws.shape));
    expect(spread).toBeGreaterThan(0.01);
    expect(spread).toBeLessThan(0.03);
  });
});
