/**
 * Files of labels that ask for more than they are worth: the server answers others meanwhile, every budget has its error, and nothing is
 * half-written. ADCLICK_FUZZ sets how many files are made up.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { API, type Format, type Job } from '../../src/api.ts';
import { READING_LIMITS, type ReadingLimits } from '../../src/exchange/budget.ts';
import type { Picture } from '../../src/exchange/label-store.ts';
import { openMemory } from '../../src/exchange/source.ts';
import { SourceReader } from '../../src/exchange/survey.ts';
import { ThreadReader } from '../../src/exchange/thread-reader.ts';
import { PROJECT_FILE, writeProject } from '../../src/project/project.ts';
import { SIDE, temporaryFolder, writeFlat } from '../sample.ts';
import { openApp } from './served.ts';

const RUNS = Number(process.env.ADCLICK_FUZZ ?? 60);
/** Milliseconds that another request may wait while files are read. */
const PROMPT = 1_000;
/** Milliseconds in which a file that is worth nothing is dealt with, a thread's start from source included. */
const SOON = 20_000;
const HUGE = { width: 9999, height: 9999 };
/** A picture of the project that is large itself. */
const LARGE = { width: 6000, height: 4000 };

const box = (id: number, image_id: number, { width, height }: typeof HUGE) => ({
  ...{ id, image_id, category_id: 1, iscrowd: 0 },
  ...{ bbox: [0, 0, width, height], segmentation: [[0, 0, width, 0, width, height, 0, height]] },
});
const coco = (file_name: string, size: typeof HUGE, annotations: number): string =>
  JSON.stringify({
    images: [{ id: 1, file_name, ...size }],
    categories: [{ id: 1, name: 'dent' }],
    annotations: Array.from({ length: annotations }, (_, i) => box(i + 1, 1, size)),
  });

type Files = Readonly<Record<string, string | Uint8Array>>;

/** Another client of a server, which asks all the time. */
function bystander(ask: () => Promise<unknown>) {
  let slowest = 0;
  let running = true;
  const asking = (async () => {
    while (running) {
      const asked = performance.now();
      await ask();
      await new Promise((resolve) => setTimeout(resolve, 10));
      slowest = Math.max(slowest, performance.now() - asked);
    }
  })();
  return {
    /** @returns milliseconds that it waited for the slowest answer. */
    stop: async (): Promise<number> => {
      running = false;
      await asking;
      return slowest;
    },
  };
}

