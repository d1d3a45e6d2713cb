/**
 * `npm run bench:speed [-- --json] [--no-yardsticks] [--quick] [--wait SECONDS]`: times and peak memory of the parts that
 * have a budget, each in a process of its own, ours and the yardsticks in turn.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runPython, runScript, say } from './child.ts';
import { comparedStep, ratioOf, stepNotes } from './compared-step.ts';
import type { Labelled } from './parts/label-pictures.ts';
import { findPython } from './python.ts';
import { QuietRun } from './quiet.ts';
import { machine, median, round, spread, table, writeReadme, writeSection } from './results.ts';
import { TIMED } from './timed-options.ts';

const { values } = parseArgs({ options: TIMED });

const QUICK = values.quick;
const ROUNDS = QUICK ? 1 : 3;
/** Both sides of a step are close and a machine's speed drifts, so they take more turns. */
const STEP_ROUNDS = QUICK ? 1 : 5;
const STEPS = QUICK ? 2 : 12;
const THREADS = String(Math.min(2, availableParallelism()));
const INDEXED = QUICK ? 8 : 200;
const NORMALS = QUICK ? 4 : 60;
const PICTURES = QUICK ? 3 : 24;
const MAPS = QUICK ? 5 : 100;

interface Timed {
  readonly peakBytes: number;
}
interface Areas extends Timed {
  readonly ms: number;
  readonly ap: number;
  readonly pro: number;
  readonly pauroc: number;
  readonly sklearn?: string;
  readonly numpy?: string;
}

const folder = await mkdtemp(join(tmpdir(), 'adclick-speed-'));
const python = await findPython(!values['no-yardsticks']);
const run = new QuietRun(Number(values.wait));
const measured = run.measured.bind(run);

const megabytes = (bytes: number) => round(bytes / 1e6, 0);
const mid = <T>(runs: readonly T[], value: (run: T) => number) => median(runs.map(value));

async function trainStep() {
  const start = join(folder, 'start.safetensors');
  const common = ['--steps', String(STEPS), '--threads', THREADS];
  return comparedStep({
    python,
    run,
    rounds: STEP_ROUNDS,
    theirs: ['yardstick_train_step.py', ...common, '--save', start],
    ours: (beside) => ['parts/train-step.ts', ...common, ...(beside ? ['--from', start] : [])],
  });
}

async function metrics() {
  const file = join(folder, 'maps');
  await runScript('parts/metrics.ts', [file, '--write', '--count', String(MAPS)]);
  const ours: Areas[] = [];
  const theirs: Areas[] = [];
  for (let turn = 0; turn < ROUNDS; turn++) {
    if (python.path !== undefined)
      theirs.push(
        await measured('metrics, scikit-learn and NumPy', () =>
          runPython<Areas>(python.path, 'yardstick_metrics.py', [file, '--count', String(MAPS)]),
        ),
      );
    ours.push(
      await measured('metrics, ours', () => runScript<Areas>('parts/metrics.ts', [file, '--count', String(MAPS)])),
    );
  }
  await rm(file);
  const [first, other] = [ours[0], theirs[0]];
  return {
    ms: round(
      mid(ours, (run) => run.ms),
      1,
    ),
    peakMB: megabytes(mid(ours, (run) => run.peakBytes)),
    yardstick: other && {
      ms: round(
        mid(theirs, (run) => run.ms),
        1,
      ),
      peakMB: megabytes(mid(theirs, (run) => run.peakBytes)),
      sklearn: other.sklearn,
      numpy: other.numpy,
      difference: Math.max(...(['ap', 'pro', 'pauroc'] as const).map((key) => Math.abs(first[key] - other[key]))),
    },
  };
}

async function labelling() {
  const pictures = join(folder, 'pictures');
  say(`making ${INDEXED} good and ${PICTURES} bad pictures of 512 px`);
  await runScript('parts/pictures.ts', [pictures, '--good', String(INDEXED), '--bad', String(PICTURES)]);
  const indexing = await measured(`index of ${INDEXED} pictures`, () =>
    runScript<Labelled>('parts/label-pictures.ts', [pictures, '--pictures', '0', '--threads', THREADS]),
  );
  const labels = await measured('ready and click', () =>
    runScript<Labelled>('parts/label-pictures.ts', [pictures, '--normals', String(NORMALS), '--threads', THREADS]),
  );
  return {
    click: { ...spread(labels.clickMs), count: labels.clickMs.length },
    ready: { ...spread(labels.readyMs), count: labels.readyMs.length, firstMs: round(labels.firstReadyMs, 1) },
    index200: { seconds: round(indexing.indexSeconds, 2), pictures: INDEXED, peakMB: megabytes(indexing.peakBytes) },
    labelPeakMB: megabytes(labels.peakBytes),
    weights: labels.weights,
  };
}

