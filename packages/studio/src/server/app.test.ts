import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeRle, rleArea } from '@adclick/core/geometry';
import { decodeImage } from '@adclick/core/image';
import type { FastifyInstance } from 'fastify';
import { expect, onTestFinished, test, vi } from 'vitest';
import { instantPredictor, makeProject, openStudio, SIDE, temporaryFolder, writeFlat } from '../../test/sample.ts';
import * as api from '../api.ts';
import { fail } from '../errors.ts';
import type { LabelArchive } from '../labels/archive.ts';
import type { Project } from '../project/project.ts';
import type { Studio, StudioOptions } from '../studio.ts';
import { type AppOptions, createApp } from './app.ts';

const HOST = { host: 'localhost:4280' };

interface Opened {
  readonly app: FastifyInstance;
  readonly studio: Studio;
  readonly project: Project;
}

async function open(options: AppOptions & { project?: Project; studio?: StudioOptions } = {}): Promise<Opened> {
  const project = options.project ?? (await makeProject());
  const studio = await openStudio(project, options.studio);
  const app = await createApp(studio, { localUser: 'ada', ...options });
  onTestFinished(() => app.close());
  return { app, studio, project };
}

const get = (app: FastifyInstance, path: string, headers: Record<string, string> = {}) =>
  app.inject({ method: 'GET', url: `${api.API}${path}`, headers: { ...HOST, ...headers } });

const send = (
  app: FastifyInstance,
  method: 'POST' | 'PATCH' | 'DELETE',
  path: string,
  payload?: object,
  headers: Record<string, string> = {},
) =>
  app.inject({ method, url: `${api.API}${path}`, headers: { ...HOST, ...headers }, ...(payload ? { payload } : {}) });

/** Waits until no job runs. */
async function studioIdle(app: FastifyInstance): Promise<void> {
  await vi.waitFor(async () => {
    const { jobs } = (await get(app, '/jobs')).json();
    expect(jobs.map(({ state }: { state: string }) => state)).not.toContain('running');
  });
}

const act = (app: FastifyInstance, id: number, base: number, action: object, more: object = {}) =>
  send(app, 'POST', `/images/${id}/actions`, { base, action, ...more });

const click = (x: number, y: number) => ({ kind: 'click', type: 1, click: { x, y, positive: true } });

test('every answer has the shape that api.ts promises', async () => {
  const { app } = await open();
  api.health.parse((await get(app, '/health')).json());
  const project = api.project.parse((await get(app, '/project')).json());
  expect(project).toMatchObject({ user: 'ada', counts: { todo: 3, defect: 0, good: 0 } });
  expect(project.categories).toEqual([{ name: 'part', images: 3, normals: 2, indexed: false }]);
  expect(project.types.map(({ name }) => name)).toEqual(['dent', 'scratch']);
  const page = api.imagePage.parse((await get(app, '/images?limit=2&order=name')).json());
  expect(page.total).toBe(3);
  expect(page.images.map(({ path }) => path)).toEqual(['test/dent/0.png', 'test/dent/1.png']);
  const answer = api.actionAnswer.parse((await act(app, 1, 0, click(3, 3))).json());
  expect(rleArea(answer.layers[0].rle)).toBe(25);
  const detail = api.imageDetail.parse((await get(app, '/images/1')).json());
  expect(detail).toMatchObject({ version: 1, types: [1], layers: answer.layers, ...SIDE });
  api.imageDetail.parse((await get(app, '/images/2')).json());
  const history = api.history.parse((await get(app, '/images/1/history')).json());
  expect(history.events).toMatchObject([{ version: 1, author: 'ada', active: true, action: click(3, 3) }]);
  await act(app, 1, 1, { kind: 'state', state: 'defect' });
  const statistics = api.statistics.parse((await get(app, '/statistics')).json());
  expect(statistics).toMatchObject({
    labelled: 1,
    clicksPerImage: 1,
    byType: [{ type: 1, images: 1, regions: 1, pixels: 25 }],
    byAuthor: [{ author: 'ada', images: 1, clicks: 1 }],
  });
  api.types.parse((await get(app, '/types')).json());
  api.jobs.parse((await get(app, '/jobs')).json());
});

