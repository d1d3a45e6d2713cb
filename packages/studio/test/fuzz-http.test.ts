/** Requests that were valid until something happened to them: never a crash, never a 500, every refusal says why. ADCLICK_FUZZ sets how many. */
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import * as api from '../src/api.ts';
import { createApp } from '../src/server/app.ts';
import { makeProject, openStudio, SIDE } from './sample.ts';

const RUNS = Number(process.env.ADCLICK_FUZZ ?? 400);

interface Valid {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

const bitmap = { ...SIDE, counts: [3, 5, 20, 5] };
const act = (action: object): Valid => ({
  method: 'POST',
  path: '/images/1/actions',
  body: { base: 0, action, session: 's' },
});

/** One valid request for every route and kind of action. */
const VALID: readonly Valid[] = [
  { method: 'GET', path: '/health' },
  { method: 'GET', path: '/project' },
  { method: 'GET', path: '/types' },
  { method: 'POST', path: '/types', body: { name: 'stain', colour: '#12ab34' } },
  { method: 'PATCH', path: '/types/1', body: { name: 'dent', colour: '#ffffff', archived: false } },
  { method: 'GET', path: '/statistics' },
  {
    method: 'GET',
    path: '/images',
    query: {
      category: 'part',
      state: 'todo',
      review: 'none',
      type: 1,
      search: 'dent 0',
      order: 'name',
      offset: 0,
      limit: 9,
    },
  },
  { method: 'GET', path: '/images/1' },
  { method: 'GET', path: '/images/1/history' },
  { method: 'GET', path: '/images/1/picture', query: { size: 'thumbnail', low: 0, high: 65535 } },
  { method: 'GET', path: '/images/9999/residual' },
  { method: 'GET', path: '/images/9999/nearest/0', query: { size: 'full' } },
  { method: 'GET', path: '/images/9999/proposal' },
  { method: 'GET', path: '/images/1/candidates' },
  { method: 'GET', path: '/jobs' },
  { method: 'POST', path: '/jobs', body: { kind: 'export', format: 'coco', folder: 'out' } },
  { method: 'POST', path: '/jobs', body: { kind: 'prompts', category: 'part', type: 'dent', offline: true } },
  { method: 'GET', path: '/prompts', query: { category: 'part', type: 'dent' } },
  { method: 'POST', path: '/prompts', body: { category: 'part', type: 'dent', add: ['dent on the part'], remove: [] } },
  { method: 'DELETE', path: '/jobs/0e2b7a54' },
  { method: 'POST', path: '/login', body: { token: 'ada.abcdefghijk' } },
  { method: 'POST', path: '/logout' },
  { method: 'GET', path: '/openapi.json' },
  act({ kind: 'click', type: 1, click: { x: 3, y: 4, positive: true } }),
  act({ kind: 'clicks', type: 1, clicks: [{ x: 3, y: 4, positive: true }] }),
  act({ kind: 'moveClick', index: 0, x: 5, y: 6 }),
  act({ kind: 'deleteClick', index: 0 }),
  act({ kind: 'threshold', value: 0.4 }),
  act({ kind: 'finishRegion' }),
  act({ kind: 'paint', tool: 'brush', type: 1, add: bitmap, remove: null }),
  act({ kind: 'paint', tool: 'eraser', type: 2, add: null, remove: bitmap }),
  act({ kind: 'acceptProposal', type: 2 }),
  act({ kind: 'clear' }),
  act({ kind: 'changeType', from: 1, to: 2 }),
  act({ kind: 'state', state: 'defect' }),
  act({ kind: 'review', review: 'approved' }),
  act({ kind: 'undo' }),
  act({ kind: 'redo' }),
];

/** Values that have broken programs before. */
const NASTY: readonly unknown[] = [
  ...[
    null,
    true,
    '',
    ' ',
    'x'.repeat(500),
    '\u0000',
    '\ud800',
    '../../etc/passwd',
    '%00',
    '%2e%2e%2f',
    '🙂',
    "'; drop table images; --",
  ],
  ...[-1, 0, 1.5, 1e308, -1e308, 2 ** 31, 2 ** 53, 1e-320, 'NaN', 'Infinity', '1e9', '0x10'],
  ...[[], {}, [[]], [null], { length: 1e9 }, { toString: 1 }, JSON.parse('{"then": 1}')],
  { width: 1e5, height: 1e5, counts: [1e10] },
  { ...SIDE, counts: [-1] },
  { ...SIDE, counts: [0, 0, 0, 0, 1] },
  { ...SIDE, counts: new Array(2000).fill(1) },
];

type Path = readonly (string | number)[];

function pathsOf(value: unknown, at: Path = []): Path[] {
  if (value === null || typeof value !== 'object') return [at];
  return [at, ...Object.entries(value).flatMap(([key, child]) => pathsOf(child, [...at, key]))];
}

/** A copy with the value at a path replaced, removed, or given company. */
function mutate(value: unknown, path: Path, how: 'replace' | 'remove' | 'add', nasty: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) {
    if (how === 'add' && value !== null && typeof value === 'object' && !Array.isArray(value))
      return { ...value, surprise: nasty };
    return how === 'remove' ? undefined : nasty;
  }
  const copy: Record<string, unknown> = Array.isArray(value)
    ? ([...value] as unknown as Record<string, unknown>)
    : { ...(value as Record<string, unknown>) };
  const changed = mutate(copy[key], rest, how, nasty);
  if (changed === undefined && !Array.isArray(copy)) delete copy[key];
  else copy[key] = changed;
  return copy;
}

