/** Defect types: name, colour, out of use. */
import type { DefectType } from 'adclick/api';
import { useState } from 'react';
import { useApp, useAppState } from './context.ts';
import { Dialog, useProblem } from './dialog.tsx';

/** Colours that are easy to tell apart, on dark and bright parts, for most eyes. */
const COLOURS = [
  '#e5484d',
  '#0090ff',
  '#f5a524',
  '#30a46c',
  '#8e4ec6',
  '#00a2c7',
  '#e54666',
  '#a18072',
  '#6e56cf',
] as const;

interface TypeRowProps {
  readonly type: DefectType;
  onChange(): Promise<void>;
  onProblem(error: unknown): void;
}

function TypeRow({ type, onChange, onProblem }: TypeRowProps) {
  const app = useApp();
  const [name, setName] = useState(type.name);
  const change = (patch: Parameters<typeof app.api.changeType>[1]) =>
    void app.api.changeType(type.id, patch).then(onChange, (error) => {
      // The field shows what the type is called, not what it could not be called.
      setName(type.name);
      onProblem(error);
    });
  return (
    <li>
      <input
        type="color"
        aria-label={`Colour of ${type.name}`}
        value={type.colour}
        onChange={(event) => change({ colour: event.target.value })}
      />
      <input
        type="text"
        aria-label={`Name of ${type.name}`}
        value={name}
        onChange={(event) => setName(event.target.value)}
        onBlur={() => name.trim() && name !== type.name && change({ name: name.trim() })}
      />
      <label className="check">
        <input
          type="checkbox"
          checked={type.archived}
          onChange={(event) => change({ archived: event.target.checked })}
        />{' '}
        out of use
      </label>
    </li>
  );
}

export function TypesDialog({ onClose }: { onClose(): void }) {
  const app = useApp();
  const types = useAppState((state) => state.types);
  const { problem, tell, clear } = useProblem();
  const [name, setName] = useState('');
  const [colour, setColour] = useState<string>(COLOURS[types.length % COLOURS.length]);
  const reload = async () => {
    clear();
    const project = await app.api.project();
    app.store.setState({ project, types: project.types });
  };
  const add = async () => {
    try {
      const type = await app.api.addType(name.trim(), colour);
      await reload();
      app.store.setState({ activeType: type.id });
      setName('');
      setColour(COLOURS[(types.length + 1) % COLOURS.length]);
    } catch (error) {
      tell(error);
    }
  };
  return (
    <Dialog title="Defect types" onClose={onClose}>
      {problem}
      <ul className="type-rows">
        {types.map((type) => (
          <TypeRow key={type.id} type={type} onChange={reload} onProblem={tell} />
        ))}
      </ul>
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          void add();
        }}
      >
        <input
          type="color"
          aria-label="Colour of the new type"
          value={colour}
          onChange={(event) => setColour(event.target.value)}
        />
        <input
          type="text"
          aria-label="Name of the new type"
          placeholder="New type"
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <button type="submit" className="primary" disabled={name.trim() === ''}>
          Add
        </button>
      </form>
    </Dialog>
  );
}
