/** `npm run docs:tour [-- --folder DIR]`: labels a sample product in a real browser and writes a picture of every step, docs/images/tour-*.png. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readMask } from '@adclick/core';
import { nextClick } from '@adclick/core/evaluation';
import { decodeRle } from '@adclick/core/geometry';
import { openBrowser, openPage } from '../packages/annotator/test/browser.ts';
import { buildPage } from '../packages/annotator/test/build-page.ts';
import { LabelPage } from '../packages/annotator/test/label-page.ts';
import { TestServer } from '../packages/annotator/test/server.ts';

const images = join(import.meta.dirname, '..', 'docs', 'images');
const SIDE = 512;
/** Milliseconds until tooltips are gone and pictures beside the canvas have come. */
const REST = 1500;
/** Steps of the training that is shown, fewer than usual: the pictures are for looking at. */
const STEPS = 200;
/** The longest that training may take on a slow machine, in milliseconds. */
const TRAINING_MS = 3_600_000;

await mkdir(images, { recursive: true });
await buildPage();
/** A project on the sample product that stands already; its labels change. */
const { folder } = parseArgs({ options: { folder: { type: 'string' } } }).values;
const server = folder
  ? await TestServer.open(folder)
  : await TestServer.sample('bottle-mouth', {
      ...{ normals: 20, testGoods: 3, defectsPerType: 2 },
      ...{ width: SIDE, height: SIDE },
    });
const browser = await openBrowser();

/** Opens the page on an image. */
async function open(path: string, options: Parameters<typeof openPage>[2] = {}): Promise<LabelPage> {
  const image = (await server.images()).find((each) => each.path.endsWith(path));
  if (!image) throw new Error(`no image ${path}`);
  const { page } = await openPage(browser, `${server.address}#image=${image.id}`, options);
  page.setDefaultTimeout(120_000);
  const label = new LabelPage(page);
  await label.opened(image.id);
  return label;
}

async function shoot({ page }: LabelPage, name: string): Promise<void> {
  await page.waitForTimeout(REST);
  await page.screenshot({ path: join(images, `tour-${name}.png`) });
  process.stdout.write(`docs/images/tour-${name}.png\n`);
}

const truthOf = (path: string) =>
  readMask(join(server.folder, 'ground_truth', path.replace('.png', '_mask.png')), { width: SIDE, height: SIDE });

/** Clicks where the mask is most wrong, as a person would. */
async function clickDefect(page: LabelPage, path: string, clicks: number): Promise<void> {
  const truth = await truthOf(path);
  const made: { x: number; y: number; positive: boolean }[] = [];
  let shown = new Float32Array(SIDE * SIDE);
  for (let n = 0; n < clicks; n++) {
    const click = nextClick(shown, truth, made, 0.49);
    if (!click) return;
    made.push(click);
    await page.click(click.x, click.y, click.positive ? 'left' : 'right');
    const { id } = await page.drawn();
    const layer = (await server.detail(id)).layers[0];
    shown = layer ? Float32Array.from(decodeRle(layer.rle)) : new Float32Array(SIDE * SIDE);
  }
}

try {
  await server.prepared();
  const page = await open('contamination/001.png');
  await page.press('2');
  await shoot(page, '1-proposal');
  await clickDefect(page, 'contamination/001.png', 2);
  await page.page.mouse.move(640, 700);
  await shoot(page, '2-clicks');
  await page.press('h', 'i');
  await shoot(page, '3-compare');
  await page.press('h', 'i', 'b');
  // To the pixel, at the lower end of the mask.
  const mask = (await truthOf('contamination/001.png')).data;
  const last = mask.lastIndexOf(1);
  const [x, y] = [last % SIDE, Math.floor(last / SIDE)];
  const place = await page.place(x, y);
  await page.page.mouse.move(place.x, place.y);
  for (let n = 0; n < 10; n++) await page.page.mouse.wheel(0, -120);
  await page.frame();
  for (let n = 0; n < 6; n++) await page.page.keyboard.press('[');
  await page.drag([x - 4, y + 3], [x, y + 4], [x + 5, y + 2]);
  await page.saved();
  await shoot(page, '4-brush');
  await page.press('Control+z', '0', 'c', '?');
  await shoot(page, '5-shortcuts');
  await page.page.keyboard.press('Escape');
  await page.press('Enter');
  await page.saved();
  await page.page.getByRole('tab', { name: 'Statistics' }).click();
  await shoot(page, '6-next');
  await page.page.context().close();

  const dark = await open('drop/001.png', { dark: true });
  await dark.press('3');
  await clickDefect(dark, 'drop/001.png', 2);
  await dark.page.mouse.move(640, 700);
  await shoot(dark, '7-dark');
  await dark.page.context().close();

  const tablet = await open('broken/001.png', { width: 1024, height: 768, touch: true });
  await clickDefect(tablet, 'broken/001.png', 1);
  await shoot(tablet, '8-tablet');
  await tablet.page.context().close();

  const mine = await open('drop/000.png');
  await mine.page.context().route('**/api/v1/events', (route) => route.abort());
  await mine.page.reload();
  const id = await mine.opened();
  const theirs = await open('drop/000.png');
  await theirs.press('3');
  await clickDefect(theirs, 'drop/000.png', 1);
  await theirs.page.context().close();
  await mine.press('3', 'b');
  await mine.drag([200, 300], [240, 310], [260, 320]);
  await mine.page.getByRole('dialog').waitFor();
  await shoot(mine, '9-merge');
  await mine.page.getByRole('button', { name: 'Keep both' }).click();
  await mine.saved();
  process.stdout.write(`image ${id} holds both masks\n`);

  // The rest is labelled by somebody else but for one image, on which what the detector has learned is looked at.
  const [unseen, ...others] = (await server.images()).filter(
    ({ path, state }) => !path.includes('/good/') && state === 'todo',
  );
  if (!unseen) throw new Error('every image has a label');
  for (const image of others) await server.label(image, { width: SIDE, height: SIDE });
  const trained = await open(unseen.path);
  await trained.trainWith({ steps: STEPS });
  await trained.press('Shift+D');
  const dialog = trained.page.getByRole('dialog', { name: 'Train a detector' });
  await dialog.getByRole('button', { name: /^Train/ }).click();
  await dialog.getByText(/loss \d.* · [3-9]\d\d of/).waitFor({ timeout: TRAINING_MS });
  await shoot(trained, '10-train');
  await dialog.getByText(/^Trained on/).waitFor({ timeout: TRAINING_MS });
  await dialog.getByRole('button', { name: 'Compare' }).click();
  await trained.page.locator('canvas[data-by="newest"]').waitFor();
  await shoot(trained, '11-detectors');
} finally {
  await browser.close();
  await server.close();
}
