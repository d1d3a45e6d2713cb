/** Two servers on one project, as processes: the second is refused, and follows the first one after its death. */
import { rename } from 'node:fs/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { errorCode } from '../command.ts';
import { makeProject } from '../sample.ts';
import { Client } from '../serving.ts';
import { good, serve, started, todo } from './servers.ts';

/** Processes from source compile themselves first, which takes its time on a busy machine. */
vi.setConfig({ testTimeout: 600_000 });

test('a second server names the first and leaves it alone; after kill -9 the next one goes on at once', async () => {
  const { root } = await makeProject(1);
  const first = await started(root);
  const [plain, taking] = await Promise.all([serve(root), serve(root, '--takeover')]);
  for (const refused of [plain, taking]) {
    expect(refused.code).toBe(1);
    expect(errorCode(refused)).toBe('ADC_SERVED');
    expect(refused.stderr).toContain(`at ${first.address}, by process ${first.child.pid} on `);
  }
  expect(taking.stderr).toContain('It is alive');
  expect((await new Client(first.address).act(1, 0, good)).status).toBe(200);
  first.child.kill('SIGKILL');
  await first.ended;
  const second = await started(root);
  expect((await new Client(second.address).act(1, 1, todo)).status).toBe(200);
  second.child.kill('SIGTERM');
  expect(await second.ended).toBe(0);
  // Ended as asked, it leaves nothing behind that somebody would have to follow.
  await started(root);
});

test('a project folder that is moved away under its server ends acknowledgements at once', async () => {
  const { root } = await makeProject(1);
  const server = await started(root);
  const client = new Client(server.address);
  expect((await client.act(1, 0, good)).status).toBe(200);
  await rename(root, `${root}-moved`);
  onTestFinished(() => rename(`${root}-moved`, root));
  const answer = await client.act(1, 1, todo).catch((error: unknown) => error);
  if (!(answer instanceof TypeError)) expect(answer).toMatchObject({ status: 503 });
  expect(await server.ended).toBe(1);
  expect(server.stderr()).toContain('its lock file is gone');
});
