/** The controller against a server in memory: what is shown before, while and after answers come. */
import { decodeRle, encodeRle } from '@adclick/core/geometry';
import {
  type Action,
  type ActionAnswer,
  type Candidates,
  clicksMade,
  type ImageDetail,
  type ImageSummary,
  type Job,
} from 'adclick/api';
import { describe, expect, it } from 'vitest';
import { type Api, Refusal, StaleWrite, Unreachable } from '../api/client.ts';
import { App } from './app.ts';
import { DEFAULT_SETTINGS } from './storage.ts';
import { candidatesShown, makeStore, proposalShown } from './store.ts';

const SIZE = { width: 8, height: 4 };
const rleOf = (...pixels: number[]) => {
  const data = new Uint8Array(32);
  for (const pixel of pixels) data[pixel] = 1;
  return { ...SIZE, counts: [...encodeRle(data, SIZE.width, SIZE.height).counts] };
};
const paint = (...pixels: number[]): Action => ({
  ...{ kind: 'paint', tool: 'brush', type: 1 },
  ...{ add: rleOf(...pixels), remove: null },
});

const click = (x: number): Action => ({ kind: 'click', type: 1, click: { x, y: 0, positive: true } });

/** Images with one layer each; every answer waits until it is let go. */
class FakeServer {
  readonly masks = new Map<number, Uint8Array>();
  readonly actions: { id: number; action: Action }[] = [];
  readonly states = new Map<number, ImageSummary['state']>();
  readonly versions = new Map<number, number>();
  /** Pixels that might belong too once there is a click; where one is clicked, it belongs. */
  readonly others = new Set<number>();
  readonly clicks = new Map<number, { x: number; y: number; positive: boolean }[]>();
  jobs: Job[] = [];
  passedOver: string[] = [];
  private gate: Promise<void> = Promise.resolve();
  private open = () => {};

  constructor(readonly count: number) {
    for (let id = 1; id <= count; id++) {
      this.masks.set(id, new Uint8Array(32));
      this.versions.set(id, 0);
      this.states.set(id, 'todo');
    }
  }

  hold(): void {
    this.gate = new Promise((resolve) => {
      this.open = resolve;
    });
  }

  release(): void {
    this.open();
  }

  detail(id: number): ImageDetail {
    const mask = this.masks.get(id) as Uint8Array;
    const layers = mask.includes(1) ? [{ type: 1, rle: rleOf(...[...mask.keys()].filter((i) => mask[i])) }] : [];
    return {
      ...{ id, category: 'c', path: `test/${id}.png`, ...SIZE, review: 'none', types: [], reason: '', ready: true },
      ...{ state: this.states.get(id) ?? 'todo', version: this.versions.get(id) ?? 0, layers },
      ...{
        clicks: this.clicks.get(id) ?? [],
        activeType: this.clicks.has(id) ? 1 : null,
        threshold: 0.5,
        canUndo: false,
        canRedo: false,
        nearest: [],
        seen: null,
        notes: [],
      },
    };
  }

  /** What somebody else does. */
  store(id: number, action: Action): void {
    const mask = this.masks.get(id) as Uint8Array;
    if (action.kind === 'paint') {
      if (action.remove) for (const [i, set] of decodeRle(action.remove).entries()) if (set) mask[i] = 0;
      if (action.add) for (const [i, set] of decodeRle(action.add).entries()) if (set) mask[i] = 1;
    }
    for (const { x, y } of clicksMade(action)) mask[y * SIZE.width + x] = 1;
    if (clicksMade(action).length > 0) this.clicks.set(id, [...(this.clicks.get(id) ?? []), ...clicksMade(action)]);
    if (action.kind === 'finishRegion' || action.kind === 'paint') this.clicks.delete(id);
    if (action.kind === 'acceptProposal') mask.fill(1, 0, 4);
    if (action.kind === 'state') this.states.set(id, action.state);
    this.versions.set(id, (this.versions.get(id) ?? 0) + 1);
  }

