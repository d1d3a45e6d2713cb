/** Sends key presses to commands. */
import type { App } from '../state/app.ts';
import { belongsToControl, commandFor, type Focus } from './registry.ts';

function focusOf(target: EventTarget | null): Focus {
  if (!(target instanceof HTMLElement)) return 'page';
  if (target instanceof HTMLInputElement && target.type === 'range') return 'slider';
  if (target.matches('input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]'))
    return 'text';
  if (target.matches('button, a[href], summary, input, [role=tab], [role=option]')) return 'button';
  return 'page';
}

/** Listens on the whole page. @returns a function that stops. */
export function listenToKeys(app: App): () => void {
  const down = (event: KeyboardEvent) => {
    const state = app.store.getState();
    if (event.defaultPrevented || state.dialog || state.merge) return;
    if (belongsToControl(focusOf(event.target), event)) return;
    const command = commandFor(event, state);
    if (!command) return;
    event.preventDefault();
    if (
      event.repeat &&
      !command.id.startsWith('cross.') &&
      !command.id.startsWith('view.') &&
      !command.id.startsWith('brush.')
    )
      return;
    void command.perform(app);
  };
  window.addEventListener('keydown', down);
  return () => window.removeEventListener('keydown', down);
}
