/** Debian's chromium, driven by playwright-core; tests skip, and say so, where there is none. */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

/** Where distributions and people put it. */
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Path of a browser, from `ADCLICK_CHROMIUM` first. */
export function findChromium(): string | undefined {
  const own = process.env.ADCLICK_CHROMIUM;
  return [...(own ? [own] : []), ...PLACES].find((path) => existsSync(path));
}

/** Why browser tests do not run, for the person who reads the log. */
export const NO_BROWSER = `No chromium at ${PLACES.join(', ')}: the browser tests are skipped. Install it (apt-get install chromium) or name one in ADCLICK_CHROMIUM.`;

const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** @param more further switches of chromium. */
export async function openBrowser(more: readonly string[] = []): Promise<Browser> {
  const executablePath = findChromium();
  if (!executablePath) throw new Error(NO_BROWSER);
  return chromium.launch({ executablePath, headless: true, args: [...QUIET, ...more] });
}

/** What went wrong inside a page while nobody looked. */
export interface Watched {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Uncaught exceptions, and what the content security policy refused. */
  readonly problems: string[];
}

interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
  readonly touch?: boolean;
}

/** A fresh profile with one page. */
export async function openPage(browser: Browser, address: string, options: PageOptions = {}): Promise<Watched> {
  const { width = 1280, height = 720, dark = false, touch = false } = options;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    hasTouch: touch,
    isMobile: touch,
  });
  // Scripts run by tsx call this helper in functions that are sent into the page, where it does not exist.
  await context.addInitScript('globalThis.__name = (named) => named');
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (/Security Policy|script-src|Refused to/i.test(message.text())) problems.push(message.text());
  });
  await page.goto(address);
  return { context, page, problems };
}
