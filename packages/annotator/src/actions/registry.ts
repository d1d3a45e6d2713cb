/** All commands of the page, and which of them a key press means. */
import type { AppState } from '../state/store.ts';
import { type Command, type KeyPress, matches } from './command.ts';
import { IMAGE_COMMANDS } from './image-commands.ts';
import { TOOL_COMMANDS } from './tool-commands.ts';
import { VIEW_COMMANDS } from './view-commands.ts';

/** Tools first: while a polygon is drawn, Enter closes it and does not leave the image. */
export const COMMANDS: readonly Command[] = [...TOOL_COMMANDS, ...IMAGE_COMMANDS, ...VIEW_COMMANDS];

const byId = new Map(COMMANDS.map((command) => [command.id, command]));

/** @throws RangeError for an id that no command has. */
export function commandOf(id: string): Command {
  const command = byId.get(id);
  if (!command) throw new RangeError(`no command ${id}`);
  return command;
}

/** The first enabled command with that key. */
export function commandFor(press: KeyPress, state: AppState): Command | undefined {
  return COMMANDS.find((command) => command.keys.some((keys) => matches(keys, press)) && command.enabled(state));
}

/** What has the keyboard's focus, as far as keys are concerned. */
export type Focus = 'page' | 'text' | 'slider' | 'button';

/** Whether a key belongs to the focused control and not to the page. */
export function belongsToControl(focus: Focus, { key, ctrlKey, metaKey }: KeyPress): boolean {
  if (focus === 'text') return key !== 'Escape';
  if (focus === 'slider') return /^(Arrow|Page|Home|End)/.test(key);
  if (focus === 'button') return !ctrlKey && !metaKey && (key === 'Enter' || key === ' ');
  return false;
}
