/** The line at the bottom: what is saved, zoom, and the pixel under the pointer. */
import { counted } from 'adclick/api';
import { pixelAt } from '../geometry.ts';
import type { Saving } from '../state/outbox.ts';
import { CommandButton } from './command-button.tsx';
import { useAppParts, useAppState } from './context.ts';

function savingWords(
  { state, waiting }: Saving,
  { online, known, predicting }: { online: boolean; known: boolean; predicting: boolean },
): readonly [string, string] {
  const kept = waiting > 0 ? `, ${counted(waiting, 'change')} kept here` : '';
  if (state === 'login') return ['warn', `Not logged in${kept}`];
  if (state === 'stuck') return ['warn', `Not saved${kept}`];
  if (state === 'offline' || !online) return ['warn', `Not connected${kept}`];
  if (waiting > 0) return ['busy', predicting ? 'Computing the mask…' : 'Saving…'];
  // Whose work it is has to be known before it can be said to be saved.
  return known ? ['fine', 'All saved'] : ['busy', 'Connecting…'];
}

function SavingState() {
  const { saving, merging, ...rest } = useAppParts(({ saving, online, project, merge, image }) => ({
    saving,
    online,
    known: project !== null,
    merging: merge !== null,
    predicting: image?.predicting ?? false,
  }));
  const [tone, text] = merging ? (['warn', 'Waiting for your choice'] as const) : savingWords(saving, rest);
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
