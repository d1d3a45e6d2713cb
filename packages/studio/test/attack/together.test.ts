/** Commands beside a running server and beside each other, as processes: they wait, or are refused as a whole with a clear word. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ReferenceIndex } from '@adclick/core';
import { writeSampleProduct } from '@adclick/core/synthesis';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { ImageDetail, ImagePage, ProjectInfo } from '../../src/api.ts';
import { categoriesOf, indexFolder } from '../../src/project/categories.ts';
import { detectLayout } from '../../src/project/layout.ts';
import { leaseFolder } from '../../src/project/lease.ts';
import { PROJECT_FILE, writeProject } from '../../src/project/project.ts';
import { checkDatabase } from '../../src/store/connection.ts';
import { databasePath } from '../../src/store/database-path.ts';
import { adclick, type Ended, errorCode } from '../command.ts';
import { temporaryFolder } from '../sample.ts';
import { Client, startServer } from '../serving.ts';

/** Processes from source compile themselves first, which takes its time on a busy machine. */
vi.setConfig({ testTimeout: 600_000 });

const codes = (ended: readonly Ended[]) =>
  ended.map((one) => (one.code === 0 ? 'done' : (errorCode(one) ?? one.stderr)));

test('index, imports, prompts and trainings beside a server that people label with', async () => {
  const root = await temporaryFolder();
  await writeSampleProduct(root, 'screw', { normals: 8, testGoods: 1, defectsPerType: 2, width: 128, height: 128 });
  const { categories } = await detectLayout(root);
  const project = await writeProject(join(root, PROJECT_FILE), { categories: { ...categories }, pixels: 128 });
  const [category] = categoriesOf(project);
  const server = await startServer(root);
  onTestFinished(() => void server.child.kill('SIGKILL'));
  const client = new Client(server.address);
  const { images } = (await client.get<ImagePage>('/images?order=name')).body;

  // Somebody labels without a pause: what imports write at the same moment must not be lost, nor theirs.
  let stop = false;
  const acknowledged = new Map<number, number[]>();
  const labelling = (async () => {
    for (let n = 0; !stop; n++) {
      const { id } = images[n % images.length];
      const { version } = (await client.get<ImageDetail>(`/images/${id}`)).body;
      const review = n % 3 === 0 ? 'approved' : n % 3 === 1 ? 'rejected' : 'none';
      const { status, body } = await client.act(id, version, { kind: 'review', review });
      if (status === 200) acknowledged.set(id, [...(acknowledged.get(id) ?? []), body.version]);
      else expect(status).toBe(409);
    }
  })();
  const mvtec = ['import', root, '--format', 'mvtec', '--from', root, '--json'];
  const train = ['train', 'seg', root, '--unsupervised', '--steps', '2', '--json'];
  const [indexing, imports, prompts, trainings] = await Promise.all([
    adclick(['index', root, '--json']),
    Promise.all([adclick(mvtec), adclick(mvtec)]),
    Promise.all(
      ['thin scratch on the screw', 'deep scratch on the screw'].map((phrase) =>
        adclick(['prompts', 'edit', root, '--type', 'scratch', '--add', phrase]),
      ),
    ),
    Promise.all([adclick(train), adclick(train)]),
  ]);
  stop = true;
  await labelling;
  expect(acknowledged.size).toBe(images.length);

  expect(codes([indexing, ...imports, ...prompts])).toEqual(['done', 'done', 'done', 'done', 'done']);
  // The second training came before the end of the first, and was told so, or after it.
  expect(codes(trainings)).toContain('done');
  for (const code of codes(trainings)) expect(['done', 'ADC_IN_USE']).toContain(code);
  const kept = JSON.parse(await readFile(join(root, '.adclick/prompts.json'), 'utf8'));
  expect(kept.prompts[category.name].scratch.phrases).toEqual(
    expect.arrayContaining(['thin scratch on the screw', 'deep scratch on the screw']),
  );
  for (const ended of imports)
    expect(JSON.parse(ended.stdout)).toMatchObject({ leftOut: [], defects: images.length - 1 });
  for (const { id, path } of images) {
    const { body } = await client.get<{ events: { version: number; action: { kind: string } }[] }>(
      `/images/${id}/history`,
    );
    const versions = body.events.map(({ version }) => version);
    expect(versions).toEqual(versions.map((_, i) => i + 1));
    for (const version of acknowledged.get(id) ?? []) expect(body.events[version - 1]?.action.kind).toBe('review');
    expect(body.events.filter(({ action }) => action.kind === 'import')).toHaveLength(2);
    const detail = (await client.get<ImageDetail>(`/images/${id}`)).body;
    expect(detail.layers).toHaveLength(path.includes('/good/') ? 0 : 1);
  }
  const index = await ReferenceIndex.open(indexFolder(project, category));
  expect(index.names).toHaveLength(8);
  await index.close();
  expect((await client.get<ProjectInfo>('/project')).status).toBe(200);
  expect(await readdir(leaseFolder(root))).toEqual(['serve.lock']);
  server.child.kill('SIGKILL');
  await server.ended;
  expect(checkDatabase(databasePath(root))).toEqual([]);
});
