/** Two detectors on the same image, side by side: their maps, regions and scores; arrow keys go through the images. */
import { heatColour } from '@adclick/core/geometry';
import { useQuery } from '@tanstack/react-query';
import type { DetectorChoice, DetectorEntry, ImageDetection } from 'adclick/api';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { pictureUrl, wordsOf } from '../api/client.ts';
import type { OpenImage } from '../state/store.ts';
import { useApp, useAppState } from './context.ts';
import { Dialog } from './dialog.tsx';

const NAMES: Readonly<Record<DetectorChoice, string>> = {
  newest: 'Newest detector',
  previous: 'The one before',
  residual: 'Residual alone, without labels',
};
/** Opacity of a map where it is highest; below its threshold it fades out. */
const OPACITY = 190;
/** Regions that are listed; the largest come first. */
const LISTED = 6;

/** How a value stands to the threshold, one half being at it, so that maps of different detectors compare. */
function toThreshold(value: number, threshold: number): number {
  const odds = (p: number) => Math.min(1e6, p / Math.max(1e-6, 1 - p));
  const all = odds(value) + odds(threshold);
  return all === 0 ? 0 : odds(value) / all;
}

/** The map over the picture: colour and opacity grow with it. */
function MapLayer({ detection }: { readonly detection: ImageDetection }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let stopped = false;
    const draw = async () => {
      const bytes = Uint8Array.from(atob(detection.map), (letter) => letter.charCodeAt(0));
      const map = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
      const context = canvas.current?.getContext('2d', { willReadFrequently: true });
      if (!canvas.current || !context || stopped) return;
      canvas.current.width = map.width;
      canvas.current.height = map.height;
      context.drawImage(map, 0, 0);
      const pixels = context.getImageData(0, 0, map.width, map.height);
      const palette = Array.from({ length: 256 }, (_, level) => {
        const share = toThreshold(level / 255, detection.thresholds.map);
        return [...heatColour(share), Math.round(OPACITY * Math.min(1, 2 * share * share))] as const;
      });
      for (let i = 0; i < pixels.data.length; i += 4) pixels.data.set(palette[pixels.data[i]], i);
      context.putImageData(pixels, 0, 0);
      canvas.current.dataset.by = detection.by;
    };
    void draw().catch(() => undefined);
    return () => {
      stopped = true;
    };
  }, [detection]);
  return <canvas ref={canvas} />;
}

function Regions({ detection: { regions, width, height } }: { readonly detection: ImageDetection }) {
  // Lines as thick on a small picture as on a large one.
  const line = Math.max(width, height) / 300;
  return (
    <svg viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      {regions.map(({ box, peak }) => (
        <rect
          key={`${peak.x} ${peak.y}`}
          {...{ x: box.x, y: box.y, width: box.width, height: box.height }}
          strokeWidth={line}
        />
      ))}
    </svg>
  );
}

function Verdict({ detection }: { readonly detection: ImageDetection }) {
  const { score, isDefect, thresholds, regions, from, differs } = detection;
  const listed = regions.slice(0, LISTED);
  return (
    <div className="verdict-of" data-by={detection.by}>
      <p>
        <span className={`badge ${isDefect ? 'defect' : 'good'}`}>{isDefect ? 'Defect' : 'No defect'}</span>
        <span>
          score <strong>{score.toFixed(3)}</strong>, threshold {thresholds.score.toFixed(3)}
        </span>
        {from === 'residual' && detection.by !== 'residual' && (
          <span className="quiet">the network was left aside</span>
        )}
      </p>
      {differs !== null && <p role="status">{differs}</p>}
      {regions.length === 0 && <p className="quiet">No region.</p>}
      <ol>
        {listed.map(({ area, peak }) => (
          <li key={`${peak.x} ${peak.y}`}>
            {area.toLocaleString('en')} px, highest {peak.value.toFixed(2)} at {peak.x}, {peak.y}
          </li>
        ))}
        {regions.length > listed.length && <li className="quiet">and {regions.length - listed.length} more</li>}
      </ol>
    </div>
  );
}

interface SideProps {
  readonly image: OpenImage;
  readonly by: DetectorChoice;
  /** Stands for the detector's file. */
  readonly stamp: string;
  readonly children: ReactNode;
}

