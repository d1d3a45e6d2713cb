/** Whether everything that comes with the packages is under a licence that its users can live with. */
import { readFileSync } from 'node:fs';

/** May be used and passed on by anyone, for the price of a notice (SPDX names). */
const ALLOWED = [
  'MIT',
  'MIT-0',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'CC0-1.0',
];

/** libvips, which sharp loads as a library of its own that anyone can exchange: all that its licence asks. */
const LIBRARIES = { name: /^@img\/sharp-/, licence: 'LGPL-3.0-or-later' };

interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
}

function refusal(name: string, version = 'of no version', licence = 'unknown'): string[] {
  const allowed = LIBRARIES.name.test(name) ? [...ALLOWED, LIBRARIES.licence] : ALLOWED;
  return allows(licence, allowed) ? [] : [`${name} ${version} (${licence})`];
}

/** Whether an SPDX expression leaves a way to use it: one of several by OR, all of several by AND. */
function allows(expression: string, allowed: readonly string[]): boolean {
  const flat = expression.replace(/^\((.*)\)$/, '$1');
  return flat.split(' OR ').some((way) => way.split(' AND ').every((licence) => allowed.includes(licence)));
}

/** Reads the list that the build writes of what the page is made of. @returns a line for each package, as of a lock file. */
export function refusedInPage(list: string): string[] {
  const packages = JSON.parse(readFileSync(list, 'utf8')) as {
    name: string;
    version: string;
    identifier: string | null;
  }[];
  return packages.flatMap((each) => refusal(each.name, each.version, each.identifier ?? undefined));
}

/**
 * Reads a lock file, which knows the packages of every system, not only of this one.
 * @returns a line for each package that is not under an allowed licence; without those that only development needs.
 */
export function refusedLicences(lockFile: string): string[] {
  const { packages } = JSON.parse(readFileSync(lockFile, 'utf8')) as { packages: Record<string, LockedPackage> };
  return Object.entries(packages).flatMap(([path, { version, license, dev, link }]) => {
    const name = path.split('node_modules/').at(-1) ?? path;
    return !path.includes('node_modules/') || dev || link ? [] : refusal(name, version, license);
  });
}
