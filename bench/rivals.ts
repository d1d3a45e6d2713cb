/**
 * `npm run bench:rivals [-- --json] [--no-yardsticks] [--quick] [--no-write] [--wait SECONDS]`: what a picture takes to be looked at for
 * defects beside PatchCore and EfficientAD-S, and a click beside SAM and SimpleClick, on the same cores in turn.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BACKBONES, DEFAULT_BACKBONE, matchedDims } from '../packages/core/src/features/backbones.ts';
import { TOKEN_STRIDE } from '../packages/core/src/features/grid.ts';
import { runPython, runScript, say } from './child.ts';
import { ratioOf } from './compared-step.ts';
import type { Detected, Made } from './parts/detect-pictures.ts';
import type { Labelled } from './parts/label-pictures.ts';
import { findPython } from './python.ts';
import { QuietRun } from './quiet.ts';
import { machine, median, round, table, writeSection } from './results.ts';
import { TIMED } from './timed-options.ts';

const { values } = parseArgs({ options: TIMED });

const QUICK = values.quick;
const ROUNDS = QUICK ? 1 : 3;
const SIDE = 512;
const NORMALS = QUICK ? 4 : 60;
const PICTURES = QUICK ? 3 : 10;
/** Good pictures that a picture is compared with: as many as an index takes unless it is told. */
const NEIGHBOURS = 10;
/** Seconds that each of the others is timed for in a round, about. */
const SECONDS = QUICK ? '0' : '1';
const THREADS = String(Math.min(2, availableParallelism()));

/** What is timed: a picture looked at, a picture made ready for clicks, a click. */
const WORKS = { detect: 'a picture looked at', ready: 'a picture made ready for clicks', click: 'a click' } as const;
type Work = keyof typeof WORKS;

/** One method's time for one kind of work. */
interface Timed {
  readonly work: Work;
  readonly key: string;
  readonly name: string;
  /** Sizes of what enters and of what is computed. */
  readonly does: string;
  /** A time a call; those of later rounds are added. */
  readonly ms: readonly number[];
}

interface Rivals {
  readonly rivals: readonly Timed[];
  readonly torch: string;
  readonly cpuCapability: string;
}

const folder = await mkdtemp(join(tmpdir(), 'adclick-rivals-'));
const run = new QuietRun(Number(values.wait));

/** What ours does for a picture, whether it is looked at or made ready. */
const compared = `${SIDE} × ${SIDE} px, ${(SIDE / TOKEN_STRIDE) ** 2} tokens of ${matchedDims(BACKBONES[DEFAULT_BACKBONE])} channels, compared with the ${NEIGHBOURS} most alike of ${NORMALS} good pictures`;

async function detect(made: Made, kind: keyof Made, round: number): Promise<Timed> {
  const { detectMs } = await run.measured(`detection, ours, ${kind}, round ${round}`, () =>
    runScript<Detected>('parts/detect-pictures.ts', [folder, '--threads', THREADS, '--detector', made[kind]]),
  );
  const [name, does] =
    kind === 'residual' ? ['residual alone', compared] : ['with network', 'the same, then the network'];
  return { work: 'detect', key: kind, name, does, ms: detectMs };
}

async function label(round: number): Promise<Timed[]> {
  const { readyMs, clickMs, weights } = await run.measured(`clicks, ours, round ${round}`, () =>
    runScript<Labelled>('parts/label-pictures.ts', [folder, '--normals', String(NORMALS), '--threads', THREADS]),
  );
  const does = `${SIDE} × ${SIDE} px, weights ${weights}, the first to the fifth click on a picture`;
  return [
    { work: 'ready', key: 'ours', name: 'ours', does: `${compared}; reading the file counts`, ms: readyMs },
    { work: 'click', key: 'ours', name: 'ours', does, ms: clickMs },
  ];
}

