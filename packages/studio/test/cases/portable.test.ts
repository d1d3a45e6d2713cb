/** However a process is asked to end, and at whatever moment: the right exit code, not a word on stderr, no half file, no child left. */
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writePng } from '@adclick/core';
import { Random } from '@adclick/core/synthesis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { PROJECT_FILE, writeProject } from '../../src/project/project.ts';
import { adclick, NODE_ARGUMENTS } from '../command.ts';
import { temporaryFolder } from '../sample.ts';
import { startServer } from '../serving.ts';

const GOOD = 6;
const SIZE = { width: 160, height: 128 };

/** A textured picture; a bright square is its defect. */
async function writePicture(path: string, seed: number, defect: boolean): Promise<void> {
  const random = new Random(`portable/${seed}`);
  const data = Uint8Array.from({ length: SIZE.width * SIZE.height * 3 }, () => random.int(90, 130));
  for (let y = 40; defect && y < 70; y++) data.fill(230, 3 * (y * SIZE.width + 50), 3 * (y * SIZE.width + 80));
  await writePng(path, { ...SIZE, data, channels: 3 });
}

async function makeProject(root: string): Promise<void> {
  for (const folder of ['train/good', 'test/bad']) await mkdir(join(root, folder), { recursive: true });
  for (let n = 0; n < GOOD; n++) await writePicture(join(root, 'train/good', `${n}.png`), n, false);
  for (let n = 0; n < 4; n++) await writePicture(join(root, 'test/bad', `${n}.png`), 10 + n, true);
  await writeProject(join(root, PROJECT_FILE), {
    categories: { part: { good: ['train/good'], test: ['test'], defects: ['bad'] } },
    pixels: 128,
  });
}

/** One project without an index, and one with index and detector. */
let plain: string;
let root: string;
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'adclick-portable-'));
  [plain, root] = [join(folder, 'plain'), join(folder, 'indexed')];
  await makeProject(plain);
  await cp(plain, root, { recursive: true });
  const { code, stderr } = await adclick(['predict', join(root, 'test/bad/0.png'), '--project', root]);
  expect(code, stderr).toBe(0);
});
afterAll(() => rm(join(plain, '..'), { recursive: true }));

const leftovers = async (root: string) =>
  (await readdir(root, { recursive: true })).filter((path) => /\.(tmp|part|old)$/.test(path));

/** Whether a process still runs. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('serve ends while a model runs', () => {
  /** A server that looks at pictures, one after another, for as long as it is there. */
  async function busyServer(root: string, channel = false) {
    const server = await startServer(root, [], { channel });
    onTestFinished(() => void server.child.kill('SIGKILL'));
    const picture = await readFile(join(root, 'test/bad/0.png'));
    let looked = 0;
    const look = async () => {
      const headers = { 'content-type': 'image/png' };
      for (;;) {
        await fetch(new URL('/api/v1/detect', server.address), { method: 'POST', headers, body: picture });
        looked++;
      }
    };
    const looking = Promise.allSettled([look(), look()]);
    return { server, looking, looked: () => looked };
  }

  test.each([
    ['SIGTERM while it makes its index', 'SIGTERM', 0, 300, 0],
    ['SIGTERM while it looks at pictures', 'SIGTERM', 1, 130, 0],
    ['SIGHUP while it looks at pictures', 'SIGHUP', 1, 20, 0],
    ['Ctrl-C while it looks at pictures', 'SIGINT', 2, 70, 130],
  ] as const)('%s', async (_, signal, pictures, delay, exit) => {
    const folder = pictures === 0 ? plain : root;
    const { server, looking, looked } = await busyServer(folder);
    await vi.waitFor(() => expect(looked()).toBeGreaterThanOrEqual(pictures), { timeout: 60_000, interval: 5 });
    await sleep(delay);
    server.child.kill(signal);
    expect(await server.ended).toBe(exit);
    await looking;
    expect(server.stderr()).toBe('');
    expect(await leftovers(folder)).toEqual([]);
  });

  test('a message, where there are no signals', async () => {
    const { server, looking, looked } = await busyServer(root, true);
    await vi.waitFor(() => expect(looked()).toBeGreaterThanOrEqual(1), { timeout: 60_000, interval: 5 });
    server.child.send('shutdown');
    expect(await server.ended).toBe(0);
    await looking;
    expect(server.stderr()).toBe('');
  });
});