test('candidates are offered with their version; clicks that take them at once are one event, and one click of the statistics', async () => {
  const other = { ...SIDE, counts: [200, 3] };
  const candidates = async () => ({ rle: other, points: [{ x: 9, y: 8 }] });
  const { app } = await open({ studio: { predictor: { ...instantPredictor, candidates } } });
  const offered = async () => api.candidates.parse((await get(app, '/images/1/candidates')).json());
  expect(await offered()).toEqual({ version: 0, rle: null, points: [] });
  await act(app, 1, 0, click(3, 3));
  const { version, rle, points } = await offered();
  expect([version, rle]).toEqual([1, other]);
  const clicks = [...points, { x: 18, y: 8 }].map((point) => ({ ...point, positive: true }));
  const answer = api.actionAnswer.parse((await act(app, 1, 1, { kind: 'clicks', type: 1, clicks })).json());
  expect(answer).toMatchObject({ version: 2, clicks: [click(3, 3).click, ...clicks] });
  await act(app, 1, 2, { kind: 'state', state: 'defect' });
  expect((await get(app, '/statistics')).json()).toMatchObject({ clicksPerImage: 2 });
  for (const wrong of [[], new Array(api.CLICKS_AT_ONCE + 1).fill(clicks[0])])
    expect((await act(app, 1, 3, { kind: 'clicks', type: 1, clicks: wrong })).statusCode).toBe(422);
  expect((await get(app, '/images/99/candidates')).statusCode).toBe(404);
});

test('a stale write gets 409 with what stands now', async () => {
  const { app } = await open();
  await act(app, 1, 0, click(3, 3));
  const response = await act(app, 1, 0, click(9, 9));
  expect(response.statusCode).toBe(409);
  const { error, current } = api.conflict.parse(response.json());
  expect(error).toMatchObject({ code: 'ADC_CONFLICT', message: expect.stringContaining('version 1, not 0') });
  expect(current.clicks).toEqual([{ x: 3, y: 3, positive: true }]);
});

test('a click whose mask cannot be computed is stored, and its answer says so: nobody has to send it again', async () => {
  const predictor = {
    ...instantPredictor,
    predict: () => Promise.reject(fail('ADC_IMAGE_TRUNCATED', { path: '0.png', what: 'half' })),
  };
  const { app } = await open({ studio: { predictor } });
  const answer = await act(app, 1, 0, click(3, 3));
  expect(answer.statusCode).toBe(422);
  expect(api.apiError.parse(answer.json())).toMatchObject({ error: { code: 'ADC_IMAGE_TRUNCATED' }, stored: 1 });
  const { events } = (await get(app, '/images/1/history')).json();
  expect(events).toMatchObject([{ version: 1, action: click(3, 3) }]);
  // What is refused before it is stored says nothing of the kind.
  expect((await act(app, 1, 1, click(-3, 3))).json()).not.toHaveProperty('stored');
});

test('a click that is refused since it can have no mask for now is not stored, and its answer says how that may pass', async () => {
  const check = () => {
    throw fail('ADC_NO_NORMALS', { path: 'good' });
  };
  const { app } = await open({ studio: { predictor: { ...instantPredictor, check } } });
  const answer = await act(app, 1, 0, click(3, 3));
  expect(answer.statusCode).toBe(422);
  expect(api.apiError.parse(answer.json()).error).toMatchObject({ code: 'ADC_NO_NORMALS', passing: 'once mended' });
  expect(answer.json()).not.toHaveProperty('stored');
  expect((await act(app, 1, 0, click(-3, 3))).json().error).not.toHaveProperty('passing');
});

