/**
 * Labelling: actions become events on the disk, clicks get their masks from the model, stale writes are refused.
 *
 * An event is durable before a model is asked. Masks are computed in the order of the events; an action that nobody waits for
 * any more is answered at once as superseded.
 */
import type { Rle } from '@adclick/core';
import type { Action, ActionAnswer, ActionRequest, HistoryEvent, Layer } from '../api.ts';
import { fail, toCoded } from '../errors.ts';
import { emptyRle } from '../history/bitmaps.ts';
import {
  applyEvent,
  applyResult,
  type EventResult,
  flipsBetween,
  type LabelClick,
  type LabelEvent,
  type LabelState,
  mayOvertake,
  needsModel,
  planAction,
  predictionFlips,
  REGION,
} from '../history/history.ts';
import type { Bus } from '../jobs/bus.ts';
import { Locks } from '../jobs/locks.ts';
import type { ImageRecord, ImageRepository } from '../store/images.ts';
import { type LabelRepository, StaleVersion } from '../store/labels.ts';
import type { TypeRepository } from '../store/types.ts';

/** What a mask is made of. */
export interface AskedMask {
  readonly clicks: readonly LabelClick[];
  readonly threshold: number;
  /** Name of the defect type. */
  readonly defect: string | undefined;
  /** When the last click was made, in milliseconds. */
  readonly since: number;
}

/** The model as labelling needs it. */
export interface Predictor {
  /** @throws why there can be no mask, when that is known: the click is then refused instead of stored. */
  check?(image: ImageRecord): void;
  /** @throws coded errors when there can be no mask, such as ADC_IMAGE_MISSING. */
  predict(image: ImageRecord, asked: AskedMask): Promise<Rle>;
  /** What the model sees unasked. */
  proposal(image: ImageRecord): Promise<Rle>;
}

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
/** States kept in memory. */
const CACHED = 256;

interface Settled {
  readonly superseded: boolean;
  readonly error?: unknown;
}

interface Waiter {
  readonly version: number;
  settle(outcome: Settled): void;
}

