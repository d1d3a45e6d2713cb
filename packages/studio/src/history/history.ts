/**
 * An image's state as a fold over its events. Pure: no SQL, no HTTP, no model.
 *
 * Every event stores what it did as bitmaps to flip (XOR), so that it can be taken back without a model. A click's event is
 * stored before its mask is known; the mask comes as a second, separate record, the event's result. Results come in the order
 * of the events, so the state after every event is well defined.
 */
import { type Rle, xorRle } from '@adclick/core/geometry';
import { type Action, clicksMade } from '../api.ts';
import { fail } from '../errors.ts';
import { emptyRle, fitsRle, isEmptyRle, subtractRle, uniteRle } from './bitmaps.ts';
import { changeBetween, changed, type Face, type FaceChange, firstChange, inverse } from './face.ts';

/** Pixels to flip in one type's layer; type {@link REGION} stands for what the region in work contributed. */
export interface Flip {
  readonly type: number;
  readonly rle: Rle;
}

/** Layer number of the pixels that the region in work added to its type's layer. */
export const REGION = 0;

/** One event as it is stored. */
export interface LabelEvent {
  readonly version: number;
  readonly author: string;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly session: string | null;
  readonly action: StoredAction;
  /** What it did to the face, in order: one change, or those of the events that an undo takes back or a redo does again. */
  readonly changes: readonly FaceChange[];
  /** Versions that an undo takes back or a redo does again, oldest first. */
  readonly targets: readonly number[];
  /** Milliseconds of work that led to it. */
  readonly duration: number;
}

/** What users do, and what an import does. */
export type StoredAction = Action | { readonly kind: 'import'; readonly source: string };

/** What an event did to the bitmaps. */
export interface EventResult {
  readonly version: number;
  readonly flips: readonly Flip[];
  /** Nobody saw the mask, since the next event adjusts the same thing: both are one step of undo. */
  readonly joined: boolean;
}

/** An event whose mask is not known yet. */
export interface WaitingEvent {
  readonly event: LabelEvent;
  /** Right after it. */
  readonly face: Face;
  /** Whose layer its mask is for; null where it has none. */
  readonly type: number | null;
}

export interface LabelState {
  readonly version: number;
  /** Events up to this one have their results; later ones wait for the model. */
  readonly completed: number;
  /** Those later ones, oldest first. */
  readonly waiting: readonly WaitingEvent[];
  readonly face: Face;
  /** No empty ones. */
  readonly layers: ReadonlyMap<number, Rle>;
  /** Steps that undo takes back, last first to go; a step is one event or several joined ones. */
  readonly done: readonly (readonly number[])[];
  readonly undone: readonly (readonly number[])[];
}

/** An image that nobody has touched. */
export const freshState = (threshold: number): LabelState => ({
  version: 0,
  completed: 0,
  waiting: [],
  face: { clicks: [], activeType: null, threshold, state: 'todo', review: 'none' },
  layers: new Map(),
  done: [],
  undone: [],
});

/** The changes of an event: its own, or those of its targets. @param own the change of a target. */
export function changesOf(
  kind: StoredAction['kind'],
  targets: readonly number[],
  own: (version: number) => FaceChange,
): FaceChange[] {
  return kind === 'undo' ? targets.toReversed().map((version) => inverse(own(version))) : targets.map(own);
}

/** What the next event changes that leaves this face. */
export const changeTo = ({ version, face }: LabelState, after: Face): FaceChange =>
  version === 0 ? firstChange(face, after) : changeBetween(face, after);

/** The state after an event, before its result. */
export function applyEvent(state: LabelState, event: LabelEvent): LabelState {
  const { version, targets, changes } = event;
  const { kind } = event.action;
  const face = changes.reduce(changed, state.face);
  const type = face.activeType ?? state.face.activeType;
  const next = { ...state, version, face, waiting: [...state.waiting, { event, face, type }] };
  if (kind === 'undo') return { ...next, done: state.done.slice(0, -1), undone: [...state.undone, targets] };
  if (kind === 'redo') return { ...next, done: [...state.done, targets], undone: state.undone.slice(0, -1) };
  return { ...next, done: [...state.done, [version]], undone: [] };
}

function flip(layers: ReadonlyMap<number, Rle>, flips: readonly Flip[]): Map<number, Rle> {
  const next = new Map(layers);
  for (const { type, rle } of flips) {
    const layer = xorRle(next.get(type) ?? emptyRle(rle.width, rle.height), rle);
    if (isEmptyRle(layer)) next.delete(type);
    else next.set(type, layer);
  }
  return next;
}

