/** Coded errors: every failure a user can meet has a constant code, one sentence with the offending value, and a next step. */

/**
 * How a fault may pass. By itself: what failed lies outside of what the project is made of (the computer, another process, another
 * server, work that was stopped), and the next attempt finds out whether it is over. Once mended: it stays until somebody has mended what
 * the project is made of.
 */
export type Passing = 'by itself' | 'once mended';

/** One row of an error table; `{name}` in `message` and `next` is filled from the details. */
export interface ErrorSpec {
  readonly message: string;
  readonly next: string;
  /** The same for people at the labelling page, who have no command line, where that is something else. */
  readonly page?: string;
  /** Process exit code of the command line: 1 failed, 2 wrong usage. */
  readonly exit: 1 | 2;
  /** HTTP status when the failure reaches a client. */
  readonly status: number;
  /**
   * How the fault may pass, so that the same request on the same picture succeeds later. Faults of the picture or of the request itself
   * do not pass and have none.
   */
  readonly passing?: Passing;
}

/** Details that fill a message's placeholders, kept on the error for programs. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

/** An error with a stable `ADC_…` code. `message` names the value, `next` the next step, `cause` the original error. */
export class CodedError extends Error {
  override readonly name = 'CodedError';
  /** As {@link ErrorSpec.passing} of its code. */
  readonly passing: Passing | undefined;

  constructor(
    readonly code: string,
    message: string,
    readonly next: string,
    readonly exit: 1 | 2,
    readonly status: number,
    readonly details: ErrorDetails,
    { passing, ...options }: ErrorOptions & { readonly passing?: Passing } = {},
  ) {
    super(message, options);
    this.passing = passing;
  }
}

/** Fills the placeholders of a message from details. */
export const fillMessage = (template: string, details: ErrorDetails) =>
  template.replace(/\{(\w+)\}/g, (whole, key: string) => (key in details ? String(details[key]) : whole));

/**
 * Makes the thrower's half of an error table: `const fail = errorMaker(TABLE); throw fail('ADC_X', {path})`.
 * @returns a function from a code of the table and details to a {@link CodedError}.
 */
export function errorMaker<Table extends Record<string, ErrorSpec>>(table: Table) {
  return (code: keyof Table & string, details: ErrorDetails = {}, cause?: unknown): CodedError => {
    const spec = table[code] as ErrorSpec;
    const options = { passing: spec.passing, ...(cause === undefined ? {} : { cause }) };
    return new CodedError(
      code,
      fillMessage(spec.message, details),
      fillMessage(spec.next, details),
      spec.exit,
      spec.status,
      details,
      options,
    );
  };
}

/** Errors of this floor: building, differentiating and running graphs. */
export const ORTGRAD_ERRORS = {
  ADC_GRAPH_SHAPE: {
    message: '{op}: {what} (got {got})',
    next: 'Check the shapes that enter {op}.',
    exit: 1,
    status: 500,
    passing: 'once mended',
  },
  ADC_WEIGHTS_DAMAGED: {
    message: 'Weights file {path} cannot be read: {what}',
    next: 'Fetch or train the weights again; the file is not what was written.',
    page: 'Whoever keeps this project has to fetch or train the weights again; the file is not what was written.',
    exit: 1,
    status: 422,
    passing: 'once mended',
  },
  ADC_RUNTIME: {
    message: 'onnxruntime could not run the graph on {provider}: {what}',
    next: 'Run `adclick doctor` to see which execution providers work here.',
    page: 'Try again. If it stays so, the terminal of the server says more to whoever started it.',
    exit: 1,
    status: 500,
    passing: 'by itself',
  },
  ADC_TELEMETRY: {
    message: 'onnxruntime was not started, since its telemetry could not be turned off from this worker thread: {what}',
    next: 'Import @adclick/ortgrad (or @adclick/core) on the main thread before the worker starts, or set ORT_DISABLE_TELEMETRY=1 for the process.',
    page: 'Whoever started the server has to start it with ORT_DISABLE_TELEMETRY=1.',
    exit: 1,
    status: 500,
    passing: 'once mended',
  },
} as const satisfies Record<string, ErrorSpec>;

export const fail = errorMaker(ORTGRAD_ERRORS);
