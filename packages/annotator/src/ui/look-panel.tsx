/** Threshold of the region in work, and how picture and mask look. */
import { autoWindow } from '../canvas/auto-window.ts';
import type { Looks } from '../state/store.ts';
import { CommandButton } from './command-button.tsx';
import { useApp, useAppParts } from './context.ts';
import { Slider } from './slider.tsx';

const MOST = 65_535;
const percent = (value: number) => `${Math.round(100 * value)} %`;

function Threshold() {
  const app = useApp();
  const image = useAppParts(({ image }) => image);
  const clicks = image?.facts.clicks.length ?? 0;
  return (
    <Slider
      label="Threshold"
      text={percent(image?.facts.threshold ?? 0.5)}
      value={image?.facts.threshold ?? 0.5}
      least={0.02}
      most={0.98}
      step={0.01}
      disabled={clicks === 0}
      onChange={(value) => app.act({ kind: 'threshold', value })}
    />
  );
}

function Contrast({ looks }: { readonly looks: Looks }) {
  const app = useApp();
  const image = useAppParts(({ image }) => image);
  const { low, high } = looks.window ?? { low: 0, high: MOST };
  const set = (next: { low: number; high: number }) => {
    // Black stays below white.
    const gap = MOST / 64;
    app.setWindow({ low: Math.min(next.low, next.high - gap), high: Math.max(next.high, next.low + gap) });
  };
  const whole = (value: number) => Math.round(value);
  return (
    <>
      <Slider
        label="Black at"
        text={percent(low / MOST)}
        value={low}
        least={0}
        most={MOST}
        step={1}
        onChange={(value) => set({ low: whole(Math.min(value, high - MOST / 64)), high })}
      />
      <Slider
        label="White at"
        text={percent(high / MOST)}
        value={high}
        least={0}
        most={MOST}
        step={1}
        onChange={(value) => set({ low, high: whole(Math.max(value, low + MOST / 64)) })}
      />
      <div className="row">
        <button
          type="button"
          className="small"
          disabled={!image}
          aria-label="Contrast from the picture itself"
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => image && app.setWindow(autoWindow(image.original))}
        >
          Auto
        </button>
        <button
          type="button"
          className="small"
          disabled={!looks.window}
          aria-label="Reset the contrast"
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => app.setWindow(null)}
        >
          Reset
        </button>
      </div>
    </>
  );
}

const value = (sample: number) => Number(sample.toPrecision(6));

/** Which samples are black and white where there are more than 8 bits, and what else is to be known of the picture. */
function Seen() {
  const image = useAppParts(({ image }) => image);
  if (!image) return null;
  const { seen, notes } = image;
  return (
    <>
      {seen && (
        <p className="quiet">
          {seen.type} samples: black at {value(seen.low)}, white at {value(seen.high)}
        </p>
      )}
      {notes.map((note) => (
        <p key={note} className="quiet">
          This picture {note}.
        </p>
      ))}
    </>
  );
}

export function LookPanel() {
  const app = useApp();
  const looks = useAppParts((state) => state.looks);
  return (
    <section aria-label="Mask and picture">
      <h2>Mask</h2>
      <Threshold />
      <Slider
        label="Opacity"
        text={percent(looks.opacity)}
        value={looks.opacity}
        least={0}
        most={1}
        step={0.05}
        onChange={(opacity) => app.store.setState({ looks: { ...looks, opacity } })}
      />
      <div className="row">
        <CommandButton id="region.finish" label="Finish region" side="top" />
        <CommandButton id="mask.clear" label="Clear" side="top" />
      </div>
      <h2>Picture</h2>
      <Seen />
      <Contrast looks={looks} />
      <div className="row">
        <CommandButton id="view.heat" label="Difference" side="top" />
        <CommandButton id="view.nearest" label="Good part" side="top" />
      </div>
    </section>
  );
}
