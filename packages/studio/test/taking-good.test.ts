/** Images that people have marked as having no defect, taken as good beside the labelling: the detector's thresholds follow them. */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Detector, readRgb, writePng } from '@adclick/core';
import { writeSampleProduct } from '@adclick/core/synthesis';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ApiError, DetectAnswer, DetectorEntry, ImageDetection, ImagePage, Job } from '../src/api.ts';
import { adaptDetector } from '../src/detectors/adapting.ts';
import type { ProgressEvent } from '../src/jobs/progress.ts';
import { madeDetectors, previousDetector, trainedDetector } from '../src/project/detector-files.ts';
import { detectLayout } from '../src/project/layout.ts';
import { whileTrainingDetector } from '../src/project/leases.ts';
import { PROJECT_FILE, writeProject } from '../src/project/project.ts';
import { adclick } from './command.ts';
import { Client, type ServerProcess, startServer } from './serving.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

/** The category is called after its folder. */
const CATEGORY = 'ring';
/** Good parts of the line, under a quarter of the light. */
const DIM = 8;

let root: string;
let server: ServerProcess;
let client: Client;
beforeAll(async () => {
  root = join(await mkdtemp(join(tmpdir(), 'adclick-taking-')), CATEGORY);
  const size = { width: 128, height: 128 };
  await writeSampleProduct(root, 'machined-ring', { normals: 12, testGoods: 0, defectsPerType: 1, ...size });
  await mkdir(join(root, 'test/line'), { recursive: true });
  for (const name of (await readdir(join(root, 'train/good'))).sort().slice(0, DIM)) {
    const picture = await readRgb(join(root, 'train/good', name));
    await writePng(join(root, 'test/line', name), { ...picture, data: picture.data.map((value) => value / 4) });
  }
  const { categories } = await detectLayout(root);
  await writeProject(join(root, PROJECT_FILE), { categories: { ...categories }, pixels: 128 });
  server = await startServer(root);
  client = new Client(server.address);
});
afterAll(async () => {
  server?.child.kill('SIGTERM');
  expect(await server?.ended).toBe(0);
  expect(server?.stderr()).toBe('');
  await rm(join(root, '..'), { recursive: true, force: true });
});

const entry = async () => (await client.get<{ detectors: DetectorEntry[] }>('/detectors')).body.detectors[0];
const images = async () => (await client.get<ImagePage>('/images?order=name&search=line')).body.images;
const take = (category?: string) => client.call<Job & ApiError>('POST', '/detectors/adapt', { category });

/** A job once it does not run any more. */
async function ended(id: string): Promise<Job> {
  return vi.waitFor(
    async () => {
      const { jobs } = (await client.get<{ jobs: Job[] }>('/jobs')).body;
      const job = jobs.find((one) => one.id === id) as Job;
      expect(job.state).not.toBe('running');
      return job;
    },
    { timeout: 200_000, interval: 200 },
  );
}

const thresholdsOf = async (path: string) => {
  const detector = await Detector.load(path);
  await detector.close();
  return detector.card.thresholds;
};

const markGood = async (from: number, to: number) => {
  for (const { id, version } of (await images()).slice(from, to))
    expect((await client.act(id, version, { kind: 'state', state: 'good' })).status).toBe(200);
};

/** What the detector that needs no labels says of the first picture of the line, from the page and from outside. */
async function judgements(): Promise<boolean[]> {
  const [{ id, path }] = await images();
  const inside = (await client.get<ImageDetection>(`/images/${id}/detection?by=residual`)).body;
  const body = new Uint8Array(await readFile(join(root, path)));
  const sent = await fetch(new URL('/api/v1/detect', server.address), {
    method: 'POST',
    headers: { 'content-type': 'image/png' },
    body,
  });
  return [inside.isDefect, ((await sent.json()) as DetectAnswer).isDefect];
}

test('without a mark nothing is taken, and no file is written', async () => {
  expect((await entry()).goods).toEqual({ marked: 0, untaken: 0 });
  const refused = await take();
  expect(refused.status).toBe(422);
  expect(refused.body.error).toMatchObject({ code: 'ADC_NO_GOOD_IMAGES', message: expect.stringContaining(CATEGORY) });
  expect((await take('nothing')).status).toBe(404);
});

