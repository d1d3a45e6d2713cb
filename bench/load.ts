/**
 * `npm run bench:load [-- --json] [--seconds N] [--clients N] [--wait SECONDS] [--quick] [--no-write]`: clients of one server click once a second; how long
 * answers take, whether an update is lost, and whether every mask is the one that the library draws for the same clicks.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Labeler, readRgb } from '@adclick/core';
import { encodeRle } from '@adclick/core/geometry';
import { Random } from '@adclick/core/synthesis';
import { Runtime } from '@adclick/ortgrad';
import type { Action, HistoryEvent, ImageDetail, ImagePage, Job } from '../packages/studio/src/api.ts';
import { openCurrentIndex } from '../packages/studio/src/engine/indexing.ts';
import { categoriesOf } from '../packages/studio/src/project/categories.ts';
import { resolveWeights } from '../packages/studio/src/project/model-files.ts';
import { openProject } from '../packages/studio/src/project/project.ts';
import { Client, startServer } from '../packages/studio/test/serving.ts';
import { say } from './child.ts';
import { labellingProject } from './parts/labelling-project.ts';
import { waitForQuiet } from './quiet.ts';
import { machine, quantile, round, table, writeSection } from './results.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '60' },
    clients: { type: 'string', default: '20' },
    wait: { type: 'string', default: '300' },
    /** Four clients for five seconds, to see that everything runs; nothing is written. */
    quick: { type: 'boolean', default: false },
    'no-write': { type: 'boolean', default: false },
  },
});
/** What is served with is the build, as it is installed. */
const COMMAND = [process.execPath, fileURLToPath(new URL('../packages/studio/dist/cli.js', import.meta.url))];
const SECONDS = values.quick ? 5 : Number(values.seconds);
const CLIENTS = values.quick ? 4 : Number(values.clients);
/** Clients that share their image with another one, so that stale writes happen. */
const SHARING = Math.min(4, CLIENTS - 1);
/** Clicks of a region; then the image is cleared, so that an answer's layer is the mask of its clicks alone. */
const CLICKS = 5;
const SIDE = 512;
const THRESHOLD = 0.49;

interface Click {
  readonly x: number;
  readonly y: number;
  readonly positive: boolean;
}

/** A mask that a client got, to be compared with the library's. */
interface Drawn {
  readonly path: string;
  readonly clicks: readonly Click[];
  readonly runs: string;
}

const latencies: number[] = [];
const drawn: Drawn[] = [];
const acknowledged: { image: number; version: number; action: Action }[] = [];
let errors = 0;
let conflicts = 0;

const wrong = (what: string) => {
  errors++;
  say(what);
};

/** One annotator: a click a second, whatever the server does. */
async function annotate(client: Client, n: number, image: ImagePage['images'][number], shared: boolean, until: number) {
  const random = new Random(`bench/load/${n}`);
  const { body: opened } = await client.get<ImageDetail>(`/images/${image.id}`);
  let base = opened.version;
  const clicks: Click[] = [];
  const at = () => ({ x: Math.floor(random.next() * image.width), y: Math.floor(random.next() * image.height) });
  await sleep((1000 * n) / CLIENTS);
  for (let next = performance.now(); Date.now() < until; next += 1000) {
    await sleep(Math.max(0, next - performance.now()));
    const click = { ...at(), positive: clicks.length === 0 || random.next() < 0.6 };
    const started = performance.now();
    for (;;) {
      const action: Action = { kind: 'click', type: 1, click };
      const { status, body } = await client.act(image.id, base, action);
      if (status === 409) {
        // Somebody else was faster: look at what stands there, click again.
        conflicts++;
        base = (body as unknown as { current: ImageDetail }).current.version;
        continue;
      }
      if (status !== 200) wrong(`client ${n}: ${status} ${JSON.stringify(body)}`);
      else {
        latencies.push(performance.now() - started);
        acknowledged.push({ image: image.id, version: body.version, action });
        base = body.version;
        clicks.push(click);
        if (!shared) {
          if (JSON.stringify(body.clicks) !== JSON.stringify(clicks)) wrong(`client ${n}: other clicks than it made`);
          const runs = JSON.stringify(body.layers.find(({ type }) => type === 1)?.rle.counts ?? []);
          drawn.push({ path: image.path, clicks: [...clicks], runs });
        }
      }
      break;
    }
    if (clicks.length < CLICKS) continue;
    const { status, body } = await client.act(image.id, base, { kind: 'clear' });
    if (status === 200) {
      base = body.version;
      clicks.length = 0;
      acknowledged.push({ image: image.id, version: base, action: { kind: 'clear' } });
    } else if (status === 409) base = (body as unknown as { current: ImageDetail }).current.version;
    else wrong(`client ${n}: ${status} ${JSON.stringify(body)}`);
  }
}

