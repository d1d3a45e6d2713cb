/** Our half of the training-step measurement: `train-step.ts [--steps N] [--threads N] [--from FILE]`. */
import { parseArgs } from 'node:util';
import { compileStep, Runtime, readSafetensors, type Tensor, Trainer, tensor } from '@adclick/ortgrad';
import { Random } from '../../packages/core/src/random.ts';
import { answer } from '../child.ts';
import { ENGINE, ENGINE_OPTIMIZER, ENGINE_SHARDS, engineLoss } from '../engine-step.ts';
import { median } from '../results.ts';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '12' },
    threads: { type: 'string', default: '2' },
    /** Initial weights, x and y that the yardstick saved, so that both do the same arithmetic. */
    from: { type: 'string' },
  },
});

/** Untimed steps: the first ones allocate. */
const WARM_UP = 2;

function draw(): Map<string, Tensor> {
  const random = new Random(0);
  const tokens = ENGINE.side ** 2;
  const fill = (count: number, value: () => number) => Float32Array.from({ length: count }, value);
  const cells = ENGINE.batch * tokens;
  return new Map([
    [
      'x',
      tensor(
        fill(cells * ENGINE.channels, () => random.normal()),
        [ENGINE.batch, tokens, ENGINE.channels],
      ),
    ],
    [
      'y',
      tensor(
        fill(cells, () => random.next()),
        [ENGINE.batch, tokens, 1],
      ),
    ],
  ]);
}

const tensors = values.from ? (await readSafetensors(values.from)).tensors : draw();
const { x, y, ...weights } = Object.fromEntries(tensors);
const program = compileStep(engineLoss, { shards: ENGINE_SHARDS });
const runtime = await Runtime.start({ threads: Number(values.threads) });
const trainer = await Trainer.create({
  programs: { step: program },
  runtime,
  weights: new Map(Object.entries(weights)),
});

const losses: number[] = [];
const times: number[] = [];
const steps = Number(values.steps);
for (let n = 0; n < WARM_UP + steps; n++) {
  const start = performance.now();
  const { loss } = await trainer.step('step', { x: x, y: y }, ENGINE_OPTIMIZER);
  if (n >= WARM_UP) times.push(performance.now() - start);
  losses.push(loss);
}
await trainer.close();
await runtime.close();
answer({
  medianMs: median(times),
  minMs: Math.min(...times),
  maxMs: Math.max(...times),
  steps,
  parameters: program.layout.size,
  losses,
});
