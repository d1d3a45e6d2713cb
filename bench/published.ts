/**
 * The networks as published at full width, a picture of 512 px and its prompt: parameters, seconds and memory of a forward pass and of a
 * training step. `python bench/reference/published_networks.py full [seg]` says the same of PyTorch.
 *   npm run bench:published -- adclick|seg forward|step
 */
import {
  compileStep,
  elementCount,
  FrozenParameters,
  Graph,
  type ParameterSource,
  Runtime,
  type Tensor,
  Trainer,
  tensor,
  type Value,
} from '@adclick/ortgrad';
import {
  clickMapInput,
  deltaInput,
  droppedInputs,
  embedDelta,
  languageLevels,
  PUBLISHED_WIDTH,
  publishedAdclick,
  publishedSizes,
} from '../packages/core/src/networks/published-adclick.ts';
import { languageTokens, publishedSeg } from '../packages/core/src/networks/published-seg.ts';
import { Random } from '../packages/core/src/random.ts';
import { normalisedFocalLoss } from '../packages/core/src/training/losses.ts';
import { everyWeightDecays } from '../packages/core/src/training/published.ts';

/** Tokens a side, and channels of LAVT's four maps. */
const SIDE = 64;
const LAVT = [128, 256, 512, 1024];
const RUNS = 3;

const [which, what] = process.argv.slice(2);
const settings = publishedSizes(PUBLISHED_WIDTH, 1024);

function logitsOn(graph: Graph, p: ParameterSource, training: boolean): Value {
  const embedded = embedDelta(p, settings, deltaInput(graph, 1, SIDE, SIDE, settings.residualDims));
  const clicks = clickMapInput(graph, 1, SIDE, SIDE);
  const maps = LAVT.map((channels, i) => {
    const side = (2 * SIDE) / 2 ** i;
    return graph.input(`lavt.${i}`, [1, side, side, channels]);
  });
  const dropped = training ? droppedInputs(graph, 1, settings) : undefined;
  if (which === 'adclick')
    return publishedAdclick(p, settings, embedded, clicks, { language: languageLevels(p, settings, maps), dropped });
  return publishedSeg(p, settings, embedded, clicks, {
    language: languageTokens(p, settings, maps),
    paths: dropped?.paths,
  });
}

const program = compileStep(
  (graph, source) => {
    const logits = logitsOn(graph, everyWeightDecays(source), true);
    const { shape } = logits;
    return { loss: normalisedFocalLoss(logits, graph.input('target', shape), graph.input('weight', shape)) };
  },
  { clipNorm: 1 },
);

const random = new Random(0);
/** Nothing in the time depends on what is in a tensor. */
const filled = (shape: readonly number[], reach: number): Tensor =>
  tensor(
    Float32Array.from({ length: elementCount(shape) }, () => random.uniform(0, reach)),
    shape,
  );

async function timed(run: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  await run();
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  console.log(`${which} ${what} ${seconds} s, peak ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`);
}

console.log(`parameters ${program.layout.size}`);
const runtime = await Runtime.start({ threads: 2 });
if (what === 'forward') {
  const graph = new Graph();
  const weights = new Map(program.layout.entries.map(({ name, shape }) => [name, filled(shape, 0.02)]));
  graph.output('logits', logitsOn(graph, new FrozenParameters(graph, weights), false));
  const feeds = Object.fromEntries(graph.inputPorts.map(({ name, shape }) => [name, filled(shape, 1)]));
  const session = await runtime.load(graph.toModel());
  for (let n = 0; n < RUNS; n++) await timed(() => session.run(feeds));
} else {
  const trainer = await Trainer.create({ programs: { program }, runtime });
  const feeds = Object.fromEntries(program.inputs.map(({ name, shape }) => [name, filled(shape, 1)]));
  const step = { learningRate: 3e-5, weightDecay: 0.05, emaDecay: 0.999 };
  for (let n = 0; n < RUNS; n++) await timed(() => trainer.step('program', feeds, step));
  await trainer.close();
}
await runtime.close();
