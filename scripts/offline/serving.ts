/** What the page asks of the server, from opening a project to a trained detector, each answer checked to be one. */
import { readFile } from 'node:fs/promises';
import type { ActionAnswer, ImagePage, Job, PromptList } from '../../packages/studio/src/api.ts';
import { API } from '../../packages/studio/src/api.ts';
import { policyFaults } from '../../packages/studio/test/outside.ts';
import { type Box, until } from './box.ts';

class PageClient {
  constructor(private readonly address: string) {}

  async get(path: string): Promise<Response> {
    const response = await fetch(new URL(path, this.address));
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return response;
  }

  async json<Body>(path: string): Promise<Body> {
    return (await (await this.get(API + path)).json()) as Body;
  }

  async send<Body>(path: string, body: object | Buffer, method = 'POST'): Promise<Body> {
    const raw = Buffer.isBuffer(body);
    const response = await fetch(new URL(API + path, this.address), {
      method,
      headers: { 'content-type': raw ? 'image/png' : 'application/json' },
      body: raw ? new Uint8Array(body) : JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Body;
  }

  /** Runs a job to its end. */
  async job(start: Promise<Job>): Promise<void> {
    const { id, kind } = await start;
    const job = await this.reached(id, ({ state }) => ['done', 'failed', 'cancelled'].includes(state));
    if (job.state !== 'done') throw new Error(`${kind}: ${job.result}`);
  }

  /** Runs a job until it has done something, then stops it: its end is that of a command. */
  async begin(start: Promise<Job>): Promise<void> {
    const { id, kind } = await start;
    const job = await this.reached(id, ({ state, done }) => done > 0 || state !== 'running');
    if (job.state === 'failed') throw new Error(`${kind}: ${job.result}`);
    await fetch(new URL(`${API}/jobs/${id}`, this.address), { method: 'DELETE' });
  }

  private reached(id: string, test: (job: Job) => boolean): Promise<Job> {
    return until(async () => {
      const { jobs } = await this.json<{ jobs: Job[] }>('/jobs');
      return jobs.find((job) => job.id === id && test(job));
    }, `job ${id}`);
  }
}

/** Opens the page with everything that it loads. */
async function openPage(client: PageClient): Promise<void> {
  const response = await client.get('/');
  const faults = policyFaults(response.headers.get('content-security-policy'));
  if (faults.length > 0) throw new Error(`the page may load from elsewhere: ${faults.join('; ')}`);
  const html = await response.text();
  for (const [, place = ''] of html.matchAll(/(?:src|href)="([^"]+)"/g)) await client.get(place);
  for (const path of [
    '/health',
    '/project',
    '/types',
    '/statistics',
    '/prompts',
    '/jobs',
    '/detectors',
    '/openapi.json',
  ])
    await client.json(path);
}

/** Labels a picture as the page does: looks at it, clicks, confirms, goes back. */
async function label(client: PageClient, id: number): Promise<void> {
  for (const view of ['', '/history', '/picture', '/picture?size=thumbnail', '/residual', '/nearest/0', '/proposal'])
    await client.get(`${API}/images/${id}${view}`);
  let base = 0;
  for (const action of [
    { kind: 'click', type: 1, click: { x: 60, y: 60, positive: true } },
    { kind: 'click', type: 1, click: { x: 5, y: 5, positive: false } },
    { kind: 'threshold', value: 0.3 },
    { kind: 'undo' },
    { kind: 'redo' },
    { kind: 'state', state: 'defect' },
  ])
    base = (await client.send<ActionAnswer>(`/images/${id}/actions`, { base, action })).version;
}

/** The whole round over HTTP. @param picture a file to be inspected. */
export async function visitPage(address: string, picture: string): Promise<void> {
  const client = new PageClient(address);
  await openPage(client);
  const events = await client.get(`${API}/events`);
  const { images } = await client.json<ImagePage>('/images?order=name');
  for (const { id } of images.slice(0, 3)) await label(client, id);
  const { prompts } = await client.json<PromptList>('/prompts');
  const [{ category, type }] = prompts as [PromptList['prompts'][0]];
  await client.job(client.send('/jobs', { kind: 'prompts', category, type, replace: true }));
  await client.send('/prompts', { category, type, add: [`odd ${type} on the part`] });
  await client.job(client.send('/jobs', { kind: 'index' }));
  await client.job(client.send('/jobs', { kind: 'export', format: 'coco', folder: 'exported' }));
  await client.job(client.send('/jobs', { kind: 'import', format: 'coco', folder: 'exported' }));
  await client.begin(client.send('/detectors', { steps: 2 }));
  await client.json(`/images/${images[0].id}/detection`);
  await client.send('/detect', await readFile(picture));
  await events.body?.cancel();
}

/** `adclick serve` with the page's requests, ended as by a user. */
export async function serve(box: Box, project: string, picture: string): Promise<void> {
  const args = ['serve', project, '--port', '0', '--json'];
  await box.adclick('serve, with the page, labels, prompts, jobs and a training', args, {
    meanwhile: async ({ stdout, signal }) => {
      const line = await until(() => (stdout().includes('\n') ? stdout() : undefined), 'the address');
      try {
        await visitPage((JSON.parse(line) as { address: string }).address, picture);
      } finally {
        await signal('SIGTERM');
      }
    },
  });
}
