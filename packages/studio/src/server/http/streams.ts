/** Streams of events to open pages: how many there may be, and that each ends with the right to listen. */
import type { ServerResponse } from 'node:http';
import type { ServerEvent } from '../../api.ts';
import { fail } from '../../errors.ts';

/** Streams at once of one user, who may have as many tabs, and of all together. */
const MOST = { user: 64, all: 512 } as const;
/** Keeps proxies and browsers from taking a silent stream for a dead one, and bounds how long one outlives its session. */
const HEARTBEAT_MS = 15_000;
/** Milliseconds for what a stream that is ended still has to send. */
const LAST_WORDS_MS = 5_000;
/** Bytes that a page may be behind before its stream is ended; it opens a new one and reads what stands. */
const BACKLOG = 1024 * 1024;

export interface StreamsOptions {
  /** Milliseconds between two heartbeats. */
  readonly heartbeat?: number | undefined;
}

/** Who listens. */
export interface Audience {
  readonly user: string;
  /** Whether who began to listen may still do so. */
  isAdmitted(): Promise<boolean>;
}

interface Stream extends Audience {
  readonly raw: ServerResponse;
}

export class Streams {
  private readonly open = new Set<Stream>();
  private readonly timer: NodeJS.Timeout;

  constructor({ heartbeat = HEARTBEAT_MS }: StreamsOptions = {}) {
    this.timer = setInterval(() => this.beat(), heartbeat);
    this.timer.unref();
  }

  /** @throws ADC_STREAMS when there are too many. */
  expectRoom(user: string): void {
    const own = [...this.open].filter((stream) => stream.user === user).length;
    const limit = own >= MOST.user ? MOST.user : this.open.size >= MOST.all ? MOST.all : undefined;
    if (limit !== undefined) throw fail('ADC_STREAMS', { limit });
  }

  /** Begins a stream on an answer whose head has been sent. */
  add(audience: Audience, raw: ServerResponse): void {
    if (raw.destroyed) return;
    const stream = { ...audience, raw };
    this.open.add(stream);
    raw.on('close', () => this.open.delete(stream));
    raw.on('error', () => raw.destroy());
    raw.write('retry: 1000\n\n');
  }

  tell(event: ServerEvent): void {
    this.sendAll(`event: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  /** Ends streams of those who may no longer listen. @param user looks at theirs alone. */
  async review(user?: string): Promise<void> {
    const some = [...this.open].filter((stream) => user === undefined || stream.user === user);
    await Promise.all(
      some.map(async (stream) => {
        const { raw, isAdmitted } = stream;
        // A database that is busy for a moment ends nobody's stream.
        if (await isAdmitted().catch(() => true)) return;
        this.open.delete(stream);
        raw.end();
        // Whoever reads no more would keep it for ever.
        setTimeout(() => raw.destroy(), LAST_WORDS_MS).unref();
      }),
    );
  }

  /** Ends all streams. */
  close(): void {
    clearInterval(this.timer);
    for (const { raw } of this.open) raw.end();
  }

  private beat(): void {
    this.sendAll(': still here\n\n');
    void this.review();
  }

  private sendAll(text: string): void {
    for (const { raw } of this.open) {
      if (raw.writableLength > BACKLOG) raw.destroy();
      else raw.write(text);
    }
  }
}