test('the detector of good pictures alone follows them, and the open one is replaced', async () => {
  expect(await judgements()).toEqual([true, true]);
  const [made] = await madeDetectors(root, CATEGORY);
  const before = await thresholdsOf(made);
  const { residual } = await entry();
  const differs: (string | null)[] = [];
  for (const { id } of await images())
    differs.push((await client.get<ImageDetection>(`/images/${id}/detection?by=residual`)).body.differs);
  expect(differs[0]).toBeNull();
  expect(differs.at(-1)).toMatch(/where they are good, say so of each \(N\), then take them as good \(Shift\+D\)\.$/);
  await markGood(0, 6);
  expect((await entry()).goods).toEqual({ marked: 6, untaken: 6 });

  const { status, body } = await take();
  expect(status).toBe(202);
  expect(body).toMatchObject({ kind: 'adapt', state: 'running' });
  // Neither another one nor a training runs beside it.
  for (const path of ['/detectors/adapt', '/detectors/restore']) {
    const refused = await client.call<ApiError>('POST', path, { category: CATEGORY });
    expect([refused.status, refused.body.error?.code]).toEqual([409, 'ADC_TRAINING']);
  }
  const job = await ended(body.id);
  const after = await thresholdsOf(made);
  const change = (key: 'score' | 'map') => `${key} ${before[key].toFixed(3)} → ${after[key].toFixed(3)}`;
  expect(job).toMatchObject({
    state: 'done',
    result: `6 images taken as good; thresholds: ${change('score')}, ${change('map')}.`,
  });
  expect(after).toMatchObject({ adapted: 6 });
  expect(after.score).toBeGreaterThan(before.score);
  expect(await judgements()).toEqual([false, false]);
  expect(await entry()).toMatchObject({ newest: null, previous: null, goods: { marked: 6, untaken: 0 } });
  expect((await entry()).residual).not.toBe(residual);
});

test('no image counts twice, and one whose picture was replaced since does not count', async () => {
  const [made] = await madeDetectors(root, CATEGORY);
  const refused = await take(CATEGORY);
  expect([refused.status, refused.body.error?.code]).toEqual([422, 'ADC_NO_GOOD_IMAGES']);
  await markGood(6, 8);
  const [first, last] = (await images()).slice(6).map(({ path }) => join(root, path));
  await copyFile(first, last);
  expect((await entry()).goods).toEqual({ marked: 8, untaken: 2 });
  const job = await ended((await take()).body.id);
  expect(job).toMatchObject({
    state: 'done',
    leftOut: 1,
    result: expect.stringMatching(/^1 image taken as good; .* 1 image left out: another picture/),
  });
  expect(await thresholdsOf(made)).toMatchObject({ adapted: 7 });
  // The command line knows of them as well.
  const again = await adclick(['adapt', join(root, 'test/line'), '--project', root]);
  expect(again.stdout).toMatch(/^0 pictures taken as good \(8 had been before\)/);
  expect(await thresholdsOf(made)).toMatchObject({ adapted: 7 });
});

test('of a trained detector the one before stays, and what is stopped leaves everything as it was', async () => {
  expect(await adclick(['train', 'seg', root, '--unsupervised', '--steps', '2'])).toMatchObject({ code: 0 });
  const trained = trainedDetector(root, CATEGORY);
  const before = await readFile(trained);
  const { newest, goods } = await entry();
  // Another detector has taken none of them.
  expect(goods).toEqual({ marked: 8, untaken: 8 });

  const line = { paths: [join(root, 'test/line')], project: root };
  const stop = new AbortController();
  const onProgress = ({ label, done }: ProgressEvent) => {
    if (label.startsWith('looking') && done === 3) stop.abort(new Error('enough'));
  };
  await expect(adaptDetector(line, { signal: stop.signal, onProgress })).rejects.toThrow('enough');
  const meanwhile = whileTrainingDetector(root, CATEGORY, {}, () => adaptDetector(line));
  await expect(meanwhile).rejects.toMatchObject({ code: 'ADC_IN_USE' });
  const stopped = (await take()).body.id;
  await client.call('DELETE', `/jobs/${stopped}`);
  expect(await ended(stopped)).toMatchObject({ state: 'cancelled' });
  expect(before.equals(await readFile(trained))).toBe(true);
  expect(
    (await readdir(join(root, '.adclick'), { recursive: true })).filter((name) => /\.(tmp|part)$/.test(name)),
  ).toEqual([]);
  expect(await entry()).toMatchObject({ newest, previous: null, goods: { untaken: 8 } });

  const job = await ended((await take()).body.id);
  expect(job).toMatchObject({ state: 'done', leftOut: 1 });
  expect(await readFile(previousDetector(root, CATEGORY))).toEqual(before);
  expect(await thresholdsOf(trained)).toMatchObject({ adapted: 7 });
  const now = await entry();
  expect(now).toMatchObject({ previous: { stamp: newest?.stamp }, goods: { marked: 8, untaken: 1 } });
  expect(now.newest?.notes.at(-1)).toBe('7 pictures of the line taken as good.');
  // With the one before, what it has taken comes back too.
  await client.call('POST', '/detectors/restore', { category: CATEGORY });
  expect((await entry()).goods).toEqual({ marked: 8, untaken: 8 });
});
