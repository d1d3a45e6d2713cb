/** A real server as a process of its own, on a sample product. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SampleOptions, writeSampleProduct } from '@adclick/core';
import type { ImageDetail, ImageSummary } from 'adclick/api';

const root = join(import.meta.dirname, '..', '..', '..');
const RUNNER = ['--conditions=@adclick/source', '--import', 'tsx', join(root, 'packages/studio/src/cli.ts')];

/** Seconds until a server on a slow machine has answered. */
const PATIENCE = 60;

/** A port that nobody uses. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** A project folder with a served page. */
export class TestServer {
  private child: ChildProcess | null = null;
  private output = '';

  private constructor(
    readonly folder: string,
    readonly port: number,
  ) {}

  get address(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** An empty project on pictures that `fill` writes. */
  static async make(fill: (folder: string) => Promise<unknown>): Promise<TestServer> {
    const folder = join(await mkdtemp(join(tmpdir(), 'adclick-page-')), 'parts');
    await fill(folder);
    const server = new TestServer(folder, await freePort());
    await server.start();
    return server;
  }

  /** A sample product with few pictures. */
  static sample(name: string, options: SampleOptions): Promise<TestServer> {
    return TestServer.make((folder) => writeSampleProduct(folder, name, options));
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [...RUNNER, 'serve', this.folder, '--port', String(this.port), '--no-open'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
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
    await rm(join(this.folder, '..'), { recursive: true, force: true });
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

  /** Waits until the background has looked at every image. */
  async prepared(): Promise<void> {
    const end = Date.now() + PATIENCE * 1000;
    while (Date.now() < end) {
      const images = await this.images();
      if (images.length > 0 && images.every(({ ready }) => ready)) return;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    throw new Error(`not every image was prepared within ${PATIENCE} s: ${JSON.stringify(await this.get('/jobs'))}`);
  }

  /** Sets the project file's number of pixels that models see, so that tests are quick. */
  async settings(change: (text: string) => string): Promise<void> {
    const file = join(this.folder, 'adclick.yaml');
    await writeFile(file, change(await readFile(file, 'utf8')));
  }
}
