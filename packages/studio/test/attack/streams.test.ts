/** Event streams last no longer than the right to listen, and nobody opens too many. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { serveApp } from './served.ts';

const HEARTBEAT = 200;

type Server = Awaited<ReturnType<typeof serveApp>>;

/** A stream that is read along. */
async function listen({ ask }: Server, headers: Record<string, string>) {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const response = await ask('/events', { headers, signal: stop.signal });
  const stream = { status: response.status, text: '', ended: false, response };
  void (async () => {
    const decoder = new TextDecoder();
    try {
      for await (const part of response.body ?? []) stream.text += decoder.decode(part, { stream: true });
    } catch {
      // Broken off is ended too.
    }
    stream.ended = true;
  })();
  return stream;
}

const soon = (check: () => void) => vi.waitFor(check, { timeout: 5_000, interval: 20 });

test('a stream ends when its session is closed, and that of another session stays', async () => {
  const server = await serveApp({ heartbeat: 60_000 });
  const token = await server.addUser('ada');
  const [first, second] = [await server.logIn(token), await server.logIn(token)];
  const [one, two] = [await listen(server, { cookie: first }), await listen(server, { cookie: second })];
  server.studio.bus.emit({ kind: 'types', types: [] });
  await soon(() =>
    expect([one.text, two.text]).toEqual([one.text, one.text].map(() => expect.stringContaining('types'))),
  );
  await server.ask('/logout', { method: 'POST', headers: { cookie: first } });
  await soon(() => expect(one.ended).toBe(true));
  server.studio.bus.emit({ kind: 'types', types: [] });
  await soon(() => expect(two.text.match(/event: types/g)?.length).toBe(2));
  expect(one.text.match(/event: types/g)?.length).toBe(1);
  expect(two.ended).toBe(false);
});

test.each(['cookie', 'bearer'])('a stream ends when its user is removed by another process: %s', async (way) => {
  const server = await serveApp({ heartbeat: HEARTBEAT });
  const token = await server.addUser('ada');
  const headers: Record<string, string> =
    way === 'cookie' ? { cookie: await server.logIn(token) } : { authorization: `Bearer ${token}` };
  const stream = await listen(server, headers);
  await soon(() => expect(stream.text).toContain(': still here'));
  expect(stream.ended).toBe(false);
  await server.users.remove('ada');
  await soon(() => expect(stream.ended).toBe(true));
});

test('a stream ends when its session expires', async () => {
  const server = await serveApp({ heartbeat: HEARTBEAT });
  const token = await server.addUser('ada');
  const stream = await listen(server, { cookie: await server.logIn(token) });
  await soon(() => expect(stream.text).toContain(': still here'));
  const real = Date.now();
  vi.useFakeTimers({ toFake: ['Date'], now: real + 31 * 86_400_000 });
  onTestFinished(() => void vi.useRealTimers());
  await soon(() => expect(stream.ended).toBe(true));
});

test('a user, and all users together, have a limited number of streams', async () => {
  const server = await serveApp();
  const sessions = await Promise.all(
    Array.from({ length: 9 }, async (_, i) => server.logIn(await server.addUser(`user${i}`))),
  );
  const statuses: number[] = [];
  for (const cookie of sessions) {
    const streams = await Promise.all(Array.from({ length: 66 }, () => listen(server, { cookie })));
    statuses.push(streams.filter(({ status }) => status === 200).length);
    const refused = streams.find(({ status }) => status !== 200);
    expect(refused?.status).toBe(429);
    await soon(() => expect(refused?.text).toContain('ADC_STREAMS'));
  }
  expect(statuses).toEqual([...new Array<number>(8).fill(64), 0]);
  // A place that becomes free can be had again.
  await server.ask('/logout', { method: 'POST', headers: { cookie: sessions[0] } });
  await vi.waitFor(async () => expect((await listen(server, { cookie: sessions[8] })).status).toBe(200));
});

test('the end of the server ends streams at once', async () => {
  const server = await serveApp();
  const stream = await listen(server, { cookie: await server.logIn(await server.addUser('ada')) });
  const began = performance.now();
  await server.app.close();
  await soon(() => expect(stream.ended).toBe(true));
  expect(performance.now() - began).toBeLessThan(2_000);
});