test('the queue follows states, types and reviews', async () => {
  const { app } = await open();
  await act(app, 1, 0, click(3, 3));
  await act(app, 1, 1, { kind: 'state', state: 'defect' });
  await act(app, 2, 0, { kind: 'state', state: 'good' });
  await act(app, 1, 2, { kind: 'review', review: 'approved' });
  const ids = async (query: string) =>
    api.imagePage.parse((await get(app, `/images?${query}`)).json()).images.map(({ id }) => id);
  expect(await ids('state=todo')).toEqual([3]);
  expect(await ids('state=good')).toEqual([2]);
  expect(await ids('type=1')).toEqual([1]);
  expect(await ids('type=2')).toEqual([]);
  expect(await ids('review=approved')).toEqual([1]);
  expect((await get(app, '/project')).json().counts).toEqual({ todo: 1, defect: 1, good: 1 });
  // Another mask wants another review.
  const edited = await act(app, 1, 3, click(9, 9));
  expect(edited.json().review).toBe('none');
});

test('prompts are written by a job, listed, edited, and follow a renamed type', async () => {
  const { app } = await open();
  const empty = api.prompts.parse((await get(app, '/prompts')).json());
  expect(empty).toEqual({
    model: null,
    prompts: ['dent', 'scratch'].map((type) => ({ category: 'part', type, by: '', phrases: [] })),
  });
  const job = await send(app, 'POST', '/jobs', { kind: 'prompts', type: 'dent' });
  expect(job.statusCode).toBe(202);
  await studioIdle(app);
  expect((await get(app, '/jobs')).json().jobs[0]).toMatchObject({
    kind: 'prompts',
    state: 'done',
    result: '40 prompts for 1 type.',
  });
  const edit = (body: object) => send(app, 'POST', '/prompts', { category: 'part', type: 'dent', ...body });
  const edited = api.promptSet.parse((await edit({ add: ['Shallow dent on the part'] })).json());
  expect([edited.phrases.length, edited.phrases[0]]).toEqual([41, 'shallow dent on the part']);
  await send(app, 'PATCH', '/types/1', { name: 'dimple' });
  const renamed = api.prompts.parse((await get(app, '/prompts?type=dimple')).json());
  expect(renamed.prompts[0]?.phrases).toEqual(edited.phrases);
  for (const [response, status, code] of [
    [await edit({ type: 'dimple', remove: ['never was here'] }), 422, 'ADC_PROMPT'],
    [await edit({ type: 'rust', add: ['rust on the part'] }), 404, 'ADC_DEFECT_TYPE'],
    [await edit({ category: 'elsewhere' }), 404, 'ADC_NOT_FOUND'],
    [await get(app, '/prompts?category=elsewhere'), 404, 'ADC_NOT_FOUND'],
    [await send(app, 'POST', '/jobs', { kind: 'prompts', type: 'rust' }), 404, 'ADC_DEFECT_TYPE'],
  ] as const) {
    expect(response.json().error.code).toBe(code);
    expect(response.statusCode).toBe(status);
  }
});

test('defect types are added, renamed and archived; names are taken once', async () => {
  const { app } = await open();
  const added = await send(app, 'POST', '/types', { name: ' stain ', colour: '#123456' });
  expect(added.statusCode).toBe(201);
  expect(api.defectType.parse(added.json())).toEqual({ id: 3, name: 'stain', colour: '#123456', archived: false });
  expect((await send(app, 'POST', '/types', { name: 'dent', colour: '#123456' })).json().error.code).toBe(
    'ADC_NAME_TAKEN',
  );
  expect((await send(app, 'PATCH', '/types/3', { name: 'scratch' })).statusCode).toBe(409);
  expect((await send(app, 'PATCH', '/types/3', { archived: true })).json()).toMatchObject({ id: 3, archived: true });
  expect((await send(app, 'PATCH', '/types/9', { archived: true })).statusCode).toBe(404);
});