/** Acknowledged actions that are not in the history. */
async function countLost(client: Client): Promise<number> {
  let lost = 0;
  const histories = new Map<number, HistoryEvent[]>();
  for (const { image, version, action } of acknowledged) {
    let events = histories.get(image);
    if (!events) {
      events = (await client.get<{ events: HistoryEvent[] }>(`/images/${image}/history`)).body.events;
      histories.set(image, events);
    }
    if (JSON.stringify(events[version - 1]?.action) !== JSON.stringify(action)) lost++;
  }
  return lost;
}

/** Masks that differ from those of the library, without a server. An answer without layers means an unchanged, empty mask. */
async function countWrongMasks(root: string): Promise<number> {
  const project = await openProject(root);
  const runtime = await Runtime.start();
  const category = categoriesOf(project)[0];
  const index = await openCurrentIndex(project, category, { runtime });
  const weights = resolveWeights(project.settings.weights, project.root);
  const labeler = await Labeler.load({ index, weights, runtime, object: category.name });
  let count = 0;
  for (const path of new Set(drawn.map((each) => each.path))) {
    const view = await labeler.open(await readRgb(join(root, path)), { exclude: [join(root, path)] });
    let before = '[]';
    for (const { clicks, runs } of drawn.filter((each) => each.path === path)) {
      const { data, width, height } = await view.predict({ clicks, defect: category.settings.defects[0] });
      const mask = encodeRle(data, width, height, THRESHOLD);
      const expected = JSON.stringify(mask.counts);
      // Layers that a click did not change are not sent again.
      const unchanged = runs === '[]' && expected === before && clicks.length > 1;
      if (runs !== expected && !unchanged) count++;
      before = expected;
    }
  }
  await runtime.close();
  return count;
}

const root = await mkdtemp(join(tmpdir(), 'adclick-load-'));
try {
  const perType = Math.ceil(CLIENTS / 3);
  const shipped = await labellingProject(root, { width: SIDE, height: SIDE, pixels: SIDE, normals: 12, perType });
  const server = await startServer(root, [], { command: COMMAND });
  const client = new Client(server.address);
  say('indexing and looking at the images');
  for (;;) {
    const { jobs } = (await client.get<{ jobs: Job[] }>('/jobs')).body;
    const failed = jobs.find(({ state }) => state === 'failed');
    if (failed) throw new Error(failed.result ?? failed.label);
    if (jobs.some(({ kind, state }) => kind === 'prepare' && state === 'done')) break;
    await sleep(500);
  }
  const quiet = await waitForQuiet(Number(values.wait));
  const { images } = (await client.get<ImagePage>('/images?order=name&limit=500')).body;
  const own = CLIENTS - SHARING;
  const until = Date.now() + SECONDS * 1000;
  say(`${CLIENTS} clients click for ${SECONDS} s`);
  await Promise.all(
    Array.from({ length: CLIENTS }, (_, n) => {
      const shared = n >= own;
      // Two clients an image.
      const image = shared ? images[own + Math.floor((n - own) / 2)] : images[n];
      return annotate(client, n, image, shared, until);
    }),
  );
  const lostUpdates = await countLost(client);
  server.child.kill('SIGTERM');
  if ((await server.ended) !== 0) wrong('the server did not end cleanly');
  const wrongMasks = await countWrongMasks(root);
  if (wrongMasks > 0) wrong(`${wrongMasks} masks differ from the library's`);
  const figure = (p: number) => round(quantile(latencies, p), 1);
  const result = {
    clients: CLIENTS,
    clicks: latencies.length,
    p50: figure(0.5),
    p95: figure(0.95),
    p99: figure(0.99),
    conflicts,
    lostUpdates,
    errors,
    quiet,
  };
  const head = ['clients', 'clicks', 'p50, ms', 'p95, ms', 'p99, ms', 'lost updates', 'wrong answers'];
  const { clicks, p50, p95, p99 } = result;
  const rows = [[CLIENTS, clicks, p50, p95, p99, lostUpdates, errors].map(String)];
  const note = `One click a second each for ${SECONDS} s on pictures of ${SIDE} px, ${SHARING} of the clients in pairs on one image (${conflicts} stale writes were refused and repeated). Every mask is compared with the one that the library draws for the same clicks. Weights: ${shipped ? 'shipped' : 'untrained, same size'}. ${machine()}.`;
  const text = `${table(head, rows)}\n\n${note}`;
  if (!values.quick && !values['no-write']) await writeSection('Load', text);
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${text}\n`);
  if (lostUpdates > 0 || errors > 0) process.exitCode = 1;
} finally {
  await rm(root, { recursive: true, force: true });
}
