/**
 * Ending while models run: under clicks, preparation, indexing and training a server ends with its documented code, its database closed
 * and nothing left running; commands likewise. `ADCLICK_FUZZ=30` makes thirty rounds of each.
 */
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writePng } from '@adclick/core';
import { Random } from '@adclick/core/synthesis';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { ImagePage } from '../../src/api.ts';
import { PROJECT_FILE, writeProject } from '../../src/project/project.ts';
import { databasePath } from '../../src/store/database-path.ts';
import { adclick } from '../command.ts';
import { Client, type ServerProcess, startServer } from '../serving.ts';

const ROUNDS = Number(process.env.ADCLICK_FUZZ ?? 2);
const SIZE = { width: 120, height: 96 };
const PICTURES = 8;
/** Milliseconds of work before a server or command is asked to end, at most. */
const LONGEST_MS = 2_500;

const random = new Random('sigterm');

async function writePicture(path: string, seed: string, defect: boolean): Promise<void> {
  const grey = new Random(seed);
  const data = Uint8Array.from({ length: SIZE.width * SIZE.height * 3 }, () => grey.int(90, 130));
  for (let y = 40; defect && y < 60; y++) data.fill(230, 3 * (y * SIZE.width + 50), 3 * (y * SIZE.width + 70));
  await writePng(path, { ...SIZE, data, channels: 3 });
}

let folder: string;
/** A project with an index and labels in its database. */
let made: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adclick-sigterm-'));
  made = join(folder, 'made');
  for (const part of ['train/good', 'test/bad']) await mkdir(join(made, part), { recursive: true });
  for (let n = 0; n < 4; n++) await writePicture(join(made, 'train/good', `${n}.png`), `good ${n}`, false);
  for (let n = 0; n < PICTURES; n++) await writePicture(join(made, 'test/bad', `${n}.png`), `bad ${n}`, true);
  await writeProject(join(made, PROJECT_FILE), {
    categories: { part: { good: ['train/good'], test: ['test'], defects: ['bad'] } },
    pixels: 128,
  });
  const indexed = await adclick(['index', made]);
  expect(indexed.code, indexed.stderr).toBe(0);
  const server = await startServer(made);
  const client = new Client(server.address);
  const square = { ...SIZE, counts: [SIZE.width * 40 + 50, 20, SIZE.width * SIZE.height - SIZE.width * 40 - 70] };
  for (const id of [1, 2, 3, 4]) {
    await client.act(id, 0, { kind: 'paint', tool: 'brush', type: 1, add: square, remove: null });
    expect((await client.act(id, 1, { kind: 'state', state: 'defect' })).status).toBe(200);
  }
  server.child.kill('SIGTERM');
  expect(await server.ended).toBe(0);
});
afterAll(() => rm(folder, { recursive: true }));

const fresh = async (name: string): Promise<string> => {
  const root = join(folder, name);
  await cp(made, root, { recursive: true });
  onTestFinished(() => rm(root, { recursive: true }));
  return root;
};

/** Everything that a process has started, and what those have. Elsewhere than on Linux nothing is known. */
async function descendants(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const children = text.trim().split(/\s+/).filter(Boolean).map(Number);
  return [...children, ...(await Promise.all(children.map(descendants))).flat()];
}

/** Whether a process is there and more than an entry that nobody has asked for. */
async function runs(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat !== undefined && !/\) [ZX] /.test(stat);
}