  candidates(id: number): Candidates {
    const left = [...this.others].filter((pixel) => !this.masks.get(id)?.[pixel]);
    const points = left.map((pixel) => ({ x: pixel % SIZE.width, y: Math.floor(pixel / SIZE.width) }));
    return { version: this.versions.get(id) ?? 0, rle: left.length > 0 ? rleOf(...left) : null, points };
  }

  api(): Api {
    const unused = () => Promise.reject(new Error('not part of this test'));
    return {
      ...{
        statistics: unused,
        prompts: unused,
        editPrompts: unused,
        startJob: unused,
        detectors: unused,
        train: unused,
        takeAsGood: unused,
        restoreDetector: unused,
        detection: unused,
        cancelJob: unused,
        addType: unused,
        changeType: unused,
        login: unused,
      },
      project: async () => ({
        ...{ id: 'p1', name: 'p', version: '0', user: 'me', categories: [], passedOver: this.passedOver },
        types: [{ id: 1, name: 'scratch', colour: '#ff0000', archived: false }],
        counts: { todo: this.count, defect: 0, good: 0 },
      }),
      images: async ({ offset = 0, limit = 100 }) => ({
        total: this.count,
        images: [...this.masks.keys()].slice(offset, offset + limit).map((id) => this.detail(id)),
      }),
      image: async (id) => this.detail(id),
      proposal: async () => ({ ready: true, rle: rleOf(0, 1, 2, 3), score: 3 }),
      candidates: async (id) => {
        const candidates = this.candidates(id);
        await this.gate;
        return candidates;
      },
      history: async () => [],
      jobs: async () => {
        const { jobs } = this;
        await this.gate;
        return jobs;
      },
      picture: async () => new Blob(),
      act: async (id, base, action): Promise<ActionAnswer> => {
        await this.gate;
        if (base !== this.versions.get(id)) throw new StaleWrite();
        this.actions.push({ id, action });
        this.store(id, action);
        const { layers, clicks, activeType, threshold, state, review, canUndo, canRedo, version } = this.detail(id);
        const changed = layers.length > 0 ? layers : [{ type: 1, rle: rleOf() }];
        return {
          version,
          layers: changed,
          clicks,
          activeType,
          threshold,
          state,
          review,
          canUndo,
          canRedo,
          superseded: false,
        };
      },
    };
  }
}

async function setUp(count = 3, painted?: () => Promise<void>) {
  const server = new FakeServer(count);
  const store = makeStore(DEFAULT_SETTINGS);
  const shelf = { read: () => null, write: () => undefined };
  const decode = async () => ({ ...SIZE, close: () => undefined }) as ImageBitmap;
  const app = new App({ api: server.api(), store, shelf, session: 'tab', decode, painted });
  await app.start(null);
  await quiet();
  return { server, store, app };
}

const quiet = () => new Promise((resolve) => setTimeout(resolve, 15));
const shown = (store: ReturnType<typeof makeStore>) => {
  const data = store.getState().image?.mask.levels[0].data ?? new Uint8Array();
  return [...data.keys()].filter((i) => data[i]);
};