export class LabelService {
  private readonly cache = new Map<number, LabelState>();
  /** Whole actions of an image, one after another. */
  private readonly actions = new Locks();
  /** Reading the state, changing it and storing the change. */
  private readonly commits = new Locks();
  private readonly draining = new Map<number, Promise<void>>();
  private readonly waiters = new Map<number, Waiter[]>();
  /** The version whose mask is being computed. */
  private readonly running = new Map<number, number>();
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
    /** Notes which picture an event is about, before it is stored. */
    private readonly note: (image: ImageRecord) => Promise<void> = async () => undefined,
  ) {}

  /** @throws ADC_NOT_FOUND. */
  async image(id: number): Promise<ImageRecord> {
    const image = await this.images.find(id);
    if (!image) throw fail('ADC_NOT_FOUND', { what: `image ${id}` });
    return image;
  }

  /** The state of an image as it is stored; masks of the last clicks may still be missing. */
  async peek(id: number): Promise<LabelState> {
    const version = await this.labels.version(id);
    const known = this.cache.get(id);
    // Another process may have written.
    if (known && known.version === version) return known;
    const state = await this.labels.load(id, this.threshold);
    this.remember(id, state);
    return state;
  }

  /** The state of an image once the masks of all its clicks are there. Computes those that a crash has left out. */
  async state(id: number): Promise<LabelState> {
    for (;;) {
      const { version } = await this.peek(id);
      const state = await this.completed(id, version);
      if (state.completed >= state.version) return state;
    }
  }

  /** Waits until a version has its mask. A run that is about to end may have missed it, so it is looked at again. */
  private async completed(id: number, version: number): Promise<LabelState> {
    for (;;) {
      const state = await this.peek(id);
      if (state.completed >= version) return state;
      await this.drain(id);
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
   *   throws, in which case the event is kept with its mask unchanged.
   */
  async act(id: number, { base, action, session }: ActionRequest, actor: string): Promise<ActionAnswer> {
    const image = await this.image(id);
    const version = await this.actions.run(id, () => this.store(image, base, action, { name: actor, session }));
    const settled = await this.settled(id, version);
    if (settled.error !== undefined) throw settled.error;
    return this.answer(id, version, settled.superseded);
  }

  private async store(image: ImageRecord, base: number, action: Action, actor: Actor): Promise<number> {
    const { id } = image;
    const first = await this.peek(id);
    if (first.version !== base) throw new StaleWrite(id);
    if (needsModel(action)) this.predictor.check?.(image);
    if (!mayOvertake(first, action)) await this.state(id);
    const proposal = action.kind === 'acceptProposal' ? await this.predictor.proposal(image) : undefined;
    await this.note(image);
    const types = new Set((await this.types.list()).filter((type) => !type.archived).map((type) => type.id));
    return this.commits.run(id, async () => {
      const state = await this.peek(id);
      if (state.version !== base) throw new StaleWrite(id);
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
        before: state.face,
        after: plan.after,
        targets: plan.targets,
        duration: this.duration(id, actor.name),
      };
      await this.append(id, state, event, plan.flips);
      return event.version;
    });
  }

  private async append(id: number, state: LabelState, event: LabelEvent, flips: EventResult['flips'] | undefined) {
    const result = flips && { version: event.version, flips, joined: false };
    const stored = applyEvent(state, event);
    const next = result ? applyResult(stored, result) : stored;
    try {
      await this.labels.append(id, event, result, next);
    } catch (error) {
      this.cache.delete(id);
      if (error instanceof StaleVersion) throw new StaleWrite(id);
      throw error;
    }
    this.remember(id, next);
    const { version, author, session } = event;
    this.bus.emit({ kind: 'image', id, version, author, ...(session === null ? {} : { session }) });
    // Answers that nobody needs any more are not waited for.
    for (const waiter of this.waiters.get(id) ?? [])
      if (waiter.version !== this.running.get(id)) waiter.settle({ superseded: true });
  }

  /**
   * Replaces an image's whole mask, as imports do.
   * @param only whether types that are not given stay as they are. @returns the new version, and whether another mask was there before.
   * @throws StaleWrite when somebody acts on the image at the same moment.
   */
  async replaceLayers(
    id: number,
    layers: ReadonlyMap<number, Rle>,
    imageState: 'todo' | 'defect' | 'good',
    source: string,
    actor: string,
    only = false,
  ): Promise<{ version: number; replaced: boolean }> {
    return this.actions.run(id, async () => {
      await this.state(id);
      await this.note(await this.image(id));
      return this.commits.run(id, async () => {
        const state = await this.peek(id);
        const event: LabelEvent = {
          version: state.version + 1,
          author: actor,
          time: new Date().toISOString(),
          session: null,
          action: { kind: 'import', source },
          before: state.face,
          after: { clicks: [], activeType: null, threshold: this.threshold, state: imageState, review: 'none' },
          targets: [],
          duration: 0,
        };
        const kept = only ? [...state.layers].filter(([type]) => type !== REGION) : [];
        const flips = flipsBetween(state.layers, new Map([...kept, ...layers]));
        await this.append(id, state, event, flips);
        const replaced = flips.some(({ type }) => type !== REGION && state.layers.has(type));
        return { version: event.version, replaced };
      });
    });
  }

  private settled(id: number, version: number): Promise<Settled> {
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
      const state = this.cache.get(id);
      if (state && state.completed >= version) return resolve({ superseded: false });
      this.waiters.set(id, [...(this.waiters.get(id) ?? []), waiter]);
      this.completed(id, version).then(
        () => waiter.settle({ superseded: false }),
        (error) => waiter.settle({ superseded: false, error }),
      );
    });
  }

  /** Computes masks until none is missing. One run an image. */
  private drain(id: number): Promise<void> {
    const known = this.draining.get(id);
    if (known) return known;
    const run = this.drainAll(id).finally(() => this.draining.delete(id));
    this.draining.set(id, run);
    return run;
  }

  private async drainAll(id: number): Promise<void> {
    const image = await this.image(id);
    for (;;) {
      const state = await this.peek(id);
      if (state.completed >= state.version) return;
      const [event, next] = await this.labels.events(id, state.completed + 1);
      if (!event) throw new Error(`image ${id} has lost its event ${state.completed + 1}`);
      const joined = next !== undefined && adjustsTheSame(event.action, next.action);
      this.running.set(id, event.version);
      let mask: Rle | undefined;
      let error: unknown;
      try {
        if (!joined) mask = await this.predict(image, event);
      } catch (caught) {
        // A thread that died or is being stopped says nothing about the picture: the event waits for the next run.
        if (this.closing || isPassing(caught)) throw caught;
        error = caught;
      } finally {
        this.running.delete(id);
      }
      await this.complete(id, event, mask, joined);
      for (const waiter of this.waiters.get(id) ?? [])
        if (waiter.version === event.version)
          waiter.settle({ superseded: joined, ...(error === undefined ? {} : { error }) });
    }
  }

  private async predict(image: ImageRecord, { after, time }: LabelEvent): Promise<Rle> {
    if (after.clicks.length === 0) return emptyRle(image.width, image.height);
    const { clicks, threshold, activeType } = after;
    const defect = (await this.types.list()).find(({ id }) => id === activeType)?.name;
    const mask = await this.predictor.predict(image, { clicks, threshold, defect, since: Date.parse(time) });
    if (mask.width === image.width && mask.height === image.height) return mask;
    const size = ({ width, height }: { width: number; height: number }) => `${width} x ${height}`;
    throw fail('ADC_MASK_SIZE', { path: image.path, got: size(mask), want: size(image) });
  }

  private async complete(id: number, event: LabelEvent, mask: Rle | undefined, joined: boolean): Promise<void> {
    await this.commits.run(id, async () => {
      const state = await this.peek(id);
      if (state.completed >= event.version) return;
      const type = event.after.activeType ?? event.before.activeType;
      const flips = mask && type !== null ? predictionFlips(state.layers, type, mask) : [];
      const result: EventResult = { version: event.version, flips, joined };
      const next = applyResult(state, result);
      try {
        await this.labels.complete(id, result, next);
        this.remember(id, next);
      } catch (error) {
        this.cache.delete(id);
        // Another process has done the same work.
        if (!(error instanceof StaleVersion)) throw error;
      }
    });
    const { version, author, session } = event;
    const newest = this.cache.get(id)?.version ?? version;
    this.bus.emit({ kind: 'image', id, version: newest, author, ...(session === null ? {} : { session }) });
  }

  private async answer(id: number, version: number, superseded: boolean): Promise<ActionAnswer> {
    const state = await this.peek(id);
    const late = superseded || state.version > version;
    return {
      version,
      layers: late && superseded ? [] : await this.changedLayers(id, version, state),
      ...faceOf(state),
      superseded: late,
    };
  }

  /** Layers that an event changed, as they are now. */
  private async changedLayers(id: number, version: number, state: LabelState): Promise<Layer[]> {
    const image = await this.image(id);
    const results = await this.labels.results(id, version);
    const types = new Set([...results.values()].flatMap(({ flips }) => flips.map(({ type }) => type)));
    types.delete(REGION);
    return [...types].map((type) => ({
      type,
      rle: mutable(state.layers.get(type) ?? emptyRle(image.width, image.height)),
    }));
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

  private remember(id: number, state: LabelState): void {
    this.cache.delete(id);
    this.cache.set(id, state);
    if (this.cache.size > CACHED) this.cache.delete(this.cache.keys().next().value as number);
  }

  /** Waits for what is being stored; masks that are missing are computed when the image is opened again. */
  async close(): Promise<void> {
    this.closing = true;
    await Promise.allSettled([...this.draining.values()]);
  }
}

