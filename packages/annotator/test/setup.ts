/** Once a run of vitest, before any worker starts: the page has to stand before several test files open it. */
import { findChromium, NO_BROWSER } from './browser.ts';
import { buildPage } from './build-page.ts';

export async function setup(): Promise<void> {
  if (findChromium()) await buildPage();
  else process.stderr.write(`\n${NO_BROWSER}\n\n`);
}
