import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeRle } from '@adclick/core/geometry';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../../test/sample.ts';
import { changeBetween } from '../history/face.ts';
import { applyEvent, applyResult, freshState, type LabelEvent, type LabelState } from '../history/history.ts';
import { checkDatabase, openDatabase } from './connection.ts';
import { databasePath } from './database-path.ts';
import { StaleVersion } from './labels.ts';
import { Store } from './store.ts';

async function openStore(root: string): Promise<Store> {
  const store = await Store.open(root);
  onTestFinished(() => store.close());
  return store;
}

const found = (path: string, more: object = {}) => ({
  category: 'part',
  path,
  width: 4,
  height: 3,
  bytes: 10,
  modified: 1.5,
  ...more,
});

const query = { order: 'name', offset: 0, limit: 100 } as const;

const event = (state: LabelState, change: Partial<LabelEvent> = {}): LabelEvent => ({
  version: state.version + 1,
  author: 'a',
  time: '2026-01-02T03:04:05.000Z',
  session: null,
  action: { kind: 'state', state: 'defect' },
  changes: [changeBetween(state.face, { ...state.face, state: 'defect' })],
  targets: [],
  duration: 7,
  ...change,
});

test('the database is there again after it was closed, and sound', async () => {
  const root = await temporaryFolder();
  const first = await Store.open(root);
  await first.images.update([found('a.png')], []);
  await first.types.ensure(['dent', 'scratch', 'dent']);
  await first.close();
  const store = await openStore(root);
  expect((await store.images.list(query)).images).toMatchObject([{ id: 1, path: 'a.png', state: 'todo', version: 0 }]);
  expect((await store.types.list()).map(({ name }) => name)).toEqual(['dent', 'scratch']);
  expect(checkDatabase(databasePath(root))).toEqual([]);
});

test.each([
  ['a project that was copied from macOS', 'test/Stu\u0308ck.png', 'test/St\u00fcck.png'],
  ['a project that was copied to macOS', 'Fr\u00e4s/\u1e69.png', 'Fra\u0308s/s\u0323\u0307.png'],
  ['a picture whose folder came from an archive', 'e\u0301te\u0301/\ud55c.png', '\u00e9t\u00e9/\u1112\u1161\u11ab.png'],
])('%s keeps what is known of its pictures', async (_, before, after) => {
  expect(before).not.toBe(after);
  const { images } = await openStore(await temporaryFolder());
  await images.update([found(before), found('plain.png')], []);
  const { id } = (await images.findByPath(before)) as { id: number };
  await images.update([found(after)], [before]);
  expect(await images.findByPath(after)).toMatchObject({ id });
  expect(await images.findByPath(before)).toBeUndefined();
  expect((await images.list(query)).total).toBe(2);
  // And back, when it was away for a while.
  await images.update([], [after]);
  await images.update([found(before)], []);
  expect(await images.findByPath(before)).toMatchObject({ id });
  expect((await images.known()).get(before)).toMatchObject({ gone: false });
});

test('pictures whose names differ in their Unicode form alone stay two where both are there, or are of two sizes', async () => {
  const { images } = await openStore(await temporaryFolder());
  const [one, other] = ['\u00e9.png', 'e\u0301.png'];
  await images.update([found(one), found(other)], []);
  expect((await images.list(query)).total).toBe(2);
  await images.update([], [one]);
  await images.update([found(other, { bytes: 11 })], []);
  expect((await images.known()).get(one)).toMatchObject({ gone: true });
  const again = await openStore(await temporaryFolder());
  await again.images.update([found(one)], []);
  await again.images.update([found(other, { width: 5 })], [one]);
  expect((await again.images.known()).get(one)).toMatchObject({ gone: true });
  expect(await again.images.findByPath(other)).toMatchObject({ id: 2 });
});

test('commits reach the disk: write-ahead log, synchronous FULL', async () => {
  const { default: Database } = await import('libsql');
  const root = await temporaryFolder();
  await openStore(root);
  const file = new Database(databasePath(root));
  onTestFinished(() => void file.close());
  expect(file.prepare('PRAGMA journal_mode').get()).toMatchObject({ journal_mode: 'wal' });
});

test('a file that is no database, and one of a newer version, are refused with the path', async () => {
  const root = await temporaryFolder();
  const path = join(root, 'broken.db');
  await writeFile(path, 'not a database, but long enough to be looked at as one'.repeat(100));
  await expect(openDatabase(path)).rejects.toMatchObject({ code: 'ADC_DATABASE', details: { path } });
  expect((await readFile(path, 'utf8')).startsWith('not a database')).toBe(true);
  const newer = join(root, 'newer.db');
  const db = await openDatabase(newer);
  await (db as unknown as import('kysely').Kysely<{ migrations: { name: string; timestamp: string } }>)
    .insertInto('migrations')
    .values({ name: '999-later', timestamp: '' })
    .execute();
  await db.destroy();
  await expect(openDatabase(newer)).rejects.toThrow(/made by a newer ADClick \(999-later\)/);
});

test('a stale version is refused whole: neither event nor result nor state is written', async () => {
  const store = await openStore(await temporaryFolder());
  await store.images.update([found('a.png')], []);
  await store.types.ensure(['dent']);
  const fresh = freshState(0.5);
  const first = event(fresh);
  const next = applyResult(applyEvent(fresh, first), { version: 1, flips: [], joined: false });
  await store.labels.append(1, first, [{ version: 1, flips: [], joined: false }], next);
  const rle = encodeRle([0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], 4, 3);
  const late = event(fresh, { author: 'late' });
  const result = { version: 1, flips: [{ type: 1, rle }], joined: false };
  await expect(store.labels.append(1, late, [result], applyResult(applyEvent(fresh, late), result))).rejects.toThrow(
    StaleVersion,
  );
  expect((await store.labels.events(1)).map(({ author }) => author)).toEqual(['a']);
  expect(await store.labels.load(1, 0.5)).toEqual(next);
  await expect(store.labels.complete(1, result, next)).rejects.toThrow(StaleVersion);
  expect((await store.images.typesOf([1])).size).toBe(0);
});

