import { appendFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { temporaryFolder } from '../../test/sample.ts';
import { watchPictures } from './watching.ts';

test('gives out new, moved and changed pictures once they are whole, renamed ones not again', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'deep'));
  await writeFile(join(folder, 'old.png'), 'old');
  const stop = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    for await (const path of watchPictures([folder], { interval: 250, signal: stop.signal }))
      seen.push(path.slice(folder.length + 1));
  })();
  const expectSeen = (names: string[]) =>
    vi.waitFor(() => expect(seen).toEqual(names), { timeout: 10_000, interval: 20 });
  await sleep(300);

  // Written piece by piece: not given out before the last piece.
  for (let i = 0; i < 30; i++) {
    await appendFile(join(folder, 'slow.png'), `piece ${i}`);
    expect(seen).toEqual([]);
    await sleep(20);
  }
  await expectSeen(['slow.png']);

  // Written under another name first, as careful programs do.
  await writeFile(join(folder, 'b.png.part'), 'picture');
  await sleep(600);
  await rename(join(folder, 'b.png.part'), join(folder, 'deep', 'b.png'));
  await expectSeen(['slow.png', 'deep/b.png']);

  await rename(join(folder, 'slow.png'), join(folder, 'renamed.png'));
  await writeFile(join(folder, 'notes.txt'), 'no picture');
  await writeFile(join(folder, 'empty.png'), '');
  await writeFile(join(folder, 'old.png'), 'changed');
  await expectSeen(['slow.png', 'deep/b.png', 'old.png']);
  await sleep(800);
  expect(seen).toHaveLength(3);
  stop.abort();
  await watching;
});
