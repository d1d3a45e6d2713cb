/**
 * Where runs of the click model happen. One run at a time gets every core, which is quickest for one person; a core each gives more
 * runs a second. So one that is alone runs on the main runtime, and several run side by side on lanes of a few threads.
 */
import { availableParallelism } from 'node:os';
import { Runtime } from '@adclick/ortgrad';

/** Lanes at most: more would be kept busy by more people than label with one computer. */
const MOST = 4;

interface Waiting {
  start(runtime: Runtime): void;
}

/** Runs that share one computer, first come, first served. */
export class Lanes {
  private readonly queue: Waiting[] = [];
  private readonly free: Runtime[] = [];
  private readonly opened: Runtime[] = [];
  private opening: Promise<void> | undefined;
  private stopped = false;
  private mainBusy = false;
  private inLanes = 0;

  /**
   * @param main runs what is alone. @param threads that all lanes share, the main runtime's own by default; lanes are started when
   *   two runs first want to happen at once.
   */
  constructor(
    readonly main: Runtime,
    private readonly threads: number = availableParallelism(),
  ) {}

  /** Does `work` with a runtime that nothing else uses meanwhile. @throws what `work` throws. */
  run<Result>(work: (runtime: Runtime) => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.queue.push({
        start: (runtime) => {
          const done = () => this.leave(runtime);
          work(runtime).finally(done).then(resolve, reject);
        },
      });
      this.next(false);
    });
  }

  /** Waits for lanes that are being started. */
  async ready(): Promise<void> {
    await this.opening;
  }

  /** Ends the lanes; the main runtime is the caller's. */
  async close(): Promise<void> {
    await this.ready();
    this.free.length = 0;
    for (const lane of this.opened.splice(0)) await lane.close();
  }

  /** Ends the lanes and the main runtime as soon as what runs on them allows; runs that wait are refused. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.ready();
    await Promise.all([this.main, ...this.opened].map((runtime) => runtime.stop()));
  }

  private next(waited: boolean): void {
    while (this.queue.length > 0 && !this.mainBusy) {
      // What had to wait is not alone: others will come while it runs.
      const lane = waited || this.inLanes > 0 ? this.take() : undefined;
      if (lane) {
        this.inLanes++;
        this.queue.shift()?.start(lane);
      } else if (this.inLanes === 0) {
        this.mainBusy = true;
        this.queue.shift()?.start(this.main);
      } else break;
    }
    if (this.queue.length > 0) this.open();
  }

  private leave(runtime: Runtime): void {
    if (runtime === this.main) this.mainBusy = false;
    else {
      this.inLanes--;
      this.free.push(runtime);
    }
    this.next(true);
  }

  /** A free lane. Those whose worker has failed are forgotten; when none is left, lanes are started anew. */
  private take(): Runtime | undefined {
    const lane = this.free.shift();
    if (!lane || lane.alive) return lane;
    this.opened.splice(this.opened.indexOf(lane), 1);
    if (this.opened.length === 0) this.opening = undefined;
    return this.take();
  }

  /** Starts the lanes, once; until they are there, and where they cannot be had, everything runs on the main runtime. */
  private open(): void {
    const count = Math.min(MOST, this.threads);
    if (count < 2 || this.stopped) return;
    if (this.opening) return;
    const missing = Array.from({ length: count - this.opened.length }, async () => {
      const lane = await Runtime.start({
        provider: this.main.provider,
        threads: Math.floor(this.threads / count),
      });
      this.opened.push(lane);
      this.free.push(lane);
    });
    this.opening = Promise.allSettled(missing).then((started) => {
      if (started.every(({ status }) => status === 'fulfilled')) this.next(true);
      // What waits goes on with what there is; whoever has to wait next has the missing ones started again.
      else this.opening = undefined;
    });
  }
}
