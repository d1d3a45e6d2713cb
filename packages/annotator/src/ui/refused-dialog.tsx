/** Changes that the server will never take: what each was, why, and what becomes of it. */
import type { Action } from 'adclick/api';
import type { Pending } from '../state/outbox.ts';
import { useApp, useAppParts } from './context.ts';
import { Dialog } from './dialog.tsx';

const KINDS: Readonly<Record<Action['kind'], string>> = {
  click: 'a click',
  clicks: 'several clicks at once',
  moveClick: 'a click that was moved',
  deleteClick: 'a click that was taken away',
  threshold: 'another threshold',
  finishRegion: 'the end of a region',
  paint: 'something painted',
  acceptProposal: 'a proposal that was accepted',
  clear: 'a mask that was removed',
  changeType: 'another defect type',
  state: 'a label',
  review: 'a review',
  undo: 'an undo',
  redo: 'a redo',
};

function Refused({ item: { key, image, action, refusal } }: { readonly item: Pending }) {
  const app = useApp();
  return (
    <li>
      <p>
        {`Image ${image}: ${KINDS[action.kind]}. `}
        <span className="quiet">{refusal}</span>
      </p>
      <div className="row end">
        <button type="button" className="small" onClick={() => void app.open(image)}>
          Show the image
        </button>
        <button type="button" className="small" onClick={() => app.outbox.again(key)}>
          Send again
        </button>
        <button type="button" className="small" onClick={() => app.outbox.discard(key)}>
          Discard
        </button>
      </div>
    </li>
  );
}

export function RefusedDialog({ onClose }: { onClose(): void }) {
  const { refused = [] } = useAppParts(({ saving }) => ({ refused: saving.refused }));
  return (
    <Dialog title="Changes that were refused" onClose={onClose}>
      {refused.length === 0 ? (
        <p>There are none any more.</p>
      ) : (
        <p>The server did not take these. They are kept in this browser until you decide; everything else goes on.</p>
      )}
      <ul className="refused">
        {refused.map((item) => (
          <Refused key={item.key} item={item} />
        ))}
      </ul>
    </Dialog>
  );
}