test.each([
  ['base missing', { action: { kind: 'undo' } }, 'base'],
  ['unknown kind', { base: 0, action: { kind: 'explode' } }, 'action.kind'],
  [
    'negative click',
    { base: 0, action: { kind: 'click', type: 1, click: { x: -1, y: 0, positive: true } } },
    'action.click.x',
  ],
  ['click outside', { base: 0, action: click(SIDE.width, 0) }, 'action.click'],
  ['fraction', { base: 0.5, action: { kind: 'undo' } }, 'base'],
  ['unknown type', { base: 0, action: { ...click(1, 1), type: 77 } }, 'action.type'],
  ['extra field', { base: 0, action: { kind: 'undo', twice: true } }, 'action.twice'],
  ['nothing to undo', { base: 0, action: { kind: 'undo' } }, 'action.kind'],
  ['no such click', { base: 0, action: { kind: 'moveClick', index: 0, x: 1, y: 1 } }, 'action.index'],
  ['threshold', { base: 0, action: { kind: 'threshold', value: 1.5 } }, 'action.value'],
  [
    'bitmap of another size',
    {
      base: 0,
      action: { kind: 'paint', tool: 'brush', type: 1, add: { width: 3, height: 3, counts: [] }, remove: null },
    },
    'action.add',
  ],
  [
    'runs too long',
    { base: 0, action: { kind: 'paint', tool: 'brush', type: 1, add: null, remove: { ...SIDE, counts: [1, 10_000] } } },
    'action.remove.counts',
  ],
])('%s: 422 names the field', async (_, payload, field) => {
  const { app, studio } = await open();
  const response = await send(app, 'POST', '/images/1/actions', payload);
  expect(response.statusCode).toBe(422);
  expect(api.apiError.parse(response.json()).error).toMatchObject({ code: 'ADC_REQUEST', field });
  expect(await studio.store.labels.events(1)).toEqual([]);
});

test('what is no JSON, too large or unknown is refused in our words', async () => {
  const { app } = await open();
  const post = (payload: string, type: string) =>
    app.inject({ method: 'POST', url: `${api.API}/types`, headers: { ...HOST, 'content-type': type }, payload });
  for (const [response, status, code] of [
    [await post('{"name"', 'application/json'), 422, 'ADC_REQUEST'],
    [await post('<x/>', 'application/xml'), 422, 'ADC_REQUEST'],
    [await post(`{"name":"${'x'.repeat(300_000)}"}`, 'application/json'), 413, 'ADC_TOO_LARGE'],
    [await get(app, '/images/0'), 422, 'ADC_REQUEST'],
    [await get(app, '/images/999'), 404, 'ADC_NOT_FOUND'],
    [await get(app, '/images/1/nothing'), 404, 'ADC_NOT_FOUND'],
    [await get(app, '/images?limit=9999'), 422, 'ADC_REQUEST'],
    [await get(app, '/images?order=luck'), 422, 'ADC_REQUEST'],
    [await send(app, 'DELETE', '/jobs/none'), 404, 'ADC_NOT_FOUND'],
    [await send(app, 'POST', '/jobs', { kind: 'index', category: 'nowhere' }), 404, 'ADC_NOT_FOUND'],
  ] as const) {
    expect(response.statusCode).toBe(status);
    expect(api.apiError.parse(response.json()).error.code).toBe(code);
  }
});

test.each([
  [{ host: 'evil.example' }, 403],
  [{ host: '127.0.0.1.evil.example:4280' }, 403],
  [{ host: 'LOCALHOST:4280' }, 200],
  [{ host: '127.0.0.1' }, 200],
  [{ host: '[::1]:4280' }, 200],
  [{ ...HOST, origin: 'http://localhost:4280' }, 200],
  [{ ...HOST, origin: 'http://localhost:9999' }, 403],
  [{ ...HOST, origin: 'https://evil.example' }, 403],
  [{ ...HOST, origin: 'null' }, 403],
  [{ ...HOST, 'sec-fetch-site': 'cross-site' }, 403],
  [{ ...HOST, 'sec-fetch-site': 'same-origin' }, 200],
])('foreign hosts and origins are refused: %o', async (headers, status) => {
  const { app } = await open();
  const response = await app.inject({ method: 'GET', url: `${api.API}/project`, headers });
  expect(response.statusCode).toBe(status);
  if (status === 403) expect(response.json().error.code).toBe('ADC_FOREIGN');
});

