/** Whoever guesses tokens is slowed down by any way in, and makes the server work no harder than it must. */
import { randomBytes, scryptSync } from 'node:crypto';
import Database from 'libsql';
import { expect, test } from 'vitest';
import { createApp } from '../../src/server/app.ts';
import { databasePath } from '../../src/store/database-path.ts';
import { Store } from '../../src/store/store.ts';
import { makeProject, openStudio } from '../sample.ts';
import { serveApp } from './served.ts';

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

test('wrong bearer tokens and wrong log-ins count together, many at once as many in a row', async () => {
  const { ask, addUser, logIn } = await serveApp();
  const token = await addUser('ada');
  const session = await logIn(token);
  const guesses = Array.from({ length: 40 }, (_, i) => ask('/project', bearer(`ada.${'x'.repeat(20)}${i}`)));
  const statuses = (await Promise.all(guesses)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 401).length).toBe(10);
  expect(statuses.filter((status) => status === 429).length).toBe(30);
  const again = await ask('/project', bearer('ada.another-one'));
  expect([again.status, await again.json()]).toMatchObject([
    429,
    { error: { code: 'ADC_RATE', message: 'More than 10 wrong tokens a minute' } },
  ]);
  // The right one neither, or guesses would only have to go on; whoever is logged in works on.
  expect((await ask('/project', bearer(token))).status).toBe(429);
  expect(await logIn(token)).toBe('');
  expect((await ask('/project', { headers: { cookie: session } })).status).toBe(200);
});

test('right tokens are no guesses, however many come at once', async () => {
  const { ask, addUser, logIn } = await serveApp();
  const token = await addUser('ada');
  const answers = await Promise.all(Array.from({ length: 60 }, () => ask('/types', bearer(token))));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  for (let n = 0; n < 15; n++) expect(await logIn(token)).not.toBe('');
});

test('what is refused for want of a user counts as a request', async () => {
  const { app } = await serveApp({ host: '10.1.2.3' });
  const asked = () => app.inject({ url: '/api/v1/project', headers: { host: '10.1.2.3' } });
  const first = Number((await asked()).headers['x-ratelimit-remaining']);
  expect(Number((await asked()).headers['x-ratelimit-remaining'])).toBe(first - 1);
});

test('a token is kept as a fast hash; one of an old database works, and is slow once', async () => {
  const project = await makeProject();
  const store = await Store.open(project.root);
  await store.users.add('grace');
  await store.close();
  const secret = randomBytes(24).toString('base64url');
  const salt = randomBytes(16);
  const key = scryptSync(secret, salt, 32, { N: 16_384, r: 8, p: 1 });
  const file = new Database(databasePath(project.root));
  const old = `${salt.toString('hex')}:${key.toString('hex')}`;
  file.prepare('insert into users (name, hash, created) values (?, ?, ?)').run('ada', old, new Date().toISOString());
  const hashes = () =>
    (file.prepare('select name, hash from users order by name').all() as { name: string; hash: string }[]).map(
      ({ hash }) => hash.split(':')[0],
    );
  const studio = await openStudio(project);
  const { users } = studio.store;
  expect(await users.check(`ada.${secret}x`)).toBeUndefined();
  expect(hashes()).toEqual([salt.toString('hex'), 'sha256']);
  expect(await users.check(`ada.${secret}`)).toBe('ada');
  expect(hashes()).toEqual(['sha256', 'sha256']);
  expect(await users.check(`ada.${secret}`)).toBe('ada');
  expect(await users.check(`ada.${secret}x`)).toBeUndefined();
  file.close();
  // A slow hash took 30 ms and more for each of these.
  const app = await createApp(studio, { users: true });
  const began = performance.now();
  for (let n = 0; n < 200; n++) {
    const headers = { host: 'localhost', authorization: `Bearer ada.${secret}` };
    expect((await app.inject({ url: '/api/v1/types', headers })).statusCode).toBe(200);
  }
  expect(performance.now() - began).toBeLessThan(200 * 20);
  await app.close();
});

test('sessions of a user are limited, the oldest end first, and end with the user', async () => {
  const { users, addUser } = await serveApp();
  await addUser('ada');
  const cookies: string[] = [];
  for (let n = 0; n < 105; n++) {
    cookies.push((await users.openSession('ada')).cookie);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const there = await Promise.all(cookies.map((cookie) => users.userOf(cookie)));
  expect(there.map((user) => user === 'ada')).toEqual(cookies.map((_, i) => i >= 5));
  await users.remove('ada');
  expect(await users.userOf(cookies[104])).toBeUndefined();
});
