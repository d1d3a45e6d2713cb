/** How every command runs: answers on stdout, progress and errors on stderr, exit codes, Ctrl-C. */
import { type Command, Option } from 'commander';
import pc from 'picocolors';
import { errorLine, fail, toCoded } from '../errors.ts';
import type { WorkOptions } from '../jobs/progress.ts';
import { askedLevel, LOG_LEVELS, LOG_VARIABLE, type LogLevel, log, setLogLevel } from '../log.ts';
import { type EndSignal, endAtOnce, exitCodeOf, onEnd } from '../process-end.ts';
import { ProgressBar } from './progress-bar.ts';

/** What a command gives back: the object of `--json`, and the lines people read. */
export interface Answer {
  readonly json: object;
  readonly lines: readonly string[];
  /** Exit code when the command worked but what it looked at did not pass; default 0. */
  readonly exit?: 0 | 1;
  /** Goes on after the answer was printed, until it is asked to stop, which is then the normal end. */
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
  readonly logLevel?: LogLevel;
}

/** How long work may take to reach a safe point after Ctrl-C. */
const GRACE_MS = 30_000;
/** What people call what they did. */
const NAMES: Partial<Record<EndSignal, string>> = { SIGINT: 'Ctrl-C', SIGBREAK: 'Ctrl-Break' };

/** Adds the options that every command has, and the example of its help. */
export function withCommon(command: Command, example: string): Command {
  return command
    .option('--json', 'print one JSON object on stdout')
    .option('--debug', 'print the full stack of errors (also ADCLICK_DEBUG=1)')
    .addOption(
      new Option('--log-level <LEVEL>', `write what happens inside to stderr (also ${LOG_VARIABLE})`).choices(
        LOG_LEVELS,
      ),
    )
    .addHelpText('after', `\nExample:\n  $ ${example}`);
}

const wantsColour = (stream: { isTTY?: boolean }) => pc.isColorSupported && stream.isTTY === true;

/** Sets what is logged. @throws ADC_USAGE when the environment names a level that there is not. */
function startLog(level: LogLevel | undefined): void {
  const asked = process.env[LOG_VARIABLE];
  if (level === undefined && asked && askedLevel() === undefined)
    throw fail('ADC_USAGE', { what: `${LOG_VARIABLE} must be one of ${LOG_LEVELS.join(', ')}`, command: 'adclick' });
  setLogLevel(level ?? askedLevel() ?? 'silent');
}

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
 *
 * Asked to end, it aborts the work, waits for it, and ends with 128 and the signal's number. A command that stays ends with its answer's
 * code instead, but after Ctrl-C, which is 130 always. Asked twice, or when the work finds no safe point, it ends at once.
 * @param work gets the signal that is aborted; it is waited for until it has cleaned up behind itself.
 */
export async function run(options: CommonOptions, work: (context: Context) => Promise<Answer>): Promise<void> {
  const controller = new AbortController();
  const bar = new ProgressBar(process.stderr);
  let stopped: EndSignal | undefined;
  let unheard: NodeJS.ErrnoException | undefined;
  const off = onEnd((signal) => {
    if (stopped) return endAtOnce(signal);
    stopped = signal;
    log.info({ signal }, 'asked to end');
    process.exitCode = exitCodeOf(signal);
    controller.abort(fail('ADC_CANCELLED', { signal: NAMES[signal] ?? signal }));
    setTimeout(() => endAtOnce(signal), GRACE_MS).unref();
  });
  const onOutput = (error: NodeJS.ErrnoException) => {
    unheard = error;
    controller.abort(error);
  };
  process.stdout.on('error', onOutput);
  try {
    startLog(options.logLevel);
    log.debug('the command begins');
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
    // What stays has to be ended in its own way.
    if (!answer.stay) controller.signal.throwIfAborted();
    process.stdout.write(
      options.json ? `${JSON.stringify(answer.json)}\n` : answer.lines.map((l) => `${l}\n`).join(''),
    );
    const exit = answer.exit ?? 0;
    process.exitCode = exit;
    await answer.stay?.(controller.signal);
    process.exitCode = stopped === 'SIGINT' ? exitCodeOf(stopped) : exit;
  } catch (error) {
    bar.clear();
    const { aborted, reason } = controller.signal;
    if (!unheard) report(aborted ? reason : error, options);
    if (stopped) process.exitCode = exitCodeOf(stopped);
  } finally {
    log.debug({ exit: process.exitCode }, 'the command ends');
    off();
    process.stdout.off('error', onOutput);
  }
}