describe('a server reads', () => {
  const zeros = new Uint8Array(64 * 2 ** 20);
  const star = Array.from({ length: 400_000 }, (_, i) => (i * 7919) % LARGE.width);
  const CASES: readonly (readonly [
    string,
    Format,
    Readonly<Record<string, string | Uint8Array>>,
    Job['state'],
    RegExp,
  ])[] = [
    [
      '20 annotations of 9999 x 9999 for a picture nobody has',
      'coco',
      { 'a.json': coco('none.png', HUGE, 20) },
      'done',
      /no picture of that name/,
    ],
    [
      'the same for a picture of another size',
      'coco',
      { 'a.json': coco('0.png', HUGE, 20) },
      'done',
      /it is 9999 x 9999, but .* is 24 x 16/,
    ],
    [
      'a star of 200,000 corners',
      'coco',
      {
        'a.json': JSON.stringify({
          images: [{ id: 1, file_name: 'large.png', ...LARGE }],
          categories: [{ id: 1, name: 'dent' }],
          annotations: [{ id: 1, image_id: 1, category_id: 1, segmentation: [star] }],
        }),
      },
      'done',
      /too many corners/,
    ],
    ['an archive that multiplies', 'coco', { 'a.zip': zipSync({ 'a.json': zeros }) }, 'failed', /ADC_EXCHANGE_LIMIT/],
    ['brackets inside each other', 'coco', { 'a.json': '['.repeat(1_000_000) }, 'failed', /ADC_EXCHANGE_LIMIT/],
  ];

  let app: FastifyInstance;
  let root = '';
  let close = async () => {};
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'adclick-hostile-import-'));
    for (const name of ['train/good/g0.png', 'train/good/g1.png', 'test/dent/0.png'])
      await writeFlat(join(root, name), 100);
    await writeFlat(join(root, 'test/dent/large.png'), 90, LARGE);
    const project = await writeProject(join(root, PROJECT_FILE), {
      categories: { part: { good: ['train/good'], test: ['test'], defects: ['dent'] } },
    });
    ({ app, close } = await openApp(project));
  });
  afterAll(async () => {
    await close();
    await rm(root, { recursive: true });
  });

  const get = async (path: string) => (await app.inject({ url: `${API}${path}` })).json();
  const jobOf = async (id: string) =>
    ((await get('/jobs')) as { jobs: Job[] }).jobs.find((job) => job.id === id) as Job;
  let folders = 0;
  const start = async (format: Format, files: Files): Promise<Job> => {
    const folder = `in/${folders++}`;
    for (const [name, content] of Object.entries(files)) {
      await mkdir(join(root, folder, name, '..'), { recursive: true });
      await writeFile(join(root, folder, name), content);
    }
    const [name] = Object.keys(files);
    const payload = { kind: 'import', format, folder: name?.endsWith('.zip') ? `${folder}/${name}` : folder };
    return (await app.inject({ method: 'POST', url: `${API}/jobs`, payload })).json();
  };
  const ended = async (id: string): Promise<Job> => {
    for (;;) {
      const job = await jobOf(id);
      if (job.state !== 'running') return job;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const untouched = async () =>
    expect(await get('/project')).toMatchObject({ counts: { todo: 2, defect: 0, good: 0 } });

  test.each(CASES)('%s', async (_, format, files, state, what) => {
    const other = bystander(() => get('/project'));
    const asked = performance.now();
    const { id } = await start(format, files);
    const job = await ended(id);
    expect(performance.now() - asked).toBeLessThan(SOON);
    expect(await other.stop()).toBeLessThan(PROMPT);
    expect(job).toMatchObject({ state, result: expect.stringMatching(what) });
    await untouched();
  });

  test('masks of a large picture without end, until it is told to stop, which it does at once', async () => {
    const other = bystander(() => get('/project'));
    const { id } = await start('coco', { 'a.json': coco('large.png', LARGE, 20_000) });
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(await jobOf(id)).toMatchObject({ state: 'running' });
    const asked = performance.now();
    await app.inject({ method: 'DELETE', url: `${API}/jobs/${id}` });
    expect(await ended(id)).toMatchObject({ state: 'cancelled' });
    expect(performance.now() - asked).toBeLessThan(PROMPT);
    expect(await other.stop()).toBeLessThan(PROMPT);
    await untouched();
  });
});

const PICTURES: readonly Picture[] = [
  { path: 'test/dent/0.png', ...SIDE },
  { path: 'test/dent/large.png', ...LARGE },
];
const bytes = (text: string) => new TextEncoder().encode(text);
const how = { format: 'coco', emptyIs: 'good' } as const;

describe('each budget has its error', () => {
  const budget = (text: string) => ({
    code: 'ADC_EXCHANGE_BUDGET',
    details: { budget: expect.stringContaining(text) },
  });
  const CASES: readonly (readonly [string, Partial<ReadingLimits>, string])[] = [
    ['pixels of a file', { filePixels: 1e8 }, 'pixels of masks for one file'],
    ['pixels in all', { allPixels: 1e8 }, 'pixels of masks in all'],
    ['seconds of a file', { fileSeconds: 0.2 }, 'seconds for one file'],
    ['seconds in all', { allSeconds: 0.2 }, 'seconds in all'],
  ];
  test.each(CASES)('%s', async (_, limits, text) => {
    const source = openMemory(new Map([['a.json', bytes(coco('large.png', LARGE, 500))]]));
    const reader = new SourceReader(source, { ...READING_LIMITS, ...limits });
    await expect(reader.survey(PICTURES, how)).rejects.toMatchObject(budget(text));
  });

  test('a thread that does not look at its budget is ended', async () => {
    const folder = await temporaryFolder();
    // One text of many megabytes is parsed in one go.
    await writeFile(
      join(folder, 'a.json'),
      `{"images":[${'0,'.repeat(30_000_000)}0],"annotations":[],"categories":[]}`,
    );
    const reader = new ThreadReader(folder, { ...READING_LIMITS, fileSeconds: 0.1, graceSeconds: 0 });
    const start = performance.now();
    await expect(reader.survey(PICTURES, how)).rejects.toMatchObject(budget('seconds for one file'));
    expect(performance.now() - start).toBeLessThan(SOON);
    await reader.close();
  });

  test('pixels that others wait for cost no time', async () => {
    const files = new Map([0, 1].map((i) => [`${i}.json`, bytes(coco(`${i}.png`, SIDE, 1))]));
    const pictures = [0, 1].map((i) => ({ path: `${i}.png`, ...SIDE }));
    const reader = new SourceReader(openMemory(files), { ...READING_LIMITS, fileSeconds: 1, allSeconds: 1 });
    expect((await reader.survey(pictures, how)).matches.size).toBe(2);
    let seen = 0;
    for await (const image of reader.matched()) {
      await new Promise((resolve) => setTimeout(resolve, 700));
      seen += image.layers.length;
    }
    expect(seen).toBe(2);
  });
});