test('headers keep the page from loading or being loaded elsewhere', async () => {
  const { app } = await open();
  const { headers } = await get(app, '/health');
  expect(headers['content-security-policy']).toMatch(/default-src 'self'.*frame-ancestors 'none'/);
  expect(headers['x-content-type-options']).toBe('nosniff');
  expect(headers['access-control-allow-origin']).toBeUndefined();
  expect(headers['strict-transport-security']).toBeUndefined();
});

test('where others can reach the server, they log in with a token', async () => {
  const { app, studio } = await open({ users: true, host: '10.1.2.3' });
  const headers = { host: '10.1.2.3:4280' };
  expect((await get(app, '/health', headers)).statusCode).toBe(200);
  const refused = await get(app, '/project', headers);
  expect(refused.statusCode).toBe(401);
  expect(refused.json().error.code).toBe('ADC_LOGIN');
  // The same route, written another way.
  const disguised = await app.inject({ method: 'GET', url: '/%61pi/v1/project', headers });
  expect([401, 404]).toContain(disguised.statusCode);
  const token = (await studio.store.users.add('grace'))!;
  expect((await send(app, 'POST', '/login', { token: `${token}x` }, headers)).statusCode).toBe(401);
  const entered = await send(app, 'POST', '/login', { token }, headers);
  expect(entered.json()).toEqual({ user: 'grace' });
  const cookie = entered.cookies[0];
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
  const session = { ...headers, cookie: `${cookie.name}=${cookie.value}` };
  expect((await get(app, '/project', session)).json().user).toBe('grace');
  await send(app, 'POST', '/images/1/actions', { base: 0, action: click(3, 3) }, session);
  expect((await studio.store.labels.events(1))[0].author).toBe('grace');
  expect((await get(app, '/project', { ...headers, authorization: `Bearer ${token}` })).statusCode).toBe(200);
  await send(app, 'POST', '/logout', undefined, session);
  expect((await get(app, '/project', session)).statusCode).toBe(401);
});

test('guessing tokens is slowed down', async () => {
  const { app } = await open({ users: true, host: '10.1.2.3' });
  const statuses: number[] = [];
  for (let n = 0; n < 12; n++) {
    const response = await send(app, 'POST', '/login', { token: 'x'.repeat(20) }, { host: '10.1.2.3' });
    statuses.push(response.statusCode);
    if (response.statusCode === 429)
      expect(api.apiError.parse(response.json()).error).toMatchObject({
        code: 'ADC_RATE',
        message: 'More than 10 wrong tokens a minute',
      });
  }
  expect(statuses).toEqual([...new Array<number>(10).fill(401), 429, 429]);
});

test('pictures come upright, as thumbnails and windowed, and browsers may keep them', async () => {
  const { app } = await open();
  const full = await get(app, '/images/1/picture');
  expect(full.headers['content-type']).toBe('image/png');
  const picture = await decodeImage(new Uint8Array(full.rawPayload));
  expect(picture).toMatchObject(SIDE);
  expect(picture.data[0]).toBe(120);
  const again = await get(app, '/images/1/picture', { 'if-none-match': String(full.headers.etag) });
  expect(again.statusCode).toBe(304);
  const dark = await get(app, `/images/1/picture?low=${120 * 257}&high=65535`);
  expect((await decodeImage(new Uint8Array(dark.rawPayload))).data[0]).toBe(0);
  const small = await get(app, '/images/1/picture?size=thumbnail');
  expect(small.headers['content-type']).toBe('image/jpeg');
});

