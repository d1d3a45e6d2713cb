/** The picture with everything drawn on it; two canvases in a frame that takes pointer and keyboard. */
import { useEffect, useRef } from 'react';
import { Renderer } from '../canvas/renderer.ts';
import { fitView, keepInSight } from '../state/view.ts';
import { PointerControl } from '../tools/pointer.ts';
import { useApp, useAppParts, useAppState } from './context.ts';

/** What a screen reader says of the canvas. */
function useDescription(): string {
  const { image, cross } = useAppParts(({ image, cross }) => ({ image, cross }));
  if (!image) return 'No image is open';
  const { state, clicks } = image.facts;
  const label = state === 'good' ? 'no defect' : state === 'defect' ? 'defect' : 'not labelled yet';
  const place = cross ? `, cross at ${cross.x}, ${cross.y}` : '';
  return `${image.path}, ${label}, ${clicks.length} ${clicks.length === 1 ? 'click' : 'clicks'} in this region${place}`;
}

export function Canvas() {
  const app = useApp();
  const frame = useRef<HTMLDivElement>(null);
  const base = useRef<HTMLCanvasElement>(null);
  const overlay = useRef<HTMLCanvasElement>(null);
  const tool = useAppState((state) => state.tool);
  const id = useAppState((state) => state.image?.id);
  const description = useDescription();

  useEffect(() => {
    const [element, lower, upper] = [frame.current, base.current, overlay.current];
    if (!element || !lower || !upper) return;
    const renderer = new Renderer(lower, upper, app.store);
    const pointer = new PointerControl(element, app, () => renderer.picture.pixels());
    const resized = new ResizeObserver(() => {
      const { width, height } = element.getBoundingClientRect();
      const { screen, view, image } = app.store.getState();
      const next = { width: Math.floor(width), height: Math.floor(height) };
      if (!image || screen.width === 0) {
        app.store.setState({ screen: next });
        app.fit();
        return;
      }
      // A picture that was shown whole stays whole; of any other the middle stays where it is.
      const whole = fitView(image, screen);
      const wasWhole = whole.scale === view.scale && whole.x === view.x && whole.y === view.y;
      const moved = {
        ...view,
        x: view.x + (next.width - screen.width) / 2,
        y: view.y + (next.height - screen.height) / 2,
      };
      app.store.setState({ screen: next, view: wasWhole ? fitView(image, next) : keepInSight(moved, image, next) });
    });
    resized.observe(element);
    return () => {
      resized.disconnect();
      pointer.close();
      renderer.close();
    };
  }, [app]);

  // A new image takes the focus, so that the keyboard goes on where it was.
  useEffect(() => {
    if (id !== undefined && !document.activeElement?.matches('input, select, textarea')) frame.current?.focus();
  }, [id]);

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the canvas is the page's main control; arrow keys and Space work on it.
    <div ref={frame} className="canvas" role="application" tabIndex={0} aria-label={description} data-tool={tool}>
      <canvas ref={base} className="base" />
      <canvas ref={overlay} className="overlay" />
    </div>
  );
}