/** The state after the result of the oldest event that waits. */
export function applyResult(state: LabelState, { version, flips, joined }: EventResult): LabelState {
  const next = {
    ...state,
    completed: version,
    waiting: state.waiting.slice(1),
    layers: flip(state.layers, flips),
  };
  if (!joined) return next;
  const at = state.done.findIndex((step) => step.includes(version));
  const [step, following] = [state.done[at], state.done[at + 1]];
  if (!step || !following) return next;
  return { ...next, done: [...state.done.slice(0, at), [...step, ...following], ...state.done.slice(at + 2)] };
}

/**
 * Goes on from a state with the events and results that follow. Results that are missing at the end wait for the model. An event's
 * result comes right after the next event, which it may be joined with, and before those that take both back.
 */
export function fold(
  from: LabelState,
  events: readonly LabelEvent[],
  results: ReadonlyMap<number, EventResult>,
): LabelState {
  let state = from;
  const completeBefore = (version: number) => {
    for (;;) {
      const result = results.get(state.completed + 1);
      if (!result || result.version >= version) return;
      state = applyResult(state, result);
    }
  };
  for (const event of events) {
    state = applyEvent(state, event);
    completeBefore(event.version);
  }
  completeBefore(Number.POSITIVE_INFINITY);
  return state;
}

/** What turns one set of layers into another. */
export function flipsBetween(before: ReadonlyMap<number, Rle>, after: ReadonlyMap<number, Rle>): Flip[] {
  const flips: Flip[] = [];
  for (const type of new Set([...before.keys(), ...after.keys()])) {
    const [from, to] = [before.get(type), after.get(type)];
    if (from === to) continue;
    const some = (from ?? to) as Rle;
    const none = emptyRle(some.width, some.height);
    const rle = xorRle(from ?? none, to ?? none);
    if (!isEmptyRle(rle)) flips.push({ type, rle });
  }
  return flips;
}

/** Both in a row. */
export function composeFlips(all: readonly (readonly Flip[])[]): Flip[] {
  let layers: ReadonlyMap<number, Rle> = new Map();
  for (const flips of all) layers = flip(layers, flips);
  return [...layers].map(([type, rle]) => ({ type, rle }));
}

/** The flips that a prediction makes: it replaces what the region in work contributed to its layer before. */
export function predictionFlips(layers: ReadonlyMap<number, Rle>, type: number, mask: Rle): Flip[] {
  const none = emptyRle(mask.width, mask.height);
  const others = subtractRle(layers.get(type) ?? none, layers.get(REGION) ?? none);
  const after = new Map(layers);
  after.set(type, uniteRle(others, mask));
  after.set(REGION, subtractRle(mask, others));
  return flipsBetween(layers, after);
}

/** What an action will do. */
export interface Plan {
  /** As {@link LabelEvent.changes}. */
  readonly changes: readonly FaceChange[];
  /** Undefined when a model has to say. */
  readonly flips: readonly Flip[] | undefined;
  readonly targets: readonly number[];
}

/** What an event did to face and bitmaps. */
export interface PastStep {
  readonly change: FaceChange;
  readonly flips: readonly Flip[];
}

/** What {@link planAction} has to know beside the state. */
export interface PlanContext {
  readonly width: number;
  readonly height: number;
  /** Types that may be used. */
  readonly types: ReadonlySet<number>;
  /** Threshold of a new region. */
  readonly threshold: number;
  /** What earlier versions did, for undo and redo. */
  readonly past: ReadonlyMap<number, PastStep>;
  /** The zero-click proposal, for acceptProposal. */
  readonly proposal?: Rle;
}

const refuse = (field: string, what: string) => fail('ADC_REQUEST', { field, what });

/** Whether a model has to answer; other actions wait until the masks before them are known. */
export const needsModel = ({ kind }: Action): boolean =>
  kind === 'click' || kind === 'clicks' || kind === 'moveClick' || kind === 'deleteClick' || kind === 'threshold';

/** Whether an action may be stored while earlier masks are still being computed: it goes on with the same region. */
export function mayOvertake({ face }: LabelState, action: Action): boolean {
  if (action.kind === 'click' || action.kind === 'clicks')
    return face.activeType === null || face.activeType === action.type;
  return needsModel(action);
}

/** Whether an action leaves nothing of the masks that wait: it may be done although no model can answer. */
export function takesBack({ waiting, done }: LabelState, action: Action): boolean {
  if (action.kind === 'clear') return true;
  if (action.kind === 'state') return action.state === 'good';
  return action.kind === 'undo' && waiting.every(({ event }) => done.at(-1)?.includes(event.version));
}