test('links out of the project are neither listed nor followed', async () => {
  const project = await makeProject(1);
  const outside = await temporaryFolder();
  await writeFlat(join(outside, 'secret.png'), 7);
  await symlink(join(outside, 'secret.png'), join(project.root, 'test/dent/link.png'));
  await symlink(outside, join(project.root, 'test/folder'));
  const { app } = await open({ project });
  const { images } = (await get(app, '/images')).json();
  expect(images.map(({ path }: { path: string }) => path)).toEqual(['test/dent/0.png']);
  // A picture that is replaced by a link after it was listed.
  await rm(join(project.root, 'test/dent/0.png'));
  await symlink(join(outside, 'secret.png'), join(project.root, 'test/dent/0.png'));
  const response = await get(app, '/images/1/picture');
  expect(response.statusCode).toBe(403);
  expect(response.json().error.code).toBe('ADC_OUTSIDE');
  await rm(join(project.root, 'test/dent/0.png'));
  expect((await get(app, '/images/1/picture')).json().error.code).toBe('ADC_IMAGE_MISSING');
});

test('the page is served with its routes closed to other files', async () => {
  const page = await temporaryFolder();
  await mkdir(join(page, 'assets'));
  await writeFile(join(page, 'index.html'), '<!doctype html><title>ADClick</title>');
  await writeFile(join(page, 'assets/app-abc.js'), '1');
  await writeFile(join(page, '..', 'adclick-outside.txt'), 'secret');
  onTestFinished(() => rm(join(page, '..', 'adclick-outside.txt'), { force: true }));
  const { app } = await open({ page });
  const fetch = (url: string) => app.inject({ method: 'GET', url, headers: HOST });
  expect((await fetch('/')).body).toContain('ADClick');
  expect((await fetch('/assets/app-abc.js')).headers['cache-control']).toContain('immutable');
  for (const url of [
    '/../adclick-outside.txt',
    '/%2e%2e/adclick-outside.txt',
    '/..%2fadclick-outside.txt',
    '/assets/..%5c..%5cx',
  ])
    expect((await fetch(url)).body).not.toContain('secret');
});

test('without a built page a sentence says how to build it', async () => {
  const { app } = await open({ page: await temporaryFolder() });
  const response = await app.inject({ method: 'GET', url: '/', headers: HOST });
  expect(response.statusCode).toBe(503);
  expect(response.body).toMatch(/^ADC_PAGE_MISSING: .*npm run build/);
});

test('OpenAPI describes every route, its requests and its failures', async () => {
  const { app } = await open();
  const { paths } = (await get(app, '/openapi.json')).json();
  expect(Object.keys(paths)).toEqual(
    expect.arrayContaining(
      ['/images', '/images/{id}', '/images/{id}/actions', '/jobs/{id}', '/types/{id}', '/events'].map(
        (path) => `${api.API}${path}`,
      ),
    ),
  );
  const { requestBody, responses, parameters } = paths[`${api.API}/images/{id}/actions`].post;
  expect(requestBody.content['application/json'].schema.properties.base).toMatchObject({ type: 'integer', minimum: 0 });
  expect(Object.keys(responses)).toEqual(['200', '404', '409', '422']);
  expect(parameters).toMatchObject([{ in: 'path', name: 'id', required: true }]);
});

test('every route says what it answers, and an answer that is not so is refused', async () => {
  const { app, studio } = await open();
  const silent: string[] = [];
  const { paths } = (await get(app, '/openapi.json')).json() as { paths: Record<string, Record<string, object>> };
  for (const [path, methods] of Object.entries(paths))
    for (const [method, { responses }] of Object.entries(methods as Record<string, { responses: object }>)) {
      const answers = Object.entries(responses as Record<string, { content?: object; description: string }>);
      const good = answers.find(([status]) => status.startsWith('2'));
      if (!good || (!good[1].content && good[0] !== '204')) silent.push(`${method} ${path}`);
    }
  expect(silent).toEqual([]);
  expect(Object.keys(paths).length).toBeGreaterThan(15);
  studio.catalogue.info = async () => ({ secret: 'of the inside' }) as never;
  const refused = await get(app, '/project');
  expect(refused.statusCode).toBe(500);
  expect(refused.body).not.toContain('of the inside');
  expect(refused.json().error.code).toBe('ADC_INTERNAL');
});

