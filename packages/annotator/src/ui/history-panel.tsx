/** Everything that was done to the open image, newest first. */
import { rleArea } from '@adclick/core/geometry';
import { useQuery } from '@tanstack/react-query';
import { counted, type HistoryEvent } from 'adclick/api';
import { wordsOf } from '../api/client.ts';
import { useApp, useAppParts } from './context.ts';

const TOOLS = {
  brush: 'Brush',
  eraser: 'Eraser',
  polygon: 'Polygon',
  box: 'Box',
  wand: 'Magic wand',
  fillHoles: 'Holes filled',
  removeRegion: 'Region removed',
} as const;
const STATES = { todo: 'Label taken back', defect: 'Accepted', good: 'No defect' } as const;
const REVIEWS = { none: 'Review taken back', approved: 'Approved', rejected: 'Sent back' } as const;

/** An action in a few words. */
function inWords(action: HistoryEvent['action']): string {
  switch (action.kind) {
    case 'click':
      return `${action.click.positive ? '+' : '−'} click at ${action.click.x}, ${action.click.y}`;
    case 'clicks':
      return `${counted(action.clicks.length, 'click')} at once`;
    case 'moveClick':
      return `Click ${action.index + 1} moved to ${action.x}, ${action.y}`;
    case 'deleteClick':
      return `Click ${action.index + 1} deleted`;
    case 'threshold':
      return `Threshold ${Math.round(100 * action.value)} %`;
    case 'finishRegion':
      return 'Region finished';
    case 'paint':
      return `${TOOLS[action.tool]}, ${(action.add ? rleArea(action.add) : 0) + (action.remove ? rleArea(action.remove) : 0)} px`;
    case 'acceptProposal':
      return 'Proposal accepted';
    case 'clear':
      return 'Mask removed';
    case 'changeType':
      return 'Type changed';
    case 'state':
      return STATES[action.state];
    case 'review':
      return REVIEWS[action.review];
    case 'import':
      return `Imported from ${action.source}`;
    case 'undo':
      return 'Undo';
    case 'redo':
      return 'Redo';
  }
}

export function HistoryPanel() {
  const app = useApp();
  const { id, version } = useAppParts(({ image }) => ({ id: image?.id ?? null, version: image?.server.version ?? 0 }));
  const { data, error } = useQuery({
    queryKey: ['history', id, version],
    queryFn: () => app.api.history(id as number),
    enabled: id !== null,
    placeholderData: (before) => before,
  });
  if (id === null) return <p className="quiet">No image is open.</p>;
  if (!data) return <p className="quiet">{error ? wordsOf(error) : 'Reading…'}</p>;
  if (data.length === 0) return <p className="quiet">Nothing has been done to this image yet.</p>;
  return (
    <ol className="history" reversed>
      {[...data].reverse().map((event) => (
        <li key={event.version} className={event.active ? '' : 'undone'}>
          <span>{inWords(event.action)}</span>
          <span className="quiet">
            {event.author} · {new Date(event.time).toLocaleString()}
          </span>
        </li>
      ))}
    </ol>
  );
}
