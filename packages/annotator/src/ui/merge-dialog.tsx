/** Two people have changed the image: both masks side by side, what each holds, and the choice. */
import { clicksMade } from 'adclick/api';
import { useEffect, useRef } from 'react';
import { layersOf, type MergeChoice } from '../state/merge.ts';
import { useApp, useAppParts } from './context.ts';
import { Dialog } from './dialog.tsx';

/** Longer side of a preview, CSS pixels. */
const PREVIEW = 260;

interface PreviewProps {
  readonly title: string;
  readonly layers: readonly ReadonlyMap<number, Uint8Array>[];
  readonly width: number;
  readonly height: number;
}

/** A mask over the picture, small. */
function Preview({ title, layers, width, height }: PreviewProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { image, types } = useAppParts(({ image, types }) => ({ image, types }));
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context || !canvas.current) return;
    const scale = PREVIEW / Math.max(width, height);
    canvas.current.width = Math.round(width * scale);
    canvas.current.height = Math.round(height * scale);
    if (image) context.drawImage(image.picture, 0, 0, canvas.current.width, canvas.current.height);
    for (const layer of layers)
      for (const [type, data] of layer) {
        context.fillStyle = types.find(({ id }) => id === type)?.colour ?? '#888888';
        const side = Math.max(1, scale);
        for (let y = 0; y < height; y++)
          for (let x = 0; x < width; x++) if (data[y * width + x]) context.fillRect(x * scale, y * scale, side, side);
      }
  }, [image, types, layers, width, height]);
  return (
    <figure>
      <canvas ref={canvas} role="img" aria-label={`Mask: ${title}`} />
      <figcaption>{title}</figcaption>
    </figure>
  );
}

export function MergeDialog() {
  const app = useApp();
  const { merge, types } = useAppParts(({ merge, types }) => ({ merge, types }));
  if (!merge) return null;
  const { theirs, mine, rows, waiting } = merge;
  const choose = (choice: MergeChoice) => () => app.merge(choice);
  const pixels = (value: number) => value.toLocaleString('en');
  const other = layersOf(theirs);
  const clicks = waiting.flatMap(clicksMade).length;
  return (
    <Dialog title="Someone else has changed this image" wide>
      <p>
        {theirs.path} was changed while {waiting.length === 1 ? 'a change' : `${waiting.length} changes`} of yours
        {waiting.length === 1 ? ' was' : ' were'} on the way. Which mask is right? “Keep theirs” drops what was on the
        way; with “Keep mine” and “Keep both” the history has every step of both, and undo works.
      </p>
      <div className="previews">
        <Preview title="Theirs" layers={[other]} width={theirs.width} height={theirs.height} />
        <Preview title="Mine" layers={[mine]} width={theirs.width} height={theirs.height} />
        <Preview title="Both" layers={[other, mine]} width={theirs.width} height={theirs.height} />
      </div>
      <table>
        <thead>
          <tr>
            <th scope="col">Pixels</th>
            <th scope="col">Theirs</th>
            <th scope="col">Mine</th>
            <th scope="col">Both</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.type} data-merge-type={row.type}>
              <th scope="row">{types.find(({ id }) => id === row.type)?.name ?? row.type}</th>
              <td>{pixels(row.theirs)}</td>
              <td>{pixels(row.mine)}</td>
              <td>{pixels(row.union)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {clicks > 0 && (
        <p className="quiet">
          Your {clicks === 1 ? 'click is' : `${clicks} clicks are`} made again on top of “Mine” or “Both”.
        </p>
      )}
      <div className="row end">
        <button type="button" onClick={choose('theirs')}>
          Keep theirs
        </button>
        <button type="button" onClick={choose('mine')}>
          Keep mine
        </button>
        <button type="button" className="primary" onClick={choose('union')}>
          Keep both
        </button>
      </div>
    </Dialog>
  );
}
