import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Labeler, ReferenceIndex, readMask, readRgb } from '@adclick/core';
import { nextClick } from '@adclick/core/evaluation';
import { decodeRle, encodeRle, rleArea } from '@adclick/core/geometry';
import { writeSampleProduct } from '@adclick/core/synthesis';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { ImageDetail, ImagePage, Job, ProjectInfo } from '../src/api.ts';
import { detectLayout } from '../src/project/layout.ts';
import { PROJECT_FILE, writeProject } from '../src/project/project.ts';
import { checkDatabase } from '../src/store/connection.ts';
import { databasePath } from '../src/store/database-path.ts';
import { adclick, errorCode } from './command.ts';
import { makeProject, temporaryFolder } from './sample.ts';
import { Client, type ServerProcess, startServer } from './serving.ts';

/** A process from source compiles itself first, which takes its time on a busy machine. */
vi.setConfig({ testTimeout: 600_000 });

async function started(root: string): Promise<ServerProcess> {
  const server = await startServer(root);
  onTestFinished(() => void server.child.kill('SIGKILL'));
  return server;
}

/** A sample product of small pictures as a project. */
async function sampleProject(): Promise<string> {
  // The category is called after its folder, and prompts after the category.
  const root = join(await temporaryFolder(), 'screw');
  await writeSampleProduct(root, 'screw', { normals: 6, testGoods: 1, defectsPerType: 1, width: 192, height: 160 });
  const { categories } = await detectLayout(root);
  await writeProject(join(root, PROJECT_FILE), { categories: { ...categories }, pixels: 256 });
  return root;
}

test('from an empty project to masks by clicks, the same ones that the library draws', async () => {
  const root = await sampleProject();
  const server = await started(root);
  const client = new Client(server.address);
  const { images } = (await client.get<ImagePage>('/images?order=name&search=scratch')).body;
  const image = images[0];
  const truth = await readMask(join(root, 'ground_truth/scratch/000_mask.png'));
  const click = nextClick(new Float32Array(truth.data.length), truth, [])!;
  // Sent before the index is there: stored at once, answered when it is.
  const answered = client.act(image.id, 0, { kind: 'click', type: 1, click });
  const health = await client.get<{ ok: boolean }>('/health');
  expect(health.body.ok).toBe(true);
  const { status, body } = await answered;
  expect(status).toBe(200);
  const second = { x: 2, y: 2, positive: false };
  const again = await client.act(image.id, 1, { kind: 'click', type: 1, click: second });

  const good = Array.from({ length: 6 }, (_, n) => ({ path: join(root, `train/good/00${n}.png`) }));
  const index = await ReferenceIndex.build(good, { pixels: 256 * 256 });
  const { types } = (await client.get<{ types: { id: number; name: string }[] }>('/types')).body;
  const defect = types.find(({ id }) => id === 1)!.name;
  const labeler = await Labeler.load({ index, object: image.category });
  onTestFinished(async () => {
    await labeler.close();
    await index.close();
  });
  const view = await labeler.open(await readRgb(join(root, image.path)));
  for (const [answer, clicks] of [
    [body, [click]],
    [again.body, [click, second]],
  ] as const) {
    const { data, width, height } = await view.predict({ clicks, defect });
    const mask = Uint8Array.from(data, (value) => (value > 0.49 ? 1 : 0));
    const layer = answer.layers[0]?.rle ?? { width, height, counts: [] };
    expect(layer).toEqual(encodeRle(mask, width, height));
  }
  const shown = (await client.get<ImageDetail>(`/images/${image.id}`)).body;
  const drawn = decodeRle(shown.layers[0].rle);
  expect(drawn[click.y * truth.width + click.x]).toBe(1);
  expect(drawn[second.y * truth.width + second.x]).toBe(0);

  // The background has looked at every image by itself, once the clicks had stopped.
  for (let n = 0; n < 200; n++) {
    const { jobs } = (await client.get<{ jobs: Job[] }>('/jobs')).body;
    if (jobs.some(({ kind, state }) => kind === 'prepare' && state === 'done')) break;
    await sleep(200);
  }
  const queue = (await client.get<ImagePage>('/images?order=residual')).body;
  expect(queue.images.every(({ ready }) => ready)).toBe(true);
  expect(queue.images[0].reason).toMatch(/^residual \d/);
  expect(queue.images.at(-1)!.path).toContain('good');
  const proposal = await client.get<{ ready: boolean; rle: { counts: number[] } }>(`/images/${image.id}/proposal`);
  expect(proposal.body.ready).toBe(true);
  expect((await client.get<ProjectInfo>('/project')).body.categories[0]).toMatchObject({ indexed: true, normals: 6 });
  expect((await client.get<ImageDetail>(`/images/${image.id}`)).body.nearest.length).toBeGreaterThan(0);
  const heat = await fetch(new URL(`/api/v1/images/${image.id}/residual`, server.address));
  expect(heat.headers.get('content-type')).toBe('image/png');
  const near = await fetch(new URL(`/api/v1/images/${image.id}/nearest/0`, server.address));
  expect(near.status).toBe(200);

  server.child.kill('SIGINT');
  expect(await server.ended).toBe(130);
  expect(server.stderr()).toBe('');
  expect(checkDatabase(databasePath(root))).toEqual([]);
});

