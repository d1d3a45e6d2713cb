/** Which dialog is open, and the short ones: no defect, log in, keyboard shortcuts. */
import { counted } from 'adclick/api';
import { useState } from 'react';
import { type CommandGroup, keyLabel } from '../actions/command.ts';
import { COMMANDS } from '../actions/registry.ts';
import { wordsOf } from '../api/client.ts';
import { isMac } from './command-button.tsx';
import { CompareDialog } from './compare-dialog.tsx';
import { useApp, useAppParts, useAppState } from './context.ts';
import { Dialog } from './dialog.tsx';
import { JobsDialog } from './jobs-dialog.tsx';
import { MergeDialog } from './merge-dialog.tsx';
import { PromptsDialog } from './prompts-dialog.tsx';
import { RefusedDialog } from './refused-dialog.tsx';
import { TrainDialog } from './train-dialog.tsx';
import { TypesDialog } from './types-dialog.tsx';

const GROUPS: readonly CommandGroup[] = ['Label', 'Images', 'Tools', 'Keyboard clicks', 'View', 'Page'];

/** Made from the registry, so it never says something else than what the keys do. */
function ShortcutsDialog({ onClose }: { onClose(): void }) {
  return (
    <Dialog title="Keyboard shortcuts" wide onClose={onClose}>
      <div className="shortcuts">
        {GROUPS.map((group) => (
          <section key={group}>
            <h2>{group}</h2>
            <dl>
              {COMMANDS.filter((command) => command.group === group && !/^type\.[2-8]$/.test(command.id)).map(
                (command) => (
                  <div key={command.id}>
                    <dt>{command.name}</dt>
                    <dd>
                      {command.keys.map((keys) => (
                        <kbd key={keys}>{keyLabel(keys, isMac)}</kbd>
                      ))}
                    </dd>
                  </div>
                ),
              )}
            </dl>
          </section>
        ))}
      </div>
      <p className="quiet">
        Mouse: wheel zooms, middle button or Space moves the picture, right button takes away. Two fingers zoom and
        move.
      </p>
    </Dialog>
  );
}

function NoDefectDialog({ onClose }: { onClose(): void }) {
  const app = useApp();
  const { image, types } = useAppParts(({ image, types }) => ({ image, types }));
  const pixels = (image?.mask.types() ?? []).map((type) => {
    const name = types.find(({ id }) => id === type)?.name ?? type;
    return `${counted(image?.mask.area(type) ?? 0, 'pixel')} of ${name}`;
  });
  return (
    <Dialog title="No defect here?" onClose={onClose}>
      <p>
        The mask of this image holds {pixels.join(' and ')}. Marking the image as good removes it; undoing twice brings
        it back.
      </p>
      <div className="row end">
        <button type="button" onClick={onClose}>
          Keep the mask
        </button>
        <button type="button" className="primary" onClick={() => void app.noDefect(true)}>
          Remove it, no defect
        </button>
      </div>
    </Dialog>
  );
}

/** @param onClose absent where nothing can be done without logging in. */
function LoginDialog({ onClose }: { onClose?(): void }) {
  const app = useApp();
  const { saving, project, reason } = useAppParts(({ saving, project, loginReason }) => ({
    saving,
    project,
    reason: loginReason,
  }));
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState('');
  const enter = async () => {
    try {
      await app.api.login(token.trim());
      location.reload();
    } catch (error) {
      setProblem(wordsOf(error));
    }
  };
  return (
    <Dialog title="Log in" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void enter();
        }}
      >
        {reason && <p>{reason.replace(/\.?$/, '.')}</p>}
        <p>{reason ? '' : 'This server asks who you are. '}Whoever started the server can give you a token.</p>
        {saving.waiting > 0 && project && (
          <p>
            {counted(saving.waiting, 'change')} of {project.user} {saving.waiting === 1 ? 'is' : 'are'} kept in this
            browser and saved when {project.user} logs in here, and never under another name.
          </p>
        )}
        <label>
          Token
          <input
            type="password"
            autoComplete="current-password"
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
        </label>
        {problem && <p role="alert">{problem}</p>}
        <div className="row end">
          {reason && (
            <button type="button" onClick={() => location.reload()}>
              Reload the page
            </button>
          )}
          <button type="submit" className="primary" disabled={token.trim().length < 8}>
            Log in
          </button>
        </div>
      </form>
    </Dialog>
  );
}

export function Dialogs() {
  const app = useApp();
  const dialog = useAppState((state) => state.dialog);
  const merging = useAppState((state) => state.merge !== null);
  // Opened by somebody who is logged in, it can be left again.
  const mayWait = useAppState(({ loginReason }) => loginReason === null);
  const close = () => app.store.setState({ dialog: null });
  if (merging) return <MergeDialog />;
  switch (dialog) {
    case 'shortcuts':
      return <ShortcutsDialog onClose={close} />;
    case 'noDefect':
      return <NoDefectDialog onClose={close} />;
    case 'types':
      return <TypesDialog onClose={close} />;
    case 'prompts':
      return <PromptsDialog onClose={close} />;
    case 'train':
      return <TrainDialog onClose={close} />;
    case 'compare':
      return <CompareDialog onClose={close} />;
    case 'jobs':
      return <JobsDialog onClose={close} />;
    case 'refused':
      return <RefusedDialog onClose={close} />;
    case 'login':
      return <LoginDialog onClose={mayWait ? close : undefined} />;
    default:
      return null;
  }
}
