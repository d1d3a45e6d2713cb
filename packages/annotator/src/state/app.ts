/** The page's controller: opens images, sends what people do, and puts what comes back on the canvas. */
import type {
  Action,
  ActionAnswer,
  Candidates,
  ImageDetail,
  ImageSummary,
  Job,
  ProjectInfo,
  ServerEvent,
} from 'adclick/api';
import { type Api, type GreyWindow, Refusal, Unreachable, type WithoutMask, wordsOf } from '../api/client.ts';
import { MaskBitmap } from '../raster/mask-bitmap.ts';
import { LatestWins } from './latest-wins.ts';
import { Loader } from './loader.ts';
import { withLoss } from './losses.ts';
import { agrees, compare, layersOf, type MergeChoice, mergeActions, paintWaiting } from './merge.ts';
import { foreseeAll } from './optimism.ts';
import { Outbox, type Pending, type Shelf } from './outbox.ts';
import { Queue } from './queue.ts';
import {
  candidatesShown,
  changesDetector,
  hasMask,
  type Notice,
  type OpenImage,
  palette,
  proposalShown,
  type Store,
} from './store.ts';
import { centred, fitView } from './view.ts';

/** Images loaded ahead. */
const AHEAD = 2;

/** Milliseconds until a server that did not answer is asked again. */
const AGAIN_MS = 2_000;

/** Kinds of actions whose answer takes a prediction. */
const PREDICTING: ReadonlySet<Action['kind']> = new Set(['click', 'clicks', 'moveClick', 'deleteClick']);

/** What the controller needs of the browser. */
export interface Surroundings {
  readonly api: Api;
  readonly store: Store;
  readonly shelf: Shelf;
  /** Name of this tab in events. */
  readonly session: string;
  readonly decode: (blob: Blob) => Promise<ImageBitmap>;
  /** Resolves once what has changed is on the screen. */
  readonly painted?: () => Promise<void>;
  /** Begins the page anew. */
  readonly reload?: () => void;
}

export class App {
  readonly queue: Queue;
  readonly outbox: Outbox;
  readonly store: Store;
  readonly api: Api;
  private readonly loader: Loader;
  private readonly session: string;
  private readonly decode: Surroundings['decode'];
  private readonly windowed: LatestWins<{ id: number; window: GreyWindow | null }, ImageBitmap>;
  private readonly candidates: LatestWins<number, Candidates | null>;
  private noticeKey = 0;
  private wanted: number | null = null;
  private looking = false;

  private readonly reload: () => void;

  constructor(surroundings: Surroundings) {
    const { api, store, shelf, session, decode } = surroundings;
    const { painted = async () => undefined, reload = () => undefined } = surroundings;
    this.reload = reload;
    this.api = api;
    this.store = store;
    this.session = session;
    this.decode = decode;
    this.loader = new Loader(api, decode);
    this.queue = new Queue(api, store, (error) => this.report(error));
    this.outbox = new Outbox(
      {
        act: (image, base, action, owner) => api.act(image, base, action, session, owner),
        history: (image) => api.history(image),
        image: (image) => api.image(image),
      },
      shelf,
      {
        onSaved: (item, answer, current) => this.saved(item, answer, current),
        onConflict: (image, current, waiting) => this.conflict(image, current, waiting),
        onRefused: (item, error) => this.refused(item, error),
        onWithoutMask: (item, error) => this.withoutMask(item, error),
        onTakenBack: (image) => this.takenBack(image),
        onState: (saving) => {
          const before = this.store.getState().saving.state;
          this.store.setState({ saving });
          if (saving.state === 'login') this.askLogin(saving.why);
          else if (before === 'login') this.loggedIn();
        },
      },
    );
    this.windowed = new LatestWins(
      async ({ id, window }) => this.decode(await api.picture(id, window)),
      ({ id }, picture) => this.patchImage(id, { picture }),
      (_, error) => this.report(error),
    );
    this.candidates = new LatestWins(
      async (id) => {
        // They are worked out on the cores that draw the mask and answer the next click.
        await painted();
        return this.awaitsCandidates(id) ? api.candidates(id) : null;
      },
      (id, candidates) => this.offer(id, candidates),
      // Nobody has asked for them, and clicks take the same parts.
      () => undefined,
    );
  }