test('kill -9 while a client clicks loses nothing that was acknowledged', async () => {
  const root = await sampleProject();
  const acknowledged: { version: number; area: number }[] = [];
  let base = 0;
  for (let kill = 0; kill < 4; kill++) {
    const server = await started(root);
    const client = new Client(server.address);
    const detail = (await client.get<ImageDetail>('/images/1')).body;
    // Everything that was acknowledged is there; at most the one that was under way may have come besides.
    expect(detail.version).toBeGreaterThanOrEqual(base);
    expect(detail.version).toBeLessThanOrEqual(base + 1);
    base = detail.version;
    const arm = () => setTimeout(() => server.child.kill('SIGKILL'), 150 + 130 * kill);
    // Every other time something has been acknowledged first, however slow the machine.
    let timer = kill % 2 === 0 ? arm() : undefined;
    try {
      for (;;) {
        const click = { x: (7 * base) % 190, y: (11 * base) % 150, positive: base % 3 !== 2 };
        const { status, body } = await client.act(1, base, { kind: 'click', type: 1, click });
        expect(status).toBe(200);
        base = body.version;
        timer ??= arm();
        acknowledged.push({ version: base, area: rleArea(body.layers[0]?.rle ?? { width: 1, height: 1, counts: [] }) });
      }
    } catch (error) {
      // The connection broke.
      expect(error).toBeInstanceOf(TypeError);
    }
    clearTimeout(timer);
    expect(await server.ended).toBe('SIGKILL');
    expect(checkDatabase(databasePath(root))).toEqual([]);
  }
  const server = await started(root);
  const { body } = await new Client(server.address).get<{ events: { version: number }[] }>('/images/1/history');
  const versions = body.events.map(({ version }) => version);
  expect(versions).toEqual(versions.map((_, i) => i + 1));
  for (const { version } of acknowledged) expect(versions).toContain(version);
  expect(acknowledged.length).toBeGreaterThan(0);
});

test('a port that was asked for and is taken is named; without --port the next free one is used', async () => {
  const { root } = await makeProject(1);
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void blocker.close());
  const { port } = blocker.address() as { port: number };
  const refused = await adclick(['serve', root, '--no-open', '--port', String(port)]);
  expect(refused.code).toBe(1);
  expect(errorCode(refused)).toBe('ADC_PORT');
  expect(refused.stderr).toContain(String(port));
});

test('others are let in only when somebody can log in', async () => {
  const { root } = await makeProject(1);
  const refused = await adclick(['serve', root, '--no-open', '--host', '0.0.0.0', '--port', '0']);
  expect(errorCode(refused)).toBe('ADC_LOGIN');
  const added = await adclick(['serve', root, '--add-user', 'grace', '--json']);
  const { user, token } = JSON.parse(added.stdout) as { user: string; token: string };
  expect(user).toBe('grace');
  expect(token).toMatch(/^grace\.[\w-]{32}$/);
  expect(errorCode(await adclick(['serve', root, '--add-user', 'grace']))).toBe('ADC_NAME_TAKEN');
  expect(errorCode(await adclick(['serve', root, '--add-user', '../x']))).toBe('ADC_USAGE');
  expect((await adclick(['serve', root, '--remove-user', 'grace'])).code).toBe(0);
  expect(errorCode(await adclick(['serve', root, '--remove-user', 'grace']))).toBe('ADC_NOT_FOUND');
});
