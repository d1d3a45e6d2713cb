/** Detectors in the browser: trained on the labels, proposing, compared, brought back. */
import type { DetectorEntry, ImageDetection, ImageSummary, Job, Proposal } from 'adclick/api';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { findChromium, openBrowser, openPage } from './browser.ts';
import { LabelPage } from './label-page.ts';
import { TestServer } from './server.ts';

const SIZE = { width: 128, height: 128 };
/** Steps in place of the hundreds that a person waits for. */
const STEPS = 2;
/** A training of two steps still looks at every picture. */
const TRAINING_MS = 300_000;

describe.skipIf(!findChromium())('detectors', () => {
  let server: TestServer;
  let browser: Browser;

  beforeAll(async () => {
    server = await TestServer.sample('bottle-mouth', { normals: 8, testGoods: 1, defectsPerType: 2, ...SIZE });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const entry = async () => (await server.get<{ detectors: DetectorEntry[] }>('/detectors')).detectors[0];

  it('are trained in the page, propose, are compared and brought back', async () => {
    await server.prepared();
    const images = (await server.images()).filter(({ path }) => !path.includes('/good/'));
    const [first, second, third, open] = images as [ImageSummary, ImageSummary, ImageSummary, ImageSummary];
    const { page, context, problems } = await openPage(browser, `${server.address}#image=${open.id}`);
    const view = new LabelPage(page);
    await view.opened(open.id);
    await view.trainWith({ steps: STEPS, seed: 1 });

    // One label is not enough, and the page says so.
    await server.label(first, SIZE);
    await view.press('Shift+D');
    const dialog = page.getByRole('dialog', { name: 'Train a detector' });
    await dialog.getByText('1 image has a marked defect. Training takes at least 2').waitFor();
    const train = dialog.getByRole('button', { name: /^Train/ });
    expect(await train.isDisabled()).toBe(true);
    await dialog.getByRole('button', { name: 'Close' }).click();
    await server.label(second, SIZE);
    await view.press('Shift+D');
    await dialog.getByText('2 images have a marked defect. That suffices').waitFor();

    await train.click();
    const training = dialog.getByRole('region', { name: 'Training' });
    await training.getByText(/loss \d/).waitFor({ timeout: TRAINING_MS });
    await training.getByText(/\d+ of \d+/).waitFor();
    await dialog.getByText(/^Trained on 2 labels/).waitFor({ timeout: TRAINING_MS });
    await dialog
      .getByText(/AP (was|on)/)
      .first()
      .waitFor();
    const newest = (await entry()).newest;
    expect(newest).toMatchObject({ labels: 2 });

    // What the detector marks is what is proposed, and the queue says who speaks.
    await vi.waitFor(
      async () => {
        const { ready, rle } = await server.get<Proposal>(`/images/${open.id}/proposal`);
        expect(ready).toBe(true);
        const { regions } = await server.get<ImageDetection>(`/images/${open.id}/detection`);
        const marked = rle ? rle.counts.filter((_, i) => i % 2 === 1).reduce((sum, run) => sum + run, 0) : 0;
        expect(marked).toBe(regions.reduce((sum, { area }) => sum + area, 0));
      },
      { timeout: TRAINING_MS, interval: 500 },
    );
    expect((await server.get<ImageSummary>(`/images/${open.id}`)).reason).toMatch(/^the detector/);
    await dialog.getByRole('button', { name: 'Close' }).click();
    await page
      .locator('.facts')
      .getByText(/the detector/)
      .waitFor();

    // Before and after, through the images with the keyboard.
    await view.press('Shift+V');
    const compared = page.getByRole('dialog', { name: 'Compare detectors' });
    const sides = compared.locator('.compared');
    const shown = async () => {
      const paths = await compared.locator('.compare-path').innerText();
      await compared.locator('canvas[data-by="residual"]').waitFor({ timeout: TRAINING_MS });
      await compared.locator('canvas[data-by="newest"]').waitFor({ timeout: TRAINING_MS });
      return paths;
    };
    expect(await shown()).toBe(open.path);
    for (const [i, by] of (['residual', 'newest'] as const).entries()) {
      const { score, thresholds } = await server.get<ImageDetection>(`/images/${open.id}/detection?by=${by}`);
      const text = await sides.nth(i).innerText();
      expect(text).toContain(`score ${score.toFixed(3)}, threshold ${thresholds.score.toFixed(3)}`);
    }
    const before = await shown();
    await page.keyboard.press('ArrowRight');
    await vi.waitFor(async () => expect(await shown()).not.toBe(before), { timeout: TRAINING_MS });
    await page.keyboard.press('ArrowLeft');
    await vi.waitFor(async () => expect(await shown()).toBe(before), { timeout: TRAINING_MS });
    await page.keyboard.press('Escape');

    // Another training keeps the one before, which can be brought back.
    await server.label(third, SIZE);
    await view.press('Shift+D');
    await dialog.getByText('3 images have a marked defect').waitFor();
    await train.click();
    await dialog.getByText(/^Trained on 3 labels/).waitFor({ timeout: TRAINING_MS });
    expect((await entry()).previous?.stamp).toBe(newest?.stamp);
    await dialog.getByRole('button', { name: 'Bring back the one before' }).click();
    await vi.waitFor(async () => expect((await entry()).newest?.stamp).toBe(newest?.stamp), { timeout: TRAINING_MS });

    // Images without a defect are taken as good, once there are some.
    const take = dialog.getByRole('button', { name: 'Take as good' });
    await dialog.getByText('No image is marked as having no defect').waitFor();
    expect(await take.isDisabled()).toBe(true);
    await dialog.getByRole('button', { name: 'Close' }).click();
    const good = (await server.images()).find(({ path }) => path.includes('/good/')) as ImageSummary;
    await server.post(`/images/${good.id}/actions`, {
      base: good.version,
      action: { kind: 'state', state: 'good' },
    });
    await view.press('Shift+D');
    await dialog.getByText('1 image without a defect can be taken as good.').waitFor();
    await take.click();
    await dialog
      .getByText(/^1 image taken as good; thresholds: score 0\.\d+ → 0\.\d+/)
      .waitFor({ timeout: TRAINING_MS });
    await dialog.getByText('The image without a defect has been taken as good.').waitFor();
    expect(await take.isDisabled()).toBe(true);
    expect((await entry()).previous?.stamp).toBe(newest?.stamp);
    const { jobs } = await server.get<{ jobs: Job[] }>('/jobs');
    const changes = jobs.filter(({ kind }) => kind === 'train' || kind === 'adapt');
    expect(changes.map(({ kind, state }) => `${kind} ${state}`)).toEqual(['adapt done', 'train done', 'train done']);
    expect(problems).toEqual([]);
    await context.close();
  }, 400_000);
});
