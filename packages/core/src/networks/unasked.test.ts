import { FrozenParameters, Graph, Runtime, tensor } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_WEIGHTS } from '../inference/labeler.ts';
import { TOKENS } from '../language/tokenizer.ts';
import { modelPath } from '../models.ts';
import { Random } from '../random.ts';
import { loadOwnWeights, type OwnClickWeights } from './click-weights.ts';
import { type TypeWords, trusted, unasked } from './unasked.ts';

const [ROWS, COLUMNS] = [8, 16];
/** Channels of a word of the encoder that the weights were trained with. */
const WORD_DIMS = 384;
let runtime: Runtime;
let click: OwnClickWeights;

beforeAll(async () => {
  runtime = await Runtime.start();
  click = await loadOwnWeights(modelPath(`${DEFAULT_WEIGHTS}/weights.safetensors`));
});
afterAll(() => runtime.close());

const noise = (count: number, seed: string) => {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => random.normal());
};

/** Words that nobody wrote. */
const wordsOf = (...types: string[]): TypeWords =>
  new Map(
    types.map((type) => {
      const features = noise(TOKENS * WORD_DIMS, type);
      return [type, { features, mask: new Uint8Array(TOKENS).fill(1, 0, 6), tokens: TOKENS, dims: WORD_DIMS }];
    }),
  );

/** What the shipped weights say of noise: the learnt logits, and those that are half trusted. */
async function answer(words: TypeWords, window?: { side: number; stride: number }) {
  const { settings, tensors } = click;
  const { residualDims } = settings;
  const graph = new Graph('test');
  const feeds = {
    residual: tensor(noise(ROWS * COLUMNS * residualDims, 'residual').map(Math.abs), [1, ROWS, COLUMNS, residualDims]),
    tokens: tensor(noise(ROWS * COLUMNS * residualDims, 'tokens'), [1, ROWS, COLUMNS, residualDims]),
    norm: tensor(noise(ROWS * COLUMNS, 'norm').map(Math.abs), [1, ROWS, COLUMNS]),
    colours: tensor(noise(3 * 64 * ROWS * COLUMNS, 'colours'), [1, 3, 8 * ROWS, 8 * COLUMNS]),
  };
  const inputs = {
    residual: graph.input('residual', feeds.residual.shape),
    tokens: graph.input('tokens', feeds.tokens.shape),
    norm: graph.input('norm', feeds.norm.shape),
  };
  const colours = graph.input('colours', feeds.colours.shape);
  const network = { ...settings, seg: 'pyramid', path: { gain: 3, offset: -1 } } as const;
  const logits = unasked(new FrozenParameters(graph, tensors), network, inputs, colours, words, window);
  graph.output('path', logits.path);
  graph.output('correction', logits.correction);
  graph.output('half', trusted(logits, 0.5));
  const session = await runtime.load(graph.toModel());
  const taken = new Set(graph.inputPorts.map(({ name }) => name));
  const { path, correction, half } = await session.run(
    Object.fromEntries(Object.entries(feeds).filter(([name]) => taken.has(name))),
  );
  await session.release();
  return {
    path: path.data as Float32Array,
    correction: correction.data as Float32Array,
    half: half.data as Float32Array,
  };
}

/** The largest difference of two maps. */
const furthest = (a: Float32Array, b: Float32Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

describe('a picture that nobody has clicked on', () => {
  it('gets the largest answer over its defect types at each pixel, whatever their order', async () => {
    const [dent, crack] = [await answer(wordsOf('dent')), await answer(wordsOf('crack'))];
    const both = await answer(wordsOf('dent', 'crack'));
    const largest = dent.correction.map((value, i) => Math.max(value, crack.correction[i]));
    expect(furthest(both.correction, largest)).toBeLessThan(1e-4);
    expect(furthest((await answer(wordsOf('crack', 'dent'))).correction, largest)).toBeLessThan(1e-4);
    // Neither type alone says it all.
    expect(furthest(dent.correction, largest)).toBeGreaterThan(1e-2);
    expect(furthest(crack.correction, largest)).toBeGreaterThan(1e-2);
  });

  it('is asked once, without words, where no type has some, and trusted as far as was said', async () => {
    const { path, correction, half } = await answer(new Map());
    expect(furthest(correction, (await answer(wordsOf('dent'))).correction)).toBeGreaterThan(1e-2);
    const halves = path.map((value, i) => value + correction[i] / 2);
    expect(furthest(half, halves)).toBeLessThan(1e-4);
  });

  it('is looked at as a whole by a window that is as large, and differently by smaller ones', async () => {
    const words = wordsOf('dent', 'crack');
    const whole = await answer(words);
    const covering = await answer(words, { side: 16, stride: 8 });
    expect(furthest(covering.correction, whole.correction)).toBeLessThan(1e-4);
    const parts = await answer(words, { side: 8, stride: 8 });
    expect(furthest(parts.correction, whole.correction)).toBeGreaterThan(1e-2);
  });
});
