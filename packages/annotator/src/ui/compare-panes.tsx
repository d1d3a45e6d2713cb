/** Beside the picture, on demand: how much each place differs from good pictures, and the good picture nearest to this one. */
import { toEdges } from '@adclick/core/geometry';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { nearestUrl, residualMap, wordsOf } from '../api/client.ts';
import { colourHeat } from '../canvas/heat.ts';
import { useAppParts, useAppState } from './context.ts';

/** A mark at the place of the pointer, so that one finds the same place on the other picture. */
function PointerMark() {
  const place = useAppState(({ pointer, cross, image }) => {
    const point = cross ?? pointer;
    if (!point || !image) return null;
    const { x, y } = toEdges(point);
    return `${(100 * x) / image.width}% ${(100 * y) / image.height}%`;
  });
  if (!place) return null;
  const [left, top] = place.split(' ');
  return <span className="pane-pointer" style={{ left, top }} />;
}

interface PaneProps {
  readonly title: string;
  /** Width by height of the picture. */
  readonly ratio: number;
  readonly children: ReactNode;
}

function Pane({ title, ratio, children }: PaneProps) {
  return (
    <figure className="pane">
      <figcaption>{title}</figcaption>
      <div className="pane-room">
        <div className="pane-picture" style={{ aspectRatio: ratio, width: `min(100cqw, ${100 * ratio}cqh)` }}>
          {children}
          <PointerMark />
        </div>
      </div>
    </figure>
  );
}

/** Draws the server's map of residuals in colour; on failure says so. */
function Heat({ id }: { readonly id: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [failed, setFailed] = useState('');
  useEffect(() => {
    const stop = new AbortController();
    setFailed('');
    const draw = async () => {
      const map = await createImageBitmap(await residualMap(id, stop.signal));
      const context = canvas.current?.getContext('2d');
      if (!canvas.current || !context || stop.signal.aborted) return;
      canvas.current.width = map.width;
      canvas.current.height = map.height;
      context.drawImage(map, 0, 0);
      const pixels = context.getImageData(0, 0, map.width, map.height);
      colourHeat(pixels.data);
      context.putImageData(pixels, 0, 0);
    };
    draw().catch((error) => {
      if (!stop.signal.aborted) setFailed(wordsOf(error));
    });
    return () => stop.abort();
  }, [id]);
  if (failed) return <p className="quiet">{failed}</p>;
  return <canvas ref={canvas} role="img" aria-label="Difference from good pictures" />;
}

function Nearest({ id, name }: { readonly id: number; readonly name: string }) {
  const [failed, setFailed] = useState(0);
  if (failed === id) return <p className="quiet">It cannot be shown now.</p>;
  return <img src={nearestUrl(id, 0)} alt={`Nearest good part ${name}`} onError={() => setFailed(id)} />;
}

export function ComparePanes() {
  const { image, looks } = useAppParts(({ image, looks }) => ({ image, looks }));
  if (!image || (!looks.heat && !looks.nearest)) return null;
  const ratio = image.width / image.height;
  const name = image.nearest[0] ?? '';
  return (
    <aside className="panes" aria-label="Comparison">
      {looks.heat && (
        <Pane title="Difference from good pictures" ratio={ratio}>
          <Heat id={image.id} />
        </Pane>
      )}
      {looks.nearest && (
        <Pane title={`Nearest good picture ${name}`} ratio={ratio}>
          <Nearest id={image.id} name={name} />
        </Pane>
      )}
    </aside>
  );
}