async function expectNothingLeft(root: string, started: readonly number[]): Promise<void> {
  const still = async () => (await Promise.all(started.map(runs))).filter(Boolean).length;
  await vi.waitFor(async () => expect(await still()).toBe(0), { timeout: 10_000, interval: 50 });
  const left = (await readdir(root, { recursive: true })).filter((path) => /\.(tmp|part|old)$/.test(path));
  expect(left).toEqual([]);
  // A database that was closed has no log beside it.
  expect(existsSync(`${databasePath(root)}-wal`)).toBe(false);
  const database = new Database(databasePath(root));
  expect(database.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
  database.close();
}

/** Work of every kind at once, until the connection breaks. @returns settles when all of it has ended. */
function load({ address }: ServerProcess): Promise<unknown> {
  const client = new Client(address);
  const picture = readFile(join(made, 'test/bad/0.png'));
  const clicking = async (id: number) => {
    let version = 0;
    for (let n = 0; ; n++) {
      const click = { x: 50 + (n % 20), y: 40 + id, positive: n % 3 > 0 };
      const { status, body } = await client.act(id, version, { kind: 'click', type: 1, click });
      if (status === 200) version = body.version;
      else version = (await client.get<{ version: number }>(`/images/${id}`)).body.version ?? version;
    }
  };
  const detecting = async () => {
    const headers = { 'content-type': 'image/png' };
    for (;;) {
      const body = new Uint8Array(await picture);
      await (await fetch(new URL('/api/v1/detect', address), { method: 'POST', headers, body })).json();
    }
  };
  const browsing = async () => {
    for (;;) {
      const { body } = await client.get<ImagePage>('/images?order=diversity');
      for (const { id } of body.images ?? []) await client.get(`/images/${id}/proposal`);
    }
  };
  const indexing = async () => {
    for (;;) {
      await client.call('POST', '/jobs', { kind: 'index' });
      await sleep(500);
    }
  };
  const training = () => client.call('POST', '/detectors', { category: 'part', steps: 5_000 });
  return Promise.allSettled([clicking(5), clicking(6), detecting(), browsing(), indexing(), training()]);
}

describe('a server under load', () => {
  test.each(Array.from({ length: ROUNDS }, (_, round) => round))(
    'ends, round %i',
    { timeout: 300_000 },
    async (round) => {
      const signal = round % 5 === 4 ? 'SIGINT' : 'SIGTERM';
      const root = await fresh(`served-${round}`);
      const server = await startServer(root);
      onTestFinished(() => void server.child.kill('SIGKILL'));
      const loaded = load(server);
      await sleep(random.int(50, LONGEST_MS));
      const started = await descendants(server.child.pid ?? 0);
      server.child.kill(signal);
      expect(await server.ended).toBe(signal === 'SIGINT' ? 130 : 0);
      await loaded;
      expect(server.stderr()).toBe('');
      await expectNothingLeft(root, started);
    },
  );
});

const COMMANDS = {
  index: async (root: string) => {
    await rm(join(root, '.adclick/index'), { recursive: true, force: true });
    return ['index', root];
  },
  train: async (root: string) => ['train', 'seg', root, '--steps', '5000'],
  'predict --watch': async (root: string) => ['predict', join(root, 'test'), '--project', root, '--watch'],
};

describe('a command at work', () => {
  const rounds = Array.from({ length: Math.ceil(ROUNDS / 2) }, (_, round) => round);
  const cases = rounds.flatMap((round) =>
    Object.keys(COMMANDS).map((name, i) => ({ name, round, signal: (round + i) % 2 === 0 ? 'SIGTERM' : 'SIGINT' })),
  );
  test.each(cases)('$name ends on $signal, round $round', { timeout: 300_000 }, async ({ name, round, signal }) => {
    const root = await fresh(`${name.replace(/\W+/g, '-')}-${round}`);
    const args = await COMMANDS[name as keyof typeof COMMANDS](root);
    let started: number[] = [];
    const ended = await adclick([...args, '--log-level', 'debug'], {
      started: (child) => {
        let heard = '';
        child.stderr?.on('data', async (text: string) => {
          const before = heard;
          heard += text;
          if (before.includes('the command begins') || !heard.includes('the command begins')) return;
          await sleep(random.int(0, LONGEST_MS));
          started = await descendants(child.pid ?? 0);
          child.kill(signal as NodeJS.Signals);
        });
      },
    });
    // One that was done before it was asked to end has ended well.
    if (ended.code !== 0) {
      const errors = ended.stderr.split('\n').filter((line) => line.startsWith('ADC_'));
      const by = signal === 'SIGINT' ? 'Ctrl-C' : signal;
      expect(errors).toEqual([expect.stringMatching(new RegExp(`^ADC_CANCELLED: Stopped by ${by}\\.`))]);
      expect(ended.code).toBe(signal === 'SIGINT' ? 130 : 143);
    }
    expect(ended.stderr).not.toContain('terminate called');
    await expectNothingLeft(root, started);
  });
});