interface Mutation {
  readonly where: number;
  readonly how: 'replace' | 'remove' | 'add';
  readonly nasty: unknown;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  where: fc.nat(),
  how: fc.constantFrom('replace' as const, 'replace' as const, 'remove' as const, 'add' as const),
  nasty: fc.oneof(fc.constantFrom(...NASTY), fc.jsonValue({ maxDepth: 2 })),
});

const request = fc.record({
  valid: fc.constantFrom(...VALID),
  body: fc.array(mutation, { maxLength: 2 }),
  query: fc.array(mutation, { maxLength: 1 }),
  /** Replaces one piece of the path. */
  segment: fc.option(
    fc.tuple(
      fc.nat(),
      fc.oneof(
        fc.constantFrom(...NASTY).map((value) => (typeof value === 'string' ? value : JSON.stringify(value))),
        fc.string(),
      ),
    ),
    { freq: 4 },
  ),
  /** Breaks the JSON itself. */
  cut: fc.option(fc.nat(200), { freq: 8 }),
  type: fc.option(fc.constantFrom('text/plain', 'application/xml', 'application/json; charset=utf-16', ''), {
    freq: 8,
  }),
});

const apply = (value: unknown, mutations: readonly Mutation[]) =>
  mutations.reduce((now, { where, how, nasty }) => {
    const paths = pathsOf(now);
    return mutate(now, paths[where % paths.length], how, nasty);
  }, value);

test(`${RUNS} mutated requests: no crash, no 500, each refusal names the field or the code`, {
  timeout: 3_600_000,
}, async () => {
  const studio = await openStudio(await makeProject());
  const failures: string[] = [];
  const app = await createApp(studio, { onFailure: (error) => failures.push(`${error.message} ${error.cause}`) });
  onTestFinished(() => app.close());
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(request, async ({ valid, body, query, segment, cut, type }) => {
      const version = (await studio.store.labels.reached(1)).version;
      const start = valid.path.includes('/actions') ? { ...(valid.body as object), base: version } : valid.body;
      const sent = apply(start, body);
      const asked = apply(valid.query ?? {}, query);
      const pieces = valid.path.split('/');
      if (segment)
        pieces[1 + (segment[0] % (pieces.length - 1))] = encodeURIComponent(
          segment[1].replace(/[\ud800-\udfff]/g, '?'),
        );
      const search = new URLSearchParams();
      if (asked !== null && typeof asked === 'object')
        for (const [key, value] of Object.entries(asked)) search.append(key, String(JSON.stringify(value) ?? ''));
      let text = sent === undefined ? undefined : JSON.stringify(sent);
      if (text !== undefined && cut !== null) text = text.slice(0, cut);
      const response = await app.inject({
        method: valid.method,
        url: `${api.API}${pieces.join('/')}?${search}`,
        headers: {
          host: 'localhost',
          ...(text === undefined ? {} : { 'content-type': type ?? 'application/json' }),
        },
        ...(text === undefined || valid.method === 'GET' ? {} : { payload: text }),
      });
      const { statusCode } = response;
      statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
      expect(failures).toEqual([]);
      expect(statusCode).toBeLessThan(500);
      if (statusCode < 400) return;
      const { error } = (statusCode === 409 && valid.path.includes('actions') ? api.conflict : api.apiError).parse(
        response.json(),
      );
      expect(error.code).toMatch(/^ADC_[A-Z_]+$/);
      if (error.code === 'ADC_REQUEST') expect(error.field).toBeTruthy();
    }),
    { numRuns: RUNS },
  );
  // Both sides of the fence were visited.
  expect(statuses.get(200)).toBeGreaterThan(0);
  expect(statuses.get(422)).toBeGreaterThan(0);
  const { version } = await studio.labels.state(1);
  expect(await studio.store.labels.refold(1, 0.49)).toEqual(await studio.labels.state(1));
  expect((await studio.store.labels.events(1)).map((event) => event.version)).toEqual(
    Array.from({ length: version }, (_, i) => i + 1),
  );
});
