import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { thisProcess } from '@adclick/ortgrad';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

/** Paths whose renaming or removal fails as on Windows while a file in them is open, and how often. */
const open = vi.hoisted(() => ({ path: '', times: 0 }));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const refuse = () => Object.assign(new Error('EPERM: operation not permitted'), { code: 'EPERM' });
  const rename: typeof real.rename = async (from, to) => {
    if (open.path !== '' && String(from).endsWith(open.path) && open.times-- > 0) throw refuse();
    await real.rename(from, to);
  };
  const remove: typeof real.rm = async (path, options) => {
    if (open.path !== '' && String(path).endsWith(open.path) && open.times-- > 0) throw refuse();
    await real.rm(path, options);
  };
  return { ...real, rename, rm: remove };
});

const { Target } = await import('./target.ts');

let folder: string;
let place: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adclick-target-'));
  place = join(folder, 'out');
});
afterEach(async () => {
  Object.assign(open, { path: '', times: 0 });
  await rm(folder, { recursive: true });
});

/** Exports one file. */
async function exported(text: string): Promise<void> {
  const target = await Target.open(place, true);
  try {
    await target.write('labels.txt', new TextEncoder().encode(text));
    await target.seal('coco');
    await target.commit();
  } catch (error) {
    await target.discard();
    throw error;
  }
}

const content = () => readFile(join(place, 'labels.txt'), 'utf8');

describe('an export that replaces an earlier one', () => {
  test('waits while somebody looks at a file of the earlier one', async () => {
    await exported('first');
    Object.assign(open, { path: 'out', times: 3 });
    await exported('second');
    expect(await content()).toBe('second');
    expect(await readdir(folder)).toEqual(['out']);
  });

  test('leaves the earlier one where somebody goes on looking', async () => {
    await exported('first');
    Object.assign(open, { path: 'out', times: Number.POSITIVE_INFINITY });
    await expect(exported('second')).rejects.toMatchObject({ code: 'ADC_DISK', message: /EPERM/ });
    expect(await content()).toBe('first');
    expect(await readdir(folder)).toEqual(['out']);
  });

  test('puts the earlier one back where the new one cannot take its place', async () => {
    await exported('first');
    Object.assign(open, { path: '.tmp', times: 8 });
    await expect(exported('second')).rejects.toMatchObject({ code: 'ADC_DISK' });
    expect(await content()).toBe('first');
    expect(await readdir(folder)).toEqual(['out']);
  });

  test('works where the earlier one cannot be removed yet', async () => {
    await exported('first');
    Object.assign(open, { path: '.old', times: Number.POSITIVE_INFINITY });
    await exported('second');
    expect(await content()).toBe('second');
  });

  test('keeps an empty folder that was there', async () => {
    await mkdir(place);
    Object.assign(open, { path: '.tmp', times: 8 });
    await expect(exported('first')).rejects.toMatchObject({ code: 'ADC_DISK' });
    expect(await readdir(folder)).toEqual(['out']);
    await writeFile(join(place, 'mine'), '');
  });
});

test('what exports have left that were killed goes with the next; the export that one had moved aside comes back', async () => {
  await exported('first');
  // The number of a process that no system gives out.
  const { machine } = thisProcess();
  const left = (mark: string) => join(folder, `.out.${machine}-${2 ** 31 - 1}-0.${mark}.tmp`);
  await mkdir(left('0123456789ab'));
  await rename(place, `${left('0123456789ab')}.old`);
  await mkdir(join(folder, '.out.tmp'));
  await (await Target.open(join(folder, 'out2'))).discard();
  expect(await readdir(folder)).toHaveLength(3);
  await expect(Target.open(place)).rejects.toMatchObject({ code: 'ADC_EXPORT_EXISTS' });
  expect((await readdir(folder)).sort()).toEqual(['.out.tmp', 'out']);
  expect(await readFile(join(place, 'labels.txt'), 'utf8')).toBe('first');
  await rename(place, `${left('ba9876543210')}.old`);
  await exported('second');
  expect((await readdir(folder)).sort()).toEqual(['.out.tmp', 'out']);
  expect(await readFile(join(place, 'labels.txt'), 'utf8')).toBe('second');
});