/** Values that have broken programs before, in place of numbers and texts. */
const nasty = fc.constantFrom<unknown>(
  ...[0, -1, 0.5, 1e9, 1e308, -1e308, 2 ** 31, 2 ** 32, 2 ** 53, Number.MIN_VALUE, 99_999, 100_000],
  ...[
    '',
    '0',
    '-1',
    'NaN',
    '1e999',
    '\u0000',
    '../x',
    '__proto__',
    'x'.repeat(5_000),
    null,
    true,
    [],
    {},
    [[]],
    [1, 2, 3, 4, 5, 6],
  ],
);

/** Sound files of each format; numbers and texts in them are replaced. */
const SOUND: Readonly<Partial<Record<Format, readonly (readonly [string, unknown])[]>>> = {
  coco: [['a.json', JSON.parse(coco('0.png', SIDE, 2))]],
  datumaro: [
    [
      'a.json',
      {
        categories: { label: { labels: [{ name: 'dent' }] } },
        items: [
          {
            id: '0',
            annotations: [
              { type: 'mask', label_id: 0, rle: { counts: [4, 8, 372], size: [16, 24] } },
              { type: 'ellipse', label_id: 0, points: [1, 1, 8, 8] },
            ],
            image: { path: '0.png', size: [16, 24] },
          },
        ],
      },
    ],
  ],
  labelme: [
    [
      '0.json',
      {
        shapes: [
          {
            label: 'dent',
            shape_type: 'circle',
            points: [
              [4, 4],
              [6, 6],
            ],
          },
          {
            label: 'dent',
            shape_type: 'polygon',
            points: [
              [1, 1],
              [9, 1],
              [9, 9],
            ],
          },
        ],
        ...{ imagePath: '0.png', imageHeight: 16, imageWidth: 24 },
      },
    ],
  ],
  labelstudio: [
    [
      'a.json',
      [
        {
          data: { image: '0.png' },
          annotations: [
            {
              result: ['rectanglelabels', 'ellipselabels'].map((type, i) => ({
                ...{ id: `${i}`, type, original_width: 24, original_height: 16 },
                value: { x: 10, y: 10, width: 20, height: 20, radiusX: 9, radiusY: 9, rotation: 30, [type]: ['dent'] },
              })),
            },
          ],
        },
      ],
    ],
  ],
};

/** The same value with one leaf replaced. @param at counts leaves from the front; is less than 0 once one was replaced. */
function replaced(value: unknown, at: { left: number }, by: unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => replaced(each, at, by));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, replaced(each, at, by)]));
  return at.left-- === 0 ? by : value;
}

test('whatever stands in a file, it is read, left out or refused with a code, in little time', async () => {
  const formats = Object.keys(SOUND) as Format[];
  const change = fc.array(fc.tuple(fc.nat(40), nasty), { minLength: 1, maxLength: 3 });
  let read = 0;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...formats), change, async (format, changes) => {
      const files = new Map<string, Uint8Array>();
      for (const [name, sound] of SOUND[format] ?? []) {
        const content = changes.reduce<unknown>((value, [left, by]) => replaced(value, { left }, by), sound);
        files.set(name, bytes(JSON.stringify(content)));
      }
      const start = performance.now();
      const reader = new SourceReader(openMemory(files), { ...READING_LIMITS, filePixels: 1e9, fileSeconds: 5 });
      try {
        const { matches } = await reader.survey(PICTURES, { format, emptyIs: 'good' });
        for await (const image of reader.matched()) {
          expect(matches.get(image.path)).toMatchObject(SIDE);
          for (const { rle } of image.layers) {
            expect(rle).toMatchObject(SIDE);
            expect(rle.counts.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(SIDE.width * SIDE.height);
          }
          read++;
        }
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ADC_EXCHANGE_/) });
      }
      expect(performance.now() - start).toBeLessThan(SOON);
    }),
    { numRuns: RUNS, seed: 16 },
  );
  expect(read).toBeGreaterThan(RUNS / 10);
});
