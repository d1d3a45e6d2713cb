import {
  add,
  compileStep,
  FrozenParameters,
  Graph,
  type ParameterSource,
  Runtime,
  reduceMean,
  square,
  sub,
  Trainer,
  tensor,
} from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TOKENS } from '../language/tokenizer.ts';
import { Random } from '../random.ts';
import {
  type AdclickSettings,
  adclick,
  CLICK_PLANES,
  clickInputs,
  embedResidual,
  LIKENESS,
  languageMap,
  PRESETS,
  residualInput,
  tokenInput,
} from './adclick.ts';
import { settingsOf } from './click-weights.ts';
import { wordInputs } from './pwam.ts';
import { swinStack, windowOrder } from './swin.ts';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await Runtime.start({ threads: 1 });
});
afterAll(() => runtime.close());

const TINY = { dim: 8, depth: 2, heads: 2, window: 4, mlpRatio: 2 } as const;
const noise = (count: number, seed: number) => {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => random.normal());
};

/** Random weights for whatever a network asks for, through a trainer's initialisation. */
async function weightsOf(build: Parameters<typeof compileStep>[0]) {
  const trainer = await Trainer.create({ programs: { only: compileStep(build) }, seed: 3, runtime });
  const weights = await trainer.weights();
  await trainer.close();
  for (const [name, { shape, data }] of weights)
    if (name.endsWith('positions')) weights.set(name, tensor(noise(data.length, 9), shape));
  return weights;
}

test('window order visits every token once, window by window', () => {
  expect(windowOrder({ height: 4, width: 4 }, 2, 0).slice(0, 8)).toEqual([0, 1, 4, 5, 2, 3, 6, 7]);
  expect(windowOrder({ height: 4, width: 4 }, 2, 1).slice(0, 4)).toEqual([5, 6, 9, 10]);
  const seen = windowOrder({ height: 8, width: 12 }, 4, 2);
  expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: 96 }, (_, i) => i));
});

describe('a Swin stack', () => {
  const grid = { height: 8, width: 12 };
  const count = grid.height * grid.width;
  const build = (graph: Graph, p: Parameters<typeof swinStack>[1], batch: number) =>
    swinStack(graph, p, 'blocks', graph.input('x', [batch, count, TINY.dim]), grid, TINY);

  async function run(x: Float32Array, batch = 1): Promise<Float32Array> {
    const weights = await weightsOf((graph, p) => ({ loss: reduceMean(build(graph, p, 1)) }));
    const graph = new Graph();
    graph.output('y', build(graph, new FrozenParameters(graph, weights), batch));
    const session = await runtime.load(graph.toModel());
    const { y } = await session.run({ x: tensor(x, [batch, count, TINY.dim]) });
    return (y as { data: Float32Array }).data;
  }

  test('tokens see their shifted window but never the opposite border', async () => {
    const x = noise(count * TINY.dim, 1);
    const changed = x.slice();
    for (let d = 0; d < TINY.dim; d++) changed[d] = -changed[d]; // token (0, 0)
    const [before, after] = [await run(x), await run(changed)];
    const moved = (row: number, column: number) => {
      const at = (row * grid.width + column) * TINY.dim;
      return before.subarray(at, at + TINY.dim).some((value, d) => Math.abs(value - after[at + d]) > 1e-5);
    };
    expect(moved(3, 3)).toBe(true); // its own window
    expect(moved(5, 5)).toBe(true); // through the shifted window of the second block
    for (let row = 0; row < grid.height; row++) expect(moved(row, grid.width - 1)).toBe(false);
    for (let column = 0; column < grid.width; column++) expect(moved(grid.height - 1, column)).toBe(false);
  });

  test('samples of a batch do not touch each other', async () => {
    const [a, b] = [noise(count * TINY.dim, 2), noise(count * TINY.dim, 3)];
    const both = await run(Float32Array.from([...a, ...b]), 2);
    const alone = await run(b);
    alone.forEach((value, i) => {
      expect(both[alone.length + i]).toBeCloseTo(value, 4);
    });
  });
});

