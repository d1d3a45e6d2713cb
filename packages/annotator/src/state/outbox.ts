/**
 * Actions on their way to the server: in order, one at a time, kept on this computer until the server has them on disk. A killed server or
 * a closed tab loses nothing; an action whose answer was lost is not done twice.
 */
import {
  type Action,
  type ActionAnswer,
  action as actionSchema,
  type HistoryEvent,
  type ImageDetail,
} from 'adclick/api';
import { z } from 'zod';
import { Refusal, StaleWrite, Unreachable } from '../api/client.ts';

const pendingSchema = z.object({
  key: z.string(),
  image: z.int().min(1),
  action: actionSchema,
  /** Version of the image when the action was made. */
  base: z.int().min(0),
  /** Sent at least once without an answer: it may be on the server already. */
  tried: z.boolean(),
});

/** An action that the server has not acknowledged. */
export type Pending = z.infer<typeof pendingSchema>;

/** Where unsaved actions are kept; `localStorage` in the page. */
export interface Shelf {
  read(): string | null;
  /** @throws when there is no room. */
  write(text: string): void;
}

/** What the status line says. */
export interface Saving {
  readonly state: 'saved' | 'saving' | 'offline' | 'login';
  readonly waiting: number;
  /** False when there was no room to keep unsaved actions on this computer. */
  readonly kept: boolean;
}

/** Calls that the outbox makes. */
export interface OutboxServer {
  act(image: number, base: number, action: Action): Promise<ActionAnswer>;
  history(image: number): Promise<HistoryEvent[]>;
  /** The image once the masks of its clicks are there. */
  image(image: number): Promise<ImageDetail>;
}

export interface OutboxListener {
  /** An action is on disk. `answer` is null when that was found out later, and `current` then is the image as it stands. */
  onSaved(item: Pending, answer: ActionAnswer | null, current: ImageDetail | null): void;
  /** The image has changed elsewhere; its actions wait for {@link Outbox.resolve}. */
  onConflict(image: number, current: ImageDetail, waiting: readonly Pending[]): void;
  /** The server will never take this action. */
  onRefused(item: Pending, error: Refusal): void;
  onState(saving: Saving): void;
}

/** Milliseconds between attempts while the server does not answer. */
const RETRY = { first: 300, most: 4000 } as const;