describe('a command ends while it works', () => {
  test.each([
    ['SIGTERM', 143, 'SIGTERM'],
    ['SIGINT', 130, 'Ctrl-C'],
    ['SIGHUP', 129, 'SIGHUP'],
  ] as const)('predict --watch, on %s, in the middle of a picture', async (signal, exit, name) => {
    const folder = await temporaryFolder();
    const out = join(folder, 'out');
    for (let n = 0; n < 30; n++) await copyFile(join(root, 'test/bad/0.png'), join(folder, `${n}.png`));
    const ended = await adclick(['predict', folder, '--project', root, '--watch', '--out', out], {
      started: (child) => child.stdout?.once('data', () => child.kill(signal)),
    });
    expect(ended.code).toBe(exit);
    expect(ended.stderr.trim()).toMatch(new RegExp(`^ADC_CANCELLED: Stopped by ${name}\\.`));
    const lines = ended.stdout.trim().split('\n');
    expect(lines.length).toBeLessThan(30);
    // What was told is there, whole, and nothing else.
    const files = lines.flatMap((line) => {
      const { map, overlay } = JSON.parse(line) as { map: string; overlay: string };
      return [map, overlay];
    });
    const written = (await readdir(out)).map((file) => join(out, file));
    expect(written.filter((file) => !files.includes(file)).length).toBeLessThanOrEqual(2);
    expect(files.filter((file) => !written.includes(file))).toEqual([]);
    expect(await leftovers(folder)).toEqual([]);
  });

  test('whoever reads its answers goes away', async () => {
    const ended = await adclick(['predict', join(root, 'test'), '--project', root], {
      started: (child) => child.stdout?.once('data', () => child.stdout?.destroy()),
    });
    expect(ended.code).toBe(0);
    expect(ended.stderr).toBe('');
  });

  test('asked a second time, it ends at once', async () => {
    const url = JSON.stringify(new URL('../../src/cli/run.ts', import.meta.url).href);
    const script = `const { run } = await import(${url});
      const forever = () => new Promise(() => setInterval(() => {}, 1000));
      await run({}, (context) => (console.log('working'), forever()));`;
    const child = spawn(process.execPath, [...NODE_ARGUMENTS, '--input-type=module', '-e', script]);
    onTestFinished(() => void child.kill('SIGKILL'));
    child.stdout.once('data', async () => {
      child.kill('SIGINT');
      await sleep(300);
      expect(child.exitCode).toBe(null);
      child.kill('SIGINT');
    });
    // What a shell shows as 130.
    expect(await new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)))).toBe('SIGINT');
  });
});

describe('a process whose parent was killed ends too', () => {
  /** Starts a process that starts one of ours, says which, and waits. */
  async function startParent(module: string, call: { readonly name: string; readonly request: unknown }) {
    const url = JSON.stringify(new URL(`../../src/${module}`, import.meta.url).href);
    const script = `const { fork } = await import('node:child_process');
      const settings = { execArgv: ${JSON.stringify(NODE_ARGUMENTS)}, serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] };
      const child = fork(new URL(${url}), [], settings);
      child.on('message', (message) => console.log(JSON.stringify(message)));
      child.send(${JSON.stringify({ rpc: 'call', id: 0, ...call })});
      console.log(child.pid);`;
    const parent = spawn(process.execPath, [...NODE_ARGUMENTS, '--input-type=module', '-e', script]);
    onTestFinished(() => void parent.kill('SIGKILL'));
    let said = '';
    parent.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    await vi.waitFor(() => expect(said).toMatch(/^\d+\n/), { timeout: 60_000 });
    return { parent: parent as ChildProcess, pid: Number.parseInt(said, 10), said: () => said };
  }

  const gone = (pid: number) => vi.waitFor(() => expect(runs(pid)).toBe(false), { timeout: 30_000, interval: 50 });

  test('training, as soon as it has begun and in its midst', async () => {
    // Not a project that has been served: labels then lie in its database.
    const root = join(plain, '../trained');
    await makeProject(root);
    const masks = join(root, 'ground_truth/bad');
    await mkdir(masks, { recursive: true });
    const data = new Uint8Array(SIZE.width * SIZE.height);
    for (let y = 40; y < 70; y++) data.fill(255, y * SIZE.width + 50, y * SIZE.width + 80);
    for (let n = 0; n < 4; n++) await writePng(join(masks, `${n}_mask.png`), { ...SIZE, data, channels: 1 });
    const order = { name: 'train', request: { directory: root, options: { category: 'part', steps: 2000 } } };
    for (const moment of [/^\d+\n/, /training part/]) {
      const { parent, pid, said } = await startParent('training-process.ts', order);
      await vi.waitFor(() => expect(said()).toMatch(moment), { timeout: 100_000, interval: 20 });
      expect(said()).not.toMatch(/"error"/);
      expect(runs(pid)).toBe(true);
      parent.kill('SIGKILL');
      await gone(pid);
      expect(await leftovers(root)).toEqual([]);
    }
  });

  test('the probe of a provider', async () => {
    const { parent, pid } = await startParent('workbench/provider-probe.ts', {
      name: 'probe',
      request: { provider: 'cpu' },
    });
    parent.kill('SIGKILL');
    await gone(pid);
  });
});
