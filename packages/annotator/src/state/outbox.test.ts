/** Actions on their way: order, retries, lost answers, conflicts. */
import { describe, expect, it } from 'vitest';
import { clickAt, FakeServer, makeShelf, settle, setUp } from '../../test/outbox.ts';
import { Refusal, Unreachable, WithoutMask } from '../api/client.ts';
import type { Pending } from './outbox.ts';

const storedClicks = (server: FakeServer) =>
  server.events.map(({ action }) => (action.kind === 'click' ? action.click.x : action.kind));

describe('Outbox', () => {
  it('sends in order, each on top of the last answer', async () => {
    const { outbox, server, saved, shelf, states } = setUp();
    outbox.setVersion(1, 0);
    outbox.start('me');
    for (let x = 0; x < 20; x++) outbox.add(1, clickAt(x));
    await settle(outbox);
    expect(storedClicks(server)).toEqual(Array.from({ length: 20 }, (_, x) => x));
    expect(saved.length).toBe(20);
    expect(shelf.text).toBe('');
    expect(states.at(-1)).toEqual({ state: 'saved', waiting: 0, kept: true });
  });

  it('keeps everything while the server is away and sends it when it is back', async () => {
    const { outbox, server, shelf, states } = setUp();
    outbox.setVersion(1, 0);
    outbox.start('me');
    server.down = true;
    for (let x = 0; x < 5; x++) outbox.add(1, clickAt(x));
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(states.at(-1)).toMatchObject({ state: 'offline', waiting: 5 });
    expect(JSON.parse(shelf.text).length).toBe(5);
    server.down = false;
    outbox.wake();
    await settle(outbox);
    expect(storedClicks(server)).toEqual([0, 1, 2, 3, 4]);
  });

  it('does nothing twice when an answer was lost', async () => {
    const { outbox, server, conflicts, saved } = setUp();
    outbox.setVersion(1, 0);
    outbox.start('me');
    server.loseAnswers = 1;
    for (let x = 0; x < 3; x++) outbox.add(1, clickAt(x));
    await settle(outbox);
    expect(storedClicks(server)).toEqual([0, 1, 2]);
    expect(saved.length).toBe(3);
    expect(conflicts).toEqual([]);
  });

  it('does nothing twice when the page itself was closed on the way', async () => {
    const first = setUp();
    first.outbox.setVersion(1, 0);
    first.server.loseAnswers = 1;
    first.outbox.start('me');
    first.outbox.add(1, clickAt(7));
    first.outbox.add(1, clickAt(8));
    // The page ends here: what it kept is all that the next one knows.
    const kept = first.shelf.text;
    await settle(first.outbox);
    const server = new FakeServer();
    server.store(clickAt(7), 'me');
    const next = setUp(server, makeShelf(kept));
    next.outbox.start('me');
    await settle(next.outbox);
    expect(storedClicks(server)).toEqual([7, 8]);
  });

  it('asks when somebody else has changed the image, and goes on with the answer', async () => {
    const { outbox, server, conflicts } = setUp();
    outbox.setVersion(1, 0);
    server.store(clickAt(99), 'somebody');
    outbox.start('me');
    outbox.add(1, clickAt(1));
    outbox.add(1, clickAt(2));
    for (let i = 0; i < 50 && conflicts.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(conflicts.length).toBe(1);
    expect(conflicts[0].waiting.length).toBe(2);
    expect(storedClicks(server)).toEqual([99]);
    outbox.add(1, clickAt(3));
    expect(outbox.pendingOf(1).length).toBe(3);
    outbox.resolve(1, 1, [clickAt(1), clickAt(2)]);
    await settle(outbox);
    expect(storedClicks(server)).toEqual([99, 1, 2]);
  });

  it('does not take an equal action of another person for its own', async () => {
    const { outbox, server, conflicts } = setUp();
    outbox.setVersion(1, 0);
    server.store(clickAt(1), 'somebody');
    outbox.start('me');
    outbox.add(1, clickAt(1));
    for (let i = 0; i < 50 && conflicts.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(conflicts.length).toBe(1);
  });

  it('sets aside what the server will never take, says so, and goes on', async () => {
    const { outbox, server, refused, states, shelf } = setUp();
    outbox.setVersion(1, 0);
    server.refuse = 'clear';
    outbox.start('me', 'p1');
    outbox.add(1, { kind: 'clear' });
    outbox.add(1, clickAt(1));
    await settle(outbox);
    expect(refused.length).toBe(1);
    expect(storedClicks(server)).toEqual([1]);
    const aside = { action: { kind: 'clear' }, refusal: 'no. do something else' };
    expect(states.at(-1)).toMatchObject({ state: 'saved', waiting: 0, refused: [aside] });

    // The page is opened again: by somebody else, who is not shown it, then by its author.
    const other = setUp(server, makeShelf(shelf.text));
    other.outbox.start('bob', 'p1');
    expect(other.states.at(-1)).toMatchObject({ others: [{ user: 'me', here: true, count: 1 }] });
    expect(other.states.at(-1)?.refused).toBeUndefined();
    const later = setUp(server, makeShelf(other.shelf.text));
    later.outbox.start('me', 'p1');
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(later.states.at(-1)).toMatchObject({ state: 'saved', waiting: 0, refused: [aside] });
    expect(storedClicks(server)).toEqual([1]);

    // Sent again it may be taken by now; let go of, nothing is left.
    server.refuse = null;
    later.outbox.setVersion(1, 1);
    later.outbox.again(later.states.at(-1)?.refused?.[0]?.key ?? '');
    await settle(later.outbox);
    expect(storedClicks(server)).toEqual([1, 'clear']);
    expect(later.shelf.text).toBe('');
    const last = setUp(new FakeServer(), makeShelf(shelf.text));
    last.outbox.start('me', 'p1');
    last.outbox.discard(last.states.at(-1)?.refused?.[0]?.key ?? '');
    expect(last.shelf.text).toBe('');
    expect(last.states.at(-1)).toEqual({ state: 'saved', waiting: 0, kept: true });
  });

  it.each([
    [400, 'ADC_REQUEST', true],
    [403, 'ADC_OUTSIDE', true],
    [404, 'ADC_IMAGE_MISSING', true],
    [413, 'HTTP_413', true],
    [422, 'ADC_REQUEST', true],
    [499, 'ADC_NEW_CODE', true],
    [401, 'ADC_LOGIN', false],
    [403, 'ADC_FOREIGN', false],
    [403, 'HTTP_403', false],
    [404, 'HTTP_404', false],
    [408, 'ADC_SLOW', false],
    [409, 'ADC_TRAINING', false],
    [412, 'ADC_OTHER_PROJECT', false],
    [429, 'ADC_RATE', false],
  ])('takes %i %s for final: %s', async (status, code, isFinal) => {
    const { outbox, server, refused } = setUp();
    outbox.setVersion(1, 0);
    outbox.start('me');
    server.act = async () => {
      throw new Refusal(status, code, 'no', 'do something else');
    };
    outbox.add(1, clickAt(1));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([outbox.waiting, refused.length]).toEqual(isFinal ? [0, 1] : [1, 0]);
  });

  it('keeps the running threshold and of those that wait the newest', async () => {
    const { outbox, server } = setUp();
    outbox.setVersion(1, 0);
    let go = () => {};
    server.delay = new Promise((resolve) => {
      go = resolve;
    });
    outbox.start('me');
    for (const value of [0.1, 0.2, 0.3, 0.4]) outbox.add(1, { kind: 'threshold', value });
    go();
    await settle(outbox);
    expect(server.events.map(({ action }) => action.kind === 'threshold' && action.value)).toEqual([0.1, 0.4]);
  });

  it('says so when this computer has no room', () => {
    const shelf = makeShelf();
    shelf.write = () => {
      throw new Error('quota');
    };
    const { outbox, states } = setUp(new FakeServer(), shelf);
    outbox.add(1, clickAt(1));
    expect(states.at(-1)).toEqual({ state: 'saving', waiting: 1, kept: false });
  });

  it('waits where the server cannot take it now, says why, and loses nothing', async () => {
    const { outbox, server, states, refused } = setUp();
    outbox.setVersion(1, 0);
    outbox.start('me');
    const act = server.act.bind(server);
    for (const [error, state, why] of [
      [new Unreachable('507', 'Writing project.db failed: no space left.'), 'stuck', /no space/],
      [
        new Refusal(403, 'ADC_FOREIGN', 'Requests from host x are refused', 'Open another address.'),
        'stuck',
        /refused/,
      ],
      [new Refusal(412, 'ADC_OTHER_PROJECT', 'Another project', 'Reload.'), 'stuck', /Another project/],
      [new Refusal(401, 'ADC_LOGIN', 'Who is asking? Nobody', 'Log in.'), 'login', /Who is asking/],
      [new TypeError('an answer of another shape'), 'stuck', /understand/],
    ] as const) {
      server.act = async () => {
        throw error;
      };
      outbox.add(1, clickAt(1));
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(states.at(-1)).toMatchObject({ state, waiting: 1, why: expect.stringMatching(why) });
      server.act = act;
      outbox.wake();
      await settle(outbox);
      expect(states.at(-1)).toEqual({ state: 'saved', waiting: 0, kept: true });
    }
    expect(storedClicks(server)).toEqual([1, 1, 1, 1, 1]);
    expect(refused).toEqual([]);
  });

  it('is done with a click that is stored without a mask, and calls it nobody else’s', async () => {
    const { outbox, server, refused, maskless, conflicts } = setUp();
    outbox.setVersion(1, 0);
    outbox.start('me');
    const act = server.act.bind(server);
    server.act = async (_, __, action) => {
      server.store(action, 'me');
      throw new WithoutMask(server.version, 'No image at a.png', 'Check the path.');
    };
    outbox.add(1, clickAt(1));
    await settle(outbox);
    expect([refused.length, maskless.length, outbox.waiting]).toEqual([0, 1, 0]);
    server.act = act;
    outbox.add(1, clickAt(2));
    await settle(outbox);
    expect(conflicts).toEqual([]);
    expect(storedClicks(server)).toEqual([1, 2]);
  });
});

describe('what is kept stays with its author', () => {
  /** What the page of somebody leaves behind who is not let in any more. */
  async function leftBy(user: string, project = 'p1', ...places: number[]): Promise<string> {
    const { outbox, server, shelf } = setUp();
    outbox.setVersion(1, 0);
    server.act = async () => {
      throw new Refusal(401, 'ADC_LOGIN', 'The session is not known', 'Log in.');
    };
    outbox.start(user, project);
    for (const x of places) outbox.add(1, clickAt(x));
    await new Promise((resolve) => setTimeout(resolve, 5));
    return shelf.text;
  }

  it('is neither sent, shown nor counted for another, who hears whose it is, and is sent when its author is back', async () => {
    const bob = setUp(new FakeServer(), makeShelf(await leftBy('ada', 'p1', 1, 2)));
    bob.outbox.start('bob', 'p1');
    expect(bob.outbox.pendingOf(1)).toEqual([]);
    expect(bob.outbox.waiting).toBe(0);
    expect(bob.states.at(-1)).toEqual({
      ...{ state: 'saved', waiting: 0, kept: true },
      others: [{ user: 'ada', here: true, count: 2 }],
    });
    bob.outbox.setVersion(1, 0);
    bob.outbox.add(1, clickAt(50));
    await settle(bob.outbox);
    bob.outbox.claim();
    bob.outbox.wake();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(storedClicks(bob.server)).toEqual([50]);

    const ada = setUp(bob.server, makeShelf(bob.shelf.text));
    ada.outbox.start('ada', 'p1');
    for (let i = 0; i < 50 && ada.conflicts.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 1));
    // Bob has changed the image meanwhile: she is asked, as always.
    expect(ada.conflicts[0].waiting.map(({ action }) => action)).toEqual([clickAt(1), clickAt(2)]);
    ada.outbox.resolve(1, 1, [clickAt(1), clickAt(2)]);
    await settle(ada.outbox);
    expect(storedClicks(ada.server)).toEqual([50, 1, 2]);
    expect(ada.shelf.text).toBe('');
  });

  it('is not sent to another project under the same address', async () => {
    const other = setUp(new FakeServer(), makeShelf(await leftBy('ada', 'p1', 1)));
    other.outbox.start('ada', 'p2');
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(other.server.events).toEqual([]);
    expect(other.states.at(-1)?.others).toEqual([{ user: 'ada', here: false, count: 1 }]);
  });

  it('also where another page adopts what a closed one left', async () => {
    const bob = setUp();
    bob.outbox.start('bob', 'p1');
    bob.outbox.adopt(await leftBy('ada', 'p1', 1, 2, 3));
    bob.outbox.adopt(await leftBy('bob', 'p1', 7));
    await settle(bob.outbox);
    expect(storedClicks(bob.server)).toEqual([7]);
    expect(bob.states.at(-1)?.others).toEqual([{ user: 'ada', here: true, count: 3 }]);
    expect(JSON.parse(bob.shelf.text).length).toBe(3);
  });

  it('goes with every action to the server, which knows who is logged in at that moment', async () => {
    const { outbox, server } = setUp();
    const owners: unknown[] = [];
    const act = server.act.bind(server);
    server.act = async (image, base, action, owner?: unknown) => {
      owners.push(owner);
      return act(image, base, action);
    };
    outbox.setVersion(1, 0);
    outbox.start('ada', 'p1');
    outbox.add(1, clickAt(1));
    await settle(outbox);
    expect(owners).toEqual([{ user: 'ada', project: 'p1' }]);
  });

  it('is asked about where an earlier version of the page kept it without a name', async () => {
    const nameless = (JSON.parse(await leftBy('ada', 'p1', 4)) as Pending[]).map(({ owner: _, ...item }) => item);
    const { outbox, server, states } = setUp(new FakeServer(), makeShelf(JSON.stringify(nameless)));
    outbox.start('bob', 'p1');
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(server.events).toEqual([]);
    expect(states.at(-1)?.others).toEqual([{ user: null, here: true, count: 1 }]);
    outbox.claim();
    await settle(outbox);
    expect(storedClicks(server)).toEqual([4]);
    expect(states.at(-1)).toEqual({ state: 'saved', waiting: 0, kept: true });
  });
});
