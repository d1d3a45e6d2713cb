/**
 * Our half of ADClick-Seg's training-step measurement: `seg-step.ts FILE --make` writes the weights and the batch that both sides begin
 * with, `seg-step.ts FILE [--steps N] [--threads N]` times steps from it.
 */
import { parseArgs } from 'node:util';
import {
  compileStep,
  Runtime,
  readSafetensors,
  type StepProgram,
  type Tensor,
  Trainer,
  tensor,
  writeSafetensors,
} from '@adclick/ortgrad';
import { drawDisc } from '../../packages/core/src/clicks/encoding.ts';
import { modelClick } from '../../packages/core/src/clicks/types.ts';
import { modelPath } from '../../packages/core/src/models.ts';
import { CLICK_CHANNELS, CLICK_PLANES, LIKENESS, TOKEN } from '../../packages/core/src/networks/adclick.ts';
import type { SegSettings } from '../../packages/core/src/networks/adclick-seg.ts';
import { loadOwnWeights } from '../../packages/core/src/networks/click-weights.ts';
import { Random } from '../../packages/core/src/random.ts';
import { CROP } from '../../packages/core/src/training/item.ts';
import { DETECTOR_TRAINING } from '../../packages/core/src/training/train-detector.ts';
import { BATCH, CLIP, lossGraph, SHARDS } from '../../packages/core/src/training/train-seg.ts';
import { answer } from '../child.ts';
import { median } from '../results.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    make: { type: 'boolean', default: false },
    steps: { type: 'string', default: '12' },
    threads: { type: 'string', default: '2' },
  },
});
const [file] = positionals as [string];

/** Untimed steps: the first ones allocate. */
const WARM_UP = 2;
/** Clicks on each picture, and pixels of a row that carry no label: both as in training. */
const CLICKS = 2;
const IGNORED = 0.1;

const { loop, head } = DETECTOR_TRAINING;
const click = await loadOwnWeights(modelPath('adclick-small/weights.safetensors'));
const settings: SegSettings = { ...click.settings, seg: head, path: { gain: 3, offset: 0 } };
const update = { learningRate: loop.learningRate, weightDecay: loop.weightDecay, emaDecay: loop.emaDecay };

/** A batch of random squares: nothing in a step depends on what is in them. */
function batch(program: StepProgram): Map<string, Tensor> {
  const random = new Random(0);
  const side = CROP * TOKEN;
  const fill = (value: (i: number) => number, ...shape: number[]) =>
    tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => value(i)),
      shape,
    );
  const clickMap = new Float32Array(BATCH * side * side * CLICK_CHANNELS);
  for (let b = 0, size = clickMap.length / BATCH; b < BATCH; b++) {
    const one = clickMap.subarray(b * size, (b + 1) * size);
    for (let i = 0; i < size; i += CLICK_CHANNELS) one[i] = random.next();
    for (let n = 0; n < CLICKS; n++) {
      const [x, y] = [random.int(0, side), random.int(0, side)];
      drawDisc(one, side, side, modelClick(x, y, n % 2 === 0));
    }
  }
  const made: Record<string, Tensor> = {
    residual: fill(() => Math.log1p(random.normal() ** 2), BATCH, CROP, CROP, settings.residualDims),
    norm: fill(() => 0.5 + random.next(), BATCH, CROP, CROP),
    clickPlanes: fill(() => random.next(), BATCH, CROP, CROP, CLICK_PLANES),
    clickMap: tensor(clickMap, [BATCH, side, side, CLICK_CHANNELS]),
    colours: fill(() => random.normal(), BATCH, 3, side, side),
    likeness: fill(() => random.next(), BATCH, LIKENESS, side, side),
    target: fill((i) => (i % side < side / 8 ? 1 : 0), BATCH, side, side),
    weight: fill(() => (random.chance(IGNORED) ? 0 : 1), BATCH, side, side),
  };
  // What the loss asks for, no more and no less: a new input of the network is missed here, not in a wrong figure.
  return new Map(program.inputs.map(({ name }) => [name, made[name]]));
}

const program = compileStep(lossGraph(settings, BATCH / SHARDS, CROP, loop.dice), { shards: SHARDS, clipNorm: CLIP });
const runtime = await Runtime.start({ threads: Number(values.threads) });
const create = (weights: ReadonlyMap<string, Tensor>) =>
  Trainer.create({ programs: { crop: program }, runtime, weights });

/** Before the names of the batch's tensors in the file. */
const FEED = 'feed/';

if (values.make) {
  const trainer = await create(click.tensors);
  const tensors = new Map(await trainer.weights());
  for (const [name, value] of batch(program)) tensors.set(`${FEED}${name}`, value);
  await writeSafetensors(file, tensors, {
    settings: JSON.stringify({ ...settings, ...update, clip: CLIP, dice: loop.dice }),
  });
  await trainer.close();
  answer({ made: file });
} else {
  const { tensors } = await readSafetensors(file);
  const named = [...tensors];
  const feeds = Object.fromEntries(
    named.filter(([name]) => name.startsWith(FEED)).map(([name, value]) => [name.slice(FEED.length), value]),
  );
  const trainer = await create(new Map(named.filter(([name]) => !name.startsWith(FEED))));
  const losses: number[] = [];
  const times: number[] = [];
  const steps = Number(values.steps);
  for (let n = 0; n < WARM_UP + steps; n++) {
    const start = performance.now();
    const { loss } = await trainer.step('crop', feeds, update);
    if (n >= WARM_UP) times.push(performance.now() - start);
    losses.push(loss);
  }
  await trainer.close();
  answer({ medianMs: median(times), steps, parameters: program.layout.size, losses });
}
await runtime.close();
