/** Calls to threads and processes: answers, errors, progress, cancelling, memory that is handed over, and the end of either side. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { fail } from './errors.ts';
import { Remote } from './rpc.ts';
import { startProcess, startThread } from './start.ts';

interface Calls {
  add: { request: { a: number; b: number }; answer: number };
  /** A fault of the table, one that lasts, or one without a code. */
  fail: { request: { kind: 'table' | 'lasting' | 'uncoded' }; answer: never };
  /** Says every number on the way. */
  count: { request: { to: number }; answer: string; progress: { at: number } };
  /** Answers when it is aborted. */
  wait: { request: null; answer: never };
  /** Blocks the other side's loop for some milliseconds. */
  block: { request: { milliseconds: number }; answer: null };
  twice: { request: { values: Float32Array }; answer: Float32Array };
  die: { request: { words: string }; answer: never };
}

const SOURCE = (rpc: string, start: string, errors: string) => `
import { serveCalls } from ${JSON.stringify(rpc)};
import { parentWire } from ${JSON.stringify(start)};
import { CodedError, fail } from ${JSON.stringify(errors)};
serveCalls(parentWire(), {
  add: ({ a, b }) => a + b,
  fail: ({ kind }) => {
    if (kind === 'table') throw fail('ADC_GRAPH_SHAPE', { op: 'add', what: 'too long', got: 7 });
    throw kind === 'lasting' ? new CodedError('ADC_LASTING', 'no', 'Stop.', 1, 400, {}) : new RangeError('no such place');
  },
  count: async ({ to }, { progress }) => {
    for (let at = 0; at < to; at++) progress({ at });
    return 'counted';
  },
  wait: (_request, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  block: ({ milliseconds }) => {
    const end = performance.now() + milliseconds;
    while (performance.now() < end);
    return null;
  },
  twice: ({ values }, { transfer }) => {
    transfer.push(values.buffer);
    return values.map((value) => 2 * value);
  },
  die: ({ words }) => {
    process.stderr.write(words, () => process.exit(3));
    return new Promise(() => {});
  },
});
`;

let folder: string;
let served: URL;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rpc-'));
  served = pathToFileURL(join(folder, 'served.ts'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const [rpc, start, errors] = ['rpc', 'start', 'errors'].map((name) => new URL(`./${name}.ts`, import.meta.url).href);
  await writeFile(new URL(served), SOURCE(rpc, start, errors));
});
afterAll(() => rm(folder, { recursive: true }));

const lost = (what: string) => fail('ADC_RUNTIME', { provider: 'the other side', what });

