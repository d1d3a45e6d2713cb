/** The labelling page as a person uses it, for browser tests: places in picture pixels, pixels as the canvas shows them. */
import type { Page } from 'playwright-core';

/** Milliseconds before a wait counts as failed; long, for slow machines. */
const PATIENCE = 100_000;

interface View {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

export class LabelPage {
  constructor(readonly page: Page) {}

  /** Until an image is on the canvas and everything is saved. @returns its id. */
  async opened(id?: number): Promise<number> {
    const wanted = id === undefined ? '[data-drawn]:not([data-drawn=""])' : `[data-drawn^="${id} "]`;
    await this.page.waitForSelector(`canvas.base${wanted}`, { timeout: PATIENCE });
    const drawn = await this.drawn();
    return drawn.id;
  }

  /** What the lower canvas shows. */
  async drawn(): Promise<{ id: number; version: number; changes: number }> {
    const text = (await this.page.getAttribute('canvas.base', 'data-drawn')) ?? '';
    const [id, version, changes] = text.split(' ').map(Number);
    return { id, version, changes };
  }

  async view(): Promise<View> {
    const text = (await this.page.getAttribute('canvas.base', 'data-view')) ?? '1 0 0';
    const [scale, x, y] = text.split(' ').map(Number);
    return { scale, x, y };
  }

  /** The place of a pixel's middle in the window. */
  async place(x: number, y: number): Promise<{ x: number; y: number }> {
    const view = await this.view();
    const box = await this.page.locator('.canvas').boundingBox();
    if (!box) throw new Error('the canvas is not on the page');
    return { x: box.x + view.x + (x + 0.5) * view.scale, y: box.y + view.y + (y + 0.5) * view.scale };
  }

  /** Until the server has everything and the canvas shows it. */
  async saved(): Promise<void> {
    await this.page.waitForSelector('[data-saving="saved"]', { timeout: PATIENCE });
    await this.frame();
  }

  /** Two frames: what was asked for has been drawn. */
  async frame(): Promise<void> {
    await this.page.evaluate(
      () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
    );
  }

  /** Trainings that are started from now on take what is given in place of the page's settings. */
  async trainWith(settings: { readonly steps: number; readonly seed?: number }): Promise<void> {
    await this.page.route('**/api/v1/detectors', async (route) => {
      const data = route.request().postDataJSON() as object | null;
      await route.continue(data ? { postData: JSON.stringify({ ...data, ...settings }) } : {});
    });
  }

  async click(x: number, y: number, button: 'left' | 'right' = 'left'): Promise<void> {
    const place = await this.place(x, y);
    await this.page.mouse.click(place.x, place.y, { button });
    await this.saved();
  }

  /** Presses at the first pixel, moves over the others, releases at the last. */
  async drag(...pixels: readonly (readonly [x: number, y: number])[]): Promise<void> {
    for (const [i, [x, y]] of pixels.entries()) {
      const place = await this.place(x, y);
      await this.page.mouse.move(place.x, place.y);
      if (i === 0) await this.page.mouse.down();
    }
    await this.page.mouse.up();
  }

  /** Presses keys one after the other, as a person at the keyboard. */
  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
    await this.frame();
  }

  /** Does what a button of the toolbar does. */
  async command(id: string): Promise<void> {
    await this.page.locator(`[data-command="${id}"]`).first().click();
    await this.frame();
  }

  /**
   * The mask as the screen shows it at 100 %: pixels of the lower canvas that look different when the mask is hidden.
   * The pointer is taken off the canvas, and the proposal is not there once an image has clicks or a mask.
   */
  async shownMask(width: number, height: number): Promise<Uint8Array> {
    await this.page.mouse.move(2, 2);
    await this.press('Shift+Z');
    const { scale, x, y } = await this.view();
    if (scale !== 1) throw new Error(`the picture is shown at ${scale}`);
    const area = [x, y, width, height] as const;
    for (let i = 0; i < 10; i++) await this.page.keyboard.press('.');
    await this.frame();
    // A picture that is still being loaded changes for reasons of its own: shown again, it must be as it was shown before.
    for (let tries = 0; tries < 20; tries++) {
      await this.remember('shown', area);
      await this.press('m');
      await this.remember('hidden', area);
      await this.press('m');
      await this.remember('again', area);
      const set = await this.differences('shown', 'hidden');
      if ((await this.differences('shown', 'again')).length === 0) return maskOf(set, width * height);
      await this.page.waitForTimeout(100);
    }
    throw new Error('the picture does not come to rest');
  }

  /** Keeps the canvas's pixels in the page: a million numbers take long to cross over. */
  private async remember(name: string, area: readonly [number, number, number, number]): Promise<void> {
    await this.page.evaluate(
      ([key, [left, top, w, h]]) => {
        const context = document.querySelector<HTMLCanvasElement>('canvas.base')?.getContext('2d');
        Object.assign(window, { [key]: context?.getImageData(left, top, w, h).data });
      },
      [name, area] as const,
    );
  }

  /** Pixels in which two remembered canvases differ. */
  private differences(a: string, b: string): Promise<number[]> {
    return this.page.evaluate(
      ([first, second]) => {
        const held = window as unknown as Record<string, Uint8ClampedArray>;
        const [left, right] = [held[first], held[second]] as [Uint8ClampedArray, Uint8ClampedArray];
        const pixels: number[] = [];
        for (let i = 0; i < left.length / 4; i++)
          if ([0, 1, 2].some((c) => left[4 * i + c] !== right[4 * i + c])) pixels.push(i);
        return pixels;
      },
      [a, b] as const,
    );
  }
}

function maskOf(pixels: readonly number[], size: number): Uint8Array {
  const mask = new Uint8Array(size);
  for (const pixel of pixels) mask[pixel] = 1;
  return mask;
}