/** Failures of the computer, not of the picture. */
function isPassing(error: unknown): boolean {
  const { code, status } = toCoded(error);
  return status >= 500 || code === 'ADC_INDEX_MISSING' || code === 'ADC_CANCELLED';
}

/** The API's runs are mutable arrays. */
const mutable = ({ width, height, counts }: Rle) => ({ width, height, counts: [...counts] });

const adjustsTheSame = (a: LabelEvent['action'], b: LabelEvent['action']): boolean =>
  (a.kind === 'threshold' && b.kind === 'threshold') ||
  (a.kind === 'moveClick' && b.kind === 'moveClick' && a.index === b.index);

/** The small part of a state, as the API says it. */
export function faceOf({ face, done, undone }: LabelState) {
  const { clicks, activeType, threshold, state, review } = face;
  return {
    clicks: clicks.map((click) => ({ ...click })),
    activeType,
    threshold,
    state,
    review,
    canUndo: done.length > 0,
    canRedo: undone.length > 0,
  };
}

/** All layers of a state, as the API says them. */
export const layersOf = ({ layers }: LabelState): Layer[] =>
  [...layers]
    .filter(([type]) => type !== REGION)
    .sort(([a], [b]) => a - b)
    .map(([type, rle]) => ({ type, rle: mutable(rle) }));