  /** Loads project and queue and opens the first image. @param first image to open, from the address. */
  async start(first: number | null): Promise<void> {
    const project = await this.api.project();
    this.store.setState({
      project,
      types: project.types,
      activeType: palette({ types: project.types })[0]?.id ?? null,
    });
    this.outbox.start(project.user, project.id);
    void this.askJobs();
    await this.queue.restart();
    if (first !== null) return this.open(first);
    const start = (await this.queue.nextTodo(-1)) ?? (await this.queue.following(-1, 1));
    if (start) await this.open(start.line.id, start.place);
  }

  /** Asks what the project has now: pictures come, go, and are left out. */
  private async askProject(): Promise<void> {
    const project = await this.api.project().catch(() => undefined);
    // Another project under the same address is told by other means.
    if (project && project.id === this.store.getState().project?.id) this.store.setState({ project });
  }

  /** Asks for the jobs: one that ended while nobody listened would stay on the screen. What an event has ended meanwhile stays ended. */
  async askJobs(): Promise<void> {
    const jobs = await this.api.jobs().catch(() => undefined);
    if (!jobs) return;
    const ended = new Map(
      this.store
        .getState()
        .jobs.filter(hasEnded)
        .map((job) => [job.id, job]),
    );
    // The server lists the newest first; here what changed last stands last.
    this.store.setState({ jobs: jobs.map((job) => ended.get(job.id) ?? job).reverse() });
  }

  notify(tone: Notice['tone'], text: string, next?: string): void {
    this.store.setState({ notice: { key: ++this.noticeKey, tone, text, next } });
  }

  /** The server asks who is there. @param why in its words. */
  private askLogin(why?: string): void {
    this.store.setState({ online: true, trouble: null, dialog: 'login', loginReason: why ?? '' });
  }

  /** Whoever was asked for is there: the dialog that asked goes. */
  private loggedIn(): void {
    const { dialog, loginReason } = this.store.getState();
    if (dialog === 'login' && loginReason !== null) this.store.setState({ dialog: null, loginReason: null });
  }

  /** Shows a failure; a lost connection has its own banner. */
  report(error: unknown): void {
    if (error instanceof Unreachable) {
      if (error.said === null) this.store.setState({ online: false, trouble: null });
      else this.notify('error', error.said);
      void this.lookAgain();
    } else if (error instanceof Refusal && error.status === 401) this.askLogin();
    else if (error instanceof Refusal) this.notify('error', error.message, error.next);
    else this.notify('error', error instanceof Error ? error.message : String(error));
  }

  /** Puts an image on the canvas. A newer call wins over one that still loads. */
  async open(id: number, place: number | null = null): Promise<void> {
    this.wanted = id;
    // The place moves at once, so that two quick presses of a key go two images on.
    this.store.setState(place === null ? { opening: id } : { opening: id, position: place });
    try {
      const loaded = await this.loader.get(id);
      if (this.wanted !== id) return;
      this.show(loaded.detail, loaded.picture, loaded.proposal);
      if (place === null) this.queue.locate();
      void this.refresh(id);
      void this.loadAhead();
    } catch (error) {
      if (this.wanted !== id) return;
      this.store.setState({ opening: null });
      this.report(error);
    }
  }

  private show(detail: ImageDetail, picture: ImageBitmap, proposal: OpenImage['proposal']): void {
    const { screen, looks } = this.store.getState();
    const mask = new MaskBitmap(detail);
    for (const { type, rle } of detail.layers) mask.setLayer(type, rle);
    this.trackVersion(detail);
    const image = this.withWaiting({
      id: detail.id,
      width: detail.width,
      height: detail.height,
      path: detail.path,
      category: detail.category,
      reason: detail.reason,
      nearest: detail.nearest,
      seen: detail.seen,
      notes: detail.notes,
      picture,
      original: picture,
      mask,
      maskChanges: 0,
      server: detail,
      facts: detail,
      proposal,
      proposalHidden: false,
      candidates: null,
      predicting: false,
    });
    this.store.setState({
      image,
      opening: null,
      draft: null,
      cross: null,
      pointer: null,
      looks: { ...looks, window: null },
      view: screen.width > 0 ? fitView(detail, screen) : { scale: 1, x: 0, y: 0 },
      activeType: detail.activeType ?? this.store.getState().activeType,
    });
  }

