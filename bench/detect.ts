/**
 * `npm run bench:detect [-- --json] [--detector FILE] [--no-yardsticks] [--quick] [--wait SECONDS]`: what a trained detector and the residual
 * alone take for a picture of 512 px, one after another and in a batch, and their memory; a training step of ADClick-Seg beside PyTorch's.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runScript, say } from './child.ts';
import { comparedStep, ratioOf, stepNotes } from './compared-step.ts';
import type { Detected, Made } from './parts/detect-pictures.ts';
import { findPython } from './python.ts';
import { QuietRun } from './quiet.ts';
import { machine, median, round, spread, table, writeSection } from './results.ts';
import { TIMED } from './timed-options.ts';

const { values } = parseArgs({
  options: {
    ...TIMED,
    /** A trained detector whose input has 512 x 512 pixels, instead of the one that is made. */
    detector: { type: 'string' },
  },
});

const QUICK = values.quick;
const ROUNDS = QUICK ? 1 : 3;
const NORMALS = QUICK ? 4 : 60;
const PICTURES = QUICK ? 4 : 24;
const STEPS = QUICK ? 2 : 12;
const THREADS = String(Math.min(2, availableParallelism()));

const folder = await mkdtemp(join(tmpdir(), 'adclick-detect-'));
const run = new QuietRun(Number(values.wait));

/** Medians over the rounds. */
function summary(runs: readonly Detected[]) {
  const mid = (value: (run: Detected) => number) => median(runs.map(value));
  return {
    from: runs[0]?.from ?? 'residual',
    ...spread(runs.flatMap(({ detectMs }) => detectMs)),
    fileP50: round(median(runs.flatMap(({ fileMs }) => fileMs)), 1),
    imagesPerSecond: round(
      mid((each) => each.imagesPerSecond),
      1,
    ),
    loadMs: round(
      mid((each) => each.loadMs),
      0,
    ),
    fileMB: round((runs[0]?.fileBytes ?? 0) / 1e6, 1),
    peakMB: round(mid((each) => each.peakBytes) / 1e6, 0),
  };
}

type Summary = ReturnType<typeof summary>;

async function measure(): Promise<{ trained: Summary; residual: Summary }> {
  say('pictures and detectors');
  await runScript('parts/pictures.ts', [folder, '--good', String(NORMALS), '--bad', String(PICTURES)]);
  const made = await runScript<Made>('parts/detect-pictures.ts', [folder, '--make', '--threads', THREADS]);
  const given = values.detector === undefined ? made.trained : resolve(values.detector);
  const [plain, trained]: [Detected[], Detected[]] = [[], []];
  for (let n = 0; n < ROUNDS; n++) {
    const part = (what: string, file: string) =>
      run.measured(`${what}, round ${n + 1}`, () =>
        runScript<Detected>('parts/detect-pictures.ts', [folder, '--threads', THREADS, '--detector', file]),
      );
    plain.push(await part('residual alone', made.residual));
    trained.push(await part('trained network', given));
  }
  return { residual: summary(plain), trained: summary(trained) };
}

/** Both sides begin with the weights and the batch that our half writes. */
async function trainStep() {
  const start = join(folder, 'start.safetensors');
  await runScript('parts/seg-step.ts', [start, '--make']);
  const common = [start, '--steps', String(STEPS), '--threads', THREADS];
  return comparedStep({
    python: await findPython(!values['no-yardsticks']),
    run,
    rounds: ROUNDS,
    theirs: ['yardstick_seg_step.py', ...common],
    ours: () => ['parts/seg-step.ts', ...common],
  });
}

try {
  const { trained, residual } = await measure();
  const step = await trainStep();
  const { p50, p95, imagesPerSecond, peakMB } = trained;
  const result = {
    p50,
    p95,
    imagesPerSecond,
    peakMB,
    detector: trained,
    unsupervised: residual,
    trainStep: { ratio: ratioOf(step.ms, step.yardstick?.ms), ...step },
    normals: NORMALS,
    threads: Number(THREADS),
    machine: machine(),
    quiet: run.quiet,
    quick: QUICK,
  };
  const row = (name: string, each: Summary) => [
    name,
    `${each.p50} · ${each.p95} ms`,
    `${each.fileP50} ms`,
    String(each.imagesPerSecond),
    `${each.loadMs} ms`,
    `${each.fileMB} MB`,
    `${each.peakMB} MB`,
  ];
  const head = [
    'map',
    'a picture, p50 · p95',
    'with reading the file',
    'images a second',
    'loading',
    'file',
    'peak memory',
  ];
  const { yardstick } = step;
  const beside = yardstick
    ? [`${yardstick.ms} ms`, String(result.trainStep.ratio), `${step.peakMB} MB`, `${yardstick.peakMB} MB`]
    : ['–', '–', `${step.peakMB} MB`, '–'];
  const notes = [
    `A step: ${step.parameters} parameters, four squares of 256 × 256 px, forward, focal loss, backward, AdamW and moving average.`,
    ...stepNotes(step),
    `${machine()}; ${THREADS} threads; medians.`,
    run.quiet === false && 'The machine was busy during a part of this run.',
  ];
  const text = `${table(head, [row('trained network', trained), row('residual alone', residual)])}

Pictures of 512 × 512 px, ${NORMALS} good pictures in the file, K 10. From pixels to score, map and regions at the picture's size; images a
second read their files too, two in work at once.

${table(['training', 'ours', 'PyTorch', 'ours ÷ PyTorch', 'our peak memory', "PyTorch's"], [['a step of ADClick-Seg', `${step.ms} ms`, ...beside]])}

${notes.filter(Boolean).join(' ')}`;
  if (!QUICK && !values['no-write']) await writeSection('Detection speed', text);
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${text}\n`);
} finally {
  await rm(folder, { recursive: true });
}
