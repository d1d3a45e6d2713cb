/**
 * Labelling: actions become events on the disk, clicks get their masks from the model, stale writes are refused.
 *
 * The mask of an event is computed while the event is written, and neither kept nor told before that is durable. Masks are computed in the
 * order of the events; an action that nobody waits for any more is answered at once as superseded.
 */
import type { Rle } from '@adclick/core/geometry';
import { CodedError } from '@adclick/ortgrad';
import type { Action, ActionAnswer, ActionRequest, Candidates, DefectType, HistoryEvent, Layer } from '../api.ts';
import { fail, toCoded } from '../errors.ts';
import { emptyRle } from '../history/bitmaps.ts';
import type { Face } from '../history/face.ts';
import {
  applyEvent,
  applyResult,
  changeTo,
  type EventResult,
  type Flip,
  flipsBetween,
  type LabelEvent,
  type LabelState,
  mayOvertake,
  needsModel,
  planAction,
  predictionFlips,
  REGION,
  takesBack,
  type WaitingEvent,
} from '../history/history.ts';
import type { Bus } from '../jobs/bus.ts';
import { Locks } from '../jobs/locks.ts';
import { whileWanted } from '../jobs/progress.ts';
import type { ImageRecord, ImageRepository } from '../store/images.ts';
import { type LabelRepository, StaleVersion, type StoredImage } from '../store/labels.ts';
import type { TypeRepository } from '../store/types.ts';
import { Masks, type Predictor } from './masks.ts';
import { faceOf, layerOf } from './shown.ts';
import { States } from './states.ts';

/** Who acts, and from which open page. */
export interface Actor {
  readonly name: string;
  readonly session?: string;
}

/** An action on a version that is no longer the newest. */
export class StaleWrite extends Error {
  constructor(readonly image: number) {
    super(`image ${image} has changed`);
  }
}

/** Milliseconds without an event after which somebody is taken to have been away. */
const AWAY_MS = 120_000;

interface Settled {
  readonly superseded: boolean;
  readonly error?: unknown;
  /** What the mask changed, where this process computed it. */
  readonly flips?: readonly Flip[];
}

/** Results that end the clicks that wait for their masks without any. */
const withoutMasks = ({ waiting }: LabelState): EventResult[] =>
  waiting.map(({ event: { version } }) => ({ version, flips: [], joined: false }));

interface Waiter {
  readonly version: number;
  settle(outcome: Settled): void;
}

export class LabelService {
  private readonly states: States;
  private readonly masks: Masks;
  /** Whole actions of an image, one after another. */
  private readonly actions = new Locks();
  /** Reading the state, changing it and storing the change. */
  private readonly commits = new Locks();
  private readonly draining = new Map<number, Promise<void>>();
  private readonly waiters = new Map<number, Waiter[]>();
  /** The version whose mask is being computed. */
  private readonly running = new Map<number, number>();
  /** Masks that are being computed of the events that are being stored. */
  private readonly begun = new Map<number, { readonly version: number; readonly mask: Promise<Rle> }>();
  private readonly lastSeen = new Map<string, number>();
  private closing = false;

  constructor(
    private readonly images: ImageRepository,
    private readonly labels: LabelRepository,
    private readonly types: TypeRepository,
    private readonly predictor: Predictor,
    private readonly bus: Bus,
    /** Probability above which a pixel of a new region belongs to the defect. */
    private readonly threshold: number,
    /** Which file an image is now, as text. @param before what was stored of it last. */
    private readonly contentNow: (image: ImageRecord, before: string | null) => Promise<string | null> = async (
      _,
      before,
    ) => before,
  ) {
    this.states = new States(labels, threshold);
    this.masks = new Masks(types, predictor);
  }

  /** @throws ADC_NOT_FOUND. */
  async image(id: number): Promise<ImageRecord> {
    const image = await this.images.find(id);
    if (!image) throw fail('ADC_NOT_FOUND', { what: `image ${id}` });
    return image;
  }

