/** Prompts of a defect type: reading them over, deleting, adding, having new ones written. */
import { useQuery } from '@tanstack/react-query';
import type { PromptSet } from 'adclick/api';
import { useState } from 'react';
import { Icon } from '../actions/icons.tsx';
import { wordsOf } from '../api/client.ts';
import { useApp, useAppParts } from './context.ts';
import { Dialog, useProblem } from './dialog.tsx';

function PhraseList({ set, onDelete }: { readonly set: PromptSet; onDelete(phrase: string): void }) {
  if (set.phrases.length === 0) return <p className="quiet">No prompts yet. Add one, or have some written.</p>;
  return (
    <ul className="phrases" aria-label={`Prompts of ${set.type}`}>
      {set.phrases.map((phrase) => (
        <li key={phrase}>
          <span>{phrase}</span>
          <button
            type="button"
            className="icon-button"
            aria-label={`Delete ${phrase}`}
            onClick={() => onDelete(phrase)}
          >
            <Icon name="trash" size={15} />
          </button>
        </li>
      ))}
    </ul>
  );
}

export function PromptsDialog({ onClose }: { onClose(): void }) {
  const app = useApp();
  const { types, activeType, jobs } = useAppParts(({ types, activeType, jobs }) => ({ types, activeType, jobs }));
  const [chosen, choose] = useState<string | null>(null);
  const [phrase, setPhrase] = useState('');
  const { problem, tell, clear } = useProblem();
  const writing = jobs.filter(({ kind }) => kind === 'prompts');
  const running = writing.some(({ state }) => state === 'running');
  // When a job has ended, the list is read again.
  const ended = writing.filter(({ state }) => state === 'done' || state === 'failed' || state === 'cancelled').length;
  const { data, error, refetch } = useQuery({ queryKey: ['prompts', ended], queryFn: () => app.api.prompts() });
  const sets = data?.prompts ?? [];
  const nameOf = (set: PromptSet) => `${set.category} / ${set.type}`;
  const active = types.find(({ id }) => id === activeType)?.name;
  const set = sets.find((one) => nameOf(one) === chosen) ?? sets.find(({ type }) => type === active) ?? sets[0];

  const edit = async (change: { add?: string[]; remove?: string[] }) => {
    if (!set) return;
    try {
      await app.api.editPrompts({ category: set.category, type: set.type, ...change });
      if (change.add) setPhrase('');
      clear();
    } catch (error) {
      tell(error);
    }
    await refetch();
  };
  const write = () => {
    if (!set) return;
    const { category, type } = set;
    void app.api.startJob({ kind: 'prompts', category, type, replace: true }).then((job) => app.trackJob(job), tell);
  };

  const last = writing.at(-1);
  return (
    <Dialog title="Prompts: defects in words" onClose={onClose}>
      {error && <p role="alert">{wordsOf(error)}</p>}
      {set && (
        <>
          <label>
            Defect type
            <select value={nameOf(set)} onChange={(event) => choose(event.target.value)}>
              {sets.map((one) => (
                <option key={nameOf(one)}>{nameOf(one)}</option>
              ))}
            </select>
          </label>
          <form
            className="row"
            onSubmit={(event) => {
              event.preventDefault();
              void edit({ add: [phrase] });
            }}
          >
            <input
              type="text"
              aria-label="New prompt"
              placeholder="fine scratch near the edge"
              value={phrase}
              onChange={(event) => setPhrase(event.target.value)}
            />
            <button type="submit" className="primary" disabled={phrase.trim() === ''}>
              Add
            </button>
          </form>
          {problem}
          <PhraseList set={set} onDelete={(text) => void edit({ remove: [text] })} />
          {last?.state === 'failed' && <p role="alert">{last.result}</p>}
          <div className="row end">
            <span className="quiet">
              {running
                ? 'Writing…'
                : `The first 40 count. New ones are written by ${data?.model ?? 'the built-in grammar'}.`}
            </span>
            <span className="space" />
            <button type="button" disabled={running} onClick={write}>
              {set.phrases.length > 0 ? 'Replace by new ones' : 'Write some'}
            </button>
          </div>
        </>
      )}
      {data && !set && <p className="quiet">The project has no defect types yet.</p>}
    </Dialog>
  );
}
