/** The defect types: choosing one, adding one, and how many pixels of each are on this image. */
import type { DefectType } from 'adclick/api';
import { Icon } from '../actions/icons.tsx';
import { palette } from '../state/store.ts';
import { useApp, useAppParts, useAppState } from './context.ts';

function TypeButton({ type, place }: { readonly type: DefectType; readonly place: number }) {
  const app = useApp();
  const chosen = useAppState((state) => state.activeType === type.id);
  const area = useAppState(({ image }) => (image ? image.mask.area(type.id) : 0));
  return (
    <li>
      <button
        type="button"
        className="type"
        aria-pressed={chosen}
        aria-label={`Defect type ${type.name}`}
        aria-keyshortcuts={place <= 9 ? String(place) : undefined}
        data-type={type.id}
        onPointerDown={(event) => event.preventDefault()}
        onClick={() => app.store.setState({ activeType: type.id })}
      >
        <span className="swatch" style={{ background: type.colour }} />
        <span className="type-name">{type.name}</span>
        {area > 0 && <span className="quiet">{area.toLocaleString('en')} px</span>}
        {place <= 9 && <kbd>{place}</kbd>}
      </button>
    </li>
  );
}

/** Gives the pixels of one type on this image to the chosen one. */
function ChangeType() {
  const app = useApp();
  const { image, activeType, types } = useAppParts(({ image, activeType, types }) => ({ image, activeType, types }));
  const others = (image?.mask.types() ?? []).filter((type) => type !== activeType);
  if (activeType === null || others.length === 0) return null;
  const nameOf = (id: number) => types.find((type) => type.id === id)?.name ?? String(id);
  return (
    <div className="change-type">
      {others.map((from) => (
        <button
          key={from}
          type="button"
          className="link"
          onClick={() => app.act({ kind: 'changeType', from, to: activeType })}
        >
          Turn {nameOf(from)} into {nameOf(activeType)}
        </button>
      ))}
    </div>
  );
}

export function TypePalette() {
  const app = useApp();
  const types = useAppState((state) => state.types);
  const known = useAppState(({ project }) => project !== null);
  return (
    <section aria-label="Defect types">
      <h2>
        Defect type
        <button
          type="button"
          className="icon-button"
          aria-label="Edit defect types"
          onClick={() => app.store.setState({ dialog: 'types' })}
        >
          <Icon name="pencil" size={15} />
        </button>
      </h2>
      {known && types.length === 0 && <p className="quiet">None yet. Add one to begin.</p>}
      <ul className="types">
        {palette({ types }).map((type, i) => (
          <TypeButton key={type.id} type={type} place={i + 1} />
        ))}
      </ul>
      <ChangeType />
    </section>
  );
}