/** The README's lines. */
function summary({ click, ready, index200, trainStep, metrics, peakMemory }: Result): string {
  const ms = ({ p50, p95 }: { p50: number; p95: number }) => `${p50.toFixed(0)} ms (p95 ${p95.toFixed(0)})`;
  const times = (value: number | null) => (value === null ? 'not measured' : `${value} ×`);
  return table(
    ['on two cores', 'median'],
    [
      ['click → mask, 512 px', ms(click)],
      ['a new picture ready for clicks', ms(ready)],
      [`index of ${index200.pictures} pictures`, `${index200.seconds} s`],
      ["training step, of PyTorch's time", times(trainStep.ratio)],
      ["training step, of PyTorch's memory", times(peakMemory.ratio)],
      ["AP + P-AUROC + PRO, of scikit-learn's and NumPy's time", times(metrics.ratio)],
    ],
  );
}

try {
  const step = await trainStep();
  const areas = await metrics();
  const { click, ready, index200, labelPeakMB, weights } = await labelling();
  const result = {
    trainStep: { ratio: ratioOf(step.ms, step.yardstick?.ms), ...step },
    click,
    ready,
    index200,
    metrics: { ratio: ratioOf(areas.ms, areas.yardstick?.ms), maps: MAPS, ...areas },
    peakMemory: {
      ratio: ratioOf(step.peakMB, step.yardstick?.peakMB),
      trainStepMB: step.peakMB,
      metricsMB: areas.peakMB,
      index200MB: index200.peakMB,
      labellingMB: labelPeakMB,
    },
    weights,
    threads: Number(THREADS),
    machine: machine(),
    quiet: run.quiet,
    quick: QUICK,
    yardsticks: python.path === undefined ? python.why : 'present',
  };
  const text = report(result);
  if (!QUICK && !values['no-write']) {
    await writeSection('Speed', text);
    await writeReadme('speed', summary(result));
  }
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${text}\n`);
} finally {
  await rm(folder, { recursive: true });
}

interface Result {
  readonly trainStep: Awaited<ReturnType<typeof trainStep>> & { readonly ratio: number | null };
  readonly metrics: Awaited<ReturnType<typeof metrics>> & { readonly ratio: number | null };
  readonly click: { readonly p50: number; readonly p95: number };
  readonly ready: { readonly p50: number; readonly p95: number; readonly firstMs: number };
  readonly index200: { readonly seconds: number; readonly pictures: number; readonly peakMB: number };
  readonly peakMemory: { readonly ratio: number | null; readonly labellingMB: number };
  readonly weights: string;
  readonly threads: number;
  readonly machine: string;
  readonly quiet: boolean | null;
}

function report(result: Result): string {
  const { trainStep: step, metrics: areas, click, ready, index200, peakMemory } = result;
  const times = (value: number | null) => (value === null ? '–' : value.toFixed(2));
  const ms = (value: number | undefined) => (value === undefined ? '–' : `${value} ms`);
  const mb = (value: number | undefined) => (value === undefined ? '–' : `${value} MB`);
  const rows = [
    ['training step', ms(step.ms), ms(step.yardstick?.ms), times(step.ratio), mb(step.peakMB)],
    ['… its peak memory', mb(step.peakMB), mb(step.yardstick?.peakMB), times(peakMemory.ratio), ''],
    [
      `AP + P-AUROC + PRO of ${MAPS} maps of 512²`,
      ms(areas.ms),
      ms(areas.yardstick?.ms),
      times(areas.ratio),
      mb(areas.peakMB),
    ],
    ['click → mask, 512 px, p50 · p95', `${click.p50} · ${click.p95} ms`, '', '', mb(peakMemory.labellingMB)],
    ['new 512 px image ready, p50 · p95', `${ready.p50} · ${ready.p95} ms`, '', '', ''],
    [`index of ${index200.pictures} images of 512 px`, `${index200.seconds} s`, '', '', mb(index200.peakMB)],
  ];
  const notes = [
    ...stepNotes(step),
    areas.yardstick && `scikit-learn ${areas.yardstick.sklearn}, NumPy ${areas.yardstick.numpy}.`,
    `Click model: ${result.weights}. "Ready" begins with the file on the disk.`,
    `${result.machine}; ${result.threads} threads each; medians.`,
    result.quiet === false && 'The machine was busy during a part of this run.',
  ];
  return `${table(['work', 'ours', 'yardstick', 'ours ÷ yardstick', 'peak memory'], rows)}\n\n${notes.filter(Boolean).join(' ')}`;
}
