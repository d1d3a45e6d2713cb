/** Where an import reads from: a folder, a single file or a ZIP archive, all seen as files with safe relative names. */
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CodedError } from '@adclick/core';
import { describeIoError, isInside, isMissing } from '@adclick/core/files';
import { fail } from '../errors.ts';
import { passOver } from '../log.ts';
import { endingOf } from '../path-parts.ts';
import type { LeftOut } from './types.ts';
import { isZip, listZip, readZipEntry } from './zip.ts';

/** Files to read, by relative names with `/` between their parts. */
export interface Source {
  /** For errors: what the user named. */
  readonly path: string;
  /** All names, sorted. Hidden files are left out. */
  readonly files: readonly string[];
  /** What is there and not among {@link files}: links that lead out, names that no folder can hold, what is encrypted. */
  readonly leftOut?: readonly LeftOut[];
  /** Content of one of {@link files}. @throws ADC_EXCHANGE_FILE, ADC_EXCHANGE_LIMIT. */
  read(name: string): Promise<Uint8Array>;
  /** How a file is called in errors. */
  display(name: string): string;
}

/** Bytes of the largest file that is read; more would not fit into one text. */
const MOST_BYTES = 2 ** 28;
const MOST_FILES = 1_000_000;
const DEEPEST = 32;

const hidden = (name: string) => name.startsWith('.') || name === '__MACOSX';
const byName = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

async function readLimited(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > MOST_BYTES)
      throw fail('ADC_EXCHANGE_LIMIT', { path, what: `it has ${size} bytes, more than ${MOST_BYTES}` });
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).errno === undefined) throw error;
    throw fail('ADC_EXCHANGE_FILE', { path, field: 'the whole file', what: describeIoError(error) }, error);
  }
}

async function checkLink(root: string, path: string, name: string): Promise<void> {
  const refuse = (what: string) => fail('ADC_EXCHANGE_NAME', { name, path: root, what });
  const real = await realpath(path).catch(passOver('link not followed', { path }));
  if (real === undefined) throw refuse('it is a link that leads nowhere');
  if (!isInside(root, real)) throw refuse('it is a link that leaves the folder');
  if (!(await stat(real)).isFile()) throw refuse('it is a link to a folder');
}

/** A file that is not read, with the error that says why. */
interface Refused {
  readonly name: string;
  readonly error: CodedError;
}

/**
 * What is left out of a source.
 * @throws the first error when nothing else is in it.
 */
function left(files: readonly string[], refused: readonly Refused[]): LeftOut[] {
  const [first] = refused;
  if (first && files.length === 0) throw first.error;
  return refused.map(({ name, error }) => ({ path: name, reason: String(error.details.what) }));
}

async function walk(root: string): Promise<{ files: string[]; refused: Refused[] }> {
  const files: string[] = [];
  const refused: Refused[] = [];
  const visit = async (inside: string, depth: number): Promise<void> => {
    if (depth > DEEPEST)
      throw fail('ADC_EXCHANGE_LIMIT', { path: root, what: `its folders nest more than ${DEEPEST} deep` });
    const entries = await readdir(join(root, inside), { withFileTypes: true }).catch((error: unknown) => {
      throw fail('ADC_EXCHANGE_FILE', { path: root, field: inside || '.', what: describeIoError(error) }, error);
    });
    for (const entry of entries) {
      if (hidden(entry.name)) continue;
      const name = inside === '' ? entry.name : `${inside}/${entry.name}`;
      try {
        if (entry.isDirectory()) await visit(name, depth + 1);
        else if (entry.isSymbolicLink()) await checkLink(root, join(root, name), name);
        else if (!entry.isFile()) continue;
      } catch (error) {
        if (!(error instanceof CodedError) || error.code === 'ADC_EXCHANGE_LIMIT') throw error;
        refused.push({ name, error });
        continue;
      }
      if (!entry.isDirectory()) files.push(name);
      if (files.length > MOST_FILES)
        throw fail('ADC_EXCHANGE_LIMIT', { path: root, what: `it has more than ${MOST_FILES} files` });
    }
  };
  await visit('', 0);
  return { files: files.sort(byName), refused };
}

/**
 * A folder. Links inside it may lead to files inside it only; others are left out.
 * @throws ADC_EXCHANGE_LIMIT; ADC_EXCHANGE_NAME, ADC_EXCHANGE_FILE when there is nothing but what is left out.
 */
export async function openFolder(path: string): Promise<Source> {
  const root = await realpath(path);
  const display = (name: string) => join(path, name);
  const { files, refused } = await walk(root);
  return { path, files, leftOut: left(files, refused), display, read: (name) => readLimited(join(root, name)) };
}

/** An archive in memory. @throws see {@link listZip}; ADC_EXCHANGE_NAME when there is nothing but what is left out. */
export function openZip(bytes: Uint8Array, path: string): Source {
  const { entries, refused } = listZip(bytes, path);
  const shown = (name: string) => !name.split(/[\\/]/).some((part) => !/^\.\.?$/.test(part) && hidden(part));
  const files = [...entries.keys()].filter(shown).sort(byName);
  const display = (name: string) => `${path}/${name}`;
  const read = async (name: string) => {
    const entry = entries.get(name);
    if (!entry) throw fail('ADC_EXCHANGE_FILE', { path, field: name, what: 'there is no such file' });
    if (entry.size > MOST_BYTES)
      throw fail('ADC_EXCHANGE_LIMIT', {
        path: display(name),
        what: `it has ${entry.size} bytes, more than ${MOST_BYTES}`,
      });
    return readZipEntry(bytes, path, entry);
  };
  const leftOut = left(
    files,
    refused.filter(({ name }) => shown(name)),
  );
  return { path, files, leftOut, display, read };
}

/** Files in memory, such as an upload. */
export function openMemory(files: ReadonlyMap<string, Uint8Array>, path = 'in memory'): Source {
  const display = (name: string) => `${path}/${name}`;
  const read = async (name: string) => {
    const bytes = files.get(name);
    if (!bytes) throw fail('ADC_EXCHANGE_FILE', { path, field: name, what: 'there is no such file' });
    return bytes;
  };
  return { path, files: [...files.keys()].sort(byName), display, read };
}

/** Opens what a user named. @throws ADC_EXCHANGE_EMPTY when nothing is there, and what reading it throws. */
export async function openSource(path: string): Promise<Source> {
  const found = await lstat(path)
    .then(() => stat(path))
    .catch((error: unknown) => {
      const what = isMissing(error) ? 'there is no such file or folder' : describeIoError(error);
      throw fail('ADC_EXCHANGE_EMPTY', { path, what }, error);
    });
  if (found.isDirectory()) return openFolder(path);
  if (!found.isFile()) throw fail('ADC_EXCHANGE_EMPTY', { path, what: 'it is neither a file nor a folder' });
  const bytes = await readLimited(path);
  if (isZip(bytes)) return openZip(bytes, path);
  const name = basename(path);
  return { ...openMemory(new Map([[name, bytes]]), dirname(path)), path, display: () => path };
}

/** Names that end as given, upper or lower case. */
export const filesEnding = ({ files }: Source, ...endings: readonly string[]): string[] =>
  files.filter((name) => endings.includes(endingOf(name).toLowerCase()));
