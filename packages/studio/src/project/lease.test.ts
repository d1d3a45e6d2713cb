import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { thisProcess } from '@adclick/ortgrad';
import { expect, onTestFinished, test, vi } from 'vitest';
import { NODE_ARGUMENTS } from '../../test/command.ts';
import { takeOver } from '../../test/leases.ts';
import { temporaryFolder } from '../../test/sample.ts';
import { log } from '../log.ts';
import { Lease, leaseFolder, type Owner, withLease } from './lease.ts';
import { leaseToServe } from './leases.ts';

const LEASE = JSON.stringify(new URL('./lease.ts', import.meta.url).href);

/** A process that runs some code with {@link Lease} at hand. @returns what it prints, line by line. */
function started(code: string, ...args: readonly string[]) {
  const program = `import { Lease, withLease } from ${LEASE};\nconst [,root, ...args] = process.argv;\n${code}`;
  const child = spawn(process.execPath, [...NODE_ARGUMENTS, '--input-type=module', '-e', program, ...args]);
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (errors += piece));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const says = async (word: string) => {
    for (let n = 0; n < 600 && !text.includes(word); n++) await sleep(50);
    expect(text, errors).toContain(word);
  };
  return { child, ended, says, text: () => text };
}

/** A process that has a lease until it is killed. */
async function holder(root: string, name = 'serve'): Promise<ChildProcess> {
  const code = `await Lease.take(root, ${JSON.stringify(name)}, 'this project');\nconsole.log('held');\nsetInterval(() => 0, 1000);`;
  const { child, says } = started(code, root);
  await says('held');
  return child;
}

const fileOf = (root: string, name: string) => join(leaseFolder(root), `${name}.lock`);
const read = async (path: string) => JSON.parse(await readFile(path, 'utf8')) as Owner;

