/** The panel on the right: what is on this image and how to see it, the project's figures, the image's history. */
import { type AppState, candidatesShown, proposalShown } from '../state/store.ts';
import { CommandButton } from './command-button.tsx';
import { useApp, useAppState } from './context.ts';
import { HistoryPanel } from './history-panel.tsx';
import { LookPanel } from './look-panel.tsx';
import { StatisticsPanel } from './statistics-panel.tsx';
import { TypePalette } from './type-palette.tsx';

const TABS: readonly (readonly [AppState['panel'], string])[] = [
  ['label', 'Label'],
  ['statistics', 'Statistics'],
  ['history', 'History'],
];

const STATES = { todo: 'Not labelled yet', defect: 'Defect', good: 'No defect' } as const;

/** What is known of the image, and why it is shown now. */
function Facts() {
  const image = useAppState((state) => state.image);
  if (!image) return null;
  const { state } = image.facts;
  return (
    <section className="facts">
      <p className="path" title={image.path}>
        {image.path}
      </p>
      <p>
        <span className={`badge ${state}`}>{STATES[state]}</span>
        <span className="quiet">
          {image.width} × {image.height}
        </span>
      </p>
      {image.reason && <p className="quiet">{image.reason}</p>}
    </section>
  );
}

/** The proposal is there to be accepted, corrected or hidden. */
function ProposalHint() {
  const shown = useAppState(proposalShown);
  if (!shown) return null;
  return (
    <section className="hint" aria-label="Proposal">
      <p>
        The hatched area is a <strong>proposal</strong>. Press Enter to accept it, or click to correct it.
      </p>
      <div className="row">
        <CommandButton id="proposal.accept" label="Accept" side="top" />
        <CommandButton id="proposal.reject" label="Hide" side="top" />
      </div>
    </section>
  );
}

/** Parts that the model left out of the mask are there to be taken. Stands where it moves nothing when it comes and goes. */
function CandidatesHint() {
  const count = useAppState((state) => candidatesShown(state)?.points.length ?? 0);
  if (count === 0) return null;
  return (
    <section className="hint" aria-label="Candidates">
      <p>
        Dashed: <strong>might belong too</strong>.{' '}
        {count === 1 ? 'Press S to take it.' : 'Press S to take all of them, or click on one.'}
      </p>
      <div className="row">
        <CommandButton id="candidates.take" label={count === 1 ? 'Take it' : 'Take all'} side="top" />
      </div>
    </section>
  );
}

function Verdict() {
  return (
    <section className="verdict" aria-label="Verdict">
      <CommandButton id="image.accept" label="Accept, next" primary side="top" />
      <CommandButton id="image.noDefect" label="No defect" side="top" />
    </section>
  );
}

function ReviewButtons() {
  return (
    <section>
      <h2>Review</h2>
      <div className="row">
        <CommandButton id="review.approve" label="Approve" side="top" />
        <CommandButton id="review.reject" label="Send back" side="top" />
      </div>
    </section>
  );
}

function LabelPanel() {
  return (
    <>
      <Facts />
      <ProposalHint />
      <TypePalette />
      <LookPanel />
      <ReviewButtons />
    </>
  );
}

export function SidePanel() {
  const app = useApp();
  const panel = useAppState((state) => state.panel);
  return (
    <aside className="side" aria-label="Label and project">
      <div className="tabs" role="tablist" aria-label="Panels">
        {TABS.map(([name, label]) => (
          <button
            key={name}
            type="button"
            role="tab"
            aria-selected={panel === name}
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => app.store.setState({ panel: name })}
          >
            {label}
          </button>
        ))}
      </div>
      <div className="side-room" role="tabpanel" aria-label={TABS.find(([name]) => name === panel)?.[1]}>
        {panel === 'label' && <LabelPanel />}
        {panel === 'statistics' && <StatisticsPanel />}
        {panel === 'history' && <HistoryPanel />}
      </div>
      <CandidatesHint />
      <Verdict />
    </aside>
  );
}
