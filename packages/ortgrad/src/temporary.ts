/** Names of files and folders in the making, which say who makes them: what a killed process has left can be told from work that goes on. */
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { removeIfPossible } from './files.ts';
import { isGone, type ProcessMark, thisProcess } from './processes.ts';

/** Characters of the name that a thing will have which its temporary name has too: with three bytes each they still fit into a name. */
const LONGEST = 60;
const NAME = /^\.(.*)\.([0-9a-f]{8})-(\d{1,10})-(\d{1,20})\.[0-9a-f]{12}\.tmp(?:\.old)?$/s;

/** A name beside `path` for what will be put there; hidden, of this process, and never the same again. */
export function temporaryFor(path: string): string {
  const { machine, pid, started } = thisProcess();
  const mark = `${machine}-${pid}-${started}.${randomBytes(6).toString('hex')}`;
  return join(dirname(path), `.${basename(path).slice(0, LONGEST)}.${mark}.tmp`);
}

/** Whose temporary a name is of, and the beginning of the name that it was to have; undefined for any other name. */
export function temporaryOf(name: string): { readonly of: string; readonly by: ProcessMark } | undefined {
  const [, of, machine, pid, started] = NAME.exec(name) ?? [];
  if (of === undefined || machine === undefined || pid === undefined || started === undefined) return undefined;
  return { of, by: { machine, pid: Number(pid), started } };
}

/** Those of the names that are of what processes were making that are gone. @param path only what was to have this name. */
export const leftoversAmong = (names: readonly string[], path?: string): string[] =>
  names.filter((name) => {
    const temporary = temporaryOf(name);
    const meant = path === undefined || temporary?.of === basename(path).slice(0, LONGEST);
    return temporary !== undefined && meant && isGone(temporary.by);
  });

/**
 * Removes from a folder what processes were making that are gone; never what is being made, nor anything of another name.
 * @param names what is in the folder, where that is known.
 */
export async function removeLeftovers(folder: string, names?: readonly string[]): Promise<void> {
  const all = names ?? (await readdir(folder).catch((): string[] => []));
  for (const name of leftoversAmong(all)) await removeIfPossible(join(folder, name));
}