  /** Versions of images with waiting actions stay as they are: the waiting actions were made on top of them. */
  private trackVersion(detail: ImageDetail): void {
    if (this.outbox.pendingOf(detail.id).length === 0) this.outbox.setVersion(detail.id, detail.version);
  }

  /** The image with actions on top that the server has not acknowledged. */
  private withWaiting(image: OpenImage): OpenImage {
    const actions = this.outbox.pendingOf(image.id).map(({ action }) => action);
    for (const action of actions) applyPixels(image.mask, action);
    return {
      ...image,
      facts: foreseeAll(image.server, actions),
      maskChanges: image.maskChanges + 1,
      predicting: actions.some(({ kind }) => PREDICTING.has(kind)),
    };
  }

  /** Asks the server how an image stands, and shows it when nothing waits here. */
  async refresh(id: number): Promise<void> {
    try {
      const [detail, proposal] = await Promise.all([this.api.image(id), this.api.proposal(id).catch(() => null)]);
      this.loader.update(id, { detail, proposal: proposal?.ready ? proposal : null });
      const { image, order } = this.store.getState();
      const { nearest, reason, ready, seen, notes } = detail;
      // The reason of a detail is that of this order, whichever the queue has.
      if (order === 'residual') this.queue.patch(id, { ready, reason });
      if (image?.id !== id || this.outbox.pendingOf(id).length > 0) return;
      this.patchImage(id, { nearest, reason, seen, notes });
      // Until the good pictures are known it is shown through a window of its own.
      if (seen && !image.seen) await this.repaint(id);
      if (proposal?.ready) this.patchImage(id, { proposal });
      // An answer that was overtaken by an action of ours is old.
      if (detail.version > image.server.version) this.adopt(detail);
    } catch (error) {
      if (!(error instanceof Refusal)) this.report(error);
    }
  }

  /** Shows the picture as the server gives it now. */
  private async repaint(id: number): Promise<void> {
    const original = await this.decode(await this.api.picture(id));
    this.loader.update(id, { picture: original });
    const { window } = this.store.getState().looks;
    this.patchImage(id, { original, ...(window ? {} : { picture: original }) });
  }

  /** Shows an image as the server has it. */
  private adopt(detail: ImageDetail): void {
    const { image } = this.store.getState();
    this.loader.update(detail.id, { detail });
    this.queue.patch(detail.id, summaryOf(detail));
    this.trackVersion(detail);
    if (image?.id !== detail.id) return;
    const given = new Map(detail.layers.map(({ type, rle }) => [type, rle]));
    for (const type of new Set([...image.mask.slotTypes(), ...given.keys()]))
      image.mask.setLayer(type, given.get(type) ?? { width: image.width, height: image.height, counts: [] });
    this.store.setState({ image: this.withWaiting({ ...image, server: detail }) });
    this.askCandidates();
  }

  private patchImage(id: number, change: Partial<OpenImage>): void {
    const { image } = this.store.getState();
    if (image?.id === id) this.store.setState({ image: { ...image, ...change } });
  }

  /** Does something to the open image: shows it at once and sends it. */
  act(action: Action): void {
    const { image } = this.store.getState();
    if (image) this.actOn(image.id, action);
  }

  actOn(id: number, action: Action): void {
    const letGo = this.outbox.letGo(id, action);
    const { image: before } = this.store.getState();
    if (letGo && before?.id === id) this.adopt(before.server);
    if (letGo && action.kind === 'undo') return;
    this.outbox.add(id, action);
    if (action.kind === 'state') this.queue.patch(id, { state: action.state });
    const { image } = this.store.getState();
    if (image?.id !== id) return;
    const painted = applyPixels(image.mask, action);
    const actions = this.outbox.pendingOf(id).map((item) => item.action);
    this.store.setState({
      image: {
        ...image,
        facts: foreseeAll(image.server, actions),
        candidates: null,
        maskChanges: image.maskChanges + (painted ? 1 : 0),
        predicting: actions.some(({ kind }) => PREDICTING.has(kind)),
      },
    });
  }

  /** Undoes what a gesture that was broken off has drawn. */
  redraw(): void {
    const { image } = this.store.getState();
    if (image) this.adopt(image.server);
  }

