/** Prompts in the browser: written, deleted, added, refused, and the same on the server. */
import type { PromptList } from 'adclick/api';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findChromium, openBrowser, openPage } from './browser.ts';
import { LabelPage } from './label-page.ts';
import { TestServer } from './server.ts';

describe.skipIf(!findChromium())('prompts', () => {
  let server: TestServer;
  let browser: Browser;

  beforeAll(async () => {
    server = await TestServer.sample('bottle-mouth', {
      ...{ normals: 2, testGoods: 1, defectsPerType: 1 },
      ...{ width: 128, height: 128 },
    });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const kept = async (type: string) => {
    const { prompts } = await server.get<PromptList>(`/prompts?type=${type}`);
    return prompts[0]?.phrases ?? [];
  };

  it('are written, reviewed and kept', async () => {
    const [type] = (await server.get<PromptList>('/prompts')).prompts.map((set) => set.type) as [string];
    const { page, context } = await openPage(browser, server.address);
    const label = new LabelPage(page);
    await label.opened();
    await label.press('Shift+P');
    const dialog = page.getByRole('dialog', { name: /^Prompts/ });
    await dialog.getByLabel('Defect type').selectOption({ index: 0 });
    await dialog.getByText('No prompts yet').waitFor();
    await dialog.getByRole('button', { name: 'Write some' }).click();
    const lines = dialog.getByRole('list').getByRole('listitem');
    await vi.waitFor(async () => expect(await lines.count()).toBe(40), { timeout: 60_000 });

    const first = (await lines.first().innerText()).trim();
    await dialog.getByRole('button', { name: `Delete ${first}`, exact: true }).click();
    await vi.waitFor(async () => expect(await lines.count()).toBe(39));
    await dialog.getByLabel('New prompt').fill('Fine mark on the rim');
    await dialog.getByRole('button', { name: 'Add' }).click();
    await vi.waitFor(async () => expect((await lines.first().innerText()).trim()).toBe('fine mark on the rim'));
    const phrases = await kept(type);
    expect(phrases).toHaveLength(40);
    expect(phrases[0]).toBe('fine mark on the rim');
    expect(phrases).not.toContain(first);

    await dialog.getByLabel('New prompt').fill('one');
    await dialog.getByRole('button', { name: 'Add' }).click();
    await dialog
      .getByRole('alert')
      .getByText(/it has 1 words/)
      .waitFor();
    expect(await kept(type)).toEqual(phrases);
    await context.close();
  });
});