/** The whole network with its inputs, for a square of tokens. */
function whole(graph: Graph, p: ParameterSource, settings: AdclickSettings, batch: number, tokens: number) {
  const residual = residualInput(graph, batch, tokens, tokens, settings.residualDims);
  const inputs = clickInputs(graph, batch, tokens, tokens);
  return adclick(graph, p, settings, embedResidual(p, settings, residual), inputs);
}

/** Inputs that say nothing, for four residual channels. */
function blank(batch: number, tokens: number) {
  const side = 8 * tokens;
  const zeros = (...shape: number[]) => tensor(new Float32Array(shape.reduce((a, b) => a * b)), shape);
  return {
    residual: zeros(batch, tokens, tokens, 4),
    clickPlanes: zeros(batch, tokens, tokens, CLICK_PLANES),
    clickMap: zeros(batch, side, side, 3),
    colours: zeros(batch, 3, side, side),
    likeness: zeros(batch, LIKENESS, side, side),
  };
}

test('the click model learns a mask that only the clicks tell apart', async () => {
  const settings = { ...TINY, pyramid: 8, head: 8, edge: 8, language: 8, residualDims: 4 };
  const [batch, tokens] = [2, 8];
  const side = 8 * tokens;
  const program = compileStep((graph, p) => {
    const logits = whole(graph, p, settings, batch, tokens);
    const target = graph.input('target', [batch, side, side]);
    return { loss: reduceMean(square(sub(logits, target))), outputs: { logits } };
  });
  const trainer = await Trainer.create({ programs: { only: program }, seed: 1, runtime });
  const clickMap = new Float32Array(batch * side * side * 3);
  const target = new Float32Array(batch * side * side).fill(-1);
  // Sample 0 is clicked at the left, sample 1 at the right; each defect is the clicked half.
  for (let b = 0; b < batch; b++)
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        const inside = b === 0 ? x < side / 2 : x >= side / 2;
        const at = (b * side + y) * side + x;
        if (inside) target[at] = 1;
        if (Math.abs(x - (b === 0 ? 16 : 48)) < 5 && Math.abs(y - 32) < 5) clickMap[at * 3 + 1] = 1;
      }
  const feeds = {
    ...blank(batch, tokens),
    clickMap: tensor(clickMap, [batch, side, side, 3]),
    target: tensor(target, [batch, side, side]),
  };
  let first = 0;
  let last = 0;
  for (let step = 0; step < 120; step++) {
    const { loss } = await trainer.step('only', feeds, { learningRate: 5e-3 });
    if (step === 0) first = loss;
    last = loss;
  }
  await trainer.close();
  expect(first).toBeGreaterThan(1);
  expect(last).toBeLessThan(0.3);
});

test('the click model draws a line of one pixel that only the picture shows', async () => {
  const settings = { ...TINY, pyramid: 8, head: 8, edge: 8, language: 8, residualDims: 4 };
  const [tokens, side] = [8, 64];
  const program = compileStep((graph, p) => {
    const logits = whole(graph, p, settings, 1, tokens);
    const target = graph.input('target', [1, side, side]);
    return { loss: reduceMean(square(sub(logits, target))), outputs: { logits } };
  });
  const trainer = await Trainer.create({ programs: { only: program }, seed: 1, runtime });
  const random = new Random(6);
  /** A dark line at a random angle; the network has to find it in pictures it has not seen. */
  const picture = () => {
    const colours = new Float32Array(3 * side * side);
    const target = new Float32Array(side * side).fill(-1);
    const [from, slope] = [random.uniform(16, 48), random.uniform(-0.5, 0.5)];
    for (let x = 0; x < side; x++) {
      const at = Math.round(from + slope * (x - side / 2)) * side + x;
      target[at] = 1;
      for (let c = 0; c < 3; c++) colours[c * side * side + at] = -3;
    }
    return {
      ...blank(1, tokens),
      colours: tensor(colours, [1, 3, side, side]),
      target: tensor(target, [1, side, side]),
    };
  };
  for (let step = 0; step < 150; step++) await trainer.step('only', picture(), { learningRate: 1e-2 });
  const unseen = picture();
  const { outputs } = await trainer.step('only', unseen, { learningRate: 0 });
  await trainer.close();
  const logits = outputs.logits.data as Float32Array;
  const wrong = logits.reduce((sum, z, i) => sum + (z > 0 !== unseen.target.data[i] > 0 ? 1 : 0), 0);
  expect(wrong).toBeLessThan(16);
}, 60_000);

