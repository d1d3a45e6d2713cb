/** Training a detector on the labels so far, and letting it follow good images: how many there are, how it goes, what came of it, and the one before. */
import { useQuery } from '@tanstack/react-query';
import { counted, type DetectorEntry, type DetectorInfo, type Job } from 'adclick/api';
import { useState } from 'react';
import { wordsOf } from '../api/client.ts';
import type { LossPoint } from '../state/losses.ts';
import { changesDetector } from '../state/store.ts';
import { useApp, useAppParts } from './context.ts';
import { Dialog, useProblem } from './dialog.tsx';

/** Size of the curve's drawing, in units of its own. */
const CURVE = { width: 300, height: 56 } as const;

/** How the loss goes down, over the same width as the bar below it. */
function LossCurve({ points, total }: { readonly points: readonly LossPoint[]; readonly total: number }) {
  if (points.length < 2) return null;
  const most = Math.max(...points.map(({ loss }) => loss));
  const place = ({ done, loss }: LossPoint) =>
    `${((CURVE.width * done) / total).toFixed(1)},${(CURVE.height * (1 - loss / (most || 1))).toFixed(1)}`;
  return (
    <svg
      className="loss-curve"
      viewBox={`0 -2 ${CURVE.width} ${CURVE.height + 4}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`Loss, ${points[0]?.loss} at first, ${points.at(-1)?.loss} now`}
    >
      <polyline points={points.map(place).join(' ')} />
    </svg>
  );
}

function Running({ job }: { readonly job: Job }) {
  const app = useApp();
  const losses = useAppParts(({ losses }) => losses);
  return (
    <section className="training" aria-label={job.kind === 'train' ? 'Training' : 'Taking as good'}>
      <LossCurve points={losses.job === job.id ? losses.points : []} total={job.total ?? 1} />
      <progress value={job.done} max={job.total ?? undefined} aria-label={`Progress of ${job.label}`} />
      <div className="row">
        <span className="quiet" role="status">
          {job.detail ?? 'Starting…'}
          {job.total ? ` · ${job.done} of ${job.total}` : ''}
        </span>
        <span className="space" />
        <button type="button" onClick={() => void app.api.cancelJob(job.id).catch((error) => app.report(error))}>
          Stop
        </button>
      </div>
      <p className="quiet">You can close this and go on labelling: it only takes what clicks leave it.</p>
    </section>
  );
}

/** Whether the labels suffice, in a sentence. */
function Labels({ entry: { labels, needed, usual } }: { readonly entry: DetectorEntry }) {
  const what = `${labels === 0 ? 'No image has' : labels === 1 ? '1 image has' : `${labels} images have`} a marked defect.`;
  if (labels < needed)
    return (
      <p className="label-count few">
        {what} Training takes at least {needed}; {usual} are usual.
      </p>
    );
  return (
    <p className="label-count">
      {what} {labels < usual ? `That suffices; ${usual} are usual.` : 'That is enough.'}
    </p>
  );
}

const WHAT = { network: 'a network', residual: 'the residual alone' } as const;

function Facts({ title, info }: { readonly title: string; readonly info: DetectorInfo | null }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>
        {!info && 'none'}
        {info && !info.time && 'from a file'}
        {info?.time && (
          <>
            {new Date(info.time).toLocaleString()}, {counted(info.labels ?? 0, 'label')}
            {info.from && `, ${WHAT[info.from]}`}
          </>
        )}
        {info?.notes.map((note) => (
          <p key={note} className="quiet">
            {note}
          </p>
        ))}
      </dd>
    </div>
  );
}

/** How many images without a defect the detector could follow, in a sentence. */
function goodsText({ marked, untaken }: DetectorEntry['goods']): string {
  if (marked === 0) return 'No image is marked as having no defect (N), so none can be taken as good.';
  if (untaken === 0)
    return marked === 1
      ? 'The image without a defect has been taken as good.'
      : `All ${counted(marked, 'image')} without a defect have been taken as good.`;
  return `${counted(untaken, untaken < marked ? 'more image' : 'image')} without a defect can be taken as good.`;
}

interface GoodsProps {
  readonly goods: DetectorEntry['goods'];
  readonly busy: boolean;
  take(): void;
}

/** Good images of the line, which the thresholds of the detector in use can follow. */
function Goods({ goods, busy, take }: GoodsProps) {
  return (
    <section className="goods" aria-label="Images without a defect">
      <div className="row">
        <span>{goodsText(goods)}</span>
        <span className="space" />
        <button type="button" disabled={busy || goods.untaken === 0} onClick={take}>
          Take as good
        </button>
      </div>
      <p className="quiet">
        The thresholds of the detector follow them, as when light or parts have changed. Mark images as they come, not
        only false alarms.
      </p>
    </section>
  );
}

export function TrainDialog({ onClose }: { onClose(): void }) {
  const app = useApp();
  const { jobs, image } = useAppParts(({ jobs, image }) => ({ jobs, image }));
  const [chosen, choose] = useState<string | null>(null);
  const { problem, tell, clear } = useProblem();
  const changes = jobs.filter(changesDetector);
  const running = changes.find(({ state }) => state === 'running');
  // When one has ended, the list is read again.
  const ended = changes.length - (running ? 1 : 0);
  const { data, error, refetch } = useQuery({
    queryKey: ['detectors', ended],
    queryFn: () => app.api.detectors(),
    placeholderData: (before) => before,
  });
  const entries = data ?? [];
  const wanted = chosen ?? image?.category;
  const entry = entries.find(({ category }) => category === wanted) ?? entries[0];
  const last = changes.at(-1);

  const start = (work: (category: string) => Promise<Job>) => {
    if (!entry) return;
    clear();
    void work(entry.category).then((job) => app.trackJob(job), tell);
  };
  const restore = async () => {
    if (!entry) return;
    clear();
    try {
      await app.api.restoreDetector(entry.category);
      app.detectorReplaced();
    } catch (error) {
      tell(error);
    }
    await refetch();
  };

  return (
    <Dialog title="Train a detector" onClose={onClose}>
      {error && <p role="alert">{wordsOf(error)}</p>}
      {entry && (
        <>
          {entries.length > 1 && (
            <label>
              Category
              <select value={entry.category} onChange={(event) => choose(event.target.value)}>
                {entries.map(({ category }) => (
                  <option key={category}>{category}</option>
                ))}
              </select>
            </label>
          )}
          <p>
            A detector finds defects without clicks. It learns from the masks of this project; what it marks is then
            proposed on images without a label.
          </p>
          <Labels entry={entry} />
          {problem}
          {running && <Running job={running} />}
          {!running && last?.result && (
            <p role={last.state === 'failed' ? 'alert' : 'status'} className="training-result">
              {entries.length > 1 && `${last.label}: `}
              {last.result}
            </p>
          )}
          <dl className="detectors">
            <Facts title="In use" info={entry.newest} />
            {entry.previous && <Facts title="The one before" info={entry.previous} />}
          </dl>
          <Goods goods={entry.goods} busy={running !== undefined} take={() => start(app.api.takeAsGood)} />
          <div className="row end">
            {entry.previous && (
              <button type="button" disabled={running !== undefined} onClick={() => void restore()}>
                Bring back the one before
              </button>
            )}
            <button type="button" disabled={!entry.newest} onClick={() => app.store.setState({ dialog: 'compare' })}>
              Compare
            </button>
            <button
              type="button"
              className="primary"
              disabled={running !== undefined || entry.labels < entry.needed}
              onClick={() => start(app.api.train)}
            >
              {entry.newest ? 'Train again' : 'Train'}
            </button>
          </div>
        </>
      )}
      {data && !entry && <p className="quiet">The project has no category.</p>}
    </Dialog>
  );
}
