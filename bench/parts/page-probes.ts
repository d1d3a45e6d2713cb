/** Functions that run inside the page: they time by the page's own clock, so that driving the browser is not counted. */
import type { Page } from 'playwright-core';

/** What is kept in the page between its functions. */
interface Probe {
  readonly times: number[];
  /** When the pointer or a key was pressed whose result is awaited; 0 for none. */
  pressed: number;
  from: string;
  told?: (milliseconds: number) => void;
}

type Probed = Window & { probe: Probe };

/** Milliseconds from a press of the pointer or a key to the frame that shows what came of it. */
export async function installProbe(page: Page): Promise<void> {
  await page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>('canvas.base');
    if (!canvas) throw new Error('no canvas');
    const probe: Probe = { times: [], pressed: 0, from: '' };
    Object.assign(window, { probe });
    /** Image and version that the canvas shows. */
    const shown = () => (canvas.dataset.drawn ?? '').split(' ').slice(0, 2).join(' ');
    // Told in the frame that draws it, and not by looking every frame, which would take time from the model and find it a frame late.
    const drawn = () => {
      if (probe.pressed === 0 || shown() === probe.from) return;
      const { pressed } = probe;
      probe.pressed = 0;
      // The next frame begins after this one has been painted.
      requestAnimationFrame(() => {
        const milliseconds = performance.now() - pressed;
        probe.times.push(milliseconds);
        probe.told?.(milliseconds);
      });
    };
    new MutationObserver(drawn).observe(canvas, { attributes: true, attributeFilter: ['data-drawn'] });
    const press = (event: Event) => {
      probe.pressed = event.timeStamp;
      probe.from = shown();
    };
    canvas.parentElement?.addEventListener('pointerdown', press, { capture: true });
    window.addEventListener('keydown', press, { capture: true });
  });
}

/** Seconds until a time counts as missing. */
const PATIENCE = 60;

/** Waits for the next time and returns it. The page tells it: asking every frame would take time from the model. */
export function nextTime(page: Page, before: number): Promise<number> {
  return page.evaluate(
    ([count, seconds]) =>
      new Promise<number>((resolve, reject) => {
        const { probe } = window as unknown as Probed;
        const last = probe.times.at(-1);
        if (probe.times.length > count && last !== undefined) return resolve(last);
        probe.told = resolve;
        setTimeout(() => reject(new Error(`nothing was drawn within ${seconds} s`)), seconds * 1000);
      }),
    [before, PATIENCE],
  );
}

export const timesSoFar = (page: Page): Promise<number> =>
  page.evaluate(() => (window as unknown as Probed).probe.times.length);

/** Pans and zooms over the whole picture for so many frames. @returns milliseconds between frames. */
export function panAndZoom(page: Page, frames: number): Promise<number[]> {
  return page.evaluate(
    (count) =>
      new Promise<number[]>((resolve) => {
        const target = document.querySelector<HTMLElement>('.canvas');
        if (!target) throw new Error('no canvas');
        const { left, top, width, height } = target.getBoundingClientRect();
        const times: number[] = [];
        let last = 0;
        const step = (now: number) => {
          if (last > 0) times.push(now - last);
          last = now;
          const n = times.length;
          if (n >= count) return resolve(times);
          // In for a quarter, round about, out again: every level of the pyramid is drawn.
          const phase = n / count;
          const place = { clientX: left + width / 2, clientY: top + height / 2, bubbles: true, cancelable: true };
          const zooming = phase < 0.25 || phase > 0.75;
          const deltaY = zooming ? (phase < 0.5 ? -60 : 60) : 40 * Math.sin(n / 9);
          const deltaX = zooming ? 0 : 40 * Math.cos(n / 7);
          target.dispatchEvent(new WheelEvent('wheel', { ...place, deltaX, deltaY, shiftKey: !zooming }));
          requestAnimationFrame(step);
        };
        requestAnimationFrame(step);
      }),
    frames,
  );
}

/** Scrolls the list from top to bottom in so many frames. @returns milliseconds between frames. */
export function scrollList(page: Page, frames: number): Promise<number[]> {
  return page.evaluate(
    (count) =>
      new Promise<number[]>((resolve) => {
        const list = document.querySelector<HTMLElement>('.list');
        if (!list) throw new Error('no list');
        const times: number[] = [];
        let last = 0;
        const step = (now: number) => {
          if (last > 0) times.push(now - last);
          last = now;
          if (times.length >= count) return resolve(times);
          list.scrollTop = (list.scrollHeight * times.length) / count;
          requestAnimationFrame(step);
        };
        requestAnimationFrame(step);
      }),
    frames,
  );
}