  private saved({ image: id }: Pending, answer: ActionAnswer | null, current: ImageDetail | null): void {
    this.store.setState({ online: true, trouble: null });
    if (current) this.adopt(current);
    if (!answer) return;
    const { image } = this.store.getState();
    if (image?.id !== id) {
      this.loader.forget(id);
      this.queue.patch(id, { version: answer.version, state: answer.state, review: answer.review });
      return;
    }
    const layers = new Map(image.server.layers.map((layer) => [layer.type, layer]));
    for (const layer of answer.layers) {
      if (layer.rle.counts.length === 0) layers.delete(layer.type);
      else layers.set(layer.type, layer);
    }
    const { version, clicks, activeType, threshold, state, review, canUndo, canRedo } = answer;
    const facts = { version, clicks, activeType, threshold, state, review, canUndo, canRedo };
    const server = { ...image.server, ...facts, layers: [...layers.values()], types: [...layers.keys()] };
    this.loader.update(id, { detail: server });
    this.queue.patch(id, summaryOf(server));
    // Only what changed is redrawn; a stroke that still waits is painted on top again.
    for (const { type, rle } of answer.layers) image.mask.setLayer(type, rle);
    this.store.setState({ image: this.withWaiting({ ...image, server }) });
    if (answer.superseded) void this.refresh(id);
    else this.askCandidates();
  }

  /** Asks what might belong to the region in work too, unless something is done to it still. */
  private askCandidates(): void {
    const { image } = this.store.getState();
    if (image && this.awaitsCandidates(image.id)) this.candidates.run(image.id);
  }

  /** Whether a region is in work in the open image, and nothing is done to it still. */
  private awaitsCandidates(id: number): boolean {
    const { image } = this.store.getState();
    return image?.id === id && image.server.clicks.length > 0 && this.outbox.pendingOf(id).length === 0;
  }

  /** Shows candidates, unless something was done since they were asked for. */
  private offer(id: number, candidates: Candidates | null): void {
    if (candidates && this.outbox.pendingOf(id).length === 0) this.patchImage(id, { candidates });
  }

  /** Takes all candidates that are shown, as one step of undo. */
  takeCandidates(): void {
    const state = this.store.getState();
    const type = state.image?.facts.activeType ?? null;
    const shown = candidatesShown(state);
    if (!shown || type === null) return;
    this.act({ kind: 'clicks', type, clicks: shown.points.map(({ x, y }) => ({ x, y, positive: true })) });
  }

  private conflict(id: number, current: ImageDetail, waiting: readonly Pending[]): void {
    const { image } = this.store.getState();
    const actions = waiting.map(({ action }) => action);
    const open = image?.id === id ? image : null;
    if (open && agrees(open.server, current)) {
      this.outbox.resolve(id, current.version, actions);
      return;
    }
    this.store.setState({
      online: true,
      trouble: null,
      merge: compare(current, this.mineOf(id, current, actions), actions),
    });
    if (!open) void this.open(id);
  }

  /** Layers of an image as this page shows them, or would. */
  private mineOf(id: number, theirs: ImageDetail, waiting: readonly Action[]): Map<number, Uint8Array> {
    const { image } = this.store.getState();
    if (image?.id === id)
      return new Map(image.mask.types().map((type) => [type, (image.mask.layer(type) as Uint8Array).slice()]));
    const layers = layersOf(theirs);
    paintWaiting(layers, waiting, theirs);
    return layers;
  }

  /** Ends a conflict. */
  merge(choice: MergeChoice): void {
    const { merge } = this.store.getState();
    if (!merge) return;
    const { image: id, theirs } = merge;
    // A stroke that ended while the question stood is part of the answer.
    const waiting = this.outbox.pendingOf(id).map(({ action }) => action);
    const final = compare(theirs, this.mineOf(id, theirs, waiting), waiting);
    this.store.setState({ merge: null });
    this.outbox.resolve(id, theirs.version, mergeActions(final, choice));
    this.adopt(theirs);
  }

  private refused(item: Pending, error: Refusal): void {
    this.notify('error', 'The server refused a change, which is set aside; everything else goes on.', wordsOf(error));
    this.readAnew(item.image);
  }

  private withoutMask(item: Pending, error: WithoutMask): void {
    this.notify('error', 'The change is saved, but its mask could not be computed.', wordsOf(error));
    this.readAnew(item.image);
  }

