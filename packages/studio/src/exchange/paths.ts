/** Names from files that others wrote: made into paths that stay inside their folder, or refused. */
import { fail } from '../errors.ts';

/** Longest path that is accepted, in characters; what file systems allow is less or equal. */
const LONGEST = 1024;

/**
 * A path relative to a folder, with `/` between its parts, `.` and `..` resolved. Backslashes count as separators, as some tools on
 * Windows write them.
 * @param path as it stands in a file. @param file that file, for the error. @param base folder that the path is relative to.
 * @throws ADC_EXCHANGE_NAME for absolute paths and drives, paths that leave the folder, empty and overlong ones, control characters.
 */
export function safePath(path: string, file: string, base = ''): string {
  const refuse = (what: string) =>
    fail('ADC_EXCHANGE_NAME', { name: JSON.stringify(path.slice(0, 200)), path: file, what });
  if (path.length > LONGEST) throw refuse(`it is longer than ${LONGEST} characters`);
  if ([...path].some((character) => character < ' ' || character === '\x7f'))
    throw refuse('it contains a control character');
  const slashed = path.replaceAll('\\', '/');
  if (slashed.startsWith('/') || /^[a-z]:/i.test(slashed)) throw refuse('it is an absolute path');
  const parts: string[] = [];
  for (const part of [...base.split('/'), ...slashed.split('/')]) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) throw refuse('it leaves its folder');
  }
  if (parts.length === 0 || slashed.endsWith('/')) throw refuse('it names no file');
  return parts.join('/');
}

/**
 * The name by which a picture is looked for, since tools write the paths of the computer that they ran on: drive and root fall away, and a
 * `..` that would leave the folder leads nowhere. It is compared with names and opens no file.
 * @param base folder that a relative path starts from. @throws ADC_EXCHANGE_NAME for empty and overlong names and control characters.
 */
export function pictureName(path: string, file: string, base = ''): string {
  const slashed = path.replaceAll('\\', '/');
  const rootless = slashed.replace(/^(?:file:)?\/*(?:[a-z]:)?\/*/i, '');
  const parts: string[] = [];
  for (const part of [...(slashed === rootless ? base.split('/') : []), ...rootless.split('/')]) {
    if (part === '..') parts.pop();
    else if (part !== '') parts.push(part);
  }
  return safePath(parts.join('/'), file);
}