describe('App', () => {
  it('says what was seen in an image as soon as it was looked at, in the words of the order of the list', async () => {
    const { store, app } = await setUp();
    const reasons = { residual: 'residual 1.0, about as good pictures are', uncertainty: 'the model is 3 % unsure' };
    const line = () => [...store.getState().lines.values()].find(({ id }) => id === 2);
    app.onEvent({ kind: 'ready', id: 2, reasons });
    expect(line()).toMatchObject({ ready: true, reason: reasons.residual });
    await app.queue.restart({ order: 'uncertainty' });
    app.onEvent({ kind: 'ready', id: 2, reasons });
    expect(line()?.reason).toBe(reasons.uncertainty);
    await app.queue.restart({ order: 'name' });
    app.onEvent({ kind: 'ready', id: 2, reasons });
    expect(line()?.reason).toBe('');
  });

  it('asks for the login where the stream of events was refused, and says that the server is silent only when it is', async () => {
    const { store, app } = await setUp();
    const project = app.api.project;
    for (const [error, state] of [
      [new Refusal(401, 'ADC_LOGIN', 'Nobody is logged in', 'Log in.'), { online: true, dialog: 'login' }],
      [new Unreachable('cut'), { online: false, trouble: null }],
      [new Unreachable('503', 'Database is in use. Wait.'), { trouble: null, online: true }],
      [
        new Refusal(403, 'ADC_FOREIGN', 'Refused', 'Open it elsewhere.'),
        { online: false, trouble: 'Refused. Open it elsewhere.' },
      ],
    ] as const) {
      store.setState({ online: true, trouble: null, dialog: null });
      app.api.project = () => Promise.reject(error);
      await app.streamLost();
      expect(store.getState()).toMatchObject(state);
    }
    app.api.project = project;
    await app.streamLost();
    expect(store.getState()).toMatchObject({ online: true, trouble: null });
  });

  it('shows strokes at once and keeps later ones in sight when the answer to an earlier one comes', async () => {
    const { server, store, app } = await setUp();
    server.hold();
    app.act(paint(5));
    app.act(paint(9));
    expect(shown(store)).toEqual([5, 9]);
    expect(store.getState().saving).toMatchObject({ state: 'saving', waiting: 2 });
    server.release();
    await quiet();
    expect(shown(store)).toEqual([5, 9]);
    expect(server.masks.get(1)?.reduce((sum, set) => sum + set, 0)).toBe(2);
    expect(store.getState().saving.waiting).toBe(0);
  });

  it('takes back what the server cannot do for now, and sends it when the good pictures were looked at again', async () => {
    const { server, store, app } = await setUp();
    const act = app.api.act;
    const none = new Refusal(422, 'ADC_NO_NORMALS', 'No good pictures', 'Put some there.', true);
    app.api.act = () => Promise.reject(none);
    app.act(paint(5));
    app.act(paint(9));
    await quiet();
    expect(store.getState().saving).toMatchObject({
      state: 'stuck',
      waiting: 2,
      why: 'No good pictures. Put some there.',
    });
    app.act({ kind: 'undo' });
    expect(shown(store)).toEqual([5]);
    expect(store.getState().saving.waiting).toBe(1);
    app.api.act = act;
    const job = {
      id: 'x',
      kind: 'index',
      label: '',
      state: 'done',
      done: 1,
      total: 1,
      detail: null,
      result: '',
    } as const;
    app.onEvent({ kind: 'job', job });
    await quiet();
    expect(server.actions.map(({ action }) => action)).toEqual([paint(5)]);
    expect(shown(store)).toEqual([5]);
    expect(store.getState().saving).toMatchObject({ state: 'saved', waiting: 0 });
  });

  it('shows no click any more that was refused for now after it was undone, and undoes no less with the next undo', async () => {
    const { server, store, app } = await setUp();
    const none = new Refusal(422, 'ADC_NO_NORMALS', 'No good pictures', 'Put some there.', true);
    const act = app.api.act;
    app.api.act = (id, base, action, ...rest) =>
      action.kind === 'click' ? Promise.reject(none) : act(id, base, action, ...rest);
    app.act(click(1));
    app.act({ kind: 'undo' });
    await quiet();
    expect(store.getState().image?.facts.clicks).toEqual([]);
    expect(store.getState().image?.predicting).toBe(false);
    expect(store.getState().saving).toMatchObject({ state: 'saved', waiting: 0 });
    expect(server.actions).toEqual([]);
    app.act({ kind: 'undo' });
    await quiet();
    expect(server.actions.map(({ action }) => action.kind)).toEqual(['undo']);
  });

  it.each([true, false])('shows what "clear" took back once that is undone, refused before it: %s', async (before) => {
    const { store, app } = await setUp();
    const none = new Refusal(422, 'ADC_NO_NORMALS', 'No good pictures', 'Put some there.', true);
    const act = app.api.act;
    app.api.act = (id, base, action, ...rest) =>
      action.kind === 'click' ? Promise.reject(none) : act(id, base, action, ...rest);
    app.act(click(1));
    app.act(paint(5));
    if (before) await quiet();
    app.act({ kind: 'clear' });
    expect(shown(store)).toEqual([]);
    app.act({ kind: 'undo' });
    await quiet();
    expect(store.getState().saving).toMatchObject({ state: 'stuck', waiting: 2 });
    expect(shown(store)).toEqual([5]);
  });

  it('keeps asking for the login while something is held back', async () => {
    const { store, app } = await setUp();
    const none = new Refusal(422, 'ADC_NO_NORMALS', 'No good pictures', 'Put some there.', true);
    let asked = 0;
    app.api.act = () => {
      asked++;
      return Promise.reject(asked === 1 ? none : new Refusal(401, 'ADC_LOGIN', 'Who is asking', 'Log in.'));
    };
    app.act(paint(5));
    await expect.poll(() => store.getState().dialog, { timeout: 5_000 }).toBe('login');
    const dialogs: unknown[] = [];
    const unsubscribe = store.subscribe(({ dialog }) => dialogs.push(dialog));
    await expect.poll(() => asked, { timeout: 5_000 }).toBeGreaterThan(2);
    await quiet();
    unsubscribe();
    expect(new Set(dialogs)).toEqual(new Set(['login']));
  });

  it('accepts the proposal with Enter, says so, and opens the next image', async () => {
    const { server, store, app } = await setUp();
    expect(proposalShown(store.getState())).toBe(true);
    await app.accept();
    await quiet();
    expect(server.actions.map(({ id, action }) => [id, action.kind])).toEqual([
      [1, 'acceptProposal'],
      [1, 'state'],
    ]);
    expect(store.getState().image?.id).toBe(2);
    expect(store.getState().lines.get(0)?.state).toBe('defect');
  });

  it('skips no image when Enter is pressed twice', async () => {
    const { server, store, app } = await setUp(4);
    void app.accept();
    await Promise.resolve();
    void app.accept();
    await quiet();
    expect(new Set(server.actions.map(({ id }) => id))).toEqual(new Set([1]));
    expect(store.getState().image?.id).toBe(2);
  });

  it('accepts nothing when the proposal was hidden', async () => {
    const { server, store, app } = await setUp();
    const { image } = store.getState();
    if (image) store.setState({ image: { ...image, proposalHidden: true } });
    await app.accept();
    await quiet();
    expect(server.actions).toEqual([]);
    expect(store.getState().image?.id).toBe(1);
    expect(store.getState().notice?.text).toMatch(/Nothing is marked/);
  });

  it('accepts nothing when masks are not shown, or the region has clicks', async () => {
    const { server, store, app } = await setUp();
    const { image, looks } = store.getState();
    store.setState({ looks: { ...looks, showMask: false } });
    await app.accept();
    expect(store.getState().notice?.text).toMatch(/Nothing is marked/);
    const clicks = [{ x: 0, y: 0, positive: false }];
    if (image) store.setState({ looks, image: { ...image, facts: { ...image.facts, clicks } } });
    await app.accept();
    await quiet();
    expect(server.actions.map(({ action }) => action.kind)).not.toContain('acceptProposal');
  });

  it('asks before it throws a mask away', async () => {
    const { server, store, app } = await setUp();
    app.act(paint(5));
    await app.noDefect();
    expect(store.getState().dialog).toBe('noDefect');
    await app.noDefect(true);
    await quiet();
    expect(server.actions.map(({ action }) => action.kind)).toEqual(['paint', 'clear', 'state']);
    expect(server.states.get(1)).toBe('good');
  });

  it('is not turned back by an answer that was on its way before', async () => {
    const { server, store, app } = await setUp();
    const old = server.detail(1);
    app.act(paint(5));
    await quiet();
    const { api } = app;
    Object.assign(api, { image: async () => old });
    await app.refresh(1);
    expect(shown(store)).toEqual([5]);
    app.act(paint(6));
    await quiet();
    expect(store.getState().merge).toBeNull();
    expect(shown(store)).toEqual([5, 6]);
  });

  it('takes in what somebody else did while nothing waits here', async () => {
    const { server, store, app } = await setUp();
    server.store(1, paint(7));
    app.onEvent({ kind: 'image', id: 1, version: 1, author: 'other', session: 'other' });
    await quiet();
    expect(shown(store)).toEqual([7]);
  });

  it('merges, with a stroke that ended while the question stood', async () => {
    const { server, store, app } = await setUp();
    server.store(1, paint(7));
    app.act(paint(5));
    await quiet();
    expect(store.getState().merge?.rows).toEqual([{ type: 1, theirs: 1, mine: 1, union: 2 }]);
    app.act(paint(6));
    app.merge('union');
    await quiet();
    expect([...(server.masks.get(1) ?? []).entries()].filter(([, set]) => set).map(([i]) => i)).toEqual([5, 6, 7]);
    expect(shown(store)).toEqual([5, 6, 7]);
    expect(store.getState().saving.waiting).toBe(0);
  });

  it('goes on saying in the list what was seen of an image when it is labelled', async () => {
    const { app, store } = await setUp();
    await app.queue.restart({ order: 'uncertainty' });
    app.onEvent({ kind: 'ready', id: 1, reasons: { uncertainty: 'unsure', residual: 'different' } });
    // What the page got when it opened the image is older, and of another order.
    app.act(paint(5));
    await quiet();
    expect(store.getState().lines.get(0)).toMatchObject({ version: 1, ready: true, reason: 'unsure' });
  });

  it('learns that a job has ended while nobody listened, and believes no older answer', async () => {
    const { server, store, app } = await setUp();
    const job = (state: Job['state']): Job => ({
      id: 'a',
      kind: 'index',
      label: '',
      state,
      done: 6,
      total: 6,
      detail: null,
      result: null,
    });
    const states = () => store.getState().jobs.map(({ state }) => state);
    app.onEvent({ kind: 'job', job: job('running') });
    server.jobs = [job('done')];
    app.reconnected();
    await quiet();
    expect(states()).toEqual(['done']);
    store.setState({ jobs: [] });
    server.jobs = [job('running')];
    server.hold();
    const asked = app.askJobs();
    app.onEvent({ kind: 'job', job: job('done') });
    server.release();
    await asked;
    expect(states()).toEqual(['done']);
  });

  it('offers what might belong too after a click, takes all of it as one action, and offers it no more', async () => {
    const { server, store, app } = await setUp();
    const shownNow = () => candidatesShown(store.getState())?.points ?? [];
    for (const pixel of [7, 31]) server.others.add(pixel);
    await app.refresh(1);
    expect(shownNow()).toEqual([]);
    app.act(click(0));
    await quiet();
    expect(shownNow()).toEqual([
      { x: 7, y: 0 },
      { x: 7, y: 3 },
    ]);
    // What nobody sees on the canvas is taken by nobody.
    const { looks } = store.getState();
    store.setState({ looks: { ...looks, showMask: false } });
    app.takeCandidates();
    store.setState({ looks });
    app.takeCandidates();
    expect(shownNow()).toEqual([]);
    expect(store.getState().image?.facts.clicks).toHaveLength(3);
    await quiet();
    expect(server.actions.map(({ action }) => action.kind)).toEqual(['click', 'clicks']);
    expect(clicksMade(server.actions[1].action)).toEqual([
      { x: 7, y: 0, positive: true },
      { x: 7, y: 3, positive: true },
    ]);
    expect(shown(store)).toEqual([0, 7, 31]);
    expect(shownNow()).toEqual([]);
  });

  it('offers no candidates of an older click, of a region that has ended, or of another image', async () => {
    const { server, store, app } = await setUp();
    server.others.add(31);
    const offered = () => candidatesShown(store.getState()) !== null;
    app.act(click(0));
    await quiet();
    expect(offered()).toBe(true);
    // The next click is not answered yet.
    server.hold();
    app.act(click(1));
    expect(offered()).toBe(false);
    server.release();
    await quiet();
    expect(offered()).toBe(true);
    app.act({ kind: 'finishRegion' });
    expect(offered()).toBe(false);
    await quiet();
    expect(offered()).toBe(false);
    // They come late: somebody else has gone on, or another image is open.
    const { candidates } = app.api;
    app.api.candidates = (id) => {
      server.hold();
      return candidates(id);
    };
    app.act(click(2));
    await quiet();
    server.store(1, paint(7));
    app.onEvent({ kind: 'image', id: 1, version: server.versions.get(1) ?? 0, author: 'other', session: 'other' });
    await quiet();
    server.release();
    await quiet();
    expect(offered()).toBe(false);
    app.act(click(3));
    await quiet();
    await app.open(2);
    server.release();
    await quiet();
    expect(offered()).toBe(false);
    await app.open(1);
    expect(offered()).toBe(false);
  });

  it('asks for candidates once the mask is on the screen, and only where no further click waits', async () => {
    const frames: (() => void)[] = [];
    const { server, store, app } = await setUp(3, () => new Promise((resolve) => frames.push(resolve)));
    server.others.add(31);
    let asked = 0;
    const { candidates } = app.api;
    app.api.candidates = (id) => {
      asked++;
      return candidates(id);
    };
    const paint = async () => {
      for (const frame of frames.splice(0)) frame();
      await quiet();
    };
    app.act(click(0));
    await quiet();
    expect(shown(store)).toEqual([0]);
    expect(asked).toBe(0);
    server.hold();
    app.act(click(1));
    await paint();
    expect(asked).toBe(0);
    server.release();
    await quiet();
    await paint();
    expect(asked).toBe(1);
    expect(candidatesShown(store.getState())?.points).toHaveLength(1);
  });

  it('draws the mask again for what changes pixels, not for a click that waits for its answer', async () => {
    const { server, store, app } = await setUp();
    const changes = () => store.getState().image?.maskChanges ?? 0;
    server.hold();
    const before = changes();
    app.act(click(0));
    expect(changes()).toBe(before);
    expect(store.getState().image?.facts.clicks).toHaveLength(1);
    app.act(paint(7));
    expect(changes()).toBe(before + 1);
    server.release();
    await quiet();
    expect(changes()).toBeGreaterThan(before + 1);
  });

  it('offers candidates of what somebody else has clicked, also where that overtook an answer', async () => {
    const { server, store, app } = await setUp();
    const offered = () => candidatesShown(store.getState())?.points;
    for (const pixel of [7, 31]) server.others.add(pixel);
    server.store(1, click(0));
    app.onEvent({ kind: 'image', id: 1, version: 1, author: 'other', session: 'other' });
    await quiet();
    expect(offered()).toHaveLength(2);
    const { act } = app.api;
    app.api.act = async (...request) => {
      const answer = await act(...request);
      server.store(1, click(7));
      return { ...answer, superseded: true };
    };
    app.act(click(1));
    await quiet();
    expect(offered()).toEqual([{ x: 7, y: 3 }]);
  });

  it('offers candidates of a click whose answer was lost', async () => {
    const { server, store, app } = await setUp();
    server.others.add(31);
    const { act } = app.api;
    app.api.act = async (...request) => {
      app.api.act = act;
      await act(...request);
      throw new Unreachable('cut');
    };
    app.api.history = async () => [{ version: 1, author: 'me', time: '', action: click(0), active: true }];
    app.act(click(0));
    await expect.poll(() => candidatesShown(store.getState()), { timeout: 3_000 }).not.toBeNull();
    expect(server.actions).toHaveLength(1);
  });

  it('goes two images on when the key is pressed twice', async () => {
    const { store, app } = await setUp(4);
    void app.go(1);
    await Promise.resolve();
    await quiet();
    void app.go(1);
    await quiet();
    expect(store.getState().image?.id).toBe(3);
  });
});

it('knows what was left out after the folders were looked through again', async () => {
  const { server, app, store } = await setUp();
  expect(store.getState().project?.passedOver).toEqual([]);
  server.passedOver = ['1 file was passed over: 1 empty (test/0.png).'];
  const index = { id: 'i', kind: 'index', label: 'Index', total: null, detail: null, result: null, done: 0 } as const;
  app.onEvent({ kind: 'job', job: { ...index, state: 'done' } });
  await new Promise((resolve) => setTimeout(resolve));
  expect(store.getState().project?.passedOver).toEqual(server.passedOver);
});
