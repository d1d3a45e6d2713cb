/** The banner of a lost connection, and short messages. */
import { counted } from 'adclick/api';
import { useEffect, useState } from 'react';
import { Icon } from '../actions/icons.tsx';
import type { Kept } from '../state/outbox.ts';
import type { AppState } from '../state/store.ts';
import { useApp, useAppParts, useAppState } from './context.ts';

/** What a lost connection, or a server that cannot work, means for the work. */
function troubleOf({ online, trouble, saving }: Pick<AppState, 'online' | 'trouble' | 'saving'>): string | null {
  const stuck = saving.state === 'stuck' ? (saving.why ?? null) : null;
  if (online && saving.state !== 'offline' && stuck === null) return null;
  const said = stuck ?? trouble;
  const reason = said === null ? 'The server does not answer.' : `The server cannot do this now: ${said}`;
  if (saving.waiting === 0) return `${reason} The page tries again by itself.`;
  const waiting = `${counted(saving.waiting, 'change')} ${saving.waiting === 1 ? 'is' : 'are'}`;
  return `${reason} You can go on: ${waiting} kept in this browser and sent as soon as ${said === null ? 'it is back' : 'it can'}.`;
}

export function Banner() {
  const { online, trouble, saving } = useAppParts(({ online, trouble, saving }) => ({ online, trouble, saving }));
  if (!saving.kept)
    return (
      <div className="banner" role="alert">
        This browser has no room to keep {counted(saving.waiting, 'unsaved change')}. Leave this page open until{' '}
        {saving.waiting === 1 ? 'it is' : 'they are'} saved.
      </div>
    );
  const text = troubleOf({ online, trouble, saving });
  if (text === null)
    return (
      <>
        <RefusedChanges />
        <KeptOfOthers />
      </>
    );
  return (
    <div className="banner" role="alert">
      {text}
    </div>
  );
}

/** Work that the server will never take is not lost without a word. */
function RefusedChanges() {
  const app = useApp();
  const count = useAppState(({ saving }) => saving.refused?.length ?? 0);
  if (count === 0) return null;
  return (
    <div className="banner kept" role="status">
      <span>
        {counted(count, 'change')} {count === 1 ? 'was' : 'were'} refused by the server and set aside.
      </span>
      <button type="button" className="small" onClick={() => app.store.setState({ dialog: 'refused' })}>
        Show
      </button>
    </div>
  );
}

const keptLine = ({ user, here, count }: Kept): string => {
  const changes = counted(count, 'unsaved change');
  if (user === null) return `${changes} of an earlier version of this page`;
  return `${changes} of ${user}${here ? '' : ' on another project'}`;
};

/** Work that somebody else left in this browser is theirs: it is offered to them, and to nobody else. */
function KeptOfOthers() {
  const app = useApp();
  const others = useAppState(({ saving }) => saving.others);
  const [hidden, hide] = useState(false);
  if (!others || hidden) return null;
  const askLogin = () => app.store.setState({ dialog: 'login', loginReason: null });
  return (
    <div className="banner kept" role="status">
      <ul>
        {others.map((kept) => (
          <li key={keptLine(kept)}>
            <span>This browser keeps {keptLine(kept)}.</span>
            {kept.user === null && (
              <button type="button" className="small" onClick={() => app.outbox.claim()}>
                Mine: save
              </button>
            )}
            {kept.user !== null && kept.here && (
              <button type="button" className="small" onClick={askLogin}>
                Log in as {kept.user}
              </button>
            )}
          </li>
        ))}
      </ul>
      <button type="button" className="small" onClick={() => hide(true)}>
        Hide
      </button>
    </div>
  );
}

/** Milliseconds that a message stays. */
const STAY = { info: 4000, error: 12_000 } as const;

export function NoticeBox() {
  const app = useApp();
  const notice = useAppState((state) => state.notice);
  useEffect(() => {
    if (!notice) return;
    const timer = setTimeout(() => {
      if (app.store.getState().notice?.key === notice.key) app.store.setState({ notice: null });
    }, STAY[notice.tone]);
    return () => clearTimeout(timer);
  }, [app, notice]);
  if (!notice) return null;
  return (
    <div className={`notice ${notice.tone}`} role={notice.tone === 'error' ? 'alert' : 'status'}>
      <p>
        {notice.text} {notice.next && <span className="quiet">{notice.next}</span>}
      </p>
      <button
        type="button"
        className="icon-button"
        aria-label="Close this message"
        onClick={() => app.store.setState({ notice: null })}
      >
        <Icon name="cross" size={15} />
      </button>
    </div>
  );
}
