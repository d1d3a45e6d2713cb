/** From an empty project to an exported mask: clicks in the browser, Enter, `adclick export`, and every pixel compared. */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readMask } from '@adclick/core';
import { nextClick } from '@adclick/core/evaluation';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium, openBrowser, openPage } from './browser.ts';
import { LabelPage } from './label-page.ts';
import { RUNNER, TestServer } from './server.ts';

const SIZE = 256;
describe.skipIf(!findChromium())('export', () => {
  let server: TestServer;
  let browser: Browser;

  beforeAll(async () => {
    server = await TestServer.sample('bottle-mouth', {
      ...{ normals: 4, testGoods: 1, defectsPerType: 1 },
      ...{ width: SIZE, height: SIZE },
    });
    browser = await openBrowser();
    await server.prepared();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it('writes the mask that the screen showed', async () => {
    const image = (await server.images()).find(({ path }) => path.endsWith('broken/000.png'));
    if (!image) throw new Error('the sample has changed');
    const { page: raw, context } = await openPage(browser, `${server.address}#image=${image.id}`);
    const page = new LabelPage(raw);
    await page.opened(image.id);
    const size = { width: SIZE, height: SIZE };
    const truth = await readMask(join(server.folder, 'ground_truth/broken/000_mask.png'), size);
    const click = nextClick(new Float32Array(SIZE * SIZE), truth, [], 0.49);
    if (!click) throw new Error('the sample has no defect');
    await page.click(click.x, click.y);
    // A stroke besides, so that there is a mask whatever the model says.
    await page.press('r');
    await page.drag([20, 20], [39, 34]);
    await page.saved();
    const shown = await page.shownMask(SIZE, SIZE);
    expect(shown.reduce((sum, set) => sum + set, 0)).toBeGreaterThanOrEqual(20 * 15);
    await page.press('Enter');
    await page.saved();
    await context.close();
    const out = join(server.folder, '..', 'exported');
    await promisify(execFile)(process.execPath, [...RUNNER, 'export', server.folder, '--format', 'mvtec', '--to', out]);
    const masks = (await readdir(out, { recursive: true })).filter((path) => path.endsWith('000_mask.png'));
    expect(masks.length).toBe(1);
    const exported = await readMask(join(out, masks[0]), size);
    expect(exported.data).toEqual(shown);
  });
});
