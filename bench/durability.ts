/**
 * `npm run bench:durability [-- --json] [--kills N] [--quick]`: kills the labelling server with `kill -9` at random moments while clients
 * click, paint, undo and redo, and looks after each kill at what is left: acknowledged events, the database, the folded histories.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { Random } from '@adclick/core/synthesis';
import type { Action, HistoryEvent, ImageDetail } from '../packages/studio/src/api.ts';
import { checkDatabase } from '../packages/studio/src/store/connection.ts';
import { databasePath } from '../packages/studio/src/store/database-path.ts';
import { Store } from '../packages/studio/src/store/store.ts';
import { Client, type ServerProcess, startServer } from '../packages/studio/test/serving.ts';
import { say } from './child.ts';
import { labellingProject } from './parts/labelling-project.ts';
import { machine, table, writeSection } from './results.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    kills: { type: 'string', default: '100' },
    /** Three kills, to see that everything runs; nothing is written. */
    quick: { type: 'boolean', default: false },
  },
});
const KILLS = values.quick ? 3 : Number(values.kills);
/** Clients, each with an image of its own. */
const CLIENTS = 3;
/** Longest milliseconds from the first answer to the kill. */
const LONGEST = 2_000;
const SIDE = { width: 192, height: 160 };
const THRESHOLD = 0.49;

/** What a client was told is on the disk. */
interface Acknowledged {
  readonly version: number;
  readonly action: Action;
  /** Runs of the layers that the answer held. */
  readonly layers: string;
}

const random = new Random('bench/durability');
const root = await mkdtemp(join(tmpdir(), 'adclick-durability-'));
const acknowledged: Acknowledged[][] = Array.from({ length: CLIENTS }, () => []);
let lost = 0;
let corrupt = 0;

const int = (below: number) => Math.floor(random.next() * below);

/** Something an annotator does; undo and redo only where there is something to take back. */
function something({ canUndo, canRedo }: { canUndo: boolean; canRedo: boolean }): Action {
  const at = { x: int(SIDE.width), y: int(SIDE.height) };
  const kind = random.next();
  if (kind < 0.15 && canUndo) return { kind: 'undo' };
  if (kind < 0.22 && canRedo) return { kind: 'redo' };
  if (kind < 0.4) {
    const start = at.y * SIDE.width + Math.min(at.x, SIDE.width - 9);
    const add = { ...SIDE, counts: [start, 8] };
    return { kind: 'paint', tool: 'brush', type: 1 + int(2), add, remove: null };
  }
  if (kind < 0.5) return { kind: 'finishRegion' };
  if (kind < 0.55) return { kind: 'clear' };
  return { kind: 'click', type: 1 + int(2), click: { ...at, positive: random.next() < 0.7 } };
}

/** Acts on one image until the connection breaks. @param answered called after every answer. */
async function work(client: Client, n: number, answered: () => void): Promise<void> {
  const image = n + 1;
  try {
    const { body: detail } = await client.get<ImageDetail>(`/images/${image}`);
    let base = detail.version;
    let flags: { canUndo: boolean; canRedo: boolean } = detail;
    for (;;) {
      const action = something(flags);
      const { status, body } = await client.act(image, base, action);
      if (status !== 200) throw new Error(`image ${image}, version ${base}: ${JSON.stringify(body)}`);
      answered();
      base = body.version;
      flags = body;
      acknowledged[n].push({ version: base, action, layers: JSON.stringify(body.layers) });
    }
  } catch (error) {
    // The server is gone, as it should be.
    if (!(error instanceof TypeError) && !(error instanceof SyntaxError)) throw error;
  }
}

/** Looks at the file while no server runs. */
async function examine(): Promise<void> {
  const findings = checkDatabase(databasePath(root));
  corrupt += findings.length;
  for (const finding of findings) say(`the database: ${finding}`);
  const store = await Store.open(root);
  for (const [n, told] of acknowledged.entries()) {
    const image = n + 1;
    const events = await store.labels.events(image);
    const gap = events.findIndex(({ version }, i) => version !== i + 1);
    if (gap >= 0) corrupt++;
    for (const { version, action } of told) {
      const event = events[version - 1];
      if (event && JSON.stringify(event.action) === JSON.stringify(action)) continue;
      lost++;
      say(`image ${image}: version ${version} was acknowledged and is lost`);
    }
    const [grown, folded] = [await store.labels.load(image, THRESHOLD), await store.labels.refold(image, THRESHOLD)];
    if (!isDeepStrictEqual(grown, folded)) {
      corrupt++;
      say(`image ${image}: the stored state is not the fold of its history`);
    }
  }
  await store.close();
}

/** After the last kill: the pages of every image open again, and the last acknowledged mask is the one that is shown. */
async function reopen(server: ServerProcess): Promise<void> {
  const client = new Client(server.address);
  for (const [n, told] of acknowledged.entries()) {
    const image = n + 1;
    const { body: detail } = await client.get<ImageDetail>(`/images/${image}`);
    const { body } = await client.get<{ events: HistoryEvent[] }>(`/images/${image}/history`);
    if (body.events.length !== detail.version) corrupt++;
    const last = told.at(-1);
    if (!last || last.version !== detail.version) continue;
    for (const layer of JSON.parse(last.layers) as ImageDetail['layers']) {
      const shown = detail.layers.find(({ type }) => type === layer.type)?.rle.counts ?? [];
      if (JSON.stringify(shown) === JSON.stringify(layer.rle.counts)) continue;
      lost++;
      say(`image ${image}: the mask of version ${last.version} is another one than was acknowledged`);
    }
  }
}

try {
  await labellingProject(root, { ...SIDE, pixels: 256, normals: 6, perType: 1 });
  for (let kill = 0; kill < KILLS; kill++) {
    const server = await startServer(root);
    await reopen(server);
    const after = 20 + random.next() * LONGEST;
    let timer: NodeJS.Timeout | undefined;
    const arm = () => {
      timer ??= setTimeout(() => server.child.kill('SIGKILL'), after);
    };
    // Every fifth time while the index is still being opened, else while answers come.
    if (kill % 5 === 4) arm();
    const client = new Client(server.address);
    await Promise.all(acknowledged.map((_, n) => work(client, n, arm)));
    clearTimeout(timer);
    await server.ended;
    await examine();
    say(
      `kill ${kill + 1} of ${KILLS} after ${Math.round(after)} ms: ${acknowledged.flat().length} acknowledged so far`,
    );
  }
  const server = await startServer(root);
  await reopen(server);
  server.child.kill('SIGINT');
  await server.ended;
  await examine();
  const result = { kills: KILLS, acknowledged: acknowledged.flat().length, lost, corrupt };
  const head = ['`kill -9` of the server', 'acknowledged events', 'lost', 'corrupt'];
  const rows = [[String(result.kills), String(result.acknowledged), String(lost), String(corrupt)]];
  const note = `${CLIENTS} clients click, paint, undo and redo without a pause; the moment of each kill is random, at most ${LONGEST / 1000} s after the first answer, every fifth time after the start. ${machine()}.`;
  const text = `${table(head, rows)}\n\n${note}`;
  if (!values.quick) await writeSection('Durability', text);
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${text}\n`);
  if (lost > 0 || corrupt > 0) process.exitCode = 1;
} finally {
  await rm(root, { recursive: true, force: true });
}
