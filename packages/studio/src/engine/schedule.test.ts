import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Schedule } from './schedule.ts';

/** A schedule whose tasks end when they are told to. */
function watched(width: number) {
  const schedule = new Schedule(width);
  const running = new Map<string, () => void>();
  const add = (name: string, priority: number, key: string | undefined, since = 0) =>
    schedule.add({
      priority,
      since,
      key,
      run: () =>
        new Promise((resolve) =>
          running.set(name, () => {
            running.delete(name);
            resolve();
          }),
        ),
    });
  const end = async (name: string) => {
    running.get(name)!();
    await turn();
    await turn();
  };
  return { add, end, names: () => [...running.keys()] };
}

test('urgent work passes what waits, and one picture is never worked on twice at once', async () => {
  const { add, end, names } = watched(2);
  add('prepare a', 2, 'a');
  add('prepare b', 2, 'b');
  add('prepare c', 2, 'c');
  add('click a', 0, 'a');
  add('click d', 0, 'd');
  expect(names()).toEqual(['prepare a', 'prepare b']);
  await end('prepare b');
  expect(names()).toEqual(['prepare a', 'click d']);
  await end('prepare a');
  expect(names()).toEqual(['click d', 'click a']);
  await end('click d');
  expect(names()).toEqual(['click a', 'prepare c']);
});

test('who has waited longest goes first', async () => {
  const { add, end, names } = watched(1);
  add('click a', 0, 'a', 10);
  add('click b', 0, 'b', 30);
  add('click c', 0, 'c', 20);
  add('prepare d', 2, 'd', 5);
  await end('click a');
  expect(names()).toEqual(['click c']);
  await end('click c');
  expect(names()).toEqual(['click b']);
  await end('click b');
  expect(names()).toEqual(['prepare d']);
});

test('a swap waits until nothing runs, and nothing runs beside it', async () => {
  const { add, end, names } = watched(2);
  add('click a', 0, 'a');
  add('swap', 0, undefined);
  add('click b', 0, 'b');
  expect(names()).toEqual(['click a']);
  await end('click a');
  expect(names()).toEqual(['swap']);
  await end('swap');
  expect(names()).toEqual(['click b']);
});