describe.each(['thread', 'process'] as const)('a %s', (kind) => {
  const open = (onEnd?: () => void) => {
    const remote = new Remote<Calls>(kind === 'thread' ? startThread(served) : startProcess(served), lost, onEnd);
    onTestFinished(() => remote.close({ patience: 100 }));
    return remote;
  };

  test('answers, also several calls at once, and says how far it is', async () => {
    const remote = open();
    const seen: number[] = [];
    const onProgress = ({ at }: { at: number }) => seen.push(at);
    const answers = [remote.call('add', { a: 1, b: 2 }), remote.call('count', { to: 3 }, { onProgress })] as const;
    expect(remote.busy).toBe(true);
    expect(await Promise.all(answers)).toEqual([3, 'counted']);
    expect(seen).toEqual([0, 1, 2]);
    expect(remote.busy).toBe(false);
  });

  test('throws with code, next step and details, and other errors with their message', async () => {
    const remote = open();
    await expect(remote.call('fail', { kind: 'table' })).rejects.toMatchObject({
      name: 'CodedError',
      code: 'ADC_GRAPH_SHAPE',
      message: 'add: too long (got 7)',
      next: 'Check the shapes that enter add.',
      exit: 1,
      status: 500,
      passing: 'once mended',
      details: { op: 'add', what: 'too long', got: 7 },
    });
    await expect(remote.call('fail', { kind: 'lasting' })).rejects.toMatchObject({
      code: 'ADC_LASTING',
      passing: undefined,
    });
    await expect(remote.call('fail', { kind: 'uncoded' })).rejects.toMatchObject({ message: 'no such place' });
    await expect(remote.call('nothing' as 'add', { a: 1, b: 2 })).rejects.toThrow();
    await expect(remote.call('add', (() => 1) as never)).rejects.toThrow();
    expect(await remote.call('add', { a: 1, b: 1 })).toBe(2);
  });

  test('is cancelled by a signal, whose reason is thrown when the work has ended', async () => {
    const remote = open();
    const controller = new AbortController();
    const waiting = remote.call('wait', null, { signal: controller.signal });
    await remote.call('add', { a: 1, b: 1 });
    controller.abort(new Error('not wanted any more'));
    await expect(waiting).rejects.toThrow('not wanted any more');
    await expect(remote.call('add', { a: 1, b: 1 }, { signal: controller.signal })).rejects.toThrow('not wanted');
    expect(await remote.call('add', { a: 1, b: 1 })).toBe(2);
  });

  test('takes and gives numbers in arrays', async () => {
    const remote = open();
    const values = Float32Array.of(1, 2);
    const transfer = kind === 'thread' ? [values.buffer] : [];
    expect([...(await remote.call('twice', { values }, { transfer }))]).toEqual([2, 4]);
    expect(values.length).toBe(kind === 'thread' ? 0 : 2);
  });

  test('closes at the next safe point: what runs is aborted, later calls are refused', async () => {
    let died = false;
    const remote = open(() => {
      died = true;
    });
    const waiting = remote.call('wait', null).catch((error: unknown) => error);
    await remote.call('add', { a: 1, b: 1 });
    expect(remote.alive).toBe(true);
    await remote.close();
    expect(await waiting).toMatchObject({ message: 'it was closed' });
    expect(remote.alive).toBe(false);
    await expect(remote.call('add', { a: 1, b: 1 })).rejects.toMatchObject({ code: 'ADC_RUNTIME' });
    await remote.close();
    expect(died).toBe(false);
  });

  test('closes patiently after what was asked before', async () => {
    const remote = open();
    const answers = [remote.call('block', { milliseconds: 30 }), remote.call('add', { a: 1, b: 2 })] as const;
    await remote.close({ finish: true });
    expect(await Promise.all(answers)).toEqual([null, 3]);
  });

  test('rejects what waits when it dies, and tells', async () => {
    let died = 0;
    const remote = open(() => died++);
    const waiting = [remote.call('wait', null), remote.call('die', { words: 'out of luck' })];
    const message = kind === 'process' ? /ended with code 3: out of luck/ : /ended with code 3/;
    for (const { status, reason } of (await Promise.allSettled(waiting)) as PromiseRejectedResult[]) {
      expect(status).toBe('rejected');
      expect(reason).toMatchObject({ code: 'ADC_RUNTIME', message });
    }
    expect(died).toBe(1);
    expect(remote.alive).toBe(false);
    await expect(remote.call('add', { a: 1, b: 1 })).rejects.toMatchObject({ code: 'ADC_RUNTIME' });
    await remote.close();
  });

  test('that died while it was to be closed patiently is closed', async () => {
    const remote = open();
    const waiting = remote.call('die', { words: '' }).catch((error: unknown) => error);
    await remote.close({ finish: true });
    expect(await waiting).toMatchObject({ code: 'ADC_RUNTIME' });
  });

  test('that cannot be started rejects what is asked', async () => {
    const nowhere = new URL('./nowhere.js', served);
    const remote = new Remote<Calls>(kind === 'thread' ? startThread(nowhere) : startProcess(nowhere), lost);
    await expect(remote.call('add', { a: 1, b: 1 })).rejects.toMatchObject({ code: 'ADC_RUNTIME' });
    await remote.close();
  });
});

test('a thread that is busy begins nothing that waits once it is to end', async () => {
  const remote = new Remote<Calls>(startThread(served), lost);
  await remote.call('add', { a: 1, b: 1 });
  const runs = Array.from({ length: 5 }, () => remote.call('block', { milliseconds: 100 }));
  const ended = Promise.allSettled(runs);
  await runs[0];
  await remote.close();
  expect((await ended).filter(({ status }) => status === 'rejected').length).toBeGreaterThanOrEqual(3);
});

test('a process that finds no safe point is killed when patience ends', async () => {
  const remote = new Remote<Calls>(startProcess(served), lost);
  await remote.call('add', { a: 1, b: 1 });
  const blocked = remote.call('block', { milliseconds: 60_000 }).catch((error: unknown) => error);
  const started = performance.now();
  await remote.close({ patience: 100 });
  expect(await blocked).toMatchObject({ message: /SIGKILL/ });
  expect(performance.now() - started).toBeLessThan(10_000);
});