/** Plans an action on a state. @throws ADC_REQUEST naming the field that does not fit. */
export function planAction(state: LabelState, action: Action, context: PlanContext): Plan {
  const { width, height, types, past } = context;
  const { face, layers } = state;
  const none = emptyRle(width, height);
  const check = {
    type(type: number, field: string) {
      if (!types.has(type)) throw refuse(field, `there is no defect type ${type}`);
    },
    point(x: number, y: number, field: string) {
      if (x >= width || y >= height) throw refuse(field, `${x},${y} lies outside the image of ${width} x ${height}`);
    },
    bitmap(rle: Rle | null, field: string): Rle {
      if (!rle) return none;
      if (rle.width !== width || rle.height !== height)
        throw refuse(field, `the bitmap is ${rle.width} x ${rle.height}, the image ${width} x ${height}`);
      if (!fitsRle(rle)) throw refuse(`${field}.counts`, 'the runs are longer than the bitmap');
      return rle;
    },
    click(index: number) {
      if (index >= face.clicks.length)
        throw refuse('action.index', `there is no click ${index}, the region has ${face.clicks.length}`);
    },
  };
  const edited = (to: Face): Face => ({ ...to, review: 'none', state: to.state === 'good' ? 'defect' : to.state });
  const ended: Face = { ...face, clicks: [], activeType: null, threshold: context.threshold };
  const withoutRegion = () => {
    const map = new Map(layers);
    map.delete(REGION);
    return map;
  };
  const plan = (after: Face, flips: Plan['flips']): Plan => ({
    changes: [changeTo(state, after)],
    flips,
    targets: [],
  });
  /** A plan that ends the region in work and leaves these layers. */
  const settle = (after: Face, next: Map<number, Rle>): Plan => {
    for (const [type, rle] of next) if (isEmptyRle(rle)) next.delete(type);
    return plan(after, flipsBetween(layers, next));
  };
  const ask = (after: Face): Plan => plan(edited(after), undefined);

  switch (action.kind) {
    case 'click':
    case 'clicks': {
      const made = clicksMade(action);
      check.type(action.type, 'action.type');
      for (const [i, { x, y }] of made.entries())
        check.point(x, y, action.kind === 'click' ? 'action.click' : `action.clicks.${i}`);
      if (face.activeType === action.type) return ask({ ...face, clicks: [...face.clicks, ...made] });
      return ask({
        ...(face.activeType === null ? face : ended),
        clicks: made,
        activeType: action.type,
      });
    }
    case 'moveClick': {
      check.click(action.index);
      check.point(action.x, action.y, 'action');
      const moved = { ...face.clicks[action.index], x: action.x, y: action.y };
      return ask({ ...face, clicks: face.clicks.with(action.index, moved) });
    }
    case 'deleteClick': {
      check.click(action.index);
      const clicks = face.clicks.toSpliced(action.index, 1);
      return ask(clicks.length === 0 ? ended : { ...face, clicks });
    }
    case 'threshold': {
      const after = { ...face, threshold: action.value };
      return face.activeType === null ? plan(after, []) : ask(after);
    }
    case 'finishRegion':
      return settle(ended, withoutRegion());
    case 'paint': {
      check.type(action.type, 'action.type');
      const add = check.bitmap(action.add, 'action.add');
      const remove = check.bitmap(action.remove, 'action.remove');
      const next = withoutRegion();
      next.set(action.type, subtractRle(uniteRle(next.get(action.type) ?? none, add), remove));
      return settle(edited(ended), next);
    }
    case 'acceptProposal': {
      check.type(action.type, 'action.type');
      const next = withoutRegion();
      next.set(action.type, uniteRle(next.get(action.type) ?? none, context.proposal ?? none));
      return settle(edited(ended), next);
    }
    case 'clear':
      return settle(edited(ended), new Map());
    case 'changeType': {
      check.type(action.to, 'action.to');
      const next = withoutRegion();
      const moved = next.get(action.from);
      if (moved && action.from !== action.to) {
        next.delete(action.from);
        next.set(action.to, uniteRle(next.get(action.to) ?? none, moved));
      }
      return settle(edited(ended), next);
    }
    case 'state':
      // Good means that there is no defect, so no mask may stay behind.
      if (action.state === 'good') return settle({ ...ended, state: 'good', review: 'none' }, new Map());
      return plan({ ...face, state: action.state, review: 'none' }, []);
    case 'review':
      return plan({ ...face, review: action.review }, []);
    case 'undo':
    case 'redo': {
      const targets = (action.kind === 'undo' ? state.done : state.undone).at(-1);
      if (!targets) throw refuse('action.kind', `there is nothing to ${action.kind}`);
      const step = (version: number) => {
        const known = past.get(version);
        if (!known) throw new Error(`version ${version} is missing from the history`);
        return known;
      };
      const changes = changesOf(action.kind, targets, (version) => step(version).change);
      return { changes, flips: composeFlips(targets.map((version) => step(version).flips)), targets };
    }
  }
}
