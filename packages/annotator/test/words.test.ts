/** What the page says is so: who is logged in, what is saved, what the server answered. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSampleProduct } from '@adclick/core/synthesis';
import type { HistoryEvent } from 'adclick/api';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium, openBrowser, openPage } from './browser.ts';
import { LabelPage } from './label-page.ts';
import { command, TestServer } from './server.ts';

const SAMPLE = { normals: 2, testGoods: 2, defectsPerType: 1, width: 192, height: 192 };

describe.skipIf(!findChromium())('words', () => {
  let server: TestServer;
  let tokens: Map<string, string>;
  let browser: Browser;

  beforeAll(async () => {
    const fill = (folder: string) => writeSampleProduct(folder, 'bottle-mouth', SAMPLE);
    ({ server, tokens } = await TestServer.withUsers(fill, ['ada', 'bob']));
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  async function logIn(raw: Page, name: string): Promise<void> {
    const dialog = raw.getByRole('dialog', { name: 'Log in' });
    await dialog.waitFor();
    await dialog.getByLabel('Token').fill(tokens.get(name) as string);
    await Promise.all([raw.waitForEvent('load'), dialog.getByRole('button', { name: 'Log in' }).click()]);
  }

  async function historyOf(id: number): Promise<HistoryEvent[]> {
    const response = await fetch(`${server.address}api/v1/images/${id}/history`, {
      headers: { authorization: `Bearer ${tokens.get('bob')}` },
    });
    return ((await response.json()) as { events: HistoryEvent[] }).events;
  }

  it('asks who is there, and does not say that the server is silent', async () => {
    const { page: raw, context } = await openPage(browser, server.address);
    await raw.getByRole('dialog', { name: 'Log in' }).waitFor();
    // The stream of events is refused too, again and again.
    await raw.waitForTimeout(2500);
    expect(await raw.getByText('does not answer').count()).toBe(0);
    expect(await raw.getByText('Not connected').count()).toBe(0);
    await context.close();
  });

  it('keeps the work of somebody who was removed for nobody but them', async () => {
    const { page: raw, context, problems } = await openPage(browser, server.address);
    await logIn(raw, 'ada');
    const page = new LabelPage(raw);
    const id = await page.opened();
    await command('serve', server.folder, '--json', '--remove-user', 'ada');
    await page.press('r');
    await page.drag([20, 20], [39, 39]);
    const dialog = raw.getByRole('dialog', { name: 'Log in' });
    await dialog.getByText('1 change of ada is kept in this browser').waitFor();
    expect(await raw.getByText('Saving…').count()).toBe(0);
    expect(await raw.getByText('Not logged in, 1 change kept here').count()).toBe(1);

    await logIn(raw, 'bob');
    await page.opened();
    await raw.getByText('This browser keeps 1 unsaved change of ada').waitFor();
    await raw.waitForTimeout(1000);
    expect(await historyOf(id)).toEqual([]);

    // The same name again, with another token.
    const { stdout } = await command('serve', server.folder, '--json', '--add-user', 'ada');
    tokens.set('ada', (JSON.parse(stdout) as { token: string }).token);
    await raw.getByRole('status').getByRole('button', { name: 'Log in as ada' }).click();
    await logIn(raw, 'ada');
    await page.saved();
    await expect.poll(async () => (await historyOf(id)).map(({ author }) => author)).toEqual(['ada']);
    expect(problems).toEqual([]);
    await context.close();
  });

  it("does not send one's work as another who has logged in beside it", async () => {
    const { page: raw, context } = await openPage(browser, server.address);
    await logIn(raw, 'ada');
    const page = new LabelPage(raw);
    await page.opened();
    await page.press('j');
    const id = await page.opened();
    const before = (await historyOf(id)).length;
    await context.request.post(`${server.address}api/v1/login`, { data: { token: tokens.get('bob') } });
    await page.press('r');
    await page.drag([60, 60], [79, 79]);
    const dialog = raw.getByRole('dialog', { name: 'Log in' });
    await dialog.getByText('logged in as bob, and the change is by ada').waitFor();
    expect((await historyOf(id)).length).toBe(before);
    await context.close();
  });

  it('says what the server said when it answers and cannot save', async () => {
    const { page: raw, context } = await openPage(browser, server.address);
    await logIn(raw, 'bob');
    const page = new LabelPage(raw);
    await page.opened();
    const full = {
      code: 'ADC_DISK',
      message: 'Writing project.db failed: no space left on the disk',
      next: 'Make room.',
    };
    await raw.route('**/actions', (route) => route.fulfill({ status: 507, json: { error: full } }));
    await page.press('r');
    await page.drag([100, 100], [109, 109]);
    const banner = raw
      .getByRole('alert')
      .filter({ hasText: 'The server cannot do this now: Writing project.db failed' });
    await banner.filter({ hasText: '1 change is kept in this browser' }).waitFor();
    expect(await raw.getByText('does not answer').count()).toBe(0);
    await raw.unroute('**/actions');
    await page.saved();
    await banner.waitFor({ state: 'detached' });
    await context.close();
  });

  it('shows what was refused inside the dialog that asked for it, and a name that was not taken is not shown', async () => {
    const { page: raw, context } = await openPage(browser, server.address);
    await logIn(raw, 'bob');
    await new LabelPage(raw).opened();
    await raw.getByRole('button', { name: 'Edit defect types' }).click();
    const dialog = raw.getByRole('dialog', { name: 'Defect types' });
    const names = dialog.getByRole('textbox', { name: /^Name of (?!the new)/ });
    const [first, second] = [await names.nth(0).inputValue(), await names.nth(1).inputValue()];
    await names.nth(0).fill(second);
    await names.nth(0).blur();
    await dialog
      .getByRole('alert')
      .filter({ hasText: `The name ${second} is taken` })
      .waitFor();
    expect(await names.nth(0).inputValue()).toBe(first);
    await context.close();
  });
});

describe.skipIf(!findChromium())('a project of good parts alone', () => {
  it('has nothing to label, which is no matter of filters', async () => {
    const server = await TestServer.make(async (folder) => {
      await writeSampleProduct(folder, 'bottle-mouth', SAMPLE);
      await rm(join(folder, 'test'), { recursive: true });
      await mkdir(join(folder, 'test'));
      await writeFile(join(folder, 'adclick.yaml'), 'categories: { part: { good: [train/good], test: [test] } }\n');
    });
    const browser = await openBrowser();
    try {
      const { page } = await openPage(browser, server.address);
      await page.getByText('The project has no images to label yet.').waitFor();
      expect(await page.getByText('fits these filters').count()).toBe(0);
    } finally {
      await browser.close();
      await server.close();
    }
  });
});