  private async find(id: number): Promise<StoredImage> {
    const found = await this.labels.find(id);
    if (!found) throw fail('ADC_NOT_FOUND', { what: `image ${id}` });
    return found;
  }

  /** The state of an image as it is stored; masks of the last clicks may still be missing. */
  peek(id: number): Promise<LabelState> {
    return this.states.stored(id);
  }

  /** The state of an image once the masks of all its clicks are there. Computes those that a crash or a fault has left out. */
  async state(id: number): Promise<LabelState> {
    const image = await this.image(id);
    for (;;) {
      const { version } = await this.peek(id);
      const state = await this.completed(image, version);
      if (state.completed >= state.version) return state;
    }
  }

  /** Waits until a version has its mask. A run that is about to end may have missed it, so it is looked at again. */
  private async completed(image: ImageRecord, version: number): Promise<LabelState> {
    for (;;) {
      const state = await this.states.remembered(image.id);
      if (state.completed >= version) return state;
      await this.drain(image);
    }
  }

  /** Computes masks that are missing in a category, as those of clicks that were made before its model was there. */
  async resume(category: string): Promise<void> {
    for (const id of await this.labels.waiting(category)) {
      if (this.closing) return;
      try {
        await this.state(id);
      } catch (error) {
        // It will be the same for the others. The category is opened again, or its images are looked at.
        if (isPassing(error)) return;
        throw error;
      }
    }
  }

  /** Notes that somebody looks at an image now, so that the time until the first action is counted. */
  look(id: number, actor: string): void {
    this.lastSeen.set(`${actor}\n${id}`, Date.now());
    if (this.lastSeen.size > 10_000) this.lastSeen.delete(this.lastSeen.keys().next().value as string);
  }

  /**
   * Does one action. When it returns, its event is on the disk, and its mask is known or superseded.
   * @throws StaleWrite when `base` is not the newest version; ADC_REQUEST when the action does not fit the image; what the model
   *   throws, with `stored` in its details: the event is kept with its mask unchanged.
   */
  async act(id: number, { base, action, session }: ActionRequest, actor: string): Promise<ActionAnswer> {
    const stored = await this.actions.run(id, () => this.store(id, base, action, { name: actor, session }));
    const settled = await this.settled(stored.image, stored.version);
    if (settled.error !== undefined) throw this.withoutMask(stored.version, settled.error);
    return this.answer(stored.image, stored.version, { flips: stored.flips, ...settled });
  }

  /** Why an action has no mask, with the version under which it is stored all the same, where that is certain. */
  private withoutMask(version: number, error: unknown): unknown {
    const { code, message, next, exit, status, passing, details } = toCoded(error);
    // A database that fails may have lost it; a server that ends has the page ask again.
    if (this.closing || code.startsWith('ADC_DATABASE')) return error;
    return new CodedError(
      code,
      message,
      next,
      exit,
      status,
      { ...details, stored: version },
      { cause: error, passing },
    );
  }

