/**
 * `npm run bench:detect [-- --json] [--detector FILE] [--quick] [--wait SECONDS]`: what a detector takes for a picture of 512 px, one
 * after another and in a batch, and its memory. With a detector file, that one beside the residual alone.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runScript, say } from './child.ts';
import type { Detected } from './parts/detect-pictures.ts';
import { QuietRun } from './quiet.ts';
import { machine, median, round, spread, table, writeSection } from './results.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    /** A trained detector whose input has 512 x 512 pixels. */
    detector: { type: 'string' },
    /** A few pictures, to see that everything runs; its figures mean little and are not written down. */
    quick: { type: 'boolean', default: false },
    /** Seconds that all waiting for a quiet machine may take together. */
    wait: { type: 'string', default: '300' },
    /** Leaves docs/results.md as it is. */
    'no-write': { type: 'boolean', default: false },
  },
});

const QUICK = values.quick;
const ROUNDS = QUICK ? 1 : 3;
const NORMALS = QUICK ? 4 : 60;
const PICTURES = QUICK ? 4 : 24;
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

async function measure(): Promise<{ given: Summary | undefined; residual: Summary }> {
  say('pictures and a detector');
  await runScript('parts/pictures.ts', [folder, '--good', String(NORMALS), '--bad', String(PICTURES)]);
  await runScript('parts/detect-pictures.ts', [folder, '--make', '--threads', THREADS]);
  const [plain, trained]: [Detected[], Detected[]] = [[], []];
  for (let n = 0; n < ROUNDS; n++) {
    const part = (what: string, args: readonly string[]) =>
      run.measured(`${what}, round ${n + 1}`, () =>
        runScript<Detected>('parts/detect-pictures.ts', [folder, '--threads', THREADS, ...args]),
      );
    plain.push(await part('residual alone', []));
    if (values.detector) trained.push(await part('given detector', ['--detector', resolve(values.detector)]));
  }
  return { residual: summary(plain), given: trained.length > 0 ? summary(trained) : undefined };
}

try {
  const { given, residual } = await measure();
  const { p50, p95, imagesPerSecond, peakMB } = given ?? residual;
  const result = {
    p50,
    p95,
    imagesPerSecond,
    peakMB,
    detector: given ?? residual,
    unsupervised: residual,
    // A step of training a network is measured where there is one to train.
    trainStep: { ratio: null },
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
  const text = `${table(head, [...(given ? [row('trained network', given)] : []), row('residual alone', residual)])}

Pictures of 512 × 512 px, ${NORMALS} good pictures in the file, K 10. From pixels to score, map and regions at the picture's size; images a
second read their files too, two in work at once. ${machine()}; ${THREADS} threads.${run.quiet === false ? ' The machine was busy during a part of this run.' : ''}`;
  if (!QUICK && !values['no-write']) await writeSection('Detection speed', text);
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${text}\n`);
} finally {
  await rm(folder, { recursive: true });
}
