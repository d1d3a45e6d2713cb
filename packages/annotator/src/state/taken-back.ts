/** Which actions that wait on an image are taken back by later ones: they need not be sent at all. */
import type { Action } from 'adclick/api';

interface Waiting {
  readonly action: Action;
}

/** Actions that stand however the mask of their image is taken back. */
const LABELS: ReadonlySet<Action['kind']> = new Set(['state', 'review']);

/** Whether nothing of the mask is left by an action. */
const takesAll = (action: Action): boolean =>
  action.kind === 'clear' || (action.kind === 'state' && action.state === 'good');

/** What one more action takes back of those that wait on its image: an undo the newest, what removes the mask all that made it. */
export function takenBack<Item extends Waiting>(waiting: readonly Item[], by: Action): readonly Item[] {
  // An undo that waits is for what the server has: another one goes further back.
  if (by.kind === 'undo') return waiting.slice(-1).filter(({ action }) => action.kind !== 'undo');
  return takesAll(by) ? waiting.filter(({ action }) => !LABELS.has(action.kind)) : [];
}

/** Actions that wait on an image, without those that later ones take back. */
export function standing<Item extends Waiting>(waiting: readonly Item[]): readonly Item[] {
  // A redo needs what was undone before it.
  if (waiting.some(({ action }) => action.kind === 'redo')) return waiting;
  return waiting.reduce<readonly Item[]>((earlier, item) => {
    const gone = takenBack(earlier, item.action);
    const left = earlier.filter((other) => !gone.includes(other));
    return item.action.kind === 'undo' && gone.length > 0 ? left : [...left, item];
  }, []);
}
