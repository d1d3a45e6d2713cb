import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

/** Which calls fail as Windows lets them fail, how often, and with what. */
const open = vi.hoisted(() => ({ times: 0, code: 'EPERM', calls: 0 }));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const guarded =
    <Args extends unknown[], Result>(work: (...args: Args) => Promise<Result>) =>
    async (...args: Args) => {
      if (open.calls++ < open.times)
        throw Object.assign(new Error(`${open.code}: operation not permitted`), { code: open.code });
      return work(...args);
    };
  return { ...real, rename: guarded(real.rename), rm: guarded(real.rm) };
});

const { moveTo, removeIfPossible } = await import('./files.ts');
const { readSafetensors, writeSafetensors } = await import('./safetensors.ts');
const { tensor } = await import('./tensor.ts');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ortgrad-files-'));
});
afterEach(async () => {
  Object.assign(open, { times: 0, code: 'EPERM', calls: 0 });
  await rm(folder, { recursive: true });
});
const refuse = (times: number, code = 'EPERM') => Object.assign(open, { times, code, calls: 0 });

test('a folder in which a file is open is moved as soon as it can be', async () => {
  await mkdir(join(folder, 'a/b'), { recursive: true });
  refuse(4, 'EACCES');
  await moveTo(join(folder, 'a'), join(folder, 'c'));
  expect(await readdir(folder, { recursive: true })).toEqual(['c', 'c/b']);
});

test('what will not pass is told at once', async () => {
  refuse(0);
  await expect(moveTo(join(folder, 'nowhere'), join(folder, 'b'))).rejects.toMatchObject({ code: 'ENOENT' });
  expect(open.calls).toBe(1);
  refuse(Number.POSITIVE_INFINITY, 'ENOSPC');
  await expect(moveTo(join(folder, 'nowhere'), join(folder, 'b'))).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(open.calls).toBe(1);
});

test('what cannot be removed stays and stops nobody', async () => {
  const path = join(folder, 'old');
  await writeFile(path, 'old');
  refuse(2, 'EBUSY');
  expect(await removeIfPossible(path)).toBe(true);
  expect(await removeIfPossible(path)).toBe(true);
  await writeFile(path, 'old');
  refuse(Number.POSITIVE_INFINITY, 'EBUSY');
  expect(await removeIfPossible(path)).toBe(false);
  expect(await readFile(path, 'utf8')).toBe('old');
});

test('a weights file that stays open elsewhere keeps its content, and nothing lies beside it', async () => {
  const path = join(folder, 'weights.safetensors');
  const weights = (value: number) => new Map([['w', tensor(Float32Array.of(value), [1])]]);
  await writeSafetensors(path, weights(1));
  refuse(3);
  await writeSafetensors(path, weights(2));
  expect([...((await readSafetensors(path)).tensors.get('w')?.data ?? [])]).toEqual([2]);
  // Eight attempts to rename; the temporary file is removed after them.
  refuse(8);
  await expect(writeSafetensors(path, weights(3))).rejects.toMatchObject({ code: 'EPERM' });
  expect([...((await readSafetensors(path)).tensors.get('w')?.data ?? [])]).toEqual([2]);
  expect(await readdir(folder)).toEqual(['weights.safetensors']);
});