/** True when the newer action makes an older one that still waits needless. */
function replaces(newer: Action, older: Action): boolean {
  if (newer.kind === 'threshold') return older.kind === 'threshold';
  return newer.kind === 'moveClick' && older.kind === 'moveClick' && newer.index === older.index;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

/** Objects with their keys in order, so that two of them can be compared as text. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

export class Outbox {
  private queue: Pending[];
  private readonly parked = new Map<number, Pending[]>();
  private readonly versions = new Map<number, number>();
  private inFlight: Pending | null = null;
  private running = false;
  private kept = true;
  private counter = 0;
  private wakeUp: (() => void) | null = null;
  private state: Saving['state'] = 'saved';
  private user = '';

  constructor(
    private readonly server: OutboxServer,
    private readonly shelf: Shelf,
    private readonly listener: OutboxListener,
    private readonly sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms)),
  ) {
    this.queue = readShelf(shelf);
  }

  /** Begins to send what an earlier page left behind. @param user name under which the server knows us. */
  start(user: string): void {
    this.user = user;
    this.kick();
  }

  /** Takes over actions that another, closed page left. */
  adopt(text: string): void {
    this.queue.push(...parsePending(text).map((item) => ({ ...item, tried: true })));
    this.changed();
    this.kick();
  }

  /** The version that the page has seen; the next action is based on it. An answer that comes late does not turn it back. */
  setVersion(image: number, version: number): void {
    this.versions.set(image, Math.max(version, this.versions.get(image) ?? 0));
  }

  /** Actions of an image that are not acknowledged, oldest first. */
  pendingOf(image: number): readonly Pending[] {
    return [...(this.parked.get(image) ?? []), ...this.queue.filter((item) => item.image === image)];
  }

  get waiting(): number {
    return this.queue.length + [...this.parked.values()].reduce((sum, items) => sum + items.length, 0);
  }

  /** Adds an action; it is kept on this computer before this returns. */
  add(image: number, action: Action): void {
    const parked = this.parked.get(image);
    const item: Pending = {
      key: `${Date.now().toString(36)}-${this.counter++}`,
      image,
      action,
      base: this.versions.get(image) ?? 0,
      tried: false,
    };
    if (parked) parked.push(item);
    else {
      const last = this.queue.findLast((other) => other.image === image);
      if (last && last !== this.inFlight && !last.tried && replaces(action, last.action)) last.action = action;
      else this.queue.push(item);
    }
    this.changed();
    this.kick();
  }

  /** After a conflict: these actions, on top of that version, in place of those that waited. */
  resolve(image: number, version: number, actions: readonly Action[]): void {
    this.parked.delete(image);
    this.versions.set(image, version);
    const items = actions.map((action) => ({
      key: `${Date.now().toString(36)}-${this.counter++}`,
      image,
      action,
      base: version,
      tried: false,
    }));
    this.queue.unshift(...items);
    this.changed();
    this.kick();
  }

  /** Tries again at once: the connection is back, or someone has logged in. */
  wake(): void {
    this.wakeUp?.();
    this.kick();
  }

  private kick(): void {
    if (!this.running && this.user !== '' && this.queue.length > 0) void this.drain();
  }

  private changed(): void {
    const all = [...[...this.parked.values()].flat(), ...this.queue];
    try {
      this.shelf.write(all.length > 0 ? JSON.stringify(all) : '');
      this.kept = true;
    } catch {
      this.kept = false;
    }
    if (this.waiting === 0) this.state = 'saved';
    else if (this.state === 'saved') this.state = 'saving';
    this.listener.onState({ state: this.state, waiting: this.waiting, kept: this.kept });
  }

  private async drain(): Promise<void> {
    this.running = true;
    let wait: number = RETRY.first;
    while (this.queue.length > 0) {
      const item = this.queue[0];
      this.inFlight = item;
      try {
        await this.send(item);
        wait = RETRY.first;
        this.state = 'saving';
      } catch (error) {
        if (!(error instanceof Unreachable) && !(error instanceof Refusal && error.status === 401)) {
          // Nothing else can be thrown but by a fault of the page; keeping the action and going on trying would hide it.
          this.running = false;
          throw error;
        }
        item.tried = item.tried || error instanceof Unreachable;
        this.state = error instanceof Unreachable ? 'offline' : 'login';
        this.inFlight = null;
        this.changed();
        await Promise.race([
          this.sleep(wait),
          new Promise<void>((resolve) => {
            this.wakeUp = resolve;
          }),
        ]);
        wait = Math.min(wait * 2, RETRY.most);
        continue;
      }
      this.inFlight = null;
      this.changed();
    }
    this.running = false;
  }

  private async send(item: Pending): Promise<void> {
    const base = this.versions.get(item.image) ?? item.base;
    try {
      const answer = await this.server.act(item.image, base, item.action);
      this.versions.set(item.image, answer.version);
      this.remove(item);
      this.listener.onSaved(item, answer, null);
    } catch (error) {
      if (error instanceof StaleWrite) return this.reconcile(item, base);
      if (error instanceof Refusal && error.status !== 401) {
        this.remove(item);
        this.listener.onRefused(item, error);
        return;
      }
      throw error;
    }
  }

  /** The server is ahead: by our own actions whose answers were lost, or by somebody else's. */
  private async reconcile(item: Pending, base: number): Promise<void> {
    const current = await this.server.image(item.image);
    const events = (await this.server.history(item.image)).filter(({ version }) => version > base);
    const ours = this.queue.filter(({ image }) => image === item.image);
    const isOurs = (event: HistoryEvent, i: number) =>
      ours[i]?.tried === true && event.author === this.user && same(event.action, ours[i].action);
    if (events.length > 0 && events.length <= ours.length && events.every(isOurs)) {
      this.versions.set(item.image, current.version);
      for (const [i] of events.entries()) {
        this.remove(ours[i]);
        this.listener.onSaved(ours[i], null, i === events.length - 1 ? current : null);
      }
      return;
    }
    this.queue = this.queue.filter(({ image }) => image !== item.image);
    this.parked.set(item.image, ours);
    this.listener.onConflict(item.image, current, ours);
  }

  private remove(item: Pending): void {
    this.queue = this.queue.filter((other) => other !== item);
  }
}

function parsePending(text: string): Pending[] {
  try {
    return z.array(pendingSchema).parse(JSON.parse(text));
  } catch {
    return [];
  }
}

/** What an earlier page left; each item may have been on its way when that page ended. */
function readShelf(shelf: Shelf): Pending[] {
  const text = shelf.read();
  return text ? parsePending(text).map((item) => ({ ...item, tried: true })) : [];
}
