/** The table of everything that can go wrong for a user of the product; docs/errors.md lists each code with cause and mend. */
import { CORE_ERRORS } from '@adclick/core/errors';
import { CodedError, type ErrorSpec, errorMaker } from '@adclick/ortgrad';

export const STUDIO_ERRORS = {
  ...CORE_ERRORS,
  ADC_USAGE: {
    message: '{what}',
    next: 'Run `{command} --help` for the options and an example.',
    page: 'Whoever started the server has to correct that.',
    exit: 2,
    status: 400,
  },
  ADC_PROJECT_MISSING: {
    message: 'No project file at {path}',
    next: 'Run `adclick init {folder}` first.',
    page: 'Whoever keeps this project has to put it back; the page works again after a restart of the server.',
    exit: 1,
    status: 404,
    passing: 'once mended',
  },
  ADC_PROJECT: {
    message: 'Project file {path}{where}: {what}',
    next: '{mend}',
    page: 'Whoever keeps this project has to correct that, then start the server again.',
    exit: 1,
    status: 422,
    passing: 'once mended',
  },
  ADC_PROJECT_EXISTS: {
    message: 'There already is a project file at {path}',
    next: 'Edit it, or run `adclick init --force` to replace it.',
    page: 'Whoever keeps this project has to edit it.',
    exit: 1,
    status: 409,
  },
  ADC_FOLDER_MISSING: {
    message: 'No folder at {path}',
    next: 'Check the path.',
    exit: 1,
    status: 404,
    passing: 'once mended',
  },
  ADC_WEIGHTS_MISSING: {
    message: 'No weights at {path}',
    next: 'Give a .safetensors file or a name that `adclick models list` shows.',
    page: 'Whoever keeps this project has to name a .safetensors file or a model in adclick.yaml that is there, then start the server again.',
    exit: 1,
    status: 404,
    passing: 'once mended',
  },
  ADC_MODEL_CHANGED: {
    message: '{count} of {total} model files are not what was shipped: {what}',
    next: 'Install the package again: `npm install adclick`.',
    page: 'Whoever started the server has to install it again.',
    exit: 1,
    status: 500,
    passing: 'once mended',
  },
  ADC_MODEL_EXISTS: {
    message: 'There already is a model named {name}',
    next: 'Add `--force` to replace it; click weights can have another name with `--name`.',
    page: 'Choose another name.',
    exit: 1,
    status: 409,
  },
  ADC_DOWNLOAD: {
    message: 'No file came from {url}: {what}',
    next: '{mend}',
    page: 'Whoever started the server has to fetch it.',
    exit: 1,
    status: 502,
    passing: 'by itself',
  },
  ADC_DOWNLOAD_WRONG: {
    message: 'What {from} holds is not the file that was published: {what}',
    next: '{mend}',
    page: 'Whoever started the server has to fetch another one.',
    exit: 1,
    status: 422,
  },
  ADC_DOWNLOAD_BY_HAND: {
    message: 'The checkpoint of {name} is published at an address that only a browser opens: {page}',
    next: '{mend}',
    page: 'Whoever started the server has to fetch it.',
    exit: 1,
    status: 422,
  },
  ADC_PROMPT_FILE: {
    message: 'Prompt file {path}, line {line}, {field}: {what}',
    next: 'Correct that line, or move the file away and run `adclick prompts generate`.',
    page: 'Whoever keeps this project has to correct that line, or move the file away and have prompts written again.',
    exit: 1,
    status: 422,
    passing: 'once mended',
  },
  ADC_PROMPT: {
    message: 'Prompt "{phrase}" of {type} is refused: {what}',
    next: 'Give another phrase; `adclick prompts list` shows those that are kept.',
    page: 'Give another phrase.',
    exit: 1,
    status: 422,
  },
  ADC_DEFECT_TYPE: {
    message: 'There is no defect type {type} in {category}, only {known}',
    next: 'Use one of these, or add it to adclick.yaml or in the labelling page.',
    page: 'Use one of these, or add it to the defect types.',
    exit: 1,
    status: 404,
  },
  ADC_LANGUAGE_MODEL: {
    message: 'Language model {model} at {url} gave no prompts: {what}',
    next: 'Check that server, model name and ADCLICK_LLM_KEY are right, or use the built-in grammar with `--offline`.',
    page: 'Whoever started the server has to check that address, model name and key are right.',
    exit: 1,
    status: 502,
    passing: 'by itself',
  },
  ADC_LANGUAGE_MODEL_ADDRESS: {
    message:
      'Language model {model} was not asked: adclick.yaml alone names {origin}, which is not on this computer and has not been allowed',
    next: 'Start ADClick with ADCLICK_LLM_ALLOW={origin} if you trust that server, or use the built-in grammar with `--offline`.',
    page: 'Whoever started the server has to allow that address if it is trusted.',
    exit: 1,
    status: 403,
    passing: 'once mended',
  },
  ADC_EXCHANGE_FILE: {
    message: 'Annotation file {path}, {field}: {what}',
    next: 'Correct that place, or export the file again from the tool that wrote it; nothing was changed.',
    exit: 1,
    status: 422,
  },
  ADC_EXCHANGE_NAME: {
    message: 'Name {name} in {path} cannot be used: {what}',
    next: 'Use relative names inside the folder, each only once; nothing was changed.',
    exit: 1,
    status: 422,
  },
  ADC_EXCHANGE_LIMIT: {
    message: '{path} is refused to protect memory and disk: {what}',
    next: 'Split it into smaller parts; nothing was changed.',
    exit: 1,
    status: 413,
  },
  ADC_EXCHANGE_BUDGET: {
    message: 'Reading {path} goes beyond what one import may take: {budget}',
    next: 'Split it into smaller parts, or take that file out, and import again.',
    exit: 1,
    status: 413,
  },
  ADC_EXCHANGE_EMPTY: {
    message: 'No labels to take from {path}: {what}',
    next: 'Check path and format; docs/formats.md says what each format looks like.',
    page: 'Check folder and format.',
    exit: 1,
    status: 422,
  },
  ADC_EXPORT_EXISTS: {
    message: 'Cannot export to {path}: it {what}',
    next: 'Choose a new folder; `--force` replaces an earlier export and nothing else.',
    page: 'Choose another folder.',
    exit: 1,
    status: 409,
  },
  ADC_REQUEST: {
    message: '{field}: {what}',
    next: 'Correct that field; /api/v1/openapi.json describes every request.',
    page: 'Reload the page and try again; for programs, /api/v1/openapi.json describes every request.',
    exit: 2,
    status: 422,
  },
  ADC_NOT_FOUND: {
    message: 'There is no {what}',
    next: 'Check its name.',
    page: 'Reload the page; for programs, /api/v1/openapi.json lists every route.',
    exit: 1,
    status: 404,
  },
  ADC_CONFLICT: {
    message: 'Image {id} is at version {current}, not {base}: somebody else has changed it',
    next: 'Look at what stands there now, then repeat the action on it.',
    exit: 1,
    status: 409,
  },
  ADC_OTHER_PROJECT: {
    message: 'The page was opened on another project than {served}, which this server has now',
    next: 'Reload the page; what it kept unsaved waits for its own project.',
    exit: 1,
    status: 412,
  },
  ADC_SERVED: {
    message: 'The project is served already{where}, by {owner}',
    next: '{mend}',
    exit: 1,
    status: 409,
    passing: 'by itself',
  },
  ADC_LEASE_LOST: {
    message: 'This process no longer has {what}: {why}',
    next: 'What it was doing since then may not be kept; try again, or go on where the project is served now.',
    page: 'Try again, or open the page where the project is served now; what is not saved yet stays in this browser.',
    exit: 1,
    status: 503,
    passing: 'by itself',
  },
  ADC_IN_USE: {
    message: 'Somebody else is writing {what}: {owner}',
    next: 'Wait until that has ended and try again.',
    exit: 1,
    status: 409,
    passing: 'by itself',
  },
  ADC_TRAINING: {
    message: 'The detector of {category} is being {what}',
    next: 'Wait until that has ended, or stop it in the list of background work.',
    exit: 1,
    status: 409,
    passing: 'by itself',
  },
  ADC_NO_GOOD_IMAGES: {
    message: 'No image of {category} can be taken as good: {what}',
    next: 'Mark images that have no defect as such in the page, N, as they come from the line.',
    exit: 1,
    status: 422,
  },
  ADC_NAME_TAKEN: {
    message: 'The name {name} is taken',
    next: 'Choose another name.',
    exit: 1,
    status: 409,
  },
  ADC_TOO_LARGE: {
    message: 'The request has more than {limit} bytes',
    next: 'Send less at once.',
    exit: 1,
    status: 413,
  },
  ADC_LOGIN: {
    message: '{what}',
    next: 'Run `adclick serve DIR --add-user NAME`; it prints a token to log in with.',
    page: 'Log in with the token that you were given.',
    exit: 1,
    status: 401,
  },
  ADC_FOREIGN: {
    message: 'Requests from {what} are refused',
    next: 'Open the address that `adclick serve` printed; `--host` and `--public-url` allow others.',
    page: 'Open the page under the address that whoever started the server was shown; to be reached by others it has to be started for them.',
    exit: 1,
    status: 403,
  },
  ADC_OUTSIDE: {
    message: '{path} lies outside the project',
    next: 'Name a place inside the project; where a link leads out of it, put the file itself there.',
    exit: 1,
    status: 403,
  },
  ADC_RATE: {
    message: 'More than {limit} {what} a minute',
    next: 'Wait a minute.',
    exit: 1,
    status: 429,
    passing: 'by itself',
  },
  ADC_STREAMS: {
    message: '{limit} event streams are open already',
    next: 'Close pages that nobody looks at.',
    exit: 1,
    status: 429,
    passing: 'by itself',
  },
  ADC_SLOW: {
    message: 'The request came with less than {least} bytes a second',
    next: 'Send it again over a faster connection.',
    exit: 1,
    status: 408,
    passing: 'by itself',
  },
  ADC_DATABASE: {
    message: 'Database {path} cannot be used: {what}',
    next: '{mend}',
    exit: 1,
    status: 500,
    passing: 'once mended',
  },
  ADC_DATABASE_BUSY: {
    message: 'Database {path} is in use: another process has been writing to it for {seconds} s',
    next: 'Wait until that has ended and try again; nothing was lost.',
    exit: 1,
    status: 503,
    passing: 'by itself',
  },
  ADC_DATABASE_GONE: {
    message: 'Database {path} is no longer the file that was opened: it, or its folder, was deleted, moved or replaced',
    next: 'Start ADClick again where the project is now; what was not acknowledged is not stored.',
    page: 'Whoever keeps this project has to start the server again; what is not saved yet stays in this browser.',
    exit: 1,
    status: 503,
    passing: 'by itself',
  },
  ADC_PORT: {
    message: 'Port {port} of {host} cannot be used: {what}',
    next: 'Choose another with `--port`.',
    page: 'Whoever started the server has to choose another port.',
    exit: 1,
    status: 500,
    passing: 'once mended',
  },
  ADC_PAGE_MISSING: {
    message: 'The page is not built: no {path}',
    next: 'Run `npm run build`.',
    page: 'Whoever started the server has to build the page: npm run build.',
    exit: 1,
    status: 503,
    passing: 'once mended',
  },
  ADC_CELL: {
    message: 'The result in {path} cannot be used: {what}',
    next: 'Remove that folder and run the command again: it is made anew.',
    exit: 1,
    status: 500,
  },
  ADC_CANCELLED: {
    message: 'Stopped by {signal}',
    next: 'Nothing half-written was left; run the command again.',
    page: 'Start it again.',
    exit: 1,
    status: 499,
    passing: 'by itself',
  },
  ADC_INTERNAL: {
    message: 'Something unexpected failed: {what}',
    next: 'Run the command again with `--debug` and report the whole output with the version that `adclick --version` prints.',
    page: 'Try again. If it stays so, the terminal of the server says more to whoever started it.',
    exit: 1,
    status: 500,
    passing: 'once mended',
  },
} as const satisfies Record<string, ErrorSpec>;