test('every answer carries an id to be quoted', async () => {
  const { app } = await open();
  const ids = [await get(app, '/health'), await get(app, '/nowhere')].map(({ headers }) => headers['x-request-id']);
  expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(new Set(ids).size).toBe(2);
});

test('other pages hear of an action through the event stream', async () => {
  const { app } = await open();
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  const stream = await fetch(`${address}${api.API}/events`);
  expect(stream.headers.get('content-type')).toContain('text/event-stream');
  expect(stream.headers.get('x-content-type-options')).toBe('nosniff');
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value ?? '';
  await act(app, 1, 0, click(3, 3), { session: 'tab-1' });
  while (!text.includes('event: image')) text += (await reader.read()).value ?? '';
  const data = /event: image\ndata: (.*)\n\n/.exec(text)![1];
  expect(api.serverEvent.parse(JSON.parse(data))).toEqual({
    kind: 'image',
    id: 1,
    version: 1,
    author: 'ada',
    session: 'tab-1',
  });
  await reader.cancel();
});

test('import and export run as jobs, in folders of the project only', async () => {
  const asked: object[] = [];
  const work = async (_: LabelArchive, what: object) => {
    asked.push(what);
    return 'Done.';
  };
  const { app, project } = await open({ studio: { exchange: { import: work, export: work } } });
  await symlink(tmpdir(), join(project.root, 'elsewhere'));
  const start = (folder: string) => send(app, 'POST', '/jobs', { kind: 'export', format: 'coco', folder });
  for (const folder of ['../out', '/tmp/out', 'a/../../out', 'elsewhere', 'elsewhere/out', 'a\0b'])
    expect((await start(folder)).json().error.code).toBe('ADC_OUTSIDE');
  const response = await start('out/coco');
  expect(response.statusCode).toBe(202);
  const { id } = api.job.parse(response.json());
  await studioIdle(app);
  expect(asked).toEqual([{ format: 'coco', path: join(project.root, 'out/coco'), user: 'ada' }]);
  const { jobs } = api.jobs.parse((await get(app, '/jobs')).json());
  expect(jobs).toMatchObject([{ id, kind: 'export', state: 'done', result: 'Done.' }]);
});

test('a job that is stopped says so and leaves its place in the list', async () => {
  const work = async (_: LabelArchive, _what: object, { signal }: { signal: AbortSignal }) =>
    new Promise<string>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const { app } = await open({ studio: { exchange: { import: work, export: work } } });
  const { id } = (await send(app, 'POST', '/jobs', { kind: 'import', format: 'voc', folder: 'in' })).json();
  expect((await send(app, 'DELETE', `/jobs/${id}`)).statusCode).toBe(202);
  await studioIdle(app);
  expect((await get(app, '/jobs')).json().jobs).toMatchObject([{ id, state: 'cancelled' }]);
});

