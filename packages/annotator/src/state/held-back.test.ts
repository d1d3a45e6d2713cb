/** What the server cannot do for now: it waits, is tried again, and can be taken back. */
import type { Action, ActionAnswer } from 'adclick/api';
import { describe, expect, it, vi } from 'vitest';
import { clickAt, FakeServer, makeShelf, millisecond, settle, setUp } from '../../test/outbox.ts';
import { Refusal, StaleWrite, Unreachable } from '../api/client.ts';

const undo = { kind: 'undo' } as const;
const clear = { kind: 'clear' } as const;
const good = { kind: 'state', state: 'good' } as const;
const review = { kind: 'review', review: 'approved' } as const;
const paint: Action = { kind: 'paint', tool: 'brush', type: 1, add: null, remove: null };

const forever = (): Promise<void> => new Promise(() => {});

describe('what is held back', () => {
  const NONE = new Refusal(422, 'ADC_NO_NORMALS', 'No good pictures in good', 'Put some there.', true);

  /** An outbox with a server that does no clicks on image 1 for now. */
  function heldBack(...given: Parameters<typeof setUp>) {
    const parts = setUp(...given);
    const { outbox, server } = parts;
    const state = { broken: true, asked: 0, done: [] as [number, Action['kind']][] };
    server.act = async (image, base, action) => {
      if (image === 1 && action.kind === 'click') {
        state.asked++;
        if (state.broken) throw NONE;
      }
      state.done.push([image, action.kind]);
      return { version: base + 1 } as ActionAnswer;
    };
    for (const image of [1, 2, 3]) outbox.setVersion(image, 0);
    outbox.start('me');
    return { ...parts, state };
  }

  it('holds back what may be taken later, with what follows on that image, says why, and lets others pass', async () => {
    const { outbox, states, refused, shelf, state } = heldBack();
    outbox.add(1, clickAt(1));
    outbox.add(1, review);
    outbox.add(2, clickAt(2));
    await settle(outbox, 2);
    outbox.add(3, clickAt(3));
    await settle(outbox, 2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(state.done).toEqual([
      [2, 'click'],
      [3, 'click'],
    ]);
    expect(states.at(-1)).toMatchObject({
      state: 'stuck',
      waiting: 2,
      why: 'No good pictures in good. Put some there.',
    });
    expect(states.at(-1)?.refused).toBeUndefined();
    expect(JSON.parse(shelf.text)).toHaveLength(2);
    const { asked } = state;
    state.broken = false;
    await settle(outbox);
    // It was tried again by itself.
    expect(state.asked).toBeGreaterThan(asked);
    expect(state.done.slice(2)).toEqual([
      [1, 'click'],
      [1, 'review'],
    ]);
    expect(refused).toEqual([]);
    expect(states.at(-1)).toEqual({ state: 'saved', waiting: 0, kept: true });
  });

  it('rests between attempts at what is held back, also with many images', async () => {
    const { outbox, server } = setUp();
    let asked = 0;
    server.act = async () => {
      asked++;
      throw NONE;
    };
    outbox.start('me');
    for (let image = 1; image <= 50; image++) outbox.add(image, clickAt(1));
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(asked).toBeGreaterThanOrEqual(50);
    // One a millisecond at most, as the clock of these tests rests that long; never all at once again.
    expect(asked).toBeLessThan(100);
  });

  it('lets go of what is held back when it is taken back', async () => {
    const { outbox, state } = heldBack();
    for (const x of [1, 2]) outbox.add(1, clickAt(x));
    await vi.waitFor(() => expect(outbox.letGo(1, undo)).toBe(true));
    expect(outbox.pendingOf(1).map(({ action }) => action)).toEqual([clickAt(1)]);
    outbox.add(1, review);
    await vi.waitFor(() => expect(outbox.letGo(1, good)).toBe(true));
    outbox.add(1, good);
    await settle(outbox);
    expect(state.done).toEqual([
      [1, 'review'],
      [1, 'state'],
    ]);
    expect(outbox.letGo(1, undo)).toBe(false);
  });

  it.each([
    [
      'login',
      new Refusal(401, 'ADC_LOGIN', 'The session is not known', 'Log in.'),
      'The session is not known. Log in.',
    ],
    ['offline', new Unreachable('down'), undefined],
  ] as const)('goes on saying %s while something is held back, one rest an attempt', async (name, error, why) => {
    let rests = 0;
    const rest = () => {
      rests++;
      return millisecond();
    };
    const { outbox, server, states } = heldBack(new FakeServer(), makeShelf(), rest);
    outbox.add(1, clickAt(1));
    await vi.waitFor(() => expect(states.at(-1)?.state).toBe('stuck'));
    const held = server.act;
    let asked = 0;
    server.act = async () => {
      asked++;
      throw error;
    };
    await vi.waitFor(() => expect(states.at(-1)?.state).toBe(name));
    const [since, restsBefore, askedBefore] = [states.length, rests, asked];
    await vi.waitFor(() => expect(asked).toBeGreaterThan(askedBefore + 5));
    expect(states.slice(since).map((saving) => [saving.state, saving.why])).toEqual(
      states.slice(since).map(() => [name, why]),
    );
    expect(Math.abs(rests - restsBefore - (asked - askedBefore))).toBeLessThan(2);
    // Whoever is asked again answers: what is held back is told again.
    server.act = held;
    await vi.waitFor(() =>
      expect(states.at(-1)).toMatchObject({ state: 'stuck', why: 'No good pictures in good. Put some there.' }),
    );
  });

  it.each<[string, Action[], Action[]]>([
    ['an undo its click', [clickAt(1), undo], []],
    ['two undos two clicks', [clickAt(1), clickAt(2), undo, undo], []],
    ['an undo the newest alone', [clickAt(1), clickAt(2), undo], [clickAt(1)]],
    ['an undo between two clicks the first', [clickAt(1), undo, clickAt(2)], [clickAt(2)]],
    ['no undo what is done again', [clickAt(1), undo, { kind: 'redo' }], [clickAt(1), undo, { kind: 'redo' }]],
    ['no second undo the first', [clickAt(1), undo, undo], [undo]],
    ['the end of the mask all that made it', [clickAt(1), clickAt(2), clear], [clear]],
    ['what is undone itself nothing', [clickAt(1), paint, clear, undo], [clickAt(1), paint]],
    ['no defect that is undone nothing', [clickAt(1), good, undo], [clickAt(1)]],
    ['what is undone nothing, what it followed on all', [clickAt(1), clear, good, undo], [clear]],
  ])('lets take back what is refused for now: %s', async (_, actions, left) => {
    const { outbox, state, shelf, takenBack } = heldBack();
    for (const action of actions) outbox.add(1, action);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const held = left.some(({ kind }) => kind === 'click');
    expect(outbox.pendingOf(1).map(({ action }) => action)).toEqual(held ? left : []);
    expect(JSON.parse(shelf.text || '[]')).toHaveLength(outbox.waiting);
    expect(takenBack.length > 0).toBe(left.length < actions.length);
    state.broken = false;
    await settle(outbox);
    expect(state.done.map(([, kind]) => kind)).toEqual(left.map(({ kind }) => kind));
  });

  it.each<[string, boolean, boolean, Action[]]>([
    ['before the server has that', true, false, [clear]],
    ['once the server has that', true, true, [clear]],
    ['where it was refused after that', false, true, [clear]],
    ['with no defect', true, false, [good]],
    ['with one step more', true, true, [clear, good]],
  ])('waits again when what took it back is undone: %s', async (_, refused, saved, ends) => {
    const { outbox, states, shelf, state } = heldBack();
    const made = [clickAt(1), paint];
    for (const action of made) outbox.add(1, action);
    if (refused) await vi.waitFor(() => expect(states.at(-1)?.state).toBe('stuck'));
    for (const action of ends) {
      outbox.letGo(1, action);
      outbox.add(1, action);
    }
    if (saved) await settle(outbox);
    for (const _ of ends) if (!outbox.letGo(1, undo)) outbox.add(1, undo);
    await settle(outbox, made.length);
    expect(outbox.pendingOf(1).map(({ action }) => action)).toEqual(made);
    expect(JSON.parse(shelf.text)).toHaveLength(made.length);
    state.broken = false;
    await settle(outbox);
    expect(state.done.map(([, kind]) => kind)).toEqual([...ends, ...ends.map(() => undo), ...made].map((a) => a.kind));
  });

  it('waits again when what took it back is held back too, and undone', async () => {
    const { outbox, server, states } = heldBack();
    server.act = () => Promise.reject(NONE);
    for (const action of [review, clickAt(1)]) outbox.add(1, action);
    await vi.waitFor(() => expect(states.at(-1)?.state).toBe('stuck'));
    await vi.waitFor(() => expect(outbox.letGo(1, clear)).toBe(true));
    outbox.add(1, clear);
    expect(outbox.pendingOf(1).map(({ action }) => action)).toEqual([review, clear]);
    await vi.waitFor(() => expect(outbox.letGo(1, undo)).toBe(true));
    expect(outbox.pendingOf(1).map(({ action }) => action)).toEqual([review, clickAt(1)]);
  });

  it('does not wait again when an undo is for what somebody else has done since', async () => {
    const { outbox, states, state } = heldBack();
    outbox.add(1, clickAt(1));
    await vi.waitFor(() => expect(states.at(-1)?.state).toBe('stuck'));
    outbox.letGo(1, clear);
    outbox.add(1, clear);
    await settle(outbox);
    outbox.setVersion(1, 2);
    outbox.add(1, undo);
    expect(outbox.waiting).toBe(1);
    await settle(outbox);
    expect(state.done.map(([, kind]) => kind)).toEqual(['clear', 'undo']);
  });

  it('lets an undo take back none that waits', async () => {
    const { outbox, server, states } = setUp();
    server.act = async () => {
      throw NONE;
    };
    outbox.start('me');
    outbox.add(1, undo);
    await vi.waitFor(() => expect(states.at(-1)?.state).toBe('stuck'));
    expect(outbox.letGo(1, undo)).toBe(false);
    expect(outbox.pendingOf(1)).toHaveLength(1);
  });

  it('is not let go of when an attempt had no answer: it may have arrived', async () => {
    const { outbox, server, states } = heldBack();
    outbox.add(1, clickAt(1));
    await vi.waitFor(() => expect(states.at(-1)?.state).toBe('stuck'));
    server.act = async () => {
      server.store(clickAt(1), 'me');
      server.act = async () => {
        throw new Unreachable('down');
      };
      throw new Unreachable('cut');
    };
    await vi.waitFor(() => expect(states.at(-1)?.state).toBe('offline'));
    expect(outbox.letGo(1, undo)).toBe(false);
    expect(outbox.pendingOf(1)).toHaveLength(1);
  });

  it('leaves what remains to be sent at once when it is let go of', async () => {
    const { outbox, states, state } = heldBack(new FakeServer(), makeShelf(), forever);
    outbox.add(1, clickAt(1));
    outbox.add(1, review);
    await vi.waitFor(() => expect(states.at(-1)?.state).toBe('stuck'));
    expect(outbox.letGo(1, clear)).toBe(true);
    outbox.add(1, clear);
    await settle(outbox);
    expect(state.done).toEqual([
      [1, 'review'],
      [1, 'clear'],
    ]);
  });

  const kept = { key: 'k', image: 2, action: review, base: 0, tried: false };

  it.each<[string, Error | null, (parts: ReturnType<typeof setUp>) => void]>([
    ['what is done', null, ({ outbox }) => outbox.add(2, review)],
    ['what ends a conflict', new StaleWrite(), ({ outbox }) => outbox.resolve(2, 1, [review])],
    [
      'what is sent once more',
      new Refusal(422, 'ADC_REQUEST', 'no', 'do something else'),
      ({ outbox, states }) => outbox.again(states.at(-1)?.refused?.[0]?.key ?? ''),
    ],
    ['what somebody says is theirs', null, ({ outbox }) => outbox.claim()],
    [
      'what a closed page left',
      null,
      ({ outbox }) => outbox.adopt(JSON.stringify([{ ...kept, owner: { user: 'me', project: '' } }])),
    ],
  ])('keeps nothing else waiting: %s', async (_, error, perform) => {
    const parts = heldBack(new FakeServer(), makeShelf(JSON.stringify([kept])), forever);
    const { outbox, server, states, conflicts, state } = parts;
    if (error) {
      const { act } = server;
      server.act = () => Promise.reject(error);
      server.store(clickAt(9), 'somebody');
      outbox.add(2, review);
      await vi.waitFor(() => expect(conflicts.length + (states.at(-1)?.refused?.length ?? 0)).toBe(1));
      server.act = act;
    }
    outbox.add(1, clickAt(1));
    await vi.waitFor(() => expect(states.at(-1)?.state).toBe('stuck'));
    perform(parts);
    await settle(outbox, 1);
    expect(state.done).toEqual([[2, 'review']]);
  });
});