/** Makes a {@link CodedError} of the product's table: `throw fail('ADC_PROJECT_MISSING', { path, folder })`. */
export const fail = errorMaker(STUDIO_ERRORS);

/** The table's row of a code; undefined for one that it does not have. */
export const specOf = (code: string): ErrorSpec | undefined =>
  Object.hasOwn(STUDIO_ERRORS, code) ? STUDIO_ERRORS[code as keyof typeof STUDIO_ERRORS] : undefined;

/** Any failure as a coded one: unknown errors become ADC_INTERNAL with the original as cause. */
export function toCoded(error: unknown): CodedError {
  if (error instanceof CodedError) return error;
  const what = error instanceof Error ? error.message : String(error);
  return fail('ADC_INTERNAL', { what: what.trim().split('\n')[0] ?? '' }, error);
}

/** One line, in which nothing is left that a terminal would obey: file names and other servers' words may hold such characters. */
const oneLine = (text: string): string =>
  text
    .trim()
    .replace(/\s+/g, (space) => (space.includes('\n') ? ' ' : space))
    .replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '?');

/** The one line a user reads: code, what with the value, next step. */
export const errorLine = ({ code, message, next }: Pick<CodedError, 'code' | 'message' | 'next'>): string =>
  `${code}: ${oneLine(message).replace(/\.$/, '')}. ${oneLine(next)}`;