  private async store(id: number, base: number, action: Action, actor: Actor) {
    const found = await this.find(id);
    const { image } = found;
    const first = await this.states.stored(id, found);
    if (first.version !== base) throw new StaleWrite(id);
    if (needsModel(action)) this.predictor.check?.(image);
    const goesOn = mayOvertake(first, action);
    if (!goesOn) await this.settleBefore(image, (state) => takesBack(state, action));
    const proposal = action.kind === 'acceptProposal' ? await this.predictor.proposal(image) : undefined;
    const content = await this.contentNow(image, found.content);
    const known = await this.types.list();
    const types = new Set(known.filter((type) => !type.archived).map((type) => type.id));
    return this.commits.run(id, async () => {
      const before = await this.states.remembered(id);
      if (before.version !== base) throw new StaleWrite(id);
      // Where masks are missing still, nothing of them is to be left; see settleBefore.
      const ended = goesOn ? [] : withoutMasks(before);
      const state = ended.reduce(applyResult, before);
      const steps = { undo: state.done, redo: state.undone } as const;
      const targets = action.kind === 'undo' || action.kind === 'redo' ? (steps[action.kind].at(-1) ?? []) : [];
      const plan = planAction(state, action, {
        width: image.width,
        height: image.height,
        threshold: this.threshold,
        types,
        past: await this.labels.past(id, targets),
        ...(proposal ? { proposal } : {}),
      });
      const event: LabelEvent = {
        version: base + 1,
        author: actor.name,
        time: new Date().toISOString(),
        session: actor.session ?? null,
        action,
        changes: plan.changes,
        targets: plan.targets,
        duration: this.duration(id, actor.name),
      };
      // What waits already comes first, and may make this one's mask needless.
      if (!plan.flips && state.waiting.length === 0) this.begin(image, applyEvent(state, event).waiting[0], known);
      try {
        await this.append(found, state, event, plan.flips, content, ended);
      } catch (error) {
        this.begun.delete(id);
        throw error;
      }
      return { image, version: event.version, ...(plan.flips ? { flips: plan.flips } : {}) };
    });
  }

  /** Has the mask of an event computed that is about to be stored. */
  private begin(image: ImageRecord, waiting: WaitingEvent, types: readonly DefectType[]): void {
    const mask = this.masks.mask(image, waiting, types);
    // Whoever stores the mask meets its failure; without the event nobody needs it.
    mask.catch(() => undefined);
    this.begun.set(image.id, { version: waiting.event.version, mask });
  }

  /** The mask of a stored event that has none. */
  private mask(image: ImageRecord, waiting: WaitingEvent): Promise<Rle> {
    const begun = this.begun.get(image.id);
    return begun?.version === waiting.event.version ? begun.mask : this.masks.mask(image, waiting);
  }

  /**
   * Waits for the masks of the clicks before an action.
   * @param needless whether nothing of them is left by it: those that no model can compute now may be missing then.
   */
  private async settleBefore(image: ImageRecord, needless: (state: LabelState) => boolean): Promise<void> {
    try {
      await this.state(image.id);
    } catch (error) {
      if (!isPassing(error) || !needless(await this.states.remembered(image.id))) throw error;
    }
  }

  /** @param state before the event. @param ended results that lead to that state and are stored with the event. */
  private async append(
    { image: { id }, content: before }: StoredImage,
    state: LabelState,
    event: LabelEvent,
    flips: readonly Flip[] | undefined,
    content: string | null,
    ended: readonly EventResult[],
  ) {
    const results = flips ? [{ version: event.version, flips, joined: false }] : [];
    const next = results.reduce(applyResult, applyEvent(state, event));
    const note = content === null || content === before ? undefined : content;
    await this.guarded(id, () => this.labels.append(id, event, [...ended, ...results], next, note));
    this.states.keep(id, next);
    const { version, author, session } = event;
    this.bus.emit({ kind: 'image', id, version, author, ...(session === null ? {} : { session }) });
    for (const { version } of ended) this.tell(id, version, { superseded: true });
    // Answers that nobody needs any more are not waited for.
    for (const waiter of this.waiters.get(id) ?? [])
      if (waiter.version !== this.running.get(id)) waiter.settle({ superseded: true });
  }