/** All methods in turn, a process each turn. */
async function measure() {
  const python = await findPython(!values['no-yardsticks']);
  say('pictures and detectors');
  const counts = ['--good', String(NORMALS), '--bad', String(PICTURES), '--side', String(SIDE)];
  await runScript('parts/pictures.ts', [folder, ...counts]);
  const made = await runScript<Made>('parts/detect-pictures.ts', [folder, '--make', '--threads', THREADS]);

  const [ours, theirs]: [Timed[], Timed[]] = [[], []];
  let torch: string | undefined;
  const rivals = async (part: 'detection' | 'clicks', round: number) => {
    if (python.path === undefined) return;
    const common = ['--side', String(SIDE), '--normals', String(NORMALS), '--seconds', SECONDS, '--threads', THREADS];
    const found = await run.measured(`${part}, the others, round ${round}`, () =>
      runPython<Rivals>(python.path, 'yardstick_rivals.py', [part, ...common]),
    );
    torch = `PyTorch ${found.torch}, ${found.cpuCapability}`;
    theirs.push(...found.rivals);
  };
  for (let n = 1; n <= ROUNDS; n++) {
    ours.push(await detect(made, 'residual', n));
    await rivals('detection', n);
    ours.push(await detect(made, 'trained', n), ...(await label(n)));
    await rivals('clicks', n);
  }
  return { ours: joined(ours), theirs: joined(theirs), torch, why: python.path === undefined ? python.why : undefined };
}

/** One entry for each method and work, with the times of all rounds and their median. */
function joined(rounds: readonly Timed[]) {
  const all = new Map<string, Timed>();
  for (const each of rounds) {
    const id = `${each.work} ${each.key}`;
    all.set(id, { ...each, ms: [...(all.get(id)?.ms ?? []), ...each.ms] });
  }
  return [...all.values()].map(({ ms, ...each }) => ({ ...each, ms: round(median(ms), 1), calls: ms.length }));
}

type Measured = ReturnType<typeof joined>[number];

/** Ours above, the others below with ours ÷ theirs. */
function tableOf(work: Work, ours: readonly Measured[], theirs: readonly Measured[]): string {
  const [own, others] = [ours, theirs].map((side) => side.filter((each) => each.work === work));
  const row = ({ name, does, ms }: Measured, ratio: (ours: Measured) => string) => [
    `**${name}**: ${does}`,
    `${ms} ms`,
    ...own.map(ratio),
  ];
  const head = [WORKS[work], 'median', ...own.map(({ name }) => `${name} ÷ it`)];
  const lines = [
    ...own.map((each) => row(each, () => '')),
    ...others.map((each) => row(each, ({ ms }) => String(ratioOf(ms, each.ms)))),
  ];
  return table(head, lines);
}

try {
  const { ours, theirs, torch, why } = await measure();
  const ratios = Object.fromEntries(
    theirs.map(({ work, key, ms }) => [
      `${work}.${key}`,
      Object.fromEntries(ours.filter((own) => own.work === work).map((own) => [own.key, ratioOf(own.ms, ms)])),
    ]),
  );
  const result = {
    ratios,
    ours,
    theirs,
    yardsticks: why ?? torch,
    threads: Number(THREADS),
    machine: machine(),
    quiet: run.quiet,
    quick: QUICK,
  };
  const notes = [
    `Ratios under 1: ours is faster. Every method at the size of its paper and at ${SIDE} × ${SIDE} px, ours. From a picture in memory to map and`,
    'score, or to the probabilities of a mask, at its own size. The others have random weights, since only their time counts; their',
    'parameters are within 3 % of the published numbers.',
    torch ? `${torch}.` : `The others were not run: ${why}.`,
    `${machine()}; ${THREADS} threads each; medians over ${ROUNDS} rounds in turn.`,
    run.quiet === false && 'The machine was busy during a part of this run.',
  ];
  const tables = (Object.keys(WORKS) as Work[]).map((work) => tableOf(work, ours, theirs));
  const text = [...tables, notes.filter(Boolean).join(' ')].join('\n\n');
  if (!QUICK && !values['no-write'] && torch !== undefined) await writeSection('Rivals', text);
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${text}\n`);
} finally {
  await rm(folder, { recursive: true });
}
