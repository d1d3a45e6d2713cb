import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isGone, thisProcess } from './processes.ts';
import { leftoversAmong, removeLeftovers, temporaryFor } from './temporary.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adclick-temporary-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The name that a process would have given which has ended, or which still runs. */
const nameOf = (path: string, pid: number, started = '0') => {
  const own = thisProcess();
  return temporaryFor(path).replace(`-${own.pid}-${own.started}.`, `-${pid}-${started}.`);
};

/** The number of a process that has ended. */
async function endedProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '0']);
  await new Promise((resolve) => child.on('exit', resolve));
  return child.pid as number;
}

test('what an ended process has left goes, whatever else is in the folder stays', async () => {
  const pid = await endedProcess();
  const gone = nameOf(join(folder, 'mask.png'), pid);
  const others = [
    temporaryFor(join(folder, 'mask.png')),
    nameOf(join(folder, 'mask.png'), process.ppid),
    gone.replace(thisProcess().machine, '00000000'),
    join(folder, '.mask.png.tmp'),
    join(folder, '.mask.png.0f8fad5b-d9cb-469f-a165-70867728950e.tmp'),
    join(folder, basename(gone).slice(1)),
  ];
  for (const path of [gone, ...others]) await writeFile(path, 'half');
  await mkdir(`${gone}.old`);
  await removeLeftovers(folder);
  expect((await readdir(folder)).sort()).toEqual(others.map((path) => basename(path)).sort());
  const names = [nameOf('a/one', pid), nameOf('a/two', pid)].map((path) => basename(path));
  expect(leftoversAmong(names, 'b/one')).toEqual([names[0]]);
});

test('a process is gone when another one has its number, and never one of another computer', async () => {
  const own = thisProcess();
  expect(isGone(own)).toBe(false);
  expect(isGone({ ...own, pid: await endedProcess() })).toBe(true);
  expect(isGone({ ...own, machine: '00000000', pid: await endedProcess() })).toBe(false);
  // Where the system tells when a process was started.
  if (own.started !== '0') expect(isGone({ ...own, started: '1' })).toBe(true);
});
