/** A training step beside PyTorch's: the same network from the same weights, ours and each of its settings in turn. */
import { runPython, runScript, say } from './child.ts';
import type { Python } from './python.ts';
import type { QuietRun } from './quiet.ts';
import { median, round } from './results.ts';

/** What PyTorch offers for a step; the best one is the yardstick. */
const SETTINGS = ['eager', 'eager-fused', 'compile'] as const;
type Setting = (typeof SETTINGS)[number];

/** What one side answers. */
interface Step {
  readonly medianMs: number;
  readonly losses: readonly number[];
  readonly parameters: number;
  readonly peakBytes: number;
  readonly torch?: string;
  readonly cpuCapability?: string;
}

/** Seconds that one of PyTorch's settings may take. */
const LIMIT = 900;

const megabytes = (bytes: number) => round(bytes / 1e6, 0);
const mid = (runs: readonly Step[], value: (run: Step) => number) => median(runs.map(value));

/** Largest relative difference between two rows of losses. */
const difference = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((loss, n) => Math.abs(loss - b[n]) / Math.abs(b[n])));

/** The two sides and how they begin alike. */
export interface StepSides {
  readonly python: Python;
  readonly run: QuietRun;
  readonly rounds: number;
  /** PyTorch's script and its arguments; `--setting` is added. */
  readonly theirs: readonly [script: string, ...args: string[]];
  /** Our script and its arguments, which may depend on whether PyTorch has run before. */
  readonly ours: (beside: boolean) => readonly [script: string, ...args: string[]];
}

/** Medians of both sides over the rounds; without a Python, or where no setting runs, ours alone. */
export async function comparedStep({ python, run, rounds, theirs, ours }: StepSides) {
  const own: Step[] = [];
  const found = new Map<Setting, Step[]>();
  const failed = new Map<Setting, string>();
  for (let turn = 0; turn < rounds; turn++) {
    for (const setting of python.path === undefined ? [] : SETTINGS) {
      if (failed.has(setting)) continue;
      const [script, ...args] = theirs;
      try {
        const step = await run.measured(`training step, PyTorch ${setting}`, () =>
          runPython<Step>(python.path as string, script, ['--setting', setting, ...args], { limit: LIMIT }),
        );
        found.set(setting, [...(found.get(setting) ?? []), step]);
      } catch (error) {
        failed.set(setting, (error as Error).message);
        say(`PyTorch ${setting} does not run here: ${failed.get(setting)}`);
      }
    }
    const [script, ...args] = ours(found.size > 0);
    own.push(await run.measured('training step, ours', () => runScript<Step>(script, args)));
  }
  const figures = (runs: readonly Step[]) => ({
    ms: round(
      mid(runs, (step) => step.medianMs),
      1,
    ),
    peakMB: megabytes(mid(runs, (step) => step.peakBytes)),
  });
  const settings = [...found].map(([setting, runs]) => ({ setting, ...figures(runs) }));
  const eager = found.values().next().value?.[0];
  return {
    ...figures(own),
    parameters: own[0].parameters,
    // The fastest setting is the yardstick, of time and of memory.
    yardstick: eager && {
      ...settings.reduce((best, each) => (each.ms < best.ms ? each : best)),
      settings,
      torch: eager.torch,
      cpuCapability: eager.cpuCapability,
      lossDifference: difference(own[0].losses, eager.losses),
    },
    failed: Object.fromEntries(failed),
  };
}

/** Both sides of a comparison. */
export type ComparedStep = Awaited<ReturnType<typeof comparedStep>>;

/** Ours ÷ the yardstick's, null where there is none. */
export const ratioOf = (ours: number, yardstick: number | undefined): number | null =>
  yardstick === undefined ? null : round(ours / yardstick, 3);

/** What PyTorch's settings took and how alike the losses are, for the line below a table. */
export function stepNotes({ yardstick }: ComparedStep): string[] {
  if (!yardstick) return [];
  const settings = yardstick.settings.map((each) => `${each.setting} ${each.ms} ms, ${each.peakMB} MB`);
  return [
    `PyTorch ${yardstick.torch}, the fastest of: ${settings.join('; ')}.`,
    `Both start from the same weights; their losses differ by ${yardstick.lossDifference.toExponential(1)} at most.`,
  ];
}
