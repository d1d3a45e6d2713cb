/**
 * Actions on their way to the server: in order, one at a time, kept on this computer until the server has them on disk. A killed server or
 * a closed tab loses nothing; an action whose answer was lost is not done twice. What keeps the actions of one image from being done for now
 * holds back those of that image alone.
 */
import {
  type Action,
  type ActionAnswer,
  action as actionSchema,
  type HistoryEvent,
  type ImageDetail,
} from 'adclick/api';
import { z } from 'zod';
import { type Owner, Refusal, StaleWrite, Unreachable, WithoutMask, wordsOf } from '../api/client.ts';
import { replaces, takenBack, Undos } from './taken-back.ts';

const pendingSchema = z.object({
  key: z.string(),
  image: z.int().min(1),
  action: actionSchema,
  /** Version of the image when the action was made. */
  base: z.int().min(0),
  /** Sent at least once without an answer: it may be on the server already. */
  tried: z.boolean(),
  /** Whose it is, and of which project: it is sent for nobody else. Absent in what pages before 0.2 kept. */
  owner: z.object({ user: z.string(), project: z.string() }).optional(),
  /** Why the server will never take it, in its words: it is set aside, and goes only when its author says so. */
  refusal: z.string().optional(),
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
  /** `offline`: no answer. `stuck`: the server answers, and cannot take it now. `login`: it asks who is there. */
  readonly state: 'saved' | 'saving' | 'offline' | 'stuck' | 'login';
  readonly waiting: number;
  /** False when there was no room to keep unsaved actions on this computer. */
  readonly kept: boolean;
  /** What the server said, for `stuck` and `login`. */
  readonly why?: string;
  /** Unsaved actions of others that are kept in this browser; absent where there are none. */
  readonly others?: readonly Kept[];
  /** Actions that the server will never take, oldest first; absent where there are none. */
  readonly refused?: readonly Pending[];
}

/** Unsaved actions that wait for somebody else, or for another project. */
export interface Kept {
  /** Whose; null where that is not known. */
  readonly user: string | null;
  /** Whether they were made on the project that is open. */
  readonly here: boolean;
  readonly count: number;
}

/** Calls that the outbox makes. */
export interface OutboxServer {
  act(image: number, base: number, action: Action, owner?: Owner): Promise<ActionAnswer>;
  history(image: number): Promise<HistoryEvent[]>;
  /** The image once the masks of its clicks are there. */
  image(image: number): Promise<ImageDetail>;
}

export interface OutboxListener {
  /** An action is on disk. `answer` is null when that was found out later, and `current` then is the image as it stands. */
  onSaved(item: Pending, answer: ActionAnswer | null, current: ImageDetail | null): void;
  /** The image has changed elsewhere; its actions wait for {@link Outbox.resolve}. */
  onConflict(image: number, current: ImageDetail, waiting: readonly Pending[]): void;
  /** The server will never take this action; it is set aside, and the others go on. */
  onRefused(item: Pending, error: Refusal): void;
  /** An action is on disk, and its mask could not be computed. */
  onWithoutMask(item: Pending, error: WithoutMask): void;
  /** Actions of the image that cannot be done for now are let go of, since others that wait take them back. */
  onTakenBack(image: number): void;
  onState(saving: Saving): void;
}

/** Milliseconds between attempts while the server does not answer. */
const RETRY = { first: 300, most: 4000 } as const;

/** Refusals that are about who asks, when or where, and not about the action, which waits. */
const WAITS = {
  statuses: new Set([401, 407, 408, 409, 425, 429]),
  codes: new Set(['ADC_FOREIGN', 'ADC_OTHER_PROJECT']),
} as const;

/** Whether a refusal is about the action. One without a code is no word of the server but of a proxy, unless it is about size. */
const isAboutIt = ({ status, code }: Refusal): boolean =>
  status >= 400 &&
  status < 500 &&
  !WAITS.statuses.has(status) &&
  !WAITS.codes.has(code) &&
  (code.startsWith('ADC_') || status === 413);

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
  /** Whether the rest that goes on is only about what is held back. */
  private idle = false;
  private state: Saving['state'] = 'saved';
  private why: string | undefined;
  private owner: Owner | null = null;
  /** What this browser keeps of others; nothing of it is shown or sent. */
  private aside: Pending[];
  /** Images whose actions cannot be done for now, with the reason; the one that has waited longest comes first. */
  private readonly held = new Map<number, string>();
  private readonly undos = new Undos<Pending>();
  /** What the next action of an image takes back, and was let go of already. */
  private readonly forNext = new Map<number, readonly Pending[]>();
  /** Own actions that the server will never take, until their author has seen them. */
  private setAside: Pending[] = [];

  constructor(
    private readonly server: OutboxServer,
    private readonly shelf: Shelf,
    private readonly listener: OutboxListener,
    private readonly sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms)),
  ) {
    this.queue = [];
    // Whose it is is known once the server has said who we are.
    this.aside = readShelf(shelf);
  }

  /**
   * Begins to send what an earlier page of the same person left behind; what others left stays theirs.
   * @param user name under which the server knows us. @param project that is open, by its id.
   */
  start(user: string, project = ''): void {
    const owner = { user, project };
    this.owner = owner;
    for (const item of this.queue) item.owner ??= owner;
    const mine = (item: Pending) => item.owner?.user === user && item.owner.project === project;
    const own = this.aside.filter(mine);
    this.queue.unshift(...own.filter(({ refusal }) => refusal === undefined));
    this.setAside.push(...own.filter(({ refusal }) => refusal !== undefined));
    this.aside = this.aside.filter((item) => !mine(item));
    this.changed();
    this.kick();
  }

  /** Takes over what pages before 0.2 kept without a name, when the person says that it is theirs. */
  claim(): void {
    const nameless = this.aside.filter(({ owner }) => !owner);
    this.aside = this.aside.filter(({ owner }) => owner);
    this.queue.push(...nameless.map((item) => ({ ...item, owner: this.owner ?? undefined })));
    this.changed();
    this.kick();
  }

  /** Takes over actions that another, closed page left. */
  adopt(text: string): void {
    this.aside.push(...parsePending(text).map((item) => ({ ...item, tried: true })));
    if (this.owner) this.start(this.owner.user, this.owner.project);
    else this.changed();
  }

  /** The version that the page has seen; the next action is based on it. An answer that comes late does not turn it back. */
  setVersion(image: number, version: number): void {
    const before = this.versions.get(image) ?? 0;
    if (version > before) this.undos.forget(image);
    this.versions.set(image, Math.max(version, before));
  }

  /** Actions of an image that are not acknowledged, oldest first. */
  pendingOf(image: number): readonly Pending[] {
    return [...(this.parked.get(image) ?? []), ...this.queue.filter((item) => item.image === image)];
  }

  get waiting(): number {
    return this.queue.length + [...this.parked.values()].reduce((sum, items) => sum + items.length, 0);
  }

  /** Adds an action; it is kept on this computer before this returns. Behind an undo waits again what was taken back by what it undoes. */
  add(image: number, action: Action): void {
    const parked = this.parked.get(image);
    const again = action.kind === 'undo' ? this.undos.waitsAgain(image, this.pendingOf(image)) : [];
    const item: Pending = {
      key: `${Date.now().toString(36)}-${this.counter++}`,
      image,
      action,
      base: this.versions.get(image) ?? 0,
      tried: false,
      owner: this.owner ?? undefined,
    };
    this.undos.note(item, this.forNext.get(image) ?? []);
    this.forNext.delete(image);
    if (parked) parked.push(item, ...again);
    else {
      const last = this.queue.findLast((other) => other.image === image);
      if (last && last !== this.inFlight && !last.tried && replaces(action, last.action)) last.action = action;
      else this.queue.push(item, ...again);
    }
    this.changed();
    this.kick();
  }

  /**
   * Lets go of actions that are held back and that another one takes back: they are on no server. An undo is done by that, and what was
   * taken back by what it undoes waits again; any other is to be added then.
   * @returns whether there were any.
   */
  letGo(image: number, by: Action): boolean {
    if (!this.held.has(image)) return false;
    const own = this.queue.filter((item) => item.image === image);
    const waiting = own.filter((item) => item !== this.inFlight);
    const gone = takenBack(waiting, by);
    if (gone.length === 0) return false;
    // What is left was not refused: its turn comes now.
    if (gone.includes(own[0])) this.held.delete(image);
    for (const item of gone) this.remove(item);
    if (by.kind === 'undo') this.queue.push(...this.undos.takenBy(gone[0]));
    else this.forNext.set(image, gone);
    this.changed();
    this.kick();
    return true;
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
      owner: this.owner ?? undefined,
    }));
    this.queue.unshift(...items);
    this.changed();
    this.kick();
  }

  /** Lets go of an action that was set aside. */
  discard(key: string): void {
    this.setAside = this.setAside.filter((item) => item.key !== key);
    this.changed();
  }

  /** Sends an action once more that was set aside, after everything else that waits. */
  again(key: string): void {
    const item = this.setAside.find((other) => other.key === key);
    if (!item) return;
    this.setAside = this.setAside.filter((other) => other !== item);
    this.queue.push({ ...item, refusal: undefined });
    this.changed();
    this.kick();
  }

  /** Tries everything again at once: the connection is back, someone has logged in, or what held actions back is mended. */
  wake(): void {
    this.held.clear();
    this.wakeUp?.();
    this.kick();
  }

  /** Begins to send; a rest that is only about what is held back ends when there is something else. */
  private kick(): void {
    if (this.running) {
      if (this.idle && this.nextFree()) this.wakeUp?.();
    } else if (this.owner !== null && this.queue.length > 0) void this.drain();
  }

  /** The first that is not held back. */
  private nextFree(): Pending | undefined {
    return this.queue.find(({ image }) => !this.held.has(image));
  }

  private changed(): void {
    const all = [...[...this.parked.values()].flat(), ...this.queue, ...this.setAside, ...this.aside];
    try {
      this.shelf.write(all.length > 0 ? JSON.stringify(all) : '');
      this.kept = true;
    } catch {
      this.kept = false;
    }
    for (const image of this.held.keys()) if (!this.queue.some((item) => item.image === image)) this.held.delete(image);
    if (this.waiting === 0) this.state = 'saved';
    else if (this.state === 'saved') this.state = 'saving';
    this.tell();
  }

  private tell(): void {
    const { state, waiting, kept, why, owner } = this;
    // Before it is known who is there, nothing is anybody else's.
    const others = owner && this.aside.length > 0 ? { others: keptOf(this.aside, owner.project) } : {};
    const reason = why !== undefined && (state === 'stuck' || state === 'login') ? { why } : {};
    const refused = this.setAside.length > 0 ? { refused: [...this.setAside] } : {};
    this.listener.onState({ state, waiting, kept, ...reason, ...others, ...refused });
  }

  private async drain(): Promise<void> {
    this.running = true;
    let wait: number = RETRY.first;
    // While nothing comes through, the reason for that is told, and each attempt has had its rest.
    let obstructed = false;
    while (this.queue.length > 0) {
      if (!obstructed && !this.nextFree()) {
        this.tellHeld();
        this.idle = true;
        await this.rest(wait);
        this.idle = false;
        wait = Math.min(wait * 2, RETRY.most);
      }
      // Of all that is held back one is tried, unless there is something else now.
      const [longest] = this.held.keys();
      const item = this.nextFree() ?? this.queue.find(({ image }) => image === longest);
      if (!item) continue;
      this.inFlight = item;
      try {
        if (await this.send(item)) {
          wait = RETRY.first;
          // What held it back has passed, for others too perhaps.
          if (this.held.has(item.image)) this.held.clear();
        }
        obstructed = false;
        this.state = 'saving';
      } catch (error) {
        obstructed = true;
        const { state, why, tried } = obstacleOf(error);
        item.tried = item.tried || tried;
        // It may have arrived: what takes it back has to follow it.
        if (tried) this.held.delete(item.image);
        this.state = state;
        this.why = why;
        this.inFlight = null;
        this.changed();
        await this.rest(wait);
        wait = Math.min(wait * 2, RETRY.most);
        continue;
      }
      this.inFlight = null;
      this.changed();
    }
    this.running = false;
  }

  /** Says why everything that waits is held back. */
  private tellHeld(): void {
    this.state = 'stuck';
    this.why = [...new Set(this.held.values())].join(' ');
    this.tell();
  }

  private async rest(ms: number): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.wakeUp = resolve;
    });
    await Promise.race([this.sleep(ms), woken]);
  }

  /** @returns false where the action is held back. @throws what keeps every action from being sent. */
  private async send(item: Pending): Promise<boolean> {
    const base = this.versions.get(item.image) ?? item.base;
    try {
      let answer: ActionAnswer;
      try {
        answer = await this.server.act(item.image, base, item.action, item.owner);
      } catch (error) {
        if (!(error instanceof StaleWrite)) throw error;
        await this.reconcile(item, base);
        return true;
      }
      this.versions.set(item.image, answer.version);
      this.arrived(item);
      this.listener.onSaved(item, answer, null);
    } catch (error) {
      if (error instanceof WithoutMask) {
        this.versions.set(item.image, error.version);
        this.arrived(item);
        this.listener.onWithoutMask(item, error);
        return true;
      }
      if (!(error instanceof Refusal && isAboutIt(error))) throw error;
      if (error.passing) {
        // Last to be held back, last in line to be tried.
        this.held.delete(item.image);
        this.takeBack(item.image);
        if (this.queue.includes(item)) this.held.set(item.image, wordsOf(error));
        return false;
      }
      this.remove(item);
      this.setAside.push({ ...item, refusal: wordsOf(error) });
      this.listener.onRefused(item, error);
    }
    return true;
  }

  /** The server is ahead: by our own actions whose answers were lost, or by somebody else's. */
  private async reconcile(item: Pending, base: number): Promise<void> {
    const current = await this.server.image(item.image);
    const events = (await this.server.history(item.image)).filter(({ version }) => version > base);
    const ours = this.queue.filter(({ image }) => image === item.image);
    const isOurs = (event: HistoryEvent, i: number) =>
      ours[i]?.tried === true && event.author === this.owner?.user && same(event.action, ours[i].action);
    if (events.length > 0 && events.length <= ours.length && events.every(isOurs)) {
      this.versions.set(item.image, current.version);
      for (const [i] of events.entries()) {
        this.arrived(ours[i]);
        this.listener.onSaved(ours[i], null, i === events.length - 1 ? current : null);
      }
      return;
    }
    this.queue = this.queue.filter(({ image }) => image !== item.image);
    this.parked.set(item.image, ours);
    this.undos.forget(item.image);
    this.listener.onConflict(item.image, current, ours);
  }

  /** Lets go of what others that wait take back: nothing of an image that is held back is on the server. */
  private takeBack(image: number): void {
    const waiting = this.queue.filter((item) => item.image === image);
    const left = this.undos.standing(waiting);
    if (left.length === waiting.length) return;
    this.queue = this.queue.filter((item) => item.image !== image || left.includes(item));
    this.listener.onTakenBack(image);
  }

  private arrived(item: Pending): void {
    this.remove(item);
    this.undos.arrived(item);
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

/** How an attempt that failed is told, and whether the action may have arrived all the same. */
function obstacleOf(error: unknown): { state: Saving['state']; why?: string; tried: boolean } {
  if (error instanceof Unreachable)
    return error.said === null ? { state: 'offline', tried: true } : { state: 'stuck', why: error.said, tried: true };
  if (error instanceof Refusal)
    return { state: error.status === 401 ? 'login' : 'stuck', why: `${error.message}. ${error.next}`, tried: false };
  // An answer that this page does not understand, such as one of a newer server.
  return { state: 'stuck', why: 'The page did not understand its answer. Reload the page.', tried: true };
}

/** What is kept of whom. */
function keptOf(items: readonly Pending[], project: string): Kept[] {
  const counts = new Map<string, Kept>();
  for (const { owner } of items) {
    const kept = { user: owner?.user ?? null, here: owner ? owner.project === project : true };
    const key = JSON.stringify(kept);
    counts.set(key, { ...kept, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()];
}
