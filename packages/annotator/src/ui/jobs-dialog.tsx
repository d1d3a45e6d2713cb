/** Import and export, and what runs in the background. */
import { FORMATS, type Format, type Job, type JobRequest } from 'adclick/api';
import { useState } from 'react';
import { useApp, useAppState } from './context.ts';
import { Dialog, useProblem } from './dialog.tsx';

const FORMAT_NAMES: Readonly<Record<Format, string>> = {
  mvtec: 'MVTec AD',
  coco: 'COCO (run lengths)',
  yolo: 'YOLO segmentation',
  voc: 'Pascal VOC masks',
  labelstudio: 'Label Studio',
  cvat: 'CVAT XML',
  datumaro: 'Datumaro',
  labelme: 'labelme',
};

/** How a job stands. One that left something out is no plain success. */
function stateOf({ state, leftOut = 0 }: Job): string {
  if (state === 'done' && leftOut > 0) return `done, but ${leftOut.toLocaleString('en')} left out`;
  return { running: 'running', done: 'done', failed: 'failed', cancelled: 'stopped' }[state];
}

function JobLine({ job }: { readonly job: Job }) {
  const app = useApp();
  const running = job.state === 'running';
  return (
    <li>
      <div className="row">
        <strong>{job.label}</strong>
        <span className={job.leftOut ? 'left-out' : 'quiet'}>{stateOf(job)}</span>
        <span className="space" />
        {running && (
          <button
            type="button"
            className="small"
            aria-label={`Cancel ${job.label}`}
            onClick={() => void app.api.cancelJob(job.id).catch((error) => app.report(error))}
          >
            Cancel
          </button>
        )}
      </div>
      {running && <progress value={job.done} max={job.total ?? undefined} aria-label={`Progress of ${job.label}`} />}
      {running && job.detail && <p className="quiet">{job.detail}</p>}
      {job.result && <p className="quiet">{job.result}</p>}
    </li>
  );
}

export function JobsDialog({ onClose }: { onClose(): void }) {
  const app = useApp();
  const jobs = useAppState((state) => state.jobs);
  const { problem, tell, clear } = useProblem();
  const [format, setFormat] = useState<Format>('mvtec');
  const [folder, setFolder] = useState('labels');
  const start = (job: JobRequest) => {
    clear();
    void app.api.startJob(job).then((started) => app.trackJob(started), tell);
  };
  return (
    <Dialog title="Import, export and background work" onClose={onClose}>
      <div className="exchange">
        <label>
          Format
          <select value={format} onChange={(event) => setFormat(event.target.value as Format)}>
            {FORMATS.map((name) => (
              <option key={name} value={name}>
                {FORMAT_NAMES[name]}
              </option>
            ))}
          </select>
        </label>
        <label>
          Folder in the project
          <input type="text" value={folder} onChange={(event) => setFolder(event.target.value)} />
        </label>
        <div className="row">
          <button
            type="button"
            className="primary"
            disabled={!folder.trim()}
            onClick={() => start({ kind: 'export', format, folder })}
          >
            Export
          </button>
          <button type="button" disabled={!folder.trim()} onClick={() => start({ kind: 'import', format, folder })}>
            Import
          </button>
          <button type="button" onClick={() => start({ kind: 'index' })}>
            Look at new good pictures
          </button>
        </div>
      </div>
      {problem}
      <h2>Background work</h2>
      {jobs.length === 0 && <p className="quiet">Nothing runs.</p>}
      <ul className="jobs">
        {[...jobs].reverse().map((job) => (
          <JobLine key={job.id} job={job} />
        ))}
      </ul>
    </Dialog>
  );
}