test('exporters see the layers of every image by name, importers replace them', async () => {
  const { app, studio } = await open();
  await act(app, 1, 0, click(3, 3));
  const rle = { ...SIDE, counts: [5, 2] };
  await studio.archive.replace(
    'test/dent/1.png',
    [
      { type: 'rust', rle },
      { type: 'rust', rle: { ...SIDE, counts: [6, 2] } },
    ],
    'defect',
    'coco',
    'ada',
  );
  const rows = [];
  for await (const { path, state, layers } of studio.archive.labelled()) rows.push({ path, state, layers });
  expect(rows).toMatchObject([
    { path: 'test/dent/0.png', state: 'todo', layers: [{ type: 'dent' }] },
    { path: 'test/dent/1.png', state: 'defect', layers: [{ type: 'rust', rle: { ...SIDE, counts: [5, 3] } }] },
    { path: 'test/dent/2.png', state: 'todo', layers: [] },
  ]);
  const history = api.history.parse((await get(app, '/images/2/history')).json());
  expect(history.events).toMatchObject([{ author: 'ada', action: { kind: 'import', source: 'coco' } }]);
  await expect(studio.archive.replace('nowhere.png', [], 'good', 'coco', 'ada')).rejects.toMatchObject({
    code: 'ADC_NOT_FOUND',
  });
});

test('painting keeps holes', async () => {
  const { app } = await open();
  const ring = Uint8Array.from({ length: SIDE.width * SIDE.height }, (_, i) => {
    const [x, y] = [i % SIDE.width, Math.floor(i / SIDE.width)];
    return x < 9 && y < 9 && !(x > 2 && x < 6 && y > 2 && y < 6) ? 1 : 0;
  });
  const add = encodeRle(ring, SIDE.width, SIDE.height);
  const { layers } = (await act(app, 1, 0, { kind: 'paint', tool: 'polygon', type: 2, add, remove: null })).json();
  expect(layers).toEqual([{ type: 2, rle: add }]);
});

test('a picture that is sent is looked at: as the body, or in a form; anything else is refused by field', async () => {
  const project = await makeProject();
  const studio = await openStudio(project, { threads: 1 });
  const app = await createApp(studio);
  onTestFinished(() => app.close());
  const file = await readFile(join(project.root, 'test/dent/0.png'));
  const post = (query: string, type: string, payload: Buffer | string) =>
    app.inject({
      method: 'POST',
      url: `${api.API}/detect${query}`,
      headers: { ...HOST, 'content-type': type },
      payload,
    });

  const raw = await post('?map=true', 'image/png', file);
  expect(raw.statusCode).toBe(200);
  const found = api.detectAnswer.parse(raw.json());
  expect(found).toMatchObject({ category: 'part', detector: 'part', ...SIDE });
  const map = await decodeImage(Buffer.from(found.map as string, 'base64'));
  expect([map.width, map.height]).toEqual([SIDE.width, SIDE.height]);

  const form = Buffer.concat([
    Buffer.from(
      '--x\r\ncontent-disposition: form-data; name="picture"; filename="0.png"\r\ncontent-type: image/png\r\n\r\n',
    ),
    file,
    Buffer.from('\r\n--x--\r\n'),
  ]);
  const formed = api.detectAnswer.parse((await post('?category=part', 'multipart/form-data; boundary=x', form)).json());
  expect(formed).toMatchObject({ score: found.score, isDefect: found.isDefect, map: null });

  for (const [response, status, code, field] of [
    [await post('', 'image/png', 'no picture'), 422, 'ADC_IMAGE_UNREADABLE', undefined],
    [await post('', 'image/png', ''), 422, 'ADC_REQUEST', 'body'],
    [await post('', 'application/json', '{}'), 422, 'ADC_REQUEST', 'content-type'],
    [await post('', 'multipart/form-data; boundary=x', '--x--\r\n'), 422, 'ADC_REQUEST', 'body'],
    [await post('?category=nut', 'image/png', file), 404, 'ADC_NOT_FOUND', undefined],
    [await post('?map=perhaps', 'image/png', file), 422, 'ADC_REQUEST', 'map'],
  ] as const) {
    const { error } = api.apiError.parse(response.json());
    expect([response.statusCode, error.code, error.field]).toEqual([status, code, field]);
  }
  // Other routes still take JSON only.
  const types = { method: 'POST', url: `${api.API}/types`, headers: { ...HOST, 'content-type': 'image/png' } } as const;
  expect((await app.inject({ ...types, payload: file })).statusCode).toBe(422);
});