  private takenBack(id: number): void {
    const { image } = this.store.getState();
    if (image?.id === id) this.adopt(image.server);
    // The answer to what still waits says how the image stands.
    else if (this.outbox.pendingOf(id).length === 0) this.readAnew(id);
  }

  private readAnew(image: number): void {
    void this.api.image(image).then(
      (detail) => this.adopt(detail),
      (problem) => this.report(problem),
    );
  }

  /** Contrast: the server stretches grey values, so that 16-bit pictures keep theirs. */
  setWindow(window: GreyWindow | null): void {
    const { image, looks } = this.store.getState();
    this.store.setState({ looks: { ...looks, window } });
    if (image) this.windowed.run({ id: image.id, window });
  }

  /** Opens the neighbour in the queue. */
  async go(step: 1 | -1): Promise<void> {
    const found = await this.queue.following(this.store.getState().position ?? -1, step);
    if (found) await this.open(found.line.id, found.place);
    // What could not be loaded is no end of the list; the banner says why.
    else if (this.store.getState().online)
      this.notify('info', step > 0 ? 'That was the last image of this list.' : 'This is the first image of this list.');
  }

  /** Opens the next image that has no label yet. */
  async goTodo(): Promise<void> {
    const { position, image } = this.store.getState();
    const found = await this.queue.anyTodo(position ?? -1, image?.id);
    if (found) return this.open(found.line.id, found.place);
    const { online, image: open } = this.store.getState();
    if (!online) return;
    const last = open?.facts.state === 'todo';
    this.notify(
      'info',
      last ? 'This is the last image of this list without a label.' : 'Every image of this list has a label.',
    );
  }

  /** What is on the canvas, or the proposal, is right: says so and goes on. */
  async accept(): Promise<void> {
    const { image, opening, activeType } = this.store.getState();
    // A second Enter while the next image loads must not skip that one.
    if (!image || opening !== null) return;
    const masked = hasMask(image);
    // What nobody sees on the canvas is accepted by nobody.
    const proposal = proposalShown(this.store.getState());
    if (proposal && activeType === null) {
      this.notify('info', 'There is no defect type yet.', 'Add one in the panel on the right.');
      return;
    }
    if (!masked && !proposal && image.facts.state !== 'good' && image.facts.clicks.length === 0) {
      this.notify('info', 'Nothing is marked yet.', 'Click on the defect, or press N when there is none.');
      return;
    }
    if (proposal && activeType !== null) this.act({ kind: 'acceptProposal', type: activeType });
    if (image.facts.state !== 'defect' && (masked || proposal || image.facts.clicks.length > 0))
      this.act({ kind: 'state', state: 'defect' });
    await this.goTodo();
  }

  /** The part is good. Asks first when a mask would be thrown away. */
  async noDefect(confirmed = false): Promise<void> {
    const { image, opening } = this.store.getState();
    if (!image || opening !== null) return;
    if (hasMask(image)) {
      if (!confirmed) {
        this.store.setState({ dialog: 'noDefect' });
        return;
      }
      this.act({ kind: 'clear' });
    }
    this.store.setState({ dialog: null });
    if (image.facts.state !== 'good') this.act({ kind: 'state', state: 'good' });
    await this.goTodo();
  }

  private async loadAhead(): Promise<void> {
    const from = this.store.getState().position;
    if (from === null) return;
    const next: ImageSummary[] = [];
    let place = from;
    for (let i = 0; i < AHEAD; i++) {
      const found = await this.queue.nextTodo(place);
      if (!found || next.some(({ id }) => id === found.line.id)) break;
      next.push(found.line);
      place = found.place ?? place;
    }
    const neighbour = await this.queue.following(from, 1);
    await this.loader.ahead([...next, ...(neighbour ? [neighbour.line] : [])]);
  }

  /** Fits the picture, or shows it pixel by pixel. */
  fit(scale?: number): void {
    const { image, screen } = this.store.getState();
    if (image) this.store.setState({ view: scale ? centred(image, screen, scale) : fitView(image, screen) });
  }

  /** Shows a job as it is now. */
  trackJob(job: Job): void {
    const { jobs, losses } = this.store.getState();
    this.store.setState({ jobs: [...jobs.filter(({ id }) => id !== job.id), job] });
    if (job.kind === 'train' && job.state === 'running') {
      const points = withLoss(losses.job === job.id ? losses.points : [], job);
      this.store.setState({ losses: { job: job.id, points } });
    }
    if (changesDetector(job) && job.state === 'done') this.detectorReplaced();
  }

