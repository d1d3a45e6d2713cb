/** What asking other servers has in common: faults that may pass, the pauses that they ask for, and how their words are shown. */

/** A failure that may pass: the request is sent again. */
export class Passing extends Error {
  constructor(
    message: string,
    readonly pauseMs?: number,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

/** A server that wants a longer pause is not waited for. */
export const LONGEST_PAUSE_MS = 60_000;
const LONGEST_REASON = 200;

/** Whether an answer of that status may be another one later. */
export const mayPass = (status: number): boolean => status === 408 || status === 429 || status >= 500;

/** Pause that an answer of status 429 or 503 asks for, in milliseconds. */
export function wantedPause(headers: Headers | undefined): number | undefined {
  const seconds = Number(headers?.get('retry-after') ?? Number.NaN);
  return seconds >= 0 ? 1000 * seconds : undefined;
}

/** What a server said, for an error line: one line, and nothing that a terminal would obey. */
export const short = (text: string): string =>
  text
    .replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\p{Cf}]/gu, '?')
    .trim()
    .slice(0, LONGEST_REASON);

/** What lies at the bottom of a failed request, where the client says no more than that it failed. */
export function deepest(error: unknown): string {
  let at = error;
  while (at instanceof Error && at.cause instanceof Error) at = at.cause;
  if (!(at instanceof Error)) return short(String(at));
  // Several addresses of one name that all failed have no message of their own.
  const { code } = at as NodeJS.ErrnoException;
  return short(at.message || code || at.name);
}