test('words tell the network which of two marks is the defect, and without words nothing is added', async () => {
  const settings = { ...TINY, pyramid: 8, head: 8, edge: 8, language: 8, residualDims: 4 };
  const [tokens, side, dims] = [8, 64, 6];
  const guided = (graph: Graph, p: ParameterSource, batch: number) => {
    const residual = residualInput(graph, batch, tokens, tokens, 4);
    const words = wordInputs(graph, batch, dims);
    const language = languageMap(p, settings, tokenInput(graph, batch, tokens, tokens, 4), words);
    const inputs = clickInputs(graph, batch, tokens, tokens);
    return { logits: adclick(graph, p, settings, embedResidual(p, settings, residual), inputs, language), language };
  };
  const program = compileStep((graph, p) => {
    const { logits, language } = guided(graph, p, 2);
    const target = graph.input('target', [2, side, side]);
    return { loss: reduceMean(square(sub(logits, target))), outputs: { logits, language } };
  });
  const trainer = await Trainer.create({ programs: { only: program }, seed: 1, runtime });
  // Both samples show the same: one kind of surface at the left, another at the right. The words name one of them.
  const seen = new Float32Array(2 * tokens * tokens * 4);
  const target = new Float32Array(2 * side * side).fill(-1);
  const words = new Float32Array(2 * TOKENS * dims);
  const wordMask = new Float32Array(2 * TOKENS);
  for (let b = 0; b < 2; b++) {
    for (let cell = 0; cell < tokens * tokens; cell++)
      seen[(b * tokens * tokens + cell) * 4 + (cell % tokens < tokens / 2 ? 0 : 1)] = 1;
    for (let i = 0; i < side * side; i++) if ((i % side < side / 2 ? 0 : 1) === b) target[b * side * side + i] = 1;
    for (let word = 0; word < 3; word++) {
      words[(b * TOKENS + word) * dims + b] = 1;
      wordMask[b * TOKENS + word] = 1;
    }
  }
  const feeds = {
    ...blank(2, tokens),
    residual: tensor(noise(2 * tokens * tokens * 4, 4), [2, tokens, tokens, 4]),
    tokens: tensor(seen, [2, tokens, tokens, 4]),
    words: tensor(words, [2, TOKENS, dims]),
    wordMask: tensor(wordMask, [2, TOKENS]),
    target: tensor(target, [2, side, side]),
  };
  let last = Number.POSITIVE_INFINITY;
  for (let step = 0; step < 150; step++) last = (await trainer.step('only', feeds, { learningRate: 5e-3 })).loss;
  const silent = { ...feeds, wordMask: tensor(new Float32Array(2 * TOKENS), [2, TOKENS]) };
  const { outputs } = await trainer.step('only', silent, { learningRate: 0 });
  await trainer.close();
  expect(last).toBeLessThan(0.3);
  expect(outputs.language.data.every((value) => Number(value) === 0)).toBe(true);
}, 60_000);

test('the shipped size has the parameters it says', () => {
  const settings = { ...PRESETS.small, residualDims: 272 };
  const program = compileStep((graph, p) => {
    const words = wordInputs(graph, 1, 384);
    const language = languageMap(p, settings, tokenInput(graph, 1, 8, 8, 272), words);
    return { loss: add(reduceMean(whole(graph, p, settings, 1, 8)), reduceMean(language)) };
  });
  expect(program.layout.size).toBe(566_120);
});

test('weights from when the edges had more channels keep them', () => {
  const card = { preset: 'small', residualDims: 272 } as const;
  const weights = new Map([['edge.logit.weight', tensor(new Float32Array(4 * 24 * 9), [4, 24, 3, 3])]]);
  expect(settingsOf(card, weights)).toEqual({ ...PRESETS.small, edge: 24, residualDims: 272 });
  expect(settingsOf(card)).toEqual({ ...PRESETS.small, residualDims: 272 });
});
