/** LAVT's encoder beside PyTorch: maps of a picture and a prompt, and gradients of its pixel–word attention. Answers: bench/reference/lavt.py. */
import { join } from 'node:path';
import {
  add,
  FrozenParameters,
  Graph,
  gradients,
  mul,
  type ParameterSource,
  Runtime,
  readSafetensors,
  reduceSum,
  type Tensor,
  tensor,
  transpose,
  type Value,
} from '@adclick/ortgrad';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Made } from '../../src/checkpoints/architecture.ts';
import { lavtEncoder } from '../../src/checkpoints/lavt.ts';
import { type LavtSettings, lavtMaps } from '../../src/networks/lavt-swin.ts';
import { difference, largest } from './difference.ts';
import { drawnWeights } from './drawn-weights.ts';
import { seeded } from './seeded.ts';

/** As bench/reference/lavt.py has it. */
const NARROW: LavtSettings = { embed: 8, depths: [2, 2, 3, 2], heads: [1, 2, 4, 4], window: 4 };
const WORDS = 24;
const PICTURE = [2, 3, 58, 90];
const MASK = [1, 1, 0.9998, 0.4, 0, 1, 1, 1, 1, 0];

/** What a softmax or a norm takes off again: the gradients of these are nothing but rounding. */
const WITHOUT_EFFECT = /image_lang_att\.\w+\.0\.bias$/;

const ARCHITECTURE = lavtEncoder(NARROW, WORDS);

let runtime: Runtime;
let answers: ReadonlyMap<string, Tensor>;
beforeAll(async () => {
  runtime = await Runtime.start();
  answers = (await readSafetensors(join(import.meta.dirname, 'fixtures/lavt.safetensors'))).tensors;
});
afterAll(() => runtime.close());

test('maps, and gradients of every parameter of pixel–word attention, equal PyTorch', async () => {
  const weights = drawnWeights(ARCHITECTURE, 'backbone.');
  const graph = new Graph('lavt');
  const picture = graph.input('picture', PICTURE);
  const features = graph.input('words', [2, MASK.length / 2, WORDS]);
  const mask = graph.input('mask', [2, MASK.length / 2]);
  const trained = new Map<string, Value>();
  const inputs: ParameterSource = {
    get: (name, shape) => {
      const value = trained.get(name) ?? graph.input(name, shape, 'float32', { needsGrad: true });
      trained.set(name, value);
      return value;
    },
  };
  const frozen = new FrozenParameters(graph, weights);
  // What the paper trains of the encoder is its pixel–word attention.
  const p: ParameterSource = {
    get: (name, ...rest) => (name.includes('.fusion.') ? inputs : frozen).get(name, ...rest),
  };
  const maps = lavtMaps(graph, p, NARROW, picture, { features, mask }).map((map) => transpose(map, [0, 3, 1, 2]));
  const sums = maps.map((map, i) => {
    const factors = seeded(`loss.${i}`, map.shape, 1);
    return reduceSum(mul(map, graph.constant(factors.data, map.shape)));
  });
  for (const [i, map] of maps.entries()) graph.output(`map.${i}`, map);
  const names = [...trained.keys()];
  for (const [i, gradient] of gradients(sums.reduce(add), [...trained.values()]).entries())
    graph.output(`gradient.${names[i]}`, gradient);

  const session = await runtime.load(graph.toModel());
  const words = transposed(seeded('words', [2, WORDS, MASK.length / 2], 2));
  const found = await session.run({
    picture: seeded('picture', PICTURE, 2),
    words,
    mask: tensor(Float32Array.from(MASK), [2, MASK.length / 2]),
    ...Object.fromEntries(names.map((name) => [name, weights.get(name) as Tensor])),
  });
  await session.release();

  for (let i = 0; i < 4; i++)
    expect(difference(found[`map.${i}`], answers.get(`map.${i}`) as Tensor), `map ${i}`).toBeLessThan(1e-4);
  const fusions = ARCHITECTURE.tensors.filter(({ name }) => name.includes('.fusion.'));
  expect(names.sort()).toEqual(fusions.map(({ name }) => name).sort());
  for (const { name, shape, make } of fusions) {
    const wanted = asOurs(answers.get(`gradient.${name}`) as Tensor, shape, make);
    const gradient = found[`gradient.${name}`];
    if (!WITHOUT_EFFECT.test(name)) expect(difference(gradient, wanted), name).toBeLessThan(1e-3);
    else {
      const weight = answers.get(`gradient.${name.replace(/bias$/, 'weight')}`) as Tensor;
      for (const one of [gradient, wanted]) expect(largest(one), name).toBeLessThan(1e-4 * largest(weight));
    }
  }
});

/** A tensor of a checkpoint, or its gradient, as our file has it. */
const asOurs = ({ data }: Tensor, shape: readonly number[], make: Made['make']): Tensor =>
  tensor(make ? make([data as Float32Array]) : data, shape);

/** (B, D, T) as (B, T, D). */
function transposed({ data, shape: [batch, dims, count] }: Tensor): Tensor {
  const out = new Float32Array(data.length);
  for (let b = 0; b < batch; b++)
    for (let d = 0; d < dims; d++)
      for (let t = 0; t < count; t++)
        out[(b * count + t) * dims + d] = (data as Float32Array)[(b * dims + d) * count + t];
  return tensor(out, [batch, count, dims]);
}