async function killed(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.on('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

/** The file of an owner that nobody here can ask after, as another computer writes it. */
async function foreign(root: string, change: Partial<Owner> = {}): Promise<string> {
  const path = fileOf(root, 'serve');
  const lease = await leaseToServe(root);
  const owner = await read(path);
  await lease.release();
  await mkdir(leaseFolder(root), { recursive: true });
  const other = { ...owner, host: 'bench-3', machine: '00000000', address: 'http://10.0.0.3:4280/', ...change };
  await writeFile(path, JSON.stringify(other));
  return path;
}

test('one process has it, others are told who, and a dead one is followed at once', async () => {
  const root = await temporaryFolder();
  const child = await holder(root);
  const { pid } = child;
  await expect(leaseToServe(root)).rejects.toMatchObject({
    code: 'ADC_SERVED',
    message: expect.stringContaining(`process ${pid}`),
  });
  // Alive is alive: also one who asks to take it over has to wait.
  await expect(leaseToServe(root, true)).rejects.toMatchObject({ code: 'ADC_SERVED' });
  await killed(child);
  const start = performance.now();
  const lease = await leaseToServe(root);
  expect(performance.now() - start).toBeLessThan(1_000);
  await lease.check();
  await lease.release();
  expect(await readdir(leaseFolder(root))).toEqual([]);
});

test('many who take it at the same moment from a dead one come one after another', async () => {
  const root = await temporaryFolder();
  await killed(await holder(root, 'count'));
  const count = join(root, 'count');
  await writeFile(count, '0');
  const code = `
    import { readFile, writeFile } from 'node:fs/promises';
    for (let n = 0; n < 25; n++)
      await withLease(root, 'count', 'the count', { wait: 60_000 }, async () => {
        const was = Number(await readFile(args[0], 'utf8'));
        await new Promise((resolve) => setTimeout(resolve, 1));
        await writeFile(args[0], String(was + 1));
      });`;
  const all = Array.from({ length: 4 }, () => started(code, root, count));
  expect(await Promise.all(all.map(({ ended }) => ended))).toEqual([0, 0, 0, 0]);
  expect(await readFile(count, 'utf8')).toBe('100');
  expect(await readdir(leaseFolder(root))).toEqual([]);
});

test('a number of a process that was given out again is no sign of life', async () => {
  const root = await temporaryFolder();
  const path = await foreign(root, { ...thisProcess(), pid: process.ppid, started: '1' });
  expect((await read(path)).pid).toBe(process.ppid);
  // Only where the system tells when a process was started.
  if (thisProcess().started === '0') await rm(path);
  await (await leaseToServe(root)).release();
});

test('an owner on another computer is left alone, and taken over only when it gives no sign of life', async () => {
  const root = await temporaryFolder();
  const path = await foreign(root);
  // Clocks say nothing: the file may look as old as it likes.
  await utimes(path, 1, 1);
  await expect(leaseToServe(root)).rejects.toMatchObject({
    code: 'ADC_SERVED',
    message: expect.stringMatching(/http:\/\/10\.0\.0\.3:4280\/.* on bench-3, since /),
    next: expect.stringContaining('--takeover'),
  });
  let beats = 0;
  const timer = setInterval(() => void foreignBeat(path, ++beats), 500);
  await expect(leaseToServe(root, true)).rejects.toMatchObject({ code: 'ADC_SERVED' });
  clearInterval(timer);
  await sleep(600);
  const start = performance.now();
  const lease = await Lease.take(root, 'serve', 'this project', { silence: () => 1_500 });
  expect(performance.now() - start).toBeGreaterThan(1_400);
  await lease.release();
});

test('an owner that shows a sign of life while others wait to remove its file keeps it', async () => {
  const root = await temporaryFolder();
  const path = await foreign(root);
  const { id } = await read(path);
  const guard = await Lease.takeFile(`${path}.${id}`, 'a lease whose owner is dead', {});
  const want = Lease.take(root, 'serve', 'this project', { silence: () => 200 });
  const refused = expect(want).rejects.toMatchObject({ code: 'ADC_IN_USE' });
  // Long enough for it to count as dead: whoever removes the file is waited for.
  await sleep(1_000);
  await foreignBeat(path, 1);
  await guard.release();
  await refused;
  expect((await read(path)).id).toBe(id);
});

async function foreignBeat(path: string, alive: number): Promise<void> {
  await writeFile(path, JSON.stringify({ ...(await read(path)), alive }));
}

test('whoever has lost it learns so before it says anything, and leaves the other one alone', async () => {
  const root = await temporaryFolder();
  const lease = await leaseToServe(root);
  const told = new Promise((resolve) => lease.onLost(resolve));
  await lease.serveAt('http://localhost:1/');
  expect(await read(fileOf(root, 'serve'))).toMatchObject({ address: 'http://localhost:1/', pid: process.pid });
  takeOver(root, 'serve');
  await expect(lease.check()).rejects.toMatchObject({
    code: 'ADC_LEASE_LOST',
    message: expect.stringContaining('bench-3'),
  });
  expect(await told).toMatchObject({ code: 'ADC_LEASE_LOST' });
  await lease.release();
  expect((await read(fileOf(root, 'serve'))).host).toBe('bench-3');
});

test('a heartbeat notices by itself, also that the folder is gone', async () => {
  const root = await temporaryFolder();
  const lease = await leaseToServe(root);
  const told = new Promise((resolve) => lease.onLost(resolve));
  await rm(join(root, '.adclick'), { recursive: true });
  expect(await told).toMatchObject({ code: 'ADC_LEASE_LOST', message: expect.stringContaining('gone') });
  await expect(lease.check()).rejects.toMatchObject({ code: 'ADC_LEASE_LOST' });
});

/** Lets the count of this computer go on by an hour in an instant, as sleep does on systems that count it. */
function sleepForAnHour(): void {
  const real = process.hrtime.bigint;
  const count = vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => real() + 3_600n * 10n ** 9n);
  onTestFinished(() => count.mockRestore());
}

test('who wakes with its computer keeps what it has, and one that stays silent then does not', async () => {
  const root = await temporaryFolder();
  const lease = await Lease.take(root, 'prompts', 'the prompts');
  const stopped = await holder(root, 'import');
  stopped.kill('SIGSTOP');
  sleepForAnHour();
  await expect(Lease.take(root, 'prompts', 'the prompts')).rejects.toMatchObject({ code: 'ADC_IN_USE' });
  await lease.check();
  await lease.release();
  const start = performance.now();
  const next = await Lease.take(root, 'import', 'labels by an import');
  expect(performance.now() - start).toBeGreaterThan(4_000);
  await next.release();
}, 60_000);

test('a sign of life from before a restart, by a process whose number was given out again, is none', async () => {
  const root = await temporaryFolder();
  const mark = { ...thisProcess(), pid: process.ppid, started: '0' };
  await foreign(root, { ...mark, alive: Number(process.hrtime.bigint() / 1_000_000n) + 3_600_000 });
  await (await Lease.take(root, 'serve', 'this project', { silence: () => 1_500 })).release();
});

test('signs of life that cannot be written are said once', async () => {
  const root = await temporaryFolder();
  const said = vi.spyOn(log, 'warn');
  const lease = await leaseToServe(root);
  const path = fileOf(root, 'serve');
  await rm(path);
  // Nobody can write a folder.
  await mkdir(path);
  await vi.waitFor(() => expect(said).toHaveBeenCalled(), { timeout: 10_000 });
  await sleep(2_500);
  expect(said.mock.calls.map(([facts]) => facts)).toEqual([{ err: expect.objectContaining({ code: 'EISDIR' }), path }]);
  said.mockRestore();
  await rm(path, { recursive: true });
  await lease.release();
}, 30_000);

test('waiting is bounded, told once, and ended by a signal', async () => {
  const root = await temporaryFolder();
  const lease = await Lease.take(root, 'prompts', 'the prompts');
  const told: number[] = [];
  const wish = { wait: 300, onWait: ({ pid }: Owner) => void told.push(pid) };
  await expect(Lease.take(root, 'prompts', 'the prompts', wish)).rejects.toMatchObject({
    code: 'ADC_IN_USE',
    message: expect.stringContaining('the prompts'),
  });
  expect(told).toEqual([process.pid]);
  const stop = AbortSignal.timeout(100);
  const refused = await Lease.take(root, 'prompts', 'the prompts', { wait: 60_000, signal: stop }).catch(
    (error) => error,
  );
  expect(refused).toBe(stop.reason);
  const next = withLease(root, 'prompts', 'the prompts', { wait: 10_000 }, async ({ waited }) => waited);
  await sleep(50);
  await lease.release();
  expect(await next).toBe(true);
});

test('a file that was cut off counts as taken until it has not changed for long', async () => {
  const root = await temporaryFolder();
  await mkdir(leaseFolder(root), { recursive: true });
  await writeFile(fileOf(root, 'prompts'), '{"id":');
  const start = performance.now();
  const lease = await Lease.take(root, 'prompts', 'the prompts', { silence: () => 1_500 });
  expect(performance.now() - start).toBeGreaterThan(1_400);
  await lease.check();
  await lease.release();
});

test('a folder that cannot be written is said to be one', async () => {
  const root = await temporaryFolder();
  await writeFile(join(root, '.adclick'), 'a file');
  await expect(leaseToServe(root)).rejects.toMatchObject({ code: 'ADC_DISK' });
});
