/**
 * What happens inside, as JSON lines on stderr, for whoever runs a server or looks for a fault; silent unless asked for.
 *
 * One logger a process and a thread, so that a line can be written where a failure is passed over. Lines carry the request or the job
 * that they belong to. They never hold tokens, cookies, passwords, headers, bodies or picture bytes.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { isMissing } from '@adclick/core/files';
import { CodedError } from '@adclick/ortgrad';
import { destination, pino } from 'pino';

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Threads and processes that are started get the level by it. */
export const LOG_VARIABLE = 'ADCLICK_LOG_LEVEL';

const isLevel = (text: string | undefined): text is LogLevel => LOG_LEVELS.some((level) => level === text);

/** The level that the environment asks for; undefined where it names none that there is. */
export function askedLevel(env: NodeJS.ProcessEnv = process.env): LogLevel | undefined {
  const asked = env[LOG_VARIABLE];
  return isLevel(asked) ? asked : undefined;
}

/** What a line belongs to. */
export interface LogContext {
  readonly request?: string;
  readonly job?: string;
}

const context = new AsyncLocalStorage<LogContext>();

/** What an error says, and nothing that was hung on it: clients of other servers keep headers there. */
function described(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { message, stack, cause } = error;
  const code = error instanceof CodedError ? error.code : (error as NodeJS.ErrnoException).code;
  return {
    ...(code === undefined ? {} : { code }),
    message,
    stack,
    ...(cause === undefined ? {} : { cause: cause instanceof Error ? cause.message : String(cause) }),
  };
}

/** Write with `log.debug({ err, path }, 'what was passed over')`. */
export const log = pino(
  {
    level: askedLevel() ?? 'silent',
    base: { pid: process.pid },
    mixin: () => ({ ...context.getStore() }),
    serializers: { err: described },
  },
  // Written at once, by no thread of its own: the last line before the end is there.
  destination({ dest: 2, sync: true }),
);

/** Sets the level of this process, and of all threads and processes that it starts from now on. */
export function setLogLevel(level: LogLevel): void {
  log.level = level;
  process.env[LOG_VARIABLE] = level;
}

/** Has all lines that `work` leads to carry what it belongs to. */
export const inContext = <Result>(belongs: LogContext, work: () => Result): Result =>
  context.run({ ...context.getStore(), ...belongs }, work);

/** For `.catch`: notes what is passed over. @param what in a few words, such as "thumbnail not kept". */
export const passOver =
  (what: string, facts: object = {}) =>
  (err: unknown): undefined => {
    log.debug({ err, ...facts }, what);
  };

/** The same for what may well not be there, which needs no line. */
export const passOverIfThere =
  (what: string, facts: object = {}) =>
  (err: unknown): undefined =>
    isMissing(err) ? undefined : passOver(what, facts)(err);
