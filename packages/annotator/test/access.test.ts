/** Who works by keyboard, on a tablet, in the dark or with a screen reader can do everything too. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../src/actions/registry.ts';
import { findChromium, openBrowser, openPage } from './browser.ts';
import { LabelPage } from './label-page.ts';
import { TestServer } from './server.ts';

/** Contrast that WCAG 2 (AA) asks of text. */
const LEAST_CONTRAST = 4.5;

/** Contrast of every text that stands on the page, worst first; opaque backgrounds only. */
const contrasts = (page: Page) =>
  page.evaluate(() => {
    const channels = (colour: string) => (colour.match(/[\d.]+/g) ?? []).map(Number);
    const luminance = (colour: string) => {
      const [r, g, b] = channels(colour).map((v) =>
        v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4,
      );
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element: Element | null): string => {
      for (let at = element; at; at = at.parentElement) {
        const colour = getComputedStyle(at).backgroundColor;
        if (channels(colour)[3] !== 0) return colour;
      }
      return 'rgb(255, 255, 255)';
    };
    const found: { text: string; ratio: number }[] = [];
    for (const element of document.querySelectorAll<HTMLElement>('button, span, p, h1, h2, label, output, dt, dd')) {
      const text = [...element.childNodes]
        .filter((node) => node.nodeType === 3)
        .map((node) => node.textContent)
        .join('')
        .trim();
      const disabled = element.closest('button')?.disabled;
      if (!text || disabled || !element.offsetParent) continue;
      const [a, b] = [luminance(getComputedStyle(element).color), luminance(ground(element))];
      found.push({ text, ratio: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) });
    }
    return found.sort((x, y) => x.ratio - y.ratio);
  });

/** Controls without a name that a screen reader could say. */
const nameless = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('button, input, select, a[href], [tabindex="0"], progress')]
      .filter((element) => {
        const input = element as HTMLInputElement;
        const labelled = element.getAttribute('aria-label') || input.labels?.length || element.title;
        return !labelled && !element.textContent?.trim();
      })
      .map((element) => element.outerHTML.slice(0, 120)),
  );

/** Controls that stick out of the window or lie under something else. */
const unreachable = (page: Page) =>
  page.evaluate(() => {
    const bars = document.querySelectorAll<HTMLElement>('.toolbar button, .status button, .verdict button');
    return [...bars]
      .filter((element) => {
        if (!element.offsetParent) return false;
        const { left, top, right, bottom } = element.getBoundingClientRect();
        if (left < 0 || top < 0 || right > innerWidth || bottom > innerHeight) return true;
        const hit = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
        return !(hit && (element.contains(hit) || hit.contains(element)));
      })
      .map((element) => element.getAttribute('aria-label'));
  });

