import { fileURLToPath } from 'node:url';
import {
  compileStep,
  FrozenParameters,
  Graph,
  gradients,
  type ParameterEntry,
  type ParameterSource,
  Runtime,
  readSafetensors,
  type Tensor,
  Trainer,
  tensor,
  type Value,
} from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  clickMapInput,
  deltaInput,
  droppedInputs,
  embedDelta,
  languageLevels,
  type PublishedSettings,
  publishedAdclick,
} from '../../src/networks/published-adclick.ts';
import { languageTokens, publishedSeg } from '../../src/networks/published-seg.ts';
import { normalisedFocalLoss } from '../../src/training/losses.ts';
import { everyWeightDecays } from '../../src/training/published.ts';
import { difference, largest } from './difference.ts';
import { seeded } from './seeded.ts';

// Sizes of SMALL in bench/reference/published_networks.py.
const BATCH = 2;
const [HEIGHT, WIDTH] = [8, 16];
const SETTINGS: PublishedSettings = {
  ...{ residualDims: 20, dim: 24, depth: 4, heads: 2, window: 4, mlpRatio: 2 },
  ...{ pyramid: [8, 12, 16, 20], head: 12 },
};
const LAVT = [6, 10, 14, 18];
const RATE = 1e-2;

/** The four maps of a prompt as graph inputs. */
const mapInputs = (graph: Graph): Value[] =>
  LAVT.map((channels, i) => {
    const at = (side: number) => (2 * side) / 2 ** i;
    return graph.input(`lavt.${i}`, [BATCH, at(HEIGHT), at(WIDTH), channels]);
  });

/** Builds the logits of one of the two networks. */
type Build = (graph: Graph, p: ParameterSource, told: boolean, training: boolean) => Value;

const NETWORKS: Readonly<Record<string, Build>> = {
  'published-adclick': (graph, p, told, training) => {
    const embedded = embedDelta(p, SETTINGS, deltaInput(graph, BATCH, HEIGHT, WIDTH, SETTINGS.residualDims));
    const language = told ? languageLevels(p, SETTINGS, mapInputs(graph)) : undefined;
    const dropped = training ? droppedInputs(graph, BATCH, SETTINGS) : undefined;
    return publishedAdclick(p, SETTINGS, embedded, clickMapInput(graph, BATCH, HEIGHT, WIDTH), { language, dropped });
  },
  'published-seg': (graph, p, told, training) => {
    const embedded = embedDelta(p, SETTINGS, deltaInput(graph, BATCH, HEIGHT, WIDTH, SETTINGS.residualDims));
    const language = told ? languageTokens(p, SETTINGS, mapInputs(graph)) : undefined;
    const paths = training ? graph.input('paths', [BATCH, 2 * SETTINGS.depth]) : undefined;
    return publishedSeg(p, SETTINGS, embedded, clickMapInput(graph, BATCH, HEIGHT, WIDTH), { language, paths });
  },
};

/** The numbers of an input, drawn as the Python draws them. */
function drawn(name: string, shape: readonly number[]): Tensor {
  const mapped = (from: Tensor, to: (value: number) => number) => tensor((from.data as Float32Array).map(to), shape);
  if (name === 'clickMap') return seeded(name, shape, 0.5, 0.5);
  if (name === 'paths' || name === 'channels')
    return mapped(seeded(name, shape, 0.5, 0.5), (value) => (value >= Math.fround(0.1) ? 1 / 0.9 : 0));
  if (name === 'target') return mapped(seeded(name, shape, 1), (value) => (value > 0.5 ? 1 : 0));
  if (name === 'weight') return mapped(seeded(name, shape, 1), (value) => (value > -0.8 ? 1 : 0));
  return seeded(name, shape, 1);
}

function weightOf({ name, shape }: Pick<ParameterEntry, 'name' | 'shape'>): Tensor {
  if (name.includes('norm') && name.endsWith('weight')) return seeded(name, shape, 0.5, 1);
  return seeded(name, shape, shape.length > 1 ? Math.sqrt(2 / shape[0]) : 0.2);
}

