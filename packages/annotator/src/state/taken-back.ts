/**
 * Which actions that wait on an image are taken back by later ones: they need not be sent at all, and wait again when what took them back is
 * undone.
 */
import type { Action } from 'adclick/api';

interface Waiting {
  readonly image: number;
  readonly action: Action;
}

/** Actions that stand however the mask of their image is taken back. */
const LABELS: ReadonlySet<Action['kind']> = new Set(['state', 'review']);

/** Whether nothing of the mask is left by an action. */
const takesAll = (action: Action): boolean =>
  action.kind === 'clear' || (action.kind === 'state' && action.state === 'good');

/** True when the newer action makes an older one that still waits needless. The server may make one step of undo of the two. */
export function replaces(newer: Action, older: Action): boolean {
  if (newer.kind === 'threshold') return older.kind === 'threshold';
  return newer.kind === 'moveClick' && older.kind === 'moveClick' && newer.index === older.index;
}

/** What one more action takes back of those that wait on its image: an undo the newest, what removes the mask all that made it. */
export function takenBack<Item extends Waiting>(waiting: readonly Item[], by: Action): readonly Item[] {
  // An undo that waits is for what the server has: another one goes further back.
  if (by.kind === 'undo') return waiting.slice(-1).filter(({ action }) => action.kind !== 'undo');
  return takesAll(by) ? waiting.filter(({ action }) => !LABELS.has(action.kind)) : [];
}

/** Actions that wait on an image, without the undos among them that take one of them back, and what those take back. */
function withoutUndone<Item extends Waiting>(waiting: readonly Item[]): readonly Item[] {
  const left: Item[] = [];
  for (const item of waiting) {
    if (item.action.kind === 'undo' && takenBack(left, item.action).length > 0) left.pop();
    else left.push(item);
  }
  return left;
}

/** What undos would take back after these actions, the next one last; none where the steps of the server are not certain. */
function undoable<Item extends Waiting>(actions: readonly Item[]): readonly Item[] {
  let steps: Item[] = [];
  for (const item of actions) {
    const { action } = item;
    const newest = steps.at(-1)?.action;
    if (action.kind === 'undo') steps.pop();
    else if (action.kind === 'redo' || (newest && replaces(action, newest))) steps = [];
    else steps.push(item);
  }
  return steps;
}

/** What undos have wait again: the server has never had what was let go of, and brings nothing of it back. */
export class Undos<Item extends Waiting> {
  /** What each action took back. */
  private readonly taken = new WeakMap<Item, readonly Item[]>();
  /** Steps of undo that the server has, by image, from the first on that took anything back. */
  private readonly saved = new Map<number, readonly Item[]>();

  /** What an action took back, oldest first. */
  takenBy(by: Item | undefined): readonly Item[] {
    return (by && this.taken.get(by)) ?? [];
  }

  /** Remembers what an action has taken back. What it took back before is younger: what was in flight then goes last. */
  note(by: Item, items: readonly Item[]): void {
    if (items.length > 0) this.taken.set(by, [...items, ...this.takenBy(by)]);
  }

  /** Actions that wait on an image, without those that later ones take back. What is taken back by others than undos is remembered. */
  standing(waiting: readonly Item[]): readonly Item[] {
    // A redo needs what was undone before it.
    if (waiting.some(({ action }) => action.kind === 'redo')) return waiting;
    // Undos first: what removed the mask and was undone itself has taken nothing back.
    return withoutUndone(waiting).reduce<readonly Item[]>((earlier, item) => {
      const gone = takenBack(earlier, item.action);
      this.note(item, gone);
      return [...earlier.filter((other) => !gone.includes(other)), item];
    }, []);
  }

  /** What waits again after one more undo. @param waiting on the image. */
  waitsAgain(image: number, waiting: readonly Item[]): readonly Item[] {
    return this.takenBy(undoable([...(this.saved.get(image) ?? []), ...waiting]).at(-1));
  }

  /** The server has this action. */
  arrived(item: Item): void {
    const steps = undoable([...(this.saved.get(item.image) ?? []), item]);
    const first = steps.findIndex((step) => this.taken.has(step));
    if (first < 0) this.saved.delete(item.image);
    else this.saved.set(item.image, steps.slice(first));
  }

  /** Somebody else has gone on with the image: an undo is for that now. */
  forget(image: number): void {
    this.saved.delete(image);
  }
}
