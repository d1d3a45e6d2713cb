/** The page: list on the left, picture in the middle, panel on the right, bars above and below. */
import { Canvas } from './canvas.tsx';
import { ComparePanes } from './compare-panes.tsx';
import { useAppParts, useAppState } from './context.ts';
import { Dialogs } from './dialogs.tsx';
import { Banner, NoticeBox } from './messages.tsx';
import { QueuePanel } from './queue-panel.tsx';
import { SidePanel } from './side-panel.tsx';
import { StatusLine } from './status-line.tsx';
import { Toolbar } from './toolbar.tsx';

/** Work in the background that has not ended, as a thin line over the picture. */
function Progress() {
  const job = useAppState(({ jobs }) => jobs.find(({ state }) => state === 'running'));
  if (!job) return null;
  return (
    <div className="progress" role="status">
      <span>
        {job.label}
        {job.total ? ` ${job.done} / ${job.total}` : ''}
      </span>
      <progress value={job.done} max={job.total ?? undefined} aria-label={job.label} />
    </div>
  );
}

function EmptyHint() {
  const { image, opening, total } = useAppParts(({ image, opening, total }) => ({ image, opening, total }));
  if (image) return null;
  return (
    <p className="empty-hint">
      {opening !== null || total === null
        ? 'Loading…'
        : total === 0
          ? 'There is no image to show.'
          : 'Choose an image on the left.'}
    </p>
  );
}

export function Page() {
  const { queue, panel } = useAppState((state) => state.drawers);
  return (
    <div className="page" data-queue={queue} data-panel={panel}>
      <Toolbar />
      {queue && <QueuePanel />}
      <main className="middle">
        <Banner />
        <div className="stage">
          <Canvas />
          <ComparePanes />
          <EmptyHint />
          <Progress />
          <NoticeBox />
        </div>
      </main>
      {panel && <SidePanel />}
      <StatusLine />
      <Dialogs />
    </div>
  );
}