const lossOf = (graph: Graph, logits: Value) => {
  const side = logits.shape;
  return normalisedFocalLoss(logits, graph.input('target', side), graph.input('weight', side));
};

describe.each(Object.entries(NETWORKS))('%s beside PyTorch', (file, build) => {
  let runtime: Runtime;
  let want: ReadonlyMap<string, Tensor>;
  let entries: readonly ParameterEntry[];
  let weights: ReadonlyMap<string, Tensor>;
  const program = () =>
    compileStep((graph, p) => ({ loss: lossOf(graph, build(graph, everyWeightDecays(p), true, true)) }));

  beforeAll(async () => {
    runtime = await Runtime.start();
    const path = fileURLToPath(new URL(`fixtures/${file}.safetensors`, import.meta.url));
    want = (await readSafetensors(path)).tensors;
    entries = program().layout.entries;
    weights = new Map(entries.map((entry) => [entry.name, weightOf(entry)]));
  });
  afterAll(() => runtime.close());

  const answer = (name: string) => want.get(name) as Tensor;
  const feeds = (graph: Graph) =>
    Object.fromEntries(graph.inputPorts.map(({ name, shape }) => [name, weights.get(name) ?? drawn(name, shape)]));

  test.each([
    ['logits', true],
    ['logits without language', false],
  ])('%s', async (name, told) => {
    const graph = new Graph();
    graph.output('logits', build(graph, new FrozenParameters(graph, weights), told, false));
    const session = await runtime.load(graph.toModel());
    const { logits } = await session.run(feeds(graph));
    const wanted = answer(name);
    // Without language there is an answer for the first picture alone.
    const found = tensor((logits.data as Float32Array).subarray(0, wanted.data.length), wanted.shape);
    expect(difference(found, wanted)).toBeLessThan(1e-4);
    await session.release();
  });

  test('every gradient of a training step', async () => {
    const graph = new Graph();
    const values = new Map<string, Value>();
    const logits = build(
      graph,
      {
        get: (name, shape) => {
          const known = values.get(name) ?? graph.input(name, shape, 'float32', { needsGrad: true });
          values.set(name, known);
          return known;
        },
      },
      true,
      true,
    );
    const loss = lossOf(graph, logits);
    graph.output('loss', loss);
    for (const [i, gradient] of gradients(loss, [...values.values()]).entries()) graph.output(`g${i}`, gradient);
    const session = await runtime.load(graph.toModel());
    const out = await session.run(feeds(graph));
    expect(difference(out.loss, answer('loss'))).toBeLessThan(1e-5);
    const names = [...values.keys()];
    expect(names.sort()).toEqual(
      [...want.keys()].flatMap((key) => (key.startsWith('gradient ') ? [key.slice(9)] : [])).sort(),
    );
    for (const [i, name] of [...values.keys()].entries())
      expect(difference(out[`g${i}`], answer(`gradient ${name}`)), name).toBeLessThan(1e-3);
    await session.release();
  });

  test('parameters after a step of AdamW, which every one of them decays by', async () => {
    const step = program();
    const trainer = await Trainer.create({ programs: { step }, runtime, weights });
    const inputs = Object.fromEntries(step.inputs.map(({ name, shape }) => [name, drawn(name, shape)]));
    await trainer.step('step', inputs, { learningRate: RATE, weightDecay: 0.05 });
    const after = await trainer.weights();
    await trainer.close();
    let compared = 0;
    for (const [key, { data }] of want) {
      if (!key.startsWith('stepped ')) continue;
      const name = key.slice(8);
      const gradient = answer(`gradient ${name}`);
      const least = 1e-2 * largest(gradient);
      const got = after.get(name)?.data as Float32Array;
      // The first step has the size of the rate whatever the gradient's: where that is all but nothing, its sign is rounding.
      for (let i = 0; i < got.length; i++) {
        if (Math.abs(Number(gradient.data[i])) < least) continue;
        expect(Math.abs(got[i] - Number(data[i])), `${name} ${i}`).toBeLessThan(1e-3 * RATE);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(200);
  });
});
