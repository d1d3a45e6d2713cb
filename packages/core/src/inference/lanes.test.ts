/** Where runs happen: alone on the main runtime, together on lanes, in the order they came. */
import { Runtime } from '@adclick/ortgrad';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Lanes } from './lanes.ts';

/** Lanes whose runs end when they are told to. */
async function watched(threads: number) {
  const main = await Runtime.start({ threads: 1 });
  const lanes = new Lanes(main, threads);
  const running = new Map<string, { runtime: Runtime; end: () => void }>();
  const runs: Promise<void>[] = [];
  const run = (name: string) => {
    const work = (runtime: Runtime) =>
      new Promise<void>((resolve) =>
        running.set(name, {
          runtime,
          end: () => {
            running.delete(name);
            resolve();
          },
        }),
      );
    runs.push(lanes.run(work));
  };
  const place = (name: string) => {
    const runtime = running.get(name)?.runtime;
    return runtime === undefined ? 'waits' : runtime === main ? 'main' : 'lane';
  };
  const end = async (name: string) => {
    running.get(name)!.end();
    await new Promise((resolve) => setTimeout(resolve, 1));
  };
  const close = async () => {
    for (const { end } of running.values()) end();
    await Promise.all(runs);
    await lanes.close();
    await main.close();
  };
  return { lanes, run, place, end, close };
}

test('one run has everything; several run side by side once they had to wait', async () => {
  const { lanes, run, place, end, close } = await watched(2);
  run('a');
  expect(place('a')).toBe('main');
  run('b');
  run('c');
  expect([place('b'), place('c')]).toEqual(['waits', 'waits']);
  // The lanes are being started; nothing may run beside the main runtime meanwhile.
  await lanes.ready();
  expect([place('b'), place('c')]).toEqual(['waits', 'waits']);
  await end('a');
  expect([place('b'), place('c')]).toEqual(['lane', 'lane']);
  run('d');
  expect(place('d')).toBe('waits');
  await end('b');
  expect(place('d')).toBe('lane');
  await end('c');
  await end('d');
  run('e');
  expect(place('e')).toBe('main');
  await close();
});

test('with one thread everything waits in line, and a failure lets the next go on', async () => {
  const { lanes, run, place, end, close } = await watched(1);
  run('a');
  const failing = lanes.run(() => Promise.reject(new Error('broken')));
  const refused = expect(failing).rejects.toThrow('broken');
  run('b');
  expect(place('b')).toBe('waits');
  await end('a');
  await refused;
  expect(place('b')).toBe('main');
  await close();
});

test('a lane whose worker has ended is not used again', async () => {
  const { lanes, run, place, end, close } = await watched(2);
  run('a');
  run('b');
  run('c');
  await lanes.ready();
  await end('a');
  const failing = lanes.run(async (lane) => {
    await lane.close();
    throw new Error('its worker ended');
  });
  const refused = expect(failing).rejects.toThrow('its worker ended');
  await end('b');
  await refused;
  run('d');
  expect(place('d')).toBe('waits');
  await end('c');
  expect(place('d')).toBe('lane');
  await close();
});

test('lanes are started anew when the workers of all have ended', async () => {
  const { lanes, run, place, end, close } = await watched(2);
  run('a');
  const [one, other] = [lanes.run((lane) => lane.close()), lanes.run((lane) => lane.close())];
  await lanes.ready();
  await end('a');
  await Promise.all([one, other]);
  for (const name of ['b', 'c', 'd', 'e']) run(name);
  // That both are gone is seen when they are wanted.
  await end('b');
  expect([place('c'), place('d')]).toEqual(['main', 'waits']);
  await lanes.ready();
  await end('c');
  expect([place('d'), place('e')]).toEqual(['lane', 'lane']);
  await close();
});

test('lanes that could not be started are started when somebody has to wait again', async () => {
  onTestFinished(() => void vi.restoreAllMocks());
  const { lanes, run, place, end, close } = await watched(2);
  const real = Runtime.start;
  let calls = 0;
  vi.spyOn(Runtime, 'start').mockImplementation(async (options) => {
    if (calls++ === 0) throw new Error('no memory');
    return real(options);
  });
  run('a');
  run('b');
  await lanes.ready();
  await end('a');
  // One lane was there all the same.
  await vi.waitFor(() => expect(place('b')).toBe('lane'));
  run('c');
  await vi.waitFor(() => expect(place('c')).toBe('lane'), { timeout: 20_000 });
  expect(calls).toBe(3);
  await close();
});
