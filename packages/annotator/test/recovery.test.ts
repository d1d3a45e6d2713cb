/** Nothing is lost: the server is killed while one works, the page is closed while the server is away. */
import { rleArea } from '@adclick/core/geometry';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium, openBrowser, openPage } from './browser.ts';
import { LabelPage } from './label-page.ts';
import { TestServer } from './server.ts';

describe.skipIf(!findChromium())('recovery', () => {
  let server: TestServer;
  let browser: Browser;

  beforeAll(async () => {
    server = await TestServer.sample('bottle-mouth', {
      ...{ normals: 2, testGoods: 2, defectsPerType: 1 },
      ...{ width: 192, height: 192 },
    });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const area = async (id: number) => (await server.detail(id)).layers.reduce((sum, { rle }) => sum + rleArea(rle), 0);

  /** Boxes of 10 x 10 pixels, side by side. */
  async function boxes(page: LabelPage, count: number, y: number): Promise<void> {
    await page.press('r');
    for (let i = 0; i < count; i++) await page.drag([15 * i + 5, y], [15 * i + 14, y + 9]);
  }

  it('goes on while the server is dead and sends everything when it is back', async () => {
    const { page: raw, context, problems } = await openPage(browser, server.address);
    const page = new LabelPage(raw);
    const id = await page.opened();
    await boxes(page, 2, 10);
    await page.saved();
    await server.kill();
    // The banner comes while a box is drawn or between two, and moves neither.
    const canvas = raw.locator('canvas.base');
    const stood = await canvas.boundingBox();
    await boxes(page, 3, 40);
    const banner = raw.getByRole('alert').filter({ hasText: 'does not answer' });
    await banner.waitFor();
    expect(await canvas.boundingBox()).toEqual(stood);
    expect(await raw.getByText('3 changes kept here').count()).toBe(1);
    await server.start();
    await page.saved();
    await banner.waitFor({ state: 'detached' });
    expect(await area(id)).toBe(500);
    // Every stroke once: undoing five times leaves nothing.
    for (let i = 0; i < 5; i++) {
      await page.press('Control+z');
      await page.saved();
    }
    expect(await area(id)).toBe(0);
    expect(problems).toEqual([]);
    await context.close();
  });

  it('keeps what was drawn when the page is closed before the server is back', async () => {
    const { page: raw, context } = await openPage(browser, server.address);
    const page = new LabelPage(raw);
    const first = await page.opened();
    await page.press('j');
    await raw.waitForFunction(
      (before) => !document.querySelector<HTMLElement>('canvas.base')?.dataset.drawn?.startsWith(`${before} `),
      first,
    );
    const { id } = await page.drawn();
    const before = await area(id);
    await server.kill();
    await boxes(page, 4, 70);
    await raw.getByText('4 changes kept here').waitFor();
    await raw.close();
    await server.start();
    const again = await context.newPage();
    await again.goto(server.address);
    await new LabelPage(again).saved();
    await expect.poll(() => area(id), { timeout: 30_000 }).toBe(before + 400);
    await context.close();
  });
});
