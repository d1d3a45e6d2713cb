/** Which licences are refused, and that the package is named. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { refusedInPage, refusedLicences } from './licences.ts';

async function file(content: unknown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'adclick-licences-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'list.json');
  await writeFile(path, JSON.stringify(content));
  return path;
}

const locked = (license: string | undefined, more: object = {}, path = 'node_modules/part') =>
  file({ packages: { '': { license: 'GPL-3.0' }, [path]: { version: '1.2.3', license, ...more } } });

test.each(['MIT', 'Apache-2.0', '(MIT OR GPL-3.0-only)', 'MIT AND ISC', '(MIT OR CC0-1.0)'])(
  '%s is allowed',
  async (licence) => {
    expect(refusedLicences(await locked(licence))).toEqual([]);
  },
);

test.each([
  'GPL-3.0-only',
  'AGPL-3.0',
  'MIT AND GPL-2.0-only',
  'UNLICENSED',
  'SEE LICENSE IN LICENSE.txt',
  'LGPL-3.0-or-later',
])('%s is refused by the name of its package', async (licence) => {
  expect(refusedLicences(await locked(licence))).toEqual([`part 1.2.3 (${licence})`]);
});

test('a package that names no licence is refused; one within another, by its own name', async () => {
  expect(refusedLicences(await locked(undefined))).toEqual(['part 1.2.3 (unknown)']);
  const within = 'packages/studio/node_modules/a/node_modules/@b/c';
  expect(refusedLicences(await locked('GPL-2.0-only', {}, within))).toEqual(['@b/c 1.2.3 (GPL-2.0-only)']);
});

test('what only development needs is not looked at, what is optional is', async () => {
  expect(refusedLicences(await locked('GPL-3.0-only', { dev: true }))).toEqual([]);
  expect(refusedLicences(await locked('GPL-3.0-only', { optional: true }))).toHaveLength(1);
});

test('libvips alone may be under the LGPL', async () => {
  const path = 'node_modules/@img/sharp-libvips-linux-x64';
  expect(refusedLicences(await locked('LGPL-3.0-or-later', {}, path))).toEqual([]);
  expect(refusedLicences(await locked('GPL-3.0-or-later', {}, path))).toHaveLength(1);
});

test('packages that the page is made of are looked at too', async () => {
  const list = [
    { name: 'a', version: '1.0.0', identifier: 'MIT' },
    { name: 'b', version: '2.0.0', identifier: null },
  ];
  expect(refusedInPage(await file(list))).toEqual(['b 2.0.0 (unknown)']);
});
