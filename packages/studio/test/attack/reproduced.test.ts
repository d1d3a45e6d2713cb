/** `adclick reproduce` that is killed at random moments, and two of them at once: the table is that of an undisturbed run. */
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeSampleProduct } from '@adclick/core/synthesis';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ADCLICK } from '../command.ts';
import { temporaryFolder } from '../sample.ts';
import { random } from './killing.ts';

/** Processes from source compile themselves first, which takes its time on a busy machine. */
vi.setConfig({ testTimeout: 900_000 });

const ROUNDS = Number(process.env.ADCLICK_FUZZ ?? 2);

/** Two categories of drawn parts. */
async function makeData(): Promise<string> {
  const data = await temporaryFolder();
  for (const product of ['screw', 'machined-ring'] as const)
    await writeSampleProduct(join(data, product), product, {
      ...{ normals: 6, testGoods: 2, defectsPerType: 4, width: 128, height: 128 },
    });
  return data;
}

/** Starts the command; it is killed after so many milliseconds. @returns its exit code, or the signal. */
async function run(data: string, to: string, jobs: number, after?: number): Promise<number | string | null> {
  const words = ['reproduce', 'table4', '--data', data, '--to', to, '--jobs', String(jobs), '--pixels', '128'];
  const rows = ['--row', 'weak', '--steps', '0.004', '--limit', '2'];
  const [program, ...first] = ADCLICK;
  const child = spawn(program, [...first, ...words, ...rows], { stdio: ['ignore', 'ignore', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ended = new Promise<number | string | null>((resolve) => child.on('exit', (code, by) => resolve(by ?? code)));
  if (after !== undefined) {
    await Promise.race([ended, sleep(after)]);
    child.kill('SIGKILL');
  }
  const end = await ended;
  if (end !== 'SIGKILL') expect(end, errors).toBe(0);
  return end;
}

/** Everything that a run came to, but how long it took. */
async function resultsOf(to: string): Promise<object> {
  const cells: Record<string, unknown> = {};
  for (const name of (await readdir(join(to, 'cells'))).sort())
    cells[name] = JSON.parse(await readFile(join(to, 'cells', name, 'cell.json'), 'utf8')).answer;
  const { rows, departures, notes } = JSON.parse(await readFile(join(to, 'table4.json'), 'utf8'));
  return { cells, rows, departures, notes };
}

/** Files in the making and leases, anywhere below. */
const halves = async (to: string) =>
  (await readdir(to, { recursive: true })).filter((name) => /(?:\.tmp|\.lock)$/.test(name) || /making[\\/]/.test(name));

test('what is killed goes on, and what works together shares', async () => {
  const data = await makeData();
  const whole = await temporaryFolder();
  const begun = performance.now();
  await run(data, whole, 1);
  const length = performance.now() - begun;
  const wanted = await resultsOf(whole);
  expect(Object.keys((wanted as { cells: object }).cells)).toHaveLength(6);

  const disturbed = await temporaryFolder();
  let kills = 0;
  for (let round = 0; round < ROUNDS; round++)
    if ((await run(data, disturbed, 1 + (round % 2), random.next() * length)) === 'SIGKILL') kills++;
  expect(kills).toBeGreaterThan(0);
  await run(data, disturbed, 1);
  expect(await resultsOf(disturbed)).toEqual(wanted);
  expect(await halves(disturbed)).toEqual([]);

  const shared = await temporaryFolder();
  await Promise.all([run(data, shared, 1), run(data, shared, 1)]);
  expect(await resultsOf(shared)).toEqual(wanted);
  expect(await halves(shared)).toEqual([]);
});