  /** Writes; what is remembered is forgotten where that failed. @throws StaleWrite where something else was stored meanwhile. */
  private async guarded(id: number, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      this.states.forget(id);
      if (error instanceof StaleVersion) throw new StaleWrite(id);
      throw error;
    }
  }

  /**
   * Replaces an image's whole mask, as imports do.
   * @param only whether types that are not given stay as they are. Masks of clicks are waited for then, as long as the signal allows;
   *   else clicks whose masks are not there yet end without them, also where the import is undone.
   * @returns the new version, and whether another mask was there before.
   * @throws StaleWrite when somebody acts on the image at the same moment.
   */
  async replaceLayers(
    id: number,
    layers: ReadonlyMap<number, Rle>,
    imageState: 'todo' | 'defect' | 'good',
    source: string,
    actor: string,
    { only = false, signal }: { readonly only?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<{ version: number; replaced: boolean }> {
    return this.actions.run(id, async () => {
      const found = await this.find(id);
      if (only) await whileWanted(this.state(id), signal);
      const content = await this.contentNow(found.image, found.content);
      return this.commits.run(id, async () => {
        const before = await this.peek(id);
        const ended = only ? [] : withoutMasks(before);
        const state = ended.reduce(applyResult, before);
        const after: Face = {
          ...{ clicks: [], activeType: null, threshold: this.threshold },
          ...{ state: imageState, review: 'none' },
        };
        const event: LabelEvent = {
          version: state.version + 1,
          author: actor,
          time: new Date().toISOString(),
          session: null,
          action: { kind: 'import', source },
          changes: [changeTo(state, after)],
          targets: [],
          duration: 0,
        };
        const kept = only ? [...state.layers].filter(([type]) => type !== REGION) : [];
        const flips = flipsBetween(state.layers, new Map([...kept, ...layers]));
        await this.append(found, state, event, flips, content, ended);
        const replaced = flips.some(({ type }) => type !== REGION && state.layers.has(type));
        return { version: event.version, replaced };
      });
    });
  }

  private settled(image: ImageRecord, version: number): Promise<Settled> {
    const { id } = image;
    return new Promise((resolve) => {
      const waiter: Waiter = {
        version,
        settle: (outcome) => {
          const others = (this.waiters.get(id) ?? []).filter((other) => other !== waiter);
          if (others.length > 0) this.waiters.set(id, others);
          else this.waiters.delete(id);
          resolve(outcome);
        },
      };
      const state = this.states.known(id);
      if (state && state.completed >= version) return resolve({ superseded: false });
      this.waiters.set(id, [...(this.waiters.get(id) ?? []), waiter]);
      this.completed(image, version).then(
        () => waiter.settle({ superseded: false }),
        (error) => waiter.settle({ superseded: false, error }),
      );
    });
  }

  /** Computes masks until none is missing. One run an image. */
  private drain(image: ImageRecord): Promise<void> {
    const known = this.draining.get(image.id);
    if (known) return known;
    const run = this.drainAll(image).finally(() => this.draining.delete(image.id));
    this.draining.set(image.id, run);
    return run;
  }

  private async drainAll(image: ImageRecord): Promise<void> {
    const { id } = image;
    for (;;) {
      const [waiting, next] = (await this.states.remembered(id)).waiting;
      if (!waiting) return;
      const { event } = waiting;
      const joined = next !== undefined && adjustsTheSame(event.action, next.event.action);
      this.running.set(id, event.version);
      let mask: Rle | undefined;
      let error: unknown;
      try {
        if (!joined) mask = await this.mask(image, waiting);
      } catch (caught) {
        // A thread that died or an index that is missing says nothing about the picture: the event waits for the next run.
        if (this.closing || isPassing(caught)) throw caught;
        error = caught;
      } finally {
        this.running.delete(id);
        // Where it failed for a passing reason the next run asks anew.
        this.begun.delete(id);
      }
      const flips = await this.complete(id, waiting, mask, joined);
      const outcome = { superseded: joined, ...(flips && { flips }), ...(error !== undefined && { error }) };
      this.tell(id, event.version, outcome);
    }
  }

  /** Answers those who wait for a version. */
  private tell(id: number, version: number, outcome: Settled): void {
    for (const waiter of this.waiters.get(id) ?? []) if (waiter.version === version) waiter.settle(outcome);
  }

  /** Stores what an event did to the bitmaps. @returns undefined where another process has done the same work. */
  private async complete(id: number, { event, type }: WaitingEvent, mask: Rle | undefined, joined: boolean) {
    const flips = await this.commits.run(id, async () => {
      const { completed, layers } = await this.states.remembered(id);
      if (completed >= event.version) return undefined;
      const flips = mask && type !== null ? predictionFlips(layers, type, mask) : [];
      try {
        await this.storeResult(id, event.version, flips, joined);
        return flips;
      } catch (error) {
        if (!(error instanceof StaleWrite)) throw error;
        return undefined;
      }
    });
    const { version, author } = event;
    // The page that asked hears it by its answer; one whose answer was a fault, or that was gone, as others do.
    const newest = this.states.known(id)?.version ?? version;
    const late = newest === version && !this.waiters.get(id)?.some((waiter) => waiter.version === version);
    const session = late ? null : event.session;
    this.bus.emit({ kind: 'image', id, version: newest, author, ...(session === null ? {} : { session }) });
    return flips;
  }

  private async storeResult(id: number, version: number, flips: readonly Flip[], joined: boolean): Promise<void> {
    const result: EventResult = { version, flips, joined };
    const next = applyResult(await this.states.remembered(id), result);
    await this.guarded(id, () => this.labels.complete(id, result, next));
    this.states.keep(id, next);
  }

  private async answer(image: ImageRecord, version: number, { superseded, flips }: Settled): Promise<ActionAnswer> {
    const state = await this.states.remembered(image.id);
    const late = superseded || state.version > version;
    return {
      version,
      layers: superseded ? [] : await this.changedLayers(image, version, state, flips),
      ...faceOf(state),
      superseded: late,
    };
  }

  /** Layers that an event changed, as they are now. */
  private async changedLayers(
    image: ImageRecord,
    version: number,
    state: LabelState,
    known: readonly Flip[] | undefined,
  ): Promise<Layer[]> {
    const flips = known ?? (await this.labels.results(image.id, version, version)).get(version)?.flips ?? [];
    const types = new Set(flips.map(({ type }) => type));
    types.delete(REGION);
    return [...types].map((type) => layerOf(type, state.layers.get(type) ?? emptyRle(image.width, image.height)));
  }

  /** What the model would add to the region in work after its clicks. @throws ADC_NOT_FOUND, ADC_IMAGE_… */
  async candidates(id: number): Promise<Candidates> {
    return this.masks.candidates(await this.image(id), await this.peek(id));
  }

  /** Every event of an image, oldest first; undone ones are marked. @throws ADC_NOT_FOUND. */
  async history(id: number): Promise<{ events: HistoryEvent[] }> {
    await this.image(id);
    const { done } = await this.peek(id);
    const active = new Set(done.flat());
    const events = await this.labels.events(id);
    return {
      events: events.map(({ version, author, time, action }) => ({
        ...{ version, author, time, action },
        active: active.has(version) || action.kind === 'undo' || action.kind === 'redo',
      })),
    };
  }

  private duration(id: number, actor: string): number {
    const key = `${actor}\n${id}`;
    const now = Date.now();
    const spent = now - (this.lastSeen.get(key) ?? now);
    this.look(id, actor);
    return spent < AWAY_MS ? spent : 0;
  }

  /** Waits for what is being stored; masks that are missing are computed when the image is opened again. */
  async close(): Promise<void> {
    this.closing = true;
    await Promise.allSettled([...this.draining.values()]);
  }
}

/** Whether it says nothing about the picture: the mask may be computed later. */
const isPassing = (error: unknown): boolean => toCoded(error).passing !== undefined;

const adjustsTheSame = (a: LabelEvent['action'], b: LabelEvent['action']): boolean =>
  (a.kind === 'threshold' && b.kind === 'threshold') ||
  (a.kind === 'moveClick' && b.kind === 'moveClick' && a.index === b.index);
