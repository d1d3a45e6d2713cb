/** What is kept of promises, and that a rejection is not. */
import { expect, test } from 'vitest';
import { keptPromise, Once } from './kept-promises.ts';

test('what is made is kept, a rejection is not', async () => {
  const kept = new Map<string, Promise<number>>();
  let calls = 0;
  const make = async () => {
    calls++;
    if (calls === 1) throw new Error('not now');
    return calls;
  };
  const both = [keptPromise(kept, 'a', make), keptPromise(kept, 'a', make)];
  for (const each of both) await expect(each).rejects.toThrow('not now');
  expect(kept.size).toBe(0);
  expect(await keptPromise(kept, 'a', make)).toBe(2);
  expect(await keptPromise(kept, 'a', make)).toBe(2);
});

test('a rejection that comes late leaves what has taken its place', async () => {
  const kept = new Map<string, Promise<number>>();
  let reject = (_error: Error) => {};
  const first = keptPromise(kept, 'a', () => new Promise<number>((_resolve, no) => (reject = no)));
  kept.delete('a');
  const second = keptPromise(kept, 'a', async () => 2);
  reject(new Error('late'));
  await expect(first).rejects.toThrow('late');
  expect(kept.get('a')).toBe(second);
});

test('one value is made once it is asked for, and again after a rejection', async () => {
  let fails = true;
  const value = new Once(async () => {
    if (fails) throw new Error('not now');
    return 'made';
  });
  expect(await value.ifMade()).toBeUndefined();
  const failed = value.get();
  expect(await value.ifMade()).toBeUndefined();
  await expect(failed).rejects.toThrow('not now');
  fails = false;
  expect(await value.get()).toBe('made');
  expect(await value.ifMade()).toBe('made');
});
