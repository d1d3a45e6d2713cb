/** The line at the bottom: what is saved, zoom, and the pixel under the pointer. */
import { pixelAt } from '../geometry.ts';
import { CommandButton } from './command-button.tsx';
import { useAppParts, useAppState } from './context.ts';

function SavingState() {
  const { saving, online, merging, predicting } = useAppParts(({ saving, online, merge, image }) => ({
    saving,
    online,
    merging: merge !== null,
    predicting: image?.predicting ?? false,
  }));
  const waiting = `${saving.waiting} ${saving.waiting === 1 ? 'change' : 'changes'}`;
  const [tone, text] = merging
    ? (['warn', 'Waiting for your choice'] as const)
    : saving.state === 'offline' || !online
      ? (['warn', saving.waiting > 0 ? `Not connected, ${waiting} kept here` : 'Not connected'] as const)
      : saving.waiting > 0
        ? (['busy', predicting ? 'Computing the mask…' : 'Saving…'] as const)
        : (['fine', 'All saved'] as const);
  return (
    <output className={`saving ${tone}`} data-saving={saving.waiting === 0 ? 'saved' : saving.state} aria-live="polite">
      <span className="lamp" />
      {text}
    </output>
  );
}

function Coordinates() {
  const text = useAppState(({ pointer, cross, image }) => {
    const point = cross ?? pointer;
    const pixel = image && point ? pixelAt(point, image) : null;
    return pixel ? `x ${pixel.x}  y ${pixel.y}` : '';
  });
  return (
    <output className="coordinates" aria-label="Pixel under the pointer">
      {text}
    </output>
  );
}

export function StatusLine() {
  const percent = useAppState(({ view }) => Math.round(view.scale * 100));
  const user = useAppState(({ project }) => project?.user);
  return (
    <footer className="status">
      <SavingState />
      <span className="space" />
      <Coordinates />
      <CommandButton id="view.out" side="top" />
      <output className="zoom" aria-label="Zoom">
        {percent} %
      </output>
      <CommandButton id="view.in" side="top" />
      <CommandButton id="view.fit" side="top" />
      <CommandButton id="view.actual" side="top" />
      {user && <span className="quiet user">{user}</span>}
    </footer>
  );
}
