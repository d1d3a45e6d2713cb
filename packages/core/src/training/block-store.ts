/** Blocks of training items on disk, made ahead of the trainer by a worker thread and reused when a run resumes. */
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import { isMainThread, parentPort, type Worker, workerData } from 'node:worker_threads';
import { Runtime, startWorker } from '@adclick/ortgrad';
import { writeFileAtomic } from '../files.ts';
import { TextModel } from '../language/text-encoder.ts';
import { type BlockSettings, makeBlock } from './blocks.ts';
import { writeItem } from './item.ts';

/** Blocks that the worker makes beyond those asked for. */
const AHEAD = 3;

interface Task {
  readonly adclickBlocks: true;
  readonly directory: string;
  readonly settings: BlockSettings;
  readonly threads: number;
}

const itemPath = (directory: string, block: number, item: number) =>
  join(directory, `${String(block).padStart(5, '0')}-${String(item).padStart(2, '0')}.safetensors`);
/** A block's list of items, written last: its presence says that the block is whole. */
const markerPath = (directory: string, block: number) => join(directory, `${String(block).padStart(5, '0')}.json`);

/** Makes one block's files unless they are there. */
async function produce(
  { directory, settings }: Task,
  block: number,
  runtime: Runtime,
  language: TextModel,
  pause: () => Promise<void>,
): Promise<void> {
  if (existsSync(markerPath(directory, block))) return;
  const items = await makeBlock(block, settings, runtime, language, pause);
  for (const [i, item] of items.entries()) await writeItem(itemPath(directory, block, i), item);
  await writeFileAtomic(markerPath(directory, block), Buffer.from(JSON.stringify({ items: items.length })));
}

/** What the trainer tells the worker: how far to go, or to stop. */
type Order = number | 'stop';

/** The worker's loop: makes blocks in order up to the horizon that the trainer moves. */
async function serve(task: Task): Promise<void> {
  const port = parentPort!;
  const runtime = await Runtime.start({ threads: task.threads });
  const language = await TextModel.load({ runtime });
  let made = 0;
  let horizon = 0;
  let stopping = false;
  let wake = () => {};
  port.on('message', (order: Order) => {
    if (order === 'stop') {
      stopping = true;
      // Refuses what the block under way asks for next: that block is lost.
      void runtime.stop();
    } else horizon = Math.max(horizon, order);
    wake();
  });
  /** Lets orders in, which do not come while pictures are drawn. */
  const pause = async () => {
    await immediate();
    if (stopping) throw new Error('stopped');
  };
  while (!stopping) {
    if (made >= horizon) {
      await new Promise<void>((resolve) => (wake = resolve));
      continue;
    }
    try {
      await produce(task, made, runtime, language, pause);
    } catch (error) {
      if (stopping) break;
      throw error;
    }
    made++;
    port.postMessage(made);
  }
  await runtime.stop();
  // Without its port nothing keeps the thread.
  port.close();
}

/** The trainer's side of the store. */
export class BlockStore {
  private made = 0;
  private failure: unknown;
  private wake = () => {};
  private readonly counts = new Map<number, number>();
  private readonly ended: Promise<unknown>;

  private constructor(
    private readonly directory: string,
    private readonly worker: Worker,
  ) {
    this.ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.on('message', (made: number) => {
      this.made = made;
      this.wake();
    });
    worker.on('error', (error) => {
      this.failure = error;
      this.wake();
    });
  }

  /** Starts the worker that fills `directory`. @param threads cores the worker's features and matches may use. */
  static async start(directory: string, settings: BlockSettings, threads = 1): Promise<BlockStore> {
    await mkdir(directory, { recursive: true });
    const task: Task = { adclickBlocks: true, directory, settings, threads };
    const worker = startWorker(import.meta.url, task);
    return new BlockStore(directory, worker);
  }

  /** Waits until blocks 0 … count-1 are whole. Throws what the worker failed with, or the signal's reason. */
  async ready(count: number, signal?: AbortSignal): Promise<void> {
    this.worker.postMessage(count + AHEAD);
    const wake = () => this.wake();
    signal?.addEventListener('abort', wake);
    try {
      while (this.made < count) {
        signal?.throwIfAborted();
        if (this.failure) throw this.failure;
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    } finally {
      signal?.removeEventListener('abort', wake);
    }
  }

  /** Paths of a whole block's items. */
  async items(block: number): Promise<string[]> {
    let count = this.counts.get(block);
    if (count === undefined) {
      count = (JSON.parse(await readFile(markerPath(this.directory, block), 'utf8')) as { items: number }).items;
      this.counts.set(block, count);
    }
    return Array.from({ length: count }, (_, i) => itemPath(this.directory, block, i));
  }

  /** Stops the worker; whole blocks stay for the next run. */
  async close(): Promise<void> {
    this.worker.postMessage('stop' satisfies Order);
    await this.ended;
  }
}

if (!isMainThread && (workerData as Partial<Task> | undefined)?.adclickBlocks) void serve(workerData as Task);
