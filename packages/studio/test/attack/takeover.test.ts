/** A server that gives no sign of life is taken over, and finds out before it says anything. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { ApiError, ImageDetail } from '../../src/api.ts';
import { leaseToServe } from '../../src/project/leases.ts';
import { serve as serveHere } from '../../src/server/listen.ts';
import { checkDatabase } from '../../src/store/connection.ts';
import { databasePath } from '../../src/store/database-path.ts';
import { errorCode } from '../command.ts';
import { takeOver } from '../leases.ts';
import { makeProject } from '../sample.ts';
import { Client } from '../serving.ts';
import { good, serve, started, todo } from './servers.ts';

/** Processes from source compile themselves first, which takes its time on a busy machine. */
vi.setConfig({ testTimeout: 600_000 });

test('a server that was stopped is taken over; awake again it acknowledges nothing, says why, and ends', async () => {
  const { root } = await makeProject(1);
  const first = await started(root);
  expect((await new Client(first.address).act(1, 0, good)).status).toBe(200);
  first.child.kill('SIGSTOP');
  // Sent to one that sleeps: it finds the action when it wakes.
  const late = new Client(first.address).act(1, 1, todo).catch((error: unknown) => error);
  expect(errorCode(await serve(root))).toBe('ADC_SERVED');
  await sleep(10_000);
  const second = await started(root, '--takeover');
  const client = new Client(second.address);
  first.child.kill('SIGCONT');
  const answer = (await late) as { status: number; body: ApiError };
  if (answer instanceof Error) expect(answer).toBeInstanceOf(TypeError);
  else expect(answer).toMatchObject({ status: 503, body: { error: { code: 'ADC_LEASE_LOST' } } });
  expect(await first.ended).toBe(1);
  expect(first.stderr()).toMatch(new RegExp(`ADC_LEASE_LOST: .*process ${second.child.pid} on `));
  const { version } = (await client.get<ImageDetail>('/images/1')).body;
  expect(version).toBe(1);
  expect((await client.act(1, version, todo)).status).toBe(200);
  expect(checkDatabase(databasePath(root))).toEqual([]);
});

test('one that waits for a silent server to be taken over ends at once when it is asked to', async () => {
  const project = await makeProject(1);
  await leaseToServe(project.root);
  takeOver(project.root, 'serve');
  const signal = AbortSignal.timeout(500);
  const start = performance.now();
  const refused = await serveHere(project, { takeover: true, signal, port: 0 }).catch((error: unknown) => error);
  expect(refused).toBe(signal.reason);
  expect(performance.now() - start).toBeLessThan(5_000);
});
