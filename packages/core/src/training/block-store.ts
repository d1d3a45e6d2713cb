/** Blocks of training items on disk, made ahead of the trainer by a worker thread and reused when a run resumes. */
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import { parentWire, Remote, Runtime, serveCalls, startThread, threadData } from '@adclick/ortgrad';
import { fail } from '../errors.ts';
import { writeFileAtomic } from '../files.ts';
import { TextModel } from '../language/text-encoder.ts';
import { type BlockSettings, makeBlock } from './blocks.ts';
import { type ItemKind, writeItem } from './item.ts';

/** Blocks that the worker makes beyond those asked for. */
const AHEAD = 3;

/** What is known of a block. */
interface Marker {
  readonly items: number;
  /** In the items' order; absent in blocks of older versions. */
  readonly kinds?: readonly ItemKind[];
}

interface Task {
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
  language: TextModel | undefined,
  pause: () => Promise<void>,
): Promise<void> {
  if (existsSync(markerPath(directory, block))) return;
  const items = await makeBlock(block, settings, runtime, language, pause);
  for (const [i, item] of items.entries()) await writeItem(itemPath(directory, block, i), item);
  const marker: Marker = { items: items.length, kinds: items.map(({ kind }) => kind) };
  await writeFileAtomic(markerPath(directory, block), Buffer.from(JSON.stringify(marker)));
}

interface BlockCalls {
  /** Waits until blocks 0 … count-1 are whole; some more are made meanwhile. */
  make: { request: { readonly count: number }; answer: null };
}

/** The worker's side: makes blocks in order, some beyond those that were asked for. */
class BlockMaker {
  private made = 0;
  private horizon = 0;
  private stopping = false;
  private failure: unknown;
  private readonly runtime: Promise<Runtime>;
  private readonly ended: Promise<void>;
  /** Called whenever anything of the above has changed. */
  private readonly changed = new Set<() => void>();

  constructor(private readonly task: Task) {
    this.runtime = Runtime.start({ threads: task.threads });
    this.ended = this.work().catch((error) => {
      this.failure = error;
      this.tell();
    });
  }

  async make(count: number, signal: AbortSignal): Promise<null> {
    this.horizon = Math.max(this.horizon, count + AHEAD);
    this.tell();
    const tell = () => this.tell();
    signal.addEventListener('abort', tell);
    try {
      while (this.made < count) {
        signal.throwIfAborted();
        if (this.failure) throw this.failure;
        await this.change();
      }
    } finally {
      signal.removeEventListener('abort', tell);
    }
    return null;
  }

  /** Gives up the block under way and waits until nothing runs. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.tell();
    // Refuses what the block under way asks for next; a runtime that never started has failed its callers already.
    await this.runtime.then(
      (runtime) => runtime.stop(),
      () => undefined,
    );
    await this.ended;
  }

  private async work(): Promise<void> {
    const runtime = await this.runtime;
    const { published, textEncoder: encoder } = this.task.settings;
    const language = published ? undefined : await TextModel.load({ runtime, encoder });
    /** Lets calls in, which do not come while pictures are drawn. */
    const pause = async () => {
      await immediate();
      if (this.stopping) throw new Error('stopped');
    };
    while (!this.stopping) {
      if (this.made >= this.horizon) {
        await this.change();
        continue;
      }
      await produce(this.task, this.made, runtime, language, pause);
      this.made++;
      this.tell();
    }
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.changed.add(resolve));
  }

  private tell(): void {
    const waiting = [...this.changed];
    this.changed.clear();
    for (const wake of waiting) wake();
  }
}

/** The trainer's side of the store. */
export class BlockStore {
  private readonly markers = new Map<number, Marker>();

  private constructor(
    private readonly directory: string,
    private readonly remote: Remote<BlockCalls>,
  ) {}

  /** Starts the worker that fills `directory`. @param threads cores the worker's features and matches may use. */
  static async start(directory: string, settings: BlockSettings, threads = 1): Promise<BlockStore> {
    await mkdir(directory, { recursive: true });
    const task: Task = { directory, settings, threads };
    const lost = (what: string) => fail('ADC_RUNTIME', { provider: 'the worker that makes training items', what });
    return new BlockStore(directory, new Remote(startThread(import.meta.url, { adclickBlocks: task }), lost));
  }

  /** Waits until blocks 0 … count-1 are whole. Throws what the worker failed with, or the signal's reason. */
  async ready(count: number, signal?: AbortSignal): Promise<void> {
    await this.remote.call('make', { count }, { signal });
  }

  /** Paths of a whole block's items. @param kind of those alone. */
  async items(block: number, kind?: ItemKind): Promise<string[]> {
    const marker =
      this.markers.get(block) ?? (JSON.parse(await readFile(markerPath(this.directory, block), 'utf8')) as Marker);
    this.markers.set(block, marker);
    const { items, kinds = [] } = marker;
    const paths = Array.from({ length: items }, (_, i) => itemPath(this.directory, block, i));
    return kind === undefined ? paths : paths.filter((_, i) => (kinds[i] ?? 'simulated') === kind);
  }

  /** Stops the worker; whole blocks stay for the next run. */
  async close(): Promise<void> {
    await this.remote.close();
  }
}

const { adclickBlocks } = (threadData() ?? {}) as { readonly adclickBlocks?: Task };
if (adclickBlocks) {
  const maker = new BlockMaker(adclickBlocks);
  serveCalls<BlockCalls>(
    parentWire(),
    { make: ({ count }, { signal }) => maker.make(count, signal) },
    { onClose: () => maker.stop() },
  );
}
