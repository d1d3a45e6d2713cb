import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import Database from 'libsql';
import { expect, onTestFinished, test } from 'vitest';
import { makeProject, openStudio, temporaryFolder } from '../../test/sample.ts';
import type { Face } from '../history/face.ts';
import { fold, freshState } from '../history/history.ts';
import { checkDatabase } from './connection.ts';
import { databasePath } from './database-path.ts';
import { Store } from './store.ts';

/**
 * What the versions before changes were stored as differences left behind. Image 1: most kinds of actions, undone and done again; 2: three
 * moves of the threshold that are one step, undone, another click, undone; 3: a snapshot that two servers spoilt, which lacks a mask that is
 * there; 4: a click whose mask was still being computed.
 */
const LEFT = new URL('./fixtures/labels-004.sql', import.meta.url);

/** How a database of the first version differs. */
const FIRST = `
  alter table images drop column scale;
  alter table images drop column content;
  drop table declared;
  delete from migrations where name > '002';`;

interface OldEvent {
  readonly image: number;
  readonly version: number;
  readonly before: string;
  readonly after: string;
}

/** Writes the database of before. @returns its events. */
async function writeOld(path: string, more = ''): Promise<OldEvent[]> {
  await mkdir(dirname(path), { recursive: true });
  const file = new Database(path);
  file.exec(await readFile(LEFT, 'utf8'));
  file.exec(more);
  const events = file.prepare('select image, version, before, after from events order by image, version').all();
  file.close();
  return events as OldEvent[];
}

async function openStore(root: string): Promise<Store> {
  const store = await Store.open(root);
  onTestFinished(() => store.close());
  return store;
}

test.each([
  ['of before changes were stored as differences', ''],
  ['of the first version', FIRST],
])('a database %s opens with its whole history', async (_, more) => {
  const root = await temporaryFolder();
  const old = await writeOld(databasePath(root), more);
  const store = await openStore(root);
  for (const image of [1, 2, 3, 4]) {
    const events = await store.labels.events(image);
    const faces = old.filter((event) => event.image === image);
    expect(events.map(({ version }) => version)).toEqual(faces.map(({ version }) => version));
    // The face after every event is the one that was stored then, whatever the settings say today.
    for (const [n, { after }] of faces.entries())
      expect(fold(freshState(0.8), events.slice(0, n + 1), new Map()).face).toEqual(JSON.parse(after) as Face);
    expect(await store.labels.load(image, 0.49)).toEqual(await store.labels.refold(image, 0.49));
  }
  expect((await store.labels.load(2, 0.49)).done).toEqual([[1]]);
  expect(await store.labels.load(3, 0.49)).toMatchObject({ version: 4, completed: 4, waiting: [] });
  expect(await store.labels.load(4, 0.49)).toMatchObject({ version: 1, completed: 0 });
  expect(checkDatabase(databasePath(root))).toEqual([]);
  // Once more: nothing is left to be done.
  await (await Store.open(root)).close();
});

test('undo goes back through a history of before, and a click that waited gets its mask', async () => {
  const project = await makeProject(4);
  const old = await writeOld(databasePath(project.root));
  const studio = await openStudio(project);
  const { labels } = studio;
  const state = await labels.state(1);
  for (let steps = state.done.length; steps > 0; steps--) {
    const { version, done } = await labels.peek(1);
    const first = old.find((event) => event.image === 1 && event.version === done.at(-1)?.[0]);
    await labels.act(1, { base: version, action: { kind: 'undo' } }, 'ada');
    expect((await labels.peek(1)).face).toEqual(JSON.parse(first?.before ?? '') as Face);
  }
  expect((await labels.peek(1)).layers.size).toBe(0);
  for (let steps = state.done.length; steps > 0; steps--) {
    const { version } = await labels.peek(1);
    await labels.act(1, { base: version, action: { kind: 'redo' } }, 'ada');
  }
  const again = await labels.peek(1);
  expect({ face: again.face, layers: again.layers }).toEqual({ face: state.face, layers: state.layers });
  expect(await labels.state(4)).toMatchObject({ completed: 1 });
  expect((await labels.state(4)).layers.size).toBe(2);
});

test('a database of a later version of before is refused as it is', async () => {
  const root = await temporaryFolder();
  const later = "insert into migrations (name, time) values ('999-later', '')";
  await writeOld(databasePath(root), later);
  await expect(Store.open(root)).rejects.toThrow(/made by a newer ADClick \(999-later\)/);
  const file = new Database(databasePath(root));
  onTestFinished(() => void file.close());
  expect(file.prepare('select time from migrations').all()).toHaveLength(5);
});
