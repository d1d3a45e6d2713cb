/** The banner of a lost connection, and short messages. */
import { useEffect } from 'react';
import { useApp, useAppParts, useAppState } from './context.ts';
import { Icon } from './icons.tsx';

export function Banner() {
  const { online, saving } = useAppParts(({ online, saving }) => ({ online, saving }));
  if (!saving.kept)
    return (
      <div className="banner" role="alert">
        This browser has no room to keep {saving.waiting} unsaved changes. Leave this page open until they are saved.
      </div>
    );
  if (online && saving.state !== 'offline') return null;
  const waiting = `${saving.waiting} ${saving.waiting === 1 ? 'change is' : 'changes are'}`;
  return (
    <div className="banner" role="alert">
      {saving.waiting > 0
        ? `The server does not answer. You can go on: ${waiting} kept in this browser and sent as soon as it is back.`
        : 'The server does not answer. The page tries again by itself.'}
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
