/** Behind a real proxy with HTTPS and a path: people log in, events come at once, limits know the client, and foreign names stay out. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { API } from '../../src/api.ts';
import { publicAddress, trustedProxies } from '../../src/public-address.ts';
import { createApp } from '../../src/server/app.ts';
import { pageFolder } from '../../src/server/routes/page.ts';
import { Store } from '../../src/store/store.ts';
import { bodyOf, freePort, HOST, NO_NGINX, PREFIX, type ProxyPorts, type RunningProxy, startProxy } from '../nginx.ts';
import { makeProject, makeProjectIn, openStudio } from '../sample.ts';
import { type ServerProcess, startServer } from '../serving.ts';

if (NO_NGINX) process.stderr.write(`\n${NO_NGINX}\n\n`);

describe.skipIf(NO_NGINX)('behind nginx', () => {
  let root = '';
  let server: ServerProcess;
  let proxy: RunningProxy;
  let ports: ProxyPorts;
  const tokens = new Map<string, string>();

  const api = (path: string) => `${PREFIX}${API}${path}`;
  const login = (token: string, more: { from?: string; headers?: Record<string, string> } = {}) =>
    proxy.ask(api('/login'), { method: 'POST', body: { token }, ...more });
  const cookieOf = (answer: IncomingMessage) => answer.headers['set-cookie']?.[0] ?? '';
  const sessionOf = async (name: string) => cookieOf(await login(tokens.get(name) ?? '')).split(';')[0];
  const origin = () => `https://${HOST}:${ports.kept}`;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'adclick-proxy-'));
    const project = await makeProjectIn(root);
    const store = await Store.open(project.root);
    for (const name of ['ada', 'grace']) tokens.set(name, (await store.users.add(name)) ?? '');
    await store.close();
    ports = { kept: await freePort(), stripped: await freePort() };
    server = await startServer(project.root, ['--public-url', `${origin()}${PREFIX}/`]);
    proxy = await startProxy(server.behind, ports);
  });
  afterAll(async () => {
    await proxy?.close();
    server?.child.kill('SIGTERM');
    await server?.ended;
    await rm(root, { recursive: true, force: true });
  });

  test('the public address is the one that is printed, and people log in', async () => {
    expect(server.address).toBe(`${origin()}${PREFIX}/`);
    expect((await proxy.ask(api('/project'))).statusCode).toBe(401);
    const answer = await login(tokens.get('ada') ?? '', { headers: { origin: origin() } });
    expect(answer.statusCode).toBe(200);
    const [value, ...flags] = cookieOf(answer).split('; ');
    expect(flags.filter((flag) => !flag.startsWith('Expires='))).toEqual([
      `Path=${PREFIX}`,
      'HttpOnly',
      'Secure',
      'SameSite=Strict',
    ]);
    const project = await proxy.ask(api('/project'), { headers: { cookie: value } });
    expect(JSON.parse(await bodyOf(project))).toMatchObject({ user: 'ada' });
    // A proxy that takes the prefix off, and does not pass the host on, works too.
    const other = await proxy.ask(api('/project'), { port: ports.stripped, headers: { cookie: value } });
    expect(JSON.parse(await bodyOf(other))).toMatchObject({ user: 'ada' });
  });

  test('the page and its files come under the path', async () => {
    const page = await bodyOf(await proxy.ask(`${PREFIX}/`));
    expect(page).toBe(readFileSync(`${pageFolder()}/index.html`, 'utf8'));
    const files = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path);
    expect(files.length).toBeGreaterThan(2);
    for (const file of files) {
      const { pathname } = new URL(file, server.address);
      expect(pathname.startsWith(`${PREFIX}/`), file).toBe(true);
      const answer = await proxy.ask(pathname);
      expect([pathname, answer.statusCode]).toEqual([pathname, 200]);
      await bodyOf(answer);
    }
    const bare = await fetch(`${server.behind}${PREFIX.slice(1)}`, { redirect: 'manual' });
    expect([bare.status, bare.headers.get('location')]).toEqual([308, server.address]);
    const openapi = JSON.parse(await bodyOf(await proxy.ask(api('/openapi.json'))));
    expect(openapi.servers).toEqual([{ url: `${origin()}${PREFIX}` }]);
  });

  test('events come at once, one by one', async () => {
    const cookie = await sessionOf('ada');
    const stream = await proxy.ask(api('/events'), { headers: { cookie, 'accept-encoding': 'gzip' } });
    expect(stream.headers['content-type']).toMatch(/^text\/event-stream/);
    let text = '';
    // nginx was told to compress streams as well, which must not hold them up.
    expect(stream.headers['content-encoding']).toBe('gzip');
    stream.pipe(createGunzip().on('error', () => undefined)).on('data', (part: Buffer) => (text += part.toString()));
    for (const name of ['crack', 'stain', 'chip']) {
      const sent = performance.now();
      await proxy.ask(api('/types'), { method: 'POST', headers: { cookie }, body: { name, colour: '#123456' } });
      while (!text.includes(name) && performance.now() - sent < 2_000) await sleep(10);
      expect(text).toContain(name);
    }
    stream.destroy();
  });

  test('limits know the address of the client, whatever the client says of it', async () => {
    const wrong = async (from: string, headers: Record<string, string> = {}) =>
      (await login('ada.wrong-token', { from, headers })).statusCode;
    const statuses: (number | undefined)[] = [];
    for (let n = 0; n < 12; n++) statuses.push(await wrong('127.0.0.7', { 'x-forwarded-for': `203.0.113.${n}` }));
    expect(statuses).toEqual([...new Array<number>(10).fill(401), 429, 429]);
    expect(await wrong('127.0.0.8')).toBe(401);
    expect((await login(tokens.get('grace') ?? '', { from: '127.0.0.8' })).statusCode).toBe(200);
  });

  test('foreign hosts and origins are refused', async () => {
    const cookie = await sessionOf('grace');
    const status = async (headers: Record<string, string>, host?: string) =>
      (await proxy.ask(api('/project'), { headers: { cookie, ...headers }, ...(host ? { host } : {}) })).statusCode;
    expect(await status({})).toBe(200);
    expect(await status({ origin: origin() })).toBe(200);
    expect(await status({}, 'evil.example')).toBe(403);
    expect(await status({}, `${HOST}.evil.example`)).toBe(403);
    expect(await status({ origin: 'https://evil.example' })).toBe(403);
    // The same host without encryption, where anybody on the way may have written the page, and another port of it.
    expect(await status({ origin: `http://${HOST}:${ports.kept}` })).toBe(403);
    expect(await status({ origin: `https://${HOST}:${ports.kept + 1}` })).toBe(403);
    expect(await status({ 'sec-fetch-site': 'cross-site' })).toBe(403);
  });

  test('no answer asks browsers to insist on HTTPS for the whole host, which is the proxy’s to say', async () => {
    expect((await proxy.ask(`${PREFIX}/`)).headers['strict-transport-security']).toBeUndefined();
  });
});

test('without a trusted proxy nobody believes what a client says of its address', async () => {
  const studio = await openStudio(await makeProject());
  for (const [options, forwarded] of [
    [{}, false],
    [{ trustProxy: ['10.0.0.1'] }, false],
    [{ trustProxy: ['127.0.0.0/8'] }, true],
    [{ publicUrl: 'https://a.example/' }, true],
    [{ publicUrl: 'https://a.example/', trustProxy: [] }, false],
  ] as const) {
    const app = await createApp(studio, { users: true, ...options });
    const statuses: number[] = [];
    for (let n = 0; n < 11; n++) {
      const headers = { host: 'localhost', 'x-forwarded-for': `203.0.113.${n}` };
      const payload = { token: 'ada.wrong-token' };
      statuses.push((await app.inject({ method: 'POST', url: `${API}/login`, headers, payload })).statusCode);
    }
    expect(statuses.at(-1)).toBe(forwarded ? 401 : 429);
    await app.close();
  }
});

test('addresses are read strictly', () => {
  expect(publicAddress('HTTPS://Inspection.Example:443/adclick')).toEqual({
    href: 'https://inspection.example/adclick/',
    origin: 'https://inspection.example',
    hostname: 'inspection.example',
    prefix: '/adclick',
    isSecure: true,
  });
  expect(publicAddress('http://[2001:db8::1]:8080')).toMatchObject({ hostname: '[2001:db8::1]', prefix: '' });
  for (const text of ['', 'inspection.example', 'ftp://a.example/', 'https://u:p@a.example/', 'https://a.example/?x'])
    expect(() => publicAddress(text)).toThrow('--public-url');
  for (const path of ['a b', '%41', '<x>', 'a//b'])
    expect(() => publicAddress(`https://a.example/${path}`)).toThrow('path');
  expect(trustedProxies(['10.0.0.1', '10.0.0.0/8', 'fd00::/8', 'loopback'])).toHaveLength(4);
  for (const value of ['proxy.example', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0.0/', '*'])
    expect(() => trustedProxies([value])).toThrow('--trust-proxy');
});
