/**
 * Paths as they are kept in files: relative, with forward slashes, and the same whichever system wrote them.
 *
 * Every function takes the rules of a system as its last argument, so that those of Windows hold and are tested everywhere.
 */
import nodePath, { type PlatformPath } from 'node:path';

/**
 * What two names have in common that are the same to people and to macOS: Unicode's composed form. Names from disks, archives and
 * keyboards are compared by it, whatever form each of them came in. Case counts.
 */
export const nameKey = (name: string): string => name.normalize('NFC');

/** The path with forward slashes. A backslash is a separator on Windows only; elsewhere it is a character of a name. */
export const withSlashes = (path: string, system: PlatformPath = nodePath): string =>
  system.sep === '/' ? path : path.split(system.sep).join('/');

/** Whether two paths begin at one drive or share, so that there is a way from one to the other. */
const sameRoot = (a: string, b: string, system: PlatformPath) =>
  system.parse(system.resolve(a)).root.toLowerCase() === system.parse(system.resolve(b)).root.toLowerCase();

/**
 * How a file is kept in the records of a folder: relative to it, with forward slashes. A file on another drive or share of Windows has
 * no way from there and is kept with its full path.
 * {@link fromStored} is the way back.
 */
export const toStored = (folder: string, file: string, system: PlatformPath = nodePath): string =>
  withSlashes(sameRoot(folder, file, system) ? system.relative(folder, file) : system.resolve(file), system);

/** The file that a path from the records of a folder stands for. */
export const fromStored = (folder: string, stored: string, system: PlatformPath = nodePath): string =>
  system.resolve(folder, stored);

/** Whether a path is a folder itself or lies in it. Links are not followed. */
export function isInside(folder: string, path: string, system: PlatformPath = nodePath): boolean {
  const way = system.relative(folder, path);
  return way !== '..' && !way.startsWith(`..${system.sep}`) && !system.isAbsolute(way);
}

/** What is the same for two full paths of one file, as far as names tell: Windows does not mind case, macOS not the Unicode form. */
export function pathKey(path: string, system: PlatformPath = nodePath): string {
  const key = withSlashes(nameKey(system.resolve(path)), system);
  return system.sep === '/' ? key : key.toLowerCase();
}

/** The deepest folder that all files lie in; undefined where they have none in common, as on two drives. */
export function commonFolder(files: readonly string[], system: PlatformPath = nodePath): string | undefined {
  const [first = '', ...others] = files.map((file) => system.dirname(system.resolve(file)));
  let common = first;
  for (const other of others)
    while (!isInside(common, other, system)) {
      const above = system.dirname(common);
      if (above === common) return undefined;
      common = above;
    }
  return common;
}
