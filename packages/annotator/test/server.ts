/** A real server as a process of its own, on a sample product. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readMask } from '@adclick/core';
import { encodeRle } from '@adclick/core/geometry';
import { type SampleOptions, writeSampleProduct } from '@adclick/core/synthesis';
import type { DefectType, ImageDetail, ImageSummary, Job } from 'adclick/api';

const root = join(import.meta.dirname, '..', '..', '..');
/** Arguments that run the command line from its sources. */
export const RUNNER = ['--conditions=@adclick/source', '--import', 'tsx', join(root, 'packages/studio/src/cli.ts')];

/** Seconds until a server on a slow machine has answered. */
const PATIENCE = 110;

/** A port that nobody uses. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Runs a command of `adclick` to its end. @throws what it says when it fails. */
export const command = (...words: string[]) =>
  promisify(execFile)(process.execPath, [...RUNNER, ...words], { cwd: root });

/** A project folder with a served page. */
export class TestServer {
  private child: ChildProcess | null = null;
  private output = '';

  private constructor(
    readonly folder: string,
    readonly port: number,
    /** Whether the folder goes when the server does. */
    private readonly passing: boolean,
    /** Further words of `adclick serve`. */
    private readonly words: readonly string[] = [],
  ) {}

  get address(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** An empty project on pictures that `fill` writes. */
  static async make(fill: (folder: string) => Promise<unknown>): Promise<TestServer> {
    const folder = join(await mkdtemp(join(tmpdir(), 'adclick-page-')), 'parts');
    await fill(folder);
    return TestServer.begin(folder, true);
  }

  /** One that others can reach, with users. @returns the tokens by name. */
  static async withUsers(
    fill: (folder: string) => Promise<unknown>,
    names: readonly string[],
  ): Promise<{ server: TestServer; tokens: Map<string, string> }> {
    const folder = join(await mkdtemp(join(tmpdir(), 'adclick-page-')), 'parts');
    await fill(folder);
    const tokens = new Map<string, string>();
    for (const name of names) {
      const { stdout } = await command('serve', folder, '--json', '--add-user', name);
      tokens.set(name, (JSON.parse(stdout) as { token: string }).token);
    }
    const server = new TestServer(folder, await freePort(), true, ['--host', '0.0.0.0']);
    await server.start();
    return { server, tokens };
  }

  /** A project that stands already, and stays. */
  static open(folder: string): Promise<TestServer> {
    return TestServer.begin(folder, false);
  }

  private static async begin(folder: string, passing: boolean): Promise<TestServer> {
    const server = new TestServer(folder, await freePort(), passing);
    await server.start();
    return server;
  }

  /** A sample product with few pictures. */
  static sample(name: string, options: SampleOptions): Promise<TestServer> {
    return TestServer.make((folder) => writeSampleProduct(folder, name, options));
  }

  async start(): Promise<void> {
    const words = ['serve', this.folder, '--port', String(this.port), '--no-open', ...this.words];
    const child = spawn(process.execPath, [...RUNNER, ...words], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => {
        this.output = (this.output + chunk).slice(-4000);
      });
    const end = Date.now() + PATIENCE * 1000;
    while (Date.now() < end) {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${this.output}`);
      const answer = await fetch(`${this.address}api/v1/health`).catch(() => null);
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`the server did not answer within ${PATIENCE} s:\n${this.output}`);
  }

  /** Ends it without a warning, as a power cut does. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  async close(): Promise<void> {
    await this.kill('SIGTERM');
    if (this.passing) await rm(join(this.folder, '..'), { recursive: true, force: true });
  }

  async get<Answer>(path: string): Promise<Answer> {
    const response = await fetch(`${this.address}api/v1${path}`);
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as Answer;
  }

  async post<Answer>(path: string, body: unknown): Promise<Answer> {
    const response = await fetch(`${this.address}api/v1${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as Answer;
  }

  detail(id: number): Promise<ImageDetail> {
    return this.get(`/images/${id}`);
  }

  async images(): Promise<ImageSummary[]> {
    return (await this.get<{ images: ImageSummary[] }>('/images?order=name&limit=500')).images;
  }

  /** Labels an image of a sample product with its true mask, as somebody else would over the API. */
  async label({ id, path, version }: ImageSummary, size: { width: number; height: number }): Promise<void> {
    const [folder, name] = path.split('/').slice(-2) as [string, string];
    const { types } = await this.get<{ types: DefectType[] }>('/types');
    const truth = await readMask(join(this.folder, 'ground_truth', folder, name.replace('.png', '_mask.png')), size);
    const { counts } = encodeRle(truth.data, size.width, size.height);
    const type = types.find((each) => each.name === folder)?.id;
    const paint = { kind: 'paint', tool: 'brush', type, add: { ...size, counts: [...counts] }, remove: null };
    await this.post(`/images/${id}/actions`, { base: version, action: paint });
    await this.post(`/images/${id}/actions`, { base: version + 1, action: { kind: 'state', state: 'defect' } });
  }

  /** Waits until the background has looked at every image. */
  async prepared(): Promise<void> {
    const end = Date.now() + PATIENCE * 1000;
    while (Date.now() < end) {
      // Jobs are asked for first: whoever looks through the images makes the background hold back.
      const { jobs } = await this.get<{ jobs: Job[] }>('/jobs');
      const looked = jobs.some(({ kind, state }) => kind === 'prepare' && state === 'done');
      if (looked && (await this.images()).every(({ ready }) => ready)) return;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    throw new Error(`not every image was prepared within ${PATIENCE} s: ${JSON.stringify(await this.get('/jobs'))}`);
  }
}
