/** A command of the page: one object from which toolbar, keyboard, shortcut sheet and tests take what they need. */
import type { App } from '../state/app.ts';
import type { AppState } from '../state/store.ts';
import type { IconName } from './icons.tsx';

export type CommandGroup = 'Images' | 'Label' | 'Tools' | 'Keyboard clicks' | 'View' | 'Page';

export interface Command {
  /** Stable name, such as `image.next`. */
  readonly id: string;
  /** What it does, as a person would say it. */
  readonly name: string;
  readonly group: CommandGroup;
  /** Such as `N`, `Mod+Z` (Ctrl, on a Mac Command), `Shift+Tab`, `?`. The first is shown. */
  readonly keys: readonly string[];
  readonly icon?: IconName;
  enabled(state: AppState): boolean;
  /** For switches and tools: whether it is on. */
  pressed?(state: AppState): boolean;
  perform(app: App): void | Promise<void>;
}

/** The parts of a key event that matter. */
export type KeyPress = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey'>;

/** Whether a key event is the one that a text such as `Mod+Shift+Z` means. */
export function matches(keys: string, press: KeyPress): boolean {
  // "+" is itself a key.
  const parts = keys === '+' ? ['+'] : keys.endsWith('++') ? [...keys.slice(0, -2).split('+'), '+'] : keys.split('+');
  const key = parts.pop() as string;
  const wants = (name: string) => parts.includes(name);
  const isLetter = /^[a-z]$/i.test(key);
  const pressed = press.key === ' ' ? 'Space' : press.key;
  if (isLetter ? pressed.toLowerCase() !== key.toLowerCase() : pressed !== key) return false;
  // Signs need Shift or AltGr (which reads as Ctrl and Alt together) on some keyboards and not on others.
  const isSign = key.length === 1 && !isLetter && !/[0-9]/.test(key);
  if (isSign && press.ctrlKey && press.altKey) return parts.length === 0;
  if (wants('Mod') !== (press.ctrlKey || press.metaKey)) return false;
  if (wants('Alt') !== press.altKey) return false;
  return isSign || wants('Shift') === press.shiftKey;
}

const SHOWN: Readonly<Record<string, string>> = {
  ArrowLeft: '←',
  ArrowRight: '→',
  ArrowUp: '↑',
  ArrowDown: '↓',
  PageUp: 'Page up',
  PageDown: 'Page down',
  Escape: 'Esc',
  Delete: 'Del',
};

/** A key as people read it. @param mac whether the keyboard has a Command key. */
export function keyLabel(keys: string, mac: boolean): string {
  if (keys === '+') return '+';
  return keys
    .split('+')
    .map((part) => (part === 'Mod' ? (mac ? '⌘' : 'Ctrl') : (SHOWN[part] ?? part)))
    .join(mac ? ' ' : '+');
}
