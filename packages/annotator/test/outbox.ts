/** An outbox on a server in memory, for the tests of both. */
import type { Action, ActionAnswer, HistoryEvent, ImageDetail } from 'adclick/api';
import { expect } from 'vitest';
import { Refusal, StaleWrite, Unreachable, type WithoutMask } from '../src/api/client.ts';
import {
  Outbox,
  type OutboxListener,
  type OutboxServer,
  type Pending,
  type Saving,
  type Shelf,
} from '../src/state/outbox.ts';

export const clickAt = (x: number): Action => ({ kind: 'click', type: 1, click: { x, y: 0, positive: true } });

/** A server in memory that keeps the contract: a stale base is refused, every event is kept. */
export class FakeServer implements OutboxServer {
  readonly events: HistoryEvent[] = [];
  /** Before the event is stored. */
  down = false;
  /** The event is stored, its answer is lost. */
  loseAnswers = 0;
  refuse: string | null = null;
  delay: Promise<void> = Promise.resolve();

  get version() {
    return this.events.length;
  }

  detail(): ImageDetail {
    return { id: 1, version: this.version } as ImageDetail;
  }

  store(action: Action, author: string) {
    this.events.push({ version: this.version + 1, author, time: '', action, active: true });
  }

  async act(_image: number, base: number, action: Action): Promise<ActionAnswer> {
    await this.delay;
    if (this.down) throw new Unreachable('down');
    if (action.kind === this.refuse) throw new Refusal(422, 'ADC_REQUEST', 'no', 'do something else');
    if (base !== this.version) throw new StaleWrite();
    this.store(action, 'me');
    if (this.loseAnswers-- > 0) throw new Unreachable('cut');
    return { version: this.version } as ActionAnswer;
  }

  async image() {
    return this.detail();
  }

  async history() {
    if (this.down) throw new Unreachable('down');
    return this.events;
  }
}

export function makeShelf(text = ''): Shelf & { text: string } {
  return {
    text,
    read() {
      return this.text;
    },
    write(next) {
      this.text = next;
    },
  };
}

export const millisecond = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

export function setUp(server = new FakeServer(), shelf = makeShelf(), rest = millisecond) {
  const saved: Pending[] = [];
  const conflicts: { current: ImageDetail; waiting: readonly Pending[] }[] = [];
  const refused: Refusal[] = [];
  const maskless: WithoutMask[] = [];
  const takenBack: number[] = [];
  const states: Saving[] = [];
  const listener: OutboxListener = {
    onSaved: (item) => saved.push(item),
    onConflict: (_, current, waiting) => conflicts.push({ current, waiting }),
    onRefused: (_, error) => refused.push(error),
    onWithoutMask: (_, error) => maskless.push(error),
    onTakenBack: (image) => takenBack.push(image),
    onState: (saving) => states.push(saving),
  };
  const outbox = new Outbox(server, shelf, listener, rest);
  return { server, shelf, saved, conflicts, refused, maskless, takenBack, states, outbox };
}

/** Until the outbox is empty or nothing happens any more. */
export async function settle(outbox: Outbox, waiting = 0) {
  for (let i = 0; i < 200 && outbox.waiting !== waiting; i++) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(outbox.waiting).toBe(waiting);
}
