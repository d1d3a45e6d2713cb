import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../test/sample.ts';
import { Lease, leaseFolder, type Owner } from './lease.ts';
import { tidyProject } from './leftovers.ts';

const ID = '0f8fad5b-d9cb-469f-a165-70867728950e';

test('of those who removed the lease of a dead owner only what the dead and the long gone have left goes', async () => {
  const root = await temporaryFolder();
  const folder = leaseFolder(root);
  const own = await Lease.takeFile(join(folder, `index-a.lock.${ID}`), 'a lease whose owner is dead', {});
  const owner = JSON.parse(await readFile(join(folder, `index-a.lock.${ID}`), 'utf8')) as Owner;
  const text = (change: object) => JSON.stringify({ ...owner, id: ID, ...change });
  const files: [name: string, text: string, old: boolean][] = [
    // Numbers of processes end before this one.
    ['index-b.lock', text({ pid: 99_999_999 }), true],
    [`index-b.lock.${ID}`, text({ pid: 99_999_999 }), false],
    [`index-b.lock.${ID}.${ID}`, text({ pid: 99_999_999 }), false],
    [`index-c.lock.${ID}`, text({ machine: '00000000' }), false],
    [`index-d.lock.${ID}`, text({ machine: '00000000' }), true],
    ['index-e.lock.unreadable', '{"id":', false],
    ['index-f.lock.unreadable', '{"id":', true],
  ];
  await mkdir(folder, { recursive: true });
  for (const [name, content, old] of files) {
    await writeFile(join(folder, name), content);
    if (old) await utimes(join(folder, name), new Date(0), new Date(0));
  }
  await tidyProject(root);
  expect((await readdir(folder)).sort()).toEqual(
    ['index-b.lock', `index-a.lock.${ID}`, `index-c.lock.${ID}`, 'index-e.lock.unreadable'].sort(),
  );
  await own.check();
  await own.release();
});