test('snapshots are only a cache', async () => {
  const store = await openStore(await temporaryFolder());
  await store.images.update([found('a.png')], []);
  await store.types.ensure(['dent']);
  const rle = encodeRle([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], 4, 3);
  const fresh = freshState(0.5);
  const first = event(fresh);
  const result = { version: 1, flips: [{ type: 1, rle }], joined: false };
  const state = applyResult(applyEvent(fresh, first), result);
  await store.labels.append(1, first, [result], state);
  expect(await store.labels.load(1, 0.5)).toEqual(state);
  await store.labels.forgetSnapshots();
  expect(await store.labels.load(1, 0.5)).toEqual(state);
  expect((await store.statistics.figures()).byType).toEqual([{ type: 1, images: 1, regions: 1, pixels: 3 }]);
});

test('files that changed are looked at anew, those that went keep their number and history', async () => {
  const store = await openStore(await temporaryFolder());
  await store.images.update([found('a.png'), found('b.png')], []);
  await store.images.setPreparation(1, {
    score: 3,
    scale: 'residual',
    uncertainty: 0.5,
    embedding: [1, 0],
    prepared: 'k/h',
  });
  await store.images.update([found('a.png', { bytes: 11 }), found('c.png')], ['b.png']);
  const { images, total } = await store.images.list(query);
  expect(total).toBe(2);
  expect(images).toMatchObject([{ id: 1, path: 'a.png', bytes: 11, prepared: null, score: null }, { path: 'c.png' }]);
  await store.images.update([found('b.png')], []);
  expect((await store.images.list(query)).images[1]).toMatchObject({ id: 2, path: 'b.png' });
});

test('the queue sorts what is known first, and filters', async () => {
  const store = await openStore(await temporaryFolder());
  const names = ['a_1.png', 'b%.png', 'c.png', 'd/A1.png'];
  await store.images.update(
    names.map((path, i) => found(path, { category: i < 3 ? 'part' : 'other' })),
    [],
  );
  const looked = { embedding: [1], prepared: 'k/h', scale: 'residual' as const };
  await store.images.setPreparation(3, { ...looked, score: 1, uncertainty: 0.9 });
  await store.images.setPreparation(2, { ...looked, score: 5, uncertainty: 0.1 });
  await store.images.setDiversity(
    new Map([
      [3, 1],
      [2, 0],
    ]),
  );
  const order = async (more: object) => (await store.images.list({ ...query, ...more })).images.map(({ path }) => path);
  expect(await order({ order: 'residual' })).toEqual(['b%.png', 'c.png', 'a_1.png', 'd/A1.png']);
  expect(await order({ order: 'uncertainty' })).toEqual(['c.png', 'b%.png', 'a_1.png', 'd/A1.png']);
  expect(await order({ order: 'diversity' })).toEqual(['b%.png', 'c.png', 'a_1.png', 'd/A1.png']);
  expect(await order({ search: 'A1' })).toEqual(['d/A1.png']);
  expect(await order({ search: 'a 1' })).toEqual(['a_1.png', 'd/A1.png']);
  expect(await order({ search: '%' })).toEqual(['b%.png']);
  expect(await order({ search: '_' })).toEqual(['a_1.png']);
  expect(await order({ category: 'other' })).toEqual(['d/A1.png']);
  expect(await order({ offset: 1, limit: 2 })).toEqual(['b%.png', 'c.png']);
  expect((await store.images.list({ ...query, limit: 1 })).total).toBe(4);
});

test('a token is stored nowhere, opens a session, and nothing else does', async () => {
  const root = await temporaryFolder();
  const store = await openStore(root);
  const token = (await store.users.add('Zoë K.'))!;
  expect(await store.users.add('Zoë K.')).toBeUndefined();
  expect(await store.users.check(token)).toBe('Zoë K.');
  for (const wrong of [`${token}x`, token.slice(0, -1), 'nobody.abcdefgh', '%.x', '.', ''])
    expect(await store.users.check(wrong)).toBeUndefined();
  const { cookie } = await store.users.openSession('Zoë K.');
  expect(await store.users.userOf(cookie)).toBe('Zoë K.');
  expect(await store.users.userOf(token)).toBeUndefined();
  const bytes = await readFile(`${databasePath(root)}-wal`, 'latin1');
  expect(bytes).not.toContain(token.slice(token.lastIndexOf('.') + 1));
  expect(bytes).not.toContain(cookie);
  expect(await store.users.remove('Zoë K.')).toBe(true);
  expect(await store.users.userOf(cookie)).toBeUndefined();
  expect(await store.users.check(token)).toBeUndefined();
});

test('names that are given several times at once become one type each, of a colour of its own, and one user', async () => {
  const { types, users } = await openStore(await temporaryFolder());
  const names = ['dent', 'scratch', 'hole'];
  await Promise.all([types.declare(names), types.ensure(['hole', 'bump']), types.declare([...names, 'hole'])]);
  const known = await types.list();
  expect(known.map(({ name }) => name).sort()).toEqual(['bump', 'dent', 'hole', 'scratch']);
  expect(new Set(known.map(({ colour }) => colour)).size).toBe(4);
  const added = await Promise.all([users.add('ada'), users.add('ada')]);
  expect(added.filter((token) => token !== undefined)).toHaveLength(1);
});