function Side({ image, by, stamp, children }: SideProps) {
  const app = useApp();
  const { data, error } = useQuery({
    queryKey: ['detection', image.id, by, stamp],
    queryFn: () => app.api.detection(image.id, by),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    retry: false,
  });
  const ratio = image.width / image.height;
  return (
    <section className="compared" aria-label={NAMES[by]}>
      {children}
      <div className="pane-room">
        <div className="pane-picture" style={{ aspectRatio: ratio, width: `min(100cqw, ${100 * ratio}cqh)` }}>
          <img src={pictureUrl(image.id)} alt={image.path} />
          {data && <MapLayer detection={data} />}
          {data && <Regions detection={data} />}
        </div>
      </div>
      {data && <Verdict detection={data} />}
      {error && <p role="alert">{wordsOf(error)}</p>}
      {!data && !error && <p className="quiet">Looking…</p>}
    </section>
  );
}

/** What there is to compare in a category. */
const choicesOf = (entry: DetectorEntry | undefined): DetectorChoice[] => [
  ...(entry?.newest ? (['newest'] as const) : []),
  ...(entry?.previous ? (['previous'] as const) : []),
  'residual',
];

export function CompareDialog({ onClose }: { onClose(): void }) {
  const app = useApp();
  const image = useAppState((state) => state.image);
  const [wanted, want] = useState<readonly [DetectorChoice | null, DetectorChoice | null]>([null, null]);
  const { data, error } = useQuery({ queryKey: ['detectors', 'compare'], queryFn: () => app.api.detectors() });
  useEffect(() => {
    const step = (event: KeyboardEvent) => {
      // A list of detectors keeps its arrow keys.
      if (event.target instanceof HTMLSelectElement && /^Arrow/.test(event.key)) return;
      const by = { ArrowRight: 1, j: 1, PageDown: 1, ArrowLeft: -1, k: -1, PageUp: -1 }[event.key];
      if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      void app.go(by as 1 | -1);
    };
    window.addEventListener('keydown', step);
    return () => window.removeEventListener('keydown', step);
  }, [app]);

  const entry = data?.find(({ category }) => category === image?.category);
  const choices = choicesOf(entry);
  const given = (choice: DetectorChoice | null, other: DetectorChoice) =>
    choice && choices.includes(choice) ? choice : other;
  // Before on the left, after on the right.
  const sides = [
    given(wanted[0], entry?.previous ? 'previous' : 'residual'),
    given(wanted[1], entry?.newest ? 'newest' : 'residual'),
  ] as const;
  const stampOf = (by: DetectorChoice) => (by === 'residual' ? entry?.residual : entry?.[by]?.stamp) ?? '';
  return (
    <Dialog title="Compare detectors" wide onClose={onClose}>
      {error && <p role="alert">{wordsOf(error)}</p>}
      {!image && <p className="quiet">Open an image first.</p>}
      {image && data && (
        <>
          <div className="compare-sides">
            {sides.map((by, side) => (
              <Side key={side === 0 ? 'left' : 'right'} image={image} by={by} stamp={stampOf(by)}>
                <select
                  aria-label={side === 0 ? 'Detector on the left' : 'Detector on the right'}
                  value={by}
                  onChange={(event) => {
                    const choice = event.target.value as DetectorChoice;
                    want(side === 0 ? [choice, wanted[1]] : [wanted[0], choice]);
                  }}
                >
                  {choices.map((choice) => (
                    <option key={choice} value={choice}>
                      {NAMES[choice]}
                    </option>
                  ))}
                </select>
              </Side>
            ))}
          </div>
          <div className="row">
            <button type="button" onClick={() => void app.go(-1)}>
              Previous <kbd>←</kbd>
            </button>
            <button type="button" onClick={() => void app.go(1)}>
              Next <kbd>→</kbd>
            </button>
            <span className="quiet compare-path" title={image.path}>
              {image.path}
            </span>
            <span className="space" />
            {!entry?.newest && <span className="quiet">Nothing is trained yet.</span>}
          </div>
        </>
      )}
    </Dialog>
  );
}
