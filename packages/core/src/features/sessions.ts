/** A few compiled models, by key: the oldest unused one makes room for a new one. */
import type { Session } from '@adclick/ortgrad';

interface Entry {
  readonly session: Promise<Session>;
  users: number;
}

/** Sessions that are loaded on first use and released when more than `limit` are idle. */
export class SessionCache {
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly limit = 8) {}

  /** Runs `work` with the session of a key, loading it on first use; it is not released meanwhile. */
  async use<Result>(
    key: string,
    load: () => Promise<Session>,
    work: (session: Session) => Promise<Result>,
  ): Promise<Result> {
    const entry = this.entries.get(key) ?? this.enter(key, load());
    this.entries.delete(key);
    this.entries.set(key, entry);
    entry.users++;
    try {
      return await work(await entry.session);
    } finally {
      entry.users--;
      await this.trim();
    }
  }

  /** One that cannot be loaded leaves, so that the next who asks tries again. */
  private enter(key: string, session: Promise<Session>): Entry {
    const entry = { session, users: 0 };
    session.catch(() => {
      if (this.entries.get(key) === entry) this.entries.delete(key);
    });
    return entry;
  }

  /** Releases every session; none may be in use. */
  async clear(): Promise<void> {
    const entries = [...this.entries.values()];
    this.entries.clear();
    for (const { session } of entries) await (await session).release();
  }

  private async trim(): Promise<void> {
    for (const [key, entry] of this.entries) {
      if (this.entries.size <= this.limit) return;
      if (entry.users > 0) continue;
      this.entries.delete(key);
      await (await entry.session).release();
    }
  }
}
