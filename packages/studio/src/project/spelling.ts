/** How the disk spells a folder that a project file names: people, archives and systems write one name in different ways. */
import { existsSync } from 'node:fs';
import nodePath, { type PlatformPath } from 'node:path';
import { nameKey, withSlashes } from '@adclick/core/files';
import { namesIn } from './finding.ts';

/**
 * The path as the disk spells it, with forward slashes. Tried in turn: as it stands; in another Unicode form, which a keyboard, a ZIP
 * archive or macOS may have chosen; and with backslashes as the separators that they are on Windows, where the file may have been written.
 * @param root folder that the path is relative to.
 * @returns the path as it was given where nothing on the disk fits.
 */
export async function spelledOnDisk(root: string, path: string, system: PlatformPath = nodePath): Promise<string> {
  const given = withSlashes(path, system);
  if (existsSync(system.resolve(root, given))) return given;
  for (const slashed of new Set([given, given.replaceAll('\\', '/')])) {
    const found = await walk(root, slashed.split('/'), system);
    if (found !== undefined) return found;
  }
  return given;
}

/** Follows a path part by part; a part with a `*` and what comes after it stays. */
async function walk(root: string, parts: readonly string[], system: PlatformPath): Promise<string | undefined> {
  const spelled: string[] = [];
  for (const [i, part] of parts.entries()) {
    if (part.includes('*')) return [...spelled, ...parts.slice(i)].join('/');
    const so = spelled.join('/');
    const here = spelled.length === 1 && so === '' ? system.parse(system.resolve(root)).root : system.resolve(root, so);
    const asItStands = part === '' || existsSync(system.join(here, part));
    const key = nameKey(part);
    const names = asItStands ? [] : await namesIn(here);
    const name = asItStands ? part : names.find((each) => nameKey(each) === key);
    if (name === undefined) return undefined;
    spelled.push(name);
  }
  return spelled.join('/');
}
