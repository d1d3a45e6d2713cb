/**
 * Failures as people at the labelling page read them. They sit at another computer perhaps: advice for a command line and where the
 * project lies on the server's disk say nothing to them.
 */
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { type CodedError, type ErrorDetails, fillMessage } from '@adclick/ortgrad';
import { errorLine, specOf } from './errors.ts';

/** What a page is told of a failure. */
export interface PageError {
  readonly code: string;
  readonly message: string;
  readonly next: string;
}

/** Where the path of a file begins inside a text; what stands before it is kept. */
const BEGINNING = /(^|[\s'"`(=])/.source;
/** Absolute paths, POSIX and Windows, without blanks; group 2 is the last name. Routes of the server are none. */
const ABSOLUTE = new RegExp(
  `${BEGINNING}(?!/api/)(?:[A-Za-z]:)?[\\\\/](?:[^\\s'"\`()\\\\/:]+[\\\\/])+([^\\s'"\`()\\\\/:]+)`,
  'g',
);

/** The home folder of whoever started the server; empty for a user who has none. */
function home(): string {
  try {
    return homedir();
  } catch {
    // Some containers have no entry for the user, and no HOME.
    return '';
  }
}

/** A text without the places of the server: paths of the project relative to it, of others the last name. */
export function withoutPlaces(text: string, root: string): string {
  let rest = text;
  for (const [folder, instead] of [
    [resolve(root), 'the project'],
    [home(), '~'],
  ] as const) {
    if (folder.length < 2) continue;
    const name = folder.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    rest = rest.replace(new RegExp(`${name}[\\\\/](?=\\S)`, 'g'), instead === '~' ? '~/' : '');
    // Not where the name goes on: another folder beside it.
    rest = rest.replace(new RegExp(`${name}(?![\\w-]|\\.\\w)`, 'g'), instead);
  }
  return rest.replace(ABSOLUTE, '$1$2');
}

const detailsWithout = (details: ErrorDetails, root: string): ErrorDetails =>
  Object.fromEntries(
    Object.entries(details).map(([key, value]) => [
      key,
      typeof value === 'string' ? withoutPlaces(value, root) : value,
    ]),
  );

/** A failure for the page. @param root folder of the project. */
export function forPage({ code, message, next, details }: CodedError, root: string): PageError {
  const spec = specOf(code);
  if (!spec) return { code, message: withoutPlaces(message, root), next };
  const shown = detailsWithout(details, root);
  return { code, message: fillMessage(spec.message, shown), next: fillMessage(spec.page ?? spec.next, shown) };
}

/** {@link forPage} as one line, for what became of a job. */
export const pageLine = (error: CodedError, root: string): string => errorLine(forPage(error, root));
