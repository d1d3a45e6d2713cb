/** The page works behind a real proxy, with HTTPS and under a path: somebody logs in and labels. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSampleProduct } from '@adclick/core/synthesis';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, HOST, NO_NGINX, PREFIX, type RunningProxy, startProxy } from '../../studio/test/nginx.ts';
import { type ServerProcess, startServer } from '../../studio/test/serving.ts';
import { findChromium, openBrowser, openPage } from './browser.ts';
import { LabelPage } from './label-page.ts';
import { command } from './server.ts';

describe.skipIf(NO_NGINX || !findChromium())('behind a proxy', () => {
  let folder = '';
  let token = '';
  let server: ServerProcess;
  let proxy: RunningProxy;
  let browser: Browser;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'adclick-proxy-'));
    const project = join(folder, 'parts');
    await writeSampleProduct(project, 'bottle-mouth', {
      ...{ normals: 3, testGoods: 1, defectsPerType: 1 },
      ...{ width: 256, height: 256 },
    });
    const added = await command('serve', project, '--json', '--add-user', 'ada');
    token = (JSON.parse(added.stdout) as { token: string }).token;
    const ports = { kept: await freePort(), stripped: await freePort() };
    server = await startServer(project, ['--public-url', `https://${HOST}:${ports.kept}${PREFIX}/`]);
    proxy = await startProxy(server.behind, ports);
    browser = await openBrowser([`--host-resolver-rules=MAP ${HOST} 127.0.0.1`, '--ignore-certificate-errors']);
  });
  afterAll(async () => {
    await browser?.close();
    await proxy?.close();
    server?.child.kill('SIGTERM');
    await server?.ended;
    await rm(folder, { recursive: true, force: true });
  });

  it('loads, asks for a token, shows pictures, labels, and hears what others do', async () => {
    const { page: raw, context, problems } = await openPage(browser, server.address);
    const failed: string[] = [];
    raw.on('response', (response) => {
      if (response.status() >= 400 && response.status() !== 401) failed.push(`${response.status()} ${response.url()}`);
    });
    const dialog = raw.getByRole('dialog', { name: 'Log in' });
    await dialog.getByLabel('Token').fill(token);
    await dialog.getByRole('button', { name: 'Log in' }).click();
    const page = new LabelPage(raw);
    const id = await page.opened();
    await page.click(128, 60);
    const session = (await context.cookies()).find(({ name }) => name === 'adclick-session');
    expect(session).toMatchObject({ path: PREFIX, secure: true, httpOnly: true, sameSite: 'Strict' });
    const headers = { cookie: `adclick-session=${session?.value}`, 'content-type': 'application/json' };
    const detail = await fetch(`${server.behind}api/v1/images/${id}`, { headers });
    expect(((await detail.json()) as { clicks: unknown[] }).clicks).toEqual([{ x: 128, y: 60, positive: true }]);
    expect(
      await raw
        .locator('.line img')
        .first()
        .evaluate((image: HTMLImageElement) => image.naturalWidth),
    ).toBeGreaterThan(0);
    const body = JSON.stringify({ name: 'spill', colour: '#123456' });
    await fetch(`${server.behind}api/v1/types`, { method: 'POST', headers, body });
    await raw.getByText('spill').first().waitFor({ state: 'attached', timeout: 10_000 });
    expect([problems, failed]).toEqual([[], []]);
    await context.close();
  });
});