  /** Proposals come from another detector now: those that are shown or loaded are not accepted any more. */
  detectorReplaced(): void {
    this.loader.forgetProposals();
    const { image } = this.store.getState();
    if (!image) return;
    this.patchImage(image.id, { proposal: null });
    void this.refresh(image.id);
  }

  /** The stream of events has broken, which says nothing of the reason: the server is asked for it. */
  async streamLost(): Promise<void> {
    try {
      this.known(await this.api.project());
      this.store.setState({ online: true, trouble: null });
    } catch (error) {
      if (error instanceof Refusal && error.status !== 401)
        this.store.setState({ online: false, trouble: `${error.message}. ${error.next}` });
      else this.report(error);
    }
  }

  /** Asks again until the server answers and the list is there: one request that failed does not break the stream that tells of it. */
  private async lookAgain(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    try {
      do {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        const answered = await this.api.project().catch(() => undefined);
        if (!answered || this.store.getState().project === null) continue;
        this.store.setState({ online: true, trouble: null });
        this.known(answered);
        await this.queue.retry();
      } while (!this.store.getState().online || this.store.getState().total === null);
    } finally {
      this.looking = false;
    }
  }

  /** What the server says of project and person; a page of another one would show and save what is not its own. */
  private known(project: ProjectInfo): void {
    const before = this.store.getState().project;
    if (before && project.id !== before.id) this.reload();
    else if (before && project.user !== before.user) this.askLogin(`This browser is logged in as ${project.user} now`);
    else this.store.setState({ project, types: project.types });
  }

  /** The stream of events is open again: what was missed is asked for. */
  reconnected(): void {
    this.store.setState({ online: true, trouble: null });
    this.loggedIn();
    this.outbox.wake();
    void this.askJobs();
    void this.queue.retry();
    const { image } = this.store.getState();
    // An image that could not be opened meanwhile is opened now.
    if (this.wanted !== null && image?.id !== this.wanted) void this.open(this.wanted);
    else if (image) void this.refresh(image.id);
    void this.api.project().then(
      (project) => this.known(project),
      () => undefined,
    );
  }

  onEvent(event: ServerEvent): void {
    const { image } = this.store.getState();
    if (event.kind === 'types') this.store.setState({ types: event.types });
    if (event.kind === 'job') {
      this.trackJob(event.job);
      if (event.job.kind === 'index' && hasEnded(event.job)) {
        // It looks through the folders again, and may have mended what holds clicks back.
        void this.askProject();
        this.outbox.wake();
      }
    }
    if (event.kind === 'ready') {
      const { order } = this.store.getState();
      const reason = order === 'residual' || order === 'uncertainty' ? event.reasons?.[order] : undefined;
      this.queue.patch(event.id, { ready: true, ...(reason === undefined ? {} : { reason }) });
      if (image?.id === event.id) void this.refresh(event.id);
      else this.loader.forget(event.id);
    }
    if (event.kind === 'image' && event.session !== this.session) {
      if (image?.id === event.id) {
        // The version that is open may have got its mask.
        if (event.version >= image.server.version) void this.refresh(event.id);
      } else {
        this.loader.forget(event.id);
        void this.api.image(event.id).then(
          (detail) => this.queue.patch(event.id, summaryOf(detail)),
          () => undefined,
        );
      }
    }
  }
}

const hasEnded = ({ state }: Job): boolean => state !== 'running';

/** Pixels that an action changes at once. What a prediction gives comes with its answer. @returns whether there are any. */
function applyPixels(mask: MaskBitmap, action: Action): boolean {
  if (action.kind === 'clear') mask.clear();
  if (action.kind === 'paint') {
    if (action.remove) mask.paintRle(action.type, action.remove, 0);
    if (action.add) mask.paintRle(action.type, action.add, 1);
  }
  return action.kind === 'clear' || action.kind === 'paint';
}

/** What labelling changes of an image's line in the queue. What was seen of the image may be older here than in the line. */
function summaryOf({ version, state, review, types }: ImageDetail) {
  return { version, state, review, types };
}
