/** A button that stands for a command: icon, name, key and state all come from the registry. */
import { Tooltip } from 'radix-ui';
import { keyLabel } from '../actions/command.ts';
import { Icon } from '../actions/icons.tsx';
import { commandOf } from '../actions/registry.ts';
import { useApp, useAppState } from './context.ts';

export const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

interface Props {
  readonly id: string;
  /** Shows a text beside the icon. */
  readonly label?: string;
  readonly primary?: boolean;
  readonly side?: 'top' | 'bottom' | 'left' | 'right';
}

export function CommandButton({ id, label, primary = false, side = 'bottom' }: Props) {
  const app = useApp();
  const command = commandOf(id);
  const enabled = useAppState((state) => command.enabled(state));
  const pressed = useAppState((state) => command.pressed?.(state));
  const key = keyLabel(command.keys[0], isMac);
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>
        <button
          type="button"
          className={`command${primary ? ' primary' : ''}${label ? ' labelled' : ''}`}
          data-command={id}
          aria-label={command.name}
          aria-keyshortcuts={command.keys.map((keys) => keys.replace('Mod', isMac ? 'Meta' : 'Control')).join(' ')}
          aria-pressed={pressed}
          disabled={!enabled}
          // A press of the mouse leaves the keyboard's focus where it was, so that Enter keeps meaning "accept".
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => void command.perform(app)}
        >
          {command.icon && <Icon name={command.icon} />}
          {label && <span>{label}</span>}
        </button>
      </Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content className="tooltip" side={side} sideOffset={6} collisionPadding={8}>
          {command.name} <kbd>{key}</kbd>
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
