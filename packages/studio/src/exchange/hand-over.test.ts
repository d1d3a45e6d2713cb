/** Parts of what is read: whole and in order, and one in time also where nothing is found. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { HandOver } from './hand-over.ts';
import type { LabelledImage } from './types.ts';

const image = (n: number): LabelledImage => ({ path: `${n}.png`, width: 1, height: 1, state: 'good', layers: [] });

/** Images 20 and 39 of forty, each of which takes a while to read. */
async function* slowly() {
  for (let n = 0; n < 40; n++) {
    await sleep(2);
    yield n === 20 || n === 39 ? image(n) : undefined;
  }
}

test('whoever waits is answered in time while nothing is found, and gets every image once', async () => {
  const parts = new HandOver(slowly(), 5);
  const found: string[] = [];
  let empty = 0;
  for (let done = false; !done; ) {
    const part = await parts.next();
    done = part.done;
    found.push(...part.images.map(({ path }) => path));
    if (!done && part.images.length === 0) empty++;
  }
  expect(found).toEqual(['20.png', '39.png']);
  expect(empty).toBeGreaterThan(5);
});

test('what is read quickly comes as one part', async () => {
  async function* quickly() {
    for (let n = 0; n < 100; n++) yield image(n);
  }
  const parts = new HandOver(quickly(), 60_000);
  const { images, done } = await parts.next();
  expect(images).toHaveLength(100);
  expect(done).toBe(true);
});

test('masks of many runs are handed over before they fill the memory', async () => {
  const counts = new Array<number>(600_000).fill(1);
  async function* large() {
    for (let n = 0; n < 3; n++)
      yield { ...image(n), layers: [{ type: 'dent', rle: { width: 600_000, height: 1, counts } }] };
  }
  const parts = new HandOver(large(), 60_000);
  expect(await parts.next()).toMatchObject({ images: [{ path: '0.png' }, { path: '1.png' }], done: false });
  expect(await parts.next()).toMatchObject({ images: [{ path: '2.png' }], done: true });
});
