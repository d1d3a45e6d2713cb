/** Beside the picture, on demand: how much each place differs from good pictures, and the good picture nearest to this one. */
import { useState } from 'react';
import { nearestUrl, residualUrl } from '../api/client.ts';
import { useAppParts } from './context.ts';

interface PaneProps {
  readonly title: string;
  readonly url: string;
  readonly ratio: number;
  readonly pixelated?: boolean;
}

function Pane({ title, url, ratio, pixelated = false }: PaneProps) {
  const [failed, setFailed] = useState<string | null>(null);
  const { pointer, image } = useAppParts(({ pointer, image }) => ({ pointer, image }));
  const place = pointer &&
    image && { left: `${(100 * pointer.x) / image.width}%`, top: `${(100 * pointer.y) / image.height}%` };
  return (
    <figure className="pane">
      <figcaption>{title}</figcaption>
      <div className="pane-room">
        {failed === url ? (
          <p className="quiet">Not computed yet.</p>
        ) : (
          <div className="pane-picture" style={{ aspectRatio: ratio }}>
            <img src={url} alt={title} className={pixelated ? 'pixelated' : ''} onError={() => setFailed(url)} />
            {place && <span className="pane-pointer" style={place} />}
          </div>
        )}
      </div>
    </figure>
  );
}

export function ComparePanes() {
  const { image, looks } = useAppParts(({ image, looks }) => ({ image, looks }));
  if (!image || (!looks.heat && !looks.nearest)) return null;
  const ratio = image.width / image.height;
  return (
    <aside className="panes" aria-label="Comparison">
      {looks.heat && <Pane title="Difference from good pictures" url={residualUrl(image.id)} ratio={ratio} />}
      {looks.nearest && (
        <Pane
          title={`Nearest good: ${image.nearest[0] ?? 'not known yet'}`}
          url={nearestUrl(image.id, 0)}
          ratio={ratio}
        />
      )}
    </aside>
  );
}