describe.skipIf(!findChromium())('access', () => {
  let server: TestServer;
  let browser: Browser;

  beforeAll(async () => {
    server = await TestServer.sample('bottle-mouth', {
      ...{ normals: 3, testGoods: 3, defectsPerType: 1 },
      ...{ width: 256, height: 256 },
    });
    browser = await openBrowser();
    await server.prepared();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it('labels by keyboard only', async () => {
    const { page: raw, context, problems } = await openPage(browser, server.address);
    const page = new LabelPage(raw);
    const first = await page.opened();
    // The cross begins in the middle; three pixels right, one up, then a positive and a negative click.
    await page.press(
      'ArrowRight',
      'Shift+ArrowRight',
      'Shift+ArrowRight',
      'Shift+ArrowRight',
      'Shift+ArrowUp',
      '2',
      ' ',
    );
    await page.saved();
    const detail = await server.detail(first);
    expect(detail.clicks).toEqual([{ x: 131, y: 127, positive: true }]);
    expect(detail.activeType).toBe(2);
    await page.press('Shift+ArrowDown', 'Shift+Space');
    await page.saved();
    expect((await server.detail(first)).clicks.at(-1)).toEqual({ x: 131, y: 128, positive: false });
    await page.press('Delete');
    await page.saved();
    expect((await server.detail(first)).clicks.length).toBe(1);
    await page.press('Enter');
    await page.saved();
    expect((await server.detail(first)).state).toBe('defect');
    await raw.waitForFunction(
      (id) => !document.querySelector<HTMLElement>('canvas.base')?.dataset.drawn?.startsWith(`${id} `),
      first,
    );
    const second = (await page.drawn()).id;
    await page.press('n');
    await page.saved();
    expect((await server.detail(second)).state).toBe('good');
    await page.press('k', 'k');
    // A mask is not thrown away without a question.
    await page.opened(first);
    await page.press('n');
    await raw.getByRole('dialog', { name: 'No defect here?' }).waitFor();
    await raw.keyboard.press('Escape');
    expect((await server.detail(first)).state).toBe('defect');
    expect(problems).toEqual([]);
    await context.close();
  });

  it('shows every command of the registry in the shortcut sheet', async () => {
    const { page: raw, context } = await openPage(browser, server.address);
    const page = new LabelPage(raw);
    await page.opened();
    await page.press('?');
    const sheet = raw.getByRole('dialog', { name: 'Keyboard shortcuts' });
    await sheet.waitFor();
    const names = await sheet.locator('dt').allTextContents();
    for (const { id, name } of COMMANDS) if (!/^type\.[2-8]$/.test(id)) expect(names).toContain(name);
    expect(await nameless(raw)).toEqual([]);
    await raw.keyboard.press('Escape');
    await sheet.waitFor({ state: 'detached' });
    await context.close();
  });

  it.each([
    ['light', { width: 1280, height: 720 }],
    ['dark', { width: 1280, height: 720, dark: true }],
    ['tablet, light', { width: 1024, height: 768, touch: true }],
    ['tablet, dark', { width: 1024, height: 768, touch: true, dark: true }],
  ] as const)('can be read and reached: %s', async (_, options) => {
    const { page: raw, context, problems } = await openPage(browser, server.address, options);
    await new LabelPage(raw).opened();
    const [worst] = await contrasts(raw);
    expect(worst.ratio, worst.text).toBeGreaterThanOrEqual(LEAST_CONTRAST);
    expect(await nameless(raw)).toEqual([]);
    expect(await unreachable(raw)).toEqual([]);
    const scroll = await raw.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.scrollHeight,
    ]);
    expect(scroll).toEqual([options.width, options.height]);
    expect(problems).toEqual([]);
    await context.close();
  });

  it('works with fingers: a tap clicks, one finger moves the picture, two zoom', async () => {
    const { page: raw, context } = await openPage(browser, server.address, { width: 1024, height: 768, touch: true });
    const page = new LabelPage(raw);
    const id = await page.opened();
    const before = (await server.detail(id)).clicks.length;
    const touch = await context.newCDPSession(raw);
    const points = (...places: { x: number; y: number }[]) => places.map(({ x, y }, i) => ({ x, y, id: i }));
    const send = (type: 'touchStart' | 'touchMove' | 'touchEnd', ...places: { x: number; y: number }[]) =>
      touch.send('Input.dispatchTouchEvent', { type, touchPoints: points(...places) });
    const place = await page.place(100, 80);
    await send('touchStart', place);
    await send('touchEnd');
    await page.saved();
    expect((await server.detail(id)).clicks.length).toBe(before + 1);
    const view = await page.view();
    await send('touchStart', { x: 400, y: 400 });
    await send('touchMove', { x: 430, y: 410 });
    await send('touchMove', { x: 460, y: 420 });
    await send('touchEnd');
    await page.frame();
    const moved = await page.view();
    expect(moved.scale).toBe(view.scale);
    expect(moved.x).toBeGreaterThan(view.x + 25);
    await send('touchStart', { x: 450, y: 400 });
    await send('touchStart', { x: 450, y: 400 }, { x: 550, y: 400 });
    await send('touchMove', { x: 400, y: 400 }, { x: 600, y: 400 });
    await send('touchEnd');
    await page.frame();
    expect((await page.view()).scale / moved.scale).toBeCloseTo(2, 1);
    expect((await server.detail(id)).clicks.length).toBe(before + 1);
    await context.close();
  });

  it('keeps the theme that was chosen', async () => {
    const { page: raw, context } = await openPage(browser, server.address, { dark: false });
    const page = new LabelPage(raw);
    await page.opened();
    const ground = () => raw.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.press('Shift+T', 'Shift+T');
    const dark = await ground();
    expect(dark).not.toBe(light);
    await raw.reload();
    await page.opened();
    expect(await ground()).toBe(dark);
    await context.close();
  });
});
