/** How every command runs: answers on stdout, progress and errors on stderr, exit codes, Ctrl-C. */
import type { Command } from 'commander';
import pc from 'picocolors';
import { errorLine, fail, toCoded } from '../errors.ts';
import type { WorkOptions } from '../progress.ts';
import { ProgressBar } from './progress-bar.ts';

/** What a command gives back: the object of `--json`, and the lines people read. */
export interface Answer {
  readonly json: object;
  readonly lines: readonly string[];
  /** Exit code when the command worked but what it looked at did not pass; default 0. */
  readonly exit?: 0 | 1;
  /** Goes on after the answer was printed, until it is asked to stop: Ctrl-C is then the normal end. */
  stay?(signal: AbortSignal): Promise<void>;
}

/** What a command is given beside its own options. */
export interface Context extends Required<WorkOptions> {
  readonly colours: ReturnType<typeof pc.createColors>;
  /** A remark for the person watching, on stderr. */
  note(text: string): void;
}

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly debug?: boolean;
}

/** Exit code of a process stopped by Ctrl-C (128 + SIGINT). */
const EXIT_INTERRUPTED = 130;
const EXIT_TERMINATED = 143;
/** How long work may take to reach a safe point after Ctrl-C. */
const GRACE_MS = 10_000;

/** Adds the options that every command has, and the example of its help. */
export function withCommon(command: Command, example: string): Command {
  return command
    .option('--json', 'print one JSON object on stdout')
    .option('--debug', 'print the full stack of errors (also ADCLICK_DEBUG=1)')
    .addHelpText('after', `\nExample:\n  $ ${example}`);
}

const wantsColour = (stream: { isTTY?: boolean }) => pc.isColorSupported && stream.isTTY === true;

/** Prints a failure as one line (and as JSON where asked), sets the exit code. */
export function report(error: unknown, options: CommonOptions): void {
  const coded = toCoded(error);
  const { code, message, next } = coded;
  process.stderr.write(`${errorLine(coded)}\n`);
  if (options.json) process.stdout.write(`${JSON.stringify({ error: { code, message, next } })}\n`);
  if (options.debug || process.env.ADCLICK_DEBUG === '1') {
    for (let at: unknown = coded; at instanceof Error; at = at.cause) process.stderr.write(`${at.stack}\n`);
  }
  process.exitCode = coded.exit;
}

/**
 * Runs a command's work and prints its answer. Never throws.
 * @param work gets the signal that Ctrl-C aborts; it is waited for until it has cleaned up behind itself.
 */
export async function run(options: CommonOptions, work: (context: Context) => Promise<Answer>): Promise<void> {
  const controller = new AbortController();
  const bar = new ProgressBar(process.stderr);
  const stop = (signal: NodeJS.Signals) => {
    const exit = signal === 'SIGINT' ? EXIT_INTERRUPTED : EXIT_TERMINATED;
    if (controller.signal.aborted) process.exit(exit);
    process.exitCode = exit;
    controller.abort(fail('ADC_CANCELLED', { signal: signal === 'SIGINT' ? 'Ctrl-C' : signal }));
    setTimeout(() => process.exit(exit), GRACE_MS).unref();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    const answer = await work({
      signal: controller.signal,
      colours: pc.createColors(wantsColour(options.json ? process.stderr : process.stdout)),
      onProgress: (event) => bar.show(event),
      note: (text) => {
        bar.clear();
        process.stderr.write(`${text}\n`);
      },
    });
    bar.clear();
    controller.signal.throwIfAborted();
    process.stdout.write(
      options.json ? `${JSON.stringify(answer.json)}\n` : answer.lines.map((l) => `${l}\n`).join(''),
    );
    process.exitCode = answer.exit ?? 0;
    if (answer.stay) {
      await answer.stay(controller.signal);
      process.exitCode = answer.exit ?? 0;
      return;
    }
  } catch (error) {
    bar.clear();
    const { aborted, reason } = controller.signal;
    const exit = process.exitCode;
    report(aborted ? reason : error, options);
    if (aborted) process.exitCode = exit;
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}
